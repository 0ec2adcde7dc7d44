"""Params that no editor and no MCP client should send, at the two faces that are not the native one."""

import socket
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from random import Random
from typing import Any, Final, cast

import pytest
from figures import Figures
from fuzz_frames import PATHS, odd, spoiled, text_of
from fuzz_line import FuzzedLine
from fuzz_stage import LATE, Stage, fuzzed

pytestmark = pytest.mark.chaos

Params = Mapping[str, Any]

BATCH = 20
BATCHES = 30
TEXT: Final = [{"type": "text", "text": "hi"}]
SERVER: Final[Params] = {"name": "x", "command": "/no/such", "args": [], "env": []}

ACP: Final[list[tuple[str, Params]]] = [
    ("initialize", {"protocolVersion": 1, "clientCapabilities": {"fs": {"readTextFile": True}}}),
    ("authenticate", {"methodId": "x"}),
    *(("session/new", {"cwd": cwd, "mcpServers": [SERVER]}) for cwd in PATHS),
    ("session/new", {"cwd": "/", "mcpServers": []}),
    ("session/load", {"cwd": "/", "mcpServers": [], "sessionId": "x"}),
    ("session/resume", {"cwd": "/", "mcpServers": [], "sessionId": "x"}),
    ("session/fork", {"cwd": "/", "mcpServers": [], "sessionId": "x"}),
    ("session/list", {"cwd": "/", "cursor": "x"}),
    ("session/prompt", {"sessionId": "x", "prompt": TEXT}),
    ("session/close", {"sessionId": "x"}),
    ("session/delete", {"sessionId": "x"}),
    ("session/set_mode", {"sessionId": "x", "modeId": "quick"}),
    ("session/set_config_option", {"sessionId": "x", "configId": "model", "value": "x"}),
    ("_agiwod/run/steer", {"sessionId": "x", "prompt": TEXT}),
    ("no/such", {}),
]
MCP: Final[list[tuple[str, Params]]] = [
    ("ping", {}),
    ("tools/list", {"cursor": "x"}),
    (
        "tools/call",
        {"name": "quick", "arguments": {"input": "hi", "sessionId": "s", "outputSchema": {"type": "object"}}},
    ),
    ("tools/call", {"name": "scheduler_list", "arguments": {"limit": 1}}),
    ("tools/call", {"name": "scheduler_wait", "arguments": {"state_id": "x", "timeout": 1}}),
    ("resources/list", {}),
    ("resources/read", {"uri": "agiwo://run/x"}),
    ("resources/read", {"uri": "skill://review-diff"}),
    ("resources/templates/list", {}),
    ("resources/subscribe", {"uri": "agiwo://run/x"}),
    ("prompts/list", {}),
    ("prompts/get", {"name": "review-diff", "arguments": {"a": "b"}}),
    (
        "completion/complete",
        {"ref": {"type": "ref/resource", "uri": "agiwo://run/{id}"}, "argument": {"name": "id", "value": "r"}},
    ),
    ("logging/setLevel", {"level": "info"}),
    ("no/such", {}),
]
GREETINGS: Final[Mapping[str, Params]] = {
    "acp": {"protocolVersion": 1, "clientCapabilities": {}},
    "mcp": {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "fuzz", "version": "1"}},
}


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with fuzzed(tmp_path_factory.mktemp("faces") / "home") as stage:
        yield stage


@contextmanager
def line_to(stage: Stage, face: str) -> Generator[FuzzedLine]:
    """A line to a face, on which hands were shaken."""
    with socket.socket(socket.AF_UNIX) as far:
        far.connect(str(stage.home.paths.socket))
        far.sendall(f"AGIWOD/1 face={face}\n".encode())
        line = FuzzedLine(far.fileno(), far.fileno(), is_typed=False)
        line.converse([request("hello", "initialize", GREETINGS[face])])
        yield line


def request(id: Any, method: str, params: Any) -> bytes:
    return text_of({"jsonrpc": "2.0", "id": id, "method": method, "params": params})


def wrong(random: Random, params: Any) -> Params:
    """The params with something about them otherwise."""
    for _ in range(random.choice((0, 1, 1, 2))):
        params = spoiled(random, params) if params else {"x": odd(random)}
    return cast("Params", params) if isinstance(params, dict) else {"x": params}


@pytest.mark.parametrize(("face", "requests"), [("acp", ACP), ("mcp", MCP)])
def test_each_request_is_answered_once_whatever_its_params_are(
    stage: Stage, face: str, requests: list[tuple[str, Params]], figures: Figures
) -> None:
    answered = 0
    for batch in range(BATCHES):
        random = Random(f"{face} {batch}")
        with line_to(stage, face) as line:
            said = [random.choice(requests) for _ in range(BATCH)]
            bodies = [request(number, method, wrong(random, params)) for number, (method, params) in enumerate(said)]
            answered += len(line.converse([each for each in bodies if is_json(each)]))
    figures(f"answers of the {face} face", answered, at_least=BATCHES * BATCH / 2)
    figures("faults in the daemon's log", len(stage.faults()), at_most=0)
    figures("a ping after them", stage.ping_seconds(), "s", at_most=LATE)


def is_json(body: bytes) -> bool:
    """Whether it has no number and no half of a character that JSON has not: those have their own tests."""
    return not any(each in body for each in (b"NaN", b"Infinity", b"\\ud8", b"\\udf", b"0" * 300))
