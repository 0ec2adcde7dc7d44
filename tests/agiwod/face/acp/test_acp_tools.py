"""What an editor does for agents: its files and terminals are their tools, and so are the servers that it names."""

import asyncio
import sys
from pathlib import Path
from typing import Any

import pytest
from acp_lab import Editor, Json, User, editing
from agiwo.agent import Agent, AgentOptions
from agiwo.testing import ScriptedModel
from agiwo.tool import Policy, Rule
from agiwo.tool.builtin import builtin_tool
from agiwo_protocol.errors import InvalidParams, RpcError
from agiwod.runtime.daemon import Daemon
from daemon_lab import PATIENCE, KeptJournal, calling, running, scripted
from server_lab import RAW

pytestmark = pytest.mark.anyio

FILES = {"fs": {"readTextFile": True, "writeTextFile": True}}
TERMINAL = {"terminal": True}


def calls(*made: tuple[str, Json], tools: list[Any] | None = None, rules: tuple[Rule, ...] = ()) -> Agent:
    """An agent that makes these calls, one after the other, and is done."""
    turns: list[Json] = [{"toolCalls": [{"name": name, "arguments": arguments}]} for name, arguments in made]
    options = AgentOptions(approval_policy=Policy(rules))
    model = ScriptedModel(turns=[*turns, {"text": "Done."}], repeat=True)
    return Agent("works", "Works.", model, tools or [], options=options)


def offered(agent: Agent) -> list[str]:
    """The tools that the agent's model was told of first."""
    assert isinstance(agent.model, ScriptedModel)
    return [each["function"]["name"] for each in agent.model.requests[0].tools or ()]


def told(agent: Agent, request: int = 1) -> str:
    """What the model was told last in that request."""
    assert isinstance(agent.model, ScriptedModel)
    return agent.model.requests[request].messages[-1]["content"]


class Buffers:
    """Files as an editor has them open, by path."""

    def __init__(self, **files: str) -> None:
        self.files: dict[str, str] = files
        self.read_params: list[Json] = []

    async def read(self, params: Json) -> Json:
        self.read_params.append(params)
        if params["path"] not in self.files:
            raise InvalidParams(f"there is no {params['path']}")
        lines = self.files[params["path"]].splitlines(keepends=True)[params.get("line", 1) - 1 :]
        return {"content": "".join(lines[: params.get("limit")])}

    async def write(self, params: Json) -> Json:
        self.files[params["path"]] = params["content"]
        return {}


class Shell:
    """A terminal that says what it is told to."""

    def __init__(self, output: str = "", code: int | None = 0, signal: str | None = None) -> None:
        self.commands: list[Json] = []
        self.released = asyncio.Event()
        self.killed = asyncio.Event()
        self.ended = asyncio.Event()
        self._output, self._exit = output, {"exitCode": code, "signal": signal}
        if code is not None or signal is not None:
            self.ended.set()

    async def create(self, params: Json) -> Json:
        self.commands.append(params)
        return {"terminalId": "t1"}

    async def wait(self, params: Json) -> Json:
        await self.ended.wait()
        return self._exit

    async def output(self, params: Json) -> Json:
        return {"output": self._output, "truncated": False}

    async def kill(self, params: Json) -> Json:
        self.killed.set()
        return {}

    async def release(self, params: Json) -> Json:
        self.released.set()
        return {}

    @property
    def serves(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in ("create", "wait", "output", "kill", "release")}


async def prompted(editor: Editor, cwd: Path) -> None:
    assert (await editor.prompt(await editor.open(cwd), "hi"))["stopReason"] == "end_turn"


