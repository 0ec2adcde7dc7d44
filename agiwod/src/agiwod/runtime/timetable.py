"""The times that a cron expression names in a time zone. Starts nothing, and looks at no clock."""

import difflib
import os
import zoneinfo
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from itertools import islice
from typing import Final

from agiwo.config import variable

from agiwod.runtime.errors import ScheduleInvalid

FIELDS: Final = ("second", "minute", "hour", "day-of-month", "month", "day-of-week")
_MAY_BE: Final = ("0-59", "0-59", "0-23", "1-31, L or LW", "1-12 or JAN-DEC", "0-7 or SUN-SAT, with L or #1 to #5")

_LOCALTIME: Final = "/etc/localtime"
"""A link to the file of this machine's time zone, on every system that has one."""

_PASSED: Final = 10_000
"""Times that are looked at for one that is still to come: in an hour that comes twice a year, those of it are over."""


@dataclass(frozen=True, slots=True)
class Timetable:
    """The times of `cron` in `timezone`. Made by `timetable`, which looks at both."""

    cron: str
    timezone: str

    def after(self, at: float) -> float | None:
        """The first time after `at` (both in seconds since the epoch); None when none comes in fifty years."""
        from cronsim import CronSim  # here, since most daemons never need it

        start = datetime.fromtimestamp(at, UTC).astimezone(_zone(self.timezone))
        times: Iterator[float] = (time.timestamp() for time in islice(CronSim(self.cron, start), _PASSED))
        try:
            return next((time for time in times if time > at), None)
        except (OverflowError, ValueError):  # the end of the calendar
            return None

    def moment(self, at: float) -> str:
        """That time as ISO 8601 in the zone of this timetable, to the second."""
        return datetime.fromtimestamp(at, UTC).astimezone(_zone(self.timezone)).isoformat(timespec="seconds")


def timetable(cron: str, timezone: str | None, now: float) -> Timetable:
    """The timetable; without a zone, in that of this machine.

    Raises:
        ScheduleInvalid: the expression names no times, or there is no such zone; the message says what is wrong.
    """
    found = Timetable(" ".join(cron.split()), timezone or local_timezone())
    _zone(found.timezone)
    _check(found.cron)
    if found.after(now) is None:
        raise ScheduleInvalid("cron", f"{found.cron!r} names no time that ever comes")
    return found


def local_timezone() -> str:
    """The name of this machine's time zone; UTC when it tells none."""
    linked = os.path.realpath(_LOCALTIME).partition("zoneinfo/")[2].removeprefix("posix/")
    return next((name for name in (variable("TZ"), linked) if name and _is_zone(name)), "UTC")


def _is_zone(name: str) -> bool:
    try:
        _zone(name)
    except ScheduleInvalid:
        return False
    return True


def _zone(name: str) -> tzinfo:
    if name == "UTC":
        return UTC  # also where the system has no time zones at all
    try:
        return zoneinfo.ZoneInfo(name)
    except (ValueError, KeyError, OSError):  # also the name of a directory, or of no file at all
        raise ScheduleInvalid("timezone", f"there is no time zone {name[:80]!r}{_nearest(name)}") from None


def _nearest(name: str) -> str:
    near = difflib.get_close_matches(name, zoneinfo.available_timezones(), n=1)
    return f"; did you mean {near[0]!r}?" if near else "; use an IANA name such as Europe/Berlin"


def _check(cron: str) -> None:
    from cronsim import CronSim, CronSimError

    try:
        CronSim(cron, datetime.fromtimestamp(0, UTC))
    except CronSimError as error:
        raise ScheduleInvalid("cron", _fault(cron, str(error))) from None


def _fault(cron: str, said: str) -> str:
    """What is wrong with an expression, in words that name the part."""
    parts = cron.split()
    name = said.removeprefix("Bad ")
    if name not in FIELDS or len(parts) not in (5, 6):
        names = ", ".join(FIELDS[1:])
        return f"a cron expression has 5 fields ({names}), or 6 with the second first; {cron!r} has {len(parts)}"
    place = FIELDS.index(name)
    part = parts[place - (len(FIELDS) - len(parts))]
    may_be = f"{_MAY_BE[place]}; also *, lists (1,2), ranges (1-5) and steps (*/5)"
    return f"{part!r} is no {name} that can come; it may be {may_be}"
