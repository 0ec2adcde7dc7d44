"""The catalog in short, for who answers before the catalog is loaded. Generated; do not edit."""

from typing import Final

SCHEMA_HASH: Final = "sha256:01dc6d0b7fafc6b909e00d6da1172643d489f77287a7aa55f85425b02139c718"

CAPABILITIES: Final = (
    "agent",
    "approval",
    "blob",
    "client",
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
