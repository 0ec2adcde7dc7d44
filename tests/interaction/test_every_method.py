"""Every method of the catalog, called through the socket of a real daemon with good and with bad params.

A new method needs its line in `CALLS`. Answers are held against the published schema, as are all notifications.
"""

import json
import sys
from collections.abc import Generator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest
from agiwo_protocol.catalog import METHODS
from agiwod.cli.ending import Ending
from agiwod.conformance.matching import fill
from agiwod.conformance.shapes import fault_of_message
from terminal_lab import PATIENCE, Home, home_at
from wire_line import Line, line_to

Params = Any

CONFIG: Final = f"""
default_agent = "quick"

[agents.quick]
model = "scripted:quick.json"

[agents.idle]
model = "scripted:idle.json"

[agents.asker]
model = "scripted:asker.json"
tools = ["calculator"]
approvals = [{{ tool = "calculator", action = "ask" }}]

[mcp.servers.small]
command = "{sys.executable}"
args = ["{Path(__file__).parents[1] / "mcp_raw_server.py"}"]
"""

SCRIPTS: Final[dict[str, list[dict[str, Any]]]] = {
    "quick": [{"text": "Paris is the capital."}],
    "idle": [{"text": "at last", "delayMs": 600_000}],
    "asker": [
        {"toolCalls": [{"name": "calculator", "arguments": {"expression": "6*7"}}]},
        {"text": "It is 42."},
    ],
}

START: Final = {"agent": "quick", "input": "hi", "attach": False}
MINE: Final = {"sessionId": "mine"}
RUN: Final = {"runId": "<=run>"}
STATE: Final = {"stateId": "<=state>"}
HELLO: Final = {"protocolVersion": 1, "clientInfo": {"name": "t"}}


@dataclass(frozen=True)
class Call:
    """Good params; bad ones, with the place that is wrong; and what is to be called before, for what it gives."""

    good: Params
    bad: Params
    place: str
    before: tuple[tuple[str, Params, str, str], ...] = field(default=())
    """Each: a method, its params, the member of its answer that is kept, and under which name."""


def listing(**more: Any) -> Call:
    return Call({"limit": 1, **more}, {"limit": 0}, "limit")


def nothing() -> Call:
    return Call({}, [1], "")


A_RUN: Final = (("run/start", START, "runId", "run"),)
AN_ENDED_RUN: Final = (*A_RUN, ("run/wait", RUN, "response", "said"))
AN_IDLE_RUN: Final = (("run/start", {**START, "agent": "idle"}, "runId", "run"),)
A_TASK: Final = {"agent": "quick", "input": "hi", "persistent": True, "stateId": "<fresh s>"}
A_STATE: Final = (("scheduler/submit", A_TASK, "stateId", "state"),)
A_SESSION: Final = (
    ("session/create", {"agent": "quick", "sessionId": "<fresh session>"}, "sessionId", "session"),
    ("run/start", {**START, "sessionId": "<=session>"}, "runId", "run"),
    ("run/wait", RUN, "response", "said"),
)
A_CRON: Final = (
    (
        "scheduler/addCron",
        {"agent": "quick", "input": "hi", "cron": "0 0 1 1 *", "cronId": "<fresh c>"},
        "cronId",
        "cron",
    ),
)
AN_AGENT: Final = (("agent/define", {"agentId": "<fresh a>", "model": "scripted:quick.json"}, "agentId", "agent"),)
A_QUESTION: Final = (
    ("event/subscribe", {"topics": ["approval"]}, "headSeq", "head"),
    ("run/start", {**START, "agent": "asker"}, "runId", "run"),
    ("run/wait", {**RUN, "timeoutMs": 1}, "", ""),
)

