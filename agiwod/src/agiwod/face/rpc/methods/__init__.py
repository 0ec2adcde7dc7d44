"""The handlers of the native protocol, one module a resource; importing a module registers its handlers."""

from agiwod.face.rpc.dispatch import methods
from agiwod.face.rpc.methods import agent, blob, connection, daemon, model, run, session

__all__ = ["agent", "blob", "connection", "daemon", "methods", "model", "run", "session"]
