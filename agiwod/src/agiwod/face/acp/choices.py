"""What a session's user can choose: the agent, as a mode, and the model. Changes nothing itself."""

from collections.abc import Sequence

from agiwo.agent import Agent
from agiwo_protocol.errors import InvalidParams

from agiwod.face.acp.shapes import Json
from agiwod.runtime.agents import Agents
from agiwod.runtime.models import Models

MODE = "mode"
MODEL = "model"


def choices(agents: Agents, models: Models, agent: str, model: str | None) -> Json:
    """The modes and the options as they stand: the first for editors that know no others."""
    known = [each.agent for each in agents.list()]
    modes = [{"id": each.id, "name": each.id, **_described(each)} for each in known]
    told: Json = {"configOptions": options(agents, models, agent, model)}
    if any(each.id == agent for each in known):
        told["modes"] = {"currentModeId": agent, "availableModes": modes}
    return told


def options(agents: Agents, models: Models, agent: str, model: str | None) -> list[Json]:
    """The same as options: an agent that is there no more has no model to choose."""
    known = [each.agent for each in agents.list()]
    found = [_select(MODE, "Agent", agent, [{"value": each.id, "name": each.id, **_described(each)} for each in known])]
    if any(each.id == agent for each in known):
        names = model_names(agents.get(agent).agent, models)
        current = model if model in names else names[0]
        found.append(_select(MODEL, "Model", current, [{"value": name, "name": name} for name in names]))
    return found


def _select(id: str, name: str, current: str, offered: Sequence[Json]) -> Json:
    return {
        "id": id,
        "name": name,
        "category": id,
        "type": "select",
        "currentValue": current,
        "options": list(offered),
    }


def model_names(agent: Agent, models: Models) -> list[str]:
    """The models that can be named for an agent: its own first."""
    offered = [each.name for each in models.list() if each.is_available]
    return list(dict.fromkeys([agent.model.name, *offered]))


def require_one_of(value: object, offered: Sequence[str], path: str) -> str:
    """The value, which is one of those that are offered.

    Raises:
        InvalidParams: it is not.
    """
    if not isinstance(value, str) or value not in offered:
        fault = {"path": path, "message": f"it has to be one of {', '.join(offered)}"}
        raise InvalidParams("there is no such choice", errors=[fault])
    return value


def _described(agent: Agent) -> Json:
    return {"description": agent.description} if agent.description else {}
