"""The catalog in short, for who answers before the catalog is loaded. Generated; do not edit."""

from typing import Final

SCHEMA_HASH: Final = "sha256:199cffff7a033163db878c98df1f59d88d8e6458ce024d09295bcd6af872ab57"

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
