"""A client that can be asked: its callback hears of each question once, over whichever connection it comes."""

import asyncio
import logging
from pathlib import Path
from typing import Any

import pytest
from agent_lab import Careful
from agiwo.agent import Agent
from agiwo.testing import ScriptedModel
from agiwo_client import Client, Run, connect
from agiwo_protocol import approval
from agiwo_protocol.approval import Approval, Reply
from client_stage import serving
from daemon_lab import PATIENCE, KeptJournal, running

pytestmark = pytest.mark.anyio


def careful_agent(tool: Careful) -> Agent:
    turns = [{"toolCalls": [{"name": tool.name, "arguments": {"n": 1}}]}, {"text": "Done."}]
    return Agent("careful", "Asks first.", ScriptedModel(turns=turns, repeat=True), [tool])


class Person:
    """A callback that says the same whenever it may."""

    def __init__(self, says: Any, *, may: bool = True) -> None:
        self.says = says
        self.asked: list[Approval] = []
        self.ended = 0
        self.is_asked, self.may_say = asyncio.Event(), asyncio.Event()
        if may:
            self.may_say.set()

    async def __call__(self, approval: Approval) -> Any:
        self.asked.append(approval)
        self.is_asked.set()
        try:
            await self.may_say.wait()
        finally:
            self.ended += 1
        if isinstance(self.says, Exception):
            raise self.says
        return self.says


async def read(run: Run) -> None:
    """Read to the end."""
    async for _ in run:
        pass


def client_of(home: Path, person: Person | None = None) -> Client:
    return connect(home=home, autostart=False, timeout=60, patience=60, on_approval=person)


@pytest.mark.parametrize("reads", [True, False])
@pytest.mark.parametrize(
    ("says", "calls"),
    [
        (True, [{"n": 1}]),
        ("allow_session", [{"n": 1}]),
        (Reply(option_id="allow_once", arguments={"n": 2}), [{"n": 2}]),
        (False, []),
    ],
)
async def test_who_reads_or_waits_is_asked(tmp_path: Path, reads: bool, says: Any, calls: list[Any]) -> None:
    tool, person = Careful(), Person(says)
    async with running(careful_agent(tool)) as daemon, serving(daemon, tmp_path), client_of(tmp_path, person) as client:
        run = await client.start_run("careful", "go")
        async with asyncio.timeout(PATIENCE):
            if reads:
                assert [event.type async for event in run][-1] == "run/completed"
            else:
                assert (await run.wait()).response == "Done."
        assert (tool.calls, [each.run_id for each in person.asked]) == (calls, [run.id])


async def test_who_reads_and_waits_at_once_is_asked_once(tmp_path: Path) -> None:
    tool, person = Careful(), Person(True, may=False)
    async with running(careful_agent(tool)) as daemon, serving(daemon, tmp_path), client_of(tmp_path, person) as client:
        run = await client.start_run("careful", "go")
        wait = asyncio.create_task(run.wait())
        async with asyncio.timeout(PATIENCE):
            async for event in run:
                if event.type == "approval/requested":
                    await person.is_asked.wait()
                    await client.call(approval.LIST, approval.ListParams())
                    person.may_say.set()
            await wait
        assert (len(person.asked), len(tool.calls)) == (1, 1)


async def test_the_callback_is_cancelled_when_somebody_else_was_first(tmp_path: Path) -> None:
    tool, person = Careful(), Person(False, may=False)
    async with (
        running(careful_agent(tool)) as daemon,
        serving(daemon, tmp_path),
        client_of(tmp_path, person) as client,
        client_of(tmp_path) as other,
    ):
        run = await client.start_run("careful", "go")
        reading = asyncio.create_task(read(run))
        await person.is_asked.wait()
        params = approval.RespondParams(approval_id=person.asked[0].approval_id, option_id="allow_once")
        assert (await other.call(approval.RESPOND, params)).status == "resolved"
        async with asyncio.timeout(PATIENCE):
            await reading
        assert (person.ended, len(tool.calls)) == (1, 1)


@pytest.mark.parametrize("says", [None, RuntimeError("no ears"), "perhaps"])
async def test_a_callback_that_says_nothing_of_use_leaves_the_question_to_others(
    tmp_path: Path, says: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)
    tool, person, other = Careful(), Person(says), Person(True)
    async with (
        running(careful_agent(tool)) as daemon,
        serving(daemon, tmp_path),
        client_of(tmp_path, person) as client,
        client_of(tmp_path, other) as second,
    ):
        run = await client.start_run("careful", "go")
        reading = asyncio.create_task(read(run))
        await person.is_asked.wait()
        async with asyncio.timeout(PATIENCE):
            await (await second.attach(run.id)).wait()
            await reading
    assert (len(person.asked), len(tool.calls)) == (1, 1)


async def test_a_question_comes_back_with_the_daemon(tmp_path: Path) -> None:
    journal, tool, person = KeptJournal(), Careful(), Person(True, may=False)
    async with running(careful_agent(tool), journal=journal) as daemon, serving(daemon, tmp_path):
        client = await client_of(tmp_path, person)
        reading = asyncio.create_task(read(await client.start_run("careful", "go")))
        await person.is_asked.wait()
    person.may_say.set()
    async with running(careful_agent(tool), journal=journal) as daemon, serving(daemon, tmp_path):
        async with asyncio.timeout(PATIENCE):
            await reading
        await client.aclose()
    first, second = person.asked
    assert (first, len(tool.calls)) == (second, 1)


async def test_a_client_that_goes_while_it_is_asked_lets_its_callback_end(tmp_path: Path) -> None:
    person = Person(True, may=False)
    async with running(careful_agent(Careful())) as daemon, serving(daemon, tmp_path):
        async with client_of(tmp_path, person) as client:
            run = await client.start_run("careful", "go")
            waiting = asyncio.create_task(run.wait())
            await person.is_asked.wait()
            waiting.cancel()
        assert person.ended == 1
