"""What the environment speaks of, for who must not load the settings to know that they say nothing. Reads no value."""

import os
from pathlib import Path

given: object = None
"""The settings that hold in this process in the place of those of the environment; see `agiwo.config.use_settings`."""


def may_say(*beginnings: str) -> bool:
    """Whether the settings may say something under a name that begins so."""
    if given is not None or Path(".env").is_file():
        return True
    return any(name.upper().startswith(beginnings) for name in os.environ)
