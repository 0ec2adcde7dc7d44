"""What a call's run, and those below it, ask before they go on, as forms for the client's user. Answers nothing."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any, Final

from agiwo.schema.approval import Answer, Approval, options_for
from mcp_types import ClientCapabilities, ElicitRequest, ElicitRequestFormParams, ElicitResult

from agiwod.runtime.approvals import Approvals

_LONGEST: Final = 4000
"""Characters of a call's arguments that are shown; what is longer is read with `agiwod approvals`."""


class Questions:
    """The open questions of a run's tree, while it is `listening`."""

    def __init__(self, approvals: Approvals, run: str) -> None:
        self.open: dict[str, Approval] = {}
        self.news = asyncio.Event()
        self._approvals, self._run = approvals, run
        self._stop = approvals.listen(self)

    def asked(self, approval: Approval) -> None:
        """A question has come up somewhere."""
        if self._run in self._approvals.lineage(approval.run):
            self.open[approval.id] = approval
            self.news.set()

    def resolved(self, approval: Approval) -> None:
        """A question is over, whoever has answered it."""
        if self.open.pop(approval.id, None):
            self.news.set()

    async def catch_up(self) -> None:
        """Take up what was asked before anybody listened."""
        for approval in await self._approvals.list():
            self.asked(approval)

    async def raised(self) -> None:
        """Return once there is one."""
        while not self.open:
            self.news.clear()
            await self.news.wait()

    def close(self) -> None:
        """Hear no more."""
        self._stop()


def can_ask(capabilities: ClientCapabilities | None) -> bool:
    """Whether the client shows forms to its user. One that does not say which forms means these."""
    asked = capabilities.elicitation if capabilities else None
    return asked is not None and (asked.form is not None or asked.url is None)


def form_of(approval: Approval) -> ElicitRequest:
    """The question as a form."""
    arguments = json.dumps(approval.arguments, ensure_ascii=False, indent=2)
    said = arguments if len(arguments) <= _LONGEST else f"{arguments[:_LONGEST]}… (`agiwod approvals` shows all)"
    message = "\n".join(filter(None, [approval.title, approval.reason, said]))
    return ElicitRequest(params=ElicitRequestFormParams(message=message, requested_schema=schema_of(approval)))


def schema_of(approval: Approval) -> dict[str, Any]:
    """What the form takes: a decision, and a reason for the model."""
    options = options_for(approval.name)
    decision = {
        "type": "string",
        "title": "Decision",
        "enum": [each["optionId"] for each in options],
        "enumNames": [each["name"] for each in options],
    }
    reason = {"type": "string", "title": "Reason", "description": "Told to the agent when the call is not allowed."}
    return {"type": "object", "properties": {"decision": decision, "reason": reason}, "required": ["decision"]}


def answer_of(said: ElicitResult, client: str) -> Answer | None:
    """What the user has decided; None when they closed the form, which leaves the question open for others."""
    if said.action == "cancel":
        return None
    content: Mapping[str, Any] = said.content or {}
    reason = str(content.get("reason") or "")
    if said.action == "decline":
        return Answer("deny", reason, by=client)
    decision = content.get("decision")
    if decision not in ("allow_once", "allow_session", "deny"):
        return None
    return Answer(decision, reason, by=client)
