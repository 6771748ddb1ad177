"""One object kept current: its manifest while somebody looks at it, its events, its pods and its links.

The object and its events are watched by name; the manifest is read again when the watch says that it changed, and let
go with the detail.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast
from urllib.parse import quote

from console.cluster.session import Session
from console.errors import ConsoleError
from console.kinds.base import Health, Kind
from console.kinds.catalog import Catalog
from console.kinds.describe import describe
from console.kinds.events import EventRow
from console.kinds.freshness import BoardFreshness, merge_freshness
from console.kinds.manifest import parse
from console.kinds.pods import PodRow
from console.kinds.relations import Link, owned, owners, pod_spec, pods_of, uses
from console.live.feed import Feed
from console.live.hub import Hub
from console.live.source import Row, collection_path

_WITHOUT_TEMPLATE = frozenset({"Node", "TrainJob", "JobSet", "Workflow", "InferenceService"})  # own pods all the same


class Detail:
    """One object as describe, YAML and jumps need it. An event loop must be running; `close` ends its watches."""

    def __init__(
        self, session: Session, hub: Hub, catalog: Catalog, kind: Kind, key: str, changed: Callable[[], None]
    ) -> None:
        """`key` is `namespace/name`, or `name`; `changed` is called when `read` would give something new."""
        self.kind = kind
        self.namespace, _, self.name = key.rpartition("/")
        self.manifest: dict[str, Any] | None = None
        self.error: ConsoleError | None = None  # why the manifest could not be read again
        self._session = session
        self._hub = hub
        self._catalog = catalog
        self._changed = changed
        self._source = catalog.source(kind)
        self._feeds: list[Feed] = []
        self._undo: list[Callable[[], None]] = []
        self._object = self._watch(self._source, f"metadata.name={self.name}")
        self._events: Feed | None = None
        self._pods: Feed | None = None

    def _watch(self, source: Any, field_selector: str = "") -> Feed:
        feed = self._hub.open(source, self.namespace or None, field_selector=field_selector)
        self._feeds.append(feed)
        self._undo.append(feed.subscribe(lambda changes: self._changed()))
        return feed

    @property
    def path(self) -> str:
        """The object's path on the server."""
        return f"{collection_path(self._source, self.namespace or None)}/{quote(self.name, safe=':')}"

    @property
    def current(self) -> bool:
        """Whether the manifest held is the newest the watch has seen."""
        row = self._row
        if self.manifest is None or row is None:
            return False
        return bool(row.version == (self.manifest.get("metadata") or {}).get("resourceVersion"))

    @property
    def freshness(self) -> BoardFreshness:
        """How current the object is."""
        return merge_freshness([(self.kind.name, self._object.freshness)])

    @property
    def gone(self) -> bool:
        """Whether the object was there and is not any more."""
        return self.manifest is not None and self._row is None and self._object.freshness.phase == "live"

    @property
    def _row(self) -> Row | None:
        return next(iter(self._object.rows.values()), None)

    async def read(self) -> None:
        """Read the manifest; raises ConsoleError only when there is none to show yet."""
        try:
            self.manifest = parse(await self._session.get(self.path))
            self.error = None
        except ConsoleError as error:
            self.error = error
            if self.manifest is None:
                raise
            return
        if self._events is None:
            self._open_related(self.manifest)

    def _open_related(self, manifest: dict[str, Any]) -> None:
        events, pods = self._catalog.get("events"), self._catalog.get("pods")
        if events is not None:
            self._events = self._watch(
                self._catalog.source(events), f"involvedObject.kind={self.kind.kind},involvedObject.name={self.name}"
            )
        if pods is not None and self.kind.kind != "Pod" and self._owns_pods(manifest):
            selector = f"spec.nodeName={self.name}" if self.kind.kind == "Node" else ""
            self._pods = self._watch(self._catalog.source(pods), selector)

    def _owns_pods(self, manifest: dict[str, Any]) -> bool:
        return self.kind.kind in _WITHOUT_TEMPLATE or bool(pod_spec(manifest))

    def health(self, now: float) -> Health | None:
        """The health of the object's row; None where it is not known."""
        row = self._row
        return self.kind.health(row, now) if row is not None else None

    @property
    def events(self) -> Sequence[EventRow] | None:
        """Its events, the newest first; None while they are not known."""
        feed = self._events
        if feed is None or feed.freshness.phase not in ("live", "stale"):
            return None
        uid = ((self.manifest or {}).get("metadata") or {}).get("uid")
        # A node's events carry its name as uid (kubelet), so the uid decides only between namesakes.
        rows = [
            row for row in cast("list[EventRow]", list(feed.rows.values())) if row.regarding_uid in (uid, self.name, "")
        ]
        return sorted(rows, key=lambda row: -row.last)

    @property
    def pods(self) -> Sequence[PodRow] | None:
        """The pods that work for it or run on it; None where it has none or they are not known."""
        feed = self._pods
        if feed is None or feed.freshness.phase not in ("live", "stale"):
            return None
        rows = cast("list[PodRow]", list(feed.rows.values()))
        if self.kind.kind == "Node":
            return sorted(rows, key=lambda pod: pod.key)
        return pods_of(self.kind.kind, self.namespace, self.name, rows)

    def lines(self, now: float) -> list[str]:
        """The object in words, as describe writes it."""
        if self.manifest is None:
            return []
        health = self.health(now)
        denied = self._events.freshness.error if self._events is not None else None
        return describe(
            self.manifest,
            now,
            events=self.events,
            pods=self.pods,
            events_denied=str(denied) if denied is not None and self.events is None else "",
            state=f"{health.state.glyph} {health.word}".strip() if health is not None else "",
            reason=health.reason if health is not None else "",
        )

    def links(self) -> list[Link]:
        """Its owners, what it uses and the pods it owns."""
        if self.manifest is None:
            return []
        mine = self.pods or ()
        if self.kind.kind == "Node":
            below = [Link("runs", "Pod", pod.namespace, pod.name, uid=pod.uid) for pod in mine]
        else:
            below = owned(self.kind.kind, self.namespace, self.name, {"Pod": mine})
        return [*owners(self.manifest), *uses(self.manifest), *below]

    def close(self) -> None:
        """Let the watches go."""
        for undo in self._undo:
            undo()
        for feed in self._feeds:
            self._hub.close(feed)
        self._undo.clear()
        self._feeds.clear()
