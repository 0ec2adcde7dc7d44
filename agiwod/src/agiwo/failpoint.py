"""Named points at which a test has its process die. Knows nothing of what happens there, and changes nothing.

`AGIWOD_FAILPOINT=NAME:N` ends the process as `kill -9` would, the N-th time (the first, without `:N`) that it comes by
the point of that name. Where nobody says so, a point is one comparison.
"""

import os
from typing import Final

POINTS: Final = {
    "commit/written": "the rows of a commit are written, and it is not made",
    "commit/made": "a commit is made, and nobody knows",
    "listeners/before": "a commit is known here, and no listener has heard of it",
    "append/before": "the listeners have heard of an append, and whoever made it has not",
    "answer/before": "a request is served, and its answer is not sent",
    "event/before": "an event is about to be sent to a client",
    "model/began": "a model is about to be asked",
    "model/ended": "a model has answered, and the answer is not recorded",
    "tool/began": "a tool is about to run, and that it is to is recorded",
    "tool/ended": "a tool has run, and what came out of it is not recorded",
    "blob/stored": "a long text is stored, and what refers to it is not",
    "checkpoint/before": "the WAL is about to be moved into the database",
    "checkpoint/made": "the WAL is moved",
    "spawn/before": "a child is decided on, and not recorded",
    "spawn/recorded": "a child is recorded, and nobody drives it",
    "wait/recorded": "that a run waits for a time or for others is recorded, and it does not yet",
    "wake/before": "what a run waited for has come, and that is not recorded",
    "wake/rebuilt": "a parked run is whole again, and does not go",
    "cancel/recorded": "that a run is to end is recorded, and nothing is stopped",
    "recovery/claimed": "the runs of the last process are ours, and none is taken on",
    "file/written": "a file, such as that of clients' agents, is written beside the one that counts",
    "definition/made": "an agent of a client is kept, and does not hold yet",
    "migration/copied": "the copy of an old file is whole, and its tables are as they were",
    "migration/written": "a step of a migration is done, and not committed",
    "migration/made": "a step of a migration is committed, and the next one not begun",
    "drain/begun": "the daemon takes no new runs, and has told nobody",
    "drain/idle": "the last run has ended, and clients have not been waited for",
    "close/engine": "nothing is driven any more, and the journal is open",
}
"""Every point, and what is true there."""

_SIGKILL: Final = 9
"""Not by its name, which Windows lacks; there any number ends a process at once."""

_name, _left = "", 1


def arm(wanted: str) -> None:
    """Die at the point that `NAME:N` names; nowhere, when it is empty."""
    global _name, _left
    _name, _, times = wanted.partition(":")
    _left = int(times) if times.isdigit() else 1


def reach(point: str) -> None:
    """Die here, if it is this point's turn."""
    if point == _name:
        _count()


def _count() -> None:
    global _left
    _left -= 1
    if not _left:
        os.kill(os.getpid(), _SIGKILL)


arm(os.environ.get("AGIWOD_FAILPOINT", ""))
