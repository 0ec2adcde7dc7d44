"""How many errors of pydantic's are still in memory; each keeps what was refused, and the frames that refused it."""

import gc

from pydantic_core import ValidationError


def kept_errors() -> int:
    """Those that the garbage collector cannot free."""
    gc.collect()
    return sum(type(each) is ValidationError for each in gc.get_objects())
