"""Calls that block: each has a thread, and one that hangs has it for itself."""

import asyncio
import os
import subprocess
import sys
import threading

import pytest
from agiwo.tool.thread import in_thread

pytestmark = pytest.mark.anyio


async def test_one_call_after_another_needs_one_thread() -> None:
    assert len({await in_thread(threading.get_ident) for _ in range(20)}) == 1


async def test_a_call_that_hangs_keeps_nobody_from_a_thread() -> None:
    begun, end = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def hang() -> int:
        loop.call_soon_threadsafe(begun.set)
        end.wait(10)
        return threading.get_ident()

    hanging = asyncio.create_task(in_thread(hang))
    await begun.wait()
    others = {await in_thread(threading.get_ident) for _ in range(5)}
    end.set()
    assert await hanging not in others


async def test_a_caller_that_is_cancelled_is_free_at_once_and_what_comes_is_dropped() -> None:
    end = threading.Event()
    waiting = asyncio.create_task(in_thread(lambda: end.wait(10)))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    end.set()
    assert await in_thread(lambda: "next") == "next"


FORKING = """
import asyncio, os, threading
from agiwo.tool.thread import in_thread
asyncio.run(in_thread(threading.get_ident))
child = os.fork()
if child == 0:
    os._exit(asyncio.run(in_thread(lambda: 7)))
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks here")
def test_a_forked_process_has_threads_of_its_own() -> None:
    subprocess.run([sys.executable, "-W", "ignore", "-c", FORKING], check=True, timeout=20)
