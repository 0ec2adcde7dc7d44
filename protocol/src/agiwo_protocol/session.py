"""Sessions: the conversations that runs belong to."""

from typing import Any

from agiwo_protocol.contract import Count, Method, Name, Page, Wire


class Session(Wire):
    """A conversation. `head` is the run that its history ends with, of which `headSeq`, if there, is the last event."""

    session_id: str
    agent_id: str
    created_at: str
    updated_at: str
    head: str | None = None
    head_seq: Count | None = None
    forked_from: str | None = None


class CreateParams(Wire):
    """Whose conversation it will be; `sessionId` may be chosen, and is a conflict when it exists."""

    agent: Name
    session_id: Name | None = None


class SessionParams(Wire):
    """Names a session."""

    session_id: Name


class DeleteResult(Wire):
    """What is gone: the session, and so many runs: its own, and those that agents below them made."""

    session_id: str
    runs: Count


class RewindParams(SessionParams):
    """Where the history is to end: with the run `at`, or with its event `seq`; 0 is the moment before the run."""

    at: Name
    seq: Count | None = None


class ForkParams(RewindParams):
    """Where the new session's history ends; its id may be chosen, and is a conflict when it exists."""

    new_session_id: Name | None = None


class ListParams(Page):
    """Which sessions to list, the one used last first."""

    agent_id: Name | None = None


class ListResult(Wire):
    """A page of sessions; `nextCursor` is there when more follow."""

    sessions: list[Session]
    next_cursor: str | None = None


class HistoryParams(Page):
    """Which session's history to read, oldest first."""

    session_id: Name


class HistoryItem(Wire):
    """A completed item of the session's history, and where it stands in its run."""

    run_id: str
    seq: Count
    item_id: str | None = None
    at: str
    item: dict[str, Any]


class HistoryResult(Wire):
    """A page of history; `nextCursor` is there when more follow."""

    items: list[HistoryItem]
    next_cursor: str | None = None


CREATE = Method("session/create", CreateParams, Session, "Begin a conversation.")
FORK = Method("session/fork", ForkParams, Session, "A new conversation that goes on from a point of this one.")
REWIND = Method(
    "session/rewind", RewindParams, Session, "Go back to a point of the conversation; what follows it stays."
)
LIST = Method("session/list", ListParams, ListResult, "Sessions, the one used last first.")
GET = Method("session/get", SessionParams, Session, "One session.")
HISTORY = Method("session/history", HistoryParams, HistoryResult, "The completed items of a session, oldest first.")
DELETE = Method(
    "session/delete",
    SessionParams,
    DeleteResult,
    "Forget a session and all its runs; a conflict while one is going, or while a fork needs what was said in it.",
)
