"""A project with settings of its own: where it is, what it wants, and whose it is. Trusts none, and runs nothing."""

import hashlib
import json
import os
import re
import stat
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

from agiwo.errors import ConfigError

from agiwod.settings.toml import TomlFile

FILE: Final = ".agiwod.toml"
"""The settings of a project, in its topmost directory."""

_SKILLS: Final = ("skills", ".agiwo/skills", ".agents/skills")
"""Where a project has skills."""

_MARKS: Final = (FILE, *_SKILLS[1:])
"""What makes a directory a project. A folder `skills` alone may be anything."""

_LARGEST: Final = 64 * 1024
"""Bytes of a project's file. Whoever wrote it may be a stranger."""

_DOTTED: Final = re.compile(
    r"""(?<![\w-])(?:(?:[\w-]+|"(?:[^"\\\n]|\\.)*"|'[^'\n]*')[ \t]*\.[ \t]*){20}""",
)
"""A key inside of so many tables. No setting has one, and reading it takes time with the square of its length."""

_ALLOWED: Final = ("agents", "skills", "mcp")

_KEYS: Final = "a project may set no keys and no addresses of models; [models] stands in config.toml alone"

_REFUSED: Final[Mapping[str, str]] = {
    "models": _KEYS,
    "sandbox": "how far tools reach is for you to say, in config.toml",
    "trust": "whom you trust is for you to say, with `agiwod trust`",
    "python": "a project may bring no code into the daemon; [python] stands in config.toml alone",
}
"""Tables of which it must be said why a project may not have them."""


@dataclass(frozen=True, slots=True)
class Project:
    """A directory with settings or skills of its own, as it was when it was read. `root` is free of links.

    `skill_directories` are where its skills are, the one that counts least first. `digest` names what the project may
    do once it is trusted: another agent, tool, server or directory of skills is another digest. A comment is none, and
    neither is the text of a skill: it is edited all day, and reaches no further than the tools of the agents that read
    it.
    """

    root: Path
    file: TomlFile
    skill_directories: tuple[Path, ...]
    digest: str

    @property
    def values(self) -> Mapping[str, Any]:
        """What the project's file says, as it is written."""
        return self.file.values


def find_project(place: Path, trusts: frozenset[Path] = frozenset()) -> Path | None:
    """The nearest directory that is a project, from that place upwards; also one of those that somebody `trusts`."""
    try:
        here = os.path.realpath(place, strict=False)
    except (OSError, ValueError):
        return None  # no path at all
    trusted, home = frozenset(map(str, trusts)), _home()
    found = next((each for each in _upwards(here) if each in trusted or _is_marked(each, home)), None)
    return Path(found) if found else None


# Each request of a client comes by here, so these are plain strings: paths as objects take ten times as long.


def _upwards(directory: str) -> Iterator[str]:
    yield directory
    while (above := os.path.dirname(directory)) != directory:
        yield above
        directory = above


def _is_marked(directory: str, home: str | None) -> bool:
    # The skills in a home are the user's own, and no project's.
    marks = _MARKS[:1] if directory == home else _MARKS
    return any(os.path.lexists(os.path.join(directory, mark)) for mark in marks)


def _home() -> str | None:
    try:
        return os.path.realpath(Path.home())
    except RuntimeError:
        return None  # nobody says where it is


def read_project(root: Path) -> Project:
    """The project in that directory, whose file need not be there.

    Raises:
        ConfigError: it belongs to somebody else, or its file cannot be read, or wants what no project may.
    """
    root = root.resolve()
    if not root.is_dir():
        raise ConfigError(f"{root} is no directory")
    _check_owner(root, root.stat())
    text = _read(root / FILE)
    if _DOTTED.search(text):
        raise ConfigError(f"{root / FILE} is nested too deeply")
    file = TomlFile(root / FILE, text)
    _check(file)
    skills = _skills(root)
    return Project(root, file, skills, _digest(file, [str(path.relative_to(root)) for path in skills]))


def _skills(root: Path) -> tuple[Path, ...]:
    """Where skills are. A directory that is a link out of the project is none."""
    found = [root / name for name in _SKILLS]
    return tuple(path for path in found if os.path.isdir(path) and _is_inside(root, str(path)))


