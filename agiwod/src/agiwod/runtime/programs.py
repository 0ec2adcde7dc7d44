"""What runs a run in the daemon: an agent's loop, that of a scheduled agent, or what sees to a schedule. Runs none."""

from collections.abc import Callable

from agiwo.durable import Program, Programs
from agiwo.schema.run import RunSpec

Find = Callable[[RunSpec], Program | None]


class DaemonPrograms:
    """The programs of every run of a daemon. `scheduled` finds those of runs that work for a scheduled agent.

    `own` are programs of the daemon itself, by the agent that such a run names.
    """

    def __init__(self, agents: Programs, scheduled: Find) -> None:
        self.own: dict[str, Program] = {}
        self._agents, self._scheduled = agents, scheduled

    def find(self, spec: RunSpec) -> Program | None:
        """The program of a run; see `Programs`."""
        if spec.agent in self.own:
            return self.own[spec.agent]
        return self._agents.find(spec) if spec.state is None else self._scheduled(spec)
