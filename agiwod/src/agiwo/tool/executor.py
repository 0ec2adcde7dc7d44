"""Runs one tool call so that whatever the tool does, a storable result comes out in time. Decides no order of calls."""

import asyncio
import logging
import traceback
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from agiwo.abort import AbortSignal
from agiwo.clock import Clock, SystemClock
from agiwo.errors import ConfigError, ToolError
from agiwo.schema.tool import ExecutionContext, ToolCall, ToolDefinition
from agiwo.tool.arguments import ArgumentSchema, nearest, parse_arguments
from agiwo.tool.base import BaseTool
from agiwo.tool.cache import ResultCache
from agiwo.tool.definition import definition_of
from agiwo.tool.policy import Policy, Verdict
from agiwo.tool.result import ToolResult
from agiwo.tool.settling import settled

_log = logging.getLogger(__name__)

_GRACE = 0.1
"""Seconds a cancelled tool has for its clean-up before it is left to itself."""

_ERROR = 2000
"""Characters of an exception's text that the model is told."""


class ToolExecutor:
    """The tools of one agent, ready to be called by name.

    The policy's rules come before what a tool itself says about approval.
    """

    def __init__(self, tools: Iterable[BaseTool], clock: Clock | None = None, *, policy: Policy | None = None) -> None:
        self._clock = clock or SystemClock()
        self._policy = policy or Policy()
        self._cache = ResultCache(self._clock)
        self._tools: dict[str, BaseTool] = {}
        self._definitions: dict[str, ToolDefinition] = {}
        self._schemas: dict[str, ArgumentSchema] = {}
        self._running: set[asyncio.Task[object]] = set()
        for tool in tools:
            self._add(tool)

    @property
    def definitions(self) -> Mapping[str, ToolDefinition]:
        """What the model is told, by name, in the order the tools were given."""
        return self._definitions

    @property
    def judged(self) -> frozenset[str]:
        """The tools whose calls may need somebody's approval, or be denied."""
        tools, policy = self._tools.items(), self._policy
        return frozenset(name for name, tool in tools if tool.may_need_approval or policy.is_about(name))

    def is_ruled(self, name: str) -> bool:
        """Whether a rule could ask about calls of a tool of this name, or deny them, also of one that is none here."""
        return self._policy.is_about(name)

    def judge(self, call: ToolCall, policy: Policy | None = None) -> Verdict:
        """What becomes of the call by `policy` (this executor's, unless given), else by the tool itself.

        A call that cannot run is allowed: nobody need be asked about what only gives an error.
        """
        try:
            arguments = self._arguments_of(call)
        except ToolError:
            return Verdict("allow")
        return self._judged(call.name, arguments, policy or self._policy)

    def judge_by_rules(self, call: ToolCall) -> Verdict:
        """What becomes of the call of a tool that somebody else runs: only the rules can tell."""
        try:
            return self._policy.judge(call.name, parse_arguments(call.arguments)) or Verdict("allow")
        except ToolError:
            return Verdict("allow")

    async def execute(
        self, call: ToolCall, context: ExecutionContext, signal: AbortSignal | None = None, *, approved: bool = False
    ) -> ToolResult:
        """Run the call; every fault of the model's or the tool's comes back as an error result.

        `approved` says that somebody was asked; a call that needs it does not run without, and a denied one never does.
        A tool has `timeout_seconds`, is then cancelled, and after 100 ms abandoned: what it still gives is dropped. So
        it is when `signal` is raised, or when the caller is cancelled, out of which `CancelledError` comes.
        """
        started = self._clock.now()
        arguments: dict[str, Any] = {}
        try:
            arguments = self._arguments_of(call)
            self._permit(call.name, arguments, approved=approved)
            result = _already_aborted(signal) or await self._run_or_recall(call, arguments, context, signal)
        except ToolError as error:
            result = ToolResult.failed(str(error))
        ended = self._clock.now()
        return replace(
            result,
            tool_name=call.name,
            tool_call_id=call.id,
            input_args=arguments,
            start_time=started,
            end_time=ended,
            duration=ended - started,
        )

    async def close(self) -> None:
        """Cancel what is still running, abandoned tools too; wait no longer than their grace."""
        running = set(self._running)
        for task in running:
            task.cancel()
        if running:
            await asyncio.wait(running, timeout=_GRACE)

    def _add(self, tool: BaseTool) -> None:
        definition = definition_of(tool)
        if definition.name in self._tools:
            raise ConfigError(f"two tools are named {definition.name!r}; give one of them another name")
        self._tools[definition.name] = tool
        self._definitions[definition.name] = definition
        self._schemas[definition.name] = ArgumentSchema(definition.name, definition.parameters)

    def _arguments_of(self, call: ToolCall) -> dict[str, Any]:
        if call.name not in self._schemas:
            raise ToolError(f"there is no tool {call.name[:100]!r}{nearest(call.name, self._schemas, 'the tools are')}")
        arguments = parse_arguments(call.arguments)
        self._schemas[call.name].check(arguments)
        return arguments

    def _judged(self, name: str, arguments: dict[str, Any], policy: Policy) -> Verdict:
        tool = self._tools[name]
        try:
            ruled = policy.judge(name, tool.policy_arguments(arguments))
            return ruled or Verdict("ask" if tool.needs_approval(arguments) else "allow")
        except Exception as error:
            # The border to code that is not ours; what cannot be judged must not run unseen.
            _log.warning("tool %s cannot judge a call", name, exc_info=error)
            return Verdict("ask", f"{name} could not tell whether it needs approval ({type(error).__name__})")

    def _permit(self, name: str, arguments: dict[str, Any], *, approved: bool) -> None:
        verdict = self._judged(name, arguments, self._policy)
        if verdict.action == "deny":
            raise ToolError(f"this call of {name} is not allowed: {verdict.reason or 'a rule denies it'}")
        if verdict.action == "ask" and not approved:
            raise ToolError(f"this call of {name} needs somebody's approval, and nobody gave it")

    async def _run_or_recall(
        self, call: ToolCall, arguments: dict[str, Any], context: ExecutionContext, signal: AbortSignal | None
    ) -> ToolResult:
        tool = self._tools[call.name]
        key = self._cache.key(tool, arguments, context)
        if key is None:
            return await self._run(call, arguments, context, signal)
        result = self._cache.find(key)
        if result is None:
            result = await self._run(call, arguments, context, signal)
            self._cache.keep(key, result, tool.cache_seconds)
        return result

    async def _run(
        self, call: ToolCall, arguments: dict[str, Any], context: ExecutionContext, outer: AbortSignal | None
    ) -> ToolResult:
        signal, limit = AbortSignal(), self._definitions[call.name].timeout_seconds
        parameters = dict(arguments)
        if not self._schemas[call.name].names("tool_call_id"):
            parameters["tool_call_id"] = call.id
        work = _guarded(self._tools[call.name], parameters, self._within(context, limit), signal)
        task = asyncio.create_task(work, name=f"tool {call.name}")
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        try:
            stopped = await self._finished(task, limit, outer)
        except asyncio.CancelledError:
            await _end(task, signal, "the run was cancelled")
            raise
        if stopped is None:
            return await _stored(call.name, task)
        await _end(task, signal, stopped.error or "")
        return stopped

    def _within(self, context: ExecutionContext, limit: float | None) -> ExecutionContext:
        if limit is None:
            return context
        deadline = self._clock.now() + limit
        return replace(context, timeout_at=min(deadline, context.timeout_at or deadline))

    async def _finished(
        self, task: asyncio.Task[object], limit: float | None, outer: AbortSignal | None
    ) -> ToolResult | None:
        """None once the task is done, or the result that stands for it when it has to be stopped."""
        ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        task.add_done_callback(lambda _: _settle(ended))
        timer = None if limit is None else self._clock.call_at(self._clock.now() + limit, lambda: _settle(ended))
        aborted = None if outer is None else asyncio.create_task(outer.wait(), name="tool abort")
        if aborted:
            aborted.add_done_callback(lambda _: _settle(ended))
        try:
            await ended
        finally:
            if timer:
                timer.cancel()
            if aborted:
                aborted.cancel()
        if task.done():
            return None
        return _already_aborted(outer) or ToolResult.failed(
            f"the tool did not finish within {limit:g} seconds and was given up"
        )


