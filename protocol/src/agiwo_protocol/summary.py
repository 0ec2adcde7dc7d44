"""The catalog in short, for who answers before the catalog is loaded. Generated; do not edit."""

from typing import Final

SCHEMA_HASH: Final = "sha256:dc3a023f99d480ccb64ae3b16cc986214e32f125f8dd03657c259507815f812b"

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
    "scheduler",
    "session",
    "skill",
    "tool",
    "trace",
)
