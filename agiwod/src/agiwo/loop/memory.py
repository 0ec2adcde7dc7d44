"""What an agent is reminded of with a user's message: the relevant ones among its memories. Pure; retrieves nothing."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from operator import itemgetter
from typing import Any

from agiwo.loop.history import Message

_RELEVANT = 0.5
"""The score below which a memory is left out, as are those that nobody rated."""

_ALIKE = 0.8
"""The share of common words above which two texts say the same."""

_CHARACTERS = 4
"""Characters that are counted as one token."""


def remind(
    message: Message, memories: Iterable[Mapping[str, Any]], history: Sequence[Message], max_tokens: int
) -> Message:
    """The user's message with the relevant memories behind it: the best ones first, at most `max_tokens` of them."""
    kept = list(_within(_relevant(memories, history), _CHARACTERS * max_tokens))
    if not kept:
        return message
    block = "\n".join(["<relevant_memories>", *(f"- {content}" for content in kept), "</relevant_memories>"])
    content: Any = message["content"]
    if isinstance(content, str):
        return {**message, "content": f"{content}\n\n{block}"}
    return {**message, "content": [*content, {"type": "text", "text": block}]}


def _relevant(memories: Iterable[Mapping[str, Any]], history: Sequence[Message]) -> list[str]:
    """The contents of those that are relevant, each once, without what the conversation says already."""
    known = [text for message in history if isinstance(text := message.get("content"), str)]
    wanted = [memory for memory in memories if (memory["score"] or 0) >= _RELEVANT]
    wanted.sort(key=itemgetter("score"), reverse=True)
    contents = dict.fromkeys(memory["content"] for memory in wanted)
    return [content for content in contents if not any(_is_said(content, text) for text in known)]


def _is_said(content: str, text: str) -> bool:
    if content in text:
        return True
    words, others = _words(content), _words(text)
    return bool(words) and len(words & others) > _ALIKE * len(words | others)


def _words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text.lower()))


def _within(contents: Iterable[str], characters: int) -> Iterator[str]:
    for content in contents:
        characters -= len(content)
        if characters < 0:
            return
        yield content
