from agiwo.mcp.pace import Pace, Setbacks


def test_each_failure_in_a_row_doubles_the_pause_up_to_the_longest():
    setbacks = Setbacks(Pace(first=1, longest=60, failures=None))
    pauses = [setbacks.add(now, lived=None) or 0 for now in range(10)]

    for pause, whole in zip(pauses, (1, 2, 4, 8, 16, 32, 60, 60, 60, 60), strict=True):
        assert whole / 2 <= pause <= whole


def test_a_server_that_has_lived_for_a_while_begins_anew():
    setbacks = Setbacks(Pace(failures=None))
    for now in range(5):
        setbacks.add(now, lived=None)

    assert (setbacks.add(100, lived=61) or 0) <= 1


def test_a_server_that_had_come_to_run_rests_briefly_and_is_never_given_up():
    setbacks = Setbacks(Pace())
    pauses = [setbacks.add(now, lived=0.1) or 0 for now in range(50)]

    assert all(0.5 <= pause <= 5 for pause in pauses)


def test_five_failures_to_start_in_five_minutes_are_enough():
    setbacks = Setbacks(Pace())
    assert [setbacks.add(now, lived=None) is None for now in (0, 1, 2, 299, 300)] == [False, False, False, False, True]

    late = Setbacks(Pace())
    assert [late.add(now, lived=None) is None for now in (0, 1, 2, 299, 301)] == [False] * 5
