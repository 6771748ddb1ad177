"""dcgm-exporter: a node's GPU figures as each exporter pod shows them on port 9400, and as Prometheus stores them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from console.demo.exposition import CONTENT_TYPE, expose
from console.demo.gpus import METRICS
from console.demo.metrics import Labels, MetricSource

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from console.demo.records import Object
    from console.demo.runtime import Answer, Handler
    from console.demo.store import Store

PORT = 9400
_APPS = ("nvidia-dcgm-exporter", "dcgm-exporter")
_ABOUT = {name: (metric.help, metric.kind) for name, metric in METRICS.items()}


def is_exporter(pod: Object) -> bool:
    """Whether a pod is a dcgm-exporter, by the labels the GPU operator, GKE or the Helm chart give it."""
    return _labelled(pod["metadata"].get("labels") or {})


def _labelled(labels: Labels) -> bool:
    return any(labels.get(key) in _APPS for key in ("app", "app.kubernetes.io/name", "k8s-app"))


def hostname(labels: Labels) -> str:
    """The node a series is about; the label was renamed in 2026."""
    return labels.get("Hostname") or labels.get("hostname") or ""


def exporter(source: MetricSource, store: Store, pod: Object) -> Handler:
    """The HTTP handler of one exporter pod."""
    node = (pod.get("spec") or {}).get("nodeName", "")

    async def handle(method: str, path: str, query: str, headers: Mapping[str, str], body: bytes) -> Answer:
        if path == "/health":
            return 200, {"Content-Type": "text/plain"}, b"KO" if not node else b"OK"
        if path != "/metrics":
            return 404, {"Content-Type": "text/plain"}, b"404 page not found\n"
        text = expose(source, store.now(), about=_ABOUT, keep=lambda labels: hostname(labels) in ("", node))
        return 200, {"Content-Type": CONTENT_TYPE}, text.encode()

    return handle


class ExporterTargets:
    """Which exporter pod Prometheus has a series from: the one that runs on the series' node."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._revision = -1
        self._by_node: dict[str, Labels] = {}

    def __call__(self, labels: Labels) -> Labels | None:
        """The target's labels for a series; None where no exporter runs there, so that nothing is scraped."""
        return self._targets().get(hostname(labels))

    def _targets(self) -> dict[str, Labels]:
        if self._revision != self._store.revision:
            self._revision = self._store.revision
            self._by_node = dict(self._running())
        return self._by_node

    def _running(self) -> Iterator[tuple[str, Labels]]:
        rt = self._store.resources.find("", "v1", "pods")
        for record in list(self._store.collection(rt).records()) if rt else ():
            if not _labelled(record.labels):
                continue
            pod = record.decode()
            if (pod.get("status") or {}).get("phase") == "Running":
                name = pod["spec"]["containers"][0]["name"]
                yield (
                    pod["spec"].get("nodeName", ""),
                    {
                        "namespace": record.namespace,
                        "pod": record.name,
                        "container": name,
                        "endpoint": "gpu-metrics",
                        "instance": f"{pod['status'].get('podIP', '')}:{PORT}",
                        "job": name,
                        "service": name,
                    },
                )
