"""Has the console served: where HTTP is served anyway, else at a loopback address of its own. Keeps that it is on."""

import asyncio
import hashlib
import hmac
import logging
import re
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

import orjson
from agiwo.errors import ConfigError, StorageError
from agiwo.tool.thread import in_thread
from agiwo_protocol.paths import Paths

from agiwod.entrance import HttpWay
from agiwod.face import ENDPOINTS
from agiwod.in_place import write_in_place
from agiwod.runtime.daemon import Daemon
from agiwod.token import take_token
from agiwod.web import serve_web

if TYPE_CHECKING:
    from agiwod.transport.http import HttpTransport

_USUAL: Final = "127.0.0.1:8427"
"""Where it is unless that is taken: an address that one can remember."""

_ANY: Final = "127.0.0.1:0"

_OURS: Final = re.compile(r"127\.0\.0\.1:\d{1,5}", re.ASCII)
"""Where it may be: nobody gets it onto a network by writing to its file."""

log = logging.getLogger(__name__)


@asynccontextmanager
async def console_door(daemon: Daemon, paths: Paths, http: HttpWay | None) -> AsyncGenerator[None]:
    """The daemon can turn its console on and off from now on; it is on at once if it was when the last one ended."""
    door = ConsoleDoor(daemon, paths, http)
    daemon.console.opener = door
    try:
        if door.is_kept:
            await _open_again(daemon)
        yield
    finally:
        await door.leave()


async def _open_again(daemon: Daemon) -> None:
    try:
        await daemon.console.open()
    except (ConfigError, StorageError) as error:
        log.error("the console is off: %s", error)


class ConsoleDoor:
    """Opens and closes it. What it owns ends with `leave`."""

    def __init__(self, daemon: Daemon, paths: Paths, http: HttpWay | None) -> None:
        self._daemon, self._token_file = daemon, paths.token_file
        self._file = paths.data_dir / "console.json"
        self._http = http if http and not http.transport.is_open_to_others else None
        self._serving: asyncio.Task[None] | None = None
        self._address: str | None = None
        self._changing = asyncio.Lock()

    @property
    def is_kept(self) -> bool:
        """Whether it was on when the last daemon ended."""
        return self._file.exists()

    async def open(self) -> str:
        """As `runtime.console.Opener.open`."""
        async with self._changing:
            if self._address is None:
                token = await in_thread(lambda: take_token(self._token_file))
                self._daemon.learn({"AGIWOD_TOKEN": token})
                self._daemon.console.key = hmac.new(token.encode(), b"console", hashlib.sha256).digest()
                self._address = self._http.transport.address if self._http else self._serve(token)
                try:
                    await self._keep(self._address)
                except StorageError:
                    await self.leave()
                    raise
                log.info("the console is at %s", self._address)
            return self._address

    async def close(self) -> None:
        """As `runtime.console.Opener.close`."""
        async with self._changing:
            await self._keep(None)
            await self.leave()

    async def leave(self) -> None:
        """Serve it no more in this process."""
        self._address = None
        if self._serving is not None:
            self._serving.cancel()
            await asyncio.gather(self._serving, return_exceptions=True)
            self._serving = None

    def _serve(self, token: str) -> str:
        # Loaded here: most daemons serve no console, and none should begin later for it.
        from agiwod.face.gate import names_of

        transport = _listening(_kept(self._file))
        way = HttpWay(transport, token, names_of(transport.address))
        paths = [path for path in ENDPOINTS if path == "/console" or path.startswith("/console/")]
        self._serving = asyncio.create_task(serve_web(self._daemon, way, paths), name="console over http")
        self._serving.add_done_callback(lambda _: transport.close())
        return transport.address

    async def _keep(self, address: str | None) -> None:
        """Remember that it is on, and where; or that it is off."""
        try:
            await in_thread(lambda: _write(self._file, address))
        except OSError as error:
            raise StorageError(f"whether the console is on cannot be kept in {self._file}: {error.strerror}") from error


def _listening(kept: str | None) -> "HttpTransport":
    """A socket where it was before, so that open pages find it again; else where it usually is; else anywhere."""
    from agiwod.transport.http import HttpTransport

    for address in filter(None, (kept, _USUAL)):
        try:
            return HttpTransport(address)
        except ConfigError as error:
            log.info("the console is served elsewhere: %s", error)
    return HttpTransport(_ANY)


def _kept(file: Path) -> str | None:
    """The address in the file, if there is one of this machine."""
    try:
        found = orjson.loads(file.read_bytes())
    except (OSError, orjson.JSONDecodeError):
        return None
    address = cast("dict[str, Any]", found).get("address") if isinstance(found, dict) else None
    return address if isinstance(address, str) and _OURS.fullmatch(address) else None


def _write(file: Path, address: str | None) -> None:
    if address is None:
        file.unlink(missing_ok=True)
        return
    write_in_place(file, orjson.dumps({"address": address}))
