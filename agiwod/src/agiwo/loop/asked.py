"""What a model was asked for one answer of a run, made again from the run's records. Pure; asks nobody."""

from collections.abc import Mapping, Sequence
from typing import Any

from agiwo.durable import SPEC, STEP, RunView
from agiwo.loop.history import Message, asked, past_messages, user_message, with_run
from agiwo.loop.memory import remind
from agiwo.loop.opening import MEMORIES
from agiwo.loop.plan import Plan
from agiwo.schema.record import Record


def messages_asked(run: RunView, keyed: Mapping[str, Record], answer: Record) -> list[Message]:
    """The conversation that the model was sent for this answer, without the system prompt and the request to sum up.

    `keyed` are the run's records by their keys, in their order. What a hook did to this one request is not recorded.
    """
    records, past = list(keyed.values()), past_messages(run.past)
    said = _said(run, keyed, records, past)
    messages = with_run(past, records, said=said, until=answer.key)
    return [*messages, *(user_message(each["content"]) for each in answer.data["value"]["steering"])]


def _said(run: RunView, keyed: Mapping[str, Record], records: Sequence[Record], past: Sequence[Message]) -> Message:
    """What the user said, with what the agent was reminded of."""
    message = user_message(asked(keyed[SPEC], records))
    memories = keyed.get(MEMORIES)
    if memories is None or memories.type != STEP:
        return message
    found: Any = memories.data["value"]
    return remind(message, found, past, Plan.from_json(run.spec.plan).memory_tokens)
