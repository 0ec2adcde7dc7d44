"""The fakes that users get."""

from agiwo.testing import FrozenClock


def test_a_frozen_clock_stands_still_until_it_is_moved() -> None:
    clock = FrozenClock(100.0)

    clock.advance(5)

    assert (clock.now(), clock.now()) == (105.0, 105.0)


def test_timers_fire_in_order_each_at_its_own_time() -> None:
    clock = FrozenClock(0.0)
    fired = list[tuple[str, float]]()
    clock.call_at(30, lambda: fired.append(("late", clock.now())))
    clock.call_at(10, lambda: fired.append(("early", clock.now())))
    clock.call_at(99, lambda: fired.append(("never", clock.now())))

    clock.advance(50)

    assert fired == [("early", 10), ("late", 30)]
    assert clock.now() == 50


def test_a_timer_that_a_timer_sets_fires_in_the_same_move() -> None:
    clock = FrozenClock(0.0)
    fired = list[float]()
    clock.call_at(10, lambda: clock.call_at(20, lambda: fired.append(clock.now())) and None)

    clock.advance(30)

    assert fired == [20]


def test_a_cancelled_timer_does_not_fire() -> None:
    clock = FrozenClock(0.0)
    fired = list[float]()
    clock.call_at(10, lambda: fired.append(clock.now())).cancel()

    clock.advance(30)

    assert fired == []
