"""GPU figures from the first source that has them, with history; the screen says which, or why there is none.

Order: Prometheus, dcgm-exporter pods, nvidia-smi. A source that had nothing is left alone for a while, then tried
again, so that a Prometheus that comes back is used again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Protocol

from console.cluster.session import Session
from console.errors import ConsoleError
from console.telemetry.costs import job_cost
from console.telemetry.dcgm import DcgmSource
from console.telemetry.figures import PodRef, Reading
from console.telemetry.nodes import NodeReading, by_node
from console.telemetry.prometheus import PrometheusSource
from console.telemetry.replicas import IDLE
from console.telemetry.series import BUCKET_SECONDS, KEPT_SECONDS, Histories
from console.telemetry.smi import SmiSource
from console.telemetry.sourcing import NoFigures, Source

REST_SECONDS = 120.0  # until a source that had nothing is tried again
_LOOK_BACK = 12 * 3600.0  # how far back it is asked since when a pod does nothing
_LOOK_BACK_STEP = 600.0
_LOOK_BACK_AGAIN = 300.0  # after it failed
_NODES_SECONDS = 30.0  # exporters collect about that often


class Prices(Protocol):
    """The part of the settings' values that is used."""

    @property
    def prices(self) -> dict[str, float]: ...


class MonitorSettings(Protocol):
    """The part of the settings that is used (config.settings.Settings)."""

    @property
    def values(self) -> Prices: ...
    def prometheus(self, context: str) -> str: ...


