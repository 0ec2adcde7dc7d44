"""A server on loopback with one file and a package index that names it, as bad as a test wants it."""

import base64
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote


@dataclass
class FileServer:
    """What it has and how it serves it. `asked` holds the `Range` of each request for the file, None for all of it.

    `cut` is told which request it is, from 0, and what would be sent; it says how much is sent before the line breaks.
    `login` is USER:PASSWORD as it stands in an address.
    """

    name: str
    content: bytes
    etag: str | None = '"one"'
    knows_ranges: bool = True
    login: str | None = None
    cut: Callable[[int, bytes], int] = lambda number, body: len(body)
    before_break: Callable[[], object] = lambda: None
    asked: list[str | None] = field(default_factory=list[str | None])
    address: str = ""

    @property
    def index(self) -> str:
        return f"{self.address}/simple"

    @property
    def url(self) -> str:
        return f"{self.address}/files/{self.name}"

    def with_login(self, address: str) -> str:
        return address.replace("://", f"://{self.login}@")


class _Handler(BaseHTTPRequestHandler):
    served: FileServer

    def do_GET(self) -> None:
        own = self.served
        if own.login is not None and not self._knows(own.login):
            self._answer(401, b"", {"WWW-Authenticate": "Basic realm=files"})
        elif self.path.endswith(".whl"):
            self._serve_file(own)
        elif self.path.startswith("/simple/"):
            self._answer(200, f'<a href="{own.url}#sha256={sha256(own.content).hexdigest()}">{own.name}</a>'.encode())
        else:
            self._answer(404, b"")

    def _knows(self, login: str) -> bool:
        said = base64.b64encode(unquote(login).encode()).decode()
        return self.headers.get("Authorization") == f"Basic {said}"

    def _serve_file(self, own: FileServer) -> None:
        number, wanted = len(own.asked), self.headers.get("Range")
        own.asked.append(wanted)
        start = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted and self._may_go_on(own) else 0
        if wanted and start >= len(own.content):
            self._answer(416, b"")
            return
        headers = {"ETag": own.etag} if own.etag else {}
        if start:
            headers["Content-Range"] = f"bytes {start}-{len(own.content) - 1}/{len(own.content)}"
        body = own.content[start:]
        self._answer(206 if start else 200, body, headers, upto=own.cut(number, body))

    def _may_go_on(self, own: FileServer) -> bool:
        return own.knows_ranges and self.headers.get("If-Range", own.etag) == own.etag

    def _answer(self, status: int, body: bytes, headers: dict[str, str] | None = None, upto: int | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": "text/html", **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        sent = body if upto is None else body[:upto]
        self.wfile.write(sent)
        if len(sent) < len(body):
            self.wfile.flush()
            self.served.before_break()
            self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def serving(served: FileServer) -> Generator[FileServer]:
    """It, at its `address`."""
    handler = type("Handler", (_Handler,), {"served": served})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        served.address = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield served
        finally:
            server.shutdown()
            thread.join()
