"""A workflow's time: that of Temporal's history, the same in every replay. Reads no clock of this machine."""

import asyncio
from collections.abc import Callable

from temporalio import workflow

from agiwo.clock import Timer


class WorkflowClock:
    """The `Clock` of a workflow; its timers are Temporal's, and go off wherever the workflow is then."""

    def now(self) -> float:
        """Seconds since the epoch, as the history tells them."""
        return workflow.time()

    def call_at(self, when: float, call: Callable[[], object]) -> Timer:
        """Make `call` in the workflow at that time."""
        return self.call_after(when - workflow.time(), call)

    def call_after(self, seconds: float, call: Callable[[], object]) -> Timer:
        """Make `call` in the workflow after so many seconds."""
        return asyncio.get_running_loop().call_later(max(0.0, seconds), call)
