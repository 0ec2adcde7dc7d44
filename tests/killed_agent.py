"""An agent that is killed, at every commit of its run: a script that makes one process for each, killed with SIGKILL.

    python killed_agent.py FOLDER once|idempotent

leaves a journal and the list of what its tools did in FOLDER/before-1, FOLDER/after-1, FOLDER/before-2 … and in
FOLDER/whole, where nobody was killed.
"""

import asyncio
import os
import signal
import sys
from importlib import import_module
from itertools import count
from pathlib import Path
from typing import Any, cast

from agiwo.agent import Agent
from agiwo.durable import Program
from agiwo.engine.embedded import EmbeddedEngine
from agiwo.journal.base import Journal, Listener
from agiwo.journal.sqlite import SqliteJournal
from agiwo.schema.record import Change, Record
from agiwo.schema.run import RunSpec
from agiwo.schema.tool import Effect, ExecutionContext
from agiwo.testing import ScriptedModel
from agiwo.tool import BaseTool, tool
from engine_tape import Tape

RUN = "run1"

TURNS: list[dict[str, Any]] = [
    {"text": "First ", "toolCalls": [{"name": "note", "arguments": {"text": "one"}}]},
    {"toolCalls": [{"name": "note", "arguments": {"text": "two"}}, {"name": "note", "arguments": {"text": "three"}}]},
    {"toolCalls": [{"name": "note", "arguments": {"text": "four"}}]},
    {"text": "I noted four things.", "deltas": 4},
]


def note_in(file: Path, effect: str) -> BaseTool:
    """A tool that adds a line to a file: the key of its call."""

    @tool(effect=cast(Effect, effect))
    async def note(text: str, context: ExecutionContext) -> str:
        """Note a text."""
        with file.open("a") as lines:
            lines.write(f"{context.idempotency_key}\n")
        await asyncio.sleep(0)
        return f"noted {text}"

    return note


class OneAgent:
    """The programs of this script: there is one."""

    def __init__(self, folder: Path, effect: str) -> None:
        model = ScriptedModel(turns=TURNS)
        self.agent = Agent("noter", "Notes things.", model, [note_in(folder / "effects", effect)])

    def find(self, spec: RunSpec) -> Program | None:
        """The program."""
        return self.agent.program


class Deadly(Tape):
    """A journal that ends its process before or after its n-th commit."""

    def __init__(self, journal: Journal, when: str, number: int) -> None:
        super().__init__(journal)
        self._when, self._number = when, number
        self._commits = 0

    async def append(self, *changes: Change, first: Listener | None = None) -> list[Record]:
        """As `Journal.append`, once too often."""
        self._commits += 1
        mine = self._commits == self._number
        if mine and self._when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        records = await super().append(*changes, first=first)
        if mine and self._when == "after":
            os.kill(os.getpid(), signal.SIGKILL)
        return records


async def run(folder: Path, effect: str, when: str, number: int) -> None:
    """Run the agent to its end, if it gets there."""
    programs = OneAgent(folder, effect)
    journal = await SqliteJournal.open(folder / "journal.db")
    engine = EmbeddedEngine(Deadly(journal, when, number), programs)
    await engine.submit(programs.agent.spec("Note four things.", session_id="s"), run=RUN)
    await engine.result(RUN, timeout=180)
    await engine.close()
    await journal.close()
    await programs.agent.close()


def _fork(folder: Path, effect: str, when: str, number: int) -> bool:
    """Run in a process of its own; whether it was killed."""
    folder.mkdir()
    child = os.fork()
    if not child:
        asyncio.run(run(folder, effect, when, number))
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL


def _load(folder: Path, effect: str) -> None:
    """Load here what a run loads, so that not each of the processes has to."""
    agent = OneAgent(folder, effect).agent
    assert agent.program.effects
    assert agent.spec("Load.")
    import_module("jsonschema")


def main(folder: Path, effect: str) -> None:
    """Kill at one commit after the other until a run gets through."""
    _load(folder, effect)
    for when in ("before", "after"):
        for number in count(1):
            place = folder / f"{when}-{number}"
            if not _fork(place, effect, when, number):
                place.rename(folder / "whole" if when == "before" else folder / "whole-again")
                break


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
