"""project/…: the projects that the user has trusted."""

from agiwo_protocol import project
from agiwo_protocol.contract import Page

from agiwod.face.rpc.connection import Connection
from agiwod.face.rpc.dispatch import methods
from agiwod.face.rpc.methods.paging import page
from agiwod.face.rpc.moment import moment
from agiwod.runtime.projects import Trusted


@methods.on(project.LIST)
async def list_projects(connection: Connection, params: Page) -> project.ListResult:
    """All of them by path, also those that are left out by now."""
    shown, cursor = page(await connection.daemon.projects.trusted(), params, lambda each: each.root)
    return project.ListResult(projects=[_told(each) for each in shown], next_cursor=cursor)


def _told(each: Trusted) -> project.Project:
    at = None if each.at is None else moment(each.at)
    return project.Project(root=each.root, trusted=each.notice is None, trusted_at=at, notice=each.notice)
