"""What one connection may do, as `initialize` announces it. Numbers only: they are known before anything is loaded."""

from typing import Final

MAX_MESSAGE: Final = 32 * 2**20
"""Bytes of the largest message that is read unless told otherwise."""

MAX_IN_FLIGHT: Final = 64
"""Requests of one connection that are served at once; more are refused."""

MAX_ATTACHED: Final = 4096
"""Runs that one connection follows; more are refused, but for those that come to be in a tree that it follows."""

HIGH_WATER: Final = 256 * 1024
"""Bytes that may wait to be sent, or to be received, before the sender is held back."""
