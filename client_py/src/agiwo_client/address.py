"""Where a daemon listens: the unix socket of a home, or HOST:PORT with a token. Knows nothing that is said there."""

import asyncio
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from agiwo_protocol.channel import StreamChannel
from agiwo_protocol.paths import check_socket, locate

from agiwo_client.errors import DaemonNotFound


class Address(Protocol):
    """A place to connect to. As text it is what people are told."""

    async def connect(self) -> StreamChannel | None:
        """A connection; None when nobody listens.

        Raises:
            DaemonNotFound: one cannot get there at all.
        """
        ...

    def token(self) -> str | None:
        """What the daemon has to be told there, if anything."""
        ...

    def advice(self, home: Path | None) -> str:
        """The command that starts a daemon there, in words; `home` is the one that it is to have, if not the user's."""
        ...


@dataclass(frozen=True, slots=True)
class UnixAddress:
    """A socket in the file system. The system tells the daemon who comes, so no token is asked for."""

    path: Path

    def __str__(self) -> str:
        return str(self.path)

    async def connect(self) -> StreamChannel | None:
        """A connection; None when there is no socket, or nobody behind it."""
        loop = asyncio.get_running_loop()
        try:
            check_socket(self.path)
            _, channel = await loop.create_unix_connection(StreamChannel, str(self.path))
        except (FileNotFoundError, ConnectionRefusedError):
            return None
        except OSError as error:
            raise DaemonNotFound(f"cannot connect to {self}: {error.strerror or error}") from None
        return channel

    def token(self) -> None:
        """None."""

    def advice(self, home: Path | None) -> str:
        """`agiwod start`, with the home where a shell would have another."""
        named = home is not None and locate().home != home
        return f"start one with `{f'AGIWOD_HOME={shlex.quote(str(home))} ' if named else ''}agiwod start`"


@dataclass(frozen=True, slots=True)
class TcpAddress:
    """A port of this machine or another. The token is the one given, else what stands in the file at that time."""

    host: str
    port: int
    given: str | None
    file: Path

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    async def connect(self) -> StreamChannel | None:
        """A connection; None when nobody listens at the port."""
        loop = asyncio.get_running_loop()
        try:
            _, channel = await loop.create_connection(StreamChannel, self.host, self.port)
        except ConnectionRefusedError:
            return None
        except OSError as error:
            raise DaemonNotFound(f"cannot connect to {self}: {error.strerror or error}") from None
        return channel

    def token(self) -> str | None:
        """The token; None when there is none, which the daemon will say."""
        if self.given is not None:
            return self.given
        try:
            return self.file.read_text(encoding="ascii").strip() or None
        except (OSError, ValueError):
            return None

    def advice(self, home: Path | None) -> str:
        """What to do on that machine."""
        return f"start one there with `agiwod serve --tcp {self}`"


def read_address(text: str, token: str | None, token_file: Path) -> TcpAddress:
    """What HOST:PORT means, with IPv6 hosts as [HOST]:PORT.

    Raises:
        ValueError: it means nothing.
    """
    host, _, port = text.rpartition(":")
    if not host or not port.isascii() or not port.isdigit() or not 0 < int(port) < 65536:
        raise ValueError(f"{text!r} is no HOST:PORT, such as 127.0.0.1:7000")
    return TcpAddress(host.removeprefix("[").removesuffix("]"), int(port), token, token_file)
