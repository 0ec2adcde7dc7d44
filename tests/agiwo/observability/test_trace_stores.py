"""What every store of traces keeps, finds and tells, over all that are registered."""

from collections.abc import AsyncGenerator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from agiwo.errors import ConfigError
from agiwo.observability import TRACE_STORES, BaseTraceStorage, Span, SpanKind, SpanStatus, Trace, TraceQuery
from agiwo.schema.trace_context import span_id

pytestmark = pytest.mark.anyio

KINDS = [pytest.param(kind, marks=pytest.mark.mongo) if kind == "mongodb" else kind for kind in TRACE_STORES]


def options(kind: str, folder: Path) -> dict[str, Any]:
    """What opens an empty store of this kind."""
    if kind != "mongodb":
        return {"db_path": folder / "not/there/yet.db"} if kind == "sqlite" else {}
    from mongo_lab import database_of  # which starts a server

    return {name: value for name, value in database_of(folder).items() if name != "lock_dir"}


@pytest.fixture(params=KINDS)
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncGenerator[BaseTraceStorage]:
    """An empty store; the test runs once for each kind."""
    store = TRACE_STORES[request.param](**options(request.param, tmp_path))
    yield store
    await store.close()


def trace(number: int, **fields: Any) -> Trace:
    """A trace with one span, which begins in the second that its number says."""
    run = f"run{number}"
    root = span_id(run)
    span = Span(
        root,
        f"trace{number}",
        SpanKind.AGENT,
        "invoke_agent a",
        number,
        number + 1,
        status=SpanStatus.OK,
        attributes={"a": [1, "two"]},
        metrics={"tokens.total": 3},
        links=("before",),
    )
    made = Trace(
        f"trace{number}", run, "a", "s", root, number, number + 1, SpanStatus.OK, spans=[span], schema_url="url"
    )
    return replace(made, **fields)


async def found(store: BaseTraceStorage, **query: Any) -> list[str]:
    return [each.run_id for each in await store.query_traces(query)]


async def test_a_trace_comes_back_as_it_was_saved(store: BaseTraceStorage):
    await store.save_trace(trace(1))
    assert await store.get_trace("trace1") == trace(1)
    assert await store.get_trace("another") is None


async def test_a_trace_that_is_saved_again_takes_its_own_place(store: BaseTraceStorage):
    for _ in range(6):
        await store.save_trace(trace(1))
    await store.save_trace(trace(1, status=SpanStatus.ERROR))
    assert [each.status for each in await store.get_recent()] == ["error"]


async def test_the_newest_come_first(store: BaseTraceStorage):
    for number in (2, 3, 1):
        await store.save_trace(trace(number))
    assert [each.run_id for each in await store.get_recent(2)] == ["run3", "run2"]
    assert await found(store, limit=2, offset=1) == ["run2", "run1"]


async def test_every_filter_is_honoured(store: BaseTraceStorage):
    await store.save_trace(trace(1, agent_id="b", user_id="u"))
    await store.save_trace(trace(2, session_id="t"))
    await store.save_trace(trace(3, status=SpanStatus.ERROR, end_time=9.0))
    await store.save_trace(trace(4, status=SpanStatus.RUNNING, end_time=None))
    queries: list[tuple[dict[str, Any], list[str]]] = [
        ({"agent_id": "b"}, ["run1"]),
        ({"user_id": "u"}, ["run1"]),
        ({"session_id": "t"}, ["run2"]),
        ({"status": "error"}, ["run3"]),
        ({"status": "running"}, ["run4"]),
        ({"start_time": 3}, ["run4", "run3"]),
        ({"end_time": 2}, ["run2", "run1"]),
        ({"start_time": 2, "end_time": 3, "agent_id": "a"}, ["run3", "run2"]),
        ({"min_duration_ms": 1500}, ["run3"]),
        ({"max_duration_ms": 1500}, ["run2", "run1"]),
        ({"agent_id": "nobody"}, []),
    ]
    for query, expected in queries:
        assert await found(store, **query) == expected, query


async def test_a_query_is_checked(store: BaseTraceStorage):
    for wrong in ({"limit": 0}, {"limit": 501}, {"offset": -1}):
        with pytest.raises(ValueError, match="it must"):
            await store.query_traces(wrong)
    with pytest.raises(TypeError, match="agentId"):
        await store.query_traces({"agentId": "a"})
    assert await store.query_traces(TraceQuery(limit=500)) == []


async def test_runs_that_are_parts_of_one_trace_are_listed_apart_and_shown_together(store: BaseTraceStorage):
    first, second = trace(1), trace(2, trace_id="trace1")
    await store.save_trace(second)
    await store.save_trace(first)

    whole = await store.get_trace("trace1")

    assert await found(store) == ["run2", "run1"]
    assert whole
    assert [span.start_time for span in whole.spans] == [1, 2]
    assert (whole.run_id, whole.start_time, whole.end_time) == ("run1", 1, 3)


async def test_subscribers_get_each_trace_as_it_is_saved_until_they_leave(store: BaseTraceStorage):
    queue = store.subscribe()
    await store.save_trace(trace(1))
    store.unsubscribe(queue)
    store.unsubscribe(queue)
    await store.save_trace(trace(2))
    assert (queue.get_nowait(), queue.empty()) == (trace(1), True)


async def test_a_subscriber_who_does_not_read_loses_the_oldest_and_that_is_counted(store: BaseTraceStorage):
    queue = store.subscribe()
    for number in range(1, 121):
        await store.save_trace(trace(number))
    assert (queue.get_nowait().run_id, store.dropped) == ("run21", 20)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_bounded_store_keeps_the_newest_traces(kind: str, tmp_path: Path):
    store = TRACE_STORES[kind](**options(kind, tmp_path), buffer_size=3)
    for number in range(1, 6):
        await store.save_trace(trace(number))
        await store.save_trace(trace(number))
    assert await found(store) == ["run5", "run4", "run3"]
    await store.close()


async def test_a_file_keeps_its_traces_for_the_next_process_and_its_tables_apart(tmp_path: Path):
    file = tmp_path / "traces.db"
    first = TRACE_STORES["sqlite"](db_path=file)
    await first.save_trace(trace(1))
    await first.close()
    again, other = TRACE_STORES["sqlite"](db_path=file), TRACE_STORES["sqlite"](db_path=file, collection_name="other")
    assert await found(again) == ["run1"]
    assert await found(other) == []
    for store in (again, other):
        await store.close()


def test_a_table_has_a_name_that_is_one():
    with pytest.raises(ConfigError, match="collection_name"):
        TRACE_STORES["sqlite"](collection_name="traces; DROP TABLE run")


@pytest.mark.parametrize("kind", KINDS)
async def test_a_trace_larger_than_a_document_may_be_is_kept_whole_and_goes_whole(kind: str, tmp_path: Path):
    store = TRACE_STORES[kind](**options(kind, tmp_path), buffer_size=1)
    for said in ("a", "b"):
        await store.save_trace(trace(1, input_query=said * 17_000_000))
    (kept,) = await store.get_recent()
    assert kept.input_query == "b" * 17_000_000
    await store.save_trace(trace(2))
    assert await found(store) == ["run2"]
    await store.close()
