"""Runs and skills as resources: which can be listed, and what is read. Knows no subscriptions."""

import asyncio
import json
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import quote, unquote

from agiwo.errors import NotFound, ToolError
from agiwo.schema.event import ITEM_COMPLETED
from agiwo.skill.errors import SkillNotFoundError
from agiwo.skill.skill import SkillContent
from mcp.shared.exceptions import MCPError
from mcp_types import Completion, Resource, ResourceTemplate, TextResourceContents

from agiwod.face.mcp import shapes
from agiwod.face.mcp.faults import unknown
from agiwod.face.mcp.view import View
from agiwod.runtime.daemon import Daemon
from agiwod.runtime.runs import RunState

RUN: Final = "agiwo://run/"
SKILL: Final = "skill://"

_LATEST: Final = 50
"""Runs that are listed: the newest. Any other is read by its id."""

_SHORT: Final = 200
"""Characters of an answer that a list shows."""

_ITEMS: Final = 1000
"""Items of a run that are read at once."""

_LARGEST: Final = 1024 * 1024
"""Bytes of a skill's file that are read."""

_SUGGESTED: Final = 100
"""Names that are suggested at once; the protocol allows no more."""

TEMPLATES: Final = (
    ResourceTemplate(
        name="run",
        uri_template=f"{RUN}{{runId}}",
        description="A run of an agent: how it stands, and what was said and done in it.",
        mime_type="application/json",
    ),
    ResourceTemplate(
        name="skill",
        uri_template=f"{SKILL}{{name}}",
        description="A skill: what somebody wrote down for a kind of task.",
        mime_type="text/markdown",
    ),
    ResourceTemplate(
        name="skill file",
        uri_template=f"{SKILL}{{name}}/{{+path}}",
        description="A file beside the text of a skill.",
    ),
)


def skill_uri(name: str) -> str:
    """Where a skill is read."""
    return f"{SKILL}{quote(name, safe='')}"


async def list_resources(daemon: Daemon, view: View) -> list[Resource]:
    """The skills that are shown, then the newest runs."""
    runs = await daemon.runs.list(limit=_LATEST) if view.exposure.runs else []
    return [*map(_skill, await view.skills()), *map(_run, runs)]


def _skill(skill: SkillContent) -> Resource:
    return Resource(
        uri=skill_uri(skill.name),
        name=skill.name,
        description=skill.metadata.description,
        mime_type="text/markdown",
    )


def _run(run: RunState) -> Resource:
    said = run.result.response if run.result else None
    return Resource(
        uri=RUN + run.head.run,
        name=run.head.run,
        title=f"{run.head.agent}, {run.head.status}",
        description=said[:_SHORT] if said else f"A run of {run.head.agent} that is {run.head.status}.",
        mime_type="application/json",
    )


async def read_resource(daemon: Daemon, view: View, uri: str) -> list[TextResourceContents]:
    """What is at that place.

    Raises:
        MCPError: nothing that is shown.
    """
    if uri.startswith(RUN) and view.exposure.runs:
        return [await _read_run(daemon, uri)]
    if uri.startswith(SKILL):
        return [await _read_skill(view, uri)]
    raise _missing(uri)


async def _read_run(daemon: Daemon, uri: str) -> TextResourceContents:
    run = unquote(uri.removeprefix(RUN))
    try:
        state = await daemon.runs.get(run)
        events, _ = await daemon.runs.page(run, 0, _ITEMS)
    except NotFound:
        raise _missing(uri) from None
    items = [dict(event.data) for event in events if event.type == ITEM_COMPLETED]
    text = json.dumps({**shapes.run(state), "items": items}, ensure_ascii=False, indent=2)
    return TextResourceContents(uri=uri, mime_type="application/json", text=text)


async def _read_skill(view: View, uri: str) -> TextResourceContents:
    name, _, path = uri.removeprefix(SKILL).partition("/")
    name, path = unquote(name), unquote(path)
    try:
        skill = await view.skill(name)
    except SkillNotFoundError:
        raise _missing(uri) from None
    if path in ("", "SKILL.md"):
        return TextResourceContents(uri=uri, mime_type="text/markdown", text=skill.text)
    return TextResourceContents(uri=uri, text=await asyncio.to_thread(_file, skill, path, uri))


def _file(skill: SkillContent, path: str, uri: str) -> str:
    try:
        with skill.workspace().reading(path) as file:
            data = file.read(_LARGEST + 1)
        if len(data) > _LARGEST:
            raise ToolError(f"{path!r} is larger than {_LARGEST // 1024:,} KiB")
        return data.decode()
    except UnicodeDecodeError:
        raise _missing(uri, f"{path!r} is no text") from None
    except ToolError as error:
        raise _missing(uri, str(error)) from None


def _missing(uri: str, why: str = "") -> MCPError:
    return unknown("resource", uri, why, uri=uri)


async def suggest(daemon: Daemon, view: View, template: str, begun: str) -> Completion:
    """What may stand in the place of a template's parameter, of which `begun` is there."""
    names: Sequence[str] = ()
    if template.startswith(RUN) and view.exposure.runs:
        names = [each.head.run for each in await daemon.runs.list(limit=1000)]
    elif template == TEMPLATES[1].uri_template:
        names = [each.name for each in await view.skills()]
    fitting: list[Any] = [name for name in names if name.startswith(begun)]
    return Completion(values=fitting[:_SUGGESTED], total=len(fitting), has_more=len(fitting) > _SUGGESTED)
