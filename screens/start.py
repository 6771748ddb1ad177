"""The start view: what is broken, whose and since when; what trains; GPUs; namespaces; the platform."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from textual import work
from textual.app import ComposeResult

from console.errors import ConsoleError
from console.kinds.base import Kind
from console.text import clean
from screens import overview
from screens.asking import FilterAsking
from screens.base import Host
from screens.filters import parse
from screens.following import Batch, Following
from screens.panes import PanesView
from screens.places import Place
from screens.widgets.lines import Line, Lines

if TYPE_CHECKING:
    from console.kinds.attention import Item
    from console.kinds.freshness import BoardFreshness
    from console.telemetry.gpuwatch import GpuWatch

_LOOK = 30.0  # seconds between readings of which GPUs are idle
_FIRST, _AGAIN = 0.15, 2.0  # seconds from a change until the lines are made again: at first, and later

# kind -> the part of Facts it fills
_FACTS = {
    "pods": "pods",
    "jobs": "jobs",
    "nodes": "nodes",
    "namespaces": "namespaces",
    "deployments": "deployments",
    "statefulsets": "statefulsets",
    "daemonsets": "daemonsets",
    "persistentvolumeclaims": "claims",
    "experiments": "experiments",
    "inferenceservices": "services",
    "notebooks": "notebooks",
    "workflows": "workflows",
    "events": "events",
}
_FAMILIES = {
    "pytorchjobs": "training",
    "trainjobs": "trainer",
    "workflows": "pipelines",
    "experiments": "katib",
    "inferenceservices": "kserve",
    "notebooks": "notebooks",
    "clusterqueues": "kueue",
}


class StartView(PanesView):
    """Filled as pages arrive, never empty; every line with a cursor leads somewhere."""

    DEFAULT_CSS = "StartView { layout: horizontal; } StartView #whole { dock: bottom; height: 2; }"

    def __init__(self, host: Host, place: Place) -> None:
        super().__init__(host, place)
        self.whole = Lines(host.palette, cursor=False, id="whole")  # the sentence of the line under the cursor, uncut
        self._sentences: dict[str, str] = {}
        self._boards: dict[str, Following] = {}
        self._watch: GpuWatch | None = None
        self._accept: Callable[[str], bool] | None = parse(place.filter).accept
        self._unfolded: set[str] = set()
        self._scheduled = False
        self._drawn = 0

    def compose(self) -> ComposeResult:
        yield from super().compose()
        yield self.whole

    def on_mount(self) -> None:
        self.set_interval(_LOOK, self._look)

    # what the lines around the view show

    @property
    def crumb(self) -> str:
        return "start"

    @property
    def title(self) -> str:
        scope = f"in {','.join(self.place.namespaces)}" if self.place.namespaces else ""
        return "  ".join(filter(None, (scope, f"/{self.place.filter}" if self.place.filter else "")))

    @property
    def freshness(self) -> BoardFreshness | None:
        """The worst of what the view is made of; lists that are refused are named in it instead."""
        found = [following.board.freshness for following in self._boards.values()]
        for phase in ("stale", "loading", "live", "denied"):
            for fresh in found:
                if fresh.phase == phase:
                    return fresh
        return found[0] if found else None

    # lifecycle

    def entered(self) -> None:
        catalog = self.host.cluster.catalog
        for name in _FACTS:
            if name not in self._boards and catalog.get(name) is not None:
                scope = self.place.namespaces if name not in ("nodes", "namespaces") else ()
                following = self.follow(name, self._deliver, scope)
                if following is not None:
                    self._boards[name] = following
        self._watch = self.host.cluster.gpu_watch({name: found.board for name, found in self._boards.items()})
        self._make()
        self._look()

    def left(self) -> None:
        super().left()
        self._boards.clear()
        self._watch = None

    def changed(self, place: Place) -> None:
        scope = place.namespaces != self.place.namespaces
        self._accept = parse(place.filter).accept
        super().changed(place)
        if scope:
            self.left()
            self.entered()
        else:
            self._make()
        self.host.status_changed()

    @work(exclusive=True, group="figures", exit_on_error=False)
    async def _look(self) -> None:
        """Read which GPUs are held and do nothing; nothing where the view is not in front."""
        watch = self._watch
        if watch is not None:
            await watch.look()
            if self._watch is watch:
                self._make()

    def tick(self) -> None:
        self._make()

    def resized(self) -> None:
        self._make()

    def _deliver(self, batch: Batch) -> None:
        if not self._scheduled:
            self._scheduled = True
            self.set_timer(_FIRST if self._drawn < 8 else _AGAIN, self._make_scheduled)

    def _make_scheduled(self) -> None:
        self._scheduled = False
        if self._boards:
            self._make()
            self.host.status_changed()

    # lines

    def _rows(self, name: str) -> list[Any]:
        following = self._boards.get(name)
        return list(following.board.rows.values()) if following is not None else []

    def _loading(self, *names: str) -> str:
        """Words for what has not arrived yet."""
        words = []
        for name in names:
            following = self._boards.get(name)
            if following is None:
                continue
            fresh = following.board.freshness
            if fresh.phase == "loading":
                total = f"/{fresh.loaded + fresh.remaining}" if fresh.remaining else ""
                words.append(f"{name} {fresh.loaded}{total}" if fresh.loaded else name)
            elif fresh.phase in ("denied", "absent"):
                words.append(f"{name} not readable")
        loading = [word for word in words if "not readable" not in word]
        refused = [word for word in words if "not readable" in word]
        return "  ".join([*(["loading " + ", ".join(loading) + " ..."] if loading else []), *refused])

    def _make(self) -> None:
        if not self.size.width or not self._boards:
            return
        self._drawn += 1
        two = self.right_pane.display
        width = self.left_pane.size.width or self.size.width
        left, right = self._left_lines(width, two), self._right_lines(two)
        self.left_pane.show(left if two else [*left, overview.styled(""), *right])
        if two:
            self.right_pane.show(right)
        self._show_whole()
        self.host.crumbs_changed()

    def on_lines_cursor_moved(self, message: Lines.CursorMoved) -> None:
        message.stop()
        self._show_whole()
        self.host.crumbs_changed()

    def _show_whole(self) -> None:
        line = self.pane.current
        sentence = self._sentences.get(line.key, "") if line is not None else ""
        width = max(20, self.size.width - 4)
        wrapped = textwrap.wrap(sentence, width, max_lines=2, placeholder=" ...")
        self.whole.show([overview.styled(f"  {text}", self.host.palette.quiet) for text in wrapped])

    def _left_lines(self, width: int, two: bool) -> list[Line]:
        from console.kinds.attention import Facts, attention, running_jobs

        palette, now = self.host.palette, self.host.now()
        jobs = self._rows("jobs")
        pods_known = "pods" in self._boards and self._boards["pods"].board.freshness.phase != "loading"
        judged = jobs if pods_known else [job for job in jobs if job.phase == "Failed"]
        facts = Facts(**{part: judged if name == "jobs" else self._rows(name) for name, part in _FACTS.items()})
        items = attention(facts, now)
        self._sentences = {f"item {item.key}": overview.full(item) for item in items}
        note = self._loading("pods", "jobs", "nodes")
        first = overview.attention_section(items, now, width, palette, note, self._item_place)
        kind = self.host.cluster.catalog.get("jobs")
        running = running_jobs(jobs)
        health = kind.health if kind is not None else None
        self._sentences |= {f"job {job.key}": clean(job.reason) for job in running if job.reason}
        height = self.left_pane.size.height
        room = height - 6 if two else height - 10
        most = max(4, min(len(items), room * 3 // 5))
        lines = overview.lay(self._kept(first), self._limit("more attention", most), palette)
        if health is not None:
            second = overview.jobs_section(
                running, now, width, palette, self._loading("jobs"), health, lambda job: self._job_place(job)
            )
            rest = max(3, room - min(most, len(items)))
            lines += [overview.styled(""), *overview.lay(self._kept(second), self._limit("more jobs", rest), palette)]
        return lines

    def _right_lines(self, two: bool) -> list[Line]:
        palette, catalog = self.host.palette, self.host.cluster.catalog
        width = self.right_pane.size.width if two else self.size.width
        loading, watch = self._loading("nodes"), self._watch
        lines = []
        if watch is not None:
            lines += overview.gpu_lines(watch.totals(), palette, width, known=not loading)
            if two:
                nodes = list(watch.lines("node").values())
                lines += overview.node_lines(nodes, width, palette, max(4, self.size.height // 3))
        if loading:
            lines.append(overview.styled(f"  {loading}", palette.waiting))
        if two:
            lines.append(overview.styled(""))
        absent = {kind.name for kind, _ in catalog.absent()}
        installed = [word for name, word in _FAMILIES.items() if name not in absent]
        missing = [word for name, word in _FAMILIES.items() if name in absent]
        lines += overview.platform_lines(self._rows("deployments"), installed, missing, palette, width)
        section = overview.namespaces_section(self._rows("namespaces"), width, palette, self._loading("namespaces"))
        most = max(5, self.right_pane.size.height - len(lines) - 3) if two else 200
        return [
            *lines,
            overview.styled(""),
            *overview.lay(self._kept(section), self._limit("more namespaces", most), palette),
        ]

    def _limit(self, more: str, wanted: int) -> int:
        return 10_000 if more in self._unfolded else wanted

    # where lines lead

    def _find(self, word: str) -> Kind | None:
        catalog = self.host.cluster.catalog
        for kind in catalog.all():
            if kind.kind == word and not kind.table:
                return kind
        return None

    def _item_place(self, item: Item) -> Place:
        kind = self._find(item.kind)
        key = f"{item.namespace}/{item.name}" if item.namespace else item.name
        if kind is None:
            return Place("list", kind=item.view, namespaces=(item.namespace,) if item.namespace else ())
        view = kind.opens if kind.opens == "replicas" else "describe"
        return Place(view, kind=kind.name, key=key, namespaces=self.place.namespaces)

    def _job_place(self, job: Any) -> Place:
        kind = self._find(job.kind)
        name = kind.name if kind is not None else "jobs"
        return Place("replicas", kind=name, key=f"{job.namespace}/{job.name}", namespaces=self.place.namespaces)

    # keys

    def do_back(self) -> None:
        """Clear the filter, then go back."""
        if self.place.filter:
            self.changed(self.place.narrowed(filter=""))
        else:
            super().do_back()

    def do_filter(self) -> None:
        """Show only lines that match."""
        self.host.ask(FilterAsking(self._narrow, self.place.filter), self.place.filter)

    def _narrow(self, text: str, final: bool) -> str:
        try:
            if parse(text).selector:
                return "Labels filter lists: open one first, for example :pods."
        except ConsoleError as error:
            return error.sentence
        self.changed(self.place.narrowed(filter=text.strip()))
        return ""

    def _kept(self, section: overview.Section) -> overview.Section:
        """A section with the rows the filter accepts."""
        accept = self._accept
        if accept is None:
            return section
        rows = [row for row in section.rows if accept(row.text)]
        return replace(section, rows=rows, empty=f"None of {len(section.rows)} matches /{self.place.filter}.")

    def do_open(self) -> None:
        """Open what the line stands for, or unfold the rest of its section."""
        line = self.pane.current
        if line is None:
            return
        if line.key.startswith("more "):
            self._unfolded.add(line.key)
            self._make()
        elif isinstance(line.target, Place):
            self.host.go(line.target)
        elif isinstance(line.target, tuple):
            self.host.enter_namespace(line.target[1])

    def _on_object(self, view: str, option: str = "") -> None:
        line = self.pane.current
        target = line.target if line is not None else None
        if isinstance(target, Place) and target.key:
            self.host.go(target.narrowed(view=view, option=option))
        elif isinstance(target, tuple):
            self.host.go(Place(view, kind="namespaces", key=target[1]))
        else:
            self.host.say("This line stands for no single object.")

    def do_describe(self) -> None:
        """Describe the object of this line."""
        self._on_object("describe")

    def do_manifest(self) -> None:
        """YAML of the object of this line."""
        self._on_object("manifest")

    def do_logs(self) -> None:
        """Logs of the object of this line."""
        self._on_object("logs")

    def do_copy_name(self) -> None:
        """Copy the name of the object of this line."""
        line = self.pane.current
        target = line.target if line is not None else None
        name = target.name if isinstance(target, Place) else target[1] if isinstance(target, tuple) else ""
        if name:
            self.host.copy(name, repr(name))
