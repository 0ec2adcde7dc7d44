"""Where a daemon keeps its runs, as its settings say: opens the journal. Knows nothing of what is in it."""

from contextlib import suppress
from urllib.parse import unquote, urlsplit

from agiwo.journal import open_journal
from agiwo.journal.care import Store
from agiwo.journal.pruning import Retention
from agiwo_protocol.paths import Paths, own_directory

from agiwod.settings import Settings, StorageSettings


async def open_store(settings: Settings, paths: Paths, patience: float = 5.0) -> Store:
    """The journal; the caller closes it. A server may take `patience` seconds for an operation.

    Raises:
        ConfigError: the settings cannot work.
        StorageError: it cannot be opened.
    """
    storage = settings.storage
    if storage.kind == "mongodb":
        shared = settings.engine.kind != "embedded"  # then any daemon works on any run
        return await open_journal("mongodb", **mongo_options(storage), patience=patience, shared=shared)
    if storage.kind == "memory":
        return await open_journal("memory")
    own_directory(paths.data_dir)
    path = paths.data_dir / "agiwod.db"
    with suppress(OSError):  # what is wrong with it is said by who opens it
        path.touch(mode=0o600)  # nobody else's, also where its directory is open to others
    return await open_journal("sqlite", db_path=path, durability=storage.durability)


def retention_of(storage: StorageSettings) -> Retention:
    """How long finished runs are kept."""
    return Retention(storage.keep_days, storage.keep_runs)


def mongo_options(storage: StorageSettings) -> dict[str, str]:
    """What `open_journal` takes for MongoDB."""
    assert storage.uri  # its kind is checked together with it
    return {"uri": storage.uri.get_secret_value(), "db_name": storage.db_name}


def storage_secrets(settings: Settings) -> dict[str, str]:
    """The password of the database, as it stands in the address and as it is."""
    uri = settings.storage.uri
    try:
        password = urlsplit(uri.get_secret_value()).password if uri else None
    except ValueError:
        password = None
    if not uri or not password:
        return {}
    return {"STORAGE_URI": uri.get_secret_value(), "STORAGE_QUOTED": password, "STORAGE_PASSWORD": unquote(password)}
