"""The beginning of a run: what the user said, and what the hooks make of it. Pure decisions."""

from typing import Final

from agiwo.durable import DurableContext
from agiwo.loop.history import BEFORE_RUN as BEFORE_RUN_KEY
from agiwo.loop.history import Message, past_messages, user_message
from agiwo.loop.hooks import BEFORE_RUN, MEMORY_RETRIEVE
from agiwo.loop.memory import remind
from agiwo.loop.plan import Plan
from agiwo.schema.growing import Growing

MEMORIES: Final = "input/memory"
"""Key of the step in which a hook gives memories."""


class Opening:
    """The conversation up to the first model call. `messages` is whole once `run` returned, and also when it raised."""

    def __init__(self, ctx: DurableContext, plan: Plan) -> None:
        self._ctx, self._plan = ctx, plan
        self.messages: Growing[Message] = past_messages(ctx.run.past)

    async def run(self) -> None:
        """Let the hooks look at what the user said, and take it into the conversation.

        Raises:
            EffectFailed: `on_before_run` raised.
        """
        said = user_message(self._ctx.run.spec.input)
        try:
            said = await self._said()
        finally:
            self.messages.append(said)

    async def _said(self) -> Message:
        ctx, content = self._ctx, self._ctx.run.spec.input
        if BEFORE_RUN in self._plan.hooks:
            replaced = await ctx.step(BEFORE_RUN_KEY, "before_run", {"input": content})
            content = content if replaced is None else replaced
        message = user_message(content)
        if MEMORY_RETRIEVE in self._plan.hooks:
            memories = await ctx.step(MEMORIES, "memory_retrieve", {"input": content})
            message = remind(message, memories, self.messages, self._plan.memory_tokens)
        return message
