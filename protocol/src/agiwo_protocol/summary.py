"""The catalog in short, for who answers before the catalog is loaded. Generated; do not edit."""

from typing import Final

SCHEMA_HASH: Final = "sha256:c8dc9e51236e12a090ca5c93b7891cf193fcd439ebbd3df8f010ee562699759d"

CAPABILITIES: Final = (
    "agent",
    "approval",
    "blob",
    "client",
    "daemon",
    "event",
    "mcp",
    "model",
    "rpc",
    "run",
    "scheduler",
    "session",
    "skill",
    "tool",
    "trace",
)
