"""A tool whose calls the loop carries out itself, in several recorded operations. Not one that runs something."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from agiwo.abort import AbortSignal
from agiwo.loop.plan import Carried
from agiwo.schema.tool import ExecutionContext
from agiwo.tool.base import BaseTool
from agiwo.tool.result import ToolResult

if TYPE_CHECKING:
    from agiwo.durable import StepScope


class CarriedTool(BaseTool):
    """What such a tool says of itself and of a call; the loop does the rest, so that it survives a crash."""

    timeout_seconds = None
    effect = "idempotent"

    @property
    @abstractmethod
    def carried(self) -> Carried:
        """What a plan says of it: how the loop carries out its calls."""

    @abstractmethod
    async def prepare(self, arguments: Mapping[str, Any], scope: "StepScope", asked: Mapping[str, Any]) -> Any:
        """What a call with these arguments comes to, as it is recorded before anything is done.

        `asked` is the call with what the loop knows beside it.

        Raises:
            ToolError: it comes to nothing; the message is for the model.
        """

    def is_concurrency_safe(self) -> bool:
        """The loop knows which of its calls may go on beside others."""
        return True

    async def execute(
        self, parameters: dict[str, Any], context: ExecutionContext, abort_signal: AbortSignal | None = None
    ) -> ToolResult:
        """By hand it does nothing, unless a tool says otherwise."""
        return ToolResult.failed(f"only an agent can call {self.name}")