async def test_an_agent_reads_what_is_not_saved(tmp_path: Path) -> None:
    path = str(tmp_path / "a.py")
    (tmp_path / "a.py").write_text("saved")
    agent, buffers = calls(("read_file", {"path": "a.py"})), Buffers(**{path: "not saved\n"})
    async with running(agent) as daemon, editing(daemon, capabilities=FILES, read=buffers.read) as editor:
        await prompted(editor, tmp_path)
        assert told(agent) == "not saved\n"
        call = editor.call_of("Read a.py")
        assert (call["kind"], call["status"], call["locations"]) == ("read", "completed", [{"path": path}])
        assert editor.asked[0][1]["path"] == path


async def test_a_long_file_is_read_in_pieces(tmp_path: Path) -> None:
    path = str(tmp_path / "a.py")
    agent = calls(
        ("read_file", {"path": "a.py", "offset": 2, "limit": 2}), ("read_file", {"path": "a.py", "offset": 9})
    )
    buffers = Buffers(**{path: "".join(f"line {number}\n" for number in range(1, 6))})
    async with running(agent) as daemon, editing(daemon, capabilities=FILES, read=buffers.read) as editor:
        await prompted(editor, tmp_path)
        assert told(agent) == "line 2\nline 3\n[the file goes on; read it with offset 4]"
        assert "there is no line 9" in told(agent, 2)
        assert editor.call_of("Read a.py")["locations"] == [{"path": path, "line": 2}]


async def test_an_edit_is_asked_about_with_its_change_and_arrives_in_the_editor(tmp_path: Path) -> None:
    path = str(tmp_path / "a.py")
    agent = calls(("edit_file", {"path": "a.py", "old": "one", "new": "two"}))
    buffers = Buffers(**{path: "zero\none\n"})
    async with (
        running(agent) as daemon,
        editing(
            daemon, capabilities=FILES, read=buffers.read, write=buffers.write, permission=User("allow_once")
        ) as editor,
    ):
        await prompted(editor, tmp_path)
        change = {"type": "diff", "path": path, "oldText": "one", "newText": "two"}
        [question] = [params for method, params in editor.asked if method == "session/request_permission"]
        assert question["toolCall"]["content"] == [change]
        call = editor.call_of("Edit a.py")
        assert (call["kind"], call["status"], call["content"]) == ("edit", "completed", [change])
        assert call["locations"] == [{"path": path, "line": 2}]
        assert buffers.files == {path: "zero\ntwo\n"}


async def test_a_file_that_is_written_is_shown_with_what_was_in_it(tmp_path: Path) -> None:
    path = str(tmp_path / "a.py")
    agent = calls(("write_file", {"path": "a.py", "content": "new"}), ("write_file", {"path": "b.py", "content": "b"}))
    buffers, journal = Buffers(**{path: "old"}), KeptJournal()
    change = {"type": "diff", "path": path, "oldText": "old", "newText": "new"}
    async with (
        running(agent, journal=journal) as daemon,
        editing(
            daemon,
            capabilities=FILES,
            read=buffers.read,
            write=buffers.write,
            permission=User("allow_session"),
        ) as editor,
    ):
        session = await editor.open(tmp_path)
        await editor.prompt(session, "hi")
        assert editor.call_of("Write a.py")["content"] == [change]
        assert editor.call_of("Write b.py")["content"][0]["oldText"] is None
        assert buffers.files == {path: "new", str(tmp_path / "b.py"): "b"}
    async with running(calls(), journal=journal) as daemon, editing(daemon) as editor:
        await editor.call("session/load", sessionId=session, cwd=str(tmp_path), mcpServers=[])
        assert editor.call_of("Write a.py")["content"] == [change]


async def test_a_file_that_the_user_does_not_let_be_written_is_not(tmp_path: Path) -> None:
    agent, buffers = calls(("write_file", {"path": "a.py", "content": "new"})), Buffers()
    async with (
        running(agent) as daemon,
        editing(daemon, capabilities=FILES, read=buffers.read, write=buffers.write, permission=User("deny")) as editor,
    ):
        await prompted(editor, tmp_path)
        assert (editor.call_of("Write a.py")["status"], buffers.files) == ("failed", {})


