"""Content that is kept once, under a name that derives from it. Knows no store."""

import hashlib


def blob_name(data: bytes) -> str:
    """The name of these bytes: the same bytes have the same name everywhere."""
    return hashlib.sha256(data).hexdigest()
