"""The list of any kind: its table, filters, sorting, marks and what can be opened from a row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from textual.app import ComposeResult

from console.errors import ConsoleError
from console.kinds.base import Kind, State
from screens.actions import RowActions
from screens.asking import FilterAsking
from screens.base import Host
from screens.export import FORMS, exported
from screens.filters import Filter, parse
from screens.following import Batch, Following
from screens.places import Place
from screens.relations import Belongs, belongs_to
from screens.widgets.table import Table

_UNWELL = (State.BAD, State.WARN, State.WAITING)


class ListView(RowActions):
    """A board as a table. `place` says which kind, namespaces, filter and selector."""

    def __init__(self, host: Host, place: Place) -> None:
        super().__init__(host, place)
        values = host.settings.values
        self.table = Table(host.palette, ascii_only=values.ascii)
        self.table.now = host.now
        self.kind: Kind = host.cluster.catalog.find(place.kind)
        self.faults = False
        self._filter: Filter = parse(place.filter)
        self._belongs = self._membership()
        self._following: Following | None = None
        self._phase = ""
        self._texts: dict[str, tuple[Any, str]] = {}  # searched text of rows, while a filter is on

    def compose(self) -> ComposeResult:
        yield self.table

    def _membership(self) -> Belongs | None:
        """Only the pods of one object, where the place names one."""
        of, _, kind = self.place.option.partition(" ")
        return belongs_to(kind, self.place.namespace, self.place.name) if of == "of" else None

    # what the lines around the view show

    @property
    def crumb(self) -> str:
        return f"{self.kind.name} of {self.place.name}" if self._belongs else self.kind.name

    @property
    def title(self) -> str:
        place, table = self.place, self.table
        scope = ",".join(place.namespaces) or ("all" if self.kind.namespaced else "")
        parts = [f"in {scope}" if scope else "", f"-l {place.selector}" if place.selector else ""]
        parts.append(f"/{place.filter}" if place.filter else "")
        parts.append("not well" if self.faults else "")
        parts.append(f"{len(table.rows.marks)} marked" if table.rows.marks else "")
        hidden = table.hidden_columns
        parts.append(f"+{hidden} columns" if hidden else "")
        return "  ".join(filter(None, parts))

    @property
    def position(self) -> str:
        rows = self.table.rows
        total = len(rows.source)
        at = f"{rows.cursor + 1}/{len(rows)}" if len(rows) else "0"
        return at if total == len(rows) else f"{at} of {total}"

    # lifecycle

    def entered(self) -> None:
        if self._following is not None:
            return
        self._following = self.follow(
            self.place.kind, self._deliver, self.place.namespaces, self._filter.selector or self.place.selector
        )
        if self._following is None:
            return
        board = self._following.board
        self.kind = board.kind
        self.table.one_namespace = len(self.place.namespaces) == 1
        self._accept()
        self.table.show(self.kind.columns, self.kind.health, board.rows)
        if self.kind.sort and self.table.sorted_by is None:
            self._sort(self.kind.sort)
        if self.place.cursor:
            self.table.find(self.place.cursor)
        self._explain()

    def left(self) -> None:
        self.place = self.place.narrowed(cursor=self.table.rows.current)
        self._following = None
        self._texts.clear()
        super().left()

    def tick(self) -> None:
        self.table.tick()
        self._explain()

    def changed(self, place: Place) -> None:
        """Take another filter, selector or scope; the server is asked again only for the latter two."""
        wanted = parse(place.filter)
        if not self.kind.namespaced:
            place = place.narrowed(namespaces=())
        again = (place.namespaces, place.selector, wanted.selector) != (
            self.place.namespaces,
            self.place.selector,
            self._filter.selector,
        )
        cursor = self.table.rows.current
        self.place, self._filter = place.narrowed(cursor=cursor), wanted
        if again:
            self.unfollow()
            self._following = None
            self.entered()
        else:
            self._accept()
        self._explain()
        self.host.status_changed()

    def refused(self, error: ConsoleError) -> None:
        self.table.explain(error.sentence, error.step)

    # rows

    def _deliver(self, batch: Batch) -> None:
        following = self._following
        if following is None:
            return
        board, table = following.board, self.table
        kind = board.kind
        if batch.reset or kind is not self.kind or board.rows is not table.rows.source:
            self.kind = kind
            self._texts.clear()
            table.show(kind.columns, kind.health, board.rows)
            if self.place.cursor and not table.rows.settled:
                table.find(self.place.cursor)
        else:
            table.changed(batch.upserted, batch.removed)
        self._explain()
        if board.freshness.phase != self._phase:
            self._phase = board.freshness.phase
            self.host.status_changed()

    def on_table_cursor_moved(self, message: Table.CursorMoved) -> None:
        message.stop()
        self.host.crumbs_changed()

    def _explain(self) -> None:
        """Why the table is empty, in words."""
        following = self._following
        if following is None:
            return
        fresh = following.board.freshness
        error = fresh.error
        where = f" in {', '.join(self.place.namespaces)}" if self.place.namespaces else ""
        kind = self.kind.title or self.kind.name
        lines: Sequence[str]
        if fresh.phase == "loading":
            lines = ("Loading ...",) if error is None else ("Loading ...", str(error))
        elif fresh.phase in ("denied", "absent"):
            lines = (error.sentence, error.step) if error is not None else (f"{kind} cannot be listed.",)
        elif len(self.table.rows.source):
            why = "is not well" if self.faults and not self.place.filter else f"matches /{self.place.filter}"
            lines = (f"None of {len(self.table.rows.source)} {self.kind.name}{where} {why}.", "esc shows them all.")
        elif self._filter.selector or self.place.selector:
            lines = (f"No {self.kind.name}{where} have {self._filter.selector or self.place.selector}.",)
        else:
            lines = (f"There are no {self.kind.name}{where}.", "0 shows every namespace." if where else "")
        if fresh.denied and fresh.phase not in ("denied", "absent"):
            lines = (*lines, f"Not readable for you: {', '.join(fresh.denied[:6])}")
        self.table.explain(*lines)

    # filter, faults, sort

    def _accept(self) -> None:
        accept, faults, belongs = self._filter.accept, self.faults, self._belongs
        if accept is None and belongs is None and not faults:
            self.table.filter(None)
            self._texts.clear()
            return
        health, now = self.kind.health, self.host.now()

        def shown(key: str, row: Any) -> bool:
            if belongs is not None and not belongs(row):
                return False
            if faults and health(row, now).state not in _UNWELL:
                return False
            return accept is None or accept(self._text(key, row))

        self.table.filter(shown)

    def _text(self, key: str, row: Any) -> str:
        found = self._texts.get(key)
        if found is None or found[0] is not row:
            found = self._texts[key] = (row, self.table.searched(key, row))
        return found[1]

    def narrow(self, text: str, final: bool) -> str:
        """Apply a typed filter; a label filter waits for enter, because the server evaluates it."""
        try:
            wanted = parse(text)
        except ConsoleError as error:
            return error.sentence
        if final or not (wanted.selector or self._filter.selector):
            self.changed(self.place.narrowed(filter=text.strip()))
        return ""

    def do_filter(self) -> None:
        """Ask for a filter."""
        self.host.ask(FilterAsking(self.narrow, self.place.filter), self.place.filter)

    def do_back(self) -> None:
        """Clear marks, faults and filter first, then go back."""
        if self.table.rows.marks:
            self.table.clear_marks()
            self.host.status_changed()
        elif self.faults:
            self.do_faults()
        elif self.place.filter or self.place.selector:
            self.changed(self.place.narrowed(filter="", selector=""))
        else:
            self.host.go_back()

    def do_faults(self) -> None:
        """Show only what is not well, or everything again."""
        self.faults = not self.faults
        self._accept()
        self._explain()
        self.host.status_changed()

    def do_wide(self) -> None:
        """Show or hide the wide columns."""
        self.table.widen()
        self.host.status_changed()

    def do_save(self) -> None:
        """Save what is shown as CSV; `:save json` and `:save md` choose another form."""
        self.save_as("csv")

    def save_as(self, form: str) -> str:
        if form not in FORMS:
            return f"A table is saved as {', '.join(FORMS)}."
        rows = [self.table.rows.source[key] for key in self.table.rows.order]
        self.host.save(f"{self.kind.name}.{form}", exported(self.kind, rows, self.host.now(), form))
        return ""
