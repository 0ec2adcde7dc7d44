"""A model that says what a script says, for tests and for a machine without any model. Not a language model."""

import asyncio
import os
import stat
from collections import deque
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, Self, cast, get_args

import orjson

from agiwo.errors import ModelError, ModelErrorKind
from agiwo.llm.base import Message, Model, turn_of_run
from agiwo.llm.price import FREE, Price
from agiwo.schema.chunk import StreamChunk
from agiwo.schema.run import Usage

NOT_A_MODEL = (
    "This is a scripted reply and not a language model's: no model is configured. "
    "Set OPENAI_API_KEY, or fetch the local model: `agiwod models pull`"
)

_FEW = 10
"""Requests that a model keeps whose script is a file: a daemon has it, where nobody looks at them."""

_LARGEST = 64 * 2**20
"""Bytes of a script: it is read at once, and nobody writes a longer one by mistake."""

Turn = Mapping[str, Any]
"""One answer of a script; `ScriptedModel` names its keys."""


@dataclass(frozen=True, slots=True)
class Request:
    """A request that a scripted model got."""

    messages: tuple[Message, ...]
    tools: tuple[Mapping[str, Any], ...]
    turn: int


@dataclass
class ScriptedModel(Model):
    """Answers a run's first request with the first turn of its script, the second with the second, and so on.

    A turn says `text` (in `deltas` pieces, each after `delayMs`), `reasoning`, `toolCalls` (each a `name`, `arguments`
    and perhaps an `id`), `usage` (`inputTokens`, `outputTokens`), `finishReason`; or it fails with `error`: a message,
    or `kind`, `message` and `retryAfter`. It costs nothing, unless it is given a `price`.

    The position is in the request, not in here, so a run that was interrupted goes on where it was. Past the last turn
    a request is an error; with `repeat` the script starts over. `turns` is a list, or the path of a JSON file
    `{"turns": […], "repeat": false}`. `requests` holds the latest requests, oldest first.
    """

    id: str = "script"
    provider: str = "scripted"
    price: Price | None = FREE
    turns: Sequence[Turn] | str | Path = ()
    repeat: bool = False
    requests: deque[Request] = field(default_factory=lambda: deque[Request](maxlen=1000), repr=False, compare=False)

    @classmethod
    def named(cls, id: str, **options: Any) -> Self:
        """The model that reads its script from the file `id`."""
        return cls(id=id, turns=id, requests=deque(maxlen=_FEW), **options)

    async def arun_stream(
        self, messages: Sequence[Message], tools: Sequence[Mapping[str, Any]] | None = None
    ) -> AsyncGenerator[StreamChunk]:
        """Say the turn that this request has reached; see `Model.arun_stream`."""
        request = Request(tuple(messages), tuple(tools or ()), _turn_of(messages))
        self.requests.append(request)
        turn = self._turn(request.turn)
        try:
            delay, chunks, failure = turn.get("delayMs", 0) / 1000, list(_chunks(turn, request.turn)), _failure(turn)
        except (TypeError, ValueError, AttributeError, LookupError) as error:
            raise self._wrong(f"turn {request.turn + 1} of the script is wrong: {error!r}") from None
        for chunk in chunks:
            await asyncio.sleep(delay)
            yield chunk
        if failure is not None:
            raise failure
        yield StreamChunk(usage=_usage(turn), finish_reason=_finish_reason(turn))

    def _turn(self, number: int) -> Turn:
        turns, repeat = self._script()
        if turns and repeat:
            number %= len(turns)
        if number >= len(turns):
            raise self._wrong(f"the script has {len(turns)} turns, and this is request {number + 1}")
        return turns[number]

    def _script(self) -> tuple[Sequence[Turn], bool]:
        if not isinstance(self.turns, str | Path):
            return self.turns, self.repeat
        self.turns, is_repeated = self._read(Path(os.path.expanduser(self.turns)))
        self.repeat = self.repeat or is_repeated
        return self.turns, self.repeat

    def _read(self, path: Path) -> tuple[Sequence[Turn], bool]:
        try:
            script: Any = orjson.loads(_content(path))
        except (OSError, ValueError) as error:
            raise self._wrong(f"the script {path} cannot be read: {error}") from None
        if not isinstance(script, dict):
            raise self._wrong(f"the script {path} must be an object with a list of turns")
        content = cast(Mapping[str, Any], script)
        turns: Any = content.get("turns")
        if not isinstance(turns, list) or not all(isinstance(turn, dict) for turn in cast(list[Any], turns)):
            raise self._wrong(f"the script {path} must be an object with a list of turns")
        return cast(list[Turn], turns), bool(content.get("repeat", False))

    def _wrong(self, message: str) -> ModelError:
        return ModelError("script", message, provider=self.provider)


def _content(path: Path) -> bytes:
    """What stands in a file. Not of a pipe or a device, which may have no end, and for which everybody would wait."""
    found = path.stat()
    if not stat.S_ISREG(found.st_mode):
        raise ValueError("it is no regular file")
    if found.st_size > _LARGEST:
        raise ValueError(f"it is larger than {_LARGEST // 2**20} MiB")
    return path.read_bytes()


def not_a_model() -> ScriptedModel:
    """The model of a machine that has none: says with every answer that it is not a language model."""
    return ScriptedModel(id="none", turns=[{"text": NOT_A_MODEL, "deltas": 12}], repeat=True)


def _turn_of(messages: Sequence[Message]) -> int:
    turn = turn_of_run.get()
    return sum(message.get("role") == "assistant" for message in messages) if turn is None else turn


def _chunks(turn: Turn, number: int) -> Iterator[StreamChunk]:
    if reasoning := turn.get("reasoning"):
        yield StreamChunk(reasoning_content=reasoning)
    for piece in _pieces(turn.get("text", ""), turn.get("deltas", 1)):
        yield StreamChunk(content=piece)
    if calls := turn.get("toolCalls"):
        yield StreamChunk(tool_calls=[_call(call, number, place) for place, call in enumerate(calls)])


def _pieces(text: str, count: int) -> Iterator[str]:
    """The text in so many pieces of nearly equal length; fewer when it is too short for that."""
    count = max(1, min(count, len(text)))
    bounds = [len(text) * place // count for place in range(count + 1)]
    return (text[start:end] for start, end in pairwise(bounds) if start < end)


def _call(call: Mapping[str, Any], number: int, place: int) -> Mapping[str, Any]:
    arguments = call.get("arguments", {})
    written = arguments if isinstance(arguments, str) else orjson.dumps(arguments).decode()
    function = {"name": call["name"], "arguments": written}
    return {"index": place, "id": call.get("id", f"call_{number}_{place}"), "type": "function", "function": function}


def _failure(turn: Turn) -> ModelError | None:
    error: Any = turn.get("error")
    if not error:
        return None
    fields: Mapping[str, Any] = {"message": error} if isinstance(error, str) else error
    kind: ModelErrorKind = fields.get("kind", "bad_request")
    if kind not in get_args(ModelErrorKind):
        raise ValueError(f"no such kind of error: {kind}")
    message = str(fields.get("message", kind))
    return ModelError(kind, message, provider="scripted", retry_after=fields.get("retryAfter"))


def _usage(turn: Turn) -> Usage | None:
    usage = turn.get("usage")
    return Usage.from_json(usage) if usage else None


def _finish_reason(turn: Turn) -> str:
    return turn.get("finishReason") or ("tool_calls" if turn.get("toolCalls") else "stop")
