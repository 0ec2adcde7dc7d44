"""A call of a tool that a client hosts, and what it gave. Plain data: asks no client."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from agiwo.schema.tool import Effect, ToolDefinition

TOPIC: Final = "hosted"
"""The topic of a run's mailbox that results come to; `Hosted.answer` is the id of the one that counts."""

SENT: Final = "hosted/sent"
"""The topic of the notes that a call was sent, for those that must not be sent twice. Nobody reads them there."""


@dataclass(frozen=True, slots=True)
class HostedTool:
    """A tool that a client runs for an agent.

    When it `asks`, somebody has to allow each call, unless a rule of the agent's says otherwise. Rules see its paths as
    they are below `root`, if it works there. One that `stands_in` takes the place of the agent's own tool of that name
    which works on files; any other is left out where the agent has one of that name.
    """

    definition: ToolDefinition
    asks: bool = False
    root: str | None = None
    stands_in: bool = False

    @property
    def name(self) -> str:
        """What the model calls it."""
        return self.definition.name


@dataclass(frozen=True, slots=True)
class HostedCall:
    """A call that waits for whoever hosts its tool. `item` names it alone, `id` is what the model calls it.

    `created_at` is in seconds since the epoch.
    """

    run: str
    item: str
    id: str
    name: str
    arguments: Mapping[str, Any]
    effect: Effect = "idempotent"
    created_at: float = 0.0

    @property
    def answer(self) -> str:
        """The id of the message that holds its result: there can be only one."""
        return f"{self.item}/answer"

    @property
    def note(self) -> str:
        """The id of the message that says that it was sent."""
        return f"{self.item}/sent"

    def to_json(self) -> dict[str, Any]:
        """As it stands in the run's records, which know the run."""
        return {
            "item": self.item,
            "callId": self.id,
            "name": self.name,
            "arguments": dict(self.arguments),
            "effect": self.effect,
        }

    @classmethod
    def from_json(cls, run: str, data: Mapping[str, Any], at: float) -> "HostedCall":
        """The inverse of `to_json`."""
        return cls(run, data["item"], data["callId"], data["name"], data["arguments"], data["effect"], at)
