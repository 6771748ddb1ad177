"""The monitoring of the cluster: which pods answer as Prometheus, dcgm-exporter and kube-state-metrics, and from what.

Pods are found by their labels, so that a world lays them out as it likes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from console.demo import dcgm
from console.demo.exposition import CONTENT_TYPE, expose
from console.demo.kube_metrics import ContainerMetrics, KubeState
from console.demo.metrics import MetricSource, Renamed, SampleSource
from console.demo.prometheus import Prometheus
from console.demo.resource_metrics import ResourceMetrics
from console.demo.stand_ins import stand_ins
from console.demo.usage import Usages

if TYPE_CHECKING:
    from console.demo.records import Object
    from console.demo.runtime import Answer, Handler, Runtime
    from console.demo.store import Store

PROMETHEUS_PORT, STATE_PORT = 9090, 8080


def install_services(
    runtime: Runtime, *, gpus: MetricSource | None = None, honor_labels: bool = False
) -> ResourceMetrics:
    """The monitoring of a living cluster; returns what answers metrics.k8s.io.

    With `honor_labels` Prometheus shows a GPU's pod as `pod`; without, as most installs have it, as `exported_pod`.
    """
    store = runtime.store
    usages = Usages(store)
    state = KubeState(store)
    containers = ContainerMetrics(usages)
    sources: list[MetricSource] = [state, containers]
    runtime.kubelet = lambda node: _exposed(containers, store, "/metrics/cadvisor", node)
    if gpus is not None:
        targets = dcgm.ExporterTargets(store)
        sources.append(gpus if honor_labels else Renamed(gpus, targets))
        _export_gpus(runtime, gpus)
    _answer_queries(runtime, sources)
    runtime.listen_where(_labelled("kube-state-metrics"), STATE_PORT, lambda pod: _exposed(state, store))
    return ResourceMetrics(store, usages)


def install_samples(runtime: Runtime, samples: Sequence[dict[str, Any]]) -> None:
    """The monitoring of a world file: its own samples, and what its objects say.

    Where it has samples but shows no Prometheus (or no exporter for GPU samples), stand-ins are put in to ask.
    """
    store = runtime.store
    source = SampleSource(samples)
    _answer_queries(runtime, [source, KubeState(store)])
    _export_gpus(runtime, source)
    if samples:
        for obj in stand_ins(store, source):
            store.load(obj)


def _labelled(name: str) -> Callable[[Object], bool]:
    return lambda pod: (pod["metadata"].get("labels") or {}).get("app.kubernetes.io/name") == name


def _answer_queries(runtime: Runtime, sources: Sequence[MetricSource]) -> None:
    server = Prometheus(sources, runtime.store.now)
    runtime.listen_where(_labelled("prometheus"), PROMETHEUS_PORT, lambda pod: server.handle)


def _export_gpus(runtime: Runtime, source: MetricSource) -> None:
    runtime.listen_where(dcgm.is_exporter, dcgm.PORT, lambda pod: dcgm.exporter(source, runtime.store, pod))


def _exposed(source: MetricSource, store: Store, where: str = "/metrics", node: str = "") -> Handler:
    """A handler that shows a source at a path; only what is about `node`, where one is given."""

    async def handle(method: str, path: str, query: str, headers: Mapping[str, str], body: bytes) -> Answer:
        if path != where:
            return 404, {"Content-Type": "text/plain"}, b"404 page not found\n"
        text = expose(source, store.now(), about={}, keep=lambda labels: node in ("", labels.get("node")))
        return 200, {"Content-Type": CONTENT_TYPE}, text.encode()

    return handle
