"""The handlers of the native protocol, one module a resource; importing a module registers its handlers."""

from agiwod.face.rpc.dispatch import methods
from agiwod.face.rpc.methods import (
    agent,
    approval,
    blob,
    client,
    connection,
    console,
    daemon,
    event,
    mcp,
    model,
    peer,
    run,
    scheduler,
    session,
    skill,
    tool,
    trace,
)

__all__ = [
    "agent",
    "approval",
    "blob",
    "client",
    "connection",
    "console",
    "daemon",
    "event",
    "mcp",
    "methods",
    "model",
    "peer",
    "run",
    "scheduler",
    "session",
    "skill",
    "tool",
    "trace",
]
