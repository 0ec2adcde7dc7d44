"""The catalog in short, for who answers before the catalog is loaded. Generated; do not edit."""

from typing import Final

SCHEMA_HASH: Final = "sha256:84a14bb17aefda6a4cbd8f3b3733c02a393dbfecb9cbd6a53b3b7b3136e93111"

CAPABILITIES: Final = (
    "agent",
    "approval",
    "blob",
    "client",
    "daemon",
    "event",
    "model",
    "rpc",
    "run",
    "scheduler",
    "session",
    "skill",
    "tool",
)
