"""Servers that are spoken to over stdin and stdout, by a client that costs little. Measures nothing.

A server answers `echo`, and `stream` after so many notifications; what is sent is as long with everybody.
"""

import os
import subprocess
import sys
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
from interpreter import COMPILED, SERVERS
from node_peers import VSCODE
from process import cpu

HERE = Path(__file__).parent
OURS, SCRIPT = "agiwod", str(Path(sys.executable).with_name("agiwod"))

PROTOCOL_VERSIONS: Mapping[str, Any] = {OURS: 1, "mcp": "2025-06-18", "acp": 1}
INFO = {"name": "bench", "version": "0"}


@dataclass(frozen=True)
class Server:
    """How to start one, and how it is spoken to; `frames` says that messages have a header with their length."""

    name: str
    command: Sequence[str]
    frames: bool = False
    shakes_hands: bool = True

    def params(self, method: str, given: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
        """The method and the params that this server has for it."""
        if method == "initialize":
            version = {"protocolVersion": PROTOCOL_VERSIONS.get(self.name, 1), "clientInfo": INFO}
            lsp = {"processId": None, "rootUri": None} if self.name == "pygls" else {}
            return method, {**version, "capabilities": {}, **lsp}
        if self.name == "mcp":
            return "tools/call", {"name": method, "arguments": given, "_meta": {"progressToken": "t"}}
        if self.name == OURS:
            return "ping", given
        return (f"_{method}" if self.name == "acp" else method), given


def peers() -> tuple[list[Server], list[str]]:
    """Those that are installed, and the names of those that are not."""
    found, absent = list[Server](), list[str]()
    for name, frames in (("mcp", False), ("acp", False), ("pygls", True)):
        if python := SERVERS.python:
            found.append(Server(name, (str(python), str(HERE / "servers" / f"{name}_server.py")), frames))
        else:
            absent.append(name)
    if program := VSCODE.program(HERE / "servers" / "vscode_server.mjs"):
        found.append(Server("vscode-jsonrpc", program, frames=True))
    else:
        absent.append("vscode-jsonrpc")
    return found, absent


class Speaking:
    """A conversation with a server. Numbers its requests, and reads until they are answered."""

    def __init__(self, server: Server, process: "subprocess.Popen[bytes]", others: Sequence[int]) -> None:
        assert process.stdin
        assert process.stdout
        self.server, self._stdin, self._stdout = server, process.stdin, process.stdout
        self.pid, self._pids = process.pid, (process.pid, *others)
        self._last_id = 0

    def greet(self) -> None:
        """Shake hands, if that is how it begins."""
        if not self.server.shakes_hands:
            return
        self.ask("initialize")
        if self.server.name in ("mcp", "pygls"):
            method = "notifications/initialized" if self.server.name == "mcp" else "initialized"
            self._send({"method": method, "params": {}})
            self._stdin.flush()

    def ask(self, method: str, times: int = 1, **given: Any) -> int:
        """Ask so often at once, and read until all is answered; how many messages came."""
        name, params = self.server.params(method, given)
        for _ in range(times):
            self._last_id += 1
            self._send({"id": self._last_id, "method": name, "params": params})
        self._stdin.flush()
        came = answered = 0
        while answered < times:
            message = orjson.loads(self._read())
            assert "error" not in message, message
            came += 1
            answered += "method" not in message
        return came

    def answer(self, method: str, params: Mapping[str, Any]) -> Any:
        """The result of one request, by its method's own name."""
        self._last_id += 1
        self._send({"id": self._last_id, "method": method, "params": params})
        self._stdin.flush()
        while "id" not in (message := orjson.loads(self._read())):
            pass
        return message["result"]

    def cpu(self) -> float:
        """Microseconds of CPU that the server has used so far, all its processes together."""
        return 1e6 * sum(map(cpu, self._pids))

    def _send(self, message: Mapping[str, Any]) -> None:
        body = orjson.dumps({"jsonrpc": "2.0", **message})
        self._stdin.write(b"Content-Length: %d\r\n\r\n%b" % (len(body), body) if self.server.frames else body + b"\n")

    def _read(self) -> bytes:
        line = self._stdout.readline()
        assert line, f"{self.server.name} has ended"
        if not self.server.frames:
            return line
        length = int(line.split(b":")[1])
        while line.strip():
            line = self._stdout.readline()
        return self._stdout.read(length)


@contextmanager
def speaking(server: Server, env: Mapping[str, str], others: Sequence[int] = ()) -> Generator[Speaking]:
    """A server's process, hands shaken; `others` are the pids of what else works for it."""
    pipe, environment = subprocess.PIPE, {**os.environ, **COMPILED, "PYTHONPATH": "", **env}
    with subprocess.Popen(server.command, stdin=pipe, stdout=pipe, env=environment) as process:
        speaking = Speaking(server, process, others)
        try:
            speaking.greet()
            yield speaking
        finally:
            process.kill()


@contextmanager
def daemon(home: Path, config: str = "") -> Generator[int]:
    """The pid of a daemon that serves."""
    (home / "config.toml").write_text(config)
    command = [sys.executable, "-m", "agiwod.cli", "serve"]
    environment = {**os.environ, **COMPILED, "AGIWOD_HOME": str(home)}
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE) as process:
        assert process.stderr
        process.stderr.readline()  # it says where it serves once it does
        try:
            yield process.pid
        finally:
            process.terminate()
