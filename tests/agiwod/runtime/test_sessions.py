"""Sessions: made once, listed, and read back as what was said in them."""

import asyncio

import pytest
from agiwo.errors import Conflict, NotFound
from agiwo.journal.care import Store
from agiwod.runtime.runs import Ask
from daemon_lab import running, scripted

pytestmark = pytest.mark.anyio


async def test_a_session_is_created_once_however_many_try() -> None:
    async with running() as daemon:
        tries = [daemon.sessions.create("echo", "mine") for _ in range(5)]
        made = await asyncio.gather(*tries, return_exceptions=True)
        assert sorted(type(each).__name__ for each in made) == ["Conflict"] * 4 + ["Session"]
        assert (await daemon.sessions.get("mine")).agent == "echo"


async def test_a_session_of_an_unknown_agent_is_not_made() -> None:
    async with running() as daemon:
        with pytest.raises(NotFound):
            await daemon.sessions.create("nobody", "mine")
        with pytest.raises(NotFound):
            await daemon.sessions.get("mine")


async def test_a_run_without_a_session_begins_one_and_a_run_with_one_uses_it() -> None:
    async with running() as daemon:
        own = (await daemon.runs.start(Ask("echo", "hi"))).head.session
        named = (await daemon.runs.start(Ask("echo", "hi", session="named"))).head.session
        assert named == "named"
        assert {session.id for session in await daemon.sessions.list()} == {own, "named"}
        with pytest.raises(Conflict):
            await daemon.sessions.create("echo", "named")


async def test_the_history_is_what_was_said_in_all_runs_oldest_first() -> None:
    async with running(scripted("a", {"text": "one"}), scripted("b", {"text": "two"})) as daemon:
        for agent in "ab":
            run = (await daemon.runs.start(Ask(agent, f"to {agent}", session="s"))).head.run
            await daemon.runs.wait(run)
        items = [record.data for record in await daemon.sessions.history("s")]
        said = [item["text"] if "text" in item else item["content"][0]["text"] for item in items]
        assert said == ["to a", "one", "to b", "two"]


async def test_a_new_session_has_no_history() -> None:
    async with running() as daemon:
        session = await daemon.sessions.create("echo")
        assert await daemon.sessions.history(session.id) == []


async def test_sessions_are_listed_by_agent_in_pages_the_one_used_last_first() -> None:
    async with running(scripted("a"), scripted("b")) as daemon:
        for number in range(3):
            await daemon.sessions.create("a", f"a{number}")
        await daemon.sessions.create("b", "b0")
        first = await daemon.sessions.list(agent="a", limit=2)
        second = await daemon.sessions.list(agent="a", limit=2, before=first[-1].id)
        assert sorted(session.id for session in (*first, *second)) == ["a0", "a1", "a2"]


async def test_history_reads_the_same_from_every_kind_of_journal(any_journal: Store) -> None:
    async with running(journal=any_journal) as daemon:
        run = (await daemon.runs.start(Ask("echo", "hi", session="s"))).head.run
        await daemon.runs.wait(run)
        kinds = [record.data["kind"] for record in await daemon.sessions.history("s")]
        assert kinds == ["userMessage", "agentMessage"]
