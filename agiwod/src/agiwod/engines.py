"""The engine that the settings choose, and what it needs from elsewhere. Runs nothing itself."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from importlib.util import find_spec

from agiwo.errors import ConfigError

from agiwod.runtime.engines import MakeEngine, embedded
from agiwod.settings import Settings


@asynccontextmanager
async def engine_of(settings: Settings) -> AsyncGenerator[MakeEngine]:
    """What makes the daemon's engine. What that is connected with stays so until the end of the block.

    Raises:
        ConfigError: the engine cannot work with these settings.
    """
    check_engine(settings)
    yield embedded


def check_engine(settings: Settings) -> None:
    """Return when a daemon could run its agents on the engine that is chosen; asks no server.

    Raises:
        ConfigError: it could not; the message says where the fault stands.
    """
    if settings.engine.kind == "embedded":
        return
    where = settings.origin("engine", "kind")
    if settings.storage.kind != "mongodb":
        need = 'a store that all daemons reach: [storage] kind = "mongodb"'
        raise ConfigError(f'{where}: kind = "temporal" needs {need}, not "{settings.storage.kind}"')
    if find_spec("temporalio") is None:
        raise ConfigError(f"{where}: Temporal needs the package temporalio: pip install 'agiwod[temporal]'")
    raise ConfigError(f'{where}: kind = "temporal" is not there yet; use "embedded"')
