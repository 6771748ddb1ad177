"""Logs: of one pod's containers, or of all replicas of a job merged by time and marked with their rank."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from textual import work
from textual.app import ComposeResult

from console.live.loglines import LogBuffer, LogLine
from screens.asking import FilterAsking
from screens.base import Host, View
from screens.following import Batch, Following
from screens.places import Place
from screens.relations import belongs_to
from screens.widgets.loglines import LogLines

if TYPE_CHECKING:
    from console.kinds.base import Kind
    from console.live.joblogs import LogStream, LogTarget

# Keys 0 to 6, as k9s has them: the tail, then the last so many seconds.
_SINCE = (None, 60.0, 300.0, 900.0, 1800.0, 3600.0, 21600.0)
_SINCE_WORDS = ("tail", "1m", "5m", "15m", "30m", "1h", "6h")


class LogsView(View):
    """One merged log. The option of the place: `previous`, or the name of a container."""

    scopes: ClassVar[tuple[str, ...]] = ("logs",)

    def __init__(self, host: Host, place: Place) -> None:
        super().__init__(host, place)
        values = host.settings.values
        self.kind: Kind = host.cluster.catalog.find(place.kind)
        self.buffer = LogBuffer(values.log_bytes)
        self.lines = LogLines(host.palette, self.buffer)
        self.previous = place.option == "previous"
        self.container = "" if self.previous else place.option
        self.since = 0  # index into _SINCE
        self._containers: Sequence[str] = ()
        self._stream: LogStream | None = None
        self._following: Following | None = None
        self._filter = ""
        self._pending = False

    def compose(self) -> ComposeResult:
        yield self.lines

    # what the lines around the view show

    @property
    def crumb(self) -> str:
        return f"{self.place.name} logs"

    @property
    def title(self) -> str:
        stream, lines = self._stream, self.lines
        parts = [f"/{self._filter}"] if self._filter else []
        if lines.matched is not None and not self._filter:
            parts.append(f"search {lines.matched.pattern}")
        parts += [f"container {self.container}"] if self.container else []
        parts += ["PREVIOUS"] if self.previous else []
        parts += [f"since {_SINCE_WORDS[self.since]}"] if self.since else []
        parts.append("following" if lines.following else "stopped")
        if stream is not None and len(stream.targets) > 1:
            parts.append(f"{stream.live}/{len(stream.targets)} streams")
        if stream is not None and stream.left_out:
            parts.append(f"{stream.left_out} MORE NOT READ")
        if self.buffer.dropped:
            parts.append(f"{self.buffer.dropped} OLDER LINES DROPPED")
        return "  ".join(parts)

    @property
    def position(self) -> str:
        at, count = self.lines.position
        return f"{at}/{count}"

    # lifecycle

    def entered(self) -> None:
        if self._following is None:
            namespaces = (self.place.namespace,) if self.place.namespace else ()
            self._following = self.follow("pods", self._pods_changed, namespaces)
        if self._stream is None:
            self._start()

    def left(self) -> None:
        self._end()
        self._following = None
        super().left()

    def on_unmount(self) -> None:
        self._end()

    def _start(self) -> None:
        from console.live.joblogs import LogOptions, LogStream

        values = self.host.settings.values
        options = LogOptions(
            follow=not self.previous, since=_SINCE[self.since], tail=values.log_tail, previous=self.previous
        )
        self._stream = LogStream(self.host.cluster.session, self.buffer, options)
        self._stream.subscribe(self._arrived)
        self.lines.empty = "Looking for the containers ..."
        self._find()

    def _end(self) -> None:
        stream, self._stream = self._stream, None
        if stream is not None:
            self.app.run_worker(stream.stop(), exit_on_error=False)

    def _restart(self) -> None:
        """Read again with other options."""
        self._end()
        self.buffer.clear()
        self.lines.accept(self._accepts())
        self._start()
        self.host.status_changed()

    @work(exclusive=True, exit_on_error=False)
    async def _find(self) -> None:
        """Wait for the pods, then read their containers."""
        following = self._following
        if following is None:
            return
        await following.board.complete()
        self._follow_pods()
        if self._stream is not None and not self._stream.targets:
            self.lines.empty = f"{self.kind.kind} {self.place.key} has no pod with a container that has started."
            self.lines.redraw()

    def _pods_changed(self, batch: Batch) -> None:
        if not self.previous:
            self._follow_pods()

    def _follow_pods(self) -> None:
        stream, following = self._stream, self._following
        if stream is None or following is None:
            return
        before = len(stream.targets)
        stream.follow(self._targets(list(following.board.rows.values())))
        if len(stream.targets) != before:
            several = len(stream.targets) > 1
            self.lines.labels = [target.label for target in stream.targets] if several else ()
            self.lines.empty = "Waiting for the first line ..."
            self.lines.redraw()
            self.host.status_changed()

    def _targets(self, pods: Sequence[Any]) -> list[LogTarget]:
        """The containers to read: all of one pod, the first of each pod of anything else."""
        from console.live.joblogs import LogTarget

        place = self.place
        if self.kind.kind == "Pod":
            found = [pod for pod in pods if pod.key == place.key]
            self._containers = found[0].containers if found else ()
            return [
                LogTarget(pod.namespace, pod.name, name, name)
                for pod in found
                for name in pod.containers
                if not self.container or name == self.container
            ]
        belongs = belongs_to(self.kind.kind, place.namespace, place.name)
        mine = sorted((pod for pod in pods if belongs(pod) and pod.containers), key=_by_rank)
        return [
            LogTarget(pod.namespace, pod.name, pod.containers[0], _label(pod, place.name))
            for pod in mine
            if pod.started or self.previous
        ]

    def _arrived(self) -> None:
        """New lines: draw at most a few times a second."""
        if not self._pending:
            self._pending = True
            self.set_timer(2 / self.host.frames, self._draw)

    def _draw(self) -> None:
        self._pending = False
        self.lines.arrived()

    def on_log_lines_moved(self, message: LogLines.Moved) -> None:
        message.stop()
        self.host.crumbs_changed()

    # moving

    def do_down(self) -> None:
        self.lines.scroll(1)

    def do_up(self) -> None:
        self.lines.scroll(-1)

    def do_top(self) -> None:
        self.lines.edge(end=False)

    def do_bottom(self) -> None:
        self.lines.edge(end=True)

    def do_page_down(self) -> None:
        self.lines.scroll(max(1, self.lines.size.height - 1))

    def do_page_up(self) -> None:
        self.lines.scroll(1 - max(2, self.lines.size.height))

    # filter, matches, errors

    def do_search(self) -> None:
        """Ask for a filter: lines that match stay, `!` turns it round."""
        self.host.ask(FilterAsking(self._narrow, self._filter), self._filter)

    def _narrow(self, text: str, final: bool) -> str:
        try:
            pattern = re.compile(text.removeprefix("!").strip(), re.IGNORECASE)
        except re.error as error:
            return f"{text!r} is not a regular expression: {error.msg}."
        self._filter = text.strip()
        self.lines.matched = pattern if self._filter and not text.startswith("!") else None
        self.lines.accept(self._accepts())
        self.host.status_changed()
        return ""

    def _accepts(self) -> Callable[[LogLine], bool] | None:
        text = self._filter
        if not text.lstrip("!").strip():
            return None
        search = re.compile(text.removeprefix("!").strip(), re.IGNORECASE).search
        if text.startswith("!"):
            return lambda line: search(line.text) is None
        return lambda line: search(line.text) is not None

    def do_next_match(self) -> None:
        self._match(1)

    def do_previous_match(self) -> None:
        self._match(-1)

    def _match(self, direction: int) -> None:
        """Go to the next match among all lines: the first press shows what stands around the matches."""
        matched = self.lines.matched
        if matched is None:
            self.do_search()
            return
        if self._filter:
            self._filter = ""
            self.lines.accept(None)
        if not self.lines.go_to(lambda line: matched.search(line.text) is not None, direction):
            self.host.say(f"No {'further' if direction > 0 else 'earlier'} match of {matched.pattern!r}.")

    def do_next_error(self) -> None:
        """Go to the next error below; from the end, to the first one."""
        from_end = self.lines.following
        if from_end:
            self.lines.edge(end=False)
        if self.lines.go_to(lambda line: line.level == "E", 1):
            return
        if from_end:
            self.lines.edge(end=True)
        self.host.say("There is no error in these lines." if from_end else "No further error: G goes to the end.")

    # how it is shown

    def do_follow(self) -> None:
        if self.lines.following:
            self.lines.scroll(-1)
        else:
            self.lines.edge(end=True)

    def do_timestamps(self) -> None:
        self.lines.timestamps = not self.lines.timestamps
        self.lines.redraw()

    def do_wrap(self) -> None:
        self.lines.wrap = not self.lines.wrap
        self.lines.redraw()

    def do_full_screen(self) -> None:
        self.do("toggle_header")

    def do_previous(self) -> None:
        """The log of the container before its last restart, or the present one again."""
        self.previous = not self.previous
        self._restart()

    def do_container(self) -> None:
        """One container of the pod after the other, then all again."""
        names = ["", *self._containers]
        if len(names) > 2:
            self.container = names[(names.index(self.container) + 1) % len(names)]
            self._restart()
        else:
            self.host.say("There is one container only.")

    def do_mark(self) -> None:
        if self._stream is not None:
            self._stream.remark("-" * 40)

    def do_clear(self) -> None:
        self.buffer.clear()
        self.lines.accept(self._accepts())

    def do_back(self) -> None:
        """Take filter and search away first, then go back."""
        if self._filter or self.lines.matched is not None:
            self._filter = ""
            self.lines.matched = None
            self.lines.accept(None)
            self.host.status_changed()
        else:
            self.host.go_back()

    def _go_since(self, index: int) -> None:
        self.since = index
        self._restart()

    def do_since_0(self) -> None:
        self._go_since(0)

    def do_since_1(self) -> None:
        self._go_since(1)

    def do_since_2(self) -> None:
        self._go_since(2)

    def do_since_3(self) -> None:
        self._go_since(3)

    def do_since_4(self) -> None:
        self._go_since(4)

    def do_since_5(self) -> None:
        self._go_since(5)

    def do_since_6(self) -> None:
        self._go_since(6)

    # out of here

    def do_copy_all(self) -> None:
        self.host.copy("\n".join(self.lines.texts) + "\n", f"{len(self.lines.texts)} lines")

    def do_save(self) -> None:
        self.host.save(f"{self.place.name}.log", "\n".join(self.lines.texts) + "\n")


def _by_rank(pod: Any) -> tuple[bool, str, int, str]:
    return (pod.role not in ("master", "chief", "launcher"), pod.role, pod.index, pod.name)


def _label(pod: Any, job: str) -> str:
    """`worker-3`, or what distinguishes the pod's name from its owner's."""
    if pod.role and pod.index >= 0:
        return f"{pod.role}-{pod.index}"
    return str(pod.name).removeprefix(f"{job}-")
