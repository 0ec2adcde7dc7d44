"""The catalog in short, for who answers before the catalog is loaded. Generated; do not edit."""

from typing import Final

SCHEMA_HASH: Final = "sha256:2ccd9eefe5ab7abaafb2345c1f27a419a626b402c8ce1c229be4198cfe58bdda"

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
