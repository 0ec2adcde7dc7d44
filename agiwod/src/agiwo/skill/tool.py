"""The tool with which a model reads skills: the text of one, and then the files beside it. Runs nothing of them."""

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from agiwo.abort import AbortSignal
from agiwo.schema.skill import SKILL_TOOL
from agiwo.schema.tool import Effect, ExecutionContext
from agiwo.skill.errors import SkillNotFoundError
from agiwo.skill.files import files_of
from agiwo.skill.registry import near
from agiwo.skill.skill import SkillContent
from agiwo.tool.base import BaseTool
from agiwo.tool.builtin.read_file import ReadFile
from agiwo.tool.result import ToolResult
from agiwo.tool.thread import in_thread

if TYPE_CHECKING:
    from agiwo.skill.skillset import Skillset

_LISTED: Final = 100
"""Files that are named with a skill's text; the others can be read as well."""

_CHANGED: Final = "(This skill was changed since this conversation began. This is its present text.)\n"


class SkillTool(BaseTool):
    """Gives a model the skills of one agent, each in the version that the run began with.

    A file beside a skill's text is read as it is now, and none that is not in the skill's directory.
    """

    effect: Effect = "read"

    def __init__(self, skills: "Skillset") -> None:
        self._skills = skills

    def get_name(self) -> str:
        """`Skill`."""
        return SKILL_TOOL

    def get_description(self) -> str:
        """What comes of a call."""
        return (
            "Read a skill before you begin a task that it is for: the instructions, and the names of the files that "
            "belong to it. With `file`, read one of those."
        )

    def get_parameters(self) -> dict[str, Any]:
        """Which skill, and perhaps which of its files."""
        properties = {
            "skill_name": {"type": "string", "description": "as it is named in the list of skills"},
            "file": {"type": "string", "description": "a path relative to the skill's directory"},
            "offset": {"type": "integer", "minimum": 1, "description": "the first line of the file to read"},
        }
        return {"type": "object", "properties": properties, "required": ["skill_name"]}

    def is_concurrency_safe(self) -> bool:
        """Always: it changes nothing."""
        return True

    async def execute(
        self, parameters: dict[str, Any], context: ExecutionContext, abort_signal: AbortSignal | None = None
    ) -> ToolResult:
        """The skill's text, or a file of it. What the run may not use is not there."""
        try:
            skill, is_same = await in_thread(partial(self._find, parameters["skill_name"], context.skills))
        except SkillNotFoundError as error:
            return ToolResult.failed(str(error))
        if "file" in parameters:
            asked = {"path": parameters["file"], "offset": parameters.get("offset", 1)}
            return await ReadFile(skill.workspace()).execute(asked, context, abort_signal)
        content = await in_thread(partial(_told, skill))
        return ToolResult(
            content=content if is_same else _CHANGED + content,
            content_for_user=f"The skill {skill.name} was activated.",
            output={"name": skill.name, "version": skill.version},
        )

    def _find(self, name: str, began_with: Mapping[str, str] | None) -> tuple[SkillContent, bool]:
        """The skill, and whether it is the one that the run began with; outside of a run it is the present one."""
        if began_with is None:
            began_with = {entry.name: entry.version for entry in self._skills.entries()}
        if name not in began_with:
            raise SkillNotFoundError(name[:100], near(name, began_with))
        return self._skills.manager.find(name, began_with[name])


def _told(skill: SkillContent) -> str:
    files = list(files_of(skill))
    text = f'<skill_content name="{skill.name}">\n{skill.text}\n</skill_content>'
    if not files:
        return text
    more = f", and {len(files) - _LISTED} more" if len(files) > _LISTED else ""
    named = ", ".join(files[:_LISTED])
    return f"{text}\nIts directory is {skill.root}. Its files, to be read when they are needed: {named}{more}"
