"""A thin client for agiwod: start runs, follow them, come back to them."""

from agiwo_client.client import Client
from agiwo_client.connect import connect
from agiwo_client.errors import DaemonGone, DaemonNotFound, RpcError
from agiwo_client.events import Events
from agiwo_client.questions import OnApproval
from agiwo_client.run import Run
from agiwo_client.state import State
from agiwo_client.tool import Tool

__all__ = [
    "Client",
    "DaemonGone",
    "DaemonNotFound",
    "Events",
    "OnApproval",
    "RpcError",
    "Run",
    "State",
    "Tool",
    "connect",
]
