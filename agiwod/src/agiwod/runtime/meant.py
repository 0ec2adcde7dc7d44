"""Which run a client means, by its id or that of its trace, or by the beginning of one. Looks into the index alone."""

from typing import Final

from agiwo.errors import NotFound
from agiwo.journal.base import Journal
from agiwo.observability.reading import runs_of
from agiwo.schema.record import RunHead
from agiwo.schema.trace_context import trace_id

from agiwod.runtime.errors import Ambiguous

_TRACE_ID: Final = 32
"""Digits of a whole id of a trace."""

_PAGE: Final = 1000
_PAGES: Final = 20
"""So many runs are looked through for the beginning of an id, the newest first."""

_TOLD: Final = 5
"""Ids that are told of those that begin alike."""


async def run_meant(journal: Journal, id: str) -> str:
    """The run with that id, or the first one of the trace with it; also by a beginning that only one id has.

    Raises:
        NotFound: there is none.
        Ambiguous: several ids begin so.
    """
    if await journal.run(id):
        return id
    if len(id) == _TRACE_ID and (runs := await runs_of(journal, id)):
        return runs[0]
    found = await _beginning_with(journal, id)
    if not found:
        raise NotFound("run", id)
    if len(found) > 1:
        raise Ambiguous(id, found)
    return found[0]


async def _beginning_with(journal: Journal, beginning: str) -> list[str]:
    found: list[str] = []
    before: str | None = None
    for _ in range(_PAGES):
        heads = await journal.runs(before=before, limit=_PAGE)
        found += [head.run for head in heads if _begins(head, beginning)]
        if len(heads) < _PAGE or len(found) >= _TOLD:
            break
        before = heads[-1].run
    return found[:_TOLD]


def _begins(head: RunHead, beginning: str) -> bool:
    if head.run.startswith(beginning) or head.run.removeprefix("run_").startswith(beginning):
        return True
    return head.parent is None and trace_id(head.run).startswith(beginning)
