"""Bounded histories of a figure by pod: what a sparkline draws, and since when a pod does nothing. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

BUCKET_SECONDS = 20.0
KEPT_SECONDS = 900.0
_POINTS = 240  # at most kept of one pod
_PODS = 2000  # at most followed


class History:
    """(time, value) pairs of one pod, oldest first; times are seconds on the cluster's clock."""

    __slots__ = ("points", "since", "worked")

    def __init__(self) -> None:
        self.points: deque[tuple[float, float | None]] = deque(maxlen=_POINTS)
        self.worked: float | None = None  # when it last did something
        self.since: float | None = None  # the earliest moment anything is known of

    def add(self, at: float, value: float | None, idle_below: float) -> None:
        """A reading newer than those held; an older or repeated one is passed over."""
        if self.points and at <= self.points[-1][0]:
            return
        self.points.append((at, value))
        if value is not None:
            self.since = at if self.since is None else self.since
            if value >= idle_below:
                self.worked = at


class Histories:
    """The histories of many pods, bounded in number, points and age."""

    def __init__(self, *, idle_below: float) -> None:
        """`idle_below` is the value under which a pod does nothing."""
        self._idle_below = idle_below
        self._pods: dict[str, History] = {}

    def __contains__(self, key: str) -> bool:
        return key in self._pods

    def __len__(self) -> int:
        return len(self._pods)

    def add(self, key: str, at: float, value: float | None) -> None:
        """One reading of one pod."""
        history = self._pods.pop(key, None) or History()
        history.add(at, value, self._idle_below)
        self._pods[key] = history  # the one longest unread is first, and the first to go
        while len(self._pods) > _PODS:
            del self._pods[next(iter(self._pods))]

    def fill(self, key: str, points: Iterable[tuple[float, float]]) -> None:
        """What was measured before anybody looked; readings already held stay."""
        history = self._pods.get(key)
        held = list(history.points) if history is not None else []
        first = held[0][0] if held else float("inf")
        filled = History()
        for at, value in sorted(points):
            if at < first:
                filled.add(at, value, self._idle_below)
        for at, kept in held:
            filled.add(at, kept, self._idle_below)
        if history is not None:
            filled.since = min((time for time in (filled.since, history.since) if time is not None), default=None)
            filled.worked = max((time for time in (filled.worked, history.worked) if time is not None), default=None)
        self._pods[key] = filled

    def worked(self, key: str, last: float | None, since: float | None) -> None:
        """What a longer look back found: when the pod last did something, and how far back anything is known."""
        history = self._pods.setdefault(key, History())
        history.worked = max((time for time in (history.worked, last) if time is not None), default=None)
        history.since = min((time for time in (history.since, since) if time is not None), default=None)

    def values(self, key: str, now: float) -> tuple[float | None, ...]:
        """Means over buckets of `BUCKET_SECONDS` up to now, oldest first; None where nothing was measured.

        Leading buckets before the first measurement are left out.
        """
        history = self._pods.get(key)
        if history is None:
            return ()
        count = int(KEPT_SECONDS // BUCKET_SECONDS)
        edge = now - count * BUCKET_SECONDS
        buckets: list[list[float]] = [[] for _ in range(count)]
        for at, value in history.points:
            place = int((at - edge) // BUCKET_SECONDS)
            if value is not None and place >= 0:
                buckets[min(place, count - 1)].append(value)
        means = [sum(bucket) / len(bucket) if bucket else None for bucket in buckets]
        while means and means[0] is None:
            means.pop(0)
        while means and means[-1] is None:
            means.pop()
        return tuple(means)

    def idle(self, key: str, now: float) -> float | None:
        """Seconds since the pod last did something; None while it works, or where that is unknown.

        A pod that was never seen working is idle at least since the first measurement known.
        """
        history = self._pods.get(key)
        if history is None or not history.points:
            return None
        value = history.points[-1][1]
        if value is None or value >= self._idle_below:
            return None
        start = history.worked if history.worked is not None else history.since
        return max(0.0, now - start) if start is not None else None
