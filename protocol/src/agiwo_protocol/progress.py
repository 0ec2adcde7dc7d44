"""What goes on while a request waits, for clients that want the words and no events."""

from typing import Annotated, Literal

from pydantic import Field

from agiwo_protocol.contract import Event, Name, Wire

ProgressToken = Annotated[str, Field(max_length=256)] | int
"""What a client chooses to know the progress of a request by."""


class Progress(Wire):
    """What is new in the run. `text` is what the agent says, the name of a tool, a question, or a reason.

    After `retrying`, what the agent says now begins anew.
    """

    run_id: Name
    kind: Literal["text", "toolCall", "approval", "retrying"]
    text: str


class ProgressParams(Wire):
    """The token of the request that waits, and what is new. None comes after its answer."""

    token: ProgressToken
    value: Progress


PROGRESS = Event(
    "$/progress", ProgressParams, "What goes on in a run for which a request with a `progressToken` waits."
)
