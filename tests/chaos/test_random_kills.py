"""kill -9 of a real daemon at random moments while twenty runs stream, again and again in one home."""

import random
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pytest
from crash_lab import Gone, Memory, Rest, Teller, make_home, telling
from figures import Figures
from forked_daemons import ForkedDaemon, Forks, forking

pytestmark = pytest.mark.anyio

LONG: Final = [pytest.mark.soak, pytest.mark.timeout(4 * 3600)]

RUNS: Final = 20
KILLS: Final = 50
FRAMES: Final = 80
"""What a client hears at most before the next kill."""


@dataclass
class Tally:
    """What many homes came to."""

    kills: int = 0
    runs: int = 0
    resumed: int = 0
    heard: int = 0
    unknown: int = 0
    starts: list[float] = field(default_factory=list[float])

    def add(self, memory: Memory, rest: Rest) -> None:
        self.runs += len(rest.runs)
        durable = [frame for frame in memory.frames() if "seq" in frame]
        self.heard += len(durable)
        self.resumed += sum(frame["type"] == "run/resumed" for frame in durable)
        self.unknown += sum("Outcome unknown" in str(frame["data"].get("output")) for frame in durable)


class Life:
    """One home, its client, and what chance does to its daemons."""

    def __init__(self, forks: Forks, home: Path, chance: random.Random, tally: Tally) -> None:
        self.home, self.memory = home, Memory()
        self._forks, self._chance, self._tally = forks, chance, tally
        make_home(home)

    async def started(self) -> ForkedDaemon:
        began = time.monotonic()
        daemon = await self._forks.start(self.home)
        assert await daemon.is_ready()
        self._tally.starts.append(time.monotonic() - began)
        return daemon

    async def killed(self) -> None:
        """A daemon lives until the client has heard so much, and then dies whatever it does."""
        daemon = await self.started()
        with suppress(Gone):
            async with telling(self.home, self.memory) as teller:
                going = await self._stream(teller)
                for _ in range(self._chance.randrange(FRAMES)):
                    if all(self.memory.stream(run).is_over for run in going):
                        break
                    await teller.listen()
                daemon.kill()
                while True:  # what was on its way was told, too
                    await teller.listen()
        assert (await daemon.end())[0] == -9
        self._tally.kills += 1

    async def _stream(self, teller: Teller) -> list[str]:
        """Follow as many runs as there are to be, new ones among them."""
        known = len(self.memory.runs)
        going = [run for run in self.memory.runs if not self.memory.stream(run).is_over]
        for number in range(known, known + RUNS - len(going)):
            run = await teller.promise(f"run {number}", "run/start", agent="streamer", input="go", attach=False)
            going += [run]
        for run in going:
            await teller.attach(run)
        return going

    async def ended(self) -> Rest:
        """What is there when the last daemon has ended all that the others left."""
        daemon = await self.started()
        async with telling(self.home, self.memory) as teller:
            await teller.follow(*self.memory.runs)
            daemon.kill()
            await daemon.end()
        rest = Rest(self.home)
        self._tally.add(self.memory, rest)
        return rest


async def lived(forks: Forks, home: Path, seed: int, tally: Tally, figures: Figures) -> None:
    """A home in which so many daemons were killed, held against what its client was told."""
    life = Life(forks, home, random.Random(seed), tally)
    for _ in range(KILLS):
        await life.killed()
    rest = await life.ended()
    rest.hold_against(life.memory, figures)
    figures("runs that did not come to their end", sum(each != "completed" for each in rest.runs.values()), at_most=0)


@pytest.mark.parametrize(
    "homes",
    [pytest.param(1, marks=pytest.mark.chaos), pytest.param(20, marks=LONG)],
)
async def test_nothing_is_lost_or_doubled_when_daemons_are_killed_at_random_while_twenty_runs_stream(
    homes: int, tmp_path: Path, figures: Figures
) -> None:
    tally = Tally()
    with forking() as forks:
        for seed in range(homes):
            await lived(forks, tmp_path / str(seed), seed, tally, figures)
    figures("kills", tally.kills, at_least=KILLS * homes)
    figures("runs", tally.runs)
    figures("acknowledged events", tally.heard)
    figures("times that a run went on in another daemon", tally.resumed, at_least=tally.kills)
    figures("calls that were told as of unknown outcome", tally.unknown)
    figures("median of a start over what a killed daemon left", sorted(tally.starts)[tally.kills // 2], "s")
