"""The default world: a cluster of several teams that has been in use for months, as it would look at any moment.

Everything is computed from now; the controllers find nothing to correct when they take over.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from console.demo.client import Object
from console.demo.controllers.plan import Plan
from console.demo.controllers.revisions import revise
from console.demo.controllers.telling import LogSink
from console.demo.controllers.templates import REVISION_HASH
from console.demo.gpus import GpuFleet
from console.demo.schemas import Schemas
from console.demo.store import Store
from console.demo.worlds.default_jobs import make_jobs, make_waiting_job
from console.demo.worlds.default_nodes import DAY, make_nodes
from console.demo.worlds.default_notebooks import make_notebooks
from console.demo.worlds.default_platform import make_platform
from console.demo.worlds.default_queue import make_queues
from console.demo.worlds.default_serving import make_serving
from console.demo.worlds.default_teams import cluster_roles, fill_quotas, make_teams
from console.demo.worlds.default_trainer import make_runtimes, make_train_jobs
from console.demo.worlds.loader import Logs
from console.demo.worlds.making import LogLine, Making
from console.demo.worlds.naming import stable_uid
from console.demo.worlds.still import stand_still


@dataclass(frozen=True, slots=True)
class Seed:
    """Objects and logs to start a cluster with."""

    objects: Sequence[Object]
    logs: Sequence[LogLine]


def default_seed(now: float) -> Seed:
    """The default world as it stands at `now`, seconds since 1970; the same for the same moment."""
    making = Making(now)
    make_nodes(making)
    make_platform(making)
    for role in cluster_roles():
        making.add(role, 40 * DAY)
    make_storage(making)
    make_teams(making)
    make_runtimes(making)
    make_jobs(making)
    make_train_jobs(making)
    make_queues(making)
    make_notebooks(making)
    make_serving(making)
    make_waiting_job(making)
    fill_quotas(making)
    return Seed(making.objects, making.logs)


class Sink(Logs, LogSink, Protocol):
    """What takes the logs: the embedded cluster's Runtime."""


def plant(seed: Seed, store: Store, schemas: Schemas, logs: Sink) -> None:
    """Put a seed into an empty store, built-in objects defaulted as the server would have done when they were made.

    The logs of what runs are written too: the kubelets go on from there.
    """
    for obj in seed.objects:
        rt = store.resources.of_object(obj["apiVersion"], obj["kind"])
        if rt is not None and not rt.crd:
            schemas.default(rt, obj)
    for obj in [*seed.objects, *_revisions(seed.objects)]:
        store.load(obj)
    for line in seed.logs:
        logs.log(line.namespace, line.pod, line.container, line.line, line.at, line.previous)
    stand_still(seed.objects, logs, GpuFleet(store.now), store.now())


def make_storage(making: Making) -> None:
    """The default StorageClass."""
    making.add(
        {
            "apiVersion": "storage.k8s.io/v1",
            "kind": "StorageClass",
            "metadata": {"name": "fast", "annotations": {"storageclass.kubernetes.io/is-default-class": "true"}},
            "provisioner": "csi.example.com",
            "reclaimPolicy": "Delete",
            "volumeBindingMode": "WaitForFirstConsumer",
            "allowVolumeExpansion": True,
        },
        143 * DAY,
    )


def _revisions(objects: Sequence[Object]) -> list[Object]:
    """The ControllerRevision of every DaemonSet and StatefulSet, whose name depends on the defaulted template."""
    found = []
    by_owner: dict[str, list[Object]] = {}
    for obj in objects:
        for owner in obj["metadata"].get("ownerReferences") or () if obj["kind"] == "Pod" else ():
            by_owner.setdefault(owner["uid"], []).append(obj)
    for owner in objects:
        if owner["kind"] not in ("DaemonSet", "StatefulSet"):
            continue
        plan = Plan()
        owner["status"].pop("currentRevision", None)
        _, name = revise(plan, owner, ())
        meta = owner["metadata"]
        for pod in by_owner.get(meta["uid"], ()):
            pod["metadata"]["labels"][REVISION_HASH] = name
        if owner["kind"] == "StatefulSet":
            owner["status"] |= {"currentRevision": name, "updateRevision": name}
        for creation in plan.create:
            made = creation.manifest
            made["metadata"] |= {
                "uid": stable_uid("ControllerRevision", meta["namespace"], made["metadata"]["name"]),
                "creationTimestamp": meta["creationTimestamp"],
            }
            found.append(made)
    return found
