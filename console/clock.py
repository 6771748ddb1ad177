"""The time as the cluster sees it, and ages as kubectl writes them.

Ages compare a time the API server wrote with now; a bastion whose clock is wrong must not
change them, so now is the local clock corrected by the server's `Date` header.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime


class Clock:
    """Now, in seconds since 1970 UTC, corrected by what the server last said."""

    def __init__(self, local: Callable[[], float] = time.time) -> None:
        self._local = local
        self.offset = 0.0

    def now(self) -> float:
        """Seconds since 1970 UTC on the cluster's clock."""
        return self._local() + self.offset

    def heard(self, server_seconds: float) -> None:
        """Take the server's clock from a response; a difference under two seconds is transit, not skew."""
        offset = server_seconds - self._local()
        if abs(offset - self.offset) >= 2.0:
            self.offset = offset if abs(offset) >= 2.0 else 0.0


def parse_time(text: str | None) -> float | None:
    """RFC 3339 as Kubernetes writes it to seconds since 1970; None for absent or unreadable."""
    if not text:
        return None
    try:
        return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()
    except ValueError:
        return None


def format_time(seconds: float) -> str:
    """Seconds since 1970 to RFC 3339 UTC with whole seconds."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def age(seconds: float | None) -> str:
    """A duration in seconds as kubectl prints ages: `42s`, `3m7s`, `31m`, `5h12m`, `9h`, `2d4h`, `40d`, `2y31d`."""
    if seconds is None:
        return ""
    total = max(0, int(seconds))
    minutes, hours, days = total // 60, total // 3600, total // 86400
    if total < 120:
        return f"{total}s"
    if minutes < 10:
        return f"{minutes}m{total % 60}s" if total % 60 else f"{minutes}m"
    if hours < 3:
        return f"{minutes}m"
    if hours < 8:
        return f"{hours}h{minutes % 60}m" if minutes % 60 else f"{hours}h"
    if hours < 48:
        return f"{hours}h"
    if days < 8:
        return f"{days}d{hours % 24}h" if hours % 24 else f"{days}d"
    if days < 730:
        return f"{days}d"
    years = days // 365
    return f"{years}y{days % 365}d" if years < 8 and days % 365 else f"{years}y"
