"""A cluster without HTTP: real kinds, catalog and boards over feeds that a test fills with manifests."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable
from typing import Any

from console.clock import Clock, format_time
from console.cluster.discovery import Discovery, Resource
from console.errors import ConsoleError
from console.kinds.board import Board
from console.kinds.catalog import Catalog
from console.kinds.registry import KINDS
from console.live.feed import Freshness
from console.telemetry.figures import Reading
from console.telemetry.gpuwatch import GpuWatch
from console.telemetry.nodes import NodeReading

NOW = 1_790_000_000.0
VERBS = frozenset({"get", "list", "watch"})


class Told:
    def __init__(self, feed: Any, upserted: set[str], removed: set[str], reset: bool) -> None:
        self.feed, self.upserted, self.removed, self.reset = feed, upserted, removed, reset


class FakeFeed:
    def __init__(self, source: Any, namespace: str | None, selector: str) -> None:
        self.source, self.namespace, self.selector = source, namespace, selector
        self.rows: dict[str, Any] = {}
        self.freshness = Freshness("loading")
        self.readers: list[Callable[[Any], None]] = []
        self.ready = asyncio.Event()
        self.refreshed = False

    def subscribe(self, callback: Callable[[Any], None]) -> Callable[[], None]:
        self.readers.append(callback)
        return lambda: self.readers.remove(callback)

    def put(self, objects: Iterable[dict[str, Any]]) -> None:
        body = json.dumps({"metadata": {"resourceVersion": "1"}, "items": list(objects)}).encode()
        rows = [row for row in self.source.page(body).rows if self.namespace in (None, row.namespace)]
        self.rows.update({row.key: row for row in rows})
        self.tell({row.key for row in rows})

    def drop(self, key: str) -> None:
        if self.rows.pop(key, None) is not None:
            self.tell(set(), {key})

    def turn(self, phase: str, **more: Any) -> None:
        self.freshness = Freshness(phase, since=NOW, loaded=len(self.rows), **more)
        self.ready.set()
        self.tell(set())

    def refresh(self) -> None:
        self.refreshed = True

    def tell(self, upserted: set[str], removed: Iterable[str] = (), reset: bool = False) -> None:
        changes = Told(self, set(upserted), set(removed), reset)
        for reader in list(self.readers):
            reader(changes)

    async def first_page(self) -> None:
        await self.ready.wait()

    complete = first_page


class FakeHub:
    """Feeds that hold what `manifests` says when they are opened."""

    def __init__(self) -> None:
        self.manifests: dict[str, list[dict[str, Any]]] = {}  # by kind
        self.phases: dict[str, tuple[str, ConsoleError | None]] = {}  # by plural, where not live
        self.feeds: dict[tuple[str, str, str | None, str], FakeFeed] = {}
        self.opened: list[tuple[str, str | None, str]] = []
        self.closed = 0

    def open(
        self, source: Any, namespace: str | None = None, *, selector: str = "", field_selector: str = ""
    ) -> FakeFeed:
        self.opened.append((source.plural, namespace, selector))
        key = (source.group, source.plural, namespace, selector)
        if key not in self.feeds:
            feed = self.feeds[key] = FakeFeed(source, namespace, selector)
            phase, error = self.phases.get(source.plural, ("live", None))
            if phase in ("live", "stale"):
                feed.put(self.manifests.get(f"{source.group}/{source.plural}", []))
            if phase != "loading":
                feed.turn(phase, error=error)
        return self.feeds[key]

    def close(self, feed: FakeFeed) -> None:
        self.closed += 1

    def feed(self, plural: str, namespace: str | None = None) -> FakeFeed:
        return next(feed for (_, name, scope, _), feed in self.feeds.items() if (name, scope) == (plural, namespace))


def discovery(absent: Iterable[str] = ()) -> Discovery:
    written = [
        Resource(
            group=kind.group,
            version=kind.versions[0],
            plural=kind.resource,
            kind=kind.kind,
            namespaced=kind.namespaced,
            verbs=VERBS,
            singular=kind.kind.lower(),
        )
        for kind in KINDS.values()
        if not kind.members and kind.name not in absent
    ]
    other = Resource(
        group="stable.example.com",
        version="v1",
        plural="crontabs",
        kind="CronTab",
        namespaced=True,
        verbs=VERBS,
        singular="crontab",
        short_names=("ct",),
    )
    return Discovery(resources=(*written, other))


class NoFigures:
    async def read(self, pods: Any) -> Reading:
        return Reading(why_none="No source of GPU figures.")

    async def read_nodes(self) -> NodeReading:
        return NodeReading()

    def idle(self, key: str) -> float | None:
        return None


class FakeCluster:
    context, user, namespace, warning = "kind-demo", "on-call", "default", ""

    def __init__(self, hub: FakeHub | None = None, *, absent: Iterable[str] = ()) -> None:
        self.hub = hub or FakeHub()
        self.catalog = Catalog(discovery(absent))
        self.clock = Clock(lambda: NOW)
        self.refreshed = 0
        self.ended = False

    @property
    def session(self) -> Any:
        raise AssertionError("no test of a list needs the session")

    def board(self, kind: str, namespaces: tuple[str, ...] = (), selector: str = "") -> Board:
        return Board(self.hub, self.catalog, self.catalog.find(kind), namespaces=namespaces, selector=selector)

    def gpu_watch(self, boards: Any) -> GpuWatch:
        return GpuWatch(NoFigures(), boards)

    def namespaces(self) -> dict[str, Any]:
        return self.hub.open(self.catalog.source(self.catalog.find("namespaces"))).rows

    def traffic(self) -> tuple[int, float]:
        return 3, 0.25

    async def refresh(self) -> None:
        self.refreshed += 1

    async def close(self) -> None:
        self.ended = True


def meta(name: str, namespace: str = "", *, ago: float = 3600.0, **more: Any) -> dict[str, Any]:
    found = {
        "name": name,
        "uid": f"uid-{namespace}-{name}",
        "resourceVersion": "7",
        "creationTimestamp": format_time(NOW - ago),
        **more,
    }
    return found | ({"namespace": namespace} if namespace else {})


def pod(
    name: str, namespace: str = "team-nlp", *, phase: str = "Running", gpus: int = 0, node: str = "gpu-a", **more: Any
) -> dict[str, Any]:
    waiting = phase not in ("Running", "Succeeded", "Failed", "Pending")
    ago = more.pop("ago", 3600.0)
    labels = more.pop("labels", {})
    status: dict[str, Any] = {"phase": "Running" if waiting else phase, "startTime": format_time(NOW - ago)}
    if phase == "Running":
        state = {"running": {"startedAt": format_time(NOW - ago)}}
        status["containerStatuses"] = [{"name": "main", "ready": True, "restartCount": 0, "state": state}]
    elif waiting:
        state = {"waiting": {"reason": phase, "message": more.pop("message", "")}}
        status["containerStatuses"] = [{"name": "main", "ready": False, "restartCount": 4, "state": state}]
    elif phase == "Pending":
        node = ""
        told = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}
        told |= {"message": more.pop("message", "0/3 nodes are available: 3 Insufficient nvidia.com/gpu.")}
        status["conditions"] = [told | {"lastTransitionTime": format_time(NOW - ago)}]
    limits = {"limits": {"nvidia.com/gpu": str(gpus)}} if gpus else {}
    return {
        "metadata": meta(name, namespace, ago=ago, labels=labels),
        "spec": {"nodeName": node, "containers": [{"name": "main", "resources": limits}]},
        "status": status,
    }


def training_pod(job: str, role: str, index: int, namespace: str = "team-nlp", **more: Any) -> dict[str, Any]:
    labels = {
        "training.kubeflow.org/job-name": job,
        "training.kubeflow.org/operator-name": "pytorchjob-controller",
        "training.kubeflow.org/replica-type": role,
        "training.kubeflow.org/replica-index": str(index),
    }
    return pod(f"{job}-{role}-{index}", namespace, labels=labels, gpus=more.pop("gpus", 8), **more)


def pytorchjob(name: str, namespace: str = "team-nlp", *, workers: int = 1, condition: str = "Running", gpus: int = 8):
    template = {"spec": {"containers": [{"name": "pytorch", "resources": {"limits": {"nvidia.com/gpu": str(gpus)}}}]}}
    at = format_time(NOW - 3000)
    return {
        "apiVersion": "kubeflow.org/v1",
        "kind": "PyTorchJob",
        "metadata": meta(name, namespace),
        "spec": {
            "pytorchReplicaSpecs": {
                "Master": {"replicas": 1, "template": template},
                "Worker": {"replicas": workers, "template": template},
            }
        },
        "status": {
            "startTime": at,
            "conditions": [
                {
                    "type": condition,
                    "status": "True",
                    "reason": f"PyTorchJob{condition}",
                    "lastTransitionTime": at,
                    "lastUpdateTime": at,
                    "message": "",
                }
            ],
            "replicaStatuses": {"Master": {"active": 1}, "Worker": {"active": workers}},
        },
    }


def node(name: str, *, gpus: int = 8, capacity: int = 8) -> dict[str, Any]:
    amounts = {"cpu": "96", "memory": "900Gi", "pods": "110"}
    return {
        "metadata": meta(name, labels={"nvidia.com/gpu.product": "NVIDIA-H100-80GB-HBM3"}),
        "spec": {},
        "status": {
            "allocatable": amounts | {"nvidia.com/gpu": str(gpus)},
            "capacity": amounts | {"nvidia.com/gpu": str(capacity)},
            "conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": format_time(NOW - 90000)}],
        },
    }


def namespace(name: str, owner: str = "") -> dict[str, Any]:
    return {"metadata": meta(name, annotations={"owner": owner} if owner else {}), "status": {"phase": "Active"}}


def world() -> FakeHub:
    """A small cluster with healthy and broken things in three namespaces."""
    hub = FakeHub()
    pods = [training_pod("pre-lm", "master", 0)]
    pods += [training_pod("pre-lm", "worker", index, node=f"gpu-{'bc'[index % 2]}") for index in range(3)]
    pods += [training_pod("vit-22b", "master", 0, "team-vision", phase="CrashLoopBackOff", message="back-off 5m0s")]
    pods += [training_pod("vit-22b", "worker", 0, "team-vision", phase="Pending", gpus=16)]
    pods += [pod(f"web-{index}", "serving", ago=60.0 * index + 30) for index in range(30)]
    hub.manifests = {
        "/pods": pods,
        "kubeflow.org/pytorchjobs": [
            pytorchjob("pre-lm", workers=3),
            pytorchjob("vit-22b", "team-vision"),
        ],
        "/nodes": [node("gpu-a"), node("gpu-b"), node("gpu-c", gpus=7)],
        "/namespaces": [namespace("serving"), namespace("team-nlp", "amy@corp.example"), namespace("team-vision")],
    }
    return hub
