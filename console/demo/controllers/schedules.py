"""Cron schedules: five fields, names, ranges, steps and the @ forms, and when they come next (pure)."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_MACROS = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")


@dataclass(frozen=True, slots=True)
class Schedule:
    """The minutes it holds for; `any_day` and `any_weekday` say which of the two day fields was left open."""

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    any_day: bool
    any_weekday: bool
    zone: tzinfo

    def _on(self, day: datetime) -> bool:
        in_month, in_week = day.day in self.days, day.isoweekday() % 7 in self.weekdays
        if day.month not in self.months:
            return False
        return in_month and in_week if self.any_day or self.any_weekday else in_month or in_week

    def after(self, seconds: float) -> float | None:
        """The first time after `seconds` since 1970; None when there is none within five years."""
        start = datetime.fromtimestamp(int(seconds) // 60 * 60 + 60, UTC).astimezone(self.zone)
        day = start.replace(hour=0, minute=0)
        for _ in range(366 * 5):
            if self._on(day):
                for hour in sorted(self.hours):
                    for minute in sorted(self.minutes):
                        found = day.replace(hour=hour, minute=minute)
                        if found >= start:
                            return found.timestamp()
            day = (day + timedelta(days=1)).replace(hour=0, minute=0)
        return None


@functools.lru_cache(maxsize=256)
def parse_schedule(text: str, zone: str = "") -> Schedule:
    """A schedule as CronJobs write it; ValueError with the reason for what is none."""
    try:
        where: tzinfo = ZoneInfo(zone) if zone else UTC
    except (ZoneInfoNotFoundError, OSError) as error:
        raise ValueError(f"unknown time zone {zone}") from error
    fields = _MACROS.get(text.strip(), text).split()
    if len(fields) != 5:
        raise ValueError(f"expected exactly 5 fields, found {len(fields)}: [{text}]")
    minutes, hours, days, months, weekdays = fields
    return Schedule(
        _field(minutes, 0, 59),
        _field(hours, 0, 23),
        _field(days, 1, 31),
        _field(months, 1, 12, _MONTHS),
        frozenset(day % 7 for day in _field(weekdays, 0, 7, _DAYS)),
        days.startswith(("*", "?")),
        weekdays.startswith(("*", "?")),
        where,
    )


def _field(text: str, low: int, high: int, names: tuple[str, ...] = ()) -> frozenset[int]:
    found: set[int] = set()
    for part in text.split(","):
        span, _, step = part.partition("/")
        every = int(step) if step else 1
        if span in ("*", "?"):
            first, last = low, high
        else:
            begin, dash, end = span.partition("-")
            first = _number(begin, low, names)
            last = _number(end, low, names) if dash else high if step else first
        if not (low <= first <= last <= high) or every < 1:
            raise ValueError(f"out of range: {part}")
        found.update(range(first, last + 1, every))
    return frozenset(found)


def _number(text: str, low: int, names: tuple[str, ...]) -> int:
    lowered = text.lower()
    if lowered in names:
        return names.index(lowered) + (1 if low == 1 else 0)
    if not text.isdigit():
        raise ValueError(f"failed to parse int from {text}")
    return int(text)
