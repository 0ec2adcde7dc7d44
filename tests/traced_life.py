"""The life of a run that has everything a trace can show, over the death of its daemon: retry, failing tool, tool of a
foreign server, child agent, restart. For whoever receives traces."""

import json
import signal
import sys
from pathlib import Path
from typing import Any

from live_daemon import Line, LiveDaemon

SERVER = Path(__file__).with_name("mcp_raw_server.py")

CONFIG = """\
default_agent = "boss"

[serve]
drain_seconds = 0

[models.mind]
provider = "scripted"
id = "boss.json"
price = {{ input = 2.0, output = 10.0 }}

[agents.boss]
model = "mind"
tools = ["calculator", "agent:critic", "mcp:raw/echo"]

[agents.critic]
description = "Finds what is wrong."
model = "scripted:critic.json"
tools = ["calculator"]

[mcp.servers.raw]
command = {python}
args = [{server}]

[telemetry]
otlp_endpoint = {address}
otlp_protocol = "{protocol}"
capture_content = {captures}
"""

LONG = 50
"""Pieces of the last answer, each after a tenth of a second: the daemon dies while they come."""


def call(name: str, **arguments: Any) -> dict[str, Any]:
    return {"toolCalls": [{"name": name, "arguments": arguments}], "usage": {"inputTokens": 900, "outputTokens": 20}}


BOSS: list[dict[str, Any]] = [
    {"error": {"kind": "overloaded", "message": "busy", "retryAfter": 0}},
    call("calculator", expression="1/0"),
    call("mcp__raw__echo", text="hello"),
    call("critic", task="What is wrong?"),
    {"text": "x" * LONG, "deltas": LONG, "delayMs": 100},
]
CRITIC = [call("calculator", expression="6*7"), {"text": "Nothing is."}]

TREE = [
    "invoke_agent boss",
    "  chat MODEL",
    "    retry",
    "  execute_tool calculator tool_error",
    "  chat MODEL",
    "  execute_tool mcp:raw/echo",
    "  chat MODEL",
    "  execute_tool critic",
    "    invoke_agent critic",
    "      chat MODEL",
    "      execute_tool calculator",
    "      chat MODEL",
    "  invoke_agent boss",
    "    chat MODEL",
]
"""What arrives of it, with each model under one name."""


async def live(home: Path, address: str, protocol: str, *, captures: bool = False) -> str:
    """Live through it, and leave the daemon's home as it is then; returns the run."""
    daemon = LiveDaemon(home, {})
    for name, turns in (("boss", BOSS), ("critic", CRITIC)):
        (home / f"{name}.json").write_text(json.dumps({"turns": turns}))
    named = {"python": json.dumps(sys.executable), "server": json.dumps(str(SERVER)), "address": json.dumps(address)}
    (home / "config.toml").write_text(CONFIG.format(**named, protocol=protocol, captures=str(captures).lower()))
    await daemon.start()
    try:
        run = await _until_it_answers(home)
    finally:
        daemon.process.kill()
        await daemon.end()
    await daemon.start()
    try:
        line = await Line.open(home)
        ended = await line.ask("run/wait", runId=run)
        assert ended["result"]["status"] == "completed", ended
        await line.close()
    finally:
        daemon.process.send_signal(signal.SIGTERM)
        await daemon.end()
    return run


async def _until_it_answers(home: Path) -> str:
    """Start the run and follow it until its last answer comes."""
    line = await Line.open(home)
    run: str = (await line.ask("run/start", agent="boss", input="Go."))["result"]["runId"]
    while True:
        event = (await line.frame()).get("params", {})
        if event.get("type") == "item/delta" and event["data"]["text"].startswith("x"):
            break
    await line.close()
    return run
