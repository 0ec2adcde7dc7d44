"""What workflows, activities and messages are called in Temporal, and how long they may take. Runs nothing."""

from datetime import timedelta
from typing import Final

RUN: Final = "agiwo.run"
SESSION: Final = "agiwo.session"
"""The types of workflow: a run, and the line of a session's runs."""

EFFECT: Final = "agiwo.effect"
AWAIT_END: Final = "agiwo.await_end"
"""The activities that any worker may do. All others are local to the workflow's own worker."""

HEARTBEAT: Final = timedelta(seconds=5)
"""Without a sign of life for so long an activity's worker is taken to be dead."""

BEAT: Final = 1.0
"""Seconds between signs of life."""

ENDLESS: Final = timedelta(days=3650)
"""What an activity may take whose end is told by its heartbeat."""

AT_ONCE: Final = timedelta(seconds=30)
"""What something local may take: reading or writing the journal. Then it is tried again."""

ANSWER: Final = timedelta(seconds=30)
"""What a client waits for Temporal's server."""


# A namespace may have several queues, each with a journal of its own: what one calls its run is none of the others'.


def workflow_of(queue: str, run: str) -> str:
    """The id of a run's workflow."""
    return f"{queue}/{run}"


def run_of(workflow: str) -> str:
    """The run whose workflow this is; of another workflow, something that is no run."""
    return workflow.rpartition("/")[2]


def lane_of(queue: str, session: str) -> str:
    """The id of the workflow in which a session's runs wait for their turn."""
    return f"{queue}/session/{session}"
