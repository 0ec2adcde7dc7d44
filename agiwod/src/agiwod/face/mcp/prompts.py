"""Skills as prompts: what somebody wrote down for a kind of task, given to whatever model the client has."""

from collections.abc import Mapping
from typing import Final

from agiwo.skill.errors import SkillNotFoundError
from mcp_types import GetPromptResult, Prompt, PromptArgument, PromptMessage, TextContent

from agiwod.face.mcp.faults import unknown
from agiwod.face.mcp.view import View

_TASK: Final = PromptArgument(name="task", description="What is to be done with the skill.", required=False)


async def list_prompts(view: View) -> list[Prompt]:
    """A prompt for each skill that is shown."""
    return [
        Prompt(name=skill.name, description=skill.metadata.description, arguments=[_TASK])
        for skill in await view.skills()
    ]


async def get_prompt(view: View, name: str, arguments: Mapping[str, str]) -> GetPromptResult:
    """The text of a skill, and the task that it is for.

    Raises:
        MCPError: no such skill is shown.
    """
    try:
        skill = await view.skill(name)
    except SkillNotFoundError as error:
        raise unknown("prompt", name, str(error)) from None
    task = arguments.get("task")
    text = f"{skill.text}\n\nThe task: {task}" if task else skill.text
    message = PromptMessage(role="user", content=TextContent(text=text))
    return GetPromptResult(description=skill.metadata.description, messages=[message])
