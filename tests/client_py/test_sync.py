"""The client of those who do not await: in scripts, and inside of an event loop that is somebody else's."""

import asyncio
import gc
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from agent_lab import Careful
from agiwo.agent import Agent
from agiwo.testing import ScriptedModel
from agiwo_client import DaemonNotFound, RpcError, sync
from agiwo_protocol import session
from agiwo_protocol.approval import Approval
from anyio.from_thread import start_blocking_portal
from client_stage import serving
from daemon_lab import LiveModel, running, scripted

ADD = [{"toolCalls": [{"name": "add", "arguments": {"a": 1, "b": 2}}]}, {"text": "Done."}]
CAREFUL = [{"toolCalls": [{"name": "careful", "arguments": {"n": 1}}]}, {"text": "Done."}]


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """The home of a daemon that lives in a thread of its own."""
    agents = (
        scripted("echo"),
        Agent("silent", "Says nothing.", LiveModel(), []),
        Agent("calling", "Calls.", ScriptedModel(turns=ADD, repeat=True), []),
        Agent("careful", "Asks.", ScriptedModel(turns=CAREFUL, repeat=True), [Careful(name="careful")]),
    )
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(running(*agents)) as daemon,
        portal.wrap_async_context_manager(serving(daemon, tmp_path)),
    ):
        yield tmp_path


def client_of(home: Path) -> sync.SyncClient:
    return sync.connect(home=home, autostart=False, timeout=60, patience=60)


def test_a_script_starts_a_run_and_reads_it(home: Path) -> None:
    with client_of(home) as client:
        run = client.start_run("echo", "hi")
        events = list(run)
        assert (events[0].type, events[-1].type) == ("run/queued", "run/completed")
        assert run.wait().response == "hello world"
        assert (run.seq, run.session_id) == (events[-1].seq, run.get().session_id)
        again = client.attach(run.id, after=run.seq - 1)
        assert [each.type for each in again] == ["run/completed"]


def test_every_typed_call_is_there_too(home: Path) -> None:
    with client_of(home) as client:
        assert len(client.agent.list().agents) == 4
        assert client.session.create(agent="echo", session_id="mine").session_id == "mine"
        assert client.call(session.LIST, session.ListParams()) == client.session.list()
        assert "T" in client.ping()
        with pytest.raises(RpcError, match="nowhere"):
            client.session.get(session_id="nowhere")
        assert client.server.protocol_version == 1


@pytest.mark.anyio
async def test_it_works_inside_of_a_running_loop(home: Path) -> None:
    assert asyncio.get_running_loop().is_running()
    with client_of(home) as client:
        assert client.start_run("echo", "hi").wait().response == "hello world"


def test_a_scheduled_agent_takes_task_after_task(home: Path) -> None:
    with client_of(home) as client:
        state = client.submit("echo", "one", persistent=True)
        assert state.wait().response == "hello world"
        second = state.submit_task("two")
        assert (state.run_id, state.wait(second).run_id) == (second, second)
        assert [each.state_id for each in client.state(state.id).tree()] == [state.id]
        assert state.shutdown()


def test_events_of_the_daemon_are_read_as_they_come(home: Path) -> None:
    with client_of(home) as client, client.events("run") as events:
        run = client.start_run("echo", "hi")
        assert next(events).data["runId"] == run.id


def test_plain_functions_are_callbacks_and_tools_and_may_use_the_client(home: Path) -> None:
    asked: list[str] = []

    def allow(approval: Approval) -> bool:
        asked.append(threading.current_thread().name)
        return client.run.get(run_id=approval.run_id).status == "waiting"

    def add(a: int, b: int) -> int:
        """Adds."""
        return a + b

    client = sync.connect(home=home, autostart=False, timeout=60, on_approval=allow, tools=[add])
    with client:
        assert client.start_run("careful", "go").wait().response == "Done."
        outputs = [each.data["output"] for each in client.start_run("calling", "go") if each.data.get("output")]
    assert (len(asked), outputs[0]["value"]) == (1, 3)


def test_an_async_callback_is_told_to_await(home: Path) -> None:
    told: list[str] = []

    async def deny(approval: Approval) -> bool:
        with pytest.raises(RuntimeError, match="has to await") as refused:
            client.ping()
        told.append(str(refused.value))
        return False

    with sync.connect(home=home, autostart=False, timeout=60, on_approval=deny) as client:
        client.start_run("careful", "go").wait()
    assert len(told) == 1


def test_ctrl_c_ends_the_waiting_and_leaves_the_client_and_the_run(home: Path) -> None:
    with client_of(home) as client:
        run = client.start_run("silent", "hi")
        threading.Timer(0.05, signal.pthread_kill, [threading.main_thread().ident, signal.SIGINT]).start()
        with pytest.raises(KeyboardInterrupt):
            run.wait()
        assert run.get().status == "running"


def test_a_client_that_is_closed_says_so(home: Path) -> None:
    client = client_of(home)
    client.close()
    client.close()
    with pytest.raises(RuntimeError, match="the client is closed"):
        client.ping()


def threads_of_clients() -> int:
    return sum(thread.name == "agiwo-client" for thread in threading.enumerate())


def test_a_client_that_nobody_has_any_more_ends_its_thread(home: Path) -> None:
    before = threads_of_clients()
    client_of(home).ping()
    gc.collect()
    assert threads_of_clients() == before


def test_without_a_daemon_the_command_that_starts_one_is_named(tmp_path: Path) -> None:
    before = threads_of_clients()
    with pytest.raises(DaemonNotFound, match=rf"start one with `AGIWOD_HOME={tmp_path} agiwod start`"):
        client_of(tmp_path)
    assert threads_of_clients() == before
