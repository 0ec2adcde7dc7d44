from collections.abc import Mapping, Sequence

import pytest
from agiwo.agent import Agent, AgentOptions
from agiwo.errors import ConfigError, NotFound
from agiwo.mcp import McpServer, McpServers, ServerUnavailable
from agiwo.schema.approval import Answer, Approval
from agiwo.schema.tool import ExecutionContext, ToolCall
from agiwo.testing import ScriptedModel
from agiwo.tool import Policy, Rule
from agiwo.tool.executor import ToolExecutor
from server_lab import raw_server

pytestmark = pytest.mark.anyio


def calling(*calls: tuple[str, Mapping[str, object]]) -> ScriptedModel:
    turns = [{"toolCalls": [{"name": name, "arguments": arguments}]} for name, arguments in calls]
    return ScriptedModel(turns=[*turns, {"text": "done"}])


async def test_an_agent_calls_the_tools_of_a_server():
    async with McpServers(raw_server("sums")) as servers:
        model = calling(("mcp__sums__echo", {"text": "hi"}))
        agent = Agent("adder", "", model, tools=[servers.tools()])
        output = await agent.run("go")
        await agent.close()

    assert output.response == "done"
    assert model.requests[1].messages[-1]["content"] == "hi"


async def test_two_servers_may_have_the_same_tool():
    async with McpServers(raw_server("one", tools=("echo",)), raw_server("two", tools=("echo",))) as servers:
        executor = ToolExecutor([], toolsets=[servers.tools()])

        assert list(executor.definitions) == ["mcp__one__echo", "mcp__two__echo"]
        result = await executor.execute(ToolCall("1", "mcp__two__echo", {"text": "x"}), ExecutionContext("s", "r"))
        assert (result.content, result.is_success) == ("x", True)


async def test_a_tool_whose_name_is_no_identifier_can_be_called():
    async with McpServers(raw_server(tools=("add.up",))) as servers:
        executor = ToolExecutor([], toolsets=[servers.tools("mcp:raw/*")])
        (name,) = executor.definitions
        result = await executor.execute(ToolCall("1", name, {"a": 40, "b": 2}), ExecutionContext("s", "r"))

    assert result.content == "42"


async def test_tools_have_the_effect_that_their_server_tells():
    async with McpServers(raw_server(tools=("echo", "add.up", "destroy"))) as servers:
        tools = {tool.offered.name: tool for tool in servers.matching(["*"])}

    assert {name: tool.effect for name, tool in tools.items()} == {
        "echo": "read",
        "add.up": "idempotent",
        "destroy": "once",
    }
    assert [name for name, tool in tools.items() if tool.may_need_approval] == ["destroy"]


@pytest.mark.parametrize(
    ("patterns", "names"),
    [
        (["mcp:one/*"], ["mcp:one/echo", "mcp:one/die"]),
        (["mcp:*/echo"], ["mcp:one/echo", "mcp:two/echo"]),
        (["mcp:two/e*", "mcp:one/die"], ["mcp:one/die", "mcp:two/echo"]),
        ([], ["mcp:one/echo", "mcp:one/die", "mcp:two/echo", "mcp:two/die"]),
        (["mcp:none/*"], []),
    ],
)
async def test_patterns_choose_among_the_tools_of_all_servers(patterns: Sequence[str], names: Sequence[str]):
    servers = [raw_server(name, tools=("echo", "die")) for name in ("one", "two")]
    async with McpServers(*servers) as running:
        assert [tool.offered.full_name for tool in running.matching(patterns or ["*"])] == names
        assert len(running.tools(*patterns).tools()) == len(names)


async def test_what_a_tool_gives_besides_text_is_named_to_the_model_and_kept_for_others():
    async with McpServers(raw_server()) as servers:
        executor = ToolExecutor([], toolsets=[servers.tools()])
        result = await executor.execute(ToolCall("1", "mcp__raw__all", {}), ExecutionContext("s", "r"))

    assert result.content.splitlines() == [
        "a text",
        "[image: image/png, 5 bytes]",
        "[resource file:///a]",
        "of a file",
        "[resource file:///b: a/b, 5 bytes]",
        "[resource c: file:///c]",
    ]
    assert result.output["structuredContent"] == {"answer": 42}
    assert len(result.output["content"]) == 5


