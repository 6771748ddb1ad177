"""From view to view: the stack that esc goes back along, history, the command line and the keys every view has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from textual.containers import Container

from console.errors import ConsoleError, Exit, UsageError
from screens.asking import CommandAsking
from screens.base import View
from screens.commands import Command, parse
from screens.connecting import ConnectingView
from screens.finding import PaletteAsking
from screens.places import History, Place
from screens.registry import WORDS, open_view
from screens.terminal import TerminalApp
from screens.widgets.prompt import Asking, Prompt

if TYPE_CHECKING:
    from console.cluster.session import Target
    from console.kinds.base import Kind
    from screens.cluster import Cluster

_DEEPEST = 24  # views kept on the stack


class NavigatingApp(TerminalApp, inherit_bindings=False):
    """An app of views over one cluster at a time."""

    def __init__(self, target: Target) -> None:
        super().__init__()
        self.target = target
        self.linked: Cluster | None = None
        self.failure: ConsoleError | None = None  # why there is no cluster, or why the console ends
        self.switched = False  # whether another context than the command line's was asked for
        self.views: list[View] = []
        self.scope: tuple[str, ...] = ()  # namespaces in force; () is every namespace
        self._recent: list[str] = []
        self._history = History()

    @property
    def favourites(self) -> list[str]:
        """Namespaces on the keys 1 to 9: those of the settings, else the most recently used, else the first."""
        chosen = list(self.settings.values.favourites)
        return (chosen or [*self._recent, *(n for n in self.known_namespaces if n not in self._recent)])[:9]

    @property
    def known_namespaces(self) -> Sequence[str]:
        """Names for completion."""
        raise NotImplementedError

    @property
    def known_contexts(self) -> Sequence[str]:
        """Names for completion."""
        raise NotImplementedError

    @property
    def context_name(self) -> str:
        """The connected context, or the one that was asked for."""
        return self.linked.context if self.linked is not None else self.target.context or ""

    @property
    def front(self) -> View:
        """The view in front."""
        return self.views[-1]

    def begin(self) -> None:
        """Connect to the target."""
        raise NotImplementedError

    def reread(self) -> object:
        """Read credentials and kinds again."""
        raise NotImplementedError

    def status_changed(self) -> None:
        """Draw the lines around the view again."""
        raise NotImplementedError

    def ask(self, asking: Asking, text: str = "") -> None:
        """Open the prompt."""
        raise NotImplementedError

    # the stack

    def go(self, place: Place) -> None:
        """Open a place on top of the view in front."""
        try:
            view = open_view(self, place)  # type: ignore[arg-type]
        except ConsoleError as error:
            self.say(str(error), bad=True)
            return
        if self.views:
            self._remember()
            self.front.display = False
        if len(self.views) >= _DEEPEST:
            self.views.pop(1).remove()
        self._push(view)
        self._history.visit(place)

    def go_back(self) -> None:
        """Close the view in front and come back to the one under it."""
        if len(self.views) > 1:
            self._drop()
            self._history.visit(self.front.place)
            self._show()
        else:
            self.say("This is the first view. :q or ctrl-c leaves.")

    def open_root(self, place: Place) -> None:
        """Close every view and open one."""
        while self.views:
            self._drop()
        self._push(open_view(self, place))  # type: ignore[arg-type]

    def _again(self, place: Place | None, *, visit: bool = False) -> None:
        if place is None:
            self.say("There is nothing further that way.")
        else:
            self.jump(place, visit=visit)

    def jump(self, place: Place, *, visit: bool = True) -> None:
        """Open a place over the start view, as a command does: esc then leads to the start."""
        if self.front.place.view == place.view == "start":
            return
        self._remember()
        while len(self.views) > 1:
            self._drop()
        if self.front.place.view != "start" or place.view == "start":
            self.open_root(Place("start"))
        else:
            self.front.display = False
        if visit:
            self._history.visit(place)
        if place.view == "start":
            return
        try:
            self._push(open_view(self, place))  # type: ignore[arg-type]
        except ConsoleError as error:
            self.say(str(error), bad=True)
            self._show()

    def _push(self, view: View) -> None:
        self.views.append(view)
        self.query_one("#body", Container).mount(view)
        self.call_after_refresh(self._arrived, view)

    def _arrived(self, view: View) -> None:
        if self.views and view is self.front:
            self._show()

    def _show(self) -> None:
        view = self.front
        view.display = True
        if not self.query_one(Prompt).open:  # what is being typed goes on
            view.focus()
        view.entered()
        self.status_changed()

    def _drop(self) -> None:
        view = self.views.pop()
        view.left()
        view.remove()

    def _remember(self) -> None:
        """Leave the view in front, and keep in history where its cursor stood."""
        self.front.left()
        self._history.update(self.front.place)

    # commands

    def start_at(self, first: Place) -> None:
        """The first view on a new cluster; what the command line asked for must exist, or the console ends."""
        self.scope = first.namespaces
        self.open_root(Place("start", namespaces=self.scope))
        self._history = History()
        self._history.visit(self.front.place)
        if first.view != "command":
            return
        try:
            place = self._meant(parse(first.option), first.key)
        except ConsoleError as error:
            self.failure = error
            self.exit(int(error.exit_code))
            return
        if place.view == "start":
            return
        self.views[0].left()
        self.views[0].display = False
        self._push(open_view(self, place))  # type: ignore[arg-type]
        self._history.visit(place)

    def command(self, text: str) -> str:
        """Do what was typed after the colon; returns "" or the sentence why not."""
        wanted = parse(text)
        try:
            return self._do_command(wanted)
        except ConsoleError as error:
            return str(error)

    def _do_command(self, wanted: Command) -> str:
        if wanted.word in ("q", "q!", "quit", "exit"):
            self.do_quit()
        elif wanted.word in ("ctx", "context", "contexts") and not wanted.argument and not wanted.context:
            self.go(Place("contexts"))
        elif wanted.word in ("ctx", "context", "contexts"):
            self.switch_context(wanted.context or wanted.argument, Place("start"))
        elif wanted.context and self.linked is not None and wanted.context != self.linked.context:
            line = " ".join(filter(None, (wanted.word, wanted.argument, f"/{wanted.filter}" if wanted.filter else "")))
            self.switch_context(wanted.context, Place("command", option=line) if wanted.word else Place("start"))
        elif wanted.word == "save":
            return self.front.save_as(wanted.argument or "csv")
        elif wanted.word in ("ns", "namespace", "namespaces") and wanted.namespaces is not None:
            self.choose_namespaces(wanted.namespaces)
        elif wanted.word or wanted.filter:
            if not wanted.word:
                self.front.changed(self.front.place.narrowed(filter=wanted.filter))
            else:
                self.jump(self._meant(wanted))
        return ""

    def _meant(self, wanted: Command, name: str = "") -> Place:
        """The place a command means; ConsoleError for a kind that is not known or not installed."""
        if wanted.namespaces is not None:
            self._use(wanted.namespaces)
        if wanted.word in WORDS:
            return Place(WORDS[wanted.word], namespaces=self.scope, filter=wanted.filter, key=name)
        if self.linked is None:
            raise ConsoleError("There is no cluster yet.", "ctrl-r connects again, :ctx chooses another one.")
        kind = self.linked.catalog.find(wanted.word)
        if name:
            return self.object_place(kind, self._key(kind, name))
        scope = self.scope if kind.namespaced else ()
        return Place("list", kind=kind.name, namespaces=scope, filter=wanted.filter, selector=wanted.selector)

    def _key(self, kind: Kind, name: str) -> str:
        if not kind.namespaced or "/" in name or self.linked is None:
            return name
        return f"{self.scope[0] if self.scope else self.linked.namespace}/{name}"

    def object_place(self, kind: Kind, key: str) -> Place:
        """What enter opens of an object of a kind."""
        view = kind.opens
        return Place(view, kind=kind.name, key=key, namespaces=self.scope)

    def choose_namespaces(self, namespaces: tuple[str, ...]) -> None:
        """Show these namespaces (none: all), here and in what is opened next."""
        self._use(namespaces)
        self.front.changed(self.front.place.narrowed(namespaces=namespaces))
        self.status_changed()

    def _use(self, namespaces: tuple[str, ...]) -> None:
        self.scope = namespaces
        for name in namespaces:
            self._recent = [name, *(other for other in self._recent if other != name)][:9]

    def enter_namespace(self, name: str) -> None:
        """Open what runs in a namespace: its jobs, or its pods where nothing trains."""
        self._use((name,))
        kind = "jobs" if self.linked is not None and self.linked.catalog.get("jobs") is not None else "pods"
        self.go(Place("list", kind=kind, namespaces=(name,)))

    def switch_context(self, name: str, then: Place) -> None:
        """Leave this cluster and connect to another context."""
        if not name:
            raise UsageError("No context was named.", ":ctx lists them.")
        old, self.linked = self.linked, None
        self.switched = True
        self.target = replace(self.target, context=name, namespace=None)
        self.first = then
        self.scope = ()
        self.open_root(Place("connecting"))
        if old is not None:
            self.run_worker(old.close(), group="closing", exit_on_error=False)
        self.begin()

    first: Place

    # keys every view has

    def do_quit(self) -> None:
        """Leave; without a cluster, with the exit code of why there is none."""
        self.exit(int(self.failure.exit_code if self.failure is not None else Exit.FINE))

    def do_command(self) -> None:
        """Open the command prompt."""
        self.ask(CommandAsking(self))

    def do_help(self) -> None:
        """Show the keys of the view in front."""
        self.go(Place("help"))

    def do_aliases(self) -> None:
        """List every kind with its spellings."""
        self.go(Place("aliases"))

    def do_view_last(self) -> None:
        """Go to the view before, to and fro."""
        self._again(self._history.last(), visit=True)

    def do_history_back(self) -> None:
        """Go back in history."""
        self._again(self._history.back())

    def do_history_forward(self) -> None:
        """Go forward in history."""
        self._again(self._history.forward())

    def do_refresh(self) -> None:
        """Read again from the server, or connect again; the whole screen is drawn again."""
        self.repaint()
        if self.linked is None:
            if isinstance(self.front, ConnectingView):
                self.front.progressed("connecting")
            self.begin()
        else:
            self.reread()

    def do_palette(self) -> None:
        """Find any object, kind or action."""
        self.ask(PaletteAsking(self))

    def do_toggle_header(self) -> None:
        """Show or hide the status line."""
        top = self.query_one("#top")
        top.display = not top.display
