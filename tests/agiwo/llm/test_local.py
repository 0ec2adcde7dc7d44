"""The real local model: a real server process, real weights. Marked, because it takes seconds and needs 34 + 93 MB."""

import asyncio
import os
import select
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from agiwo.errors import ModelError
from agiwo.llm.base import Timeouts
from agiwo.llm.local import LocalModel
from agiwo.llm.local_process import LocalServer, server_for, stop_servers
from agiwo.llm.local_server import threads
from agiwo.llm.openai import OpenAIModel
from agiwo.llm.weights import SMOLLM2, find_weights, is_available
from agiwo.schema.chunk import StreamChunk

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.local_llm,
    pytest.mark.skipif(not is_available(), reason="the local model is not installed"),
]

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="looks at processes as Linux shows them")

FRANCE = [{"role": "user", "content": "What is the capital of France?"}]

PARENT = """
import asyncio, sys
from agiwo.llm.local_process import server_for
from agiwo.llm.openai import OpenAIModel
from agiwo.llm.weights import SMOLLM2, find_weights

async def main():
    async with server_for(find_weights(SMOLLM2.name)).lend(300) as address:
        print(address.pid, flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


@pytest.fixture
async def server() -> AsyncIterator[LocalServer]:
    yield server_for(find_weights(SMOLLM2.name))
    await stop_servers()


async def answer_of(model: LocalModel) -> list[StreamChunk]:
    return [chunk async for chunk in model.arun_stream(FRANCE)]


def has_ended(pid: int) -> bool:
    """Whether a process ends within some seconds, though it is not our child."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([handle], [], [], 60)[0])
    finally:
        os.close(handle)


def command_of(pid: int) -> bytes:
    return Path(f"/proc/{pid}/cmdline").read_bytes()


async def test_the_local_model_answers_in_a_stream(server: LocalServer) -> None:
    chunks = await answer_of(LocalModel())

    assert "Paris" in "".join(chunk.content or "" for chunk in chunks)
    assert sum(chunk.content is not None for chunk in chunks) > 1
    assert [chunk.finish_reason for chunk in chunks if chunk.finish_reason] == ["stop"]
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.output_tokens > 1
    assert server.address is not None


async def test_a_server_that_was_killed_is_started_again(server: LocalServer) -> None:
    await answer_of(LocalModel())
    assert server.address is not None
    first = server.address.pid
    os.kill(first, signal.SIGKILL)

    chunks = await answer_of(LocalModel())

    assert "Paris" in "".join(chunk.content or "" for chunk in chunks)
    assert server.address.pid != first


async def test_models_with_the_same_weights_share_one_server(server: LocalServer) -> None:
    await asyncio.gather(answer_of(LocalModel()), answer_of(LocalModel()))

    assert server is server_for(find_weights(str(find_weights(SMOLLM2.name))))


@on_linux
async def test_a_server_that_nobody_asks_is_stopped(server: LocalServer) -> None:
    async with server.lend(0.05) as address:
        pass

    assert await asyncio.to_thread(has_ended, address.pid)
    assert server.address is None


async def test_a_server_that_is_in_use_is_not_stopped(server: LocalServer) -> None:
    async with server.lend(300) as address:
        async with server.lend(0):
            pass
        assert not await server.has_died()
        assert server.address == address


@on_linux
async def test_the_server_asks_for_its_key(server: LocalServer) -> None:
    async with server.lend(300) as address:
        stranger = OpenAIModel("any", api_key="wrong", base_url=address.base_url)
        with pytest.raises(ModelError) as caught:
            _ = [chunk async for chunk in stranger.arun_stream(FRANCE)]
        command = command_of(address.pid)

    assert caught.value.kind == "auth"
    assert address.key.encode() not in command


async def test_a_prompt_that_does_not_fit_is_its_own_kind_of_error(server: LocalServer) -> None:
    assert server is not None
    with pytest.raises(ModelError) as caught:
        _ = [chunk async for chunk in LocalModel().arun_stream([{"role": "user", "content": "word " * 5000}])]

    assert caught.value.kind == "context_length"


@on_linux
async def test_the_server_dies_with_its_parent() -> None:
    parent = await asyncio.create_subprocess_exec(sys.executable, "-c", PARENT, stdout=subprocess.PIPE)
    assert parent.stdout is not None
    pid = int(await asyncio.wait_for(parent.stdout.readline(), 180))
    parent.kill()
    await parent.wait()

    assert await asyncio.to_thread(has_ended, pid)


async def test_weights_that_are_none_are_an_error_with_the_servers_last_words(tmp_path: Path) -> None:
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"this is no model")

    with pytest.raises(ModelError, match="did not start") as caught:
        _ = [chunk async for chunk in LocalModel(str(broken), timeouts=Timeouts(total=300)).arun_stream(FRANCE)]

    assert caught.value.kind == "unavailable"
    assert not caught.value.retryable
    assert "broken.gguf" in str(caught.value)


def test_one_core_is_left_to_everybody_else() -> None:
    assert 1 <= threads() <= max(1, (os.cpu_count() or 1) - 1)
