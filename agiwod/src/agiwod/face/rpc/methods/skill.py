"""skill/…: which skills there are, what they say, and what is wrong with others."""

from pathlib import Path

from agiwo_protocol import skill
from agiwo_protocol.contract import Empty, Page
from agiwo_protocol.errors import InvalidParams

from agiwod.face.rpc import encode
from agiwod.face.rpc.connection import Connection
from agiwod.face.rpc.dispatch import methods
from agiwod.face.rpc.methods.paging import page


@methods.on(skill.LIST)
async def list_skills(connection: Connection, params: Page) -> skill.ListResult:
    """The skills by name, and what was left out."""
    found = await (await connection.skills()).list()
    shown, cursor = page(list(found), params, lambda each: each.name)
    return skill.ListResult(
        skills=[encode.skill_object(each) for each in shown],
        skipped=[encode.skipped(each) for each in found.skipped],
        next_cursor=cursor,
    )


@methods.on(skill.GET)
async def get_skill(connection: Connection, params: skill.SkillParams) -> skill.SkillDetail:
    """One skill, with its text."""
    return encode.skill_detail(*await (await connection.skills()).get(params.name))


@methods.on(skill.RELOAD)
async def reload_skills(connection: Connection, params: Empty) -> skill.ReloadResult:
    """Look now."""
    changes = await (await connection.skills()).reload()
    return skill.ReloadResult(added=list(changes.added), changed=list(changes.changed), removed=list(changes.removed))


@methods.on(skill.VALIDATE)
async def validate_skills(connection: Connection, params: skill.ValidateParams) -> skill.ValidateResult:
    """What authors should hear."""
    path = Path(params.path)
    if not path.is_absolute():
        errors = [{"path": "path", "message": "it has to be absolute: the daemon works in another directory"}]
        raise InvalidParams("the params do not fit the method", errors=errors)
    checked = await connection.daemon.skills.validate(path)
    return skill.ValidateResult(
        ok=all(each.is_good for each in checked), results=[encode.validated(each) for each in checked]
    )
