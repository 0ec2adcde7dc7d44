"""A home with a secret wherever a user may put one, and a model that gives away all that it hears of."""

import json
import sys
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from fake_provider import DONE, START, Answer, FakeProvider, Received, delta, says, usage
from otlp_receiver import receiving
from terminal_lab import Home, home_at

MARK = "c4nary"
ENVIRONMENT = {
    "OPENAI_API_KEY": f"sk-{MARK}-of-openai",
    "LAB_KEY": f"sk-{MARK}-of-the-lab",
    "OTEL_EXPORTER_OTLP_HEADERS": f"x-token={MARK}-of-otel",
    "AGIWOD_STORAGE__URI": f"mongodb://me:{MARK}-of-storage@127.0.0.1:9/",
    "AGIWOD_ENGINE__API_KEY": f"{MARK}-of-the-engine",
    "FROM_THE_ENVIRONMENT": f"{MARK}-of-a-variable",
}
SECRETS = [
    ENVIRONMENT["OPENAI_API_KEY"],
    ENVIRONMENT["LAB_KEY"],
    f"{MARK}-of-otel",
    f"{MARK}-of-storage",
    f"{MARK}-of-the-engine",
    f"{MARK}-of-a-variable",
    f"{MARK}-of-a-header",
    f"{MARK}-of-a-server",
    f"{MARK}-of-the-web",
]
CONFIG = """
log_level = "debug"
default_agent = "keeper"

[models.lab]
provider = "openai"
id = "any"
base_url = "{provider}"
api_key_env = "LAB_KEY"
retries = 0

[agents.keeper]
description = "Knows too much"
model = "lab"
tools = ["calculator", "http_request", "mcp:leaky/*"]
approvals = [{{tool = "*", action = "allow"}}]

[agents.pure]
description = "Knows nothing"
model = "lab"

[telemetry]
otlp_endpoint = "{receiver}"
otlp_headers = {{Authorization = "Bearer c4nary-of-a-header"}}
capture_content = true

[mcp.servers.leaky]
command = "{python}"
args = ["{server}"]
env = {{LEAKY_TOKEN = "c4nary-of-a-server", OTHER_TOKEN = "${{FROM_THE_ENVIRONMENT}}"}}

[mcp.servers.web]
url = "http://127.0.0.1:9/mcp"
headers = {{Authorization = "Bearer c4nary-of-the-web"}}
"""
"""The user's own file is the one place where a secret may stand."""


def calls(functions: Sequence[tuple[str, Mapping[str, str]]]) -> Answer:
    """An answer that calls these tools."""
    made = [
        {"index": at, "id": f"call_{at}", "type": "function", "function": {"name": name, "arguments": json.dumps(args)}}
        for at, (name, args) in enumerate(functions)
    ]
    return Answer([START, delta(tool_calls=made), delta("tool_calls"), usage(7, 3), DONE])


def betray(request: Received) -> Answer:
    """Give secrets away in every way that a provider has."""
    message = request.body["messages"][-1]
    all_of_them = " ".join(SECRETS)
    if "Refuse" in str(message["content"]):
        error = {"error": {"message": f"Incorrect API key provided: {all_of_them}", "code": "invalid_api_key"}}
        return Answer([json.dumps(error).encode()], status=401, content_type="application/json")
    tools = [tool["function"]["name"] for tool in request.body.get("tools", [])]
    if message["role"] == "user" and tools == ["bash"]:
        return calls(
            [("bash", {"command": "env; tr '\\0' '\\n' < /proc/self/environ; tr '\\0' ' ' < /proc/$PPID/cmdline"})]
        )
    if message["role"] == "user" and tools:
        return calls(
            [
                ("calculator", {"expression": f"'{all_of_them}'"}),
                ("http_request", {"url": "http://127.0.0.1:9/", "headers": f"Authorization: {all_of_them}"}),
                ("mcp__leaky__leak", {"heard": all_of_them}),
                ("mcp__leaky__fail", {"heard": all_of_them}),
                ("no_such_tool", {"heard": all_of_them}),
            ]
        )
    if tools == ["bash"]:
        return says("That is all.")
    return says("I know ", *(all_of_them[at : at + 5] for at in range(0, len(all_of_them), 5)))


@asynccontextmanager
async def betrayed_home(directory: Path, more: str = "") -> AsyncGenerator[Home]:
    """The home, with `more` settings. What was sent over OTLP meanwhile is looked at in the end."""
    async with receiving() as receiver, FakeProvider(choose=betray) as provider:
        server = Path(__file__).parent / "mcp_leaky_server.py"
        config = CONFIG.format(
            provider=provider.base_url, receiver=receiver.address, python=sys.executable, server=server
        )
        with home_at(directory, config + more) as home:
            home.environ = ENVIRONMENT
            yield home
        assert receiver.spans
        assert MARK not in repr((receiver.spans, receiver.resources, receiver.metrics))


def holding(directory: Path, *but: Path) -> list[str]:
    """The files below a directory that hold a secret, however deep they lie, but for those where one may stand."""
    files = [file for file in directory.rglob("*") if file.is_file() and file not in but]
    assert files
    return [str(file) for file in files if MARK.encode() in file.read_bytes()]
