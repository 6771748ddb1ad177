"""Profiles of Kubeflow: whose namespace it is and whether the controller could make it."""

from __future__ import annotations

from console.kinds import cells, tenancy
from console.kinds.base import Health, Kind, State
from console.kinds.meta import Condition, ObjectMeta, Slim, base_fields
from console.kinds.tenancy import TenantRow


class Subject(Slim):
    """spec.owner."""

    kind: str = ""
    name: str = ""


class ProfileSpec(Slim):
    """spec of a Profile."""

    owner: Subject | None = None


class ProfileStatus(Slim):
    """status of a Profile; its conditions are Successful, Failed, Unknown."""

    conditions: list[Condition] | None = None


class Profile(Slim):
    """A Profile."""

    metadata: ObjectMeta
    spec: ProfileSpec | None = None
    status: ProfileStatus | None = None


def profile_row(profile: Profile) -> TenantRow:
    """A Profile to its row, before any join."""
    meta = profile.metadata
    owner = (profile.spec.owner if profile.spec else None) or Subject()
    conditions = (profile.status.conditions if profile.status else None) or []
    newest = conditions[-1] if conditions else None
    return TenantRow(
        **base_fields(meta),  # type: ignore[arg-type]
        word=newest.type if newest else "Pending",
        why=newest.message if newest else "no condition yet",
        owner=owner.name,
        profile=True,
        deleting=meta.deletion_timestamp is not None,
    )


_STATES = {"Successful": State.OK, "Failed": State.BAD, "Unknown": State.WARN}


def health(row: TenantRow, now: float) -> Health:
    """A Profile's state."""
    if row.deleting:
        return Health(State.WAITING, "Terminating", row.why)
    return Health(_STATES.get(row.word, State.WAITING), row.word, row.why)


KIND = Kind(
    name="profiles",
    kind="Profile",
    group="kubeflow.org",
    versions=("v1", "v1beta1"),
    title="Profiles",
    aliases=("prof",),
    namespaced=False,
    decode=Profile,
    row=profile_row,
    health=health,
    joins=(tenancy.PODS, tenancy.QUOTAS),
    join=tenancy.join_tenant,
    opens="namespace",
    columns=(
        cells.NAME,
        cells.state("STATUS", "status", health),
        cells.field("OWNER", "owner", priority=1, limit=40),
        *tenancy.COUNTS,
        cells.AGE,
        cells.field("REASON", "reason", "why", priority=6, limit=120),
    ),
    extras=cells.EXTRAS,
)
