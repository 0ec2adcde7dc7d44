"""A receiver of OTLP in a process of its own: it says first where it listens, and at its input's end what came."""

import asyncio
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import orjson
from otlp_receiver import Arrived, Number, Receiver, receiving, receiving_grpc

PATIENCE = 180.0
"""Seconds after which something that should happen does not."""


async def serve(protocol: str) -> None:
    """Receive until the input ends."""
    async with receiving() if protocol == "http" else receiving_grpc() as receiver:
        print(receiver.address, flush=True)
        await asyncio.to_thread(sys.stdin.read)
    told = {"spans": receiver.spans, "metrics": receiver.metrics, "schemas": sorted(receiver.schemas)}
    sys.stdout.buffer.write(orjson.dumps(told))


@dataclass
class Elsewhere:
    """A receiver in another process. `received` is there once the block is over."""

    address: str
    received: Receiver


@asynccontextmanager
async def receiving_elsewhere(protocol: Literal["http", "grpc"]) -> AsyncGenerator[Elsewhere]:
    """A receiver in another process, as long as the block lasts."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        sys.executable, __file__, protocol, stdin=pipe, stdout=pipe, cwd=Path(__file__).parent
    )
    try:
        assert process.stdout
        async with asyncio.timeout(PATIENCE):
            elsewhere = Elsewhere((await process.stdout.readline()).decode().strip(), Receiver())
        yield elsewhere
        async with asyncio.timeout(PATIENCE):
            said, _ = await process.communicate(b"")
        told = orjson.loads(said)
        elsewhere.received.spans = [_arrived(span) for span in told["spans"]]
        elsewhere.received.schemas = set(told["schemas"])
        elsewhere.received.metrics = {
            name: [Number(**each) for each in numbers] for name, numbers in told["metrics"].items()
        }
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()


def _arrived(span: dict[str, Any]) -> Arrived:
    links: list[str] = span.pop("links")
    return Arrived(**span, links=tuple(links))


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1]))
