"""A board followed by a view: changes gathered into a few deliveries a second."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from textual.widget import Widget

    from console.kinds.board import Board, BoardChanges


@dataclass(frozen=True, slots=True)
class Batch:
    """What changed since the last delivery; with `reset` every row may be another."""

    upserted: set[str]
    removed: set[str]
    reset: bool = False


class Following:
    """One open board and who is told of its changes, at most `frames` times a second."""

    def __init__(self, owner: Widget, board: Board, deliver: Callable[[Batch], None], frames: int) -> None:
        self.board = board
        self._owner = owner
        self._deliver = deliver
        self._every = 1 / frames
        self._upserted: set[str] = set()
        self._removed: set[str] = set()
        self._reset = False
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._last = 0.0
        self._stop = board.subscribe(self._take)

    @property
    def pending(self) -> bool:
        """Whether changes wait to be delivered."""
        return self._timer is not None

    def _take(self, changes: BoardChanges) -> None:
        if changes.reset:
            self._reset = True
        for key in changes.upserted:
            self._removed.discard(key)
        self._upserted |= changes.upserted
        self._upserted -= changes.removed
        self._removed |= changes.removed
        if self._timer is None:
            wait = max(0.0, self._last + self._every - self._loop.time())
            self._timer = self._loop.call_later(wait, self._owner.call_next, self._flush)

    def _flush(self) -> None:
        if self._timer is None:
            return  # closed meanwhile
        self._timer = None
        self._last = self._loop.time()
        batch = Batch(self._upserted, self._removed, self._reset)
        self._upserted, self._removed, self._reset = set(), set(), False
        self._deliver(batch)

    def close(self) -> None:
        """Let the board go; nothing is delivered any more."""
        self._stop()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self.board.close()
