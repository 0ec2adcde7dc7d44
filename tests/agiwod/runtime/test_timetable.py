"""The times of cron expressions: in every zone, over the days on which clocks are moved, and what is no expression."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from agiwod.runtime.errors import ScheduleInvalid
from agiwod.runtime.timetable import local_timezone, timetable
from hypothesis import given
from hypothesis import strategies as st

BERLIN = "Europe/Berlin"


def at(text: str, zone: str = BERLIN, *, fold: int = 0) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold).timestamp()


def times(cron: str, start: float, count: int, zone: str = BERLIN) -> list[str]:
    table, found = timetable(cron, zone, start), list[str]()
    for _ in range(count):
        start = table.after(start) or 0.0
        found.append(table.moment(start))
    return found


def test_the_times_are_those_of_the_zone() -> None:
    assert times("30 9 * * 1-5", at("2026-11-20T12:00"), 3) == [
        "2026-11-23T09:30:00+01:00",
        "2026-11-24T09:30:00+01:00",
        "2026-11-25T09:30:00+01:00",
    ]
    assert times("0 9 * * *", at("2026-11-20T12:00"), 1, "Asia/Tokyo") == ["2026-11-21T09:00:00+09:00"]


def test_a_time_comes_after_the_moment_and_never_at_it() -> None:
    assert times("0 9 * * *", at("2026-11-20T09:00"), 1) == ["2026-11-21T09:00:00+01:00"]
    assert times("0 9 * * *", at("2026-11-20T09:00") - 0.001, 1) == ["2026-11-20T09:00:00+01:00"]


def test_a_sixth_field_is_the_second() -> None:
    assert times("*/20 * * * * *", at("2026-11-20T09:00"), 2) == [
        "2026-11-20T09:00:20+01:00",
        "2026-11-20T09:00:40+01:00",
    ]


def test_an_hour_that_is_left_out_is_made_up_for_and_one_that_comes_twice_counts_once() -> None:
    assert times("30 2 * * *", at("2026-03-28T12:00"), 2) == ["2026-03-29T03:00:00+02:00", "2026-03-30T02:30:00+02:00"]
    assert times("30 2 * * *", at("2026-10-24T12:00"), 2) == ["2026-10-25T02:30:00+02:00", "2026-10-26T02:30:00+01:00"]
    in_the_second_one = at("2026-10-25T02:10", fold=1)
    assert times("30 2 * * *", in_the_second_one, 1) == ["2026-10-26T02:30:00+01:00"]


@pytest.mark.parametrize(
    ("cron", "said"),
    [
        ("61 * * * *", "'61' is no minute that can come; it may be 0-59; also *, lists"),
        ("0 9 * * MOONDAY", "'MOONDAY' is no day-of-week that can come; it may be 0-7 or SUN-SAT"),
        ("0 0 30 2 *", "'30' is no day-of-month that can come"),
        ("70 0 9 * * *", "'70' is no second that can come"),
        ("0 9 * *", "has 5 fields (minute, hour, day-of-month, month, day-of-week), or 6 with the second first"),
        ("@daily", "'@daily' has 1"),
        ("", "'' has 0"),
    ],
)
def test_what_is_wrong_with_an_expression_is_named(cron: str, said: str) -> None:
    with pytest.raises(ScheduleInvalid) as refused:
        timetable(cron, "UTC", 0.0)
    assert (said in str(refused.value), refused.value.member) == (True, "cron")


@pytest.mark.parametrize(
    ("zone", "hint"), [("Europe/Berln", "'Europe/Berlin'"), ("nowhere at all", "IANA"), ("../../etc/passwd", "'..")]
)
def test_a_zone_that_there_is_not_is_named_with_the_nearest(zone: str, hint: str) -> None:
    with pytest.raises(ScheduleInvalid) as refused:
        timetable("* * * * *", zone, 0.0)
    assert (hint in str(refused.value), refused.value.member) == (True, "timezone")


def test_the_end_of_the_calendar_is_the_end_of_the_times() -> None:
    table = timetable("0 0 1 1 *", "UTC", 0.0)
    assert table.after(at("9999-12-31T00:00", "UTC")) is None


@given(st.text("0123456789*/-,#LWMONJAN? ", max_size=40))
def test_whatever_is_written_is_a_timetable_or_said_to_be_none(cron: str) -> None:
    try:
        table = timetable(cron, "UTC", 0.0)
    except ScheduleInvalid:
        return
    assert (table.after(0.0) or 0.0) > 0.0


@pytest.mark.parametrize(("variable", "zone"), [("Asia/Tokyo", "Asia/Tokyo"), ("CET-1CEST", None), ("", None)])
def test_the_zone_of_the_machine_has_a_name(variable: str, zone: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", variable)
    found = local_timezone()
    assert found == (zone or found)
    assert timetable("* * * * *", None, 0.0).timezone == found
