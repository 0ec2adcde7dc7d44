"""Runs one tool call so that whatever the tool does, a storable result comes out in time. Decides no order of calls."""

import asyncio
import logging
import traceback
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
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
from agiwo.tool.toolset import Toolset
from agiwo.tool.workspace import Workspace, located

_log = logging.getLogger(__name__)

_GRACE = 0.1
"""Seconds a cancelled tool has for its clean-up before it is left to itself."""

_ERROR = 2000
"""Characters of an exception's text that the model is told."""


@dataclass(slots=True)
class _Held:
    tool: BaseTool
    definition: ToolDefinition
    schema: ArgumentSchema

    @classmethod
    def of(cls, tool: BaseTool) -> "_Held":
        """A tool with what is known of it from the start.

        Raises: ConfigError when it cannot be a tool.
        """
        definition = definition_of(tool)
        return cls(tool, definition, ArgumentSchema(definition.name, definition.parameters))


class ToolExecutor:
    """The tools of one agent, ready to be called by name; those of `toolsets` as they are at the moment.

    The policy's rules come before what a tool itself says about approval.
    """

    def __init__(
        self,
        tools: Iterable[BaseTool],
        clock: Clock | None = None,
        *,
        policy: Policy | None = None,
        toolsets: Sequence[Toolset] = (),
    ) -> None:
        self._clock = clock or SystemClock()
        self._policy = policy or Policy()
        self._cache = ResultCache(self._clock)
        self._own: dict[str, _Held] = {}
        self._others: dict[str, _Held] = {}
        self._definitions: dict[str, ToolDefinition] = {}
        self._running: set[asyncio.Task[object]] = set()
        self.toolsets = toolsets
        for tool in tools:
            self._add(tool)

    @property
    def definitions(self) -> Mapping[str, ToolDefinition]:
        """What the model is told, by name, in the order the tools were given."""
        if not self.toolsets:
            return self._definitions
        return {name: held.definition for name, held in self._present().items()}

    @property
    def judged(self) -> frozenset[str]:
        """The tools whose calls may need somebody's approval, or be denied."""
        held, policy = self._present().items(), self._policy
        return frozenset(
            name for name, each in held if each.tool.may_need_approval or policy.is_about(*each.tool.policy_names)
        )

    async def ready(self, name: str | None = None) -> None:
        """Return once it is known which tools there are, or that takes too long; at once if `name` is an own one."""
        if self.toolsets and name not in self._own:
            await asyncio.gather(*(each.ready() for each in self.toolsets))

    def is_ruled(self, *names: str) -> bool:
        """Whether a rule could ask about calls of a tool with these names, or deny them, wherever it is from."""
        return self._policy.is_about(*names)

    def judge(self, call: ToolCall, policy: Policy | None = None) -> Verdict:
        """What becomes of the call by `policy` (this executor's, unless given), else by the tool itself.

        A call that cannot run is allowed: nobody need be asked about what only gives an error.
        """
        try:
            held, arguments = self._understood(call)
        except ToolError:
            return Verdict("allow")
        return self._judged(held.tool, arguments, policy or self._policy)

    def judge_hosted(self, tool: ToolDefinition, call: ToolCall, *, asks: bool, root: str | None) -> Verdict:
        """What becomes of the call of a tool that somebody else runs: the rules tell, else whether it `asks`."""
        try:
            arguments = parse_arguments(call.arguments)
        except ToolError:
            return Verdict("allow")  # it cannot run, so nobody need be asked
        seen = arguments if root is None else located(Workspace(root), arguments)
        return self._policy.judge(policy_names(tool), seen) or Verdict("ask" if asks else "allow")

    async def execute(
        self, call: ToolCall, context: ExecutionContext, signal: AbortSignal | None = None, *, approved: bool = False
    ) -> ToolResult:
        """Run the call; every fault of the model's or the tool's comes back as an error result.

        `approved` says that somebody was asked; a call that needs it does not run without, and a denied one never does.
        A tool has `timeout_seconds`, is then cancelled, and after 100 ms abandoned: what it still gives is dropped. So
        it is when `signal` is raised, or when the caller is cancelled, out of which `CancelledError` comes.
        """
        await self.ready(call.name)
        started = self._clock.now()
        arguments: dict[str, Any] = {}
        try:
            held, arguments = self._understood(call)
            self._permit(held.tool, arguments, approved=approved)
            result = _already_aborted(signal) or await self._run_or_recall(held, call, arguments, context, signal)
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
        held = _Held.of(tool)
        name = held.definition.name
        if name in self._own:
            raise ConfigError(f"two tools are named {name!r}; give one of them another name")
        self._own[name], self._definitions[name] = held, held.definition

    def _present(self) -> Mapping[str, _Held]:
        """The tools that there are just now: an agent's own come before those of its toolsets."""
        if not self.toolsets:
            return self._own
        found = dict(self._own)
        for tool in (tool for each in self.toolsets for tool in each.tools()):
            known = self._others.get(tool.name)
            if known is None or known.tool is not tool:
                known = _usable(tool)
            if known is not None:
                found.setdefault(tool.name, known)
        self._others = {name: held for name, held in found.items() if name not in self._own}
        return found

    def _understood(self, call: ToolCall) -> tuple[_Held, dict[str, Any]]:
        """The tool that is called, and the arguments, which fit its schema."""
        present = self._present()
        if call.name not in present:
            reasons = filter(None, (each.missing(call.name) for each in self.toolsets))
            hint = next(reasons, "") or nearest(call.name, present, "the tools are").removeprefix("; ")
            raise ToolError(f"there is no tool {call.name[:100]!r}; {hint}")
        held, arguments = present[call.name], parse_arguments(call.arguments)
        held.schema.check(arguments)
        return held, arguments

    def _judged(self, tool: BaseTool, arguments: dict[str, Any], policy: Policy) -> Verdict:
        name = tool.get_name()
        try:
            ruled = policy.judge(tool.policy_names, tool.policy_arguments(arguments))
            verdict = ruled or Verdict("ask" if tool.needs_approval(arguments) else "allow")
            if verdict.action == "ask" and not verdict.reason:
                return replace(verdict, reason=tool.approval_reason(arguments))
            return verdict
        except Exception as error:
            # The border to code that is not ours; what cannot be judged must not run unseen.
            _log.warning("tool %s cannot judge a call", name, exc_info=error)
            return Verdict("ask", f"{name} could not tell whether it needs approval ({type(error).__name__})")

    def _permit(self, tool: BaseTool, arguments: dict[str, Any], *, approved: bool) -> None:
        name, verdict = tool.get_name(), self._judged(tool, arguments, self._policy)
        if verdict.action == "deny":
            raise ToolError(f"this call of {name} is not allowed: {verdict.reason or 'a rule denies it'}")
        if verdict.action == "ask" and not approved:
            raise ToolError(f"this call of {name} needs somebody's approval, and nobody gave it")

    async def _run_or_recall(
        self,
        held: _Held,
        call: ToolCall,
        arguments: dict[str, Any],
        context: ExecutionContext,
        signal: AbortSignal | None,
    ) -> ToolResult:
        key = self._cache.key(held.tool, arguments, context)
        if key is None:
            return await self._run(held, call, arguments, context, signal)
        result = self._cache.find(key)
        if result is None:
            result = await self._run(held, call, arguments, context, signal)
            self._cache.keep(key, result, held.tool.cache_seconds)
        return result

    async def _run(
        self,
        held: _Held,
        call: ToolCall,
        arguments: dict[str, Any],
        context: ExecutionContext,
        outer: AbortSignal | None,
    ) -> ToolResult:
        signal, limit = AbortSignal(), held.definition.timeout_seconds
        parameters = dict(arguments)
        if not held.schema.names("tool_call_id"):
            parameters["tool_call_id"] = call.id
        work = _guarded(held.tool, parameters, self._within(context, limit), signal)
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
        timer = None if limit is None else self._clock.call_after(limit, lambda: _settle(ended))
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


def policy_names(tool: ToolDefinition) -> tuple[str, ...]:
    """What rules may call a tool: also by what people call it where it comes from."""
    return (tool.name, tool.source) if tool.source else (tool.name,)


def _usable(tool: BaseTool) -> _Held | None:
    """A tool of a toolset, unless it cannot be one: nobody who made the agent could do anything about it."""
    try:
        return _Held.of(tool)
    except ConfigError as error:
        _log.warning("a tool is left out: %s", error)
        return None


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
