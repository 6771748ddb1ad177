"""The console itself: one screen, a stack of views, the prompt, and the connection. It composes and routes only."""

from __future__ import annotations

import signal
import sys
import traceback
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from textual import events, work
from textual.app import ComposeResult
from textual.containers import Container
from textual.worker import Worker, WorkerState

from config import Settings, load_themes, state_folder
from console.errors import ConsoleError, Exit, UsageError
from screens.cluster import Cluster, Connect, connector, contexts
from screens.connecting import ConnectingView
from screens.messages import Connected, ConnectionFailed, Progressed, Refreshed
from screens.navigation import NavigatingApp
from screens.palette import Palette, backdrop, textual_theme
from screens.places import Place
from screens.status import Chrome
from screens.terminal import void, write_private
from screens.widgets.hints import Hints
from screens.widgets.prompt import Asking, Prompt
from screens.widgets.statusline import OneLine

if TYPE_CHECKING:
    from console.cluster.kubeconfig import ContextEntry
    from console.cluster.session import Target

_SMALLEST = (72, 20)  # cells below which nothing useful fits


class KfconsoleApp(NavigatingApp, inherit_bindings=False):
    """The console on one cluster. Views speak to it as `screens.base.Host`."""

    ENABLE_COMMAND_PALETTE = False
    CSS_PATH = "kfconsole.tcss"
    TITLE = "kfconsole"
    BINDINGS: ClassVar[list[Any]] = []

    def __init__(self, target: Target, settings: Settings, first: Place, *, connect: Connect | None = None) -> None:
        """`first` is opened when the cluster answers. `connect` replaces the real connection in tests."""
        super().__init__(target)
        self.settings = settings
        themes = load_themes()
        if settings.values.theme not in themes:
            raise UsageError(f"There is no theme {settings.values.theme!r}.", f"Themes are {', '.join(themes)}.")
        theme = themes[settings.values.theme]
        self.palette = Palette.of(theme)
        self.backdrop = backdrop(theme)
        self.register_theme(textual_theme(theme))
        self.theme = theme.name
        self.animation_level = "none"
        self.first = first
        self.connect = connect or connector(settings)
        fill = "-" if settings.values.ascii else "─"
        self.top = OneLine(id="top")
        self.crumbs = OneLine(fill, self.palette.quiet, id="crumbs")
        self.prompt = Prompt(self.palette)
        self.hints = Hints(self.palette, id="hints")
        self.small = OneLine(id="small")
        self.chrome = Chrome(self)

    # what views may ask for

    @property
    def cluster(self) -> Cluster:
        """The connected cluster; ConsoleError while there is none."""
        if self.linked is None:
            raise ConsoleError("There is no cluster yet.", "Wait, or press ctrl-r.")
        return self.linked

    @property
    def frames(self) -> int:
        """Deliveries of changed data a second."""
        values = self.settings.values
        return values.frames_ssh if self.settings.over_ssh else values.frames

    def now(self) -> float:
        """The cluster's time, seconds since 1970; 0.0 while there is no cluster."""
        return self.linked.clock.now() if self.linked is not None else 0.0

    @property
    def known_namespaces(self) -> Sequence[str]:
        """Namespaces of the cluster, sorted; the favourites where they may not be listed."""
        return sorted(self.linked.namespaces() if self.linked is not None else ()) or list(
            self.settings.values.favourites
        )

    @property
    def known_contexts(self) -> Sequence[str]:
        """Contexts of the kubeconfig."""
        return [entry.name for entry in self.contexts()]

    def contexts(self) -> Sequence[ContextEntry]:
        """Contexts of the kubeconfig; empty where it cannot be read."""
        return contexts(self.target)

    def say(self, sentence: str, *, bad: bool = False) -> None:
        """One sentence on the hint line until the next key; "" takes it away."""
        self.hints.say(sentence, bad=bad)

    def ask(self, asking: Asking, text: str = "") -> None:
        """Open the prompt on the last line."""
        self.hints.display = False
        self.prompt.ask(asking, text)

    def prompt_takes(self, event: events.Key) -> bool:
        """Whether an open prompt takes a key that was typed before it got the focus."""
        prompt = self.prompt
        if not prompt.open:
            return False
        prompt.on_key(event)
        return True

    def status_changed(self) -> None:
        """Draw the lines around the view again."""
        self.chrome.draw()

    def crumbs_changed(self) -> None:
        """Draw only the line of crumbs again."""
        self.chrome.crumbs()

    # the screen

    def compose(self) -> ComposeResult:
        yield self.top
        yield self.crumbs
        yield Container(id="body")
        yield self.prompt
        yield self.hints
        yield self.small

    def on_mount(self) -> None:
        self.top.display = self.settings.values.header
        self.open_root(Place("connecting"))
        self.set_interval(1.0, self.chrome.second)
        if not self.is_headless:
            self.leave_on(signal.SIGHUP, signal.SIGTERM)
            self.repaint_on_return()
        self.call_after_refresh(self.begin)

    def on_resize(self, event: events.Resize) -> None:
        width, height = event.size
        small = width < _SMALLEST[0] or height < _SMALLEST[1]
        self.screen.set_class(small, "too-small")
        if small:
            words = f" {width}x{height} is too small: kfconsole needs {_SMALLEST[0]}x{_SMALLEST[1]}, better 80x24."
            self.small.show([(words, self.palette.warning)])

    def on_prompt_closed(self) -> None:
        self.hints.display = True
        self.front.focus()

    # the connection

    def begin(self) -> None:
        """Connect to the target, after what is on screen says so."""
        self.failure = None
        self._connect(self.target)

    @work(exclusive=True, group="connect", exit_on_error=False)
    async def _connect(self, target: Target) -> None:
        try:
            cluster = await self.connect(target, lambda words: void(self.post_message(Progressed(words))), self.lend)
        except ConsoleError as error:
            self.post_message(ConnectionFailed(error))
        else:
            self.post_message(Connected(cluster))

    def on_progressed(self, message: Progressed) -> None:
        if isinstance(self.front, ConnectingView):
            self.front.progressed(message.words)

    def on_connection_failed(self, message: ConnectionFailed) -> None:
        self.failure = message.error
        if isinstance(message.error, UsageError) and self.linked is None and not self.switched:
            self.exit(int(message.error.exit_code))
        elif isinstance(self.front, ConnectingView):
            self.front.failed(message.error)
        self.status_changed()

    async def on_connected(self, message: Connected) -> None:
        self.linked = message.cluster
        self.failure = None
        message.cluster.namespaces()
        self.start_at(self.first)

    def on_refreshed(self, message: Refreshed) -> None:
        if message.error is not None:
            self.say(str(message.error), bad=True)
        else:
            for following in self.front.followed:
                following.board.refresh()
            self.say("Reading again.")

    @work(exclusive=True, group="connect", exit_on_error=False)
    async def reread(self) -> None:
        """Make credentials again and ask again which kinds there are."""
        try:
            await self.cluster.refresh()
        except ConsoleError as error:
            self.post_message(Refreshed(error))
        else:
            self.post_message(Refreshed())

    async def on_unmount(self) -> None:
        if self.linked is not None:
            await self.linked.close()

    # faults of our own

    def fault(self, error: BaseException) -> ConsoleError:
        """A fault of our own as one sentence; its traceback is kept in a file."""
        path = write_private(state_folder() / "fault.txt", "".join(traceback.format_exception(error)))
        return ConsoleError(f"kfconsole has a fault of its own: {error!r}.", f"Details are in {path}.")

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """A worker that failed is told on screen; what it worked for stays as it was."""
        if event.state is WorkerState.ERROR and event.worker.error is not None:
            error = event.worker.error
            told = error if isinstance(error, ConsoleError) else self.fault(error)
            if isinstance(self.front, ConnectingView):
                self.post_message(ConnectionFailed(told))
            else:
                self.say(str(told), bad=True)

    def _handle_exception(self, error: Exception) -> None:
        """A fault in a handler leaves nothing to go on with: end with one sentence."""
        if self.is_headless:
            super()._handle_exception(error)
            return
        self.failure = self.fault(error)
        self.exit(int(Exit.PROBLEM))


def run(
    target: Target,
    *,
    view: str = "",
    name: str = "",
    namespaces: tuple[str, ...] = (),
    all_namespaces: bool = False,
    settings: Settings,
) -> int:
    """Open the console on a terminal until it is left; returns the exit code."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError("The console needs a terminal.", "For printed output use: kfconsole get KIND -o table")
    first = Place("command", option=view, key=name, namespaces=() if all_namespaces else namespaces)
    app = KfconsoleApp(target, settings, first if view else Place("start", namespaces=namespaces))
    code = app.run(mouse=settings.values.mouse)
    if app.failure is not None:
        raise app.failure
    return int(code or 0)
