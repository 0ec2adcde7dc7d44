"""Tools that come and go while an agent lives. Runs none of them."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

from agiwo.tool.base import BaseTool


class Toolset(ABC):
    """What an agent can be given among its `tools`: a run has the tools that there are when it is started.

    What was asked for in a run is looked up again for each call, so a run that goes on after a restart finds its tools.
    """

    @abstractmethod
    def tools(self) -> Sequence[BaseTool]:
        """The tools that there are just now."""

    def missing(self, name: str) -> str:
        """Why a tool of that name is not there, in words for a model; empty when this could not have it."""
        return ""

    @abstractmethod
    async def ready(self) -> None:
        """Return once it is known which there are, or that takes too long."""
