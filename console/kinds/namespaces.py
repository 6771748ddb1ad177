"""Namespaces: status, whose they are, and what runs in them."""

from __future__ import annotations

from console.kinds import cells, tenancy
from console.kinds.base import Health, Kind, State
from console.kinds.meta import Condition, ObjectMeta, Slim, base_fields
from console.kinds.tenancy import TenantRow

PROFILE_LABEL = ("app.kubernetes.io/part-of", "kubeflow-profile")


class NamespaceStatus(Slim):
    """status of a namespace."""

    phase: str = ""
    conditions: list[Condition] | None = None


class Namespace(Slim):
    """A namespace."""

    metadata: ObjectMeta
    status: NamespaceStatus | None = None


def namespace_row(namespace: Namespace) -> TenantRow:
    """A namespace to its row, before any join."""
    meta = namespace.metadata
    status = namespace.status or NamespaceStatus()
    label, value = PROFILE_LABEL
    blocking = [entry.message for entry in status.conditions or () if entry.status == "True" and entry.message]
    return TenantRow(
        **base_fields(meta),  # type: ignore[arg-type]
        word=status.phase or "Active",
        why="; ".join(blocking),
        owner=(meta.annotations or {}).get("owner", ""),
        profile=(meta.labels or {}).get(label) == value,
        deleting=meta.deletion_timestamp is not None,
    )


def health(row: TenantRow, now: float) -> Health:
    """A namespace's state."""
    return Health(State.OK if row.word == "Active" else State.WAITING, row.word, row.why)


KIND = Kind(
    name="namespaces",
    kind="Namespace",
    group="",
    versions=("v1",),
    title="Namespaces",
    aliases=("ns",),
    namespaced=False,
    decode=Namespace,
    row=namespace_row,
    health=health,
    joins=(tenancy.PODS, tenancy.QUOTAS),
    join=tenancy.join_tenant,
    opens="namespace",
    columns=(
        cells.NAME,
        cells.state("STATUS", "status", health),
        *tenancy.COUNTS,
        cells.field("OWNER", "owner", priority=3, limit=40),
        cells.AGE,
    ),
    extras=(cells.field("", "profile"), *cells.EXTRAS),
)
