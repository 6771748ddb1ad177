"""ResourceQuotas: what a namespace may use, and how much of it is used."""

from __future__ import annotations

import sys

from console.kinds import cells
from console.kinds.base import Column, Health, Kind, State
from console.kinds.devices import is_device
from console.kinds.meta import ObjectMeta, Slim, amount, base_fields
from console.live.source import Row

Quantities = dict[str, str | float]


class QuotaSpec(Slim):
    """spec of a ResourceQuota."""

    hard: Quantities | None = None


class QuotaStatus(Slim):
    """status of a ResourceQuota."""

    hard: Quantities | None = None
    used: Quantities | None = None


class ResourceQuota(Slim):
    """A ResourceQuota."""

    metadata: ObjectMeta
    spec: QuotaSpec | None = None
    status: QuotaStatus | None = None


class QuotaRow(Row, gc=False):
    """A ResourceQuota as a row."""

    limits: tuple[tuple[str, str, str], ...]  # (resource, used, hard) as written
    gpus_used: int | None  # None where it does not limit GPUs
    gpus_hard: int | None
    full: tuple[str, ...]  # resources of which nothing is left


def quota_row(quota: ResourceQuota) -> QuotaRow:
    """A ResourceQuota to its row."""
    status = quota.status or QuotaStatus()
    hard = status.hard or (quota.spec.hard if quota.spec else None) or {}
    used = status.used or {}
    gpu_names = [name for name in hard if is_device(name.removeprefix("requests."))]
    return QuotaRow(
        **base_fields(quota.metadata),  # type: ignore[arg-type]
        limits=tuple((sys.intern(name), str(used.get(name, "0")), str(hard[name])) for name in sorted(hard)),
        gpus_used=sum(int(amount(used.get(name))) for name in gpu_names) if gpu_names else None,
        gpus_hard=sum(int(amount(hard[name])) for name in gpu_names) if gpu_names else None,
        full=tuple(
            sys.intern(name)
            for name in sorted(hard)
            if amount(hard[name]) and amount(used.get(name)) >= amount(hard[name])
        ),
    )


def health(row: QuotaRow, now: float) -> Health:
    """A quota's state: a resource that is used up is worth a look."""
    if row.full:
        return Health(State.WARN, "Full", f"used up: {', '.join(row.full)}")
    return Health(State.OK, "Free")


def used_text(value: int | None, hard: int | None) -> str | None:
    """`24/32`, or None where there is no such limit."""
    return None if hard is None else f"{value or 0}/{hard}"


KIND = Kind(
    name="resourcequotas",
    kind="ResourceQuota",
    group="",
    versions=("v1",),
    title="Resource quotas",
    aliases=("quota", "quotas"),
    decode=ResourceQuota,
    row=quota_row,
    health=health,
    columns=(
        cells.NAMESPACE,
        cells.NAME,
        cells.state("STATUS", "status", health),
        Column("GPUS", "gpus", lambda row, now: used_text(row.gpus_used, row.gpus_hard), right=True),
        Column(
            "USED",
            "used",
            lambda row, now: {name: f"{used}/{hard}" for name, used, hard in row.limits},
            text=lambda value: ", ".join(f"{name} {part}" for name, part in value.items()),
            priority=3,
            limit=120,
        ),
        cells.AGE,
    ),
    extras=cells.EXTRAS,
)
