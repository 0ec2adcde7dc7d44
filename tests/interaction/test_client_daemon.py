"""The Python client at a real daemon: typed calls of what has no method of its own."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from agiwo_client import RpcError, connect
from agiwo_protocol import client, daemon, event
from agiwo_protocol.contract import Empty, Page
from terminal_lab import PATIENCE, Home, home_at
from wire_line import HELLO

pytestmark = pytest.mark.anyio


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    with home_at(tmp_path / "home") as home:
        assert home.run("start").code == 0
        yield home


async def test_clients_see_each_other_by_name_and_process(home: Home) -> None:
    async with (
        connect(home=home.path, autostart=False, timeout=PATIENCE, name="one") as one,
        connect(home=home.path, autostart=False, timeout=PATIENCE, name="two") as two,
    ):
        found = (await one.call(client.LIST, Page())).clients
        assert [(each.name, each.pid, each.uid) for each in found] == [
            ("one", os.getpid(), os.getuid()),
            ("two", os.getpid(), os.getuid()),
        ]
        assert [each.connection_id for each in found] == [one.server.connection_id, two.server.connection_id]


async def test_a_run_that_is_asked_for_an_object_has_it_at_its_end(home: Home) -> None:
    (home.path / "city.json").write_text('{"turns": [{"text": "{\\"name\\": \\"Paris\\"}", "deltas": 3}]}')
    schema = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}
    async with connect(home=home.path, autostart=False, timeout=PATIENCE) as one:
        model = f"scripted:{home.path / 'city.json'}"
        run = await one.start_run("quick", "Where?", model=model, output_schema=schema)
        assert (await run.wait()).output == {"name": "Paris"}
        with pytest.raises(RpcError) as refused:
            await one.start_run("quick", "Where?", output_schema={"$ref": "https://example.com/schema.json"})
        assert (refused.value.code, refused.value.data["errors"][0]["path"]) == (-32602, "outputSchema.$ref")


async def test_the_pump_is_the_client_of_whoever_speaks_through_it(home: Home) -> None:
    with home.process("stdio") as pump:
        assert pump.stdin is not None
        assert pump.stdout is not None
        pump.stdin.write(HELLO + b"\n")
        assert pump.stdout.read(1) == b"{"
        async with connect(home=home.path, autostart=False, timeout=PATIENCE, name="one") as one:
            found = (await one.call(client.LIST, Page())).clients
            assert [(each.name, each.pid) for each in found] == [("t", pump.pid), ("one", os.getpid())]


async def test_what_the_daemon_speaks_comes_whole_and_typed(home: Home) -> None:
    async with connect(home=home.path, autostart=False, timeout=PATIENCE) as one:
        document = await one.call(daemon.DISCOVER, Empty())
        assert {each["name"] for each in document.notifications} >= {"run/event", "daemon/event", "initialized"}
        subscribed = await one.call(event.SUBSCRIBE, event.SubscribeParams(topics=["run", "client"]))
        assert subscribed.head_seq >= 1
        with pytest.raises(RpcError) as expired:
            await one.call(event.SUBSCRIBE, event.SubscribeParams(topics=["run"], after=1_000_000))
        assert expired.value.data["headSeq"] == subscribed.head_seq
