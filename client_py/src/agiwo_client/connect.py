"""How a client begins: `connect()` finds the running daemon, or starts one."""

import os
from collections.abc import Sequence

from agiwo_protocol.paths import Paths, locate, remote_address, remote_token

from agiwo_client.address import Address, UnixAddress, read_address
from agiwo_client.calls import Calls
from agiwo_client.client import Client
from agiwo_client.door import Door
from agiwo_client.questions import OnApproval, PlainOnApproval, Questions
from agiwo_client.service import Service
from agiwo_client.tool import Function, Tool


def connect(
    *,
    home: str | os.PathLike[str] | None = None,
    autostart: bool = True,
    timeout: float = 30.0,
    name: str = "agiwo-client",
    patience: float = 60.0,
    on_approval: OnApproval | PlainOnApproval | None = None,
    tools: Sequence[Tool | Function] = (),
    workspace: str | os.PathLike[str] | None = None,
    address: str | None = None,
    token: str | None = None,
) -> Client:
    """A client of the daemon that belongs to `home` (without it `AGIWOD_HOME`, else the user's own).

    With an `address`, HOST:PORT, it is the one that listens there, and none is started; without address and home,
    `AGIWOD_ADDRESS` may name one. It wants a token: that argument, else `AGIWOD_TOKEN`, else the one of the home.

    Use it as `async with connect() as client:`, or `client = await connect()` and `await client.aclose()`. If no daemon
    runs, one is started by `agiwod start`, unless `autostart` is False. It may take `timeout` seconds to get a
    connection; a daemon that goes away later is looked for during `patience` seconds. Others are shown `name`.

    `on_approval` is asked whether a tool call may run, in the runs that are iterated or waited for, and in those below
    them. Several may be asked about at the same time. The first answer counts; when it was somebody else's, the
    callback is cancelled. A plain function is called in a thread.

    `tools` are functions that the runs which are started here may call, beside the tools of their agents; a `Tool` says
    more of one. An agent's own tool of the same name stays in its place. After a cut, calls come back while the run is
    iterated or waited for.

    `workspace` is the directory that is worked in. Runs that are started here have the agents and skills of its
    project, too, if the user trusts that; if not, `Client.server.workspace` has the notice for the user.

    Raises:
        DaemonNotFound: (when entered or awaited) no daemon runs, and none could be started.
        ValueError: the address is none, or one of the tools can be none.
    """
    paths = locate(home)
    there = _address(paths, remote_address() if address is None and home is None else address, token)
    is_here = isinstance(there, UnixAddress)
    service = Service(Questions(on_approval) if on_approval else None, Calls(tools) if tools else None)
    door = Door(
        paths,
        there,
        name=name,
        autostart=autostart and is_here,
        timeout=timeout,
        service=service,
        workspace=None if workspace is None else os.path.abspath(workspace),
    )
    return Client(door, patience=patience)


def _address(paths: Paths, remote: str | None, token: str | None) -> Address:
    if not remote:
        return UnixAddress(paths.socket)
    return read_address(remote, remote_token() if token is None else token, paths.token_file)
