"""The line of a session's runs: one after the other, in the order in which they came. Knows nothing of what they do."""

from typing import Any

from temporalio import workflow
from temporalio.exceptions import ApplicationError, ChildWorkflowError, WorkflowAlreadyStartedError
from temporalio.workflow import ChildWorkflowHandle, ParentClosePolicy

from agiwo.engine.temporal.names import AWAIT_END, ENDLESS, HEARTBEAT, RUN, SESSION, workflow_of


@workflow.defn(name=SESSION, sandboxed=False)
class SessionLane:
    """Lasts while there is a run in its line. Each run has its own workflow from the start, and waits for its turn."""

    @workflow.init
    def __init__(self, waiting: list[str]) -> None:
        self._line: list[str] = list(waiting)
        self._known: set[str] = set(waiting)
        self._children: dict[str, ChildWorkflowHandle[Any, Any] | None] = dict.fromkeys(waiting)

    @workflow.run
    async def run(self, waiting: list[str]) -> None:
        """Let each have its turn. A long history is left behind between two of them."""
        while self._line:
            await workflow.wait_condition(lambda: self._line[0] in self._children)
            first = self._line[0]
            await self._let_go(first)
            self._line.pop(0)
            self._children.pop(first)
            if self._line and workflow.info().is_continue_as_new_suggested():
                await workflow.wait_condition(workflow.all_handlers_finished)
                workflow.continue_as_new(args=[self._line])

    @workflow.signal
    async def enter(self, run: str) -> None:
        """A run for the end of the line; a second time is ignored."""
        if run in self._known:
            return
        self._known.add(run)
        self._line.append(run)
        try:
            self._children[run] = await workflow.start_child_workflow(
                RUN, args=[run, False], id=_workflow_of(run), parent_close_policy=ParentClosePolicy.ABANDON
            )
        except WorkflowAlreadyStartedError:
            self._children[run] = None

    async def _let_go(self, run: str) -> None:
        """Give a run its turn, and return when it is over, however it ended."""
        child = self._children[run]
        try:
            await workflow.get_external_workflow_handle(_workflow_of(run)).signal("go")
            if child:
                await child
            else:
                await workflow.execute_activity(
                    AWAIT_END, run, start_to_close_timeout=ENDLESS, heartbeat_timeout=HEARTBEAT
                )
        except (ChildWorkflowError, ApplicationError) as error:
            workflow.logger.warning("run %s gave up its turn: %s", run, error)


def _workflow_of(run: str) -> str:
    return workflow_of(workflow.info().task_queue, run)
