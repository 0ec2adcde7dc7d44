"""What is found at an address that is no server of the protocol, or a broken one."""

import gzip
import threading
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from agiwo.mcp.pace import Pace
from agiwo.mcp.server import McpServer
from server_lab import Watched

pytestmark = pytest.mark.anyio


@contextmanager
def answering(status: int, kind: str, body: bytes, encoding: str = "identity") -> Generator[str]:
    """The address of somebody who always says the same."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            self.send_response(status)
            self.send_header("content-type", kind)
            self.send_header("content-encoding", encoding)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        serving.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/mcp"
        finally:
            server.shutdown()
            serving.join()


@pytest.mark.parametrize(
    ("status", "kind", "body", "encoding", "error"),
    [
        (401, "text/html", b"no", "identity", "it answers with status 401: it wants another key in its headers"),
        (200, "text/html", b"<html>", "identity", "Unexpected content type: text/html"),
        (200, "application/json", b"{broken", "identity", "Failed to parse JSON response"),
        (200, "application/json", b"x" * 5000, "identity", "the answer has more than the 4,096 bytes that are taken"),
        (200, "application/json", gzip.compress(b"x" * 10**7), "gzip", "the answer is packed, which was not asked for"),
        (500, "text/plain", b"oops", "identity", "Server returned an error response"),
    ],
)
async def test_what_is_no_server_is_told(status: int, kind: str, body: bytes, encoding: str, error: str):
    with answering(status, kind, body, encoding) as url:
        server = Watched(McpServer("web", url=url, most=4096), Pace(first=60))
        server.start()
        state = await server.until("failed")
        await server.close()

    assert error in (state.error or "")


async def test_nobody_there_is_told():
    server = Watched(McpServer("web", url="http://127.0.0.1:1/mcp"), Pace(first=60))
    server.start()
    state = await server.until("failed")
    await server.close()

    assert state.error == "All connection attempts failed"
