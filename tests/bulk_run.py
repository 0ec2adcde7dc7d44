"""A stored run of very many steps, made in bulk from a turn that a daemon has made. Asks no daemon."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from agiwo.journal.sqlite import SqliteJournal
from agiwo.schema.record import Batch, Entry, Point, Record
from terminal_lab import Home

AGENT: Final = '[agents.long]\ndescription = "Works for long"\nmodel = "scripted:long.json"\ntools = ["calculator"]\n'

TURNS: Final[Sequence[Mapping[str, Any]]] = (
    {"text": "I calculate.", "toolCalls": [{"name": "calculator", "arguments": {"expression": "6 * 7"}}]},
    {"text": "It is done."},
)

_GROUP: Final = 500
"""Turns in one append."""

_TOOK: Final = 0.02
"""Seconds from one turn to the next."""


async def long_run(home: Home, turns: int) -> str:
    """The id of a run of so many turns, each with a call, in the store of a home where the agent is; it has no daemon.

    The run has two events for each turn and five more, and two spans for each turn and two more.
    """
    (home.path / "long.json").write_text(json.dumps({"turns": TURNS}))
    for command in (("ask", "--agent", "long", "Go"), ("stop",)):
        ran = home.run(*command)
        assert ran.code == 0, ran.err
    journal = await SqliteJournal.open(home.path / "data" / "agiwod.db")
    try:
        return await _lengthened(journal, turns)
    finally:
        await journal.close()


async def _lengthened(journal: SqliteJournal, turns: int) -> str:
    (head,) = await journal.runs(limit=1)
    records, session = await journal.load(head.run), await journal.session(head.session)
    assert session
    names = {head.run: "run_long", head.session: "ses_long"}
    turn = [each for each in records if _is_first(each, head.run)]
    begin = records.index(turn[0])
    opening, last = records[:begin], records[begin + len(turn) :]
    again = _Again(names)
    begun = replace(head, run="run_long", session="ses_long", head=0)
    own = replace(session, id="ses_long", head=Point("run_long"))
    await journal.append(own, Batch(begun.run, tuple(again.entry(each) for each in opening), create=begun))
    for start in range(0, turns, _GROUP):
        numbers = range(start, min(turns, start + _GROUP))
        entries = tuple(again.entry(each, 0, number) for number in numbers for each in turn)
        await journal.append(Batch(begun.run, entries))
    await journal.append(Batch(begun.run, tuple(again.entry(each, 1, turns) for each in last), head.status))
    return begun.run


def _is_first(record: Record, run: str) -> bool:
    """Whether a record is of the first turn."""
    return (record.key or "").startswith(("0/", "0.")) or (record.item or "").startswith(f"{run}.0.")


@dataclass(frozen=True)
class _Again:
    """Records once more, under other names."""

    names: Mapping[str, str]

    def entry(self, record: Record, turn: int = 0, number: int = 0) -> Entry:
        """The record, of another turn."""
        text = json.dumps([record.data, record.key, record.item])
        for old, new in (*self.names.items(), *_places(turn, number)):
            text = text.replace(old, new)
        data, key, item = json.loads(text)
        return Entry(record.type, data, record.at + (number - turn) * _TOOK, key, record.seq is not None, item)


def _places(turn: int, number: int) -> Sequence[tuple[str, str]]:
    forms = ("run_long.{}.", '"{}/', '"{}.0/', "call_{}_")
    return [(form.format(turn), form.format(number)) for form in forms]
