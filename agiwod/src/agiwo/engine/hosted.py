"""The calls of an engine's runs that wait for a client: found in records, and answered. Asks no client."""

from collections.abc import Mapping
from typing import Any, Final

from agiwo.durable import STEP
from agiwo.engine.serving import ServingEngine
from agiwo.errors import Conflict
from agiwo.schema.hosted import SENT, TOPIC, HostedCall
from agiwo.schema.record import Record
from agiwo.tool.result import ToolResult

UNKNOWN: Final = (
    "Outcome unknown: the client that was asked went away before it answered. The call may or may not have taken "
    "effect, and it was not sent again. Find out before you repeat it."
)
"""What the model is told of a call that must not run twice, and whose client is gone."""


def call_in(record: Record) -> HostedCall | None:
    """The call that this record puts to a client, if it does."""
    if record.type != STEP or not (record.key or "").endswith("/ask") or "item" not in record.data["value"]:
        return None
    return HostedCall.from_json(record.run, record.data["value"], record.at)


def ended_by(record: Record) -> str | None:
    """The item of the call that waits no more from this record on: it is answered, or nobody answered in time."""
    key = (record.key or "").removeprefix("mail/")
    if not key.endswith("/answer"):
        return None
    item = key.removesuffix("/answer")
    return item if key != record.key else f"{record.run}.{item}"


async def answer(engine: ServingEngine, call: HostedCall, result: ToolResult, by: str, now: float) -> bool:
    """Give the result of a call, unless there is one; whether it was the first.

    Raises:
        NotFound: there is no such run.
        StorageError: the store refuses.
    """
    output: dict[str, Any] = {"content": result.for_model(), "isError": not result.is_success}
    if result.content_for_user is not None:
        output["contentForUser"] = result.content_for_user
    if result.output is not None:
        output["value"] = result.spoolable_output()
    said = {"item": call.item, "by": by, "output": output, "durationMs": max(0, round(1000 * (now - call.created_at)))}
    return await _send(engine, call, call.answer, TOPIC, said)


async def note_sent(engine: ServingEngine, call: HostedCall) -> bool:
    """Record that the call is about to be sent; False when it was sent before, or waits no more.

    Raises: as `answer`.
    """
    return await _send(engine, call, call.note, SENT, {"item": call.item})


async def _send(engine: ServingEngine, call: HostedCall, id: str, topic: str, data: Mapping[str, Any]) -> bool:
    try:
        return await engine.send_first(call.run, id, topic, data)
    except Conflict:
        return False  # its run has ended
