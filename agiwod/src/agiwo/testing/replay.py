"""Answers from a recording, as models and as tools. Never asks anybody else: what is not recorded is an error."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from agiwo.abort import AbortSignal
from agiwo.errors import AgiwoError, ConfigError, ModelError, ToolError
from agiwo.llm.base import Message, Model
from agiwo.schema.chunk import StreamChunk
from agiwo.schema.tool import ExecutionContext
from agiwo.testing.canonical import lines_of, model_request, parameters_of, written
from agiwo.testing.recorder import Tool, call_of
from agiwo.testing.recording import Exchange, Recording, chunk_of, result_of
from agiwo.testing.secrets import Secrets
from agiwo.tool.base import BaseTool
from agiwo.tool.function import tool
from agiwo.tool.result import ToolResult

_SHOWN = 60
"""Lines of a difference; who needs more than that has another request before him, not a changed one."""


class ReplayMiss(AgiwoError):
    """A request that is not in the recording. The message shows the nearest one that is, and the difference."""


class Replay:
    """Answers from the file that a `Recorder` wrote; the models and tools that it is given are never asked.

        with Replay("weather.json") as replay:
            agent = Agent("clerk", "…", replay.model(), tools=replay.tools([forecast]))
            await agent.run("Will it rain?")

    A request is found by what it says: messages, tools and the model's parameters, whatever the ids in it are. Asked a
    second time, the same request gets the second recorded answer; after the last one it is a miss or, with `repeat`,
    gets the first again. A miss fails the run that met it, and is raised at the end of the block.

    `secrets` (name -> value) are replaced in requests before they are looked up, as the recorder did; so may be what is
    not secret but differs between machines, such as a directory. An answer that was cut off by a cancel goes silent
    where it was cut, and is a miss when nobody cancels it within `patience` seconds.

    Raises:
        ConfigError: there is no such recording, or it cannot be read.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        repeat: bool = False,
        secrets: Mapping[str, str] | None = None,
        patience: float = 10.0,
    ) -> None:
        self.path, self._patience = Path(path), patience
        recording = Recording.load(self.path)
        self._secrets = Secrets(secrets)
        self._models = _Shelf(recording.models, "request to a model", repeat=repeat)
        self._tools = _Shelf(recording.tools, "call of a tool", repeat=repeat)
        self.misses: list[ReplayMiss] = []

    def model(self, model: Model | None = None) -> Model:
        """The model as it was recorded; without one, a model with the parameters of the only one in the file.

        Raises:
            ConfigError: none is given, and the file holds several, or none.
        """
        if model is None:
            parameters = self._only_parameters()
            twin = _Recorded(**{name: parameters[name] for name in _OWN if name in parameters})
        else:
            parameters, twin = None, copy(model)
            self._secrets.learn({"api_key": model.api_key or ""})

        def stream(
            messages: Sequence[Message], tools: Sequence[Mapping[str, Any]] | None = None, **options: Any
        ) -> AsyncGenerator[StreamChunk]:
            return self._answer(model_request(parameters or parameters_of(twin), messages, tools, options))

        twin.arun_stream = stream
        twin.fallback = [self.model(each) for each in twin.fallback]
        return twin

    def _only_parameters(self) -> Mapping[str, Any]:
        found = {written(parameters): parameters for parameters in self._models.members("model")}
        if len(found) != 1:
            names = ", ".join(sorted(str(each.get("id")) for each in found.values())) or "no model"
            raise ConfigError(
                f"the recording {self.path} holds {names}; pass the one that is meant: replay.model(model)"
            )
        return next(iter(found.values()))

    async def _answer(self, request: dict[str, Any]) -> AsyncGenerator[StreamChunk]:
        if self.misses:
            # A tool's miss is an error that its model could talk away; the run must not get that far.
            raise self.misses[0]
        found = self._find(self._models, request)
        for piece in found.exchange.answer or ():
            await asyncio.sleep(0)
            yield chunk_of(piece)
        if found.exchange.error is not None:
            raise _model_error(found)
        if found.exchange.is_cut:
            raise await self._silence("answer")

    def tools(self, tools: Iterable[Tool]) -> list[BaseTool]:
        """Copies of the tools that give the recorded results and do nothing."""
        return [self._tool(each if isinstance(each, BaseTool) else tool(each)) for each in tools]

    def _tool(self, original: BaseTool) -> BaseTool:
        twin = copy(original)

        async def execute(
            parameters: dict[str, Any], context: ExecutionContext, abort_signal: AbortSignal | None = None
        ) -> ToolResult:
            exchange = self._find(self._tools, call_of(twin, parameters)).exchange
            await asyncio.sleep(0)
            if exchange.error is not None:
                raise ToolError(exchange.error)
            if exchange.is_cut:
                raise await self._silence("call")
            return result_of(exchange.answer)

        twin.execute = execute
        return twin

    def _find(self, shelf: "_Shelf", request: dict[str, Any]) -> "_Found":
        try:
            return shelf.take(self._secrets.data(request))
        except ReplayMiss as miss:
            self.misses.append(miss)
            raise

    async def _silence(self, what: str) -> ReplayMiss:
        """Wait for the cancel that ended the recorded one; give the miss that it is when none comes."""
        await asyncio.sleep(self._patience)
        miss = ReplayMiss(f"the recorded {what} was cut off here by a cancel, and nobody has cancelled this one")
        self.misses.append(miss)
        return miss

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.misses and error is None:
            raise self.misses[0]
        if self.misses and error is not None:
            error.add_note(f"ReplayMiss: {self.misses[0]}")  # what a test found missing is missing because of this


