"""Which runs a process of several takes for its own: each is told once, as ours or as another's."""

from agiwo.engine.temporal.roll import Roll
from agiwo.schema.record import RunHead
from agiwo.schema.run import RunStatus


def head(run: str, parent: str | None = None) -> RunHead:
    return RunHead(run, "session", "agent", RunStatus.QUEUED, 0.0, 0.0, parent, 1)


class Told:
    def __init__(self) -> None:
        self.ours: list[str] = []
        self.others: list[str] = []
        self.roll = Roll(lambda head: self.ours.append(head.run), lambda head: self.others.append(head.run))


def test_a_run_that_we_record_is_ours_however_early_the_store_tells_of_it() -> None:
    told = Told()
    told.roll.expect("a")
    told.roll.hear_of(head("a"))
    told.roll.take_on(head("a"))
    told.roll.hear_of(head("a"))
    assert (told.ours, told.others) == (["a"], [])


def test_what_is_below_ours_is_ours_and_the_rest_is_others() -> None:
    told = Told()
    told.roll.take_on(head("a"))
    for each in (head("a.1", "a"), head("a.1.1", "a.1"), head("b"), head("b.1", "b"), head("b"), head("a.1", "a")):
        told.roll.hear_of(each)
    assert (told.ours, told.others) == (["a", "a.1", "a.1.1"], ["b", "b.1"])


def test_a_run_that_another_recorded_first_is_anothers() -> None:
    told = Told()
    told.roll.expect("a")
    told.roll.withdraw("a")
    told.roll.hear_of(head("a"))
    assert (told.ours, told.others) == ([], ["a"])
