"""New settings for a running daemon: agents, models and the log's level at once, the rest at its next start."""

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from agiwo.config import AgiwoSettings
from agiwo.engine.redact import Redactor
from agiwo.errors import ConfigError

from agiwod.definer import DefinitionFile
from agiwod.foreign import foreign_servers
from agiwod.logs import LogFile
from agiwod.offer import offered_models, secrets
from agiwod.roster import build_agents
from agiwod.runtime.config_state import ConfigState
from agiwod.runtime.daemon import Daemon
from agiwod.runtime.exposure import Exposure
from agiwod.sandboxes import sandbox_of
from agiwod.settings import Settings
from agiwod.shelf import skill_sources

_FIXED: Final = ("engine.", "limits.", "scheduler.", "serve.", "storage.", "telemetry.")
"""Settings by which the daemon was built, and which it cannot change while it runs."""

log = logging.getLogger(__name__)


class Reload:
    """What a daemon does on SIGHUP. `settings` are those that hold, first those that it was started with.

    `reread` gives what is written now, `defined` what clients add.
    """

    def __init__(
        self,
        daemon: Daemon,
        settings: Settings,
        reread: Callable[[], Settings],
        *,
        keys: AgiwoSettings,
        defined: DefinitionFile,
        file: LogFile,
        redactor: Redactor,
    ) -> None:
        self.settings = settings
        self._daemon, self._reread, self._defined = daemon, reread, defined
        self._keys, self._file, self._redactor = keys, file, redactor
        self._fixed = _fixed(settings)

    def __call__(self) -> None:
        """Begin the log's file anew, and take the settings; those that cannot work change nothing, and are told."""
        self._file.reopen()
        try:
            settings = self._reread()
            agents = build_agents(
                settings, self._daemon.skills.manager, self._daemon.foreign.servers, self._defined.tables
            )
            foreign, left_out = foreign_servers(settings)
        except ConfigError as error:
            self._refuse(str(error))
            return
        self.settings = settings
        hidden = secrets(settings, self._keys)
        self._redactor.learn(hidden)
        self._file.set_level(settings.log_level)
        self._daemon.skills.look_in(skill_sources(settings))
        self._daemon.exposure = Exposure(**settings.mcp.expose.model_dump())
        self._daemon.tool_calls.sandbox = sandbox_of(settings)
        self._daemon.foreign.adopt(foreign, left_out)
        self._daemon.adopt(agents, offered_models(settings, self._keys), hidden)
        self._accept(tuple(sorted(key for key, _ in _fixed(settings) ^ self._fixed)))

    def _refuse(self, error: str) -> None:
        log.error("the new settings cannot work, and the old ones hold: %s", error)
        self._daemon.config = replace(self._daemon.config, error=error)
        self._daemon.events.publish("daemon", "daemon/configRefused", {"error": error})

    def _accept(self, after_restart: tuple[str, ...]) -> None:
        after_restart = tuple(dict.fromkeys(after_restart))
        log.info("the settings were read anew", extra={"after_restart": after_restart})
        self._daemon.config = ConfigState(self._daemon.clock.now(), after_restart=after_restart)
        self._daemon.events.publish("daemon", "daemon/reloaded", {"afterRestart": list(after_restart)})


def _fixed(settings: Settings) -> set[tuple[str, Any]]:
    return {(key, str(value)) for key, value, _ in settings.entries() if key.startswith(_FIXED)}