CALLS: Final[dict[str, Call]] = {
    "initialize": Call(HELLO, {"protocolVersion": "1", "clientInfo": {"name": "t"}}, "protocolVersion"),
    "ping": nothing(),
    "shutdown": nothing(),
    "daemon/status": nothing(),
    "daemon/activity": Call({"limit": 5}, {"limit": 0}, "limit"),
    "config/list": nothing(),
    "storage/get": nothing(),
    "storage/prune": Call({"keepDays": 1000, "dryRun": True}, {"keepRuns": -1}, "keepRuns"),
    "console/open": nothing(),
    "console/close": nothing(),
    "rpc/discover": nothing(),
    "event/subscribe": Call({"topics": ["run", "agent"]}, {"topics": ["weather"]}, "topics.0"),
    "event/unsubscribe": nothing(),
    "client/list": listing(),
    "agent/list": listing(),
    "agent/get": Call({"agentId": "quick"}, {"agentId": 1}, "agentId"),
    "agent/define": Call({"agentId": "mine", "tools": ["calculator"]}, {"agentId": "mine", "maxSteps": 0}, "maxSteps"),
    "project/list": listing(),
    "agent/remove": Call({"agentId": "<=agent>"}, {}, "agentId", AN_AGENT),
    "model/list": listing(),
    "tool/list": listing(),
    "tool/call": Call(
        {"name": "calculator", "arguments": {"expression": "6*7"}},
        {"name": "calculator", "arguments": [1]},
        "arguments",
    ),
    "mcp/list": listing(),
    "mcp/restart": Call({"name": "small"}, {"name": None}, "name"),
    "skill/list": listing(),
    "skill/get": Call({"name": "review-diff"}, {}, "name"),
    "skill/reload": nothing(),
    "skill/validate": Call({"path": str(Path(__file__).parents[2] / "skills")}, {"path": "skills"}, "path"),
    "session/create": Call({"agent": "quick"}, {"agent": "quick", "sessionId": 7}, "sessionId"),
    "session/fork": Call({"sessionId": "<=session>", "at": "<=run>"}, {"sessionId": "x"}, "at", A_SESSION),
    "session/rewind": Call(
        {"sessionId": "<=session>", "at": "<=run>", "seq": 0}, {**MINE, "at": "x", "seq": -1}, "seq", A_SESSION
    ),
    "session/list": listing(agentId="quick"),
    "session/get": Call({"sessionId": "<=session>"}, {}, "sessionId", A_SESSION),
    "session/history": Call({"sessionId": "<=session>"}, {**MINE, "limit": 1.5}, "limit", A_SESSION),
    "session/delete": Call({"sessionId": "<=session>"}, {"session_id": "x"}, "sessionId", A_SESSION),
    "run/start": Call(START, {"agent": "quick", "input": [{"type": "video"}]}, "input.0.type"),
    "run/wait": Call({**RUN, "progressToken": "t"}, {"runId": "x", "timeoutMs": 0}, "timeoutMs", A_RUN),
    "run/steer": Call({**RUN, "input": "hurry"}, {"runId": "x"}, "input", AN_IDLE_RUN),
    "run/cancel": Call({**RUN, "reason": "enough"}, {"runId": "x", "scope": "all"}, "scope", AN_IDLE_RUN),
    "run/attach": Call({**RUN, "after": 1}, {"runId": "x", "after": -1}, "after", AN_ENDED_RUN),
    "run/detach": Call(RUN, {"runId": []}, "runId", AN_IDLE_RUN),
    "run/replay": Call({**RUN, "attach": False}, {"runId": "x", "fromSeq": 0}, "fromSeq", AN_ENDED_RUN),
    "run/get": Call(RUN, {"runId": 7}, "runId", AN_ENDED_RUN),
    "run/list": listing(statuses=["completed"]),
    "run/find": Call({"id": "<=run>"}, {"id": ""}, "id", A_RUN),
    "run/events": Call({**RUN, "after": 1, "limit": 2}, {"runId": "x", "limit": 1001}, "limit", AN_ENDED_RUN),
    "run/resume": Call(RUN, {}, "runId", AN_IDLE_RUN),
    "scheduler/submit": Call({"agent": "quick", "input": "hi"}, {"agent": "quick"}, "input"),
    "scheduler/submitTask": Call({**STATE, "input": "again"}, {"input": "again"}, "stateId", A_STATE),
    "scheduler/wait": Call(STATE, {"stateId": "x", "timeoutMs": -1}, "timeoutMs", A_STATE),
    "scheduler/cancel": Call(STATE, {"stateId": False}, "stateId", A_STATE),
    "scheduler/shutdown": Call(STATE, {}, "stateId", A_STATE),
    "scheduler/get": Call(STATE, {}, "stateId", A_STATE),
    "scheduler/list": listing(roots=True),
    "scheduler/tree": Call(STATE, {"limit": 0}, "limit", A_STATE),
    "scheduler/addCron": Call(
        {"agent": "quick", "input": "hi", "cron": "0 0 1 1 *"},
        {"agent": "quick", "input": "hi", "cron": "at noon"},
        "cron",
    ),
    "scheduler/listCrons": listing(),
    "scheduler/removeCron": Call({"cronId": "<=cron>"}, {}, "cronId", A_CRON),
    "approval/list": Call({}, {"runId": 1}, "runId"),
    "approval/respond": Call(
        {"approvalId": "<=approval>", "optionId": "deny"},
        {"approvalId": "x", "optionId": "yes"},
        "optionId",
        A_QUESTION,
    ),
    "trace/list": listing(),
    "trace/get": Call(RUN, {"runId": "x", "limit": 0}, "limit", AN_ENDED_RUN),
    "blob/get": Call({"blob": "<=blob>", "limit": 10}, {"blob": "x", "offset": -1}, "offset"),
    "peer/follow": Call({"runIds": []}, {"runIds": "x"}, "runIds"),
    "peer/unfollow": Call({"runIds": []}, {}, "runIds"),
    # The last ones: the daemon takes no new runs then, and ends.
    "daemon/drain": Call({"seconds": 60}, {"seconds": -1}, "seconds"),
    "daemon/stop": Call({"seconds": 0}, {"seconds": "soon"}, "seconds"),
}


