"""The rules of an agent's table about its tool calls, held against its tools: one that fits nothing guards nothing."""

from collections.abc import Sequence
from fnmatch import fnmatchcase

from agiwo.errors import ConfigError
from agiwo.tool import BaseTool, Policy, Rule
from agiwo.tool.toolset import Toolset

from agiwod.settings import AgentSettings, Settings
from agiwod.toolbox import near


def policy_of(agent: str, table: AgentSettings, tools: Sequence[BaseTool | Toolset], settings: Settings) -> Policy:
    """The rules of the table, in its order. What foreign servers have is not known yet: no rule about it is wrong.

    Raises:
        ConfigError: one names a tool, or an argument, that there is not; the message has its place.
    """
    own = [tool for tool in tools if isinstance(tool, BaseTool)]
    for number, rule in enumerate(table.approvals):
        if len(own) < len(tools) and rule.tool.startswith("mcp"):
            continue
        at = ("agents", agent, "approvals", str(number))
        concerned = [tool for tool in own if fnmatchcase(tool.name, rule.tool)]
        if not concerned and not _is_pattern(rule.tool):
            hint = near(rule.tool, [tool.name for tool in own])
            where = settings.origin(*at, "tool")
            raise ConfigError(f"{where}: [agents.{agent}] has no tool {rule.tool!r} that a rule could be about; {hint}")
        known = [name for tool in concerned for name in tool.get_parameters().get("properties", {})]
        unknown = [name for name in rule.arguments if concerned and known and name not in known]
        if unknown:
            where = settings.origin(*at, "arguments")
            raise ConfigError(f"{where}: {rule.tool!r} has no argument {unknown[0]!r}; {near(unknown[0], known)}")
    return Policy(tuple(Rule(each.tool, each.action, each.arguments, each.reason) for each in table.approvals))


def _is_pattern(text: str) -> bool:
    return not {"*", "?", "["}.isdisjoint(text)