def _already_aborted(signal: AbortSignal | None) -> ToolResult | None:
    return ToolResult.aborted(signal.reason or "the call was cancelled") if signal and signal.is_aborted() else None


async def _guarded(
    tool: BaseTool, parameters: dict[str, Any], context: ExecutionContext, signal: AbortSignal
) -> object:
    # The border to code that is not ours. What is no Exception too: a tool that calls sys.exit, or raises something
    # of its own, must not end the process. Ctrl-C does not come this way: asyncio's runner makes a cancel of it.
    try:
        return await tool.execute(parameters, context, signal)
    except asyncio.CancelledError:
        raise
    except BaseException as error:
        return _failed(tool.get_name(), error)


async def _stored(name: str, task: asyncio.Task[object]) -> ToolResult:
    """What the tool gave, as it can be stored."""
    if task.cancelled():
        return ToolResult.failed("the tool cancelled itself")
    # The same border: what is stored is made of objects that are not ours.
    try:
        return await settled(task.result())
    except asyncio.CancelledError:
        raise
    except Exception as error:
        return _failed(name, error)


def _failed(name: str, error: BaseException) -> ToolResult:
    if isinstance(error, ToolError):
        return ToolResult.failed(str(error))
    _log.info("tool %s raised", name, exc_info=error)
    text = "".join(traceback.format_exception_only(error)).strip()
    return ToolResult.failed(text[:_ERROR])


async def _end(task: asyncio.Task[object], signal: AbortSignal, reason: str) -> None:
    signal.abort(reason)
    task.cancel()
    await asyncio.wait({task}, timeout=_GRACE)
    if not task.done():
        _log.warning("%s ignores its cancellation and is abandoned", task.get_name())


def _settle(future: "asyncio.Future[None]") -> None:
    if not future.done():
        future.set_result(None)
