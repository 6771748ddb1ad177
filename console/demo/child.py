"""The embedded cluster as a child process: started, waited for, and ended with its parent.

The child ends when the pipe to its standard input closes, so it cannot outlive the console, however that ends.
"""

from __future__ import annotations

import os
import queue
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import IO, Self

from console.errors import CannotReach, ConsoleError, Exit

_READY = "kfconsole demo ready: "
_START_SECONDS = 60.0
_STOP_SECONDS = 5.0


class Child:
    """A running embedded cluster; a context manager that ends it."""

    def __init__(self, process: subprocess.Popen[bytes], folder: tempfile.TemporaryDirectory[str], url: str) -> None:
        self._process = process
        self._folder = folder
        self.url = url

    @property
    def kubeconfig(self) -> str:
        """The path of the kubeconfig that reaches it; removed when the cluster is stopped."""
        return str(Path(self._folder.name) / "kubeconfig")

    @property
    def pid(self) -> int:
        """The id of its process."""
        return self._process.pid

    def stop(self) -> None:
        """End the cluster and wait until it is gone; a second call does nothing."""
        _end(self._process)
        self._folder.cleanup()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def start(
    *,
    world: str | None = None,
    scenario: str | None = None,
    pods: int | None = None,
    token_users: str | None = None,
    tls: bool = False,
) -> Child:
    """Start the embedded cluster and wait until it serves.

    ConsoleError with the child's own sentence and exit code where it ends before that.
    """
    folder = tempfile.TemporaryDirectory(prefix="kfconsole-demo-")
    config = Path(folder.name) / "kubeconfig"
    argv = [sys.executable, "-m", "console", "demo", "--serve", "--port", "0", "--kubeconfig-out", str(config)]
    argv.append("--until-stdin-closes")
    for flag, value in (("--world", world), ("--scenario", scenario), ("--pods", pods), ("--token-users", token_users)):
        if value:
            argv += [flag, str(value)]
    if tls:
        argv.append("--tls")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    # A group of its own: a Ctrl-C meant for the console must not end its cluster first.
    process = subprocess.Popen(
        argv,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
        start_new_session=True,
    )
    try:
        return Child(process, folder, _wait_ready(process))
    except BaseException:
        _end(process)
        folder.cleanup()
        raise


def _wait_ready(process: subprocess.Popen[bytes]) -> str:
    first: queue.Queue[bytes] = queue.Queue()
    errors: list[bytes] = []
    if process.stdout is None or process.stderr is None:
        raise ConsoleError("The embedded cluster could not be started: it has no output.")
    threading.Thread(target=_first_line, args=(process.stdout, first), daemon=True).start()
    noted = threading.Thread(target=_keep, args=(process.stderr, errors), daemon=True)
    noted.start()
    try:
        line = first.get(timeout=_START_SECONDS).decode("utf-8", "replace").strip()
    except queue.Empty:
        raise CannotReach(f"The embedded cluster was not ready within {_START_SECONDS:.0f} s.") from None
    if line.startswith(_READY):
        return line.removeprefix(_READY)
    code = process.wait(_STOP_SECONDS)
    noted.join(_STOP_SECONDS)
    said = b"".join(errors).decode("utf-8", "replace").strip().splitlines()
    text = said[-1].removeprefix("kfconsole: ") if said else f"The embedded cluster ended with exit code {code}."
    raise _failure(text, code)


def _failure(text: str, code: int) -> ConsoleError:
    failure = ConsoleError(text)
    if code in set(Exit):
        failure.exit_code = Exit(code)
    return failure


def _first_line(stream: IO[bytes], to: queue.Queue[bytes]) -> None:
    to.put(stream.readline())
    while stream.read(65536):  # the pipe must not fill up
        pass


def _keep(stream: IO[bytes], to: list[bytes]) -> None:
    while chunk := stream.readline():
        to.append(chunk)
        del to[:-50]


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.stdin is not None and not process.stdin.closed:
        process.stdin.close()
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
