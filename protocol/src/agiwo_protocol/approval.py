"""Approvals: tool calls that wait for somebody's word. Any client may answer; the first answer counts."""

from typing import Any, Literal

from pydantic import Field, model_validator

from agiwo_protocol.contract import ClientMethod, Method, Name, Wire

Option = Literal["allow_once", "allow_session", "deny"]
Outcome = Literal["allow_once", "allow_session", "deny", "cancelled", "expired"]


class Subject(Wire):
    """What would be done."""

    kind: Literal["toolCall"] = "toolCall"
    name: str
    arguments: dict[str, Any]


class Choice(Wire):
    """Something that can be answered, as a client may show it."""

    option_id: str
    name: str
    kind: Option


class Approval(Wire):
    """A call that waits. Its id holds a digest of the arguments: no answer fits a call with others."""

    approval_id: str
    run_id: str
    item_id: str
    title: str
    subject: Subject
    options: list[Choice]
    reason: str | None = None
    created_at: str
    expires_at: str | None = None


class ListParams(Wire):
    """Of which run; of all of them when none is named."""

    run_id: Name | None = None


class ListResult(Wire):
    """The open questions, oldest first."""

    approvals: list[Approval]


def _check_that_they_fit(option: Option | None, arguments: object) -> None:
    if arguments is not None and option in (None, "deny"):
        raise ValueError("`arguments` go with an answer that allows the call")


class RespondParams(Wire):
    """The answer. With a `deny`, `reason` is told to the model; else `arguments` may take the place of its own."""

    approval_id: Name
    option_id: Option
    reason: str | None = Field(default=None, max_length=10_000)
    arguments: dict[str, Any] | None = None

    @model_validator(mode="after")
    def _what_is_denied_has_no_arguments(self) -> "RespondParams":
        _check_that_they_fit(self.option_id, self.arguments)
        return self


class Reply(Wire):
    """What a client says when it is asked, as in `approval/respond`; without `optionId` it leaves the question open."""

    option_id: Option | None = None
    reason: str | None = Field(default=None, max_length=10_000)
    arguments: dict[str, Any] | None = None

    @model_validator(mode="after")
    def _what_is_not_allowed_has_no_arguments(self) -> "Reply":
        _check_that_they_fit(self.option_id, self.arguments)
        return self


class RespondResult(Wire):
    """How the question ended, also for who came too late; `by` is the name of the client whose answer counted."""

    status: Literal["resolved", "already_resolved"]
    outcome: Outcome
    by: str | None = None


class Requested(Wire):
    """A call waits for somebody's word; the event's `itemId` is the call."""

    approval_id: str
    title: str
    subject: Subject
    options: list[Choice]
    reason: str | None = None


class Resolved(Wire):
    """The call waits no more."""

    approval_id: str
    name: str
    outcome: Outcome
    by: str | None = None
    reason: str | None = None


LIST = Method("approval/list", ListParams, ListResult, "The calls that wait for somebody's word, oldest first.")
RESPOND = Method(
    "approval/respond", RespondParams, RespondResult, "Answer such a question; the first answer counts.", urgent=True
)
REQUEST = ClientMethod(
    "approval/request",
    Approval,
    Reply,
    "A call waits in a run that this connection follows or waits for, or below one. Cancelled once it is answered.",
    capability="approvals",
)
