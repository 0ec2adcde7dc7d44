"""A connection of the judge: what it takes for a message in each framing, and what for none."""

import asyncio
import sys
from pathlib import Path

import pytest
from agiwod.conformance.line import CannotConnect, CommandWay, Line, NoMessage, SocketWay, Style, TcpWay

pytestmark = pytest.mark.anyio


async def line_hearing(folder: Path, said: bytes, style: Style) -> Line:
    """A line to a server that says these bytes and goes."""
    script = folder / "server.py"
    script.write_text(f"import sys\nsys.stdout.buffer.write({said!r})\nsys.stdout.flush()\nsys.stdin.read()")
    return await CommandWay(f"{sys.executable} {script}").open(style)


@pytest.mark.parametrize(
    ("style", "said"),
    [
        ("newline", b'{"id":1}\n'),
        ("newline", b'{"id":1}\r\n'),
        ("content-length", b'Content-Length: 8\r\n\r\n{"id":1}'),
        ("content-length", b'content-length: 8\r\nContent-Type: application/json\r\n\r\n{"id":1}'),
    ],
)
async def test_a_message_is_heard_in_its_framing(style: Style, said: bytes, tmp_path: Path) -> None:
    line = await line_hearing(tmp_path, said, style)
    assert await line.hear() == {"id": 1}
    await line.close()


@pytest.mark.parametrize(
    ("style", "said"),
    [
        ("newline", b'Content-Length: 8\r\n\r\n{"id":1}'),
        ("newline", b"[]\n"),
        ("newline", b"\xff\n"),
        ("content-length", b'Length: 8\r\n\r\n{"id":1}'),
        ("content-length", b'Content-Length: eight\r\n\r\n{"id":1}'),
        ("content-length", b"Content-Length: 4\r\n\r\nnull"),
    ],
)
async def test_what_is_no_message_in_that_framing_is_told(style: Style, said: bytes, tmp_path: Path) -> None:
    line = await line_hearing(tmp_path, said, style)
    with pytest.raises(NoMessage):
        await line.hear()
    await line.close()


@pytest.mark.parametrize(
    "way", [SocketWay("/nowhere"), TcpWay("127.0.0.1", 1), CommandWay("/no/such/program"), CommandWay('"')]
)
async def test_where_no_server_is_none_is_tried(way: SocketWay | TcpWay | CommandWay) -> None:
    with pytest.raises(CannotConnect):
        async with asyncio.timeout(60):
            await way.open("newline")
