"""A tool as a server describes it. What it says of itself is a hint from a stranger, and is treated as one."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import blake2b
from typing import Any, Final

from agiwo.mcp.naming import full_name, model_name
from agiwo.schema.tool import Effect

_DESCRIPTION: Final = 16_384
"""Characters of a description that are told to a model; nobody needs more to say what a tool does."""


@dataclass(frozen=True)
class OfferedTool:
    """One tool of one server. `annotations` are `readOnlyHint` and the like, as they came."""

    server: str
    name: str
    description: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict[str, Any])
    annotations: Mapping[str, Any] = field(default_factory=dict[str, Any])

    @classmethod
    def from_json(cls, server: str, data: Mapping[str, Any]) -> "OfferedTool":
        """A tool as the server lists it."""
        described: str = data.get("description") or data.get("title") or ""
        # Providers want an object with properties, and refuse the whole request over one tool that has none.
        schema: dict[str, Any] = {**data.get("inputSchema", {}), "type": "object"}
        schema.setdefault("properties", {})
        return cls(server, data["name"], described[:_DESCRIPTION], schema, data.get("annotations") or {})

    @property
    def full_name(self) -> str:
        """What people call it: `mcp:SERVER/TOOL`."""
        return full_name(self.server, self.name)

    @property
    def model_name(self) -> str:
        """What models call it."""
        return model_name(self.server, self.name)

    @property
    def effect(self) -> Effect:
        """What a second call would do, as far as the server says."""
        if self.annotations.get("readOnlyHint") is True:
            return "read"
        return "idempotent" if self.annotations.get("idempotentHint") is True else "once"

    @property
    def is_destructive(self) -> bool:
        """Whether the server says that it may destroy something; one that says nothing is not taken to."""
        return self.annotations.get("destructiveHint") is True and self.effect != "read"

    @cached_property
    def version(self) -> str:
        """A digest of all that it says of itself: who has approved of it has approved of this."""
        said = [self.name, self.description, self.parameters, self.annotations]
        # Not with orjson, which refuses the large numbers that a stranger's schema may hold.
        return blake2b(json.dumps(said, sort_keys=True).encode(), digest_size=12).hexdigest()
