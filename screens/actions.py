"""What keys do to the row under a table's cursor, the same in every list: move, mark, sort, open, copy, jump."""

from __future__ import annotations

import shlex
from typing import Any

from console.errors import ConsoleError
from console.kinds.base import Kind
from screens.base import View
from screens.places import Place
from screens.relations import OWNERS, owner_of
from screens.widgets.table import Table


class RowActions(View):
    """A view around one table of rows of one kind."""

    table: Table
    kind: Kind

    @property
    def row(self) -> Any:
        """The row under the cursor, or None."""
        return self.table.rows.source.get(self.table.rows.current)

    def kind_of(self, row: Any) -> Kind:
        """The kind of a row: in a list of several kinds, its member's."""
        named = getattr(row, "kind", "")
        if self.kind.members and named:
            for member in self.kind.members:
                found = self.host.cluster.catalog.get(member)
                if found is not None and found.kind == named:
                    return found
        return self.kind

    def _key(self, row: Any) -> str:
        return f"{row.namespace}/{row.name}" if row.namespace else str(row.name)

    def _open(self, view: str, option: str = "") -> None:
        row = self.row
        if row is None:
            self.host.say("There is no row under the cursor.")
            return
        kind = self.kind_of(row)
        self.host.go(Place(view, kind=kind.name, key=self._key(row), namespaces=self.place.namespaces, option=option))

    # moving

    def do_down(self) -> None:
        self.table.move(1)

    def do_up(self) -> None:
        self.table.move(-1)

    def do_top(self) -> None:
        self.table.put(0)

    def do_bottom(self) -> None:
        self.table.put(len(self.table.rows) - 1)

    def do_page_down(self) -> None:
        self.table.move(self.table.page)

    def do_page_up(self) -> None:
        self.table.move(-self.table.page)

    def do_scroll_left(self) -> None:
        self.table.sideways(-1)

    def do_scroll_right(self) -> None:
        self.table.sideways(1)

    # marks and order

    def do_mark(self) -> None:
        self.table.mark()
        self.host.crumbs_changed()

    def do_mark_range(self) -> None:
        self.table.mark_range()
        self.host.crumbs_changed()

    def do_mark_clear(self) -> None:
        self.table.clear_marks()
        self.host.crumbs_changed()

    def _sort(self, *keys: str) -> None:
        for key in keys:
            for position, column in enumerate(self.table.columns):
                if column.key == key:
                    self.table.sort_by(position)
                    return
        self.host.say("This list has no such column.")

    def do_sort_name(self) -> None:
        self._sort("name")

    def do_sort_age(self) -> None:
        self._sort("age")

    def do_sort_state(self) -> None:
        self.table.sort_by_state()

    def do_sort_column(self) -> None:
        if self.table.selected is None:
            self.host.say("Choose a column with shift-left and shift-right first.")
        else:
            self.table.sort_by(self.table.selected)

    def do_column_left(self) -> None:
        self.table.select_column(-1)

    def do_column_right(self) -> None:
        self.table.select_column(1)

    # opening

    def do_open(self) -> None:
        row = self.row
        if row is None:
            return
        kind = self.kind_of(row)
        if kind.opens == "namespace":
            self.host.enter_namespace(row.name)
        elif kind.opens == "pods":
            self.do_used_by()
        else:
            self._open(kind.opens)

    def do_describe(self) -> None:
        self._open("describe")

    def do_manifest(self) -> None:
        self._open("manifest")

    def do_logs(self) -> None:
        self._open("logs")

    def do_logs_previous(self) -> None:
        self._open("logs", "previous")

    def do_gpus(self) -> None:
        self._open("gpus")

    # copying

    def do_copy_name(self) -> None:
        source = self.table.rows.source
        names = [source[key].name for key in self.table.rows.chosen() if key in source]
        if names:
            self.host.copy("\n".join(names), f"{names[0]!r}" if len(names) == 1 else f"{len(names)} names")

    def do_copy_namespace(self) -> None:
        row = self.row
        if row is not None and row.namespace:
            self.host.copy(row.namespace, f"the namespace {row.namespace!r}")

    def do_copy_command(self) -> None:
        row = self.row
        if row is None:
            return
        parts = ["kubectl", "--context", self.host.cluster.context]
        parts += ["-n", row.namespace] if row.namespace else []
        parts += ["get", self.kind_of(row).qualified, row.name]
        self.host.copy(shlex.join(parts), "the kubectl command")

    # relations and namespaces

    def do_used_by(self) -> None:
        """The pods of this object."""
        row = self.row
        if row is None:
            return
        kind = self.kind_of(row)
        if kind.kind not in OWNERS:
            self.host.say(f"Which pods use a {kind.kind} is not known from lists: d describes it.")
            return
        place = Place("list", kind="pods", key=self._key(row), option=f"of {kind.kind}")
        self.host.go(place.narrowed(namespaces=(row.namespace,) if row.namespace else self.place.namespaces))

    def do_owner(self) -> None:
        """The object this one belongs to."""
        row = self.row
        if row is None:
            return
        word, name = owner_of(row)
        if not word:
            self.host.say(f"{row.name} names no owner here: d describes it.")
            return
        try:
            kind = self.host.cluster.catalog.find(word)
        except ConsoleError as error:
            self.host.say(str(error), bad=True)
            return
        key = f"{row.namespace}/{name}" if kind.namespaced else name
        view = kind.opens if kind.opens == "replicas" else "describe"
        self.host.go(Place(view, kind=kind.name, key=key, namespaces=self.place.namespaces))

    def do_logs_owner(self) -> None:
        """The logs of every replica of the job this row belongs to."""
        row = self.row
        word, name = owner_of(row) if row is not None else ("", "")
        if not word:
            self._open("logs")
            return
        try:
            kind = self.host.cluster.catalog.find(word)
        except ConsoleError as error:
            self.host.say(str(error), bad=True)
            return
        self.host.go(Place("logs", kind=kind.name, key=f"{row.namespace}/{name}", namespaces=self.place.namespaces))

    def do_warp(self) -> None:
        """Stay in the namespace of this row."""
        row = self.row
        if row is not None and row.namespace:
            self.host.choose_namespaces((row.namespace,))
