"""The catalog in short, for who answers before the catalog is loaded. Generated; do not edit."""

from typing import Final

<<<<<<< HEAD
SCHEMA_HASH: Final = "sha256:dc3a023f99d480ccb64ae3b16cc986214e32f125f8dd03657c259507815f812b"
=======
SCHEMA_HASH: Final = "sha256:994406da4b98a1b17287f56aca4689c261c41855d3219574c453abbc8b8117da"
>>>>>>> eeb8df1 (Let agents of the settings use foreign servers, show clients how those stand, and look at them in doctor)

CAPABILITIES: Final = (
    "agent",
    "approval",
    "blob",
    "client",
    "daemon",
    "event",
    "mcp",
    "model",
    "rpc",
    "run",
    "scheduler",
    "session",
    "skill",
    "tool",
    "trace",
)
