"""CronJobs."""

from __future__ import annotations

from console.kinds import cells
from console.kinds.base import Column, Health, Kind, State
from console.kinds.meta import ObjectMeta, Slim, base_fields, seconds
from console.live.source import Row


class CronSpec(Slim):
    """spec of a CronJob."""

    schedule: str = ""
    time_zone: str | None = None
    suspend: bool | None = None


class CronStatus(Slim):
    """status of a CronJob."""

    active: list[ObjectMeta] | None = None
    last_schedule_time: str | None = None
    last_successful_time: str | None = None


class CronJob(Slim):
    """A CronJob."""

    metadata: ObjectMeta
    spec: CronSpec | None = None
    status: CronStatus | None = None


class CronRow(Row, gc=False):
    """A CronJob as a row."""

    schedule: str
    zone: str
    suspended: bool
    active: int
    last: float
    succeeded: float


def cron_row(job: CronJob) -> CronRow:
    """A CronJob to its row."""
    spec = job.spec or CronSpec()
    status = job.status or CronStatus()
    return CronRow(
        **base_fields(job.metadata),  # type: ignore[arg-type]
        schedule=spec.schedule,
        zone=spec.time_zone or "",
        suspended=bool(spec.suspend),
        active=len(status.active or ()),
        last=seconds(status.last_schedule_time),
        succeeded=seconds(status.last_successful_time),
    )


def health(row: CronRow, now: float) -> Health:
    """A CronJob's state."""
    if row.suspended:
        return Health(State.WAITING, "Suspended")
    return Health(State.RUNNING, "Running") if row.active else Health(State.OK, "Scheduled")


KIND = Kind(
    name="cronjobs",
    kind="CronJob",
    group="batch",
    versions=("v1",),
    title="Cron jobs",
    aliases=("cj",),
    decode=CronJob,
    row=cron_row,
    health=health,
    columns=(
        cells.NAMESPACE,
        cells.NAME,
        cells.state("STATUS", "status", health),
        cells.field("SCHEDULE", "schedule", priority=1),
        cells.field("TIMEZONE", "timezone", "zone", priority=4),
        Column("ACTIVE", "active", lambda row, now: row.active, text=cells.count, right=True),
        cells.moment("LAST SCHEDULE", "last_schedule", "last"),
        cells.moment("LAST SUCCESS", "last_success", "succeeded", priority=3),
        cells.AGE,
    ),
    extras=cells.EXTRAS,
)
