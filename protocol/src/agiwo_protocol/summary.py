"""The catalog in short, for who answers before the catalog is loaded. Generated; do not edit."""

from typing import Final

SCHEMA_HASH: Final = "sha256:d10e4659c72f085045d68352d5574f16301b9784d28fc931940d56cc62749139"

CAPABILITIES: Final = (
    "agent",
    "approval",
    "blob",
    "client",
    "console",
    "daemon",
    "event",
    "mcp",
    "model",
    "peer",
    "rpc",
    "run",
    "scheduler",
    "session",
    "skill",
    "tool",
    "trace",
)
