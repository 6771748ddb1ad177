"""Events: what the cluster said about its objects, the newest first."""

from __future__ import annotations

import sys

import msgspec

from console.kinds import cells
from console.kinds.base import Column, Health, Kind, State
from console.kinds.meta import ObjectMeta, Slim, base_fields, seconds
from console.live.source import Row


class Regarding(Slim):
    """involvedObject."""

    kind: str = ""
    name: str = ""
    namespace: str = ""
    uid: str = ""
    field_path: str = ""


class Series(Slim):
    """series of an event written through events.k8s.io."""

    count: int = 0
    last_observed_time: str | None = None


class Origin(Slim):
    """source."""

    component: str = ""
    host: str = ""


class Event(Slim):
    """A core/v1 Event."""

    metadata: ObjectMeta
    involved_object: Regarding = msgspec.field(default_factory=Regarding)
    type: str = ""
    reason: str = ""
    message: str = ""
    count: int | None = None
    first_timestamp: str | None = None
    last_timestamp: str | None = None
    event_time: str | None = None
    series: Series | None = None
    source: Origin | None = None
    reporting_component: str = ""


class EventRow(Row, gc=False):
    """An event as a row."""

    type: str  # Normal or Warning
    reason: str
    message: str
    regarding_kind: str
    regarding_namespace: str
    regarding: str
    regarding_uid: str
    part: str  # the container, where the event names one
    count: int
    first: float
    last: float
    origin: str

    @property
    def object(self) -> str:
        """kind/name of what it is about, kind in lower case as kubectl writes it."""
        return f"{self.regarding_kind.lower()}/{self.regarding}"


def event_row(event: Event) -> EventRow:
    """An event to its row."""
    series = event.series or Series()
    origin = event.source or Origin()
    regarding = event.involved_object
    created = seconds(event.metadata.creation_timestamp)
    first = seconds(event.first_timestamp) or seconds(event.event_time) or created
    last = seconds(series.last_observed_time) or seconds(event.last_timestamp) or first
    path = regarding.field_path
    return EventRow(
        **base_fields(event.metadata),  # type: ignore[arg-type]
        type=sys.intern(event.type),
        reason=sys.intern(event.reason),
        message=event.message.strip(),
        regarding_kind=sys.intern(regarding.kind),
        regarding_namespace=sys.intern(regarding.namespace),
        regarding=sys.intern(regarding.name),
        regarding_uid=sys.intern(regarding.uid),
        part=path.partition("{")[2].partition("}")[0] if "{" in path else "",
        count=series.count or event.count or 1,
        first=first,
        last=last,
        origin=sys.intern(origin.component or event.reporting_component),
    )


def health(row: EventRow, now: float) -> Health:
    """A Warning is worth a look; anything else makes no claim."""
    return Health(State.WARN if row.type == "Warning" else State.NONE, row.type, row.message)


KIND = Kind(
    name="events",
    kind="Event",
    group="",
    versions=("v1",),
    title="Events",
    aliases=("ev",),
    decode=Event,
    row=event_row,
    health=health,
    columns=(
        cells.NAMESPACE,
        cells.moment("LAST SEEN", "last_seen", "last", priority=0, width=10),
        cells.state("TYPE", "type", health),
        cells.field("REASON", "reason", priority=0, limit=22),
        Column("OBJECT", "object", lambda row, now: row.object, priority=2, limit=40),
        cells.field("COUNT", "count", right=True, priority=3),
        cells.field("MESSAGE", "message", priority=1, limit=200),
        cells.field("SOURCE", "source", "origin", wide=True),
        cells.moment("FIRST SEEN", "first_seen", "first", wide=True),
        cells.field("NAME", "name", wide=True),
    ),
    extras=cells.EXTRAS,
    sort="last_seen",
)