def _digest(file: TomlFile, skills: list[str]) -> str:
    try:
        text = json.dumps([file.values, skills], sort_keys=True, default=str)
    except (RecursionError, ValueError):  # a number can be too long for words
        raise ConfigError(f"{file.path} holds what cannot be a setting") from None
    return hashlib.sha256(text.encode()).hexdigest()


def _check_owner(path: Path, found: os.stat_result) -> None:
    if sys.platform == "win32":
        return
    if found.st_uid != os.geteuid():
        raise ConfigError(f"{path} belongs to another user (uid {found.st_uid}), and is not to be trusted")
    if found.st_mode & stat.S_IWOTH:
        raise ConfigError(f"{path} can be changed by anybody, and is not to be trusted; see its permissions")


def _read(path: Path) -> str:
    """The text of the file, read once, so that what is looked at is what holds. Waits for nobody, follows no link."""
    try:
        number = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    except FileNotFoundError:
        return ""
    except OSError as error:
        if path.is_symlink():
            raise ConfigError(f"{path} is a link; the file of a project has to be a file in it") from None
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from error
    try:
        found = os.fstat(number)
        if not stat.S_ISREG(found.st_mode):
            raise ConfigError(f"{path} is no plain file")
        _check_owner(path, found)
        with open(number, "rb", closefd=False) as opened:
            data = opened.read(_LARGEST + 1)
    finally:
        os.close(number)
    if len(data) > _LARGEST:
        raise ConfigError(f"{path} has more than {_LARGEST // 1024} KiB, which no project's settings need")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not UTF-8 text: {error}") from error


def _check(file: TomlFile) -> None:
    for key in file.values:
        if key not in _ALLOWED:
            why = _REFUSED.get(key, "it may have [agents], [skills] and [mcp.servers]")
            raise ConfigError(f"{file.where((key,))}: the file of a project may not have {key[:200]!r}: {why}")
    mcp = _table(file.values, "mcp")
    if beside := next((key for key in mcp if key != "servers"), None):
        what = f"[mcp.servers] alone, and not {beside[:200]!r} in [mcp]"
        raise ConfigError(f"{file.where(('mcp', beside))}: the file of a project may have {what}")
    _check_places(file)
    _check_rules(file)


def _check_places(file: TomlFile) -> None:
    """What a project adds stands and works in the project."""
    root, skills = file.path.parent, _table(file.values, "skills").get("path")
    named = [(("skills", "path"), each) for each in cast("list[Any]", skills)] if isinstance(skills, list) else []
    agents = _table(file.values, "agents")
    named += [(("agents", name, "workspace"), _table(agents, name).get("workspace")) for name in agents]
    for key, place in named:
        if isinstance(place, str) and not _is_inside(root, place):
            raise ConfigError(f"{file.where(key)}: {place[:200]!r} is outside of the project")


def _check_rules(file: TomlFile) -> None:
    """What is done without a question is for the user to say."""
    agents = _table(file.values, "agents")
    for name in agents:
        if "sandbox" in _table(agents, name):
            where = file.where(("agents", name, "sandbox"))
            raise ConfigError(f"{where}: the file of a project may have no 'sandbox': {_REFUSED['sandbox']}")
        rules = _table(agents, name).get("approvals")
        for number, rule in enumerate(cast("list[Any]", rules) if isinstance(rules, list) else []):
            if isinstance(rule, dict) and cast("dict[str, Any]", rule).get("action") == "allow":
                where = file.where(("agents", name, "approvals", str(number), "action"))
                raise ConfigError(f"{where}: a rule of a project may ask or deny; what is allowed is for you to say")


def _is_inside(root: Path, place: str) -> bool:
    """Whether a place that a project names is in it; what no path can be is nowhere."""
    return "\0" not in place and Path(os.path.realpath(root / os.path.expanduser(place))).is_relative_to(root)


def _table(values: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    table = values.get(key)
    return cast("dict[str, Any]", table) if isinstance(table, dict) else {}
