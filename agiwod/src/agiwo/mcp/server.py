"""Where a server is whose tools agents may use, and how patient we are with it. Starts none."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import Final, Literal
from urllib.parse import urlsplit

from agiwo.child_environment import plain_environment
from agiwo.errors import ConfigError

_REFERENCE: Final = re.compile(r"\$\{(?:env:)?([A-Za-z_]\w*)(?::-([^}]*))?\}")
"""A variable of the environment, as other programs' files name one: `${NAME}`, `${env:NAME}`, `${NAME:-else}`."""


@dataclass(frozen=True)
class McpServer:
    """A server that `command` starts, with `args`, or that is found at `url`, where it is sent the `headers`.

    Of the environment it gets a few variables that no program can do without, and `env`. A call has `timeout` seconds,
    and an answer of more than `most` bytes is an error. Agents may use those of its tools that match one of `tools`.
    `${NAME}` in command, args, env, cwd, url and headers stands for a variable of the environment.
    """

    name: str
    command: str | None = None
    args: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    cwd: str | None = None
    url: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    timeout: float = 30.0
    tools: tuple[str, ...] = ("*",)
    most: int = 8 * 1024 * 1024

    def __post_init__(self) -> None:
        object.__setattr__(self, "args", tuple(self.args))
        object.__setattr__(self, "tools", (self.tools,) if isinstance(self.tools, str) else tuple(self.tools))
        if not self.name or not self.name.isprintable():
            raise ConfigError(f"an MCP server needs a name that can be printed, and {self.name!r} is none")
        if (self.command is None) == (self.url is None):
            raise ConfigError(f"the MCP server {self.name!r} needs either a command or a url")
        if not self.timeout > 0:
            raise ConfigError(f"the timeout of the MCP server {self.name!r} is {self.timeout!r}; it must be above 0")

    @property
    def transport(self) -> Literal["stdio", "http"]:
        """`stdio` or `http`."""
        return "http" if self.command is None else "stdio"

    def offers(self, tool: str) -> bool:
        """Whether agents may use its tool of that name."""
        return any(fnmatchcase(tool, pattern) for pattern in self.tools)

    def resolved(self) -> "McpServer":
        """The same server with the values of the environment's variables in the place of their names.

        Raises:
            ConfigError: a variable is not set, or what is made with it is no address.
        """
        found = replace(
            self,
            command=self._filled(self.command),
            args=tuple(map(self._fill, self.args)),
            env={name: self._fill(value) for name, value in self.env.items()},
            cwd=self._filled(self.cwd),
            url=self._filled(self.url),
            headers={name: self._fill(value) for name, value in self.headers.items()},
        )
        if found.url is not None and urlsplit(found.url).scheme not in ("http", "https"):
            raise ConfigError("its url must be an http:// or https:// address")
        return found

    def environment(self) -> dict[str, str]:
        """All of the environment that its process gets."""
        return plain_environment() | dict(self.env)

    def _filled(self, text: str | None) -> str | None:
        return None if text is None else self._fill(text)

    def _fill(self, text: str) -> str:
        return _REFERENCE.sub(self._value, text)

    def _value(self, found: re.Match[str]) -> str:
        name, otherwise = found.groups()
        # Loaded here: most servers name no variable, and it would cost the others a start.
        from agiwo.config import variable

        value: str | None = variable(name) or otherwise
        if value is None:
            raise ConfigError(f"it needs the variable {name}, which is not set")
        return value
