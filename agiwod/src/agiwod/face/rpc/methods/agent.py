"""agent/…: which agents there are, and those that clients define."""

from collections.abc import Mapping
from typing import Any

from agiwo_protocol import agent
from agiwo_protocol.contract import Empty, Page
from pydantic import ValidationError

from agiwod.face.rpc import encode
from agiwod.face.rpc.connection import Connection
from agiwod.face.rpc.dispatch import methods
from agiwod.face.rpc.methods.paging import page
from agiwod.runtime.agents import Registered
from agiwod.runtime.definitions import CLIENT


@methods.on(agent.LIST)
async def list_agents(connection: Connection, params: Page) -> agent.ListResult:
    """The agents, and the one that is meant when none is named."""
    agents = await connection.agents()
    shown, cursor = page(agents.list(), params, lambda each: each.agent.id)
    objects = [encode.agent_object(each, is_whole=False) for each in shown]
    return agent.ListResult(agents=objects, default_agent=agents.default, next_cursor=cursor)


@methods.on(agent.GET)
async def get_agent(connection: Connection, params: agent.AgentParams) -> agent.Agent:
    """One agent, with its system prompt."""
    return _told(connection, (await connection.agents()).get(params.agent_id))


def _told(connection: Connection, found: Registered) -> agent.Agent:
    id, told = found.agent.id, encode.agent_object(found, is_whole=True)
    table = connection.daemon.definitions.table(id) if found.source == CLIENT else None
    return told if table is None else told.model_copy(update={"definition": _definition(id, table)})


def _definition(id: str, table: Mapping[str, Any]) -> agent.DefineParams | None:
    try:
        return agent.DefineParams.model_validate({"agent_id": id, **table}, by_name=True)
    except ValidationError:  # somebody wrote it into the file as no client could
        return None


@methods.on(agent.DEFINE)
async def define_agent(connection: Connection, params: agent.DefineParams) -> agent.Agent:
    """Have an agent that stays until it is removed."""
    return _told(connection, await connection.daemon.definitions.define(params.agent_id, params.table()))


@methods.on(agent.REMOVE)
async def remove_agent(connection: Connection, params: agent.AgentParams) -> Empty:
    """Forget an agent that a client defined."""
    await connection.daemon.definitions.remove(params.agent_id)
    return Empty()
