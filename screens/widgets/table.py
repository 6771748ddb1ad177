"""The table: 10,000 rows of which only the visible lines are ever drawn, one line at a time.

It is a plain line-API widget and not a ScrollView: a changed row count must never cost a layout, and a scrollbar
would be sent to the terminal again with every key. It holds keys and drawn cells of visible rows, never rows.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from textwrap import wrap
from typing import Any

from rich.segment import Segment
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from console.kinds.base import Column, Health, State
from console.text import fit
from screens.palette import Palette
from screens.widgets.columns import Slot, cut_name, drawn_columns, lay_out, measure, state_column
from screens.widgets.rows import Rows, by_name, ranked

_SAMPLE = 256  # rows measured for column widths before anything is drawn
_NARROW = 100  # cells from which columns stand two apart


class Table(Widget):
    """Rows by key, in columns; the view that owns it moves the cursor and hands it changes."""

    DEFAULT_CSS = "Table { height: 1fr; }"

    class CursorMoved(Message):
        """The cursor, the number of rows or the order changed: what the rule line shows is to be drawn again."""

        can_replace_previous = True

        def can_replace(self, message: Message) -> bool:
            return isinstance(message, Table.CursorMoved)

    def __init__(self, palette: Palette, *, ascii_only: bool = False, id: str | None = None) -> None:
        super().__init__(id=id)
        self.palette = palette
        self.rows = Rows()
        self.columns: Sequence[Column] = ()
        self.now: Callable[[], float] = float
        self.health: Callable[[Any, float], Health] | None = None
        self.wide = False
        self.one_namespace = False
        self.selected: int | None = None  # column chosen with shift-arrows
        self.sorted_by: int | None = None
        self.descending = False
        self.empty: Sequence[str] = ()  # lines shown where there is no row: why
        self._arrows = "v^" if ascii_only else "↓↑"
        self._top = 0
        self._skip = 0
        self._glyphs = False
        self._state: int | None = None
        self._allowed: list[int] = []
        self._slots: list[Slot] = []
        self._needed: list[int] = []
        self._gap = 2
        self._cells: dict[str, tuple[str, ...]] = {}  # of visible rows only

    # what is shown

    def show(
        self, columns: Sequence[Column], health: Callable[[Any, float], Health] | None, source: Mapping[str, Any]
    ) -> None:
        """Take columns and rows; everything is drawn again."""
        if columns is not self.columns:
            sort_key = self.columns[self.sorted_by].key if self.sorted_by is not None else ""
            keys = [column.key for column in columns]
            self.columns = columns
            self._state = state_column(columns)
            self._needed = []
            self.sorted_by = keys.index(sort_key) if sort_key in keys else None
            if self.selected is not None and self.selected >= len(columns):
                self.selected = None
        self.health = health
        self._cells.clear()
        self.rows.source = source
        self._sort()

    def changed(self, upserted: Collection[str], removed: Collection[str]) -> None:
        """Take changed rows and draw the visible lines that show them, and no others."""
        before = self._visible()
        moved = self.rows.apply(upserted, removed)
        for key in upserted:
            self._cells.pop(key, None)
        for key in removed:
            self._cells.pop(key, None)
        if not before:
            self._arrange()
            return
        self._follow(before)
        after = self._visible()
        if self._widen(after):
            return
        upserted = upserted if isinstance(upserted, set | frozenset) else set(upserted)
        for line in range(max(len(before), len(after))):
            old = before[line] if line < len(before) else ""
            new = after[line] if line < len(after) else ""
            if old != new or new in upserted:
                self._redraw(line)
        if moved:
            self.post_message(self.CursorMoved())

    def tick(self) -> None:
        """Draw ages again: the lines whose ages read differently."""
        if not any(column.ticks for column in self.columns):
            return
        old = dict(self._cells)
        self._cells.clear()
        for line, key in enumerate(self._visible()):
            if self._texts(key) != old.get(key):
                self._redraw(line)

    def explain(self, *lines: str) -> None:
        """What an empty table says."""
        if tuple(lines) != tuple(self.empty):
            self.empty = lines
            if not self.rows.order:
                self.refresh()

    @property
    def hidden_columns(self) -> int:
        """How many columns are left out for want of room."""
        return len(self._allowed) - len(self._slots)

    def widen(self) -> None:
        """Show the wide columns, or hide them again."""
        self.wide = not self.wide
        self._arrange()

    # order

    def sort_by_state(self) -> None:
        """Sort by the column of the state's word."""
        if self._state is not None:
            self.sort_by(self._state)

    def sort_by(self, position: int | None, descending: bool | None = None) -> None:
        """Sort by a column, or back by name (None); the same column again turns the order round."""
        if descending is None:
            descending = position == self.sorted_by and position is not None and not self.descending
        self.sorted_by, self.descending = position, descending
        self._sort()

    def _sort(self) -> None:
        column = self.columns[self.sorted_by] if self.sorted_by is not None else None
        self.rows.sort(_rank(column, self.now()) if column is not None else by_name, self.descending)
        self._arrange()

    def filter(self, accept: Callable[[str, Any], bool] | None) -> None:
        """Show only the rows accepted."""
        self.rows.filter(accept)
        self._arrange()

    def searched(self, key: str, row: Any) -> str:
        """The text a filter looks at: every cell of a row, also of columns that are not drawn, one a line."""
        now = self.now()
        cells = [column.cell(row, now) for column in self.columns if not column.ticks]
        return "\n".join([key, *cells])

    # moving

    def move(self, steps: int) -> None:
        """Move the cursor; costs two lines on the terminal where nothing scrolls."""
        self.put(self.rows.cursor + steps)

    def put(self, index: int) -> None:
        """Put the cursor on a row by its index."""
        before, top = self.rows.cursor, self._top
        self.rows.place(index)
        self._keep_visible()
        if self._top != top:
            self._arrange()
        elif self.rows.cursor != before:
            self._redraw(before - top)
            self._redraw(self.rows.cursor - top)
        if self.rows.cursor != before:
            self.post_message(self.CursorMoved())

    def find(self, key: str) -> bool:
        """Put the cursor on a key; False where it is not shown."""
        index = self.rows.index(key)
        if index is None:
            return False
        self.put(index)
        return True

    @property
    def page(self) -> int:
        """Rows on one screen."""
        return max(1, self.size.height - 1)

    def mark(self) -> None:
        """Mark the row under the cursor, or take its mark away, and go on to the next."""
        self.rows.mark()
        self._redraw(self.rows.cursor - self._top)
        self.move(1)

    def mark_range(self) -> None:
        """Mark from the nearest mark to the cursor."""
        self.rows.mark_range()
        self.refresh()

    def clear_marks(self) -> None:
        """Take all marks away."""
        self.rows.marks.clear()
        self.refresh()

    def sideways(self, steps: int) -> None:
        """Show other columns where not all of them fit; name and state stay."""
        if steps > 0 and len(self._slots) >= len(self._allowed):
            return
        self._skip = max(0, self._skip + steps)
        self._arrange(keep=True)

    def select_column(self, steps: int) -> None:
        """Choose the drawn column to the left or right, for sorting."""
        drawn = [slot.position for slot in self._slots]
        if not drawn:
            return
        if self.selected in drawn:
            self.selected = drawn[max(0, min(drawn.index(self.selected) + steps, len(drawn) - 1))]
        else:
            self.selected = drawn[0] if steps > 0 else drawn[-1]
        self.refresh(Region(0, 0, self.size.width, 1))

    # drawing

    def on_resize(self) -> None:
        self._arrange()

    def _visible(self) -> list[str]:
        return self.rows.order[self._top : self._top + self.page]

    def _redraw(self, line: int) -> None:
        """Draw one line of rows again; outside the screen nothing happens."""
        if 0 <= line < self.page:
            self.refresh(Region(0, line + 1, self.size.width, 1))

    def _keep_visible(self) -> None:
        """Scroll by half a screen where the cursor would leave it, so that most keys scroll nothing."""
        cursor, page = self.rows.cursor, self.page
        if cursor < self._top:
            self._top = cursor if cursor < self._top - page else max(0, cursor - page // 2)
        elif cursor >= self._top + page:
            self._top = cursor - page + 1 if cursor >= self._top + 2 * page else cursor - page // 2
        self._top = max(0, min(self._top, len(self.rows) - page))

    def _follow(self, before: Sequence[str]) -> None:
        """Keep the cursor on its screen line when rows come and go above it."""
        if self.rows.settled and self.rows.current in before:
            self._top = self.rows.cursor - before.index(self.rows.current)
        self._keep_visible()

    def _arrange(self, keep: bool = False) -> None:
        """Lay the columns out for what is visible and draw everything."""
        if not keep:
            self._keep_visible()
        if not self.size.width:
            return
        visible = self._visible()
        self._cells = {key: self._cells[key] for key in visible if key in self._cells}
        order = self.rows.order
        if not self._needed:
            sample = order if len(order) <= _SAMPLE else order[:: len(order) // _SAMPLE + 1]
            now, source = self.now(), self.rows.source
            texts = ([column.cell(source[key], now) for column in self.columns] for key in sample)
            self._needed = measure(self.columns, texts)
        self._glyphs = self.health is not None and any(self._glyph(key)[0] for key in visible)
        self._grow(visible)
        self._allowed = drawn_columns(self.columns, wide=self.wide, one_namespace=self.one_namespace)
        self._gap = 2 if self.size.width >= _NARROW else 1
        needed = list(self._needed)
        if self.sorted_by is not None:  # room for the arrow
            needed[self.sorted_by] = max(needed[self.sorted_by], len(self.columns[self.sorted_by].title) + 1)
        self._slots = lay_out(
            self.columns, self._allowed, needed, self.size.width - self._lead, gap=self._gap, skip=self._skip
        )
        self._skip = min(self._skip, max(0, len(self._allowed) - 2))
        self.refresh()
        self.post_message(self.CursorMoved())

    def _grow(self, visible: Sequence[str]) -> bool:
        needed = [
            max(pair) for pair in zip(self._needed, measure(self.columns, map(self._texts, visible)), strict=True)
        ]
        grew, self._needed = needed != self._needed, needed
        return grew

    def _widen(self, visible: Sequence[str]) -> bool:
        """Lay out again where a visible cell has outgrown its column; False where all fit."""
        if self._grow(visible):
            slots = self._slots
            self._arrange(keep=True)
            return slots != self._slots
        return False

    @property
    def _lead(self) -> int:
        return 6 if self._glyphs else 3

    def _texts(self, key: str) -> tuple[str, ...]:
        texts = self._cells.get(key)
        if texts is None:
            row, now = self.rows.source.get(key), self.now()
            if row is None:
                return ("",) * len(self.columns)
            texts = self._cells[key] = tuple(column.cell(row, now) for column in self.columns)
        return texts

    def _glyph(self, key: str) -> tuple[str, State]:
        row = self.rows.source.get(key)
        if self.health is None or row is None:
            return "", State.NONE
        state = self.health(row, self.now()).state
        return state.glyph, state

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        if y == 0:
            return self._header(width)
        line = y - 1 + self._top
        if line < len(self.rows):
            return self._row(self.rows.order[line], line == self.rows.cursor, width)
        if not self.rows.order and y >= 2:
            said = [part for sentence in self.empty for part in wrap(sentence, max(20, width - 4))]
            if y - 2 < len(said):
                return Strip([Segment(fit("  " + said[y - 2], width))], width)
        return Strip.blank(width)

    def _header(self, width: int) -> Strip:
        palette = self.palette
        segments = [Segment(" " * self._lead, palette.quiet)]
        for number, slot in enumerate(self._slots):
            column = self.columns[slot.position]
            title = column.title
            if slot.position == self.sorted_by:
                title += self._arrows[1 if self.descending else 0]
            style = palette.quiet if slot.position != self.selected else palette.quiet + palette.cursor
            if number:
                segments.append(Segment(" " * self._gap, palette.quiet))
            segments.append(Segment(fit(title, slot.width, right=column.right), style))
        return Strip(segments).adjust_cell_length(width)

    def _row(self, key: str, under_cursor: bool, width: int) -> Strip:
        palette = self.palette
        texts = self._texts(key)
        marked = key in self.rows.marks
        segments = [
            Segment(" >" if under_cursor else "  ", palette.gutter),
            Segment("*" if marked else " ", palette.mark),
        ]
        glyph, state = self._glyph(key)
        style = palette.state(state)
        if self._glyphs:
            segments.append(Segment(fit(glyph, 3), style))
        run: list[str] = []
        for number, slot in enumerate(self._slots):
            column = self.columns[slot.position]
            text = texts[slot.position]
            text = cut_name(text, slot.width) if column.key == "name" else fit(text, slot.width, right=column.right)
            if number:
                run.append(" " * self._gap)
            if column.key == "name" and under_cursor:
                body = text.rstrip()
                _flush(run, segments)
                segments.append(Segment(body or " ", palette.cursor))
                run.append(text[len(body or " ") :])
            elif slot.position == self._state:
                _flush(run, segments)
                segments.append(Segment(text, style))
            else:
                run.append(text)
        _flush(run, segments)
        return Strip(segments).adjust_cell_length(width)


def _flush(run: list[str], segments: list[Segment]) -> None:
    if run:
        segments.append(Segment("".join(run)))
        run.clear()


def _rank(column: Column, now: float) -> Callable[[str, Any], Any]:
    """How rows sort by a column; by age the newest first, and a new row finds its place without a clock."""
    if column.key == "age":
        return lambda key, row: -row.created
    return lambda key, row: ranked(column.value(row, now))
