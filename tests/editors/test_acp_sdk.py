"""The SDK of ACP from npm as an editor of a real daemon, which is killed in between; and ACP's own schema."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from acp_lab import Editor, User, editing
from agiwo.agent import Agent
from agiwo.testing import ScriptedModel
from daemon_lab import running
from jsonschema import Draft202012Validator
from node_tools import NodeTools, node_tools
from terminal_lab import AGIWOD, PATIENCE, Home, home_at

pytestmark = pytest.mark.editors

CONFIG = """
default_agent = "poet"

[agents.poet]
model = "scripted:poet.json"

[agents.slow]
model = "scripted:slow.json"
"""

EDIT = {"path": "poem.txt", "old": "red", "new": "blue"}
TURNS: dict[str, Any] = {
    "poet": [
        {"text": "Let me see. ", "toolCalls": [{"name": "edit_file", "arguments": EDIT}]},
        {"text": "It is mended.", "deltas": 4},
    ],
    "slow": [{"text": "slowly and for a long time", "deltas": 10, "delayMs": 500}],
}


@pytest.fixture(scope="module")
def tools() -> NodeTools:
    return node_tools("acp-1", "node@24", "@agentclientprotocol/sdk@2.4.0")


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    with home_at(tmp_path / "home", CONFIG) as home:
        for agent, turns in TURNS.items():
            (home.path / f"{agent}.json").write_text(json.dumps({"turns": turns, "repeat": True}))
        yield home


def edit(tools: NodeTools, home: Home, cwd: Path, *session: str) -> Any:
    """What the editor has seen."""
    # Node looks for packages beside the program.
    program = tools.home / "acp_edit.mjs"
    program.write_text(Path(__file__).with_name("acp_edit.mjs").read_text())
    done = subprocess.run(
        ["node", str(program), str(cwd), *session],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        env={**tools.env, **home.env, "AGIWOD_COMMAND": json.dumps([AGIWOD, "acp"]), "PATH": tools.env["PATH"]},
    )
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout)


def text(updates: list[Any], kind: str) -> str:
    return "".join(each["content"]["text"] for each in updates if each["sessionUpdate"] == kind)


def test_an_editor_has_a_whole_session_that_outlives_the_daemon(tools: NodeTools, home: Home, tmp_path: Path) -> None:
    seen = edit(tools, home, tmp_path)
    change = {"type": "diff", "path": str(tmp_path / "poem.txt"), "oldText": "red", "newText": "blue"}
    assert [each["stopReason"] for each in seen["stops"]] == ["end_turn", "cancelled"]
    assert [each["content"] for each in seen["asked"]] == [[change]]
    assert seen["files"] == [[str(tmp_path / "poem.txt"), "roses are blue\n"]]
    said = text(seen["updates"], "agent_message_chunk")
    assert said.startswith("Let me see. It is mended.s")

    home.kill()
    again = edit(tools, home, tmp_path, seen["sessionId"])["updates"]
    assert text(again, "user_message_chunk") == "mend the poemcount"
    assert text(again, "agent_message_chunk") == said
    [call] = [each for each in again if each["sessionUpdate"] == "tool_call"]
    assert (call["status"], call["kind"], call["content"]) == ("completed", "edit", [change])


@pytest.mark.anyio
async def test_all_that_an_editor_is_told_fits_the_published_schema(tools: NodeTools, tmp_path: Path) -> None:
    schema = json.loads((tools.home / "node_modules/@agentclientprotocol/sdk/schema/v1/schema.json").read_text())
    path = str(tmp_path / "poem.txt")
    plan = {"steps": [{"text": "mend it", "status": "in_progress"}]}
    turns = [
        {"reasoning": "hm", "text": "So.", "toolCalls": [{"name": "update_plan", "arguments": plan}]},
        {"toolCalls": [{"name": "edit_file", "arguments": EDIT}]},
        {"toolCalls": [{"name": "calculator", "arguments": {"expression": "6*7"}}]},
        {"text": "Done.", "usage": {"inputTokens": 5, "outputTokens": 3}},
    ]
    agent = Agent("poet", "Writes.", ScriptedModel(turns=turns, repeat=True))

    async def read(params: Any) -> Any:
        return {"content": "roses are red\n"}

    async def write(params: Any) -> Any:
        return {}

    can = {"fs": {"readTextFile": True, "writeTextFile": True}}
    async with (
        running(agent) as daemon,
        editing(daemon, capabilities=can, read=read, write=write, permission=User("allow_once")) as editor,
    ):
        answers = await conversation(editor, tmp_path)
    for definition, data in (
        *answers,
        *(("SessionNotification", each) for each in editor.updates),
        *(("RequestPermissionRequest", each) for method, each in editor.asked if "permission" in method),
        *(("WriteTextFileRequest", each) for method, each in editor.asked if "write" in method),
        *(("ReadTextFileRequest", each) for method, each in editor.asked if "read" in method),
    ):
        validator: Any = Draft202012Validator({**schema, "anyOf": [{"$ref": f"#/$defs/{definition}"}]})
        validator.validate(data)
    told = {each["update"]["sessionUpdate"] for each in editor.updates}
    assert told >= {"plan", "tool_call", "tool_call_update", "agent_thought_chunk", "session_info_update"}
    assert path in {each["path"] for method, each in editor.asked if "write" in method}


async def conversation(editor: Editor, cwd: Path) -> list[tuple[str, Any]]:
    """A session as it goes, and each answer with what it is called in the schema."""
    client = {"protocolVersion": 1, "clientCapabilities": {"fs": {"readTextFile": True, "writeTextFile": True}}}
    made = await editor.call("session/new", cwd=str(cwd), mcpServers=[])
    place: dict[str, Any] = {"sessionId": made["sessionId"], "cwd": str(cwd), "mcpServers": []}
    return [
        ("InitializeResponse", await editor.call("initialize", **client)),
        ("NewSessionResponse", made),
        ("PromptResponse", await editor.prompt(made["sessionId"], "mend the poem")),
        ("LoadSessionResponse", await editor.call("session/load", **place)),
        ("ResumeSessionResponse", await editor.call("session/resume", **place)),
        ("ListSessionsResponse", await editor.call("session/list")),
        ("CloseSessionResponse", await editor.call("session/close", sessionId=made["sessionId"])),
        ("DeleteSessionResponse", await editor.call("session/delete", sessionId=made["sessionId"])),
    ]
