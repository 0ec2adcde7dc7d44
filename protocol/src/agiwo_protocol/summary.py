"""The catalog in short, for who answers before the catalog is loaded. Generated; do not edit."""

from typing import Final

SCHEMA_HASH: Final = "sha256:56325691502ffe60f29bea82890a1e931ccfe7cdf6a6d10026cff682802abbd5"

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
