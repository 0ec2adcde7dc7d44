"""The catalog in short, for who answers before the catalog is loaded. Generated; do not edit."""

from typing import Final

SCHEMA_HASH: Final = "sha256:6c491901a4cb532a247a6c72dd8794ff4a0a8b603f44ff831d23a2dc257c9bd4"

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
