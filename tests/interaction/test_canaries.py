"""Secrets are put wherever a user may put one, and looked for wherever anything is written, shown, sent or told."""

import asyncio
import json
import re
import sys
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from fake_provider import DONE, START, Answer, FakeProvider, Received, delta, says, usage
from otlp_receiver import receiving
from terminal_lab import Home, Ran, home_at

pytestmark = pytest.mark.anyio

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
    if message["role"] == "user" and request.body.get("tools"):
        return calls(
            [
                ("calculator", {"expression": f"'{all_of_them}'"}),
                ("http_request", {"url": "http://127.0.0.1:9/", "headers": f"Authorization: {all_of_them}"}),
                ("mcp__leaky__leak", {"heard": all_of_them}),
                ("mcp__leaky__fail", {"heard": all_of_them}),
                ("no_such_tool", {"heard": all_of_them}),
            ]
        )
    return says("I know ", *(all_of_them[at : at + 5] for at in range(0, len(all_of_them), 5)))


@asynccontextmanager
async def betrayed_home(directory: Path) -> AsyncGenerator[Home]:
    async with receiving() as receiver, FakeProvider(choose=betray) as provider:
        server = Path(__file__).parents[1] / "mcp_leaky_server.py"
        config = CONFIG.format(
            provider=provider.base_url, receiver=receiver.address, python=sys.executable, server=server
        )
        with home_at(directory, config) as home:
            home.environ = ENVIRONMENT
            yield home
        assert receiver.spans
        assert MARK not in repr((receiver.spans, receiver.resources, receiver.metrics))


@pytest.mark.soak  # forty commands
async def test_no_secret_is_in_a_log_a_database_a_trace_an_error_or_what_any_command_says(tmp_path: Path):
    said: dict[str, Ran] = {}
    async with betrayed_home(tmp_path / "home") as home:

        async def run(*argv: str) -> Ran:
            said[" ".join(argv)] = ran = await asyncio.to_thread(home.run, *argv)
            return ran

        everything = " ".join(SECRETS)
        assert (await run("ask", "--session", "one", f"Tell me of {everything}")).code == 0
        assert (await run("ask", "--json", "Tell me more")).code == 0
        assert (await run("ask", "--agent", "pure", f"Refuse {everything}")).code == 1
        runs = json.loads((await run("runs", "list", "--json")).out)["runs"]
        for each in runs:
            await run("runs", "show", "--json", each["runId"])
            await run("traces", "show", "--json", each["runId"])
        for command in ("doctor", "status", "config show --origin", "sessions show one", "agents list", "models list"):
            await run(*command.split())
        for command in ("logs", "tools list --json", "mcp list --json", "storage stats", "storage export"):
            await run(*command.split())
        await run("stop")

    told = "".join(f"{ran.out}{ran.err}" for ran in said.values())
    named = set(re.findall(r"\[redacted:([^]]+)\]", told))
    assert named >= {"OPENAI_API_KEY", "LAB_KEY", "STORAGE_PASSWORD", "leaky.LEAKY_TOKEN", "leaky.OTHER_TOKEN"}
    assert told.count("[redacted:leaky.LEAKY_TOKEN]") > 20
    assert [command for command, ran in said.items() if MARK in ran.out + ran.err] == []
    files = [file for file in home.path.rglob("*") if file.is_file() and file != home.paths.config_file]
    assert home.paths.log_file in files
    assert home.paths.data_dir / "agiwod.db" in files
    assert [str(file) for file in files if MARK.encode() in file.read_bytes()] == []
