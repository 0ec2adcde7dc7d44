"""The journals, by name. A new one is a file and a line here; the contract suite runs over all of them."""

from importlib import import_module
from typing import Any, Final

from agiwo.errors import ConfigError
from agiwo.journal.care import Store

JOURNALS: Final = {
    "memory": "agiwo.journal.memory:open_memory",
    "sqlite": "agiwo.journal.sqlite:open_sqlite",
    "mongodb": "agiwo.journal.mongo:open_mongo",
}
"""Where each kind of journal is opened. Loaded when asked for, so that one does not pay for the others."""


_EXTRAS: Final = {"mongodb": "mongo"}
"""The extra that brings what a kind of journal needs, where that does not come with the rest."""


async def open_journal(kind: str, **config: Any) -> Store:
    """Open the journal of this kind with the configuration it takes; the caller closes it.

    Raises:
        ConfigError: there is no such kind, or a package that it needs is missing.
        StorageError: it cannot be opened; the message says why.
    """
    if kind not in JOURNALS:
        raise ConfigError(f"no journal of the kind {kind!r}; there are {', '.join(JOURNALS)}")
    module, _, name = JOURNALS[kind].partition(":")
    try:
        opening = getattr(import_module(module), name)
    except ModuleNotFoundError as missing:
        if kind not in _EXTRAS:
            raise
        raise ConfigError(f"{kind} needs the package {missing.name}: pip install 'agiwod[{_EXTRAS[kind]}]'") from None
    return await opening(**config)
