"""JSON that leaves room for what is put around it: a value that could be written alone might not fit into a record."""

import orjson

_DEPTH = 100
"""Levels that values of models and tools may have."""

_ROOM = 150
"""Of the 254 levels that the writer knows, those that are kept for what stands around such a value."""


def write_json(value: object, option: int = 0) -> bytes:
    """The value as JSON.

    Raises: TypeError when it is not JSON data, goes round in a circle, or is nested more than a hundred levels deep.
    """
    text = orjson.dumps(value, option=option)
    # Each level opens a bracket, so most values need no second look.
    if len(text) > 2 * _DEPTH and text.count(b"[") + text.count(b"{") > _DEPTH:
        for _ in range(_ROOM):
            value = [value]
        orjson.dumps(value)
    return text
