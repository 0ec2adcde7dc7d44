"""The agents that settings and clients name: from tables, and from Python modules of the user. Runs none of them."""

import logging
import sys
import traceback
from collections.abc import Iterable, Iterator, Mapping
from importlib import import_module
from typing import Any, cast

from agiwo.agent import Agent, AgentOptions, Budget
from agiwo.errors import ConfigError, ModelError, NotFound
from agiwo.mcp import McpServers
from agiwo.skill import SkillManager

from agiwod.offer import find_model
from agiwod.rules import policy_of
from agiwod.runtime.agents import Agents, Registered
from agiwod.runtime.definitions import CLIENT
from agiwod.settings import AgentSettings, Settings
from agiwod.settings.layer import DEFAULT
from agiwod.shelf import skill_sources
from agiwod.team import Team
from agiwod.toolbox import Toolbox

_DEFAULT = "assistant"

log = logging.getLogger(__name__)


def build_agents(
    settings: Settings,
    skills: SkillManager | None = None,
    foreign: McpServers | None = None,
    defined: Mapping[str, AgentSettings] | None = None,
) -> Agents:
    """Every agent there is: configured ones, Python ones, or `assistant` when there is neither.

    Those of tables get what they name of `skills`, and of the tools of `foreign` servers. Beside them are those that
    clients have `defined`, unless there is another of the name; one that cannot be made is left out, and stops nobody.

    Raises:
        ConfigError: one of the settings cannot be made; the message says where it stands and what is wrong.
    """
    shelf = skills or SkillManager(skill_sources(settings))
    python = list(_python_agents(settings))
    taken = {*settings.agents, *(agent.id for agent in python)}
    extra = {name: table for name, table in (defined or {}).items() if name not in taken}
    left_out: dict[str, str] = {}
    while True:
        tables = {**settings.agents, **{name: extra[name] for name in extra if name not in left_out}}
        toolbox = Toolbox(settings, Team(tables, python), foreign or McpServers())
        try:
            made = [_registered(*each, settings, toolbox, shelf) for each in tables.items()]
            break
        except _Unusable as error:  # without it, others may be unusable, too: they name it among their tools
            left_out[error.agent] = str(error)
            log.warning("agent %s, which a client defined, is left out: %s", error.agent, error)
    registered = [*made, *(Registered(agent, "python") for agent in python)]
    # Projects and clients add agents: whoever had the one that comes with agiwod has it still.
    if _DEFAULT not in tables and all(each.source in ("project", CLIENT) for each in registered):
        registered.append(Registered(_agent(_DEFAULT, _ASSISTANT, settings, toolbox, shelf), "builtin"))
    return Agents(
        registered,
        default=settings.default_agent,
        resolve=lambda name: find_model(name, settings),
        left_out=left_out,
    )


class _Unusable(Exception):
    """An agent that a client defined cannot be made."""

    def __init__(self, agent: str, fault: str) -> None:
        super().__init__(fault)
        self.agent = agent


def _registered(
    name: str, table: AgentSettings, settings: Settings, toolbox: Toolbox, shelf: SkillManager
) -> Registered:
    if name in settings.agents:
        return Registered(_agent(name, table, settings, toolbox, shelf), _source(name, settings))
    try:
        return Registered(_agent(name, table, settings, toolbox, shelf), CLIENT)
    except (ConfigError, ModelError) as error:
        raise _Unusable(name, str(error).removeprefix(f"{DEFAULT}: ")) from error


_ASSISTANT = AgentSettings(
    description="A helpful assistant", system_prompt="You are a helpful assistant.", skills=("*",)
)


def _source(name: str, settings: Settings) -> str:
    return "project" if settings.is_of_project("agents", name) else "config"


def _agent(name: str, table: AgentSettings, settings: Settings, toolbox: Toolbox, shelf: SkillManager) -> Agent:
    try:
        model = find_model(table.model, settings)
    except NotFound as error:
        raise ConfigError(f"{settings.origin('agents', name, 'model')}: {error}") from None
    tools = toolbox.tools_of(name, table)
    options = AgentOptions(
        max_steps=table.max_steps,
        run_timeout=table.run_timeout,
        max_output_tokens=table.max_output_tokens,
        context_tokens=table.context_tokens,
        approval_policy=policy_of(name, table, tools, settings),
        approval_timeout=table.approval_timeout,
        budget=Budget(**table.budget.model_dump()) if table.budget else None,
    )
    try:
        skills = shelf.select(*table.skills) if table.skills else None
        agent = Agent(name, table.description, model, tools, table.system_prompt, options, skills=skills)
    except ConfigError as error:
        raise ConfigError(f"{settings.origin('agents', name, 'tools')}: {error}") from None
    toolbox.team.join(agent)
    return agent


def _python_agents(settings: Settings) -> Iterator[Agent]:
    for path in reversed(settings.python.path):
        if str(path) not in sys.path:
            sys.path.insert(0, str(path))
    for reference in settings.python.agents:
        where = str(settings.origin("python", "agents"))
        yield from _checked(_load(reference, where), reference, where)


def _load(reference: str, where: str) -> object:
    """What `module:name` is. The module's own code runs here, so anything may come out of it."""
    module, _, name = reference.partition(":")
    try:
        return getattr(import_module(module), name)
    except (Exception, SystemExit) as error:
        fault = f"{type(error).__name__}: {error}"
        raise ConfigError(f"{where}: {reference!r} cannot be loaded: {fault}{_place(error)}") from error


def _place(error: BaseException) -> str:
    """Where in the user's own files it went wrong; empty when it went wrong in none of them."""
    if isinstance(error, SyntaxError):
        return f" ({error.filename}:{error.lineno})"
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "importlib" not in frame.filename]
    own = [frame for frame in frames if frame.filename != __file__]
    return f" ({own[-1].filename}:{own[-1].lineno})" if own else ""


def _checked(value: object, reference: str, where: str) -> Iterator[Agent]:
    values: Iterable[Any] = [value]
    if isinstance(value, Mapping):
        values = cast("Mapping[Any, Any]", value).values()
    elif isinstance(value, list | tuple | set):
        values = cast("Iterable[Any]", value)
    for each in values:
        if not isinstance(each, Agent):
            kind = type(each).__name__
            raise ConfigError(f"{where}: {reference!r} must be an Agent, or a list or dict of them, and holds a {kind}")
        yield each
