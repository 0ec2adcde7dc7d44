"""stdout belongs to the protocol: what agents, their tools and their children print never gets between the frames."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from agiwo_protocol.run import TERMINAL_EVENTS
from terminal_lab import PATIENCE, Home, home_at
from wire_line import HELLO, Line, Style, Way, line_to

MODULE = '''
import os, subprocess, sys
from agiwo.agent import Agent
from agiwo.testing import ScriptedModel

sys.stdout.write("the module speaks\\n")

def shout(word: str) -> str:
    """Say a word as loud as one can."""
    print("Content-Length: 3", word, flush=True)
    sys.__stdout__.write("{}\\n")
    os.write(1, b'{"jsonrpc":"2.0","id":1,"result":"forged"}\\n')
    subprocess.run(["echo", "a child speaks"], check=True)
    return word + "!" + sys.stdin.read()

turns = [{"toolCalls": [{"name": "shout", "arguments": {"word": "hey"}}]}, {"text": "It is said."}]
agent = Agent("loud", "prints all the time", ScriptedModel(turns=turns), [shout])
print("the module has spoken")
'''
CONFIG = """
[python]
path = ["."]
agents = ["loud_agents:agent"]
"""


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    with home_at(tmp_path / "home", CONFIG) as home:
        (home.path / "loud_agents.py").write_text(MODULE)
        yield home


@pytest.fixture(params=["stdio", "standalone"])
def way(request: pytest.FixtureRequest) -> Way:
    return request.param


@pytest.mark.parametrize("style", ["newline", "content-length"])
def test_what_agents_and_tools_print_never_reaches_stdout(home: Home, way: Way, style: Style) -> None:
    if way == "stdio":
        assert home.run("start").code == 0
    with line_to(home, way, style) as line:
        line.greet()
        start = {"agent": "loud", "input": "go"}
        line.tell(json.dumps({"jsonrpc": "2.0", "id": "run", "method": "run/start", "params": start}).encode())
        frames = read_to_the_end(line)
        line.end()
        rest = line.read_all()
    answers = [frame for frame in frames if "id" in frame]
    assert [(each["id"], sorted(each["result"])) for each in answers] == [
        ("run", ["deduplicated", "headSeq", "runId", "sessionId", "status"])
    ]
    events = [frame["params"] for frame in frames if frame.get("method") == "run/event"]
    assert len(events) + len(answers) == len(frames)
    output = [event["data"]["output"] for event in events if event["data"].get("output")]
    assert [each["isError"] for each in output] == [False]
    assert output[0]["content"] == "hey!"
    assert events[-1]["data"]["response"] == "It is said."
    assert rest == []


def read_to_the_end(line: Line) -> list[dict[str, Any]]:
    """Every frame up to the end of the run."""
    frames: list[dict[str, Any]] = []
    while not frames or frames[-1].get("params", {}).get("type") not in TERMINAL_EVENTS:
        frame = line.read()
        assert frame is not None
        frames.append(frame)
    return frames


def test_what_was_printed_is_on_stderr_of_a_standalone_daemon(home: Home) -> None:
    with home.process("stdio", "--standalone") as host:
        start = '{"jsonrpc":"2.0","id":1,"method":"run/start","params":{"agent":"loud","input":"go"}}\n'
        hello = HELLO.decode() + "\n"
        out, err = host.communicate((hello + start).encode(), timeout=PATIENCE)
    assert [json.loads(line)["jsonrpc"] for line in out.splitlines()]
    assert b"the module speaks\nthe module has spoken\n" in err
