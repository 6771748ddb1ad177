"""The GPU board's data kept current: rows by watch, figures of every pod that holds GPUs read now and then."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

from console.errors import ConsoleError
from console.kinds import inventory
from console.kinds.board import Board
from console.kinds.inventory import NodeLine, Readings, Totals, Use
from console.kinds.pods import PodRow
from console.telemetry.figures import PodRef, Reading
from console.telemetry.jobwatch import Figures
from console.telemetry.nodes import NodeReading

IDLE_AFTER = 3600.0  # seconds without work from which held GPUs are called idle


class GpuWatch:
    """Nodes, pods, namespaces and jobs of the cluster, with figures; the boards are the caller's."""

    def __init__(self, monitor: Figures, boards: Mapping[str, Board]) -> None:
        """`boards` by kind: nodes, pods, namespaces, jobs; those that cannot be had may be missing."""
        self.reading = Reading()
        self.nodes = NodeReading()
        self._monitor = monitor
        self._boards = boards
        self._readings: Readings | None = None

    def _rows(self, kind: str) -> list[Any]:
        board = self._boards.get(kind)
        return list(board.rows.values()) if board is not None else []

    @property
    def _pods(self) -> Sequence[PodRow] | None:
        """Every pod; None where they are not all known."""
        board = self._boards.get("pods")
        if board is None or board.freshness.phase not in ("live", "stale") or board.freshness.denied:
            return None
        return cast("list[PodRow]", list(board.rows.values()))

    async def look(self) -> None:
        """Read the figures of all pods that hold GPUs."""
        board = self._boards.get("pods")
        if board is None:
            self.reading = Reading(why_none="Pods cannot be listed, so it is not known who holds GPUs.")
            return
        try:
            await board.complete()
        except ConsoleError as error:
            self.reading = Reading(why_none=f"Pods cannot be listed: {error.sentence}")
            return
        refs = holders(cast("list[PodRow]", list(board.rows.values())))
        if not refs:
            self.reading = Reading(why_none="No pod holds a GPU.")
            self._readings = None
            return
        self.reading, self.nodes = await asyncio.gather(self._monitor.read(refs), self._monitor.read_nodes())
        self._readings = uses(self.reading, self._monitor) if self.reading.source else None

    def lines(self, group: str) -> dict[str, Any]:
        """Lines by their key; `group` is node, namespace or job."""
        pods, readings = self._pods, self._readings
        if group == "namespace":
            found: Sequence[Any] = inventory.by_namespace(
                pods or (), self._rows("namespaces"), readings, idle_after=IDLE_AFTER
            )
            return {line.namespace: line for line in found}
        if group == "job":
            jobs = inventory.by_job(pods or (), self._rows("jobs"), readings, idle_after=IDLE_AFTER)
            return {f"{line.namespace}/{line.name}:{line.kind}": line for line in jobs}
        nodes = inventory.by_node(self._rows("nodes"), pods or (), readings, idle_after=IDLE_AFTER)
        return {line.node: self._with_troubles(line) for line in nodes}

    def _with_troubles(self, line: NodeLine) -> NodeLine:
        """The line with what its GPUs report of themselves."""
        measured = self.nodes.nodes.get(line.node)
        if measured is None or not measured.troubles:
            return line
        return replace(line, troubles=tuple(f"GPU {trouble.gpu} {trouble.what}" for trouble in measured.troubles))

    def totals(self) -> Totals:
        """The cluster's sums."""
        return inventory.totals(self._rows("nodes"), self._pods, self._readings, idle_after=IDLE_AFTER)


def holders(pods: Sequence[PodRow]) -> list[PodRef]:
    """The pods that hold GPUs now, as a monitor asks for them."""
    return [
        PodRef(pod.namespace, pod.name, pod.node, pod.gpus, pod.containers[0] if pod.containers else "")
        for pod in pods
        if pod.gpus and pod.node and pod.active
    ]


def uses(reading: Reading, monitor: Figures) -> Readings:
    """A reading as the inventory takes it."""
    return {key: Use(gpus.util, monitor.idle(key)) for key, gpus in reading.pods.items()}
