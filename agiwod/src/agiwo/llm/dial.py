"""A TCP connection to the first of a host's addresses that answers. Knows nothing of what is said over it."""

import asyncio
import os
import socket
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from ipaddress import ip_address
from itertools import chain, zip_longest
from typing import TypeVar

_P = TypeVar("_P", bound=asyncio.Protocol)

_HEAD_START = 0.25
"""Seconds that an address has before the next one is tried beside it: many hosts have one that leads nowhere."""


async def addresses_of(host: str, port: int) -> list[str]:
    """The host's addresses, those of its families in turns, in the order in which the system prefers them.

    Raises:
        OSError: the name is not known.
    """
    with suppress(ValueError):
        return [str(ip_address(host))]
    infos = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    families: dict[int, list[str]] = {}
    for family, _, _, _, address in infos:
        families.setdefault(family, []).append(str(address[0]))
    turns = chain.from_iterable(zip_longest(*families.values()))
    return list(dict.fromkeys(address for address in turns if address))


async def dial(
    protocol: Callable[[], _P], addresses: Sequence[str], port: int, local: tuple[str, int] | None = None
) -> tuple[asyncio.Transport, _P]:
    """Connect to one of the addresses. Cancelled at any moment, it leaves no connection open.

    asyncio's own way to do so loses connections when it is cancelled (CPython 3.11).

    Raises:
        OSError: none of them can be reached.
    """
    loop, left, faults = asyncio.get_running_loop(), deque(addresses), dict[str, OSError]()
    going = set[asyncio.Task[tuple[asyncio.Transport, _P]]]()
    try:
        while left or going:
            if left:
                dialling = loop.create_connection(protocol, (address := left.popleft()), port, local_addr=local)
                going.add(loop.create_task(dialling, name=address))
            patience = _HEAD_START if left else None
            done, _ = await asyncio.wait(going, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
            going -= (failed := {task for task in done if isinstance(task.exception(), OSError)})
            faults |= {task.get_name(): fault for task in failed if isinstance(fault := task.exception(), OSError)}
            if reached := done - failed:
                going.discard(first := reached.pop())
                return first.result()
        reasons = [reason_of(fault) for fault in faults.values()]
        told = [f"{address}: {reason}" for address, reason in zip(faults, reasons, strict=True)]
        raise OSError("; ".join(told if len(told) > 1 else reasons))
    finally:
        _hang_up(going)


def _hang_up(tasks: Iterable[asyncio.Task[tuple[asyncio.Transport, _P]]]) -> None:
    for task in tasks:
        task.cancel()
        task.add_done_callback(_close)


def _close(task: "asyncio.Task[tuple[asyncio.Transport, _P]]") -> None:
    if not task.cancelled() and task.exception() is None:
        task.result()[0].abort()


def reason_of(error: OSError) -> str:
    """Why nobody answers, in the system's words: the event loop's own repeat the address."""
    is_of_names = isinstance(error, socket.gaierror)
    return os.strerror(error.errno) if error.errno and not is_of_names else error.strerror or str(error)
