"""The catalog in short, for who answers before the catalog is loaded. Generated; do not edit."""

from typing import Final

SCHEMA_HASH: Final = "sha256:3e3a41642b273ee2e4adef45ffe7a47a6a2163a68ced33d7f5ecc36711838805"

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
    "project",
    "rpc",
    "run",
    "scheduler",
    "session",
    "skill",
    "storage",
    "tool",
    "trace",
)
