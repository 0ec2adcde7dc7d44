"""A journal as lines of JSON, and such lines as part of a journal, of whatever kind. Decides nothing about its runs."""

import asyncio
import base64
import re
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Coroutine, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

import orjson

from agiwo.errors import ConfigError, NotFound
from agiwo.journal.care import Store
from agiwo.journal.pruning import all_runs, all_sessions, all_states
from agiwo.schema.record import Batch, Entry, Point, Record, RunHead, Session, State, StateChange
from agiwo.schema.run import RunStatus

FORMAT: Final = "agiwo-export"
VERSION: Final = 1
"""Of the lines. A newer one is refused."""

_SPILLED: Final = re.compile(rb'"blob":"([0-9a-f]{64})"')

_AHEAD: Final = 32
"""Runs that are read at once."""

_TOGETHER: Final = 100
_TOGETHER_BYTES: Final = 8 * 1024 * 1024
"""Lines that are added at once, and bytes of them."""

Line = dict[str, Any]
Hide = Callable[[Any], Any]
"""Takes known secrets out of JSON data."""


@dataclass(slots=True)
class Imported:
    """What an import has added, and what was there already."""

    runs: int = 0
    sessions: int = 0
    states: int = 0
    present: int = 0


async def export_lines(store: Store, hide: Hide) -> AsyncGenerator[Line]:
    """All that is in the store, oldest first: a run's line, with the blobs that it names before it.

    What is added meanwhile may be missing; a run is as it was when its line was made.
    """
    yield {"format": FORMAT, "version": VERSION}
    for session in reversed(await all_sessions(store)):
        yield {"session": hide(asdict(replace(session, owner="")))}
    exported = set[str]()
    heads = (await all_runs(store))[::-1]
    for at in range(0, len(heads), _AHEAD):
        for head, records in await asyncio.gather(*(_loaded(store, head.run) for head in heads[at : at + _AHEAD])):
            if head is None:  # it was forgotten meanwhile
                continue
            for name in sorted(_blobs_of(records) - exported):
                exported.add(name)
                async for line in _blob_lines(store, name):
                    yield line
            entries = [hide(_entry(record)) for record in records]
            yield {"run": hide(asdict(replace(head, owner=""))), "records": entries}
    for state in reversed(await all_states(store)):
        yield {"state": hide(asdict(state))}


async def import_lines(store: Store, lines: AsyncIterable[bytes], told: Callable[[Imported], None]) -> Imported:
    """Add what is not there yet; what is there stays, but for sessions that were used later by the export.

    `told` hears after each line how far it is.

    Raises:
        ConfigError: a line is not one of an export, or of a newer version; the message has its number.
        StorageError: the store refused; what was added before stays, and the same import can be made again.
    """
    done, number = Imported(), 0
    waiting, size = list[Coroutine[Any, Any, None]](), 0
    async for raw in lines:
        number += 1
        waiting.append(_add_line(store, raw, number, done))
        size += len(raw)
        # Those that are added at once go into one commit. The first line is alone: it says whether this is an export.
        if number == 1 or len(waiting) == _TOGETHER or size > _TOGETHER_BYTES:
            await _all(waiting)
            waiting, size = [], 0
            told(done)
    await _all(waiting)
    return done


async def _all(adding: Sequence[Coroutine[Any, Any, None]]) -> None:
    """Let all come to an end, then raise the first error."""
    for outcome in await asyncio.gather(*adding, return_exceptions=True):
        if isinstance(outcome, BaseException):
            raise outcome


async def _add_line(store: Store, raw: bytes, number: int, done: Imported) -> None:
    if not raw.strip():
        return
    try:
        line = orjson.loads(raw)
        _check_version(line, number)
        await _add(store, line, done)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(f"line {number} is not one of an export: {error!r}") from error


def _check_version(line: Line, number: int) -> None:
    if number == 1 and line.get("format") != FORMAT:
        raise ValueError("the first line does not say that this is an export")
    if line.get("version", VERSION) > VERSION:
        raise ConfigError(f"the export is of a newer version ({line['version']}); use a newer agiwod")


async def _add(store: Store, line: Line, done: Imported) -> None:
    if "blob" in line:
        await store.put_blob(base64.b64decode(line["data"]))
    elif "run" in line:
        await _add_run(store, line, done)
    elif "session" in line:
        session = _session(line["session"])
        known = await store.session(session.id)
        if known is not None and known.updated_at >= session.updated_at:
            done.present += 1
            return
        await store.append(session)
        done.sessions += 1
    elif "state" in line:
        state = State(**line["state"])
        if await store.state(state.id) is not None:
            done.present += 1
            return
        await store.append(StateChange(replace(state, version=0)))
        done.states += 1


async def _add_run(store: Store, line: Line, done: Imported) -> None:
    fields: dict[str, Any] = line["run"]
    if await store.run(fields["run"]) is not None:
        done.present += 1
        return
    head = replace(RunHead(**fields), status=RunStatus(fields["status"]))
    entries = tuple(Entry(**entry) for entry in line["records"])
    await store.append(Batch(head.run, entries, status=head.status, create=head, wake=head.wake))
    done.runs += 1


async def _loaded(store: Store, run: str) -> tuple[RunHead | None, list[Record]]:
    records = await store.load(run)
    return await store.run(run), records


def _entry(record: Record) -> Line:
    public = record.seq is not None
    return {
        "type": record.type,
        "data": record.data,
        "at": record.at,
        "key": record.key,
        "public": public,
        "item": record.item,
    }


def _session(fields: Mapping[str, Any]) -> Session:
    head, forked_from = (Point(**fields[name]) if fields[name] else None for name in ("head", "forked_from"))
    known = {name: value for name, value in fields.items() if name not in ("head", "forked_from")}
    return Session(**known, head=head, forked_from=forked_from)


def _blobs_of(records: list[Record]) -> set[str]:
    found = set[str]()
    for record in records:
        found |= {name.decode() for name in _SPILLED.findall(orjson.dumps(record.data))}
    return found


async def _blob_lines(store: Store, name: str) -> AsyncGenerator[Line]:
    try:
        data, _ = await store.get_blob(name)
    except NotFound:  # a text that only looks like a name
        return
    yield {"blob": name, "data": base64.b64encode(data).decode()}
