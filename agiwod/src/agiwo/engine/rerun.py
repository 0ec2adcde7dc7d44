"""A finished run once more, for another model: what it does again is answered from the records. Drives no run."""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from agiwo.durable import SPEC, STEP, DurableContext, Effect, Outcome, Program, Programs, StepResult, StepScope, digest
from agiwo.engine.operation import SPAWN
from agiwo.errors import Conflict, CursorExpired, NotFound
from agiwo.journal.base import Journal
from agiwo.loop.items import parsed_arguments, tool_call_item
from agiwo.schema.event import APPROVAL_REQUESTED, APPROVAL_RESOLVED, ITEM_COMPLETED, RUN_WOKEN, NewEvent
from agiwo.schema.record import Record
from agiwo.schema.run import RunSpec, Usage

RERUN: Final = "rerun"
"""Where a run's metadata names the run that it does once more, and the seq from which it is left to its model."""

_STEER: Final = "steer"
"""The topic of messages that join a conversation while it goes on; an answer without calls takes no more of them."""

_ALL: Final = 2**53
"""A seq that no run reaches."""

_ANSWER = re.compile(r"(\d+)/llm")
_RESULT = re.compile(r"(\d+)\.(\d+)/run")

_FREE = Usage(cost_usd=0.0, cost_basis="known")
"""What an answer uses that is taken from a record."""

_NOT_RUN = (
    "Not run: this run repeats an earlier one, which made no such call, and the tool does something in the world. "
    "Go on without the result."
)


async def spec_again(journal: Journal, run: str, start: int = 1) -> RunSpec:
    """What to submit to do a finished run once more, in a fork of its session from before it.

    What the run's model answered before seq `start` stands; from there on the new run's model is asked. It works for no
    scheduler: agents that it started on their own and sleeps are calls with a recorded result, like those of any tool.

    Raises:
        NotFound: there is no such run.
        Conflict: it has not ended.
        CursorExpired: it has not had an event `start`.
    """
    head = await journal.run(run)
    if head is None:
        raise NotFound("run", run)
    if not head.status.is_terminal:
        raise Conflict(f"run {run} has not ended; only a finished run can be done once more")
    if start > head.head:
        raise CursorExpired(run, start, head.head)
    records = await journal.load(run)
    stored = next(record for record in records if record.key == SPEC)
    spec = RunSpec.from_json(stored.data["spec"])
    metadata = {**spec.metadata, RERUN: {"run": run, "from": start}}
    plan = spec.plan if spec.state is None else _unscheduled(spec.plan, records)
    return replace(spec, parent=None, depth=0, metadata=metadata, plan=plan, state=None)


def _unscheduled(plan: Mapping[str, Any], records: Sequence[Record]) -> Mapping[str, Any]:
    limits = plan["limits"]
    # They counted anew after each wake, and now there is none.
    steps = limits["max_steps"] * (1 + sum(record.type == RUN_WOKEN for record in records))
    carried = {name: each for name, each in plan["agents"].items() if "does" not in each}
    return {**plan, "agents": carried, "limits": {**limits, "max_steps": steps}}


class Reruns:
    """The `Programs` of an engine that can do finished runs once more."""

    def __init__(self, programs: Programs, journal: Journal) -> None:
        self._programs, self._journal = programs, journal

    def find(self, spec: RunSpec) -> Program | None:
        """The run's program; with the records of the earlier run behind it, when it does one once more."""
        program, source = self._programs.find(spec), spec.metadata.get(RERUN)
        return Rerun(program, self._journal, source["run"], source["from"]) if program and source else program


