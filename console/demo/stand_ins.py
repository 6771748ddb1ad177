"""Monitoring for a world file that has samples but shows nobody who could be asked for them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING
from uuid import NAMESPACE_URL, uuid5

from console.demo import dcgm

if TYPE_CHECKING:
    from console.demo.metrics import SampleSource
    from console.demo.records import Object
    from console.demo.store import Store

_GPU = "DCGM_"
_PORT = 9090


def stand_ins(store: Store, source: SampleSource) -> Iterator[Object]:
    """A Prometheus, and an exporter on each node with GPU samples, as far as the store has none; and namespaces."""
    spaces = store.resources.find("", "v1", "namespaces")
    for obj in [*_prometheus(store), *_exporters(store, source)]:
        namespace = obj["metadata"]["namespace"]
        if spaces and store.record(spaces, "", namespace) is None:
            labels = {"kubernetes.io/metadata.name": namespace}
            space = _object(store, "Namespace", "", namespace, labels)
            yield {**space, "spec": {"finalizers": ["kubernetes"]}, "status": {"phase": "Active"}}
        yield obj


def _prometheus(store: Store) -> Iterator[Object]:
    name, label = "kube-prometheus-stack-prometheus", {"app.kubernetes.io/name": "prometheus"}
    if any(pod["metadata"].get("labels", {}).get("app.kubernetes.io/name") == "prometheus" for pod in _pods(store)):
        return
    labels = {**label, "prometheus": name}
    yield _pod(store, "monitoring", f"prometheus-{name}-0", "", labels, ("prometheus", "http-web", _PORT))
    service = _object(store, "Service", "monitoring", name, {**label, "self-monitor": "true"})
    port = {"name": "http-web", "port": _PORT, "protocol": "TCP", "targetPort": _PORT}
    yield {**service, "spec": {"type": "ClusterIP", "selector": labels, "ports": [port]}}


def _exporters(store: Store, source: SampleSource) -> Iterator[Object]:
    present = {(pod.get("spec") or {}).get("nodeName", "") for pod in _pods(store) if dcgm.is_exporter(pod)}
    nodes = {
        dcgm.hostname(labels)
        for name in source.names()
        if name.startswith(_GPU)
        for labels, _ in source.series(name, 0.0, store.now())
    }
    for node in sorted(nodes - present - {""}):
        name, labels = f"nvidia-dcgm-exporter-{node}", {"app": "nvidia-dcgm-exporter"}
        yield _pod(store, "gpu-operator", name, node, labels, ("nvidia-dcgm-exporter", "metrics", dcgm.PORT))


def _pods(store: Store) -> Iterator[Object]:
    rt = store.resources.find("", "v1", "pods")
    return store.items(rt) if rt else iter(())


def _object(store: Store, kind: str, namespace: str, name: str, labels: dict[str, str]) -> Object:
    uid = str(uuid5(NAMESPACE_URL, f"{kind}/{namespace}/{name}"))
    metadata = {"name": name, "uid": uid, "labels": labels, "creationTimestamp": store.timestamp()}
    if namespace:
        metadata["namespace"] = namespace
    return {"kind": kind, "apiVersion": "v1", "metadata": metadata}


def _pod(
    store: Store, namespace: str, name: str, node: str, labels: dict[str, str], port: tuple[str, str, int]
) -> Object:
    container, port_name, number = port
    at, image = store.timestamp(), f"registry.example.com/{container}:stand-in"
    spec = {
        "nodeName": node,
        "containers": [{"name": container, "image": image, "ports": [{"name": port_name, "containerPort": number}]}],
    }
    if not node:
        del spec["nodeName"]
    ready = [{"type": kind, "status": "True", "lastTransitionTime": at} for kind in ("Ready", "ContainersReady")]
    running = {"name": container, "image": image, "imageID": "", "ready": True, "restartCount": 0, "started": True}
    running["state"] = {"running": {"startedAt": at}}
    status = {"phase": "Running", "startTime": at, "conditions": ready, "containerStatuses": [running]}
    return {**_object(store, "Pod", namespace, name, labels), "spec": spec, "status": status}
