"""The GPU board: by node, by namespace or by job, what is used, free, unhealthy and idle, for how long and whose."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from textual import work
from textual.app import ComposeResult

from console.clock import age
from console.errors import ConsoleError
from screens.actions import RowActions
from screens.base import Host
from screens.following import Batch, Following
from screens.gpu_columns import COLUMNS, health_of
from screens.places import Place
from screens.widgets.lines import Line, Lines, plain
from screens.widgets.table import Table

if TYPE_CHECKING:
    from console.kinds.base import Kind
    from console.telemetry.gpuwatch import GpuWatch

_GROUPS = ("node", "namespace", "job")
_EVERY = 1.0  # seconds between two counts of everything, however fast pods change


class GpusView(RowActions):
    """Where the GPUs are. `place.key` narrows to one node, namespace or job, by the kind of the place."""

    scopes: ClassVar[tuple[str, ...]] = ("table", "board")

    DEFAULT_CSS = "GpusView > #summary { height: 4; }"

    def __init__(self, host: Host, place: Place) -> None:
        super().__init__(host, place)
        values = host.settings.values
        self.kind: Kind = host.cluster.catalog.find("nodes")
        self.summary = Lines(host.palette, cursor=False, id="summary")
        self.table = Table(host.palette, ascii_only=values.ascii)
        self.table.now = host.now
        self.group = place.option if place.option in _GROUPS else "node"
        self._rows: dict[str, Any] = {}
        self._boards: dict[str, Following] = {}
        self._watch: GpuWatch | None = None
        self._dirty = False

    def compose(self) -> ComposeResult:
        yield self.summary
        yield self.table

    @property
    def crumb(self) -> str:
        return "gpus"

    @property
    def title(self) -> str:
        hidden = self.table.hidden_columns
        return f"by {self.group}" + (f"  +{hidden} columns" if hidden else "")

    @property
    def position(self) -> str:
        rows = self.table.rows
        return f"{rows.cursor + 1}/{len(rows)}" if len(rows) else "0"

    # lifecycle

    def on_mount(self) -> None:
        self.set_interval(_EVERY, self._count)
        self.set_interval(self.host.settings.values.gpu_every, self._look)

    def entered(self) -> None:
        if self._boards:
            return
        for name in ("nodes", "pods", "namespaces", "jobs"):
            if self.host.cluster.catalog.get(name) is not None:
                following = self.follow(name, self._deliver)
                if following is not None:
                    self._boards[name] = following
        self._watch = self.host.cluster.gpu_watch({name: f.board for name, f in self._boards.items()})
        self._draw()
        self._look()

    def left(self) -> None:
        self._boards.clear()
        self._watch = None
        super().left()

    def refused(self, error: ConsoleError) -> None:
        self.table.explain(error.sentence, error.step)

    def tick(self) -> None:
        self._summarise()

    def on_table_cursor_moved(self, message: Table.CursorMoved) -> None:
        message.stop()
        self.host.crumbs_changed()

    def _deliver(self, batch: Batch) -> None:
        self._dirty = True

    def _count(self) -> None:
        if self._dirty:
            self._draw()

    @work(exclusive=True, group="figures", exit_on_error=False)
    async def _look(self) -> None:
        """Read the figures of every pod that holds GPUs; nothing where the view is not in front."""
        watch = self._watch
        if watch is None:
            return
        await watch.look()
        if self._watch is watch:
            self._draw()

    # drawing

    def _draw(self) -> None:
        watch = self._watch
        if watch is None:
            return
        self._dirty = False
        rows = watch.lines(self.group)
        columns = COLUMNS[self.group]
        if self.table.columns is not columns:
            self._rows = rows
            self.table.show(columns, health_of, self._rows)
        else:
            changed = {key for key, row in rows.items() if self._rows.get(key) != row}
            gone = self._rows.keys() - rows.keys()
            self._rows.clear()
            self._rows.update(rows)
            self.table.changed(changed, set(gone))
        fresh = self.freshness
        if fresh is not None and fresh.phase == "loading":
            self.table.explain("Loading ...")
        elif fresh is not None and fresh.error is not None and not rows:
            self.table.explain(fresh.error.sentence, fresh.error.step)
        else:
            self.table.explain(
                "No GPU is known here.", "Nodes with GPUs report nvidia.com/gpu (or alike) as allocatable."
            )
        self._summarise()

    def _summarise(self) -> None:
        watch, palette = self._watch, self.host.palette
        if watch is None:
            return
        told = watch.totals()
        used = "?" if told.used is None else told.used
        free = "?" if told.free is None else told.free
        parts: list[Any] = [(f" {told.total} GPUs", palette.strong), (f"  used {used}  free {free}", None)]
        if told.largest_free is not None:
            parts.append((f" ({told.largest_free} on one node)", palette.quiet))
        if told.unhealthy:
            parts.append((f"  unhealthy {told.unhealthy} ({', '.join(told.unhealthy_nodes)})", palette.error))
        if told.blocked:
            parts.append((f"  blocked {told.blocked}", palette.waiting))
        if told.pending:
            parts.append((f"  waited for {told.pending}", palette.waiting))
        lines = [Line(tuple(parts))]
        idle = told.idle
        if idle is not None and idle.gpus:
            owners = ", ".join(idle.owners[:4])
            lines.append(
                plain(f" idle {idle.gpus} held by {owners}, the longest for {age(idle.seconds)}", palette.warning)
            )
        elif idle is not None:
            lines.append(plain(" no GPU is held idle", palette.quiet))
        reading = watch.reading
        if reading.source:
            lines.append(plain(f" {reading.source}, {age(self.host.now() - reading.at)} ago", palette.quiet))
            lines += [plain(f" {reading.note}", palette.quiet)] if reading.note else []
        else:
            lines.append(plain(f" {reading.why_none or 'reading the GPU figures ...'}", palette.quiet))
        self.summary.show(lines)

    # keys

    def do_group(self) -> None:
        """By node, by namespace, by job."""
        self.group = _GROUPS[(_GROUPS.index(self.group) + 1) % len(_GROUPS)]
        self._draw()
        self.table.put(0)
        self.host.status_changed()

    def do_open(self) -> None:
        line = self._rows.get(self.table.rows.current)
        if line is None:
            return
        if self.group == "node":
            self.host.go(Place("describe", kind="nodes", key=line.node))
        elif self.group == "namespace":
            self.host.enter_namespace(line.namespace)
        else:
            self._open_owner(line.kind, f"{line.namespace}/{line.name}")

    def _open_owner(self, word: str, key: str) -> None:
        try:
            kind = self.host.cluster.catalog.find(word)
        except ConsoleError as error:
            self.host.say(str(error), bad=True)
            return
        view = kind.opens if kind.opens == "replicas" else "describe"
        self.host.go(Place(view, kind=kind.name, key=key, namespaces=self.place.namespaces))
