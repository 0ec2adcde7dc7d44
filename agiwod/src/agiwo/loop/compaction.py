"""Makes room in a conversation that fills the model's context: its older part gives way to a summary. Pure decisions.

Key: `{turn}/compact`. What was replaced stays in the records of the runs that said it.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from agiwo.durable import DurableContext
from agiwo.errors import EffectFailed, Interrupted
from agiwo.loop.budget import Purse
from agiwo.loop.history import Message, compacted
from agiwo.schema.growing import Growing
from agiwo.schema.run import Usage

_FULL = 0.8
"""The share of the context at which room is made; the rest is for the answer, and for what an estimate misses."""

_KEPT = 0.3
"""The share of the context that the newest messages may keep."""

_CHARACTERS = 4
"""Characters that are counted as one token, where no provider has counted."""

_LARGEST_PART = 1000
"""Tokens that a part of a message counts which is not text."""


class Compaction:
    """Watches how large one run's conversation is. `size` is in tokens, as far as they are known."""

    def __init__(self, ctx: DurableContext, context_tokens: int | None, purse: Purse) -> None:
        self._ctx, self._context, self._purse = ctx, context_tokens, purse
        self._counted = self._tokens = self.requests = 0

    def learn(self, messages: Sequence[Message], usage: Usage) -> None:
        """The provider has counted these messages, the last of which is its answer."""
        if usage.input_tokens:
            self._counted, self._tokens = len(messages), usage.input_tokens + usage.output_tokens

    def size(self, messages: Sequence[Message]) -> int:
        """Tokens of the conversation: what the provider counted, and an estimate of what has come since."""
        return self._tokens + sum(_estimate(message) for message in messages[self._counted :])

    def is_due(self, messages: Sequence[Message]) -> bool:
        """Whether the next request should not be made with all of it."""
        return self._context is not None and self.size(messages) > _FULL * self._context

    async def make_room(self, turn: int, messages: Growing[Message], request: int) -> Growing[Message] | None:
        """The conversation with its older part summarised; None when nothing can be left out.

        Raises:
            EffectFailed: no model gave a summary.
        """
        context = self._context or self.size(messages)
        split = _split(messages, _KEPT * context)
        if not split:
            return None
        older = Growing(messages[:split])
        asked: dict[str, Any] = {"messages": older, "characters": int(_FULL * context * _CHARACTERS)}
        asked |= {"request": request, "turn": turn}
        if terms := self._purse.terms(older, is_last=False):
            asked["budget"] = terms
        try:
            value: Mapping[str, Any] = await self._ctx.step(f"{turn}/compact", "compact", asked)
        except EffectFailed as error:
            self._purse.failed(error.detail)
            raise
        except Interrupted:
            self._purse.interrupted(older, ())
            raise
        self._counted = self._tokens = 0
        self._purse.compacted(value)
        self.requests = value["requests"]
        return compacted(messages, value)


def _split(messages: Sequence[Message], room: float) -> int:
    """Where the part begins that stays: the newest message, and as many before it as fit into the room.

    No result is parted from its call. A summary that stands for a single message saves nothing: then it is 0.
    """
    at = best = len(messages)
    while at > 1 and (best == len(messages) or room > 0):
        at -= 1
        room -= _estimate(messages[at])
        if messages[at]["role"] != "tool" and (room >= 0 or best == len(messages)):
            best = at
    return best if 1 < best < len(messages) else 0


def _estimate(message: Message) -> int:
    content = message.get("content") or ""
    size = len(content) if isinstance(content, str) else sum(map(_part_size, content))
    calls: Sequence[Mapping[str, Any]] = message.get("tool_calls") or ()
    size += sum(len(call["function"]["name"]) + len(call["function"]["arguments"]) for call in calls)
    return 4 + (size + len(message.get("reasoning_content") or "")) // _CHARACTERS


def _part_size(part: Mapping[str, Any]) -> int:
    return len(part["text"]) if part.get("type") == "text" else _LARGEST_PART * _CHARACTERS


def is_too_long(error: EffectFailed) -> bool:
    """Whether a model refused a conversation because it does not fit."""
    return error.kind == "context_length"
