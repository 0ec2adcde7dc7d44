"""Whether a daemon could begin with certain settings, found out without one. Opens nothing, and asks no model."""

from importlib.util import find_spec

from agiwo.errors import ConfigError

from agiwod.engines import check_engine
from agiwod.roster import build_agents
from agiwod.runtime.agents import Agents
from agiwod.settings import Settings


def rehearse(settings: Settings) -> Agents:
    """The agents that a daemon would have.

    Raises:
        ConfigError: it could not begin; the message says where the fault stands.
    """
    if settings.storage.kind == "mongodb" and find_spec("pymongo") is None:
        where = settings.origin("storage", "kind")
        raise ConfigError(f"{where}: MongoDB needs the package pymongo: pip install 'agiwod[mongo]'")
    check_engine(settings)
    return build_agents(settings)
