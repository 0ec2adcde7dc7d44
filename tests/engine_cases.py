"""Tiny programs that every engine must run alike, with what is done to them from outside. Knows no engine."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

from agiwo import ids
from agiwo.durable import DurableContext, Effect, Engine, Outcome, Program, StepResult, StepScope
from agiwo.errors import EffectFailed, Interrupted
from agiwo.schema.run import RunResult, RunSpec, RunStatus

TIMEOUT: Final = 60.0
"""Seconds after which a run that has not ended is a failure of its engine."""


class Played:
    """A case as a program, for one run of it.

    `is_there` is set by the step `here` and when the steps `hang` and `work` begin; the latter ends with `may_end`.
    """

    version = "1"

    def __init__(self, loop: Callable[[DurableContext], Awaitable[Any]]) -> None:
        self.is_there, self.may_end = asyncio.Event(), asyncio.Event()
        self.effects: dict[str, Effect] = {
            "echo": echo,
            "fail": fail,
            "unstorable": unstorable,
            "here": self._here,
            "hang": self._hang,
            "work": self._work,
        }
        self._loop = loop

    async def main(self, ctx: DurableContext) -> Outcome:
        """Run the loop; what it returns that is no outcome is its output."""
        value = await self._loop(ctx)
        return value if isinstance(value, Outcome) else Outcome(output=value)

    async def _here(self, scope: StepScope, arg: Any) -> StepResult:
        self.is_there.set()
        return StepResult()

    async def _hang(self, scope: StepScope, arg: Any) -> StepResult:
        self.is_there.set()
        await asyncio.Event().wait()
        return StepResult()

    async def _work(self, scope: StepScope, arg: Any) -> StepResult:
        self.is_there.set()
        await self.may_end.wait()
        return StepResult(arg)


Drive = Callable[[Engine, str, Played], Awaitable[None]]


async def echo(scope: StepScope, arg: Any) -> StepResult:
    """Gives back what it is asked."""
    return StepResult(arg)


async def fail(scope: StepScope, arg: Any) -> StepResult:
    """Fails on purpose."""
    raise EffectFailed("refused", "not today", retryable=True, detail={"when": "tomorrow"})


async def unstorable(scope: StepScope, arg: Any) -> StepResult:
    """Gives what no record can hold."""
    return StepResult(object())


async def leave_alone(engine: Engine, run: str, program: Played) -> None:
    """Do nothing from outside."""


def sends(*messages: tuple[str, str, dict[str, Any]]) -> Drive:
    """Send messages (id, topic, data), one after the other."""

    async def drive(engine: Engine, run: str, program: Played) -> None:
        for id, topic, data in messages:
            await engine.send(run, id, topic, data)

    return drive


async def cancel(engine: Engine, run: str, program: Played) -> None:
    """Cancel once the run is where it is to be cancelled."""
    async with asyncio.timeout(TIMEOUT):
        await program.is_there.wait()
    assert await engine.cancel(run, "enough")


async def shut_down(engine: Engine, run: str, program: Played) -> None:
    """Shut down once the run is where that is to happen."""
    async with asyncio.timeout(TIMEOUT):
        await program.is_there.wait()
    assert await engine.conclude(run, "good night")
    program.may_end.set()


@dataclass(frozen=True)
class AnyEngine:
    """An engine and where it finds its programs."""

    engine: Engine
    programs: dict[str, Program]


@dataclass(frozen=True)
class Case:
    """A loop, what is done to it, and how it must end."""

    name: str
    loop: Callable[[DurableContext], Awaitable[Any]]
    output: Any = None
    status: RunStatus = RunStatus.COMPLETED
    drive: Drive = leave_alone
    reason: str | None = None

    async def play(self, on: AnyEngine) -> RunResult:
        """Run it on this engine."""
        engine, program = on.engine, Played(self.loop)
        on.programs["case"] = program
        run = await engine.submit(RunSpec("case", ids.fresh("ses"), "go"))
        await self.drive(engine, run, program)
        return await engine.result(run, TIMEOUT)


def _said(results: Any) -> list[Any]:
    return [result and result.output for result in results.values()]


def _child(ctx: DurableContext, name: str) -> RunSpec:
    return RunSpec("case", f"{ctx.run.id} {name}", name)


# Steps


async def _one_step(ctx: DurableContext) -> Any:
    return await ctx.step("one", "echo", {"text": "Grüße 🌍", "n": [1, None, 0.5]})


async def _failing(ctx: DurableContext) -> Any:
    try:
        await ctx.step("one", "fail", None)
    except EffectFailed as error:
        return [error.kind, str(error), error.retryable, error.detail]


async def _not_storable(ctx: DurableContext) -> Any:
    try:
        await ctx.step("one", "unstorable", None)
    except EffectFailed as error:
        return error.kind


async def _side_by_side(ctx: DurableContext) -> Any:
    return await asyncio.gather(*(ctx.step(f"0.{n}", "echo", n) for n in range(5)))


async def _once(ctx: DurableContext) -> Any:
    return await ctx.step("one", "echo", "once", once=True)


# Waits


async def _timer(ctx: DurableContext) -> Any:
    return [await ctx.step("before", "echo", 1), dict(await ctx.wait("timer", [], timeout=0.05))]


async def _children(ctx: DurableContext) -> Any:
    if ctx.run.spec.depth:
        return await ctx.step("say", "echo", f"{ctx.run.spec.input} at depth {ctx.run.spec.depth}")
    ids = [await ctx.spawn(name, _child(ctx, name)) for name in ("a", "b")]
    return _said(await ctx.wait("all", ids))


async def _any(ctx: DurableContext) -> Any:
    if ctx.run.spec.depth:
        if ctx.run.spec.input == "slow":
            await ctx.wait("slow", [], timeout=3600)
        return ctx.run.spec.input
    ids = [await ctx.spawn(name, _child(ctx, name)) for name in ("slow", "quick")]
    return _said(await ctx.wait("any", ids, "any"))


async def _out_of_time(ctx: DurableContext) -> Any:
    if ctx.run.spec.depth:
        await ctx.wait("slow", [], timeout=3600)
        return "too late"
    ids = [await ctx.spawn("slow", _child(ctx, "slow"))]
    return _said(await ctx.wait("all", ids, timeout=0.05))


# Mail


async def _receive(ctx: DurableContext) -> Any:
    third = await ctx.receive("a", "approval", {"call": 3})
    first = await ctx.receive("b", "approval")
    stop = await ctx.receive("c", "shutdown")
    return [message and [message.id, message.data] for message in (third, first, stop)]


async def _receive_once(ctx: DurableContext) -> Any:
    first = await ctx.receive("first", "order")
    second = await ctx.receive("second", "order", timeout=0.1)
    return [first and first.id, second]


async def _nobody_writes(ctx: DurableContext) -> Any:
    return await ctx.receive("mail", "mail", timeout=0.05)


# Cancels


async def _hang_in_a_step(ctx: DurableContext) -> Any:
    return await ctx.step("one", "hang", None)


async def _hang_in_a_timer(ctx: DurableContext) -> Any:
    await ctx.step("here", "here", None)
    return await ctx.wait("timer", [], timeout=3600)


async def _hang_in_mail(ctx: DurableContext) -> Any:
    await ctx.step("here", "here", None)
    return await ctx.receive("mail", "mail")


async def _hang_in_a_child(ctx: DurableContext) -> Any:
    if ctx.run.spec.depth:
        return await ctx.step("one", "hang", None)
    child = await ctx.spawn("spawn", _child(ctx, "child"))
    try:
        return _said(await ctx.wait("child", [child]))
    except Interrupted as stop:
        return Outcome(RunStatus.CANCELLED, reason=f"{stop.cause}: {stop.reason}")


# Shutdowns


async def _rest_in_a_timer(ctx: DurableContext) -> Any:
    await ctx.step("here", "here", None)
    try:
        await ctx.wait("timer", [], timeout=3600)
    except Interrupted as stop:
        return [stop.cause, stop.reason, await ctx.step("last", "echo", "word")]


async def _rest_in_mail(ctx: DurableContext) -> Any:
    await ctx.step("here", "here", None)
    try:
        await ctx.receive("mail", "mail")
    except Interrupted as stop:
        return stop.cause


async def _work_and_rest(ctx: DurableContext) -> Any:
    done = await ctx.step("work", "work", "worked")
    try:
        await ctx.wait("timer", [], timeout=3600)
    except Interrupted as stop:
        return [done, stop.cause]


async def _fail_and_raise(ctx: DurableContext) -> Any:
    fault = {"kind": "auth", "message": "who are you", "retryable": False}
    return Outcome(RunStatus.FAILED, error=fault)


_MAIL = sends(
    ("m1", "approval", {"call": 1}),
    ("m2", "shutdown", {}),
    ("m3", "approval", {"call": 3}),
)
_TWICE = sends(("m1", "order", {}), ("m1", "order", {}))
_CANCELLED = RunStatus.CANCELLED

CASES: Final = {
    case.name: case
    for case in (
        Case("a step gives its value", _one_step, {"text": "Grüße 🌍", "n": [1, None, 0.5]}),
        Case("a failed step raises", _failing, ["refused", "not today", True, {"when": "tomorrow"}]),
        Case("what cannot be stored fails its step", _not_storable, "not_storable"),
        Case("steps side by side keep their order", _side_by_side, [0, 1, 2, 3, 4]),
        Case("a step that is done once", _once, "once"),
        Case("a timer rings", _timer, [1, {}]),
        Case("a wait for all children", _children, ["a at depth 1", "b at depth 1"]),
        Case("a wait for any child", _any, [None, "quick"]),
        Case("a wait that runs out of time", _out_of_time, [None]),
        Case("mail by topic and match", _receive, [["m3", {"call": 3}], ["m1", {"call": 1}], ["m2", {}]], drive=_MAIL),
        Case("mail sent twice is one message", _receive_once, ["m1", None], drive=_TWICE),
        Case("mail that never comes", _nobody_writes, None),
        Case("a cancel in a step", _hang_in_a_step, status=_CANCELLED, drive=cancel, reason="enough"),
        Case("a cancel in a timer", _hang_in_a_timer, status=_CANCELLED, drive=cancel, reason="enough"),
        Case("a cancel in a receive", _hang_in_mail, status=_CANCELLED, drive=cancel, reason="enough"),
        Case("a cancel of a tree", _hang_in_a_child, status=_CANCELLED, drive=cancel, reason="cancel: enough"),
        Case("a shutdown in a timer", _rest_in_a_timer, ["shutdown", "good night", "word"], drive=shut_down),
        Case("a shutdown in a receive", _rest_in_mail, "shutdown", drive=shut_down),
        Case("a shutdown at work", _work_and_rest, ["worked", "shutdown"], drive=shut_down),
        Case("a loop that fails", _fail_and_raise, status=RunStatus.FAILED),
    )
}
"""What every engine must do, by name."""