class Rerun:
    """A program that takes from an earlier run's records what it would do again.

    Those are the model's answers before seq `start`, which cost nothing, and the results of the same tool calls,
    wherever they come. A call that was not made then is run if the tool only reads; else the model is told that it was
    not. The same holds for the runs of other agents below it. Nobody is asked about a call that is not run.
    """

    def __init__(self, program: Program, journal: Journal, run: str, start: int) -> None:
        self.version = program.version
        self._program, self._journal, self._run, self._start = program, journal, run, start
        self._earlier: _Earlier | None = None
        own = {"model": self._model, "tool": self._tool, "child": self._child, "judge": self._judge, "host": self._host}
        self.effects: Mapping[str, Effect] = {name: own.get(name, effect) for name, effect in program.effects.items()}

    async def main(self, ctx: DurableContext) -> Outcome:
        """Run to the end."""
        return await self._program.main(ctx)

    async def _model(self, scope: StepScope, arg: Any) -> StepResult:
        earlier = await self._records()
        found = earlier.answer(scope.key)
        return await found.again(scope) if found else await self._program.effects["model"](scope, arg)

    async def _tool(self, scope: StepScope, arg: Any) -> StepResult:
        earlier = await self._records()
        if found := earlier.result(scope.key, arg):
            return await found.again(scope, arg)
        if _does_something(scope.run.spec, arg["name"]):
            value = {"content": _NOT_RUN, "isError": True}
            return StepResult(value, [tool_call_item(f"{scope.run.id}.{arg['item']}", arg, value)])
        return await self._program.effects["tool"](scope, arg)

    async def _judge(self, scope: StepScope, arg: Any) -> StepResult:
        carried: Mapping[str, Any] = scope.run.spec.plan.get("agents", {}).get(arg["name"], {})
        earlier, is_agent = await self._records(), bool(carried) and carried.get("does") != "host"
        found = earlier.result(scope.key, arg)
        if found is None and (is_agent or not _does_something(scope.run.spec, arg["name"])):
            return await self._program.effects["judge"](scope, arg)
        # A recorded refusal is a result, too; but of an agent there are only runs, and this one had none.
        reason = earlier.refusal(scope.key, arg) if found and is_agent else None
        verdict = {"action": "allow" if reason is None else "deny", "reason": reason or ""}
        return StepResult({**verdict, "arguments": parsed_arguments(arg["arguments"])})

    async def _child(self, scope: StepScope, arg: Any) -> StepResult:
        earlier = await self._records()
        result = await self._program.effects["child"](scope, arg)
        metadata = {**result.value["metadata"], RERUN: earlier.child(scope.key, arg)}
        return replace(result, value={**result.value, "metadata": metadata})

    async def _host(self, scope: StepScope, arg: Any) -> StepResult:
        """What a client said to the same call; it is not asked again, and about a new call not at all."""
        found = (await self._records()).result(scope.key, arg)
        return StepResult({"output": found.output if found else {"content": _NOT_RUN, "isError": True}})

    async def _records(self) -> "_Earlier":
        if self._earlier is None:
            self._earlier = _Earlier(await self._journal.load(self._run), self._start)
        return self._earlier


def _does_something(spec: RunSpec, tool: str) -> bool:
    tools: Sequence[Mapping[str, Any]] = spec.plan.get("tools", ())
    return any(each["name"] == tool and each.get("effect", "once") != "read" for each in tools)


class _Step:
    """A step of the earlier run: its value, and the items that it completed."""

    def __init__(self, value: Mapping[str, Any], items: Sequence[Record]) -> None:
        self._value, self._items = value, items

    @property
    def output(self) -> Mapping[str, Any]:
        """What a call gave, as its item tells it."""
        items = (each.data["output"] for each in self._items if "output" in each.data)
        return next(items, {"content": self._value["content"], "isError": self._value.get("isError", False)})

    async def again(self, scope: StepScope, call: Mapping[str, Any] | None = None) -> StepResult:
        """The same as the result of another run's step; with `call`, as the result of that call."""
        if call is not None:
            item = f"{scope.run.id}.{call['item']}"
            events = [NewEvent(ITEM_COMPLETED, {**each.data, "callId": call["id"]}, item) for each in self._items]
            return StepResult(self._value, events)
        events = [
            NewEvent(ITEM_COMPLETED, each.data, f"{scope.run.id}{(each.item or '').removeprefix(each.run)}")
            for each in self._items
        ]
        value = {**self._value, "usage": _FREE.to_json()}
        value.pop("lost", None)
        if not value["toolCalls"]:
            value["more"] = not await scope.close(_STEER) or value["more"]
        return StepResult(value, events)


