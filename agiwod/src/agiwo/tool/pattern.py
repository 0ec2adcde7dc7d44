"""Regular expressions of strangers, matched in linear time. Those that cannot be are not matched at all."""

from collections.abc import Callable
from functools import lru_cache


@lru_cache(maxsize=256)
def matcher(pattern: str) -> Callable[[str], bool] | None:
    """Whether a text has the pattern somewhere in it; None for one with look-around, back-references, or faults.

    Python's own `re` may take longer than anybody lives, and holds up the whole process meanwhile.
    """
    from pydantic_core import SchemaError, SchemaValidator, core_schema

    try:
        return SchemaValidator(core_schema.str_schema(pattern=pattern, regex_engine="rust-regex")).isinstance_python
    except SchemaError:
        return None
