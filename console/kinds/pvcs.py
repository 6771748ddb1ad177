"""PersistentVolumeClaims."""

from __future__ import annotations

import sys

from console.kinds import cells
from console.kinds.base import Column, Health, Kind, State
from console.kinds.meta import ObjectMeta, Slim, amount, base_fields
from console.live.source import Row
from console.quantity import format_bytes

Quantities = dict[str, str | float]


class ClaimResources(Slim):
    """spec.resources."""

    requests: Quantities | None = None


class ClaimSpec(Slim):
    """spec of a claim."""

    storage_class_name: str | None = None
    volume_name: str = ""
    access_modes: list[str] | None = None
    resources: ClaimResources | None = None


class ClaimStatus(Slim):
    """status of a claim."""

    phase: str = ""
    capacity: Quantities | None = None


class Claim(Slim):
    """A PersistentVolumeClaim."""

    metadata: ObjectMeta
    spec: ClaimSpec | None = None
    status: ClaimStatus | None = None


class ClaimRow(Row, gc=False):
    """A claim as a row; sizes in bytes."""

    phase: str
    volume: str
    storage_class: str
    modes: tuple[str, ...]
    capacity: float
    asked: float
    deleting: bool


_SHORT_MODES = {
    "ReadWriteOnce": "RWO",
    "ReadOnlyMany": "ROX",
    "ReadWriteMany": "RWX",
    "ReadWriteOncePod": "RWOP",
}


def short_modes(modes: list[str] | None) -> tuple[str, ...]:
    """Access modes as kubectl abbreviates them."""
    return tuple(_SHORT_MODES.get(mode, mode) for mode in modes or ())


def claim_row(claim: Claim) -> ClaimRow:
    """A claim to its row."""
    spec = claim.spec or ClaimSpec()
    status = claim.status or ClaimStatus()
    asked = spec.resources.requests if spec.resources else None
    return ClaimRow(
        **base_fields(claim.metadata),  # type: ignore[arg-type]
        phase=sys.intern(status.phase or "Pending"),
        volume=spec.volume_name,
        storage_class=sys.intern(spec.storage_class_name or ""),
        modes=short_modes(spec.access_modes),
        capacity=amount((status.capacity or {}).get("storage")),
        asked=amount((asked or {}).get("storage")),
        deleting=claim.metadata.deletion_timestamp is not None,
    )


_STATES = {"Bound": State.OK, "Pending": State.WAITING, "Lost": State.BAD}


def health(row: ClaimRow, now: float) -> Health:
    """A claim's state."""
    if row.deleting:
        return Health(State.WAITING, "Terminating")
    return Health(_STATES.get(row.phase, State.WARN), row.phase)


KIND = Kind(
    name="persistentvolumeclaims",
    kind="PersistentVolumeClaim",
    group="",
    versions=("v1",),
    title="Volume claims",
    aliases=("pvc", "pvcs", "claims"),
    decode=Claim,
    row=claim_row,
    health=health,
    columns=(
        cells.NAMESPACE,
        cells.NAME,
        cells.state("STATUS", "status", health),
        cells.field("VOLUME", "volume", priority=4, limit=44),
        Column(
            "CAPACITY", "capacity", lambda row, now: row.capacity or None, text=format_bytes, right=True, priority=1
        ),
        Column("ASKED", "asked", lambda row, now: row.asked or None, text=format_bytes, right=True, wide=True),
        cells.field("MODES", "access_modes", "modes", text=",".join, priority=3),
        cells.field("CLASS", "storage_class", priority=3),
        cells.AGE,
    ),
    extras=cells.EXTRAS,
)
