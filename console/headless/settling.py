"""Waiting for a board to be whole, and saying what of it is not: for commands that print once."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import TYPE_CHECKING

from console.errors import CannotReach, Denied, NotFound
from console.headless.output import note

if TYPE_CHECKING:
    from console.cluster.session import Session
    from console.kinds.board import Board

PATIENCE = 30.0  # seconds without news from the cluster, after the first page, until a list is given up


async def settle(board: Board, session: Session) -> None:
    """Wait until everything is loaded; raises when nothing can be read, or the cluster falls silent meanwhile."""
    waiting = asyncio.ensure_future(board.complete())
    try:
        while not waiting.done():
            await asyncio.wait({waiting}, timeout=1.0)
            fresh = board.freshness
            silent = fresh.since and session.clock.now() - fresh.since > PATIENCE
            if fresh.phase == "stale" and isinstance(fresh.error, CannotReach) and silent:
                raise fresh.error
        await waiting
    finally:
        waiting.cancel()
    fresh = board.freshness
    if fresh.phase == "denied":
        raise fresh.error or Denied(
            f"You may not list {board.kind.qualified} anywhere here.", "Name a namespace with -n.", reason="Forbidden"
        )
    if fresh.phase == "absent":
        raise fresh.error or NotFound(f"{board.kind.qualified} is not served by this cluster.", reason="NotFound")


def say_missing(board: Board, told: Iterable[tuple[str, str]] = ()) -> set[tuple[str, str]]:
    """Tell on standard error what of a board could not be read, save what was `told` before; returns it all."""
    fresh = board.freshness
    missing = {(name, why) for name, why in fresh.missing if why != "not installed"}
    if fresh.denied:
        names = ", ".join(fresh.denied[:5]) + (f" and {len(fresh.denied) - 5} more" if len(fresh.denied) > 5 else "")
        missing.add((board.kind.name, f"you may not list them in {names}."))
    for name, why in sorted(missing - set(told)):
        note(f"{name} could not be read: {why}")
    return missing
