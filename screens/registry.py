"""The views by name: one line a view, imported when it is first opened."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from console.errors import UsageError

if TYPE_CHECKING:
    from screens.base import Host, View
    from screens.places import Place

VIEWS = {
    "start": "screens.start:StartView",
    "list": "screens.listing:ListView",
    "replicas": "screens.replicas:ReplicasView",
    "logs": "screens.logs:LogsView",
    "gpus": "screens.gpus:GpusView",
    "describe": "screens.describing:DescribeView",
    "manifest": "screens.manifests:ManifestView",
    "help": "screens.help:HelpView",
    "aliases": "screens.aliases:AliasesView",
    "contexts": "screens.contexts:ContextsView",
    "connecting": "screens.connecting:ConnectingView",
}

# Words of the command line that open a view instead of a kind.
WORDS = {
    "start": "start",
    "home": "start",
    "help": "help",
    "gpus": "gpus",
    "gpu": "gpus",
    "alias": "aliases",
    "aliases": "aliases",
}


def open_view(host: Host, place: Place) -> View:
    """Make the view of a place; UsageError for a name that is no view."""
    try:
        module, _, name = VIEWS[place.view].partition(":")
    except KeyError:
        raise UsageError(f"There is no view named {place.view!r}.", "Press : and a kind, or esc.") from None
    made: View = getattr(import_module(module), name)(host, place)
    return made
