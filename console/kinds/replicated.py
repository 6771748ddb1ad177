"""What deployments, replica sets, stateful sets and daemon sets have in common: wanted, ready, and why not."""

from __future__ import annotations

import sys

from console.kinds import cells, devices
from console.kinds.base import Column, Health, Kind, State
from console.kinds.devices import Devices, PodTemplate
from console.kinds.meta import Condition, ObjectMeta, Slim, base_fields, condition, controller, seconds
from console.live.source import Row


class ReplicatedSpec(Slim):
    """spec of a Deployment, ReplicaSet, StatefulSet or DaemonSet."""

    replicas: int | None = None
    paused: bool = False
    template: PodTemplate | None = None


class ReplicatedStatus(Slim):
    """status of any of them; a DaemonSet counts in names of its own."""

    observed_generation: int = 0
    replicas: int = 0
    ready_replicas: int = 0
    updated_replicas: int = 0
    available_replicas: int = 0
    desired_number_scheduled: int = 0
    current_number_scheduled: int = 0
    number_ready: int = 0
    number_available: int = 0
    updated_number_scheduled: int = 0
    conditions: list[Condition] | None = None


class Replicated(Slim):
    """Any of the four."""

    metadata: ObjectMeta
    spec: ReplicatedSpec | None = None
    status: ReplicatedStatus | None = None


class ReplicatedRow(Row, gc=False):
    """Any of the four as a row."""

    wanted: int
    current: int
    ready: int
    updated: int
    available: int
    reason: str  # of a condition that says it does not progress or cannot make its pods
    stuck: bool
    since: float
    paused: bool
    observed: bool  # its controller has seen the present spec
    devices: Devices  # of one pod
    images: tuple[str, ...]
    owner_kind: str
    owner: str
    deleting: bool


def replicated_row(item: Replicated) -> ReplicatedRow:
    """One of the four to its row."""
    meta = item.metadata
    spec = item.spec or ReplicatedSpec()
    status = item.status or ReplicatedStatus()
    pod = spec.template.spec if spec.template else None
    failing = None
    for kind, bad in (("ReplicaFailure", "True"), ("Progressing", "False"), ("Available", "False")):
        told = condition(status.conditions, kind)
        if told is not None and told.status == bad:
            failing = told
            break
    owner_kind, owner = controller(meta.owner_references)
    wanted = status.desired_number_scheduled if spec.replicas is None and status.desired_number_scheduled else 0
    return ReplicatedRow(
        **base_fields(meta),  # type: ignore[arg-type]
        wanted=wanted if spec.replicas is None else spec.replicas,
        current=status.replicas or status.current_number_scheduled,
        ready=status.ready_replicas or status.number_ready,
        updated=status.updated_replicas or status.updated_number_scheduled,
        available=status.available_replicas or status.number_available,
        reason=(failing.message or failing.reason) if failing else "",
        stuck=failing is not None and failing.type != "Available",
        since=seconds(failing.last_transition_time) if failing else 0.0,
        paused=spec.paused,
        observed=status.observed_generation >= meta.generation,
        devices=devices.need(pod.containers, pod.init_containers) if pod else (),
        images=tuple(sys.intern(container.image) for container in (pod.containers if pod else None) or ()),
        owner_kind=owner_kind,
        owner=owner,
        deleting=meta.deletion_timestamp is not None,
    )


def health(row: ReplicatedRow, now: float) -> Health:
    """The state by what is ready of what is wanted."""
    if row.deleting:
        return Health(State.WAITING, "Terminating", row.reason)
    if row.wanted == 0:
        return Health(State.NONE, "Stopped" if not row.current else "Stopping")
    if row.stuck:
        return Health(State.BAD, "Failing", row.reason)
    if row.ready >= row.wanted:
        return Health(State.OK, "Ready" if row.updated >= row.wanted or not row.updated else "Updating")
    if not row.ready:
        return Health(State.BAD if row.reason else State.WAITING, "NotReady", row.reason)
    return Health(State.WARN, "Progressing", row.reason)


COLUMNS = (
    cells.NAMESPACE,
    cells.NAME,
    cells.state("STATUS", "status", health),
    Column("READY", "ready", lambda row, now: f"{row.ready}/{row.wanted}", priority=1),
    cells.field("UP-TO-DATE", "up_to_date", "updated", right=True, priority=4),
    cells.field("AVAILABLE", "available", right=True, priority=4),
    Column(
        "GPUS",
        "gpus",
        lambda row, now: devices.total(row.devices) * row.wanted,
        text=cells.count,
        right=True,
        priority=2,
    ),
    cells.AGE,
    cells.field("REASON", "reason", priority=5, limit=120),
    cells.field("IMAGES", "images", text=",".join, wide=True, limit=90),
    Column("OWNER", "owner", lambda row, now: f"{row.owner_kind}/{row.owner}" if row.owner else None, wide=True),
)


def replicated_kind(name: str, kind: str, title: str, aliases: tuple[str, ...]) -> Kind:
    """The Kind of one of the four, of group apps."""
    return Kind(
        name=name,
        kind=kind,
        group="apps",
        versions=("v1",),
        title=title,
        aliases=aliases,
        decode=Replicated,
        row=replicated_row,
        health=health,
        columns=COLUMNS,
        opens="pods",
        extras=(cells.field("", "wanted"), cells.field("", "current"), *cells.EXTRAS),
    )
