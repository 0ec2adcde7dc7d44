"""How a daemon comes by its engine: what an engine finds there, and what makes one of it. Chooses none."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from agiwo.clock import Clock
from agiwo.durable import Programs
from agiwo.engine.bus import DeltaBus
from agiwo.engine.embedded import EmbeddedEngine
from agiwo.engine.serving import ServingEngine
from agiwo.journal.base import Journal
from agiwo.schema.record import RunHead


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What an engine has from its daemon. `on_storage` and `on_run` are told as `EmbeddedEngine` says.

    An engine that shares its runs with other daemons tells `on_other` of those that they take on, and has what is
    streamed brought to readers there by `bus`.
    """

    journal: Journal
    programs: Programs
    clock: Clock
    secrets: Mapping[str, str]
    on_storage: Callable[[str | None], None]
    on_run: Callable[[RunHead], None]
    on_other: Callable[[RunHead], None]
    bus: DeltaBus


MakeEngine = Callable[[Surroundings], ServingEngine]
"""Makes a daemon's engine. Begins nothing: that is done by `recover`, when everything is joined."""


def embedded(around: Surroundings) -> EmbeddedEngine:
    """The engine in this process."""
    return EmbeddedEngine(
        around.journal,
        around.programs,
        clock=around.clock,
        secrets=around.secrets,
        on_storage=around.on_storage,
        on_run=around.on_run,
    )
