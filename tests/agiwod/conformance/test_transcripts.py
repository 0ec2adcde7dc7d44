"""The transcripts of the protocol against our own daemon, in both framings, and against servers that are none."""

import json
import re
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from agiwo.journal.memory import MemoryJournal
from agiwo_protocol.catalog import CLIENT_METHODS, EVENTS, METHODS
from agiwo_protocol.preface import Preface
from agiwod.conformance.line import CommandWay, SocketWay, Style, TcpWay, Way
from agiwod.conformance.suite import Result, hold
from agiwod.conformance.transcript import BadTranscript, Transcript, bundled, read_transcript
from agiwod.definer import Definer, DefinitionFile
from agiwod.face.door import Door
from agiwod.face.lock import Lock
from agiwod.roster import build_agents
from agiwod.runtime.daemon import Daemon
from agiwod.settings import load_settings
from terminal_lab import AGIWOD, Home, home_at
from transport_lab import Place, serving_at, serving_tcp

pytestmark = pytest.mark.anyio

CONFIG = """
default_agent = "quick"
[agents.quick]
model = "scripted:quick.json"
[agents.caller]
model = "scripted:caller.json"
[agents.asker]
model = "scripted:asker.json"
tools = ["calculator"]
approvals = [{ tool = "calculator", action = "ask" }]
"""

CALL: dict[str, Any] = {"name": "calculator", "arguments": {"expression": "6*7"}}
SCRIPTS: dict[str, list[dict[str, Any]]] = {
    "quick": [{"text": "Hello, you.", "deltas": 3, "delayMs": 1}],
    "caller": [{"toolCalls": [{"name": "lookup", "arguments": {"word": "x"}}]}, {"text": "It is found."}],
    "asker": [{"toolCalls": [CALL]}, {"text": "Then not."}],
}

GIVEN = {"caller": "caller", "asker": "asker", "lines": True}
TOKEN = "a-token-of-this-test"
PATIENCE = 60.0


@asynccontextmanager
async def daemon_at(home: Path) -> AsyncGenerator[Daemon]:
    """A daemon of this process with all that transcripts need."""
    write_scripts(home)
    (home / "config.toml").write_text(CONFIG)
    settings, file = load_settings(home, environ={}), DefinitionFile(home / "agents.json")
    daemon = Daemon(MemoryJournal(), build_agents(settings, defined=file.tables))
    daemon.definitions.definer = Definer(daemon, file, lambda: settings)
    await daemon.start()
    try:
        yield daemon
    finally:
        await daemon.close()


def write_scripts(home: Path) -> None:
    for name, turns in SCRIPTS.items():
        (home / f"{name}.json").write_text(json.dumps({"turns": turns, "repeat": True}))


def way_to(place: Place) -> Way:
    if isinstance(place, Path):
        return SocketWay(str(place))
    host, _, port = place.rpartition(":")
    return TcpWay(host, int(port), Preface("rpc", {"token": TOKEN}).to_line())


async def results(
    way: Way, *transcripts: Transcript, style: Style = "newline", patience: float = PATIENCE
) -> list[Result]:
    return [each async for each in hold(way, transcripts or bundled(), [style], GIVEN, patience)]


def faults(results: list[Result]) -> list[str | None]:
    return [each.reason for each in results if each.status != "passed"]


@pytest.mark.parametrize("style", ["newline", "content-length"])
async def test_the_daemon_passes_at_its_unix_socket(style: Style, tmp_path: Path) -> None:
    async with daemon_at(tmp_path) as daemon, serving_at(tmp_path / "s", Door(daemon).converse) as place:
        held = await results(way_to(place), style=style)
        assert faults(held) == []
        assert len(held) == len([each for each in bundled() if each.framing in (None, style)])


@pytest.mark.parametrize("style", ["newline", "content-length"])
async def test_the_daemon_passes_at_its_port(style: Style, tmp_path: Path) -> None:
    async with daemon_at(tmp_path) as daemon, serving_tcp(Door(daemon, Lock(TOKEN)).converse) as place:
        assert faults(await results(way_to(place), style=style)) == []


def test_the_transcripts_know_all_of_the_protocol_but_what_a_server_of_others_is_not_to_be_told() -> None:
    said = "".join(each.path.read_text(encoding="utf-8") for each in bundled())
    named = set(re.findall(r'"method": "([^"]+)"', said)) | {"run/event"}
    # What ends a daemon or opens it to browsers is not for a server that others use, and what daemons tell each other
    # is not for clients.
    apart = {"daemon/drain", "daemon/stop", "daemon/draining", "console/open", "console/close"}
    unsaid = {*METHODS, *CLIENT_METHODS, *EVENTS} - named - apart
    assert {name for name in unsaid if not name.startswith("peer/")} == set()


async def test_what_a_server_does_not_have_is_skipped_and_said(tmp_path: Path) -> None:
    async with daemon_at(tmp_path) as daemon, serving_at(tmp_path / "s", Door(daemon).converse) as place:
        wanted = [each for each in bundled() if "caller" in each.needs]
        (result,) = [each async for each in hold(way_to(place), wanted, ["newline"], {}, PATIENCE)]
        assert (result.status, result.reason) == ("skipped", "it needs caller, lines")


ECHO = 'import sys\nfor line in sys.stdin: print(line, end="", flush=True)'
SILENT = "import sys\nfor line in sys.stdin: pass"
CHATTY = 'print("Welcome to my server!", flush=True)\ninput()'
GONE = "pass"