@pytest.mark.parametrize("path", ["/etc/passwd", "../a.py", "link/a.py"])
async def test_no_file_outside_of_the_session_s_directory_is_touched(tmp_path: Path, path: str) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "link").symlink_to(tmp_path)
    agent, buffers = calls(("read_file", {"path": path})), Buffers(**{str(tmp_path / "a.py"): "x", "/etc/passwd": "x"})
    async with running(agent) as daemon, editing(daemon, capabilities=FILES, read=buffers.read) as editor:
        await prompted(editor, tmp_path / "here")
        assert "is outside of the workspace" in told(agent)
        assert buffers.read_params == []


@pytest.mark.parametrize("path", ["secret/key", "./x/../secret/key", "ABSOLUTE"])
async def test_a_rule_of_the_agent_s_is_about_the_editor_s_files_too(tmp_path: Path, path: str) -> None:
    named = str(tmp_path / "secret" / "key")
    rule = Rule("read_file", "deny", {"path": "secret/*"}, "not yours")
    own = [builtin_tool("read_file", workspace=str(tmp_path / "elsewhere"))]
    asked = {"path": named if path == "ABSOLUTE" else path}
    agent, buffers = calls(("read_file", asked), tools=own, rules=(rule,)), Buffers(**{named: "x"})
    async with running(agent) as daemon, editing(daemon, capabilities=FILES, read=buffers.read) as editor:
        await prompted(editor, tmp_path)
        assert "is not allowed: not yours" in told(agent)
        assert buffers.read_params == []


async def test_what_a_rule_allows_is_not_asked_about(tmp_path: Path) -> None:
    rule = Rule("write_file", "allow")
    agent, buffers = calls(("write_file", {"path": "a.py", "content": "x"}), rules=(rule,)), Buffers()
    async with (
        running(agent) as daemon,
        editing(daemon, capabilities=FILES, read=buffers.read, write=buffers.write) as editor,
    ):
        await prompted(editor, tmp_path)
        assert buffers.files == {str(tmp_path / "a.py"): "x"}


async def test_a_command_runs_in_a_terminal_of_the_editor(tmp_path: Path) -> None:
    agent, shell = calls(("bash", {"command": "make"})), Shell("made\n")
    async with (
        running(agent) as daemon,
        editing(daemon, capabilities=TERMINAL, permission=User("allow_once"), **shell.serves) as editor,
    ):
        await prompted(editor, tmp_path)
        [command] = shell.commands
        assert (command["args"], command["cwd"]) == (["-c", "make"], str(tmp_path))
        assert told(agent) == "made\n"
        call = editor.call_of("`make`")
        assert (call["kind"], call["status"]) == ("execute", "completed")
        assert call["content"] == [{"type": "terminal", "terminalId": "t1"}]
        assert shell.released.is_set()


@pytest.mark.parametrize(
    ("shell", "said"),
    [(Shell("bad\n", 2), "bad\n\n[exit code 2]"), (Shell("", None, "SIGKILL"), "[killed by SIGKILL]")],
)
async def test_a_command_that_fails_is_an_error(tmp_path: Path, shell: Shell, said: str) -> None:
    agent = calls(("bash", {"command": "make"}))
    async with (
        running(agent) as daemon,
        editing(daemon, capabilities=TERMINAL, permission=User("allow_once"), **shell.serves) as editor,
    ):
        await prompted(editor, tmp_path)
        assert (told(agent), editor.call_of("`make`")["status"]) == (said, "failed")


async def test_a_command_that_takes_too_long_is_killed(tmp_path: Path) -> None:
    agent, shell = calls(("bash", {"command": "make", "timeout": 0.01})), Shell("half", None)
    async with (
        running(agent) as daemon,
        editing(daemon, capabilities=TERMINAL, permission=User("allow_once"), **shell.serves) as editor,
    ):
        await prompted(editor, tmp_path)
        assert told(agent) == "half\n[killed, because it took longer than 0.01 seconds]"
        assert shell.killed.is_set()


