"""What ClusterQueues and LocalQueues of Kueue have in common: how much waits and runs, and GPU quota used."""

from __future__ import annotations

import sys

from console.kinds import cells
from console.kinds.base import Column, Health, State
from console.kinds.devices import is_device
from console.kinds.meta import Condition, ObjectMeta, Slim, amount, base_fields, condition
from console.kinds.resourcequotas import used_text
from console.live.source import Row


class FlavorResource(Slim):
    """One resource of a flavor, as quota or as usage."""

    name: str = ""
    nominal_quota: str | float | None = None
    total: str | float | None = None
    borrowed: str | float | None = None


class Flavor(Slim):
    """One flavor."""

    name: str = ""
    resources: list[FlavorResource] | None = None


class ResourceGroup(Slim):
    """One resource group."""

    flavors: list[Flavor] | None = None


class QueueSpec(Slim):
    """spec of either queue."""

    cluster_queue: str = ""
    cohort: str = ""
    cohort_name: str = ""
    queueing_strategy: str = ""
    stop_policy: str = ""
    resource_groups: list[ResourceGroup] | None = None


class QueueStatus(Slim):
    """status of either queue."""

    pending_workloads: int = 0
    reserving_workloads: int = 0
    admitted_workloads: int = 0
    conditions: list[Condition] | None = None
    flavors_usage: list[Flavor] | None = None


class Queue(Slim):
    """A ClusterQueue or LocalQueue."""

    metadata: ObjectMeta
    spec: QueueSpec | None = None
    status: QueueStatus | None = None


class QueueRow(Row, gc=False):
    """A queue as a row."""

    active: bool | None
    reason: str
    stop_policy: str
    cluster_queue: str
    cohort: str
    strategy: str
    pending: int
    reserving: int
    admitted: int
    gpus_used: int | None
    gpus_quota: int | None
    borrowed: int


def _gpus(flavors: list[Flavor], name: str) -> int | None:
    found = [
        int(amount(getattr(resource, name)))
        for flavor in flavors
        for resource in flavor.resources or ()
        if is_device(resource.name)
    ]
    return sum(found) if found else None


def queue_row(queue: Queue) -> QueueRow:
    """A queue to its row."""
    spec = queue.spec or QueueSpec()
    status = queue.status or QueueStatus()
    told = condition(status.conditions, "Active")
    quotas = [flavor for group in spec.resource_groups or () for flavor in group.flavors or ()]
    usage = status.flavors_usage or []
    return QueueRow(
        **base_fields(queue.metadata),  # type: ignore[arg-type]
        active=None if told is None else told.status == "True",
        reason=(told.message or told.reason) if told is not None and told.status != "True" else "",
        stop_policy=sys.intern("" if spec.stop_policy == "None" else spec.stop_policy),
        cluster_queue=sys.intern(spec.cluster_queue),
        cohort=sys.intern(spec.cohort_name or spec.cohort),
        strategy=sys.intern(spec.queueing_strategy),
        pending=status.pending_workloads,
        reserving=status.reserving_workloads,
        admitted=status.admitted_workloads,
        gpus_used=_gpus(usage, "total"),
        gpus_quota=_gpus(quotas, "nominal_quota"),
        borrowed=_gpus(usage, "borrowed") or 0,
    )


def health(row: QueueRow, now: float) -> Health:
    """A queue's state."""
    if row.stop_policy:
        return Health(State.WARN, row.stop_policy, row.reason or "the queue is held by its stopPolicy")
    if row.active is False:
        return Health(State.BAD, "Inactive", row.reason)
    return Health(State.OK, "Active") if row.active else Health(State.WAITING, "Unknown")


COUNTS = (
    Column("PENDING", "pending", lambda row, now: row.pending, right=True, priority=1),
    Column("ADMITTED", "admitted", lambda row, now: row.admitted, right=True, priority=1),
    Column(
        "GPUS",
        "gpus",
        lambda row, now: used_text(row.gpus_used, row.gpus_quota) or row.gpus_used,
        right=True,
        priority=2,
    ),
)
REASON = cells.field("REASON", "reason", priority=6, limit=120)
