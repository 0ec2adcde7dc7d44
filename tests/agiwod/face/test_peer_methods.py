"""What a daemon answers to others that have readers of the runs which are worked on here, over a real socket."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from agiwo.engine.feed import Feed, OpenItem
from agiwod.face.door import Door
from agiwod.runtime.audience import MOST_RUNS
from agiwod.runtime.daemon import Daemon
from daemon_lab import running
from live_daemon import Line
from transport_lab import serving_at

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def asked(folder: Path) -> AsyncGenerator[tuple[Daemon, Line]]:
    async with running() as daemon, serving_at(folder / "s", Door(daemon).converse) as place:
        line = await Line.at(Path(place))
        try:
            yield daemon, line
        finally:
            await line.close()


def begun(daemon: Daemon, run: str) -> Feed:
    feed = Feed(run, 3)
    daemon.bus.publish(feed)
    feed.open(OpenItem("m", "message", {"role": "assistant"}, 1, 0.0))
    return feed


async def deltas(line: Line) -> Any:
    frame = await line.frame()
    assert frame["method"] == "peer/deltas"
    return frame["params"]


async def test_what_is_made_of_a_run_is_told_until_nobody_asks_for_it(tmp_path: Path) -> None:
    async with asked(tmp_path) as (daemon, line):
        feed, other = begun(daemon, "run_1"), begun(daemon, "run_2")
        assert (await line.ask("peer/follow", runIds=["run_1"]))["result"] == {}
        told = await deltas(line)
        opened = {"type": "opened", "itemId": "m", "kind": "message", "data": {"role": "assistant"}, "attempt": 1}
        assert told == {
            "runId": "run_1",
            "source": told["source"],
            "news": [{**opened, "at": "1970-01-01T00:00:00Z", "after": 3}],
        }
        feed.delta(feed.items["m"], "text", "hi")
        other.delta(other.items["m"], "text", "for others")
        grown = {"type": "grown", "itemId": "m", "attempt": 1, "offset": 0}
        assert (await deltas(line))["news"] == [{**grown, "pieces": [{"kind": "text", "text": "hi"}]}]
        feed.drop(["m"])
        feed.notice("log", {"text": "?"}, 1.0)
        assert (await deltas(line))["news"] == [
            {"type": "dropped", "itemId": "m", "attempt": 1},
            {"type": "noticed", "event": "log", "data": {"text": "?"}, "at": "1970-01-01T00:00:01Z", "stands": False},
        ]
        assert (await line.ask("peer/unfollow", runIds=["run_1", "never"]))["result"] == {}
        feed.notice("log", {"text": "unheard"}, 1.0)
        assert "at" in (await line.ask("ping"))["result"]


async def test_who_asks_again_begins_anew(tmp_path: Path) -> None:
    async with asked(tmp_path) as (daemon, line):
        feed = begun(daemon, "run_1")
        feed.delta(feed.items["m"], "text", "all")
        for _ in range(2):
            assert (await line.ask("peer/follow", runIds=["run_1", "run_1"]))["result"] == {}
            assert [each["type"] for each in (await deltas(line))["news"]] == ["opened", "grown"]


@pytest.mark.parametrize("method", ["peer/follow", "peer/unfollow"])
@pytest.mark.parametrize("params", [{}, {"runIds": "run_1"}, {"runIds": [1]}, {"runIds": ["r"] * 1001}])
async def test_params_that_do_not_fit_are_refused(tmp_path: Path, method: str, params: dict[str, Any]) -> None:
    async with asked(tmp_path) as (_, line):
        refused = (await line.ask(method, **params))["error"]
        assert (refused["code"], refused["data"]["errors"][0]["path"].partition(".")[0]) == (-32602, "runIds")


async def test_a_peer_may_not_follow_any_number_of_runs(tmp_path: Path) -> None:
    async with asked(tmp_path) as (_, line):
        names = [f"run_{number}" for number in range(MOST_RUNS + 1)]
        for start in range(0, MOST_RUNS, 1000):
            assert (await line.ask("peer/follow", runIds=names[start : start + 1000]))["result"] == {}
        refused = (await line.ask("peer/follow", runIds=names[-1:]))["error"]
        assert (refused["code"], refused["data"]["kind"]) == (-32011, "overloaded")
        await line.ask("peer/unfollow", runIds=names[:1])
        assert (await line.ask("peer/follow", runIds=names[-1:]))["result"] == {}
