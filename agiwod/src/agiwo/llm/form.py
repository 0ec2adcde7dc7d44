"""A request for an answer in a form, in the way that its model is brought to it. Asks nobody, and judges no answer."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any, Final

import orjson

from agiwo.llm.base import Message, Model
from agiwo.schema.chunk import StreamChunk

_FINAL: Final = "final_answer"
"""The tool that takes the answer of a model that is brought to a form by a tool."""

_IN_WORDS: Final = (
    "Your final answer is json: one JSON value that fits the JSON Schema below, and nothing else, with no words around "
    "it and no code fence. Call the tools that you need before you give it.\n\n{schema}"
)
_BY_A_TOOL: Final = (
    "When you know the final answer, do not write it: call the tool {tool} with it, once and alone. Call the other "
    "tools that you need before that."
)

Tools = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class FormRequest:
    """What a model is sent. `schema` is for its wire; `tool` is the name of the one that takes the answer."""

    messages: Sequence[Message]
    tools: Tools
    schema: Mapping[str, Any] | None = None
    tool: str | None = None


def request_for(model: Model, messages: Sequence[Message], tools: Tools, schema: Mapping[str, Any]) -> FormRequest:
    """The request for an answer that fits the schema, made in the way of this model."""
    way = model.structures(schema)
    if way == "schema":
        return FormRequest(messages, tools, schema)
    if way == "tool":
        return _by_a_tool(messages, tools, schema)
    text = _IN_WORDS.format(schema=orjson.dumps(schema).decode())
    return FormRequest(_told(messages, text), tools, schema if way == "json" else None)


def _by_a_tool(messages: Sequence[Message], tools: Tools, schema: Mapping[str, Any]) -> FormRequest:
    taken, name = {tool["function"]["name"] for tool in tools}, _FINAL
    while name in taken:
        name += "_"
    function = {"name": name, "description": "Gives the final answer.", "parameters": schema}
    told = _told(messages, _BY_A_TOOL.format(tool=name))
    return FormRequest(told, [*tools, {"type": "function", "function": function}], tool=name)


def _told(messages: Sequence[Message], text: str) -> Sequence[Message]:
    """The conversation with this at the end of the system prompt."""
    if messages and messages[0]["role"] == "system":
        return [{**messages[0], "content": f"{messages[0]['content']}\n\n{text}"}, *messages[1:]]
    return [{"role": "system", "content": text}, *messages]


async def spoken(chunks: AsyncGenerator[StreamChunk], tool: str) -> AsyncGenerator[StreamChunk]:
    """The chunks, with what the model gives to the tool in the place of an answer as what it says."""
    speech = _Speech(tool)
    async with aclosing(chunks):
        async for chunk in chunks:
            yield speech.of(chunk) if chunk.tool_calls or chunk.finish_reason else chunk


class _Speech:
    """Tells the calls of one answer apart: those of the tool that takes the answer, and the others."""

    def __init__(self, tool: str) -> None:
        self._tool = tool
        self._answers: set[int] = set()
        self._has_others = False

    def of(self, chunk: StreamChunk) -> StreamChunk:
        calls = list(enumerate(chunk.tool_calls or ()))
        said = "".join(_arguments(each) for place, each in calls if self._is_answer(place, each))
        others = [each for place, each in calls if not self._is_answer(place, each)]
        self._has_others = self._has_others or bool(others)
        finish = chunk.finish_reason
        if finish == "tool_calls" and self._answers and not self._has_others:
            finish = "stop"
        content = (chunk.content or "") + said
        return replace(chunk, content=content or None, tool_calls=others or None, finish_reason=finish)

    def _is_answer(self, place: int, fragment: Mapping[str, Any]) -> bool:
        index = fragment.get("index", place)
        if _function(fragment).get("name") == self._tool:
            self._answers.add(index)
        return index in self._answers


def _function(fragment: Mapping[str, Any]) -> Mapping[str, Any]:
    return fragment.get("function") or {}


def _arguments(fragment: Mapping[str, Any]) -> str:
    return _function(fragment).get("arguments") or ""
