"""What a run is asked besides its input: for whom, in which session, within what. Checked, and handed on as it is."""

from collections.abc import Mapping
from typing import Any, TypedDict

import orjson

from agiwo.errors import ConfigError
from agiwo.schema.budget import Budget
from agiwo.schema.setting import require_kind


class Asked(TypedDict, total=False):
    """What `start`, `run` and `run_stream` take in common."""

    session_id: str | None
    user_id: str | None
    metadata: Mapping[str, Any] | None
    budget: Budget | None
    traceparent: str | None


def require_asked(asked: Asked) -> None:
    """Nothing, when a run can be asked this.

    Raises:
        ConfigError: it cannot; the message names what is wrong.
    """
    given = {name: value for name, value in asked.items() if value is not None}
    if not given:
        return
    for name, value in given.items():
        require_kind(name, value, _KINDS[name], optional=True)
    try:
        orjson.dumps([value for name, value in given.items() if name != "budget"])
    except TypeError as error:
        raise ConfigError(f"{', '.join(given)}: this cannot be recorded ({error})") from None


_KINDS: dict[str, type] = {"session_id": str, "user_id": str, "metadata": Mapping, "budget": Budget, "traceparent": str}
