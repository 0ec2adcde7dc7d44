"""The agents that runs can be started with, by id. Builds none of them, and runs none of them."""

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches

from agiwo.agent import Agent
from agiwo.durable import Program
from agiwo.errors import AgiwoError, ConfigError, NotFound
from agiwo.llm import Model, resolve_model
from agiwo.observability.collector import Keeping
from agiwo.schema.run import RunSpec

log = logging.getLogger(__name__)

MODEL = "askedModel"
"""Where a run's plan names the model that takes the place of its agent's own: of this agent, and of none below it."""

_VARIANTS = 256
"""Agents with another model that are kept at hand. Clients may name any model; the oldest is made anew when needed."""

_FALLBACK = "assistant"
"""The agent that is meant when none is named and none is configured as the default."""


@dataclass(frozen=True, slots=True)
class Registered:
    """An agent and where it comes from: `builtin`, `config`, `python`, `project` or `client`."""

    agent: Agent
    source: str = "config"


class Agents:
    """The registry. It also finds the program of a recorded run, so that the run goes on after a restart.

    `resolve` makes the model that a run asks for in the place of its agent's own. `left_out` says of those that clients
    defined and that cannot be made why not. The agents are closed with it.
    """

    def __init__(
        self,
        registered: Iterable[Registered],
        *,
        default: str | None = None,
        resolve: Callable[[str], Model] = resolve_model,
        left_out: Mapping[str, str] | None = None,
    ) -> None:
        self.left_out = dict(left_out or {})
        self._registered: dict[str, Registered] = {}
        for each in registered:
            if each.agent.id in self._registered:
                raise ConfigError(f"there are two agents with the id {each.agent.id!r}; rename one of them")
            self._registered[each.agent.id] = each
        if default is not None and default not in self._registered:
            raise ConfigError(f"default_agent is {default!r}, and {self._hint(default)}")
        self._default = default
        self._resolve = resolve
        self._variants: dict[tuple[str, str], Agent] = {}

    @property
    def default(self) -> str | None:
        """The agent that is meant when none is named: the configured one, else `assistant`, else the only one."""
        if self._default is not None:
            return self._default
        if _FALLBACK in self._registered:
            return _FALLBACK
        return next(iter(self._registered)) if len(self._registered) == 1 else None

    def list(self) -> list[Registered]:
        """All of them, in the order in which they were defined."""
        return list(self._registered.values())

    def get(self, id: str) -> Registered:
        """The agent of that id.

        Raises:
            NotFound: there is none; the message names what comes close.
        """
        if id not in self._registered:
            raise NotFound("agent", id, self._hint(id))
        return self._registered[id]

    def with_model(self, id: str, model: str | None) -> Agent:
        """The agent of that id, with `model` in the place of its own when one is named.

        Raises:
            NotFound: there is no such agent, or no such model.
            ModelError, ConfigError: the model cannot be used.
        """
        agent = self.get(id).agent
        if model is None or model == agent.model.name:
            return agent
        if (id, model) not in self._variants:
            if len(self._variants) >= _VARIANTS:
                del self._variants[next(iter(self._variants))]
            self._variants[id, model] = _variant(agent, self._resolve(model))
        return self._variants[id, model]

    def find(self, spec: RunSpec) -> Program | None:
        """The program of a run, or None while its agent or model is not there: then the engine suspends it."""
        try:
            if spec.parent is not None and (below := self._below(spec)):
                return below.program
            return self.with_model(spec.agent, spec.plan.get(MODEL)).program
        except AgiwoError as error:
            log.warning("a run of agent %s cannot go on: %s", spec.agent, error)
            return None

    def _below(self, spec: RunSpec) -> Agent | None:
        """The agent behind a tool of one of these that runs this: the very one that made it, else one of its id."""
        family = [
            agent for each in self._registered.values() for agent in each.agent.family() if agent.id == spec.agent
        ]
        made = [agent for agent in family if agent.maker == spec.plan.get("maker")]
        return (made or family or [None])[0]

    def observes(self, id: str) -> bool:
        """Whether an agent of that id has hooks that look on at its runs, or may have when it is there."""
        family = (agent for each in self._registered.values() for agent in each.agent.family())
        known = [agent.hooks.observes for agent in family if agent.id == id]
        return any(known) or not known

    def keeping(self, id: str) -> Keeping | None:
        """Where the traces of runs of an agent of that id are kept beside the journal, if anywhere."""
        registered = self._registered.get(id)
        return registered and registered.agent.keeping

    def can_ask(self) -> bool:
        """Whether one of them has code of its own that is asked about calls."""
        return any(agent.on_approval for each in self._registered.values() for agent in each.agent.family())

    def replace(self, others: "Agents") -> "Agents":
        """Have the agents of `others` in the place of these; return what is to be closed once no run uses it."""
        replaced = self.apart_from(others)
        self._registered, self._default, self._resolve = others._registered, others._default, others._resolve
        self.left_out = others.left_out
        self._variants = {}
        return replaced

    def apart_from(self, others: "Agents") -> "Agents":
        """Those that `others` do not hold, too: who closes these leaves theirs alone."""
        shared = {id(each.agent) for each in others.list()}
        apart = Agents([each for each in self.list() if id(each.agent) not in shared])
        apart._variants = self._variants
        return apart

    async def close(self) -> None:
        """Let go of what the agents hold: tools and models."""
        for agent in (*self._variants.values(), *(each.agent for each in self._registered.values())):
            await agent.close()

    def _hint(self, id: str) -> str:
        near = get_close_matches(id, self._registered, n=3, cutoff=0.5)
        if near:
            return f"did you mean {' or '.join(map(repr, near))}?"
        return f"there are {', '.join(self._registered)}" if self._registered else "none is configured"


def _variant(agent: Agent, model: Model) -> Agent:
    return Agent(
        agent.id,
        agent.description,
        model,
        [*agent.tools, *agent.toolsets],
        agent.system_prompt,
        agent.options,
        agent.hooks,
        agent.on_approval,
        agent.skills,
    )
