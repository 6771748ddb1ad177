"""The replica board of one training job: who runs where, how busy each GPU is, and which replica is behind."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from textual import work
from textual.app import ComposeResult

from console.clock import age
from console.errors import ConsoleError
from console.kinds.base import Column
from screens.actions import RowActions
from screens.base import Host
from screens.following import Batch, Following
from screens.places import Place
from screens.replica_columns import columns, replica_health
from screens.widgets.lines import Line, Lines, plain
from screens.widgets.table import Table

if TYPE_CHECKING:
    from console.kinds.base import Kind
    from console.telemetry.jobwatch import JobWatch
    from console.telemetry.replicas import ReplicaRow

_SUMMARY = 4  # lines over the table


class ReplicasView(RowActions):
    """One job. Rows are its replicas, so describe, logs and jumps act on the replica's pod."""

    scopes: ClassVar[tuple[str, ...]] = ("table", "board")

    DEFAULT_CSS = f"ReplicasView > #summary {{ height: {_SUMMARY}; }}"

    def __init__(self, host: Host, place: Place) -> None:
        super().__init__(host, place)
        catalog = host.cluster.catalog
        self.job_kind: Kind = catalog.find(place.kind)
        self.kind = catalog.find("pods")
        values = host.settings.values
        self.summary = Lines(host.palette, cursor=False, id="summary")
        self.table = Table(host.palette, ascii_only=values.ascii)
        self.table.now = host.now
        self.table.one_namespace = True
        self._rows: dict[str, ReplicaRow] = {}
        self._columns: Sequence[Column] = columns(ascii_only=values.ascii)
        self._watch: JobWatch | None = None
        self._following: Following | None = None

    def compose(self) -> ComposeResult:
        yield self.summary
        yield self.table

    # what the lines around the view show

    @property
    def crumb(self) -> str:
        return f"{self.job_kind.kind} {self.place.name}"

    @property
    def title(self) -> str:
        hidden = self.table.hidden_columns
        return f"in {self.place.namespace}" + (f"  +{hidden} columns" if hidden else "")

    @property
    def position(self) -> str:
        rows = self.table.rows
        return f"{rows.cursor + 1}/{len(rows)}" if len(rows) else "0"

    # lifecycle

    def on_mount(self) -> None:
        self.set_interval(self.host.settings.values.gpu_every, self._look)

    def entered(self) -> None:
        if self._following is not None:
            return
        self._following = self.follow(self.place.kind, self._deliver, (self.place.namespace,))
        if self._following is None:
            return
        key = f"{self.place.key}:{self.job_kind.kind}"
        self._watch = self.host.cluster.job_watch(self._following.board, key)
        self._draw()
        self._look()

    def left(self) -> None:
        self._following = self._watch = None
        super().left()

    def refused(self, error: ConsoleError) -> None:
        self.table.explain(error.sentence, error.step)

    def tick(self) -> None:
        self._summarise()
        self.table.tick()

    def on_table_cursor_moved(self, message: Table.CursorMoved) -> None:
        message.stop()
        self.host.crumbs_changed()

    @work(exclusive=True, group="figures", exit_on_error=False)
    async def _look(self) -> None:
        """Read figures and last lines once; nothing where the view is not in front."""
        following, watch = self._following, self._watch
        if following is None or watch is None:
            return
        try:
            await following.board.complete()
        except ConsoleError:
            return  # the table says why it is empty
        await watch.look()
        if self._watch is watch:
            self._draw()
            await watch.settle()
            self._draw()

    def _deliver(self, batch: Batch) -> None:
        self._draw()

    # drawing

    def _draw(self) -> None:
        watch = self._watch
        if watch is None:
            return
        rows = {row.key: row for row in watch.rows(self.host.now())}
        if not self.table.columns:
            self._rows = rows
            self.table.show(self._columns, replica_health, self._rows)
        else:
            changed = {key for key, row in rows.items() if self._rows.get(key) != row}
            gone = self._rows.keys() - rows.keys()
            self._rows.clear()
            self._rows.update(rows)
            self.table.changed(changed, set(gone))
        self._explain()
        self._summarise()

    def _explain(self) -> None:
        watch, following = self._watch, self._following
        if watch is None or following is None:
            return
        fresh = following.board.freshness
        if fresh.phase == "loading":
            self.table.explain("Loading ...")
        elif fresh.error is not None and watch.job is None:
            self.table.explain(fresh.error.sentence, fresh.error.step)
        elif watch.job is None:
            self.table.explain(f"{self.job_kind.kind} {self.place.key} is not there (any more).", "esc goes back.")
        else:
            self.table.explain("This job has no replica at the moment.", watch.job.reason)

    def _summarise(self) -> None:
        from console.kinds.jobrow import job_health, replicas_text
        from console.telemetry.replicas import rollup

        watch = self._watch
        if watch is None or watch.job is None:
            self.summary.show([])
            return
        job, palette, now = watch.job, self.host.palette, self.host.now()
        health = job_health(job, now)
        facts = [f"{replicas_text(job)} replicas"]
        facts += [f"{job.gpus} GPUs"] if job.gpus else []
        facts += [f"restarts {job.restarts}"] if job.restarts else []
        facts += [f"queue {job.queue}"] if job.queue else []
        facts.append(f"age {age(now - job.created)}")
        cost = watch.cost
        facts += [f"{self.host.settings.values.currency}{cost:,.2f}/h"] if cost is not None else []
        first = Line(
            ((f" {health.state.glyph} {health.word}", palette.state(health.state)), ("  " + "  ".join(facts), None))
        )
        told = rollup(list(self._rows.values()))
        figures = _figures(told)
        lines = [first]
        lines += [plain(f" {figures}")] if figures else []
        lines.append(self._source(watch, now))
        lines += [plain(f" {text}", palette.warning) for text in (told.verdict, job.reason) if text]
        self.summary.show(lines[:_SUMMARY])

    def _source(self, watch: JobWatch, now: float) -> Line:
        reading = watch.reading
        if reading.source:
            text = f" {reading.source}, {age(now - reading.at)} ago  {reading.note}"
        else:
            text = f" {reading.why_none or 'reading the GPU figures ...'}"
        return plain(text.rstrip(), self.host.palette.quiet)


def _figures(told: object) -> str:
    from console.telemetry.replicas import Rollup

    if not isinstance(told, Rollup) or told.util is None:
        return ""
    parts = [f"GPU {told.util:.0f} % mean, {told.low:.0f} to {told.high:.0f}"]
    parts += [f"tensor {told.tensor:.2f}"] if told.tensor is not None else []
    parts += [f"memory {100 * told.memory:.0f} %"] if told.memory is not None else []
    parts += (
        [f"{told.power / 1000:.1f} kW" if told.power >= 1000 else f"{told.power:.0f} W"]
        if told.power is not None
        else []
    )
    return "   ".join(parts)
