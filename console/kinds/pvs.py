"""PersistentVolumes."""

from __future__ import annotations

import sys

from console.kinds import cells
from console.kinds.base import Column, Health, Kind, State
from console.kinds.meta import ObjectMeta, Slim, amount, base_fields
from console.kinds.pvcs import short_modes
from console.live.source import Row
from console.quantity import format_bytes


class ClaimRef(Slim):
    """spec.claimRef."""

    namespace: str = ""
    name: str = ""


class VolumeSpec(Slim):
    """spec of a volume."""

    capacity: dict[str, str | float] | None = None
    access_modes: list[str] | None = None
    claim_ref: ClaimRef | None = None
    storage_class_name: str = ""
    persistent_volume_reclaim_policy: str = ""


class VolumeStatus(Slim):
    """status of a volume."""

    phase: str = ""
    reason: str = ""
    message: str = ""


class Volume(Slim):
    """A PersistentVolume."""

    metadata: ObjectMeta
    spec: VolumeSpec | None = None
    status: VolumeStatus | None = None


class VolumeRow(Row, gc=False):
    """A volume as a row."""

    phase: str
    why: str
    capacity: float
    modes: tuple[str, ...]
    policy: str
    claim: str
    storage_class: str


def volume_row(volume: Volume) -> VolumeRow:
    """A volume to its row."""
    spec = volume.spec or VolumeSpec()
    status = volume.status or VolumeStatus()
    claim = spec.claim_ref
    return VolumeRow(
        **base_fields(volume.metadata),  # type: ignore[arg-type]
        phase=sys.intern(status.phase or "Pending"),
        why=status.message or status.reason,
        capacity=amount((spec.capacity or {}).get("storage")),
        modes=short_modes(spec.access_modes),
        policy=sys.intern(spec.persistent_volume_reclaim_policy),
        claim=f"{claim.namespace}/{claim.name}" if claim else "",
        storage_class=sys.intern(spec.storage_class_name),
    )


_STATES = {"Bound": State.OK, "Available": State.OK, "Pending": State.WAITING, "Released": State.WARN}


def health(row: VolumeRow, now: float) -> Health:
    """A volume's state."""
    return Health(_STATES.get(row.phase, State.BAD), row.phase, row.why)


KIND = Kind(
    name="persistentvolumes",
    kind="PersistentVolume",
    group="",
    versions=("v1",),
    title="Volumes",
    aliases=("pv", "pvs", "volumes"),
    namespaced=False,
    decode=Volume,
    row=volume_row,
    health=health,
    columns=(
        cells.NAME,
        cells.state("STATUS", "status", health),
        Column(
            "CAPACITY", "capacity", lambda row, now: row.capacity or None, text=format_bytes, right=True, priority=1
        ),
        cells.field("CLAIM", "claim", priority=2),
        cells.field("MODES", "access_modes", "modes", text=",".join, priority=4),
        cells.field("POLICY", "reclaim_policy", "policy", priority=4),
        cells.field("CLASS", "storage_class", priority=3),
        cells.AGE,
    ),
    extras=cells.EXTRAS,
)
