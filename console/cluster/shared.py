"""Answers asked for once and shared: by all who ask at the same time, and for a while after."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Shared(Generic[K, V]):
    """A cache of running or finished questions; a question that failed is asked again by the next."""

    def __init__(self, seconds: float, *, steady: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._steady = steady
        self._asked: dict[K, tuple[float, asyncio.Task[V]]] = {}

    async def get(self, key: K, ask: Callable[[], Awaitable[V]]) -> V:
        """The answer of `ask`, run at most once for a key while its answer is young."""
        found = self._asked.get(key)
        if found is None or self._steady() - found[0] > self._seconds or _failed(found[1]):
            task = asyncio.ensure_future(_await(ask))
            # A question whose askers all left may fail unheard.
            task.add_done_callback(_failed)
            found = self._asked[key] = (self._steady(), task)
        return await asyncio.shield(found[1])

    def forget(self) -> None:
        """Ask everything again from now on."""
        self._asked.clear()

    async def close(self) -> None:
        """End what is still being asked."""
        tasks = [task for _, task in self._asked.values() if not task.done()]
        self._asked.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _await(ask: Callable[[], Awaitable[V]]) -> V:
    return await ask()


def _failed(task: asyncio.Task[V]) -> bool:
    return task.done() and (task.cancelled() or task.exception() is not None)
