"""What was said in a run, as far as its spans may hold it: nothing, unless that was switched on."""

from collections.abc import Mapping
from typing import Any, Final

import orjson

from agiwo.observability import semconv
from agiwo.schema.run import RunSpec

_PREVIEW: Final = 500
"""Characters that a span shows at a glance."""

_LONGEST: Final = 32_000
"""Characters of one thing that was said that a span holds: spans wait to be sent, and there may be thousands."""


class Capture:
    """Takes in what is new in a conversation, until a model is asked; with `is_on` false it takes nothing."""

    def __init__(self, is_on: bool) -> None:
        self.is_on = is_on
        self._news: list[dict[str, Any]] = []

    def user(self, content: Any) -> None:
        """A user has said this."""
        if self.is_on:
            self._news.append(semconv.said_by_user(content))

    def tool(self, call: str, content: Any) -> None:
        """A call has given this."""
        if self.is_on:
            self._news.append(semconv.said_by_tool(call, cut(content)))

    def model(self, answer: Mapping[str, Any]) -> dict[str, Any]:
        """The details of a model call: what was new to the model, and what it answered.

        All that it was sent would be the sum of the calls before, and a trace would grow with the square of its steps.
        """
        if not self.is_on:
            return {}
        news, self._news = self._news, []
        said = {**answer, "text": cut(answer.get("text")), "reasoning": cut(answer.get("reasoning"))}
        return {"llm_details": {"messages": news, "response": [semconv.said_by_model(said)]}}

    def run(self, spec: RunSpec, response: str | None) -> dict[str, Any]:
        """The details of a run: what the agent was made for, what it was asked, and what it answered."""
        if not self.is_on:
            return {}
        system = [{"type": "text", "content": spec.plan.get("systemPrompt", "")}]
        answer = [semconv.said_by_model({"text": response})] if response else []
        return {"llm_details": {"system": system, "messages": [semconv.said_by_user(spec.input)], "response": answer}}

    def shown(self, error: Any = None, said: Any = None, answered: Any = None) -> dict[str, Any]:
        """The words of a span: its error, what went in and what came out."""
        if not self.is_on:
            return {}
        previews = {"input_preview": _preview(said), "output_preview": _preview(answered)}
        return {"error_message": _preview(error), **previews}


def cut(content: Any) -> Any:
    """The content; of a text that is too long, its beginning."""
    if isinstance(content, str) and len(content) > _LONGEST:
        return f"{content[:_LONGEST]}… ({len(content)} characters)"
    return content


def _preview(content: Any) -> str | None:
    if content is None:
        return None
    text = content if isinstance(content, str) else orjson.dumps(content).decode()
    return text[:_PREVIEW]
