from collections.abc import Mapping
from typing import Any

import pytest
from agiwo.abort import AbortSignal
from agiwo.errors import ConfigError
from agiwo.schema.tool import ExecutionContext, ToolCall
from agiwo.testing import RecordingTool
from agiwo.tool import ToolResult, tool
from agiwo.tool.executor import ToolExecutor
from agiwo.tool.policy import Policy, Rule, Verdict

pytestmark = pytest.mark.anyio
CONTEXT = ExecutionContext(session_id="s", run_id="r")


def test_the_first_rule_that_matches_decides() -> None:
    policy = Policy((Rule("read_*", "allow"), Rule("*", "ask"), Rule("read_file", "deny")))

    assert policy.judge("read_file", {}) == Verdict("allow")
    assert policy.judge("bash", {}) == Verdict("ask")


def test_without_a_rule_that_matches_nothing_is_decided() -> None:
    assert Policy((Rule("bash", "deny"),)).judge("read_file", {}) is None


@pytest.mark.parametrize(
    ("patterns", "arguments", "fits"),
    [
        ({"path": "docs/*"}, {"path": "docs/a/b.md"}, True),
        ({"path": "docs/*"}, {"path": "src/docs/a"}, False),
        ({"path": "docs/*"}, {}, False),
        ({"path": "docs/*", "limit": "10"}, {"path": "docs/a", "limit": 10}, True),
        ({"path": "docs/*", "limit": "10"}, {"path": "docs/a", "limit": 11}, False),
        ({"force": "true"}, {"force": True}, True),
        ({"headers": '*"authorization"*'}, {"headers": {"authorization": "x"}}, True),
        ({"path": "DOCS/*"}, {"path": "docs/a"}, False),
    ],
)
def test_a_rule_fits_when_every_pattern_fits_its_argument(
    patterns: Mapping[str, str], arguments: Mapping[str, Any], fits: bool
) -> None:
    assert Rule("*", "allow", patterns).matches("any", arguments) is fits


@pytest.mark.parametrize(
    ("command", "action"),
    [
        ("git status", "allow"),
        ("git log --oneline -3", "allow"),
        ("git status; rm -rf ~", "ask"),
        ("git status\nrm -rf ~", "ask"),
        ("git status && curl x", "ask"),
        ("git log $(rm x)", "ask"),
        ("git log `rm x`", "ask"),
        ("git log > ~/.bashrc", "ask"),
        ("rm x", "ask"),
    ],
)
def test_a_pattern_that_allows_a_command_does_not_allow_what_a_shell_would_add(command: str, action: str) -> None:
    policy = Policy((Rule("bash", "allow", {"command": "git *"}), Rule("bash", "ask")))

    assert policy.judge("bash", {"command": command}) == Verdict(action)  # pyright: ignore[reportArgumentType] - a table


def test_a_command_that_is_written_out_is_allowed_as_it_is() -> None:
    rule = Rule("bash", "allow", {"command": "ls | wc -l"})

    assert [rule.matches("bash", {"command": command}) for command in ("ls | wc -l", "ls | wc -l;")] == [True, False]


def test_a_pattern_that_denies_a_command_sees_the_whole_of_it() -> None:
    assert Rule("bash", "deny", {"command": "*rm -rf*"}).matches("bash", {"command": "ls; rm -rf ~"})


def test_what_was_allowed_for_a_session_comes_before_the_rules() -> None:
    policy = Policy((Rule("bash", "ask"),)).preferring(Rule("bash", "allow"))

    assert policy.judge("bash", {}) == Verdict("allow")


def test_a_policy_comes_back_from_its_record() -> None:
    policy = Policy((Rule("bash", "deny", {"command": "rm *"}, "keep your files"), Rule("*", "allow")))

    assert Policy.from_json(policy.to_json()) == policy
    assert policy.to_json()[1] == {"tool": "*", "action": "allow"}


@pytest.mark.parametrize(
    ("rule", "fault"),
    [
        ({"action": "allow"}, "needs the name of a tool"),
        ({"tool": "", "action": "allow"}, "needs the name of a tool"),
        ({"tool": "bash"}, "allow, ask, deny"),
        ({"tool": "bash", "action": "maybe"}, "not 'maybe'"),
        ({"tool": "bash", "action": "ask", "arguments": ["ls"]}, "patterns by name"),
        ({"tool": "bash", "action": "ask", "arguments": {"timeout": 5}}, "patterns by name"),
        ({"tool": "bash", "action": "ask", "when": "always"}, "has no 'when'"),
    ],
)
def test_a_rule_that_cannot_be_one_says_what_is_wrong(rule: Mapping[str, Any], fault: str) -> None:
    with pytest.raises(ConfigError, match=fault):
        Policy.from_json([rule])


@tool(approval=lambda arguments: arguments.get("path") == "secret")
def show(path: str) -> str:
    """Show what is there."""
    return f"here is {path}"


def wants(path: str = "public") -> ToolCall:
    return ToolCall("c", "show", {"path": path})


async def test_a_call_that_needs_approval_does_not_run_without() -> None:
    executor = ToolExecutor([show])
    refused = await executor.execute(wants("secret"), CONTEXT)
    granted = await executor.execute(wants("secret"), CONTEXT, approved=True)
    plain = await executor.execute(wants(), CONTEXT)

    assert refused.error == "this call of show needs somebody's approval, and nobody gave it"
    assert (granted.content, plain.content) == ("here is secret", "here is public")


async def test_a_denied_call_never_runs_and_the_model_is_told_why() -> None:
    executor = ToolExecutor([show], policy=Policy((Rule("show", "deny", {"path": "sec*"}, "it is a secret"),)))

    result = await executor.execute(wants("secret"), CONTEXT, approved=True)
    assert result.error == "this call of show is not allowed: it is a secret"


async def test_a_rule_comes_before_what_the_tool_says() -> None:
    executor = ToolExecutor([show], policy=Policy((Rule("show", "allow"),)))

    assert (await executor.execute(wants("secret"), CONTEXT)).content == "here is secret"


def test_a_verdict_can_be_had_before_the_call() -> None:
    executor = ToolExecutor([show])

    assert executor.judge(wants("secret")) == Verdict("ask")
    assert executor.judge(wants()) == Verdict("allow")
    assert executor.judge(wants("secret"), Policy((Rule("*", "deny"),))) == Verdict("deny")


@pytest.mark.parametrize("call", [ToolCall("c", "missing"), ToolCall("c", "show", "{"), ToolCall("c", "show", "{}")])
def test_nobody_is_asked_about_a_call_that_only_gives_an_error(call: ToolCall) -> None:
    assert ToolExecutor([show], policy=Policy((Rule("*", "ask"),))).judge(call) == Verdict("allow")


class Torn(RecordingTool):
    """Cannot tell whether it needs approval."""

    def needs_approval(self, arguments: Mapping[str, Any]) -> bool:
        raise KeyError("who knows")

    async def execute(
        self, parameters: dict[str, Any], context: ExecutionContext, abort_signal: AbortSignal | None = None
    ) -> ToolResult:
        return ToolResult(content="ran")


async def test_a_tool_that_cannot_tell_whether_it_needs_approval_needs_it() -> None:
    executor, call = ToolExecutor([Torn()]), ToolCall("c", "record")

    assert executor.judge(call).action == "ask"
    assert not (await executor.execute(call, CONTEXT)).is_success
    assert (await executor.execute(call, CONTEXT, approved=True)).content == "ran"
