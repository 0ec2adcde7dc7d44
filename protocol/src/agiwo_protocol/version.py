"""The versions of the protocol that this package speaks. Inside a major there are only additions."""

from typing import Final

from agiwo_protocol.errors import UnsupportedVersion

PROTOCOL_VERSION: Final = 1
"""The version spoken by default."""

SUPPORTED: Final = (1,)
"""Every version that is understood, the best one last."""


def negotiate(requested: int) -> int:
    """The version to speak with a peer that asked for `requested`.

    Raises:
        UnsupportedVersion: it is not spoken here; the connection stays open for another try.
    """
    if requested not in SUPPORTED:
        raise UnsupportedVersion(
            f"protocol version {requested} is not spoken here", supported=list(SUPPORTED), requested=requested
        )
    return requested