class _Earlier:
    """What an earlier run's records answer."""

    def __init__(self, records: Sequence[Record], start: int) -> None:
        self._items: defaultdict[str, list[Record]] = defaultdict(list)
        self._steps: dict[str, Record] = {}
        self._spawned: dict[str, str] = {}
        self._asked: dict[str, Mapping[str, Any]] = {}
        self._refused: dict[str, str] = {}
        limit = next((record.position for record in records if (record.seq or 0) >= start), len(records) + 1)
        for record in records:
            item = (record.item or "").removeprefix(f"{record.run}.")
            if record.type == ITEM_COMPLETED and item:
                self._items[item].append(record)
            elif record.type == APPROVAL_REQUESTED:
                self._asked[item] = record.data["subject"]
            elif record.type == APPROVAL_RESOLVED and not record.data["outcome"].startswith("allow"):
                self._refused[item] = record.data.get("reason") or record.data["outcome"]
            elif record.type == STEP and record.key:
                self._steps[record.key] = record
            elif record.type == SPAWN and record.key:
                self._spawned[record.key] = record.data["value"]
        self._kept = {key for key, record in self._steps.items() if record.position < limit}
        self._calls = self._calls_by_what_they_ask()

    def answer(self, key: str) -> _Step | None:
        """What the model said in that step, if it is to stand."""
        if key not in self._kept or not _ANSWER.fullmatch(key):
            return None
        turn = key.partition("/")[0]
        items = [each for name, found in self._items.items() if _is_of_answer(name, turn) for each in found]
        return _Step(self._steps[key].data["value"], items)

    def result(self, key: str, call: Mapping[str, Any]) -> _Step | None:
        """What the same call gave."""
        nearest = self._nearest(key, call)
        if nearest is None:
            return None
        return _Step(self._steps[nearest].data["value"], self._items[nearest.partition("/")[0]])

    def refusal(self, key: str, call: Mapping[str, Any]) -> str | None:
        """Why somebody did not allow the same call, if they did not."""
        nearest = self._nearest(key, call)
        return self._refused.get(nearest.partition("/")[0]) if nearest else None

    def child(self, key: str, call: Mapping[str, Any]) -> Mapping[str, Any]:
        """Which run a child's does once more, as its metadata names it: that of the same call, or none at all."""
        nearest = self._nearest(key, call)
        spawned = nearest and self._spawned.get(nearest.replace("/run", "/spawn"))
        return {"run": spawned or "", "from": _ALL if nearest in self._kept else 1}

    def _nearest(self, key: str, call: Mapping[str, Any]) -> str | None:
        """The step of the same call: the latest one up to this step, else the first one after it."""
        made = self._calls.get(digest(call["name"], parsed_arguments(call["arguments"])), ())
        before = [each for each in made if _place(each) <= _place(key)]
        return before[-1] if before else next(iter(made), None)

    def _calls_by_what_they_ask(self) -> Mapping[str, list[str]]:
        found: defaultdict[str, list[str]] = defaultdict(list)
        for key in sorted(filter(_RESULT.fullmatch, self._steps), key=_place):
            place = key.partition("/")[0]
            # As the item tells it, and not as the model asked: a hook may have changed the arguments. Somebody who was
            # asked may have changed them too, but after the hook: then both are what the call asked.
            asked = [item.data for item in self._items[place]]
            asked += [self._asked[place]] if place in self._asked else []
            for what in {digest(each["name"], each["arguments"]) for each in asked}:
                found[what].append(key)
        return found


def _is_of_answer(item: str, turn: str) -> bool:
    """Whether an item is the model's own: `3.message`, and not the tool call `3.0`."""
    own, _, name = item.partition(".")
    return own == turn and not name.isdigit()


def _place(key: str) -> tuple[int, int]:
    turn, _, index = key.partition("/")[0].partition(".")
    return int(turn), int(index)
