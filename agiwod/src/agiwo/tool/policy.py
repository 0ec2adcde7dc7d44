"""Which calls may run, which need somebody's word, which never run. Pure data: asks nobody and reads nothing."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import Any, Literal, cast, get_args

import orjson

from agiwo.errors import ConfigError
from agiwo.tool.sandbox.places import folded

Action = Literal["allow", "ask", "deny"]
"""What becomes of a call: it runs, somebody is asked first, or it never runs."""

_SHELL = frozenset(";&|<>$`(){}\n\r\\")
"""With these a shell makes more than one command of one text."""

_MEMBERS = frozenset({"tool", "action", "arguments", "reason"})


@dataclass(frozen=True, slots=True)
class Rule:
    """What to do with calls of tools whose name matches, and whose arguments match every pattern.

    Patterns are globs (`*`, `?`, `[abc]`) over the whole of an argument: a string as it is, other values as JSON, an
    absent one never matches. A rule that allows a `command` matches none with which a shell would do more than the
    pattern says: `git *` does not allow `git status; rm -rf ~`; one that asks or denies takes names that differ in case
    or look alike for the same `path`. `reason` is told to the model when the rule denies.
    """

    tool: str
    action: Action
    arguments: Mapping[str, str] = field(default_factory=dict[str, str])
    reason: str = ""

    def is_about(self, *names: str) -> bool:
        """Whether this rule may be about calls of a tool that goes by these names."""
        return any(fnmatchcase(name, self.tool) for name in names)

    def matches(self, tool: str | Sequence[str], arguments: Mapping[str, Any]) -> bool:
        """Whether this rule is about that call of a tool, which may go by several names."""
        return self.is_about(*((tool,) if isinstance(tool, str) else tool)) and all(
            name in arguments and self._fits(name, pattern, _text(arguments[name]))
            for name, pattern in self.arguments.items()
        )

    def _fits(self, name: str, pattern: str, text: str) -> bool:
        if self.action == "allow" and name == "command" and not _SHELL.isdisjoint(text) and text != pattern:
            return False
        if self.action != "allow" and name == "path" and fnmatchcase(_folded(text), _folded(pattern)):
            return True  # to some systems it is the same place
        return fnmatchcase(text, pattern)

    def to_json(self) -> dict[str, Any]:
        """As it stands in settings and records."""
        data: dict[str, Any] = {"tool": self.tool, "action": self.action}
        return data | {
            name: value for name, value in (("arguments", dict(self.arguments)), ("reason", self.reason)) if value
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Rule":
        """The inverse of `to_json`.

        Raises: ConfigError that names what is wrong.
        """
        unknown = sorted(set(data) - _MEMBERS)
        if unknown:
            raise ConfigError(f"a rule has no {unknown[0]!r}; it has {', '.join(sorted(_MEMBERS))}")
        tool, action, patterns = data.get("tool"), cast(Action, data.get("action")), data.get("arguments", {})
        if not isinstance(tool, str) or not tool:
            raise ConfigError("a rule needs the name of a tool, or a pattern, as 'tool'")
        if action not in get_args(Action):
            raise ConfigError(f"a rule's action is one of {', '.join(get_args(Action))}, and not {action!r}")
        if not isinstance(patterns, Mapping) or not all(
            isinstance(pattern, str) for pattern in cast(Mapping[Any, Any], patterns).values()
        ):
            raise ConfigError(f"the arguments of the rule for {tool!r} must be patterns by name, each a string")
        return cls(tool, action, dict(cast(Mapping[str, str], patterns)), str(data.get("reason", "")))


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of one call, and why; the reason is empty when nobody gave one."""

    action: Action
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Policy:
    """Rules in order: the first that matches decides. No rule decides nothing, and the tool itself is asked."""

    rules: tuple[Rule, ...] = ()

    def judge(self, tool: str | Sequence[str], arguments: Mapping[str, Any]) -> Verdict | None:
        """What the rules say of a call of a tool, which may go by several names; None when none of them matches."""
        rule = next((rule for rule in self.rules if rule.matches(tool, arguments)), None)
        return Verdict(rule.action, rule.reason) if rule else None

    def is_about(self, *names: str) -> bool:
        """Whether a rule could ask about a call of a tool that goes by these names, or deny it."""
        return any(rule.action != "allow" and rule.is_about(*names) for rule in self.rules)

    def preferring(self, rule: Rule) -> "Policy":
        """The same policy with one more rule, which comes before all others: what somebody allowed for a session."""
        return replace(self, rules=(rule, *self.rules))

    def to_json(self) -> list[dict[str, Any]]:
        """As it stands in settings and records."""
        return [rule.to_json() for rule in self.rules]

    @classmethod
    def from_json(cls, rules: Iterable[Mapping[str, Any]]) -> "Policy":
        """The inverse of `to_json`.

        Raises: ConfigError that names what is wrong.
        """
        return cls(tuple(map(Rule.from_json, rules)))


def _folded(path: str) -> str:
    return "/".join(map(folded, path.split("/")))


def _text(value: object) -> str:
    return value if isinstance(value, str) else orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()
