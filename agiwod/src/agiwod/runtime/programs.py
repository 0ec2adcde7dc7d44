"""What runs a run in the daemon: an agent's loop, that of a scheduled agent, or what sees to a schedule. Runs none."""

from collections.abc import Callable

from agiwo.durable import Program, Programs
from agiwo.schema.run import RunSpec

from agiwod.runtime.projects import PROJECT

Find = Callable[[RunSpec], Program | None]


class DaemonPrograms:
    """The programs of every run of a daemon. `scheduled` finds those of runs that work for a scheduled agent.

    `own` are programs of the daemon itself, by the agent that such a run names; `elsewhere` finds those of projects.
    """

    def __init__(self, agents: Programs, scheduled: Find, elsewhere: Find = lambda spec: None) -> None:
        self.own: dict[str, Program] = {}
        self._agents, self._scheduled, self._elsewhere = agents, scheduled, elsewhere

    def find(self, spec: RunSpec) -> Program | None:
        """The program of a run; see `Programs`."""
        if spec.agent in self.own:
            return self.own[spec.agent]
        if PROJECT in spec.metadata:
            return self._elsewhere(spec)
        return self._agents.find(spec) if spec.state is None else self._scheduled(spec)
