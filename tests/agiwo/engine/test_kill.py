"""kill -9 at every commit of an agent's run: a second process takes over and ends it as if nothing had happened."""

import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import killed_agent
import pytest
from agiwo.durable import STEP, STEP_FAILED
from agiwo.engine.embedded import EmbeddedEngine
from agiwo.engine.start import BASE
from agiwo.journal.sqlite import SqliteJournal
from agiwo.schema.event import ITEM_COMPLETED, RUN_RESUMED, TERMINAL_EVENTS, Event
from agiwo.schema.record import Record
from engine_stream import check_stream
from killed_agent import RUN, OneAgent

pytestmark = pytest.mark.anyio


@dataclass
class Recovered:
    """What a second process found, and made of it."""

    place: str
    before: list[Record]
    events: list[Event]
    records: list[Record]
    calls: Counter[str]

    @property
    def items(self) -> list[tuple[str | None, object]]:
        """What was said and done, without how long it took."""
        return [
            (event.item, {name: value for name, value in event.data.items() if name != "durationMs"})
            for event in self.events
            if event.type == ITEM_COMPLETED
        ]


async def recover(folder: Path, effect: str) -> Recovered:
    programs = OneAgent(folder, effect)
    journal = await SqliteJournal.open(folder / "journal.db")
    before = await journal.load(RUN)
    engine = EmbeddedEngine(journal, programs)
    await engine.recover()
    events: list[Event] = []
    if before:
        await engine.result(RUN, timeout=180)
        events = [event async for event in await engine.events(RUN)]
    found = Recovered(folder.name, before, events, await journal.load(RUN), _calls(folder / "effects"))
    await engine.close()
    await journal.close()
    await programs.agent.close()
    return found


def _calls(effects: Path) -> Counter[str]:
    return Counter(effects.read_text().splitlines() if effects.exists() else ())


@pytest.fixture
def places(tmp_path: Path, effect: str) -> list[Path]:
    """Where runs were killed: one place for each commit, before and after it."""
    subprocess.run([sys.executable, killed_agent.__file__, tmp_path, effect], check=True, timeout=300)
    found = sorted(place for place in tmp_path.iterdir() if not place.name.startswith("whole"))
    assert len(found) > 16
    return found


@pytest.fixture
async def killed(places: list[Path], effect: str) -> list[Recovered]:
    return [await recover(place, effect) for place in places]


@pytest.fixture
async def whole(places: list[Path], tmp_path: Path, effect: str) -> Recovered:
    """The run that nobody killed."""
    return await recover(tmp_path / "whole", effect)


def check(found: Recovered) -> None:
    """What must be true of every run that was taken over, whatever its tools may do twice."""
    check_stream(found.events)
    keys = {record.key for record in found.before}
    is_over = any(record.type in TERMINAL_EVENTS for record in found.before)
    resumed = [event for event in found.events if event.type == RUN_RESUMED]
    assert len(resumed) == (BASE in keys and not is_over), found.place
    assert found.records[: len(found.before)] == found.before, found.place
    for record in found.before:
        if record.key and record.key.endswith("/run") and record.type == STEP:
            assert found.calls[f"{RUN}/{record.key}"] == 1, f"{found.place}: {record.key} was run again"


@pytest.mark.parametrize("effect", ["idempotent"])
async def test_an_idempotent_tool_is_run_again_only_when_its_result_was_lost(
    whole: Recovered, killed: list[Recovered]
) -> None:
    assert sum(whole.calls.values()) == 4
    repeated = 0
    for found in killed:
        if not found.before:
            assert found.place == "before-1"
            continue
        check(found)
        assert found.items == whole.items, found.place
        assert _end(found) == _end(whole), found.place
        assert set(found.calls) == set(whole.calls)
        assert max(found.calls.values()) <= 2
        repeated += max(found.calls.values()) == 2
    assert repeated, "no kill came between a tool's work and its record, so this shows nothing"


@pytest.mark.parametrize("effect", ["once"])
async def test_a_tool_that_may_run_once_never_runs_twice_and_a_lost_outcome_is_told(
    whole: Recovered, killed: list[Recovered]
) -> None:
    assert sum(whole.calls.values()) == 4
    lost = 0
    for found in killed:
        if not found.before:
            continue
        check(found)
        assert max(found.calls.values()) == 1, found.place
        unknown = {record.key for record in found.records if record.type == STEP_FAILED}
        assert set(whole.calls) - set(found.calls) <= {f"{RUN}/{key}" for key in unknown}, found.place
        told = {event.item for event in found.events if "Outcome unknown" in str(event.data.get("output"))}
        assert told == {f"{RUN}.{str(key).removesuffix('/run')}" for key in unknown}, found.place
        assert _end(found) == _end(whole)
        lost += len(unknown)
    assert lost, "no kill came while a tool was at work, so this shows nothing"


def _end(found: Recovered) -> object:
    # A lost outcome counts as an error of a tool, which it is for the model.
    return {name: value for name, value in found.events[-1].data.items() if name not in ("durationMs", "counts")}
