"""dcgm-exporter scraped directly, pod by pod, through the API server's proxy: figures without history."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence

from console.cluster.session import Session
from console.errors import ConsoleError, NotFound
from console.kinds.catalog import Catalog
from console.kinds.pods import PodRow
from console.telemetry.exposition import samples
from console.telemetry.figures import PodGpus, PodRef
from console.telemetry.metrics import NAMES, Metric, gpus_by_pod

PORT = 9400
_SELECTORS = (
    "app in (nvidia-dcgm-exporter,dcgm-exporter)",
    "app.kubernetes.io/name in (dcgm-exporter,nvidia-dcgm-exporter,gke-managed-dcgm-exporter)",
)
_TOGETHER = 6
_TIMEOUT = 5.0  # seconds; a control plane that cannot reach pods hangs much longer


class Exporters:
    """The exporter pods of a cluster, by node."""

    def __init__(self, session: Session, catalog: Catalog) -> None:
        self._session = session
        self._source = catalog.source(catalog.find("pods"))
        self._by_node: dict[str, PodRow] = {}

    async def find(self) -> int:
        """Look for the exporter pods by their labels; returns how many run. Raises Denied as any list."""
        self._by_node.clear()
        for selector in _SELECTORS:
            body = await self._session.get("/api/v1/pods", params={"labelSelector": selector})
            for row in self._source.page(body).rows:
                if isinstance(row, PodRow) and row.word == "Running" and row.node:
                    self._by_node[row.node] = row
        return len(self._by_node)

    async def read(self, pods: Sequence[PodRef]) -> dict[str, PodGpus]:
        """Figures of the pods, from the exporters of their nodes; raises when no exporter answers."""
        nodes = {pod.node for pod in pods}
        exporters = [self._by_node[node] for node in sorted(nodes & self._by_node.keys())]
        if not exporters:
            raise NotFound(f"No dcgm-exporter runs on {', '.join(sorted(nodes)[:3])}.")
        gate = asyncio.Semaphore(_TOGETHER)
        failed: list[ConsoleError] = []

        async def scrape(exporter: PodRow) -> Iterable[Metric]:
            async with gate:
                try:
                    body = await self._session.pod_get(
                        exporter.namespace, exporter.name, PORT, "metrics", timeout=_TIMEOUT
                    )
                except ConsoleError as error:
                    failed.append(error)
                    return ()
            return list(samples(body.decode("utf-8", "replace"), NAMES))

        scraped = await asyncio.gather(*map(scrape, exporters))
        if failed and len(failed) == len(exporters):
            raise failed[0]
        return gpus_by_pod(metric for part in scraped for metric in part)
