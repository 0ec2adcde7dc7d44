"""The sessions as an editor lists them: those of the runs that users begin, whoever began them. Opens none."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from agiwo.schema.event import ITEM_COMPLETED
from agiwo.schema.record import RunHead, Session

from agiwod.face.acp.prompt import words_of
from agiwod.face.acp.shapes import Json
from agiwod.runtime.daemon import Daemon

TITLE: Final = 80
"""Characters of what was said, by which a list shows a session."""

_PAGE: Final = 50

_BEGINNING: Final = 4
"""Events of a run among which is what it was asked."""


async def sessions_listed(daemon: Daemon, cwd: str | None, before: str | None) -> Json:
    """A page of sessions, the one used last first: those of that directory, and those that belong to none.

    Raises:
        NotFound: there is no session `before`.
    """
    found = await daemon.sessions.list(before=before, limit=_PAGE + 1)
    page = found[:_PAGE]
    heads = await _heads(daemon, page)
    shown = [each for each in page if _is_shown(each, heads, cwd)]
    told = [await _info(daemon, each, heads, cwd) for each in shown]
    return {"sessions": told, **({"nextCursor": page[-1].id} if len(found) > _PAGE else {})}


async def _heads(daemon: Daemon, sessions: Sequence[Session]) -> dict[str, RunHead]:
    """The run that each session ends with, by session."""
    runs = {each.head.run: each.id for each in sessions if each.head}
    found = await daemon.journal.runs(ids=list(runs), limit=len(runs)) if runs else []
    return {runs[head.run]: head for head in found}


def _is_shown(session: Session, heads: dict[str, RunHead], cwd: str | None) -> bool:
    place = session.meta.get("cwd")
    head = heads.get(session.id)
    if head is None:
        return place is not None and cwd in (None, place)
    return head.parent is None and (place is None or cwd in (None, place))


async def _info(daemon: Daemon, session: Session, heads: dict[str, RunHead], cwd: str | None) -> Json:
    title = session.meta.get("title") or await _said(daemon, heads.get(session.id))
    updated = datetime.fromtimestamp(session.updated_at, UTC).isoformat().replace("+00:00", "Z")
    return {
        "sessionId": session.id,
        "cwd": session.meta.get("cwd") or cwd or str(Path.home()),
        "updatedAt": updated,
        **({"title": title} if title else {}),
    }


async def _said(daemon: Daemon, head: RunHead | None) -> str:
    """What the run was asked."""
    records = await daemon.journal.read(head.run, 0, _BEGINNING) if head else []
    said = next((each.data for each in records if each.type == ITEM_COMPLETED), None)
    return words_of(said["content"])[:TITLE] if said and said["kind"] == "userMessage" else ""
