"""A thin client for agiwod: start runs, follow them, come back to them."""

from agiwo_client.client import Client
from agiwo_client.connect import connect
from agiwo_client.errors import DaemonGone, DaemonNotFound, RpcError
from agiwo_client.questions import OnApproval
from agiwo_client.run import Run

__all__ = ["Client", "DaemonGone", "DaemonNotFound", "OnApproval", "RpcError", "Run", "connect"]
