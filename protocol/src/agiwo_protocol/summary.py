"""The catalog in short, for who answers before the catalog is loaded. Generated; do not edit."""

from typing import Final

SCHEMA_HASH: Final = "sha256:f512f764b1c01219b01600a37d3f21b9165f42d1a91c9a0042c0c388fcc01128"

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
    "session",
)
