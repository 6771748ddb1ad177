"""The command line's grammar: words and options to one value; nothing is imported or read for it."""

from __future__ import annotations

import argparse
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NoReturn

from console import __version__

if TYPE_CHECKING:
    from collections.abc import Sequence

    from console.cluster.session import Target

EPILOG = """\
commands:
  kfconsole [VIEW [NAME]]           open the console: any kind, plural, short name or alias
                                    (pods, po, pytorchjobs, jobs, gpus, nodes, ns)
  kfconsole get KIND [NAME]         print what the console's table shows
  kfconsole VIEW [NAME] -o FORMAT   the same
  kfconsole demo [VIEW [NAME]]      open the console on the embedded cluster
  kfconsole demo --serve            only serve the embedded cluster

exit codes: 0 fine, 1 found a problem, 2 usage, 3 cannot reach the cluster, 4 denied, 5 not found
"""
OUTPUTS = ("table", "wide", "json", "yaml", "name")


@dataclass(frozen=True, slots=True)
class Arguments:
    """One parsed command line. `verb` is `open`, `get` or `demo`; `view` is "" for the start view."""

    verb: str
    view: str = ""
    name: str = ""
    kubeconfig: str | None = None
    context: str | None = None
    namespaces: tuple[str, ...] = ()  # of -n, which takes several separated by commas
    all_namespaces: bool = False
    as_user: str | None = None
    as_groups: tuple[str, ...] = ()
    read_only: bool = False
    selector: str = ""
    output: str = "table"
    watch: bool = False
    serve: bool = False
    port: int = 0
    kubeconfig_out: str | None = None
    world: str | None = None
    scenario: str | None = None
    pods: int | None = None
    token_users: str | None = None
    tls: bool = False
    until_stdin_closes: bool = False
    settings: dict[str, Any] = field(default_factory=dict)  # only what was given: theme, ascii, mouse

    def target(self, kubeconfig: str | None = None) -> Target:
        """The cluster meant; `kubeconfig` replaces the one given (the embedded cluster's)."""
        from console.cluster.session import Target

        own = kubeconfig is not None
        return Target(
            kubeconfig=kubeconfig if own else self.kubeconfig,
            context=None if own else self.context,
            namespace=self.namespaces[0] if self.namespaces else None,
            as_user=self.as_user,
            as_groups=self.as_groups,
            read_only=self.read_only,
        )


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}. See kfconsole --help.\n")


def parse(argv: Sequence[str]) -> Arguments:
    """Arguments of a command line; prints and exits (2 for wrong usage) as argparse does."""
    parser = _parser()
    given = parser.parse_intermixed_args(list(argv))
    words: list[str] = given.words
    verb = words.pop(0) if words and words[0] in ("get", "demo") else "open"
    if verb == "open" and (given.output or given.watch):
        verb = "get"
    if len(words) > 2:
        parser.error(f"there is no place for {words[2]!r}")
    if verb == "get" and not words:
        parser.error("get needs a KIND, for example: kfconsole get pods -A")
    if given.serve and verb != "demo":
        parser.error("--serve belongs to demo: kfconsole demo --serve")
    if given.world and given.scenario:
        parser.error("give either --world or --scenario")
    if given.as_groups and not given.as_user:
        parser.error("--as-group needs --as")
    return Arguments(
        verb=verb,
        view=words[0] if words else "",
        name=words[1] if len(words) > 1 else "",
        kubeconfig=given.kubeconfig,
        context=given.context,
        namespaces=tuple(part for part in (given.namespace or "").split(",") if part),
        all_namespaces=given.all_namespaces,
        as_user=given.as_user,
        as_groups=tuple(given.as_groups or ()),
        read_only=given.read_only,
        selector=given.selector,
        output=given.output or "table",
        watch=given.watch,
        serve=given.serve,
        port=given.port,
        kubeconfig_out=given.kubeconfig_out,
        world=given.world,
        scenario=given.scenario,
        pods=given.pods,
        token_users=given.token_users,
        tls=given.tls,
        until_stdin_closes=given.until_stdin_closes,
        settings={
            name: value
            for name, value in (("theme", given.theme), ("ascii", given.ascii), ("mouse", given.mouse))
            if value is not None
        },
    )


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="kfconsole",
        usage="kfconsole [options] [VIEW [NAME]] | get KIND [NAME] | demo [VIEW [NAME]]",
        description="A terminal operations console for Kubeflow clusters.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("words", nargs="*", help=argparse.SUPPRESS)
    parser.add_argument("--version", action="version", version=f"kfconsole {__version__}")
    cluster = parser.add_argument_group("cluster")
    cluster.add_argument(
        "--kubeconfig", metavar="F", help="kubeconfig file (default: $KUBECONFIG, ~/.kube/config, in-cluster)"
    )
    cluster.add_argument("--context", metavar="C", help="kubeconfig context")
    scope = cluster.add_mutually_exclusive_group()
    scope.add_argument("-n", "--namespace", metavar="NS", help="namespace, or several separated by commas")
    scope.add_argument("-A", "--all-namespaces", action="store_true", help="every namespace you may list")
    cluster.add_argument("--as", dest="as_user", metavar="USER", help="impersonate a user")
    cluster.add_argument(
        "--as-group", dest="as_groups", metavar="G", action="append", help="impersonate a group (repeatable)"
    )
    cluster.add_argument("--read-only", action="store_true", help="refuse every change")
    look = parser.add_argument_group("look")
    look.add_argument("--theme", metavar="T", help="a theme of config/themes or of your config folder")
    look.add_argument("--ascii", action="store_true", default=None, help="no character beyond ASCII")
    look.add_argument("--mouse", action="store_true", default=None, help="take the mouse (off: the terminal selects)")
    printed = parser.add_argument_group("printed output")
    printed.add_argument("-o", "--output", choices=OUTPUTS, help="print the table and leave")
    printed.add_argument(
        "-l", "--selector", metavar="SELECTOR", default="", help="label selector, evaluated by the server"
    )
    printed.add_argument("-w", "--watch", action="store_true", help="go on printing rows as they change")
    demo = parser.add_argument_group("demo (the embedded cluster)")
    demo.add_argument("--serve", action="store_true", help="only serve it; prints one ready line with its URL")
    demo.add_argument("--port", type=int, default=0, help="port on 127.0.0.1 (default: a free one)")
    demo.add_argument("--kubeconfig-out", metavar="F", help="write a kubeconfig for it")
    demo.add_argument("--world", metavar="FILE", help="hold exactly what a world file says")
    demo.add_argument("--scenario", metavar="NAME", help="a shipped world by name")
    demo.add_argument("--pods", type=int, metavar="N", help="add N training pods in 20 namespaces")
    demo.add_argument("--token-users", metavar="FILE", help='static tokens: token,user,uid,"group1,group2" a line')
    demo.add_argument("--tls", action="store_true", help="serve HTTPS with a certificate of its own")
    demo.add_argument("--until-stdin-closes", action="store_true", help=argparse.SUPPRESS)
    return parser
