"""The way to one daemon: find it, start it when none runs, shake hands. Knows no call beyond the handshake."""

import os
import shutil
import sys
import tempfile
from pathlib import Path
from subprocess import DEVNULL
from typing import Any, Final

import anyio
from agiwo_protocol import connection, jsonrpc
from agiwo_protocol.channel import StreamChannel
from agiwo_protocol.errors import Cancelled, Overloaded
from agiwo_protocol.framing import Frame, Malformed
from agiwo_protocol.jsonrpc import Response
from agiwo_protocol.paths import Paths
from agiwo_protocol.version import PROTOCOL_VERSION

from agiwo_client.address import Address
from agiwo_client.errors import DaemonGone, DaemonNotFound
from agiwo_client.patience import Patience, pause_after
from agiwo_client.service import Service

_HANDSHAKE: Final = 0
"""The id of the first request; a `Peer` counts its own from 1."""


class Door:
    """Opens connections to the daemon at one address, and closes what is still open at the end.

    `service` is what the daemon may ask over them.
    """

    def __init__(
        self,
        paths: Paths,
        address: Address,
        *,
        name: str,
        autostart: bool,
        timeout: float,
        service: Service,
        workspace: str | None = None,
    ) -> None:
        self._paths, self._address = paths, address
        self.service = service
        self._workspace = None if workspace is None else connection.Workspace(cwd=workspace)
        self._name = name
        self._autostart = autostart
        self._timeout = timeout
        self._open: set[StreamChannel] = set()

    async def open(self) -> tuple[StreamChannel, connection.InitializeResult]:
        """A connection on which hands were shaken, and what the daemon said of itself.

        Raises:
            DaemonNotFound: no daemon is there in time, and none could be started.
                RpcError: it does not want to speak with us.
        """
        patience = Patience(self._timeout)
        try:
            with anyio.fail_after(self._timeout):
                while True:
                    channel = await self._knock(patience)
                    try:
                        return channel, await self._shake_hands(channel)
                    except (DaemonGone, Overloaded) as error:
                        await patience.wait(error, at_least=pause_after(error))
        except TimeoutError:
            silence = f"no daemon answered at {self._address} within {self._timeout} seconds"
            raise DaemonNotFound(f"{silence}; {self._address.advice(self._paths.home)}") from None

    async def close(self, channel: StreamChannel) -> None:
        """Close a connection."""
        self._open.discard(channel)
        await channel.close()

    def drop(self, channel: StreamChannel) -> None:
        """Cut a connection whose owner is gone."""
        self._open.discard(channel)
        channel.abort()

    async def aclose(self) -> None:
        """Close every connection."""
        await self.service.aclose()
        while self._open:
            await self._open.pop().close()

    async def _knock(self, patience: Patience) -> StreamChannel:
        channel = await self._try()
        if channel is not None:
            return channel
        if not self._autostart:
            raise DaemonNotFound(f"no daemon runs at {self._address}; {self._address.advice(self._paths.home)}")
        await self._start()
        while (channel := await self._try()) is None:
            await patience.wait(DaemonNotFound(f"a daemon was started, but nobody answers at {self._address}"))
        return channel

    async def _try(self) -> StreamChannel | None:
        channel = await self._address.connect()
        if channel is not None:
            self._open.add(channel)
        return channel

    async def _start(self) -> None:
        # The daemon may inherit the file, so it is no pipe: nobody waits until the daemon closes it.
        with tempfile.TemporaryFile() as complaint:
            done = await anyio.run_process(
                [_command(self._paths), "start"],
                stdin=DEVNULL,
                stdout=DEVNULL,
                stderr=complaint,
                check=False,
                env={**os.environ, **self._home()},
            )
            complaint.seek(0)
            if done.returncode:
                said = complaint.read().decode(errors="replace").strip()
                raise DaemonNotFound(f"`agiwod start` ended with code {done.returncode}: {said}")

    def _home(self) -> dict[str, str]:
        """A home of ours must be the daemon's too; all else it finds as we did."""
        home = self._paths.home
        return {} if home is None else {"AGIWOD_HOME": str(home)}

    async def _shake_hands(self, channel: StreamChannel) -> connection.InitializeResult:
        try:
            info = connection.ClientInfo(name=self._name)
            params = connection.InitializeParams(
                protocol_version=PROTOCOL_VERSION,
                client_info=info,
                capabilities=self.service.capabilities,
                tools=self.service.tools,
                token=self._address.token(),
                workspace=self._workspace,
            )
            result, _ = await ask(channel, _HANDSHAKE, connection.INITIALIZE.name, params.to_wire())
            channel.write(jsonrpc.notification(connection.INITIALIZED.name))
            return connection.InitializeResult.model_validate(result)
        except BaseException:
            await self.close(channel)
            raise


async def ask(channel: StreamChannel, id: int, method: str, params: object) -> tuple[Any, list[jsonrpc.Message]]:
    """Ask on a channel that nobody else reads; returns the result, and the messages that came right behind it.

    Raises:
        RpcError: the daemon refused.
        DaemonGone: the connection ended.
    """
    channel.write(jsonrpc.request(id, method, params))
    while frames := await channel.receive():
        messages = [read_frame(frame) for frame in frames]
        for place, message in enumerate(messages):
            if isinstance(message, Response) and message.id == id:
                if isinstance(message.error, Cancelled):  # not by us: the daemon is about to end
                    raise DaemonGone(f"the daemon ended before it answered {method}")
                if message.error is not None:
                    raise message.error
                return message.result, [each for each in messages[place + 1 :] if each is not None]
            if isinstance(message, Response) and message.id is None and message.error is not None:
                raise message.error
    raise DaemonGone("the daemon closed the connection")


def read_frame(frame: Frame) -> jsonrpc.Message | None:
    """A frame as a message; None for what only a client sends."""
    if isinstance(frame, bytes):
        return jsonrpc.read(frame)
    return jsonrpc.Invalid(frame.error) if isinstance(frame, Malformed) else None


def _command(paths: Paths) -> str:
    """The `agiwod` that stands beside our interpreter, else the one on PATH."""
    name = "agiwod.exe" if sys.platform == "win32" else "agiwod"
    beside = Path(sys.executable).with_name(name)
    found = str(beside) if os.access(beside, os.X_OK) else shutil.which("agiwod")
    if found is None:
        raise DaemonNotFound(
            f"no daemon runs at {paths.socket}, and there is no `agiwod` command beside {sys.executable} or on PATH; "
            "install it with `pip install agiwod`, then start one with `agiwod start`"
        )
    return found
