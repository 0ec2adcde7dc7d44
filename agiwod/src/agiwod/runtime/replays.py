"""Finished runs done once more as clients ask for it: found, prepared and started. Drives none."""

from collections.abc import Callable
from dataclasses import replace

from agiwo.engine.rerun import spec_again
from agiwo.engine.serving import ServingEngine

from agiwod.runtime.agents import MODEL, Agents
from agiwod.runtime.runs import Started


class Replays:
    """The finished runs of an engine, whose programs are `agiwo.engine.rerun.Reruns`."""

    def __init__(self, engine: ServingEngine, agents: Agents, check: Callable[[], None]) -> None:
        self._engine, self._agents, self._check = engine, agents, check

    async def start(self, run: str, *, model: str | None = None, start: int = 1) -> Started:
        """Record a new run that does a finished one once more, in a session of its own, and return at once.

        Raises:
            NotFound: there is no such run, agent or model.
            Conflict: the run has not ended.
            Draining, TooMuch: no new run may start.
            StorageError: the store refuses; nothing was accepted.
        """
        spec = await spec_again(self._engine.journal, run, start)
        if model is not None:
            agent = self._agents.with_model(spec.agent, model)
            spec = replace(spec, plan={**spec.plan, "model": agent.model.name, MODEL: model})
        self._check()
        session = await self._engine.branching.fork(spec.session, run, seq=0)
        cursor = await self._engine.start(replace(spec, session=session.id))
        return Started(await self._engine.head(cursor.run), cursor)
