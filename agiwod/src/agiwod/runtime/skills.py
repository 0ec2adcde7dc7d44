"""The skills that agents may be given: which there are, and who is told when one changes. Runs none of them."""

import asyncio
import logging
from collections.abc import Iterable, Sequence
from pathlib import Path

from agiwo.skill.check import Checked, check_skills
from agiwo.skill.files import files_of
from agiwo.skill.manager import SkillChanges, SkillManager
from agiwo.skill.registry import SkillRegistry
from agiwo.skill.skill import SkillContent
from agiwo.skill.source import SkillSource
from agiwo.skill.watch import watch

from agiwod.runtime.events import Events

_PATIENCE = 10.0
"""Seconds that the first runs wait for their skills; a disk that is gone must not hold up those who need none."""

_ASIDE = 0.3
"""Seconds before watching begins, which has much to load: whoever started the daemon waits for an answer just now."""

log = logging.getLogger(__name__)


class Skills:
    """What a manager has, kept up to date from `start` to `close`; for those who work in a `project`, or for all."""

    def __init__(self, manager: SkillManager, events: Events, project: str | None = None) -> None:
        self.manager, self._events = manager, events
        self._where = {} if project is None else {"project": project}
        self._has_looked = asyncio.Event()
        self._watching: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Look for skills, and go on looking at what changes. Returns at once; see `ready`."""
        if self._watching is None and self.manager.sources:
            self._watching = asyncio.create_task(self._watch(), name="watch skills")

    def look_in(self, sources: Iterable[SkillSource]) -> None:
        """Have skills looked for in other directories from now on."""
        self.manager.sources = tuple(sources)
        self.start()

    async def _watch(self) -> None:
        try:
            await self.manager.reload()
            found = self.manager.registry
            log.info("%d skills, %d left out", len(found), len(found.skipped))
            self._has_looked.set()
            await asyncio.sleep(_ASIDE)
            await watch(self.manager, self._tell)
        except Exception:
            log.exception("skills are not watched any more; skill/reload still looks at them")
        finally:
            self._has_looked.set()

    async def ready(self) -> None:
        """Return once they were looked for, or that takes too long."""
        if self._watching is None or self._has_looked.is_set():
            return
        try:
            async with asyncio.timeout(_PATIENCE):
                await self._has_looked.wait()
        except TimeoutError:
            log.warning("the directories of skills do not answer; a run begins without them")

    async def list(self) -> SkillRegistry:
        """The skills, and what was left out and why."""
        await self.ready()
        return self.manager.registry

    async def get(self, name: str) -> tuple[SkillContent, Sequence[str]]:
        """A skill, and the files beside its text.

        Raises:
            SkillNotFoundError: there is none of that name.
        """
        skill = (await self.list()).get(name)
        return skill, await asyncio.to_thread(lambda: tuple(files_of(skill)))

    async def reload(self) -> SkillChanges:
        """Look at everything again, now; what has changed."""
        changes = await self.manager.reload()
        self._tell(changes)
        return changes

    async def validate(self, path: Path) -> Sequence[Checked]:
        """The skill at that path, or each one below it, held against the specification."""
        return await asyncio.to_thread(lambda: check_skills(path))

    async def close(self) -> None:
        """Watch no more."""
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)

    def _tell(self, changes: SkillChanges) -> None:
        named = {"added": changes.added, "changed": changes.changed, "removed": changes.removed}
        if any(named.values()):
            self._events.publish(
                "skill", "skill/changed", {**self._where, **{kind: list(names) for kind, names in named.items()}}
            )
        for fault in changes.faults:
            told = {"path": str(fault.path), "reason": fault.reason}
            line = {} if fault.line is None else {"line": fault.line}
            self._events.publish("skill", "skill/invalid", {**self._where, **told, **line})
