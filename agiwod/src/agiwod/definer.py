"""The definitions of clients: kept in a file of the daemon, and made into agents. Does not decide which may be."""

import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

import orjson
from agiwo.errors import Conflict, StorageError
from agiwo.failpoint import reach
from agiwo.tool.thread import in_thread
from pydantic import ValidationError

from agiwod.in_place import write_in_place
from agiwod.roster import build_agents
from agiwod.runtime.agents import Agents
from agiwod.runtime.daemon import Daemon
from agiwod.runtime.errors import DefinitionInvalid
from agiwod.settings import AgentSettings, Settings

log = logging.getLogger(__name__)


class DefinitionFile:
    """The tables of a file, by agent. One that is not a table of an agent is left as it stands, and is not shown."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._written = _read(path)
        self.tables = dict(_usable(self._written))

    async def write(self, id: str, table: Mapping[str, Any] | None) -> None:
        """Keep the table, or forget that there was one; what was there before stays when this cannot be written.

        Raises:
            StorageError: it cannot.
        """
        written = {name: value for name, value in self._written.items() if name != id}
        if table is not None:
            written[id] = dict(table)
        try:
            data = orjson.dumps(written, option=orjson.OPT_INDENT_2)
            await in_thread(lambda: write_in_place(self._path, data))
        except OSError as error:
            raise StorageError(f"the agents of clients cannot be kept in {self._path}: {error.strerror}") from error
        self._written, self.tables = written, dict(_usable(written))


class Definer:
    """Has the agents of a daemon made anew with each definition. `settings` gives those that hold."""

    def __init__(self, daemon: Daemon, file: DefinitionFile, settings: Callable[[], Settings]) -> None:
        self._daemon, self._file, self._settings = daemon, file, settings

    def table(self, id: str) -> Mapping[str, Any] | None:
        """As `runtime.definitions.Definer.table`."""
        found = self._file.tables.get(id)
        return None if found is None else found.model_dump(mode="json", exclude_unset=True)

    async def define(self, id: str, table: Mapping[str, Any]) -> None:
        """As `runtime.definitions.Definer.define`."""
        try:
            agent = AgentSettings.model_validate(table)
        except ValidationError as error:
            found = error.errors()[0]
            raise DefinitionInvalid(".".join(map(str, found["loc"])), found["msg"]) from None
        made = self._build({**self._file.tables, id: agent})
        if fault := made.left_out.get(id):
            raise DefinitionInvalid("", fault)
        await self._file.write(id, table)
        reach("definition/made")
        self._daemon.adopt(made, self._daemon.models, {})

    async def remove(self, id: str) -> None:
        """As `runtime.definitions.Definer.remove`."""
        made = self._build({name: table for name, table in self._file.tables.items() if name != id})
        for other, fault in made.left_out.items():
            if other not in self._daemon.agents.left_out:
                raise Conflict(f"agent {other!r} needs it: {fault}")
        await self._file.write(id, None)
        self._daemon.adopt(made, self._daemon.models, {})

    def _build(self, tables: Mapping[str, AgentSettings]) -> Agents:
        return build_agents(self._settings(), self._daemon.skills.manager, self._daemon.foreign.servers, tables)


def _read(path: Path) -> dict[str, Any]:
    try:
        found = orjson.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, orjson.JSONDecodeError) as error:
        log.error("the agents that clients have defined are left out: %s cannot be read: %s", path, error)
        return {}
    return cast("dict[str, Any]", found) if isinstance(found, dict) else {}


def _usable(written: Mapping[str, Any]) -> Mapping[str, AgentSettings]:
    found: dict[str, AgentSettings] = {}
    for name, table in written.items():
        try:
            found[name] = AgentSettings.model_validate(table)
        except ValidationError as error:
            log.warning("agent %s, which a client defined, is left out: %s", name, error.errors()[0]["msg"])
    return found
