"""What views of one object's text share: scrolling, searching, links, copying, and the object kept current."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from textual import work
from textual.app import ComposeResult

from console.errors import ConsoleError
from console.text import clean
from screens.asking import SearchAsking
from screens.base import Host, View
from screens.places import Place
from screens.widgets.lines import Line, Lines, highlighted, plain

if TYPE_CHECKING:
    from console.kinds.base import Kind
    from console.kinds.detail import Detail
    from console.kinds.freshness import BoardFreshness
    from console.kinds.relations import Link


class TextView(View):
    """Lines of text that a person scrolls and searches."""

    scopes: ClassVar[tuple[str, ...]] = ("detail",)

    def __init__(self, host: Host, place: Place) -> None:
        super().__init__(host, place)
        self.lines = Lines(host.palette, reading=True)
        self._shown: Sequence[Line] = ()
        self._search: re.Pattern[str] | None = None

    def compose(self) -> ComposeResult:
        yield self.lines

    @property
    def position(self) -> str:
        top, count = self.lines.position
        return f"{min(top + 1, count)}/{count}"

    def show(self, lines: Sequence[Line]) -> None:
        """Take new lines; what is searched for stays marked."""
        self._shown = lines
        self._draw()

    def _draw(self) -> None:
        search, style = self._search, self.host.palette.mark + self.host.palette.cursor
        lines = self._shown if search is None else [highlighted(line, search, style) for line in self._shown]
        self.lines.show(lines)

    def on_lines_cursor_moved(self, message: Lines.CursorMoved) -> None:
        message.stop()
        self.host.crumbs_changed()

    # moving

    def do_down(self) -> None:
        self.lines.scroll(1)

    def do_up(self) -> None:
        self.lines.scroll(-1)

    def do_top(self) -> None:
        self.lines.scroll(-len(self._shown))

    def do_bottom(self) -> None:
        self.lines.scroll(len(self._shown))

    def do_page_down(self) -> None:
        self.lines.scroll(max(1, self.lines.size.height - 1))

    def do_page_up(self) -> None:
        self.lines.scroll(1 - max(2, self.lines.size.height))

    # searching

    def do_search(self) -> None:
        """Ask for a text to search."""
        self.host.ask(SearchAsking(self.search), self._search.pattern if self._search else "")

    def search(self, text: str) -> str:
        """Mark what matches and go to the first match from here; returns what is wrong with the text."""
        try:
            self._search = re.compile(text, re.IGNORECASE) if text else None
        except re.error as error:
            return f"{text!r} is not a regular expression: {error.msg}."
        self._draw()
        if self._search is not None and not self._go_to_match(1, from_here=True):
            self.host.say(f"Nothing matches {text!r}.")
        return ""

    def do_next_match(self) -> None:
        self._next_match(1)

    def do_previous_match(self) -> None:
        self._next_match(-1)

    def _next_match(self, direction: int) -> None:
        if self._search is None:
            self.do_search()
        elif not self._go_to_match(direction):
            self.host.say(f"No {'further' if direction > 0 else 'earlier'} match of {self._search.pattern!r}.")

    def _go_to_match(self, direction: int, *, from_here: bool = False) -> bool:
        search = self._search
        if search is None:
            return False
        top = self.lines.position[0]
        found = [index for index, line in enumerate(self._shown) if search.search(line.text)]
        ahead = [index for index in found if (index - top) * direction > (-1 if from_here else 0)]
        if not ahead and from_here:
            ahead = found
        if not ahead:
            return False
        target = ahead[0] if direction > 0 else ahead[-1]
        self.lines.scroll(target - top)
        return True

    def do_back(self) -> None:
        """Take the search away first, then go back."""
        if self._search is not None:
            self._search = None
            self._draw()
        else:
            self.host.go_back()

    # out of here

    @property
    def text(self) -> str:
        """Everything shown, as text."""
        return "\n".join(line.text.rstrip() for line in self._shown) + "\n"

    def do_copy_all(self) -> None:
        self.host.copy(self.text, f"the text of {self.place.name or self.crumb}")

    def do_save(self) -> None:
        self.host.save(f"{self.place.name or self.crumb}.txt", self.text)


class ObjectView(TextView):
    """One object, read again when the cluster says that it changed."""

    def __init__(self, host: Host, place: Place) -> None:
        super().__init__(host, place)
        self.kind: Kind = host.cluster.catalog.find(place.kind)
        self._detail: Detail | None = None

    @property
    def crumb(self) -> str:
        return f"{self.kind.kind} {self.place.name}"

    @property
    def freshness(self) -> BoardFreshness | None:
        return self._detail.freshness if self._detail is not None else None

    def entered(self) -> None:
        self._detail = self.host.cluster.detail(self.place.kind, self.place.key, self._changed)
        self._read()

    def left(self) -> None:
        if self._detail is not None:
            self._detail.close()
            self._detail = None
        super().left()

    def _changed(self) -> None:
        """The watch saw something: read and draw, at most a few times a second."""
        self.set_timer(1 / self.host.frames, self._read)

    @work(exclusive=True, exit_on_error=False)
    async def _read(self) -> None:
        detail = self._detail
        if detail is None:
            return
        if not detail.current:
            try:
                await detail.read()
            except ConsoleError as error:
                self.show([plain(clean(error.sentence), self.host.palette.error), plain(error.step)])
                return
        if self._detail is detail:
            self.draw_object(detail)
            self.host.status_changed()

    def draw_object(self, detail: Detail) -> None:
        """Show what is known of the object now."""
        raise NotImplementedError

    def tick(self) -> None:
        if self._detail is not None and self._detail.manifest is not None:
            self.draw_object(self._detail)

    def notice(self, detail: Detail) -> list[Line]:
        """A line on top where what is shown is not the present truth."""
        if detail.gone:
            return [plain("This object has been deleted; what is shown is its last state.", self.host.palette.warning)]
        if detail.error is not None:
            return [plain(f"Not read again: {clean(str(detail.error))}", self.host.palette.warning)]
        return []

    # to other views of the object

    def _open(self, view: str) -> None:
        self.host.go(self.place.narrowed(view=view, option=""))

    def do_describe(self) -> None:
        if self.place.view != "describe":
            self._open("describe")

    def do_manifest(self) -> None:
        if self.place.view != "manifest":
            self._open("manifest")

    def do_logs(self) -> None:
        self._open("logs")

    # along links

    def do_next_link(self) -> None:
        self.lines.move(1)

    def do_previous_link(self) -> None:
        self.lines.move(-1)

    def do_open(self) -> None:
        line = self.lines.current
        if line is None:
            self.host.say("There is no link here: tab goes to the next one.")
        else:
            self.follow_link(line.target)

    def do_owner(self) -> None:
        links = self._detail.links() if self._detail is not None else []
        owner = next((link for link in links if link.relation == "owner"), None)
        if owner is None:
            self.host.say(f"{self.place.name} has no owner.")
        else:
            self.follow_link(owner)

    def follow_link(self, link: Link) -> None:
        """Open another object."""
        group = link.api.rpartition("/")[0]
        try:
            kind = self.host.cluster.catalog.find(f"{link.kind}.{group}" if group else link.kind)
        except ConsoleError as error:
            self.host.say(str(error), bad=True)
            return
        key = f"{link.namespace}/{link.name}" if link.namespace else link.name
        view = "replicas" if kind.opens == "replicas" else "describe"
        self.host.go(Place(view, kind=kind.name, key=key, namespaces=self.place.namespaces))
