"""The catalog in short, for who answers before the catalog is loaded. Generated; do not edit."""

from typing import Final

SCHEMA_HASH: Final = "sha256:37cda01d05b889d288e62c0a660fc03a1bb40e4a562563049f32cd00ccd20b44"

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
