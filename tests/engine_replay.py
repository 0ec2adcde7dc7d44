"""Replays every prefix of a journal: as if the process had died after each of its commits."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from agiwo.durable import INTERRUPTED, SPEC, STEP, STEP_FAILED, Programs
from agiwo.engine.embedded import EmbeddedEngine
from agiwo.engine.mailbox import MAIL
from agiwo.engine.operation import INTERRUPTION, STEP_INTENT
from agiwo.errors import Conflict
from agiwo.journal.memory import MemoryJournal
from agiwo.schema.event import TERMINAL_EVENTS, NewEvent
from agiwo.schema.record import Batch, Change
from agiwo.schema.run import RunSpec
from agiwo.testing import FrozenClock
from engine_tape import Tape, batches

_OUTCOMES = (STEP, STEP_FAILED, INTERRUPTED)

Appends = Sequence[tuple[Change, ...]]


async def replay_every_prefix(tape: Appends, programs: Programs, ran: list[tuple[str, str]], options: Any) -> None:
    """Fail unless each prefix goes on to the same ends, and runs no step again that is recorded in it.

    A prefix that ends in the middle of a step that may be done only once has an end of its own: outcome unknown.
    """
    ends = _ends(tape)
    for cut in range(1, len(tape) + 1):
        ran.clear()
        found = await _replay(tape[:cut], tape[cut:], programs, options)
        recorded, intended = _keys(tape[:cut], *_OUTCOMES), _keys(tape[:cut], STEP_INTENT)
        unknown = {(run, key.removesuffix("@")) for run, key in intended} - recorded
        again = (recorded | unknown) & set(ran)
        assert not again, f"cut after commit {cut}: these were run again though recorded: {sorted(again)}"
        for run, end in ends.items():
            same = found.get(run) == end or unknown
            assert same, f"cut after commit {cut}: {run} ended as {found.get(run)}, not as {end}"


async def _replay(past: Appends, future: Appends, programs: Programs, options: Any) -> dict[str, Any]:
    """Take up `past` in a new process, do again from outside what was done later, and tell how the runs ended."""
    journal = MemoryJournal()
    for changes in past:
        await journal.append(*changes)
    tape, clock = Tape(journal), FrozenClock(_last(past))
    engine = EmbeddedEngine(tape, programs, clock=clock, **options)
    await engine.recover()
    for changes in future:
        if (elapsed := _last([changes]) - clock.now()) > 0:
            await tape.settle()
            clock.advance(elapsed)
        if _is_from_outside(changes):
            await tape.settle()
            await _do_again(engine, changes)
    await tape.settle()
    for run in _ends([*past, *future]):
        await engine.result(run, timeout=60)
    await engine.close()
    return _ends(tape.taken) | _ends(past)


def _is_from_outside(changes: Sequence[Change]) -> bool:
    """Whether something came with this append that nobody does by themselves, so that its moment counts."""
    types = {SPEC, MAIL, INTERRUPTION}
    return any(entry.type in types for batch in batches(changes) for entry in batch.entries)


async def _do_again(engine: EmbeddedEngine, changes: Sequence[Change]) -> None:
    """What came from outside in this append: a run that was submitted, a message, a cancel."""
    for batch in batches(changes):
        spec = next((entry.data["spec"] for entry in batch.entries if entry.type == SPEC), None)
        if spec and not spec["parent"]:
            await engine.submit(RunSpec.from_json(spec), run=batch.run)
        for entry in batch.entries:
            if entry.type == MAIL:
                told = (NewEvent(each.type, each.data, each.item) for each in batch.entries if each.public)
                with suppress(Conflict):  # the run is further than it was then
                    await engine.send_first(
                        batch.run, entry.data["id"], entry.data["topic"], entry.data["data"], next(told, None)
                    )
            elif entry.type == INTERRUPTION and entry.data["cause"] == "cancel":
                await engine.cancel(batch.run, entry.data["reason"], entry.data["scope"])
                return  # the other batches are those of the runs below it
            elif entry.type == INTERRUPTION and entry.data["cause"] == "shutdown":
                await engine.conclude(batch.run, entry.data["reason"], entry.data["scope"])
                return


def _batches(tape: Appends) -> Iterator[Batch]:
    return (batch for changes in tape for batch in batches(changes))


def _last(tape: Appends) -> float:
    times = [entry.at for batch in _batches(tape) for entry in batch.entries]
    return max(times, default=0.0)


def _keys(tape: Appends, *types: str) -> set[tuple[str, str]]:
    """The runs and keys of the records of these types."""
    entries = ((batch.run, entry) for batch in _batches(tape) for entry in batch.entries)
    return {(run, entry.key) for run, entry in entries if entry.key and entry.type in types}


def _ends(tape: Appends) -> dict[str, Any]:
    """How each run ended: its terminal event, without how long it took."""
    return {
        batch.run: (entry.type, _timeless(entry.data))
        for batch in _batches(tape)
        for entry in batch.entries
        if entry.type in TERMINAL_EVENTS
    }


def _timeless(data: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in data.items() if name != "durationMs"}
