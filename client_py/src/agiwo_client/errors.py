"""What can go wrong between this client and a daemon. What a daemon answers is `RpcError`, from the protocol.

ConnectionError
├── DaemonNotFound         none runs, and none could be started
└── DaemonGone             it was there, and the connection to it has ended
"""

from agiwo_protocol.errors import RpcError


class DaemonNotFound(ConnectionError):
    """No daemon runs, and none could be started. The message says where it was looked for and what to do."""


class DaemonGone(ConnectionError):
    """The connection to the daemon has ended. What was started goes on there; connect again to follow it."""


__all__ = ["DaemonGone", "DaemonNotFound", "RpcError"]
