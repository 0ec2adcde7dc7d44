"""What a project would add if it were trusted, as it is shown to who is to say so. Makes none of it."""

from collections.abc import Iterator
from itertools import chain
from typing import Any

from agiwo.skill.loader import SkillLoader
from agiwo.skill.source import SkillSource

from agiwod.settings import AgentSettings, McpServerSettings, Project, Settings
from agiwod.shelf import skill_sources


def wishes(project: Project, settings: Settings) -> dict[str, Any]:
    """The agents, servers and skills as they would be, for JSON. `settings` are the user's with the project's."""
    agents = {name: settings.agents[name] for name in project.values.get("agents", {})}
    servers = {name: settings.mcp.servers[name] for name in project.values.get("mcp", {}).get("servers", {})}
    found = SkillLoader(SkillSource(path, "project") for path in _places(project, settings)).load()
    usual = {skill.name for skill in SkillLoader(_usual(project, settings)).load()}
    return {
        "agents": {name: _agent(name, each, settings) for name, each in agents.items()},
        "servers": {name: _server(each) for name, each in servers.items()},
        "skills": [str(path) for path in _places(project, settings)],
        "skillNames": [skill.name for skill in found],
        "skillsReplaced": [skill.name for skill in found if skill.name in usual],
    }


def _places(project: Project, settings: Settings) -> list[Any]:
    is_own = settings.origin("skills", "path").source == "project"
    return [*(settings.skills.path if is_own else ()), *project.skill_directories]


def _usual(project: Project, settings: Settings) -> Iterator[SkillSource]:
    """Where skills are without the project."""
    own = _places(project, settings)
    return (each for each in skill_sources(settings) if each.path not in own)


def _agent(name: str, table: AgentSettings, settings: Settings) -> dict[str, Any]:
    return {
        "model": table.model,
        "tools": list(table.tools),
        "skills": list(table.skills),
        "workspace": str(table.workspace) if table.workspace else None,
        "description": table.description,
        "systemPrompt": table.system_prompt,
        "approvals": [each.model_dump() for each in table.approvals],
        "isYours": not settings.is_of_project("agents", name),
    }


def _server(table: McpServerSettings) -> dict[str, Any]:
    way = {"command": [table.command, *table.args], "cwd": table.cwd} if table.command else {"url": table.url}
    given = chain(table.env.items(), table.headers.items())
    return {**way, "given": {name: value.get_secret_value() for name, value in given}, "variables": table.variables}
