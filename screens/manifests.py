"""YAML of one object: managedFields folded, secrets masked until asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from screens.base import Host
from screens.detail import ObjectView
from screens.places import Place
from screens.widgets.lines import Line, plain

if TYPE_CHECKING:
    from rich.style import Style

    from console.kinds.detail import Detail


class ManifestView(ObjectView):
    """The manifest as it is on the server."""

    def __init__(self, host: Host, place: Place) -> None:
        super().__init__(host, place)
        self.managed = False
        self.revealed = False

    @property
    def crumb(self) -> str:
        return f"{self.place.name} YAML"

    @property
    def title(self) -> str:
        parts = ["SECRETS SHOWN"] if self.revealed else []
        parts.append(f"{self.kind.kind} in {self.place.namespace}" if self.place.namespace else self.kind.kind)
        parts += ["managedFields shown"] if self.managed else []
        return "  ".join(parts)

    def draw_object(self, detail: Detail) -> None:
        from console.kinds.manifest import yaml_lines

        if detail.manifest is None:
            return
        texts = yaml_lines(detail.manifest, managed=self.managed, reveal=self.revealed)
        self.show([*self.notice(detail), *map(self._coloured, texts)])

    def _coloured(self, text: str) -> Line:
        quiet: Style = self.host.palette.quiet
        head, colon, rest = text.partition(":")
        if text.lstrip().startswith("#"):
            return plain(text, quiet)
        if colon and (not rest or rest.startswith(" ")):
            return Line(((head, self.host.palette.primary), (colon + rest, None)))
        return plain(text)

    def left(self) -> None:
        self.revealed = False  # coming back never shows a secret that nobody asked for again
        super().left()

    def do_fold(self) -> None:
        """Show or fold managedFields."""
        self.managed = not self.managed
        self._again()

    def do_reveal(self) -> None:
        """Show or mask the values of secrets."""
        self.revealed = not self.revealed
        self._again()

    def _again(self) -> None:
        if self._detail is not None:
            self.draw_object(self._detail)
        self.host.status_changed()

    def do_copy_all(self) -> None:
        self.host.copy(self.text, f"the YAML of {self.place.name}")

    def do_save(self) -> None:
        self.host.save(f"{self.place.name}.yaml", self.text)
