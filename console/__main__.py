"""The command line: arguments in, then a headless verb, the embedded cluster or the screens."""

from __future__ import annotations

import sys

from console import __version__


def main(argv: list[str] | None = None) -> int:
    """Run kfconsole; returns its exit code (see console.errors.Exit)."""
    arguments = sys.argv[1:] if argv is None else argv
    if arguments == ["--version"]:
        print(f"kfconsole {__version__}")
        return 0
    return 2


if __name__ == "__main__":
    sys.exit(main())
