"""What a source of GPU figures is to the monitor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from console.telemetry.figures import PodRef, Reading


class NoFigures(Exception):
    """This source has none; the text says why, as a phrase that follows the source's name."""


class Source(Protocol):
    """One way to GPU figures."""

    @property
    def kind(self) -> str: ...  # its name in a sentence

    @property
    def every(self) -> float: ...  # seconds between readings it is asked for at most

    async def read(self, pods: Sequence[PodRef]) -> Reading:
        """Figures of these pods, of at least one of them. Raises NoFigures, or a ConsoleError of the cluster."""
        ...
