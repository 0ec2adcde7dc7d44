"""The catalog in short, for who answers before the catalog is loaded. Generated; do not edit."""

from typing import Final

SCHEMA_HASH: Final = "sha256:a41ef6f4e7453b408982e2e0a5d147f0f6f07f755ec229aa82348b87ad5436a2"

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
    "skill",
    "tool",
)
