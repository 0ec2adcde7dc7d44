"""Whether a daemon could begin with certain settings, found out without one. Opens nothing, and asks no model."""

from agiwo.errors import ConfigError
from agiwo.journal import JOURNALS

from agiwod.roster import build_agents
from agiwod.runtime.agents import Agents
from agiwod.settings import Settings


def rehearse(settings: Settings) -> Agents:
    """The agents that a daemon would have.

    Raises:
        ConfigError: it could not begin; the message says where the fault stands.
    """
    kind = settings.storage.kind
    if kind not in JOURNALS:
        where = settings.origin("storage", "kind")
        raise ConfigError(f"{where}: no journal of the kind {kind!r} in this version; there are {', '.join(JOURNALS)}")
    return build_agents(settings)
