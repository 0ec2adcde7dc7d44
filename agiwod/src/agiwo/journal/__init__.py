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


async def open_journal(kind: str, **config: Any) -> Store:
    """Open the journal of this kind with the configuration it takes; the caller closes it.

    Raises:
        ConfigError: there is no such kind.
        StorageError: it cannot be opened; the message says why.
    """
    if kind not in JOURNALS:
        raise ConfigError(f"no journal of the kind {kind!r}; there are {', '.join(JOURNALS)}")
    module, _, name = JOURNALS[kind].partition(":")
    return await getattr(import_module(module), name)(**config)
