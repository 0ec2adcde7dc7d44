"""The directories whose settings and skills the user trusts, each with what they allowed then. Reads no project."""

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal

from agiwo.errors import ConfigError
from agiwo_protocol.paths import Paths, own_directory

from agiwod.in_place import write_in_place
from agiwod.settings.project import Project, find_project, read_project

Verdict = Literal["trusted", "changed", "unknown"]
"""Of a project: it is trusted as it is, it was when it wanted something else, or nobody has said so."""

_VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class Standing:
    """A project, and whether it is trusted."""

    project: Project
    verdict: Verdict

    @property
    def notice(self) -> str | None:
        """What its user should hear; None when it is trusted, or there is nothing in it."""
        root = self.project.root
        if self.verdict == "trusted":
            return None
        if self.verdict == "changed":
            return f"{root} wants something else than when it was trusted, and is left out; {self.advice}"
        return f"{root} has agents, skills or servers of its own, and is not trusted: they are left out; {self.advice}"

    @property
    def advice(self) -> str:
        """The command with which its user can see what it wants. Copied into a shell, its name does nothing else."""
        return f"`agiwod trust {shlex.quote(str(self.project.root))}` shows what that is, and trusts it"


class TrustBook:
    """What the user has said, in a file of its own. Each look reads it anew: a daemon sees at once what changes."""

    def __init__(self, paths: Paths) -> None:
        self.file = paths.state_dir / "trusted.json"

    def standing_at(self, place: Path) -> Standing | None:
        """The project that a place lies in, None when it lies in none.

        Raises:
            ConfigError: the project can be none, whoever trusts it; or the book cannot be read.
        """
        root = self.root_at(place)
        return self.standing_of(read_project(root)) if root else None

    def root_at(self, place: Path) -> Path | None:
        """The directory of the project that a place lies in, which is not looked into.

        Raises:
            ConfigError: the book cannot be read.
        """
        return find_project(place, frozenset(map(Path, self._digests())))

    def standing_of(self, project: Project) -> Standing:
        """Whether the project is trusted.

        Raises:
            ConfigError: the book cannot be read.
        """
        digest = self._digests().get(str(project.root))
        if digest is None:
            return Standing(project, "unknown")
        return Standing(project, "trusted" if digest == project.digest else "changed")

    def trusted(self) -> Mapping[str, float | None]:
        """When each directory was trusted, in seconds since the epoch if that is known, by its path.

        Raises:
            ConfigError: the book cannot be read.
        """
        return {name: _seconds(told.get("at")) for name, told in sorted(self._read().items())}

    def trust(self, project: Project) -> None:
        """Trust it as it is now, and only so.

        Raises:
            ConfigError: the book cannot be read or written.
        """
        told = {"digest": project.digest, "at": datetime.now(UTC).isoformat(timespec="seconds")}
        self._write({**self._read(), str(project.root): told})

    def revoke(self, root: Path) -> bool:
        """Trust the directory no more; False when nobody did.

        Raises: as `trust`.
        """
        found = self._read()
        if str(root.resolve()) not in found:
            return False
        self._write({name: told for name, told in found.items() if name != str(root.resolve())})
        return True

    def _digests(self) -> dict[str, str]:
        return {name: str(told.get("digest")) for name, told in self._read().items()}

    def _read(self) -> Mapping[str, Mapping[str, Any]]:
        try:
            data = json.loads(self.file.read_text(encoding="utf-8"))
            directories: Mapping[str, Mapping[str, Any]] = data["directories"]
            if data["version"] != _VERSION or not all(isinstance(each, dict) for each in directories.values()):
                raise ValueError("it is of another version")
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise ConfigError(f"{self.file} cannot be read: {error.strerror}") from error
        except (ValueError, KeyError, TypeError, AttributeError):
            raise ConfigError(f"{self.file} is damaged; remove it, and nothing is trusted any more") from None
        return directories

    def _write(self, directories: Mapping[str, Mapping[str, Any]]) -> None:
        try:
            own_directory(self.file.parent)
            write_in_place(self.file, json.dumps({"version": _VERSION, "directories": directories}, indent=1).encode())
        except OSError as error:
            raise ConfigError(f"{self.file} cannot be written: {error.strerror}") from error


def _seconds(at: Any) -> float | None:
    try:
        return datetime.fromisoformat(at).timestamp()
    except (TypeError, ValueError):  # somebody wrote it by hand
        return None