async def test_a_command_ends_with_the_prompt_that_is_cancelled(tmp_path: Path) -> None:
    agent, shell = calls(("bash", {"command": "make"})), Shell("half", None)
    async with (
        running(agent) as daemon,
        editing(daemon, capabilities=TERMINAL, permission=User("allow_once"), **shell.serves) as editor,
    ):
        session = await editor.open(tmp_path)
        prompt = asyncio.create_task(editor.prompt(session, "hi"))
        await editor.until(lambda: shell.commands)
        editor.cancel(session)
        assert (await prompt)["stopReason"] == "cancelled"
        async with asyncio.timeout(PATIENCE):
            await shell.released.wait()


class Absent:
    """An editor's file that is asked for and never comes."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()

    async def __call__(self, params: Json) -> Json:
        self.asked.set()
        await asyncio.Event().wait()
        return {}


async def left_alone(daemon: Daemon, cwd: Path) -> str:
    """A session whose editor went away when it was asked for a file."""
    absent = Absent()
    async with editing(daemon, capabilities=FILES, read=absent) as editor:
        session = await editor.open(cwd)
        prompt = asyncio.create_task(editor.prompt(session, "hi"))
        async with asyncio.timeout(PATIENCE):
            await absent.asked.wait()
        await editor.channel.close()
        with pytest.raises(ConnectionError):
            await prompt
    return session


async def come_back(daemon: Daemon, session: str, cwd: Path) -> None:
    buffers = Buffers(**{str(cwd / "a.py"): "here"})
    async with editing(daemon, capabilities=FILES, read=buffers.read) as editor:
        await editor.call("session/load", sessionId=session, cwd=str(cwd), mcpServers=[])
        await editor.until(lambda: editor.text() == "Done.")


async def test_a_file_is_waited_for_until_an_editor_comes_back(tmp_path: Path) -> None:
    agent = calls(("read_file", {"path": "a.py"}))
    async with running(agent) as daemon:
        await come_back(daemon, await left_alone(daemon, tmp_path), tmp_path)
        assert told(agent) == "here"


async def test_a_file_is_waited_for_over_a_restart_of_the_daemon(tmp_path: Path) -> None:
    agent, journal = calls(("read_file", {"path": "a.py"})), KeptJournal()
    async with running(calls(("read_file", {"path": "a.py"})), journal=journal) as daemon:
        session = await left_alone(daemon, tmp_path)
    async with running(agent, journal=journal) as daemon:
        await come_back(daemon, session, tmp_path)
        assert told(agent, 0) == "here"


async def test_an_agent_s_own_tools_for_files_work_in_the_session_s_directory(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("here")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    own = [builtin_tool(name, workspace=str(elsewhere)) for name in ("read_file", "list_files")]
    agent = calls(("read_file", {"path": "a.py"}), ("list_files", {}), tools=own)
    async with running(agent) as daemon, editing(daemon) as editor:
        await prompted(editor, tmp_path)
        assert told(agent) == "here"
        assert "a.py" in told(agent, 2)
        assert sorted(offered(agent)) == ["list_files", "read_file", "update_plan"]


async def test_other_clients_of_that_agent_find_it_as_it_was(tmp_path: Path) -> None:
    agent = calls(("read_file", {"path": "a.py"}))
    async with running(agent) as daemon, editing(daemon, capabilities=FILES), calling(daemon) as native:
        await native.read(await native.start("works"))
        assert offered(agent) == []


async def test_an_editor_s_abilities_are_the_agent_s_tools(tmp_path: Path) -> None:
    for can, names in (
        ({}, []),
        ({"fs": {"readTextFile": True}}, ["read_file"]),
        ({"fs": {"writeTextFile": True}}, ["write_file"]),
        (FILES, ["edit_file", "read_file", "write_file"]),
        (TERMINAL, ["bash"]),
    ):
        agent = scripted("echo")
        async with running(agent) as daemon, editing(daemon, capabilities=can) as editor:
            await prompted(editor, tmp_path)
            assert sorted(offered(agent)) == sorted([*names, *offered_anyway(agent), "update_plan"])


def offered_anyway(agent: Agent) -> list[str]:
    return [tool.name for tool in agent.tools]


async def test_a_plan_is_shown_as_one(tmp_path: Path) -> None:
    steps = [{"text": "look", "status": "completed"}, {"text": "mend", "priority": "high"}]
    agent = calls(("update_plan", {"steps": steps}))
    async with running(agent) as daemon, editing(daemon) as editor:
        session = await editor.open(tmp_path)
        await editor.prompt(session, "hi")
        entries = [
            {"content": "look", "priority": "medium", "status": "completed"},
            {"content": "mend", "priority": "high", "status": "pending"},
        ]
        assert [each["entries"] for each in editor.told("plan")] == [entries]
        assert editor.told("tool_call") == []


def raw_server(*modes: str) -> Json:
    return {"name": "raw", "command": sys.executable, "args": ["-I", "-S", str(RAW), *modes], "env": []}


async def test_the_servers_of_an_editor_are_there_for_its_session(tmp_path: Path) -> None:
    agent = calls(("mcp__raw__echo", {"text": "hi"}))
    async with running(agent) as daemon, editing(daemon) as editor:
        made = await editor.call("session/new", cwd=str(tmp_path), mcpServers=[raw_server()])
        await editor.prompt(made["sessionId"], "hi")
        assert "mcp__raw__echo" in offered(agent)
        assert editor.call_of("mcp__raw__echo")["status"] == "completed"
        assert "hi" in told(agent)


@pytest.mark.parametrize(
    "server",
    [
        {"name": "old", "type": "sse", "url": "http://127.0.0.1:1/sse", "headers": []},
        {"name": "none", "args": [], "env": []},
        {"name": "home", "command": "${HOME}/server", "args": [], "env": []},
    ],
)
async def test_a_server_that_cannot_be_used_is_refused(tmp_path: Path, server: Json) -> None:
    async with running() as daemon, editing(daemon) as editor:
        with pytest.raises(RpcError) as refused:
            await editor.call("session/new", cwd=str(tmp_path), mcpServers=[server])
        assert refused.value.data["errors"][0]["path"] == "mcpServers.0"


async def test_of_two_editors_the_one_that_asks_is_the_one_that_is_worked_in(tmp_path: Path) -> None:
    path = str(tmp_path / "a.py")
    agent, mine, theirs = calls(("read_file", {"path": "a.py"})), Buffers(**{path: "mine"}), Buffers(**{path: "theirs"})
    async with (
        running(agent) as daemon,
        editing(daemon, capabilities=FILES, read=theirs.read) as other,
        editing(daemon, capabilities=FILES, read=mine.read) as editor,
    ):
        session = await other.open(tmp_path)
        await editor.call("session/resume", sessionId=session, cwd=str(tmp_path))
        await editor.prompt(session, "hi")
        assert (told(agent), theirs.read_params) == ("mine", [])


async def test_a_command_whose_editor_goes_is_not_run_again_and_the_model_knows(tmp_path: Path) -> None:
    agent, shell = calls(("bash", {"command": "make"}), rules=(Rule("bash", "allow"),)), Shell("half", None)
    async with running(agent) as daemon:
        async with editing(daemon, capabilities=TERMINAL, **shell.serves) as editor:
            session = await editor.open(tmp_path)
            prompt = asyncio.create_task(editor.prompt(session, "hi"))
            await editor.until(lambda: shell.commands)
            await editor.channel.close()
            with pytest.raises(ConnectionError):
                await prompt
        async with asyncio.timeout(PATIENCE):
            await daemon.runs.wait((await daemon.runs.list(session=session))[0].head.run)
        assert told(agent).startswith("Outcome unknown")
        assert len(shell.commands) == 1