@pytest.mark.parametrize(
    ("server", "said"),
    [
        (ECHO, "id"),
        (SILENT, "nothing that fits came within 0.5 s"),
        (CHATTY, "what came is no message: it is not JSON: b'Welcome to my server!"),
        (GONE, "the server ended the connection"),
    ],
)
async def test_a_server_that_is_none_fails_with_the_line_and_the_reason(server: str, said: str, tmp_path: Path) -> None:
    script = tmp_path / "server.py"
    script.write_text(server)
    transcript = tmp_path / "ping.ndjson"
    transcript.write_text(
        '{"about": "It answers."}\n'
        '{"send": {"id": 1, "method": "ping"}}\n'
        '{"expect": {"id": 1, "result": {"at": "<time>"}}}\n'
    )
    way = CommandWay(f"{sys.executable} {script}")
    (result,) = await results(way, read_transcript(transcript), patience=20.0 if server != SILENT else 0.5)
    assert result.status == "failed"
    assert result.reason
    assert result.reason.startswith("ping.ndjson:3: ")
    assert said in result.reason


@pytest.mark.parametrize(
    "answer",
    [
        {"jsonrpc": "2.0", "id": 1, "result": {}},
        {"id": 1, "result": {"at": "2026-11-22T10:00:00Z"}},
        {"jsonrpc": "2.0", "id": 1, "error": {"code": -32601, "message": "no"}},
        {
            "jsonrpc": "2.0",
            "id": 1,
            "error": {"code": -32601, "message": "no", "data": {"kind": "x", "retryable": False}},
        },
        {"jsonrpc": "2.0", "id": 1, "result": {"at": "x"}, "error": None},
        {"jsonrpc": "2.0", "method": "run/event", "params": {"runId": 7}},
    ],
)
async def test_what_no_answer_may_be_fails_whatever_the_transcript_says(answer: Any, tmp_path: Path) -> None:
    script, transcript = tmp_path / "server.py", tmp_path / "ping.ndjson"
    script.write_text(f"input()\nprint({json.dumps(json.dumps(answer))}, flush=True)\ninput()")
    transcript.write_text('{"about": "x"}\n{"send": {"id": 1, "method": "ping"}}\n{"expect": {}}\n')
    assert len(faults(await results(CommandWay(f"{sys.executable} {script}"), read_transcript(transcript)))) == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", ':1: a transcript begins with {"about": "…"}'),
        ('{"send": {}}', ':1: a transcript begins with {"about": "…"}'),
        ('{"about": "x"}\n{"sned": {}}', ":2: a line does one of send,"),
        ('{"about": "x"}\n\n{"send": {}', ":3: "),
        ('{"about": "x"}\n[]', ":2: a line is an object"),
    ],
)
def test_a_file_that_is_no_transcript_is_told_by_its_line(text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "x.ndjson").write_text(text)
    with pytest.raises(BadTranscript) as told:
        read_transcript(tmp_path / "x.ndjson")
    assert said in str(told.value)


@pytest.fixture
def home(tmp_path: Path) -> Any:
    with home_at(tmp_path / "home", CONFIG) as home:
        write_scripts(home.path)
        yield home


def test_the_command_tells_how_each_transcript_went_and_exits_with_it(home: Home, tmp_path: Path) -> None:
    few = ("handshake", "run", "tools-of-clients")
    ran = home.run("conformance", "--stdio", f"{AGIWOD} stdio", "--caller", "caller", "--json", *few)
    told = json.loads(ran.out)
    assert (ran.code, told["passed"], told["failed"], told["skipped"]) == (0, 6, 0, 0), told
    assert {each["framing"] for each in told["results"]} == {"newline", "content-length"}
    wrong = tmp_path / "wrong.ndjson"
    wrong.write_text('{"about": "x"}\n{"send": {"id": 1, "method": "ping"}}\n{"expect": {"id": 2}}\n')
    ran = home.run("conformance", "--socket", str(home.paths.socket), "--framing", "newline", str(wrong), "approvals")
    assert ran.code == 1
    assert "FAILED  wrong" in ran.out
    assert "wrong.ndjson:3: id: expected 2, came 1" in ran.out
    assert "skipped 16-approvals" in ran.out
    assert ran.out.endswith("0 passed, 1 failed, 1 skipped\n")


def test_what_cannot_be_tried_is_said_in_words(home: Home) -> None:
    assert home.run("conformance").code == 2
    assert home.run("conformance", "--socket", "/nowhere", "--stdio", "true").code == 2
    assert "cannot be read" in home.run("conformance", "--socket", "/nowhere", "no-such-transcript").err
    ran = home.run("conformance", "--socket", "/nowhere", "envelope")
    assert (ran.code, "No such file" in ran.out) == (1, True)
    assert "02-envelope" in home.run("conformance", "--list").out


@pytest.mark.soak
@pytest.mark.parametrize("mode", ["stdio", "stdio --standalone"])
def test_the_daemon_passes_through_its_stdin_and_stdout(mode: str, home: Home) -> None:
    agents = ("--caller", "caller", "--asker", "asker")
    single = ("--single",) if "alone" in mode else ()
    ran = home.run("conformance", "--stdio", f"{AGIWOD} {mode}", *agents, *single)
    assert ran.code == 0, ran.out