class Conversation:
    """A client that holds all that it hears against the published schema."""

    def __init__(self, line: Line) -> None:
        self._line, self._ids = line, 0
        self.names: dict[str, Any] = {}
        self.heard: list[Any] = []

    def ask(self, method: str, params: Params) -> Any:
        """The answer of a request."""
        self._ids += 1
        message = {"jsonrpc": "2.0", "id": self._ids, "method": method, "params": fill(params, self.names)}
        self._line.tell(json.dumps(message).encode())
        while (answer := self._hear()).get("id") != self._ids:
            self.heard.append(answer)
        assert fault_of_message(answer, method) is None, answer
        return answer

    def _hear(self) -> Any:
        message = self._line.read()
        assert message is not None
        if "method" in message:
            assert fault_of_message(message, None) is None, message
        return message

    def await_event(self, type: str) -> Any:
        """The data of the next event of the daemon of this type."""
        while True:
            found = [each["params"] for each in self.heard if each.get("params", {}).get("type") == type]
            if found:
                return found[0]["data"]
            self.heard.append(self._hear())

    def prepare(self, method: str, call: Call) -> None:
        """Have what the call is about."""
        for each, params, member, name in call.before:
            answer = self.ask(each, params)
            if name:
                self.names[name] = answer["result"][member]
        if method == "approval/respond":
            self.names["approval"] = self.await_event("approval/requested")["approvalId"]
        elif method == "blob/get":
            self.names["blob"] = self._long_text()

    def _long_text(self) -> str:
        """The name of a blob: what a user said at great length."""
        run = self.ask("run/start", {**START, "input": "x" * 2**21})["result"]["runId"]
        self.ask("run/wait", {"runId": run})
        events = self.ask("run/events", {"runId": run})["result"]["events"]
        said = next(each["data"]["content"] for each in events if each["type"] == "item/completed")
        return said[0]["text"]["blob"]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Generator[Home]:
    with home_at(tmp_path_factory.mktemp("home"), CONFIG) as home:
        for name, turns in SCRIPTS.items():
            (home.path / f"{name}.json").write_text(json.dumps({"turns": turns, "repeat": True}))
        assert home.run("start").code == 0
        pid = home.pid()
        assert pid
        with Ending(pid) as ending:
            yield home
            home.run("stop")  # for a part of the tests: the last one of them all has ended it
            assert ending.wait(PATIENCE)


def test_every_method_has_its_call() -> None:
    missing, gone = METHODS.keys() - CALLS.keys(), CALLS.keys() - METHODS.keys()
    assert not missing, f"each of these needs its line in CALLS: {', '.join(sorted(missing))}"
    assert not gone


@pytest.mark.parametrize("method", CALLS)
def test_a_method_answers_good_params_and_refuses_bad_ones(method: str, home: Home) -> None:
    call = CALLS[method]
    with line_to(home, "socket") as line:
        client = Conversation(line)
        if method != "initialize":
            line.greet()
        refused = client.ask(method, call.bad)
        assert (refused["error"]["code"], refused["error"]["data"]["kind"]) == (-32602, "invalid_params")
        assert call.place in [each["path"] for each in refused["error"]["data"]["errors"]]
        client.prepare(method, call)
        answered = client.ask(method, call.good)
        assert "result" in answered, answered


def test_the_count_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        print(f"\n{len(CALLS)} of {len(METHODS)} methods were called through a socket, with good and with bad params")
    assert len(CALLS) == len(METHODS)
