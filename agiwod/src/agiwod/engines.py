"""The engine that the settings choose, and what it needs from elsewhere. Runs nothing itself."""

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agiwo.engine.serving import ServingEngine
from agiwo.errors import ConfigError

from agiwod.runtime.engines import MakeEngine, Surroundings, embedded
from agiwod.settings import EngineSettings, Settings

if TYPE_CHECKING:
    from temporalio.service import TLSConfig


def engine_of(settings: Settings) -> MakeEngine:
    """What makes the daemon's engine.

    Raises:
        ConfigError: the engine cannot work with these settings.
    """
    check_engine(settings)
    return embedded if settings.engine.kind == "embedded" else _temporal(settings.engine)


def _temporal(engine: EngineSettings) -> MakeEngine:
    # Loaded here: a daemon that is alone should not begin later for it.
    from agiwo.engine.temporal.engine import TemporalEngine
    from agiwo.engine.temporal.place import TemporalPlace

    options = temporal_options(engine)
    place = TemporalPlace(engine.address, engine.namespace, engine.task_queue, options["api_key"], options["tls"])

    def make(around: Surroundings) -> ServingEngine:
        return TemporalEngine(
            place,
            around.journal,
            around.programs,
            clock=around.clock,
            secrets=around.secrets,
            on_storage=around.on_storage,
            on_run=around.on_run,
            on_other=around.on_other,
            bus=around.bus,
        )

    return make


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


def temporal_options(engine: EngineSettings) -> dict[str, Any]:
    """What `temporalio.client.Client.connect` takes to reach the server that is chosen.

    Raises:
        ConfigError: the file of a certificate or key cannot be read.
    """
    key = engine.api_key.get_secret_value() if engine.api_key else None
    tls = _tls(engine) if engine.is_encrypted else False
    return {"target_host": engine.address, "namespace": engine.namespace, "api_key": key, "tls": tls}


def _tls(engine: EngineSettings) -> "TLSConfig":
    from temporalio.service import TLSConfig

    return TLSConfig(
        server_root_ca_cert=_read(engine.tls_ca),
        client_cert=_read(engine.tls_cert),
        client_private_key=_read(engine.tls_key),
    )


def _read(file: Path | None) -> bytes | None:
    try:
        return file.read_bytes() if file else None
    except OSError as error:
        raise ConfigError(f"{file} cannot be read: {error.strerror or error}") from None
