"""The command line: arguments in, then a headless verb, the embedded cluster or the screens.

Imports of what a command does not need wait until it is chosen: `--version` and `--help` load neither Textual
nor the kubernetes package.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from console.arguments import Arguments, parse
from console.errors import ConsoleError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from console.cluster.session import Target


def main(argv: Sequence[str] | None = None) -> int:
    """Run kfconsole; returns its exit code (see console.errors.Exit)."""
    arguments = parse(sys.argv[1:] if argv is None else argv)
    try:
        return int(_run(arguments))
    except ConsoleError as error:
        print(f"kfconsole: {error}", file=sys.stderr)
        return int(error.exit_code)
    except KeyboardInterrupt:
        return 130


def _run(arguments: Arguments) -> int:
    match arguments.verb:
        case "get":
            return _get(arguments)
        case "demo":
            return _serve(arguments) if arguments.serve else _demo(arguments)
        case _:
            return _open(arguments, arguments.target())


def _get(arguments: Arguments) -> int:
    import asyncio

    from config import load
    from console.headless.get import GetOptions, get

    options = GetOptions(
        kind=arguments.view,
        name=arguments.name,
        namespaces=arguments.namespaces,
        all_namespaces=arguments.all_namespaces,
        selector=arguments.selector,
        output=arguments.output,
        watch=arguments.watch,
    )
    return asyncio.run(get(arguments.target(), options, load(arguments.settings)))


def _serve(arguments: Arguments) -> int:
    from console.demo.serve import ServeOptions, serve

    return serve(
        ServeOptions(
            port=arguments.port,
            kubeconfig_out=arguments.kubeconfig_out,
            world=arguments.world,
            scenario=arguments.scenario,
            pods=arguments.pods,
            token_users=arguments.token_users,
            tls=arguments.tls,
            until_stdin_closes=arguments.until_stdin_closes,
        )
    )


def _demo(arguments: Arguments) -> int:
    from console.demo.child import start

    with start(
        world=arguments.world,
        scenario=arguments.scenario,
        pods=arguments.pods,
        token_users=arguments.token_users,
        tls=arguments.tls,
    ) as cluster:
        return _open(arguments, arguments.target(kubeconfig=cluster.kubeconfig))


def _open(arguments: Arguments, target: Target) -> int:
    from config import load
    from screens.app import run

    return run(
        target,
        view=arguments.view,
        name=arguments.name,
        namespaces=arguments.namespaces,
        all_namespaces=arguments.all_namespaces,
        settings=load(arguments.settings),
    )


if __name__ == "__main__":
    sys.exit(main())
