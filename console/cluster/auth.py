"""The credentials in use, and their renewal: before a known expiry, and after a 401.

One renewal runs at a time; whoever waited for it takes its result. A renewal that failed is not tried again for a
while, so that a plugin does not ask a person over and over. This module makes no request to the cluster.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from console.cluster.kubeconfig import Credentials
from console.errors import CannotReach, ConsoleError

EARLY_SECONDS = 60.0  # renewed this long before they expire
COOLDOWN_SECONDS = 30.0
_SHORTEST = 10.0  # credentials that live shorter than EARLY_SECONDS are not renewed more often than this


class Login:
    """Holds the credentials of one session; `load` makes them anew and may block."""

    def __init__(
        self,
        credentials: Credentials,
        load: Callable[[], Credentials],
        *,
        wall: Callable[[], float] = time.time,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        self.current = credentials
        self.renewals = 0
        self._load = load
        self._wall = wall
        self._steady = steady
        self._lock = asyncio.Lock()
        self._made = steady()
        self._failed: tuple[float, ConsoleError] | None = None

    async def fresh(self) -> Credentials:
        """The credentials, renewed first when they are about to expire.

        When the renewal fails while the old ones still hold, the old ones are given.
        """
        expires = self.current.expires
        if expires is None or self._wall() < expires - EARLY_SECONDS or self._steady() - self._made < _SHORTEST:
            return self.current
        try:
            return await self.renew(self.current)
        except ConsoleError:
            if self._wall() < expires:
                return self.current
            raise

    async def renew(self, stale: Credentials, *, force: bool = False) -> Credentials:
        """Other credentials than `stale`: those another task made meanwhile, or newly made ones.

        Raises what the load raised, again for `COOLDOWN_SECONDS` without a new load unless `force`.
        """
        async with self._lock:
            if self.current is not stale and not force:
                return self.current
            if self._failed and not force and self._steady() - self._failed[0] < COOLDOWN_SECONDS:
                raise self._failed[1]
            try:
                made = await asyncio.to_thread(self._load)
            except ConsoleError as error:
                self._failed = (self._steady(), error)
                raise
            except RuntimeError as error:  # the loop is closing
                raise CannotReach("The session is being closed.") from error
            self._failed = None
            self._made = self._steady()
            self.renewals += 1
            self.current = made
            return made