@dataclass(frozen=True, slots=True)
class _Found:
    """A recorded exchange; `has_next` when the recording holds another answer to the same request."""

    exchange: Exchange
    has_next: bool


class _Shelf:
    """The exchanges of one kind, by their requests."""

    def __init__(self, exchanges: Sequence[Exchange], kind: str, *, repeat: bool) -> None:
        self._kind, self._repeat = kind, repeat
        self._known: defaultdict[str, list[Exchange]] = defaultdict(list)
        for exchange in exchanges:
            self._known[written(exchange.request)].append(exchange)
        self._taken: Counter[str] = Counter()

    def members(self, name: str) -> list[Any]:
        """That member of each request."""
        return [known[0].request[name] for known in self._known.values()]

    def take(self, request: Mapping[str, Any]) -> _Found:
        """What was recorded for the request; the next time, what came after it."""
        key = written(request)
        if key not in self._known:
            raise ReplayMiss(f"this {self._kind} is not in the recording\n{self._difference(request)}")
        known, number = self._known[key], self._taken[key]
        self._taken[key] += 1
        if number >= len(known) and not self._repeat:
            times = "once" if len(known) == 1 else f"{len(known)} times"
            raise ReplayMiss(f"this {self._kind} is recorded {times}, and comes once more:\n{_head(lines_of(request))}")
        place = number % len(known)
        return _Found(known[place], place + 1 < len(known))

    def _difference(self, request: Mapping[str, Any]) -> str:
        from difflib import unified_diff

        wanted = list(lines_of(request))
        recorded = [list(lines_of(known[0].request)) for known in self._known.values()]
        if not recorded:
            return f"which holds none at all:\n{_head(wanted)}"
        nearest = max(recorded, key=lambda lines: _nearness(lines, wanted))
        return _head(unified_diff(nearest, wanted, "the nearest recorded one", "this one", n=2, lineterm=""))


def _nearness(one: Sequence[str], other: Sequence[str]) -> float:
    """How much of two texts is the same: 1 when they hold the same lines."""
    same = (Counter(one) & Counter(other)).total()
    return 2 * same / (len(one) + len(other))


def _head(lines: Iterable[str]) -> str:
    all_lines = list(lines)
    rest = [f"… and {len(all_lines) - _SHOWN} lines more"] if len(all_lines) > _SHOWN else []
    return "\n".join([*all_lines[:_SHOWN], *rest])


def _model_error(found: _Found) -> ModelError:
    fields: dict[str, Any] = dict(found.exchange.error)
    if found.has_next:
        fields["retry_after"] = 0.0  # a test has no provider to spare
    return ModelError(**fields)


_OWN = ("id", "provider", "temperature", "top_p", "max_tokens", "frequency_penalty", "presence_penalty")


class _Recorded(Model):
    """A model of which nothing is there but its recorded parameters."""

    async def arun_stream(
        self, messages: Sequence[Message], tools: Sequence[Mapping[str, Any]] | None = None
    ) -> AsyncGenerator[StreamChunk]:
        """Give nothing; what answers is put in its place."""
        return
        yield StreamChunk()  # what makes this a generator
