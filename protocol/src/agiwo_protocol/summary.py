"""The catalog in short, for who answers before the catalog is loaded. Generated; do not edit."""

from typing import Final

SCHEMA_HASH: Final = "sha256:3127a03ece56523b57a23049931a38076411a021190e778b4c953939d17ff72a"

CAPABILITIES: Final = (
    "agent",
    "approval",
    "blob",
    "client",
    "config",
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
    "storage",
    "tool",
    "trace",
)