class GpuMonitor:
    """Reads figures for whoever looks; one reading at a time."""

    def __init__(self, session: Session, settings: MonitorSettings) -> None:
        self._session = session
        self._settings = settings
        self._prometheus = PrometheusSource(session, settings.prometheus(session.context))
        self._dcgm = DcgmSource(session)
        self._sources: tuple[Source, ...] = (self._prometheus, self._dcgm, SmiSource(session))
        self._resting: dict[str, tuple[float, str]] = {}  # kind -> (until, why)
        self._lock = asyncio.Lock()
        self._last: tuple[float, frozenset[str], Reading] | None = None
        self._histories = Histories(idle_below=IDLE)
        self._looked_back: dict[str, float] = {}  # pods that do nothing -> when to ask about them again
        self._nodes_read: tuple[float, NodeReading] = (0.0, NodeReading())
        self._recalling: set[asyncio.Task[None]] = set()

    async def read(self, pods: Sequence[PodRef]) -> Reading:
        """Figures of these pods now. Never raises: without a source the reading says why."""
        if not pods:
            return Reading(why_none="No pod holds a GPU.")
        async with self._lock:
            keys = frozenset(pod.key for pod in pods)
            if self._last is not None and self._last[1] >= keys and self._time() < self._last[0]:
                return self._last[2]
            reading, source = await self._read(pods)
            if source is not None:
                self._last = (self._time() + source.every / 2, keys, reading)
                self._remember(pods, reading, source)
            return reading

    async def _read(self, pods: Sequence[PodRef]) -> tuple[Reading, Source | None]:
        for source in self._sources:
            if self._rests(source.kind):
                continue
            try:
                reading = await source.read(pods)
            except (NoFigures, ConsoleError) as error:
                self._rest(source.kind, error)
            else:
                return reading, source
        return Reading(at=self._session.clock.now(), why_none=self._why_none()), None

    def _rests(self, kind: str) -> bool:
        resting = self._resting.get(kind)
        if resting is None or self._time() >= resting[0]:
            self._resting.pop(kind, None)
            return False
        return True

    def _rest(self, kind: str, error: Exception) -> None:
        why = error.sentence if isinstance(error, ConsoleError) else str(error)
        self._resting[kind] = (self._time() + REST_SECONDS, why.rstrip("."))

    def _why_none(self) -> str:
        tried = [
            f"{source.kind}: {self._resting[source.kind][1]}"
            for source in self._sources
            if source.kind in self._resting
        ]
        return f"No source has GPU figures ({'; '.join(tried)})."

    def _remember(self, pods: Sequence[PodRef], reading: Reading, source: Source) -> None:
        """Keep the figures; what Prometheus knows of the time before is asked for while the figures are shown."""
        new = [pod for pod in pods if pod.key in reading.pods and pod.key not in self._histories]
        for key, gpus in reading.pods.items():
            self._histories.add(key, reading.at, gpus.util)
        if source is not self._prometheus:
            return
        still = [pod for pod in pods if self._doubtful(pod.key)]
        self._looked_back |= {pod.key: float("inf") for pod in still}
        if new or still:
            task = asyncio.create_task(self._recall(new, still), name="history of GPUs")
            self._recalling.add(task)
            task.add_done_callback(self._recalling.discard)

    async def _recall(self, new: Sequence[PodRef], still: Sequence[PodRef]) -> None:
        try:
            if new:
                for key, series in (await self._prometheus.history(new, KEPT_SECONDS, BUCKET_SECONDS)).items():
                    self._histories.fill(key, series)
            if still:
                past = await self._prometheus.history(still, _LOOK_BACK, _LOOK_BACK_STEP, longest=True)
                for key, series in past.items():
                    worked = max((at for at, value in series if value >= IDLE), default=None)
                    self._histories.worked(key, worked, min((at for at, _ in series), default=None))
        except (NoFigures, ConsoleError):
            # The figures of now are good without their past.
            self._looked_back |= {pod.key: self._time() + _LOOK_BACK_AGAIN for pod in still}

    async def settled(self) -> None:
        """Wait until what is being asked about the past is known: for those who look only once."""
        await asyncio.gather(*self._recalling)

    async def close(self) -> None:
        """End what is still being asked."""
        for task in self._recalling:
            task.cancel()
        await asyncio.gather(*self._recalling, return_exceptions=True)

    def _doubtful(self, key: str) -> bool:
        """Whether to ask since when a pod does nothing: once for each time it stopped working."""
        if self._histories.idle(key, self._session.clock.now()) is None:
            self._looked_back.pop(key, None)
            return False
        return self._time() >= self._looked_back.get(key, 0.0)

    async def read_nodes(self) -> NodeReading:
        """Every GPU of every node, held or not, with XIDs, ECC errors and failed row remaps. Never raises."""
        async with self._lock:
            if self._time() >= self._nodes_read[0]:
                self._nodes_read = (self._time() + _NODES_SECONDS, await self._read_nodes())
            return self._nodes_read[1]

    async def _read_nodes(self) -> NodeReading:
        why: list[str] = []
        now = self._session.clock.now()
        for source in (self._prometheus, self._dcgm):
            if self._rests(source.kind):
                why.append(f"{source.kind}: {self._resting[source.kind][1]}")
                continue
            try:
                name, found = await source.nodes()
            except (NoFigures, ConsoleError) as error:
                self._rest(source.kind, error)
                why.append(f"{source.kind}: {self._resting[source.kind][1]}")
            else:
                return NodeReading(name, now, by_node(found))
        return NodeReading(at=now, why_none=f"No source knows the nodes' GPUs ({'; '.join(why)}).")

    def history(self, key: str) -> Sequence[float | None]:
        """Utilisation of a pod (`namespace/name`) in percent over the last quarter of an hour, oldest first."""
        return self._histories.values(key, self._session.clock.now())

    def idle(self, key: str) -> float | None:
        """Seconds since a pod last computed; None: it computes, or nobody knows."""
        return self._histories.idle(key, self._session.clock.now())

    def cost(self, reading: Reading) -> float | None:
        """The price of one hour of the GPUs in a reading; None where the settings price none of them."""
        return job_cost(reading, self._settings.values.prices)

    def _time(self) -> float:
        return asyncio.get_running_loop().time()
