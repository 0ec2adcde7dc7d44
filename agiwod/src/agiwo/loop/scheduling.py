"""The agents that work for this one on their own, and its sleeps until they end or a time has come. Pure decisions.

Keys beside the call's own: `{turn}.{i}/child` and `/spawn` for an agent that is started; `/sleep` for what a sleep is
to wait for, and `/wait` for the wait itself.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from agiwo.durable import DurableContext
from agiwo.errors import EffectFailed
from agiwo.loop.budget import Left, Purse
from agiwo.loop.guard import TaskGuard
from agiwo.loop.period import Period
from agiwo.loop.plan import Sleep, Spawn
from agiwo.loop.waking import Wake
from agiwo.schema.event import CHILD_SPAWNED, RUN_SLEEPING, RUN_WOKEN, NewEvent
from agiwo.schema.record import Record
from agiwo.schema.run import RunResult, RunSpec

Output = Mapping[str, Any]
"""What came of a call: `content` for the model, whether it `isError`, a `value` for programs."""


@dataclass(slots=True)
class _Known:
    """The agents that a state has started, by id: the run of each, and whose end it was told."""

    runs: dict[str, str] = field(default_factory=dict[str, str])
    told: set[str] = field(default_factory=set[str])

    def spawned(self, id: str, run: str) -> None:
        self.runs[id] = run
        self.told.discard(id)


class Children:
    """The agents below one, as its runs have recorded them: those of the session's earlier runs work on, too.

    `wakes` counts how often the run has slept.
    """

    def __init__(self, ctx: DurableContext, purse: Purse) -> None:
        self._ctx, self._purse = ctx, purse
        earlier = ctx.run.past.fold(_with_children, _Known)
        self._known = _Known(dict(earlier.runs), set(earlier.told))
        self._started: dict[str, tuple[str, str]] = {}
        self._shares: dict[str, Left] = {}
        self._period: Period | None = None
        self.wakes = 0

    # Starting

    def going(self) -> Sequence[str]:
        """The runs of those that may not have ended yet."""
        return [run for id, run in self._known.runs.items() if id not in self._known.told]

    async def spawn(
        self, key: str, call: Mapping[str, Any], spawn: Spawn, share: Left, beside: Mapping[str, Any]
    ) -> Output:
        """Start the agent that the call asks for, with its share of the budget, and wait for nothing.

        `beside` tells who else is `going` and how many are `starting`, as it was before any of these calls.

        Raises:
            EffectFailed: there may be no such agent; the message is for the model.
        """
        if refusal := TaskGuard(spawn.limits).refuse_level(self._ctx.run.spec.depth, share):
            return _error(refusal)
        asked = {**call, **beside, **({"budget": share} if share else {})}
        spec = RunSpec.from_json(await self._ctx.step(f"{key}/child", "child", asked))
        run = await self._ctx.spawn(f"{key}/spawn", spec)
        id = spec.state or run
        self._started[key] = id, run
        self._purse.lend(share)
        self._shares[id] = share
        content = f"Started the agent {id!r}. It works on its own; sleep_and_wait tells you how it ended."
        return {"content": content, "isError": False, "value": {"child_id": id, "status": "pending"}}

    def has_started(self, key: str) -> bool:
        """Whether this call, which nobody has joined yet, started an agent."""
        return key in self._started

    def join(self, keys: Iterable[str]) -> None:
        """Know those that these calls have started; in their order, and not in that in which they came to be."""
        for key in keys:
            if key in self._started:
                self._known.spawned(*self._started.pop(key))

    # Sleeping

    async def sleep(self, key: str, call: Mapping[str, Any], sleep: Sleep) -> Output:
        """Wait for what the call names, and tell what woke the agent.

        Raises:
            EffectFailed: the call names nothing that could be waited for.
            Interrupted: somebody ends the sleep, and with it the run.
        """
        guard = TaskGuard(sleep.limits)
        if refusal := guard.refuse_sleep(self.wakes):
            return _error(refusal)
        asked = await self._ctx.step(f"{key}/sleep", "sleep", dict(call))
        wake = self._wake(asked, guard)
        self._ctx.emit(f"{key}/asleep", NewEvent(RUN_SLEEPING, wake.asleep()))
        found = await self._ctx.wait(f"{key}/wait", wake.runs, wake.mode, wake.seconds)
        results = {id: found.get(run) for id, run in wake.children.items()}
        self._heard(results)
        self.wakes += 1
        woken = wake.woken(results, found.late)
        self._ctx.emit(f"{key}/awake", NewEvent(RUN_WOKEN, {**woken.event, "wakes": self.wakes}))
        return {"content": woken.text, "isError": False, "value": woken.value}

    def _wake(self, asked: Mapping[str, Any], guard: TaskGuard) -> Wake:
        """What ends the sleep that is asked for."""
        told = {name: asked[name] for name in ("timeValue", "timeUnit") if name in asked}
        if asked["type"] == "waitset":
            seconds, children = guard.wait_seconds(asked["timeout"]), self._chosen(asked["waitFor"])
            return Wake("waitset", seconds, children, asked["mode"])
        if asked["type"] == "timer":
            return Wake("timer", asked["seconds"], asked=told)
        if self._period is None or self._period.seconds != asked["seconds"] or self._period.is_over:
            self._period = Period(asked["seconds"], asked["at"], asked["timeout"])
        seconds = self._period.next(asked["at"])
        return Wake("periodic", seconds, asked=told, is_last=self._period.is_over)

    def _chosen(self, ids: Sequence[str] | None) -> dict[str, str]:
        """The runs of the agents to wait for: those that are named, else all whose end is not told yet."""
        known = self._known
        if ids is None:
            ids = [id for id in known.runs if id not in known.told]
            if not ids:
                why = "you were told how each of them ended" if known.runs else "you have started none"
                raise EffectFailed("nothing_to_wait_for", f"there is no agent to wait for: {why}")
        if unknown := [id for id in ids if id not in known.runs]:
            yours = f"yours are {', '.join(known.runs)}" if known.runs else "you have started none"
            raise EffectFailed("unknown_agent", f"there is no agent {unknown[0]!r} below you; {yours}")
        return {id: known.runs[id] for id in ids}

    def _heard(self, results: Mapping[str, RunResult | None]) -> None:
        for id, result in results.items():
            if result is None or id in self._known.told:
                continue
            self._known.told.add(id)
            if (share := self._shares.pop(id, None)) is not None:
                self._purse.take_back(share)
                self._purse.told(result)


def _with_children(known: _Known, records: Sequence[Record]) -> _Known:
    for record in records:
        if record.type == CHILD_SPAWNED and "stateId" in record.data:
            known.spawned(record.data["stateId"], record.data["runId"])
        elif record.type == RUN_WOKEN:
            known.told.update(record.data.get("ended", ()))
    return known


def _error(refusal: str) -> Output:
    return {"content": f"Error: {refusal}", "isError": True}