async def test_a_server_that_fails_is_an_error_that_the_model_reads():
    async with McpServers(raw_server()) as servers:
        agent = Agent("a", "", calling(("mcp__raw__die", {})), tools=[servers.tools()])
        output = await agent.run("go")
        assert isinstance(agent.model, ScriptedModel)
        said = agent.model.requests[1].messages[-1]["content"]
        await agent.close()

    assert output.response == "done"
    assert "the MCP server 'raw' was asked, and what it did is not known" in said


async def test_a_rule_may_call_a_tool_by_the_name_that_people_write():
    rules = Policy((Rule("mcp:raw/e*", "deny", reason="not here"),))
    async with McpServers(raw_server()) as servers:
        agent = Agent(
            "a",
            "",
            calling(("mcp__raw__echo", {"text": "x"})),
            tools=[servers.tools()],
            options=AgentOptions(approval_policy=rules),
        )
        await agent.run("go")
        assert isinstance(agent.model, ScriptedModel)
        said = agent.model.requests[1].messages[-1]["content"]
        await agent.close()

    assert said == "Error: this call of mcp__raw__echo is not allowed: not here"


async def test_a_call_of_a_server_that_never_came_to_run_says_why():
    servers = McpServers(raw_server("raw", "crash"), raw_server("other", "crash"))
    servers.start()
    await servers.settled(lambda name: True)
    executor = ToolExecutor([], toolsets=[servers.tools("mcp:raw/*")])
    result = await executor.execute(ToolCall("1", "mcp__raw__echo", {}), ExecutionContext("s", "r"))
    await servers.close()

    told = "the MCP server 'raw' does not run: it ended with code 1: I cannot begin"
    assert result.content == f"Error: there is no tool 'mcp__raw__echo'; {told}"


async def test_a_script_is_told_at_once_that_a_server_cannot_be_used():
    with pytest.raises(ServerUnavailable, match="the MCP server 'raw' cannot be used: it ended with code 1: I cannot"):
        async with McpServers(raw_server("raw", "crash")):
            pass


async def test_servers_that_stay_the_same_go_on_when_others_are_taken_in():
    one, two = raw_server("one"), raw_server("two")
    async with McpServers(one) as servers:
        before = servers.states()[0]
        servers.adopt([one, two])
        await servers.settled(lambda name: True)
        assert [state.server.name for state in servers.states()] == ["one", "two"]
        assert servers.states()[0] is before

        servers.adopt([two])
        assert [state.server.name for state in servers.states()] == ["two"]


async def test_a_server_can_be_started_again_by_name():
    async with McpServers(raw_server()) as servers:
        first = servers.states()[0].pid
        state = await servers.restart("raw")

        assert state.status == "ready"
        assert state.pid != first
        with pytest.raises(NotFound, match="there are raw"):
            await servers.restart("row")


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({}, "needs either a command or a url"),
        ({"command": "a", "url": "http://b"}, "needs either a command or a url"),
        ({"command": "a", "timeout": 0}, "must be above 0"),
    ],
)
def test_a_server_that_cannot_be_is_refused(options: dict[str, object], error: str):
    with pytest.raises(ConfigError, match=error):
        McpServer("x", **options)  # pyright: ignore[reportArgumentType] - that is what is tried


async def test_a_tool_that_was_allowed_for_the_session_asks_again_once_it_says_something_else_of_itself():
    asked: list[Approval] = []

    async def answer(approval: Approval) -> Answer:
        asked.append(approval)
        return Answer("allow_session") if len(asked) == 1 else Answer("deny", "it has changed")

    echo = ("mcp__raw__echo", {"text": "x"})
    model = calling(echo, echo, ("mcp__raw__change", {}), echo)
    rules = AgentOptions(approval_policy=Policy((Rule("mcp:raw/echo", "ask"),)))
    async with McpServers(raw_server()) as servers:
        agent = Agent("a", "", model, tools=[servers.tools()], options=rules, on_approval=answer)
        before = servers.states()[0].tools[0]
        await agent.run("go")
        await agent.close()

    said = [message["content"] for message in model.requests[-1].messages if message["role"] == "tool"]
    assert said == ["x", "x", "[no output]", "Error: this call of mcp__raw__echo was not allowed: it has changed"]
    assert [each.version == before.version for each in asked] == [True, False]
    assert [each.reason for each in asked] == ["", "it describes itself otherwise than when it was allowed"]
