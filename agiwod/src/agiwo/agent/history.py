"""How many steps a session had before a run. Reads the journal, once for each earlier run."""

from agiwo.agent.steps import run_steps
from agiwo.engine.pasts import Pasts, point_of
from agiwo.journal.base import Journal
from agiwo.schema.record import Record


async def steps_before(journal: Journal, base: Record) -> int:
    """The number of steps in the runs that a run's `base` record says came before it."""
    past = await Pasts(journal).up_to(point_of(base))
    return sum(1 for records in past for _ in run_steps(records[0].run, records))
