"""The catalog in short, for who answers before the catalog is loaded. Generated; do not edit."""

from typing import Final

SCHEMA_HASH: Final = "sha256:f804a2f1be0e133efbb6c3d1d3b7405f7a38a710d47e038ad4c3b310ec0d3563"

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
