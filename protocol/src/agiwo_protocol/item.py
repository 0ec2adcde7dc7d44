"""What a run is made of, as the wire shows it: content parts, items, usage. No methods of its own."""

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from agiwo_protocol.contract import Count, Wire

ItemKind = Literal["userMessage", "agentMessage", "reasoning", "toolCall", "childRun", "plan", "compaction"]
DeltaKind = Literal["text", "reasoning", "toolArguments", "toolOutput"]


class Part(Wire):
    """A piece of a message: text, or an image or file by `url` or as base64 `data` with its `mimeType`."""

    type: Literal["text", "image", "file"]
    text: str | None = None
    url: str | None = None
    data: str | None = None
    mime_type: str | None = None

    @model_validator(mode="after")
    def _has_content(self) -> "Part":
        if self.type == "text" and self.text is None:
            raise ValueError("a text part needs `text`")
        if self.type != "text" and self.url is None and self.data is None:
            raise ValueError(f"a part of type {self.type} needs `url` or `data`")
        return self


Input = str | Annotated[list[Part], Field(min_length=1, max_length=1000)]
"""What a run is asked: a string, or parts."""


class Usage(Wire):
    """Tokens, and what they cost. Cached tokens are part of the input, reasoning tokens of the output."""

    input_tokens: Count = 0
    output_tokens: Count = 0
    cached_tokens: Count = 0
    reasoning_tokens: Count = 0
    cost_usd: float | None = None
    cost_basis: Literal["known", "estimated", "lowerBound"] = "lowerBound"


class UserMessage(Wire):
    """What was said to the agent."""

    kind: Literal["userMessage"] = "userMessage"
    content: list[Part]


class AgentMessage(Wire):
    """What the agent said."""

    kind: Literal["agentMessage"] = "agentMessage"
    text: str
    finish_reason: str | None = None
    usage: Usage | None = None


class Reasoning(Wire):
    """What the model thought before it spoke."""

    kind: Literal["reasoning"] = "reasoning"
    text: str
    finish_reason: str | None = None
    usage: Usage | None = None


class ToolOutput(Wire):
    """What a tool gave: `content` for the model, `contentForUser` for people, `value` for programs."""

    content: Any = None
    content_for_user: Any = None
    value: Any = None
    is_error: bool = False


class ToolCall(Wire):
    """A tool call and its outcome."""

    kind: Literal["toolCall"] = "toolCall"
    call_id: str
    name: str
    arguments: Any = None
    output: ToolOutput
    duration_ms: Count


class ChildRun(Wire):
    """A run that this run started."""

    kind: Literal["childRun"] = "childRun"
    run_id: str
    agent_id: str
    status: str
    response: str | None = None


class Step(Wire):
    """One line of a plan."""

    text: str
    status: str


class Plan(Wire):
    """What the agent means to do."""

    kind: Literal["plan"] = "plan"
    steps: list[Step]


class Compaction(Wire):
    """A summary that takes the place of so many older messages in what the model is sent from then on."""

    kind: Literal["compaction"] = "compaction"
    text: str
    replaced: Count


Item = Annotated[
    UserMessage | AgentMessage | Reasoning | ToolCall | ChildRun | Plan | Compaction,
    Field(discriminator="kind"),
]
"""A completed item: the `data` of `item/completed`."""


class ItemStarted(Wire):
    """An item was opened; `callId` and `name` belong to a tool call."""

    kind: ItemKind
    call_id: str | None = None
    name: str | None = None


class ItemDelta(Wire):
    """A piece of an open item.

    `offset` counts the characters of the item's one stream (all kinds together) within this attempt; a higher attempt
    replaces what a lower one said.
    """

    kind: DeltaKind
    attempt: Count
    offset: Count
    text: str
