"""What every view is: a place on the screen with keys, crumbs, freshness and a memory of where its cursor was."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, cast

from textual import events
from textual.widget import Widget

from config import Settings
from console.errors import ConsoleError
from screens.following import Batch, Following
from screens.keys import Hint, Keys
from screens.palette import Palette
from screens.places import Place
from screens.widgets.prompt import Asking

if TYPE_CHECKING:
    from console.cluster.kubeconfig import ContextEntry
    from console.kinds.freshness import BoardFreshness
    from screens.cluster import Cluster


class Host(Protocol):
    """What a view may ask of the console around it; the app is one."""

    settings: Settings
    palette: Palette

    @property
    def cluster(self) -> Cluster: ...
    @property
    def front(self) -> View: ...
    @property
    def context_name(self) -> str: ...  # of the cluster, or of the one being connected
    @property
    def frames(self) -> int: ...  # deliveries of changed data a second
    def now(self) -> float: ...  # cluster time, seconds
    def go(self, place: Place) -> None: ...  # open another place on top of this one
    def go_back(self) -> None: ...
    def say(self, sentence: str, *, bad: bool = False) -> None: ...  # on the hint line, until the next key
    def copy(self, text: str, what: str) -> None: ...  # to the terminal's clipboard
    def save(self, name: str, text: str) -> None: ...  # to a file in the state folder, and say where
    def ask(self, asking: Asking, text: str = "") -> None: ...  # open the prompt on the last line
    def prompt_takes(self, event: events.Key) -> bool: ...  # a key typed faster than the prompt got the focus
    def status_changed(self) -> None: ...  # the lines around the view are to be drawn again
    def crumbs_changed(self) -> None: ...  # only the line with crumbs, title and position
    def choose_namespaces(self, namespaces: tuple[str, ...]) -> None: ...  # here and in what is opened next
    def enter_namespace(self, name: str) -> None: ...  # its jobs, or its pods where nothing trains
    @property
    def favourites(self) -> Sequence[str]: ...  # namespaces on the keys 1 to 9
    def contexts(self) -> Sequence[ContextEntry]: ...  # of the kubeconfig
    def switch_context(self, name: str, then: Place) -> None: ...  # connect to another one, and open a place


class View(Widget, can_focus=True):
    """One view. Actions of the keymap are methods named `do_<action>`; a key whose method is missing goes to the app.

    Lifecycle: `entered` when it comes to the front (also on the way back), `left` when something covers it or it is
    closed. Between them boards may be followed; `left` lets them go, the hub keeps them for the grace time.
    """

    DEFAULT_CSS = "View { height: 1fr; width: 1fr; }"

    scopes: ClassVar[tuple[str, ...]] = ("table",)

    def __init__(self, host: Host, place: Place) -> None:
        super().__init__()
        self.host = host
        self.place = place
        self.keys = Keys(host.settings.keymap, *self.scopes)
        self._followed: list[Following] = []

    # what the lines around the view show

    @property
    def crumb(self) -> str:
        """This view's word in the crumbs."""
        return self.place.name or self.place.kind or self.place.view

    @property
    def title(self) -> str:
        """What is shown and how narrowed: `pods in team-nlp /Running`."""
        return ""

    @property
    def position(self) -> str:
        """Where the cursor is: `37/10000`."""
        return ""

    @property
    def freshness(self) -> BoardFreshness | None:
        """How true what is shown is; None where nothing live is shown."""
        return self._followed[0].board.freshness if self._followed else None

    @property
    def hints(self) -> Sequence[Hint]:
        """Keys for the hint line, the most useful first."""
        return self.keys.hints(self.can)

    def can(self, action: str) -> bool:
        """Whether this view or the app has a method for an action."""
        names = _actions(type(self)) | _actions(type(self.host))
        return action in names or (action[-1].isdigit() and action.rpartition("_")[0] in names)

    # lifecycle

    def entered(self) -> None:
        """The view came to the front."""

    def left(self) -> None:
        """The view was covered or closed: let go of what is live."""
        self.unfollow()

    def tick(self) -> None:
        """Some seconds have passed: draw ages again."""

    def changed(self, place: Place) -> None:
        """The same view at a changed place (filter, namespaces) without opening a new one."""
        self.place = place

    def save_as(self, form: str) -> str:
        """Save what is shown in a form (csv, json, md); returns "" or why not."""
        return "This view is saved with its own key only: ctrl-s."

    # live data

    @property
    def followed(self) -> Sequence[Following]:
        """The boards this view follows now."""
        return self._followed

    def follow(
        self,
        kind: str,
        deliver: Callable[[Batch], None],
        namespaces: tuple[str, ...] = (),
        selector: str = "",
    ) -> Following | None:
        """Follow a board until `left`; None (and a sentence on screen) where the kind is not to be had."""
        try:
            board = self.host.cluster.board(kind, namespaces, selector)
        except ConsoleError as error:
            self.refused(error)
            return None
        following = Following(self, board, deliver, self.host.frames)
        self._followed.append(following)
        return following

    def unfollow(self) -> None:
        """Let every followed board go."""
        for following in self._followed:
            following.close()
        self._followed.clear()

    def refused(self, error: ConsoleError) -> None:
        """Something this view needs cannot be had; the default says so on the hint line."""
        self.host.say(str(error), bad=True)

    # keys

    def on_key(self, event: events.Key) -> None:
        if self.host.prompt_takes(event) or self.press(event.key):
            event.stop()

    def press(self, key: str) -> bool:
        """Do what a key (in Textual's spelling) means here or in the app; False where it means nothing."""
        action = self.keys.action(key)
        if not action:
            return False
        self.host.say("")
        done = self.do(action)
        self.host.crumbs_changed()  # in the same frame as what the key changed
        return done

    def do(self, action: str) -> bool:
        """Do an action by its name in the keymap; False where nobody has it.

        One that ends in a digit (`namespace_3`) is a method that takes the digit: `do_namespace(3)`.
        """
        stem, _, digit = action.rpartition("_")
        name, arguments = (stem, (int(digit),)) if digit.isdigit() else (action, ())
        for owner in (self, self.host):
            method: Any = getattr(owner, f"do_{name}", None)
            if method is not None:
                method(*arguments)
                return True
        return False

    def do_namespace(self, number: int) -> None:
        """Every namespace (0), or a favourite one."""
        favourites = self.host.favourites
        if number == 0:
            self.host.choose_namespaces(())
        elif number <= len(favourites):
            self.host.choose_namespaces((favourites[number - 1],))
        else:
            self.host.say("No namespace is on this key: `favourites` in the settings names them.")

    def do_back(self) -> None:
        """Go back where there is nothing of this view's own to clear first."""
        self.host.go_back()


@cache
def _actions(owner: type) -> frozenset[str]:
    return frozenset(name.removeprefix("do_") for name in dir(owner) if name.startswith("do_"))


def host_of(widget: Widget) -> Host:
    """The console a widget is in."""
    return cast(Host, widget.app)
