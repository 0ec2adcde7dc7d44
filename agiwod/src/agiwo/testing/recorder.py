"""Records what models and tools answer while agents really run. Changes nothing of it, and answers nothing itself."""

import traceback
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from contextlib import aclosing
from copy import copy
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from agiwo.abort import AbortSignal
from agiwo.clock import SystemClock
from agiwo.errors import ModelError, ToolError
from agiwo.llm.base import Message, Model
from agiwo.schema.chunk import StreamChunk
from agiwo.schema.tool import ExecutionContext
from agiwo.testing.canonical import model_request, parameters_of, tool_request
from agiwo.testing.recording import Exchange, Recording, kept_of, piece_of
from agiwo.testing.secrets import Secrets
from agiwo.tool.base import BaseTool
from agiwo.tool.function import tool
from agiwo.tool.result import ToolResult

_ERROR = 2000
"""Characters of an exception's text that are kept, which is what a model is told of it."""

Tool = BaseTool | Callable[..., Any]
"""What an agent takes as a tool."""


class Recorder:
    """Writes the traffic of the models and tools that were handed through it to a file that `Replay` answers from.

        with Recorder("weather.json") as recorder:
            agent = Agent("clerk", "…", recorder.model(model), tools=recorder.tools([forecast]))
            await agent.run("Will it rain?")

    The file is written when the block is left, however it is left, or by `save`: whole, in the place of an earlier one,
    for its owner alone. It holds no key: what looks like a key or a bearer token becomes `[redacted:NAME]`, and so do
    the keys in the settings, those of the models, and `secrets` (name -> value).
    """

    def __init__(self, path: str | Path, *, secrets: Mapping[str, str] | None = None) -> None:
        self.path = Path(path)
        self._recording = Recording()
        self._secrets = Secrets({**_keys_in_settings(), **(secrets or {})})

    def model(self, model: Model) -> Model:
        """A copy of the model that answers the same and is recorded; its fallback models too."""
        if model.api_key:
            self._secrets.learn({"api_key": model.api_key})
        twin = copy(model)
        ask = twin.arun_stream

        def stream(
            messages: Sequence[Message], tools: Sequence[Mapping[str, Any]] | None = None, **options: Any
        ) -> AsyncGenerator[StreamChunk]:
            request = model_request(parameters_of(twin), messages, tools, options)
            return self._answer(request, ask(messages, tools, **options))

        twin.arun_stream = stream
        twin.fallback = [self.model(each) for each in model.fallback]
        return twin

    async def _answer(
        self, request: dict[str, Any], answer: AsyncGenerator[StreamChunk]
    ) -> AsyncGenerator[StreamChunk]:
        pieces: list[Any] = []
        exchange = Exchange(request, pieces, is_cut=True)
        self._recording.models.append(exchange)
        async with aclosing(answer) as chunks:
            try:
                async for chunk in chunks:
                    pieces.append(piece_of(chunk))
                    if chunk.finish_reason:
                        exchange.is_cut = False
                    yield chunk
            except ModelError as error:
                exchange.error = {"message": str(error), **vars(error)}
                exchange.is_cut = False
                raise

    def tools(self, tools: Iterable[Tool]) -> list[BaseTool]:
        """Copies of the tools that do the same and are recorded."""
        return [self._tool(each if isinstance(each, BaseTool) else tool(each)) for each in tools]

    def _tool(self, original: BaseTool) -> BaseTool:
        twin = copy(original)
        run = twin.execute

        async def execute(
            parameters: dict[str, Any], context: ExecutionContext, abort_signal: AbortSignal | None = None
        ) -> ToolResult:
            exchange = Exchange(call_of(twin, parameters), is_cut=True)
            self._recording.tools.append(exchange)
            try:
                result = ToolResult.of(await run(parameters, context, abort_signal))
            except (Exception, SystemExit) as error:
                # The border to code that is not ours: what it raises is recorded as the model is told it.
                exchange.error, exchange.is_cut = _told(error), False
                raise
            finally:
                if exchange.is_cut and _is_over(context):
                    exchange.error, exchange.is_cut = abort_signal and abort_signal.reason, False
            exchange.answer, exchange.is_cut = kept_of(result), False
            return result

        twin.execute = execute
        return twin

    def save(self) -> None:
        """Write what was recorded so far."""
        self._recording.save(self.path, self._secrets)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.save()


def call_of(tool: BaseTool, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """A call of the tool as a canonical request, without the call's id that the executor adds."""
    own = tool.get_parameters().get("properties", {})
    arguments = {name: value for name, value in parameters.items() if name != "tool_call_id" or name in own}
    return tool_request(tool.get_name(), arguments)


def _told(error: BaseException) -> str:
    """What the executor tells a model of an exception."""
    if isinstance(error, ToolError):
        return str(error)
    return "".join(traceback.format_exception_only(error)).strip()[:_ERROR]


def _is_over(context: ExecutionContext) -> bool:
    return context.timeout_at is not None and SystemClock().now() >= context.timeout_at


def _keys_in_settings() -> dict[str, str]:
    from agiwo.config import settings

    known, ending = settings(), "_api_key"
    names = [name.removesuffix(ending) for name in type(known).model_fields if name.endswith(ending)]
    return {f"{name}{ending}".upper(): key for name in names if (key := known.api_key(name))}
