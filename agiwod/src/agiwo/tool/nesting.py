"""JSON that leaves room for what is put around it: a value that could be written alone might not fit into a record."""

import orjson

_ROOM = 150
"""Of the 254 levels that the writer knows, those that are not for values of models and tools."""


def write_json(value: object, option: int = 0) -> bytes:
    """The value as JSON.

    Raises: TypeError when it is not JSON data, goes round in a circle, or is nested more than a hundred levels deep.
    """
    for _ in range(_ROOM):
        value = [value]
    return orjson.dumps(value, option=option)[_ROOM:-_ROOM]
