"""The replicas of one job kept current: by watch, with GPU figures and last log lines read now and then.

Figures are read only while somebody looks, of this job's pods only.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Protocol, cast

from console.cluster.session import Session
from console.errors import ConsoleError
from console.kinds.board import Board
from console.kinds.jobrow import JobRow
from console.kinds.pods import PodRow
from console.telemetry.figures import PodRef, Reading
from console.telemetry.nodes import NodeReading
from console.telemetry.replicas import ReplicaRow, replica_rows
from console.text import clean_bytes

_TOGETHER = 6  # log requests at a time
_LAST_LINES = 32  # replicas whose last line is read in one round
_LINE = 400  # characters kept of a last line


class Figures(Protocol):
    """Where GPU figures come from (console.telemetry.monitor.GpuMonitor)."""

    async def read(self, pods: Sequence[PodRef]) -> Reading: ...
    async def read_nodes(self) -> NodeReading: ...
    def history(self, key: str) -> Sequence[float | None]: ...  # utilisation of a pod, oldest first
    def idle(self, key: str) -> float | None: ...  # seconds since a pod last computed; None: it computes, or unknown
    async def settled(self) -> None: ...  # until what is asked about the past is known
    def cost(self, reading: Reading) -> float | None: ...  # the price of an hour of these GPUs


class JobWatch:
    """One job's replicas. The board is the caller's, over the job's kind and namespace."""

    def __init__(self, session: Session, monitor: Figures, board: Board, key: str) -> None:
        """`key` is the job row's key in the board."""
        self.reading = Reading()
        self._session = session
        self._monitor = monitor
        self._board = board
        self._key = key
        self._lines: dict[str, str] = {}
        self._asked: deque[str] = deque()  # pods in the order their last line was read, so that all get their turn

    @property
    def job(self) -> JobRow | None:
        """The job's row; None while it is not known, or when it is gone."""
        return cast("JobRow | None", self._board.rows.get(self._key))

    @property
    def pods(self) -> list[PodRow]:
        """The pods that work for the job."""
        return cast("list[PodRow]", self._board.related("pods", self._key))

    @property
    def cost(self) -> float | None:
        """The price of one hour of the job's GPUs; None where it is not configured."""
        return self._monitor.cost(self.reading)

    def rows(self, now: float) -> list[ReplicaRow]:
        """A row a replica, with what is known by now."""
        job = self.job
        if job is None:
            return []
        pods = self.pods
        history = {pod.key: self._monitor.history(pod.key) for pod in pods}
        return replica_rows(job, pods, self.reading, history, self._lines, now)

    async def look(self) -> None:
        """Read the figures of the pods that run, and the last log line of some of them."""
        running = [pod for pod in self.pods if pod.node and pod.active]
        holding = [
            PodRef(pod.namespace, pod.name, pod.node, pod.gpus, pod.containers[0] if pod.containers else "")
            for pod in running
            if pod.gpus
        ]
        reading, _ = await asyncio.gather(self._figures(holding), self._read_lines(running))
        self.reading = reading

    async def settle(self) -> None:
        """Wait until the past of the pods read last is known."""
        await self._monitor.settled()

    async def _figures(self, holding: Sequence[PodRef]) -> Reading:
        if not holding:
            return Reading(why_none="No running replica of this job holds a GPU.")
        return await self._monitor.read(holding)

    async def _read_lines(self, running: Sequence[PodRow]) -> None:
        there = {pod.key: pod for pod in running if pod.started and pod.containers}
        self._lines = {key: line for key, line in self._lines.items() if key in there}
        waiting = sorted(there, key=lambda key: self._asked.index(key) if key in self._asked else -1)[:_LAST_LINES]
        gate = asyncio.Semaphore(_TOGETHER)

        async def read(key: str) -> None:
            async with gate:
                self._lines[key] = await self._last_line(there[key])

        await asyncio.gather(*map(read, waiting))
        self._asked = deque(key for key in self._asked if key in there and key not in waiting)
        self._asked.extend(waiting)

    async def _last_line(self, pod: PodRow) -> str:
        try:
            async with self._session.logs(
                pod.namespace, pod.name, pod.containers[0], tail=1, timestamps=False
            ) as lines:
                async for line in lines:
                    return clean_bytes(line[: 4 * _LINE]).strip()[:_LINE]
        except ConsoleError as error:
            # A container that has not started yet has no log; anything else is worth saying in the log's place.
            return "" if "waiting to start" in str(error) else f"(no log: {error.sentence})"
        return ""
