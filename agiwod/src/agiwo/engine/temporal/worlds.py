"""What workflows of this process stand on: the programs of the engine whose task queue they came from. Runs nothing."""

from dataclasses import dataclass

from temporalio import workflow

from agiwo.durable import Program, Programs
from agiwo.schema.run import RunSpec


@dataclass(frozen=True, slots=True)
class World:
    """What a process has for the workflows that it works on."""

    programs: Programs


_WORLDS: dict[str, World] = {}
"""By task queue: Temporal makes a workflow from its class, and has nothing else to give to it."""


def enter(queue: str, world: World) -> None:
    """Let workflows of this queue find this world.

    Raises:
        RuntimeError: an engine of this process works on that queue already.
    """
    if queue in _WORLDS:
        raise RuntimeError(f"an engine of this process works on the task queue {queue!r} already")
    _WORLDS[queue] = world


def leave(queue: str) -> None:
    """Let them find it no longer."""
    _WORLDS.pop(queue, None)


def program_of(spec: RunSpec) -> Program:
    """The program of a run, in a workflow.

    Raises:
        LookupError: it is not registered in this process. Temporal gives the workflow to another one then, or to this
            one later.
    """
    program = _WORLDS[workflow.info().task_queue].programs.find(spec)
    if program is None:
        raise LookupError(f"agent {spec.agent!r} is not registered in this process")
    return program
