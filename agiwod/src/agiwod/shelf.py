"""Where the daemon looks for skills: its own, the user's, and where the settings say. Reads none of them."""

from pathlib import Path
from typing import Final

from agiwo.skill import SkillSource

from agiwod.settings import Project, Settings

BUNDLED: Final = Path(__file__).with_name("bundled_skills")
"""The skills that come with agiwod. In the repository a link to the folder `skills`."""


def skill_sources(settings: Settings, project: Project | None = None) -> list[SkillSource]:
    """The directories, the one that counts least first; with those of a project that is trusted."""
    return [
        SkillSource(BUNDLED, "bundled"),
        *(SkillSource(path, "user") for path in settings.user_skills),
        *(SkillSource(path) for path in settings.skills.path),
        *(SkillSource(path, "project") for path in (project.skill_directories if project else ())),
    ]
