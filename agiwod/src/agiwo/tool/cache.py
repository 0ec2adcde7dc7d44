"""Results that answer the same call again for a while. Decides which may be kept; runs nothing."""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from agiwo.clock import Clock
from agiwo.schema.tool import ExecutionContext
from agiwo.tool.arguments import canonical
from agiwo.tool.base import BaseTool
from agiwo.tool.result import ToolResult

_ENTRIES = 1000
"""Results kept; the one that was asked for longest ago goes first."""

_SIZE = 16 * 1024 * 1024
"""Characters of all kept results together; one that is longer than a quarter of it is not kept at all."""


class ResultCache:
    """Successful results of cacheable tools, by tool, arguments and user. Bounded in number, size and age."""

    def __init__(self, clock: Clock, *, entries: int = _ENTRIES, size: int = _SIZE) -> None:
        self._clock, self._entries, self._size = clock, entries, size
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._held = 0

    def key(self, tool: BaseTool, arguments: Mapping[str, Any], context: ExecutionContext) -> str | None:
        """Under what a call's result is kept, None when it must not be: a "once" call has to happen each time."""
        if not tool.cacheable or tool.effect == "once":
            return None
        # The user belongs to the key: a tool may give each user something else.
        digest = sha256(canonical(arguments)).hexdigest()
        return f"{tool.get_name()}\n{context.user_id or ''}\n{digest}"

    def find(self, key: str) -> ToolResult | None:
        """The result that is kept and not yet too old."""
        kept = self._kept.get(key)
        if kept is None:
            return None
        if kept.until <= self._clock.now():
            self._drop(key)
            return None
        self._kept.move_to_end(key)
        return kept.result

    def keep(self, key: str, result: ToolResult, seconds: float) -> None:
        """Keep a result that was a success, ended no run, and is not too long."""
        size = len(key) + len(result.content) + len(result.content_for_user or "") + result.output_size()
        if not result.is_success or result.termination_reason or seconds <= 0 or size > self._size // 4:
            return
        self._drop(key)
        self._kept[key] = _Kept(result, self._clock.now() + seconds, size)
        self._held += size
        while len(self._kept) > self._entries or self._held > self._size:
            self._drop(next(iter(self._kept)))

    def _drop(self, key: str) -> None:
        kept = self._kept.pop(key, None)
        if kept is not None:
            self._held -= kept.size


@dataclass(frozen=True, slots=True)
class _Kept:
    result: ToolResult
    until: float
    size: int
