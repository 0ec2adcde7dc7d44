"""A question whether a tool call may run, and what was answered. Plain data: asks nobody."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, get_args

from agiwo.schema.event import APPROVAL_REQUESTED, APPROVAL_RESOLVED, NewEvent

TOPIC: Final = "approval"
"""The topic of a run's mailbox that answers come to; the id of an answer's message is that of its question."""

Option = Literal["allow_once", "allow_session", "deny"]
"""What can be answered: this call may run, so may every call of the tool in this session, or it may not."""

Outcome = Literal["allow_once", "allow_session", "deny", "cancelled", "expired"]
"""What became of a question: its answer, or the run ended before, or nobody answered in time."""


@dataclass(frozen=True, slots=True)
class Approval:
    """A call that waits for somebody's word. `id` holds the digest of its arguments, so no answer fits another call.

    `reason` says why it is asked. `version` is that of the tool, if it has one: an answer for the session is for no
    other. `created_at` is in seconds since the epoch.
    """

    id: str
    run: str
    item: str
    name: str
    arguments: Mapping[str, Any]
    reason: str = ""
    created_at: float = 0.0
    version: str = ""

    @property
    def title(self) -> str:
        """The question in a few words."""
        return f"Allow {self.name}?"

    def requested(self) -> NewEvent:
        """The event that asks."""
        subject = {"kind": "toolCall", "name": self.name, "arguments": dict(self.arguments)}
        data: dict[str, Any] = {"approvalId": self.id, "title": self.title, "subject": subject}
        data |= {"options": options_for(self.name)}
        data |= {"reason": self.reason} if self.reason else {}
        data |= {"version": self.version} if self.version else {}
        return NewEvent(APPROVAL_REQUESTED, data, self.item)

    @classmethod
    def from_event(cls, run: str, item: str, data: Mapping[str, Any], at: float) -> "Approval":
        """The inverse of `requested`."""
        subject = data["subject"]
        asked, reason, version = subject["arguments"], data.get("reason", ""), data.get("version", "")
        return cls(data["approvalId"], run, item, subject["name"], asked, reason, at, version)

    def resolved(self, outcome: Outcome, *, by: str = "", reason: str = "") -> NewEvent:
        """The event that tells how it ended, and who ended it."""
        data = {"approvalId": self.id, "name": self.name, "outcome": outcome, "by": by, "reason": reason}
        data["version"] = self.version
        return NewEvent(APPROVAL_RESOLVED, {name: value for name, value in data.items() if value}, self.item)


@dataclass(frozen=True, slots=True)
class Answer:
    """What somebody said. `arguments` take the place of the model's own; `reason` is told to the model on a `deny`."""

    option: Option
    reason: str = ""
    arguments: Mapping[str, Any] | None = None
    by: str = ""

    def __post_init__(self) -> None:
        if self.option not in get_args(Option):
            raise ValueError(f"there is no option {self.option!r}; there are {', '.join(get_args(Option))}")
        if self.option == "deny" and self.arguments is not None:
            raise ValueError("arguments go with an answer that allows the call")

    def to_json(self) -> dict[str, Any]:
        """As it stands in the run's mailbox."""
        data: dict[str, Any] = {"option": self.option, "reason": self.reason, "by": self.by}
        return data if self.arguments is None else {**data, "arguments": dict(self.arguments)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Answer":
        """The inverse of `to_json`."""
        return cls(data["option"], data["reason"], data.get("arguments"), data["by"])


def allowance(name: str, version: str = "") -> str:
    """What is allowed for a session: a tool, and no other version of it than the one that was asked about."""
    return f"{name}@{version}" if version else name


def approval_id(run: str, key: str, digest: str) -> str:
    """The id of the question about the call under that key of the run."""
    return f"{run}:{key}:{digest}"


def run_of(approval: str) -> str:
    """The run whose call the question is about; empty when the id is none of ours."""
    return approval.rsplit(":", 2)[0] if approval.count(":") >= 2 else ""


def options_for(name: str) -> list[dict[str, str]]:
    """What can be answered about a call of this tool, as clients show it."""
    named: dict[Option, str] = {
        "allow_once": "Allow this call",
        "allow_session": f"Allow every call of {name} in this session",
        "deny": "Do not allow it",
    }
    return [{"optionId": option, "name": text, "kind": option} for option, text in named.items()]
