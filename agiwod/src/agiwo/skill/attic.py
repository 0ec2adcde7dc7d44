"""Texts of skills that runs may still ask for after a restart, each under the name of its version. Decides nothing."""

import logging
import os
from contextlib import suppress
from pathlib import Path
from typing import Final

import orjson

from agiwo.skill.manifest import SkillMetadata
from agiwo.skill.skill import SkillContent

_MOST: Final = 1000
"""Texts that are kept; the one that was used longest ago goes first."""

log = logging.getLogger(__name__)


class Attic:
    """A directory of texts, made with the first one. What goes wrong with it is logged, and then it has one fewer."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def put(self, skill: SkillContent) -> None:
        """Keep this text, or know that it is in use again."""
        place = self._place(skill.version)
        try:
            if place.exists():
                os.utime(place)
                return
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            temporary = place.with_suffix(".new")
            temporary.touch(mode=0o600)
            temporary.write_bytes(_written(skill))
            temporary.replace(place)
            self._tidy()
        except OSError as error:
            log.warning("the text of skill %s is not kept over a restart: %s", skill.name, error)

    def get(self, name: str, version: str) -> SkillContent | None:
        """The skill in that version; None when it is not there, or is of another name."""
        try:
            found = _read(self._place(version).read_bytes(), version)
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return found if found.name == name else None

    def _place(self, version: str) -> Path:
        return self._directory / f"{version}.json"

    def _tidy(self) -> None:
        places = list(self._directory.glob("*.json"))
        if len(places) <= _MOST:
            return
        places.sort(key=lambda place: place.stat().st_mtime)
        for place in places[: len(places) - _MOST]:
            with suppress(FileNotFoundError):
                place.unlink()


def _written(skill: SkillContent) -> bytes:
    said = {"name": skill.name, "description": skill.metadata.description, "body": skill.body}
    return orjson.dumps({**said, "root": str(skill.root), "real": str(skill.real), "source": skill.source})


def _read(data: bytes, version: str) -> SkillContent:
    said = orjson.loads(data)
    metadata = SkillMetadata(said["name"], said["description"])
    return SkillContent(metadata, said["body"], Path(said["root"]), Path(said["real"]), version, said["source"])
