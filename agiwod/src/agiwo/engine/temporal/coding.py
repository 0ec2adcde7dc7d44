"""What passes through Temporal, as bytes of JSON: appends, records and what an index tells. Knows no workflow."""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from agiwo.schema.past import NO_PAST, Past
from agiwo.schema.record import Batch, Change, Entry, Point, Record, RunHead, Session, State, StateChange
from agiwo.schema.run import RunStatus


def encode(value: Any) -> bytes:
    """JSON data, or what the functions below make of it, as bytes."""
    return orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS)


def decode(data: bytes) -> Any:
    """The inverse of `encode`."""
    return orjson.loads(data)


# Records


def told(records: Sequence[Record]) -> list[list[Any]]:
    """Records as JSON data."""
    return [list(record) for record in records]


def heard(records: Sequence[Sequence[Any]]) -> list[Record]:
    """The inverse of `told`."""
    return [Record(*record) for record in records]


def past_from(runs: Sequence[Sequence[Sequence[Any]]]) -> Past:
    """The past that these runs are, the oldest first."""
    past = NO_PAST
    for records in runs:
        past = Past(past, heard(records))
    return past


# The index


def head_from(data: Mapping[str, Any]) -> RunHead:
    """A run's index entry from its JSON data."""
    found: dict[str, Any] = {**data, "status": RunStatus(data["status"])}
    return RunHead(**found)


def session_from(data: Mapping[str, Any]) -> Session:
    """A session from its JSON data."""
    points = {name: data[name] and Point(**data[name]) for name in ("head", "forked_from")}
    found: dict[str, Any] = {**data, **points}
    return Session(**found)


def state_from(data: Mapping[str, Any]) -> State:
    """A state from its JSON data."""
    return State(**data)


# What is appended


def change_data(change: Change) -> dict[str, Any]:
    """A change as JSON data."""
    if isinstance(change, Session):
        return {"session": change}
    if isinstance(change, StateChange):
        return {"state": change.state, "expect": change.expect}
    entries = [list(entry) for entry in change.entries]
    expect = None if change.expect is None else sorted(change.expect)
    return {
        "run": change.run,
        "entries": entries,
        "status": change.status,
        "expect": expect,
        "create": change.create,
        "wake": change.wake,
    }


def change_from(data: Mapping[str, Any]) -> Change:
    """The inverse of `change_data`."""
    if session := data.get("session"):
        return session_from(session)
    if state := data.get("state"):
        return StateChange(state_from(state), data["expect"])
    return Batch(
        data["run"],
        tuple(Entry(*entry) for entry in data["entries"]),
        data["status"] and RunStatus(data["status"]),
        None if data["expect"] is None else frozenset(map(RunStatus, data["expect"])),
        data["create"] and head_from(data["create"]),
        data["wake"],
    )
