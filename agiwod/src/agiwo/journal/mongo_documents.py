"""The journal's nouns as documents of MongoDB collections. Asks no server."""

from collections.abc import Mapping
from typing import Any, Final

import orjson
from bson import ObjectId

from agiwo.journal.ledger import Standing
from agiwo.journal.mongo_blobs import set_aside
from agiwo.journal.mongo_server import Document
from agiwo.schema.record import Point, Record, RunHead, Session, State
from agiwo.schema.run import TERMINAL, RunStatus

UNFINISHED: Final[Document] = {"status": {"$in": [str(status) for status in RunStatus if status not in TERMINAL]}}
"""What the documents of runs that are not over have in common."""

_HEAD: Final = ("session", "agent", "created_at", "parent")
"""What never changes of a run."""


def record_id(run: str, position: int) -> Document:
    """The id of a record; its order of members is what sorts the records of a run."""
    return {"run": run, "position": position}


def record_document(record: Record, raw: bytes) -> Document:
    """The record, without its large contents."""
    document = {"_id": record_id(record.run, record.position), "seq": record.seq, **set_aside(raw)}
    return document if record.key is None else document | {"run": record.run, "key": record.key}


def run_update(standing: Standing) -> tuple[Document, Document]:
    """The filter and the update that bring a run where it stands."""
    head = standing.head
    fixed = {name: getattr(head, name) for name in _HEAD} | {"number": ObjectId()}
    moved: Document = {
        "status": str(head.status),
        "updated_at": head.updated_at,
        "head": head.head,
        "owner": head.owner,
        "wake": _text(head.wake),
        "length": standing.length,
    }
    return {"_id": head.run}, {"$set": moved, "$setOnInsert": fixed}


def run_head(document: Mapping[str, Any]) -> RunHead:
    """The run's index entry."""
    d, wake = document, document["wake"]
    times = (d["created_at"], d["updated_at"])
    wake = None if wake is None else orjson.loads(wake)
    return RunHead(
        d["_id"], d["session"], d["agent"], RunStatus(d["status"]), *times, d["parent"], d["head"], d["owner"], wake
    )


def session_body(session: Session) -> bytes:
    """What a session's document does not have as members."""
    head, forked_from = (point and (point.run, point.seq) for point in (session.head, session.forked_from))
    return orjson.dumps({"head": head, "forkedFrom": forked_from, "meta": session.meta})


def session_update(session: Session) -> tuple[Document, Document]:
    """The filter and the update that make or replace a session."""
    moved = {"agent": session.agent, "updated_at": session.updated_at, "owner": session.owner}
    fixed = {"created_at": session.created_at, "number": ObjectId()}
    return _replacing(session.id, moved, fixed, session_body(session))


def session_from(document: Mapping[str, Any], blobs: Mapping[str, bytes]) -> Session:
    """The session."""
    d, body = document, _body(document, blobs)
    head, forked_from = (Point(*point) if point else None for point in (body["head"], body["forkedFrom"]))
    return Session(d["_id"], d["agent"], d["created_at"], d["updated_at"], head, forked_from, d["owner"], body["meta"])


def state_body(state: State) -> bytes:
    """What a state's document does not have as members."""
    return orjson.dumps(state.meta)


def state_update(state: State) -> tuple[Document, Document]:
    """The filter and the update that make or replace a state."""
    names = ("agent", "session", "run", "created_at", "updated_at", "parent", "depth", "persistent", "phase", "version")
    moved = {name: getattr(state, name) for name in names}
    return _replacing(state.id, moved, {"number": ObjectId()}, state_body(state))


def state_from(document: Mapping[str, Any], blobs: Mapping[str, bytes]) -> State:
    """The state."""
    d = document
    times, what = (d["created_at"], d["updated_at"]), (d["phase"], d["version"], _body(document, blobs))
    return State(d["_id"], d["agent"], d["session"], d["run"], *times, d["parent"], d["depth"], d["persistent"], *what)


def _replacing(id: str, moved: Document, fixed: Document, body: bytes) -> tuple[Document, Document]:
    kept = set_aside(body)
    other = "large" if "body" in kept else "body"
    return {"_id": id}, {"$set": moved | kept, "$unset": {other: ""}, "$setOnInsert": fixed}


def _body(document: Mapping[str, Any], blobs: Mapping[str, bytes]) -> Any:
    return orjson.loads(blobs[document["large"]] if "large" in document else document["body"])


def _text(value: Any) -> str | None:
    return None if value is None else orjson.dumps(value).decode()
