"""The catalog in short, for who answers before the catalog is loaded. Generated; do not edit."""

from typing import Final

SCHEMA_HASH: Final = "sha256:0988c2af367a905fda12ca6fb67678925d35d193585032ee216c04cdcba8c420"

CAPABILITIES: Final = (
    "agent",
    "blob",
    "client",
    "daemon",
    "event",
    "model",
    "rpc",
    "run",
    "session",
)
