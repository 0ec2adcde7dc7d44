"""The child process of the local model: llama.cpp's own server on loopback. Runs nothing of an agent.

Started as `python local_server.py MODEL.gguf`, and imports nothing of ours. Reads its key as the first line of stdin,
writes its port as the only line of stdout once it can answer, and ends when stdin closes: it outlives nobody.
"""

import os
import sys
import threading
from importlib import import_module
from pathlib import Path
from typing import Any

_CONTEXT = 4096
"""Tokens of prompt and answer together; more costs memory that a small model cannot use."""


def main(weights: str) -> None:
    """Serve these weights until stdin closes."""
    key = sys.stdin.buffer.readline().decode().strip()
    parent_is_gone = threading.Thread(target=_leave_with_the_parent, daemon=True)
    parent_is_gone.start()
    ready = os.dup(1)
    os.dup2(2, 1)  # what the engine prints is log, not protocol
    server = _serve(weights, key)
    port = str(server.listening_address).rpartition(":")[2]
    os.write(ready, port.encode() + b"\n")
    os.close(ready)
    parent_is_gone.join()


def threads() -> int:
    """How many threads the engine gets: one core is left to everybody else.

    With all cores taken, the engine's barriers wait for whoever else needs one, and it becomes up to 30 times slower.
    """
    return max(1, _physical_cores() - 1)


def _leave_with_the_parent() -> None:
    sys.stdin.buffer.read()
    os._exit(0)


def _physical_cores() -> int:
    siblings = Path("/sys/devices/system/cpu").glob("cpu[0-9]*/topology/thread_siblings_list")
    try:
        cores = len({file.read_text() for file in siblings})
    except OSError:
        cores = 0
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(cores or usable, usable)


def _serve(weights: str, key: str) -> Any:
    engine: Any = import_module("xllamacpp")
    settings = engine.CommonParams()
    settings.model.path = weights
    settings.hostnames, settings.port, settings.api_keys = ["127.0.0.1"], 0, [key]
    settings.verbosity = 1  # failures only: the log has no bound
    settings.ui, settings.offline, settings.use_jinja = False, True, True
    settings.n_ctx, settings.n_parallel, settings.n_gpu_layers = _CONTEXT, 1, 0
    for pool in (settings.cpuparams, settings.cpuparams_batch):
        pool.n_threads, pool.poll = threads(), 0  # polling would burn a core between two tokens
    return engine.Server(settings)


if __name__ == "__main__":
    main(sys.argv[1])
