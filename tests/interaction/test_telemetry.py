"""A daemon that sends its traces to a real receiver, in a process of its own."""

import signal
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from live_daemon import Line, LiveDaemon
from otlp_receiver import Receiver, receiving

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def sending_daemon(home: Path, receiver: Receiver) -> AsyncGenerator[LiveDaemon]:
    daemon = LiveDaemon(home, {"quick": {"text": "Hi."}, "slow": {"text": "x" * 50, "deltas": 50, "delayMs": 100}})
    with (home / "config.toml").open("a") as config:
        config.write(f'\n[serve]\ndrain_seconds = 0\n[telemetry]\notlp_endpoint = "{receiver.address}"\n')
    await daemon.start()
    try:
        yield daemon
    finally:
        if daemon.process.returncode is None:
            daemon.process.kill()
            await daemon.end()


async def test_a_daemon_sends_its_spans_before_it_ends_and_tells_how_many(tmp_path: Path):
    async with receiving() as receiver, sending_daemon(tmp_path, receiver) as daemon:
        line = await Line.open(tmp_path)
        started = await line.ask("run/start", agent="quick", input="Go.", attach=False)
        await line.ask("run/wait", runId=started["result"]["runId"])
        status = await line.ask("daemon/status")
        daemon.process.send_signal(signal.SIGTERM)
        assert await daemon.end() == 0
        await line.close()

    assert receiver.tree() == ["invoke_agent quick", f"  chat {tmp_path / 'quick.json'}"]
    assert receiver.resources[0]["service.name"] == "agiwod"
    assert status["result"]["telemetry"]["dropped"] == status["result"]["telemetry"]["refused"] == 0
    assert (tmp_path / "data" / "traces-sent").exists()
    [runs] = receiver.metrics["gen_ai.invoke_agent.duration"]
    assert (runs.attributes, runs.count) == ({"gen_ai.agent.name": "quick", "agiwo.status": "completed"}, 1)


@pytest.mark.soak  # three lives of a daemon
@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
async def test_a_run_that_outlives_its_daemon_arrives_as_one_tree(tmp_path: Path, end: signal.Signals):
    async with receiving() as receiver:
        async with sending_daemon(tmp_path, receiver) as daemon:
            line = await Line.open(tmp_path)
            started = await line.ask("run/start", agent="slow", input="Go.", attach=False)
            while (await line.ask("run/get", runId=started["result"]["runId"]))["result"]["status"] != "running":
                pass
            daemon.process.send_signal(end)
            await daemon.end()
            await line.close()
        async with sending_daemon(tmp_path, receiver) as daemon:
            line = await Line.open(tmp_path)
            await line.ask("run/wait", runId=started["result"]["runId"])
            daemon.process.send_signal(signal.SIGTERM)
            await daemon.end()
            await line.close()

    assert receiver.tree() == ["invoke_agent slow", "  invoke_agent slow", f"    chat {tmp_path / 'slow.json'}"]
    assert len({span.span_id for span in receiver.spans}) == len(receiver.spans) == 3
