"""Exec credential plugins: run as the kubeconfig says, with the terminal only when they need it.

The kubernetes package reads the plugin's configuration and uses its answer; how the process runs is ours, because
the package ignores `interactiveMode`, waits for ever and hands the plugin a screen that is being drawn on.
Protocol: client.authentication.k8s.io/v1 (kubernetes.io, "client-go credential plugins").
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from console.clock import parse_time
from console.errors import CredentialsFailed
from console.text import clean

Terminal = Callable[[], AbstractContextManager[Any]]

QUIET_SECONDS = 20.0  # a plugin without a terminal; one that waits for a person never ends by itself
PROMPT_SECONDS = 300.0
_KEPT = 4000  # bytes of stderr shown in the error


class PluginFailed(BaseException):
    """Carries the failure past the package's `except Exception`, which would only log it."""

    def __init__(self, error: CredentialsFailed) -> None:
        super().__init__(str(error))
        self.error = error


class Outcome:
    """What a load learned from the plugin, beside what the package keeps."""

    def __init__(self) -> None:
        self.used = False
        self.expires: float | None = None


def provider(base: type[Any], terminal: Terminal | None, outcome: Outcome) -> type[Any]:
    """A subclass of the package's ExecProvider that runs the plugin through `run`."""

    class Provider(base):  # type: ignore[misc]
        def __init__(self, exec_config: Any, cwd: str, *cluster: Any) -> None:
            super().__init__(exec_config, cwd, *cluster)
            self.cluster = getattr(self, "cluster", None)  # versions before 32 have none
            self.mode = exec_config.safe_get("interactiveMode") or "IfAvailable"
            self.hint = exec_config.safe_get("installHint") or ""

        def run(self, previous_response: Any = None) -> Any:
            outcome.used = True
            status = _status(self, terminal)
            outcome.expires = parse_time(status.get("expirationTimestamp"))
            return status

    return Provider


def _status(plugin: Any, terminal: Terminal | None) -> dict[str, Any]:
    name = plugin.args[0]
    if plugin.mode == "Always" and terminal is None:
        raise _failed(name, "it wants to ask you something and there is no terminal", "Run it in a terminal once.")
    if plugin.mode == "Always" and terminal is not None:
        code, output, complaint = _with_terminal(plugin, terminal)
    else:
        try:
            code, output, complaint = _run(plugin, interactive=False, limit=QUIET_SECONDS)
        except subprocess.TimeoutExpired:
            code, output, complaint = -1, b"", f"no answer within {QUIET_SECONDS:.0f} s"
        if code != 0 and plugin.mode != "Never" and terminal is not None:
            code, output, complaint = _with_terminal(plugin, terminal)
    if code != 0:
        raise _failed(name, f"exit {code}: {complaint}" if complaint else f"exit {code} and said nothing", "")
    try:
        answer = json.loads(output)
        status = answer["status"]
        version = answer["apiVersion"]
    except (ValueError, KeyError, TypeError):
        raise _failed(name, "its answer is not an ExecCredential", "") from None
    if version != plugin.api_version:
        raise _failed(name, f"it answers in {version} and the kubeconfig asks for {plugin.api_version}", "")
    if not isinstance(status, dict) or not (status.get("token") or status.get("clientCertificateData")):
        raise _failed(name, "its answer holds neither a token nor a certificate", "")
    return status


def _with_terminal(plugin: Any, terminal: Terminal) -> tuple[int, bytes, str]:
    with terminal():
        try:
            return _run(plugin, interactive=True, limit=PROMPT_SECONDS)
        except subprocess.TimeoutExpired:
            return -1, b"", f"no answer within {PROMPT_SECONDS:.0f} s"


def _run(plugin: Any, *, interactive: bool, limit: float) -> tuple[int, bytes, str]:
    """Exit code, standard output and the end of standard error; TimeoutExpired once the process is ended."""
    environment = {**plugin.env, "KUBERNETES_EXEC_INFO": json.dumps(_info(plugin, interactive))}
    try:
        # Without a controlling terminal a plugin cannot draw over the console through /dev/tty.
        process = subprocess.Popen(
            plugin.args,
            stdin=sys.__stdin__ if interactive else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=plugin.cwd,
            env=environment,
            start_new_session=not interactive,
        )
    except FileNotFoundError:
        raise _failed(plugin.args[0], "it is not installed, or not on PATH", clean(plugin.hint)) from None
    except OSError as error:
        raise _failed(plugin.args[0], error.strerror or str(error), clean(plugin.hint)) from None
    said = bytearray()
    listener = threading.Thread(target=_listen, args=(process, said, interactive), daemon=True)
    listener.start()
    timer = threading.Timer(limit, _end, args=(process, not interactive))
    timer.daemon = True
    timer.start()
    try:
        assert process.stdout is not None
        output = process.stdout.read()
        code = process.wait()
        listener.join(1.0)
    finally:
        expired = not timer.is_alive()
        timer.cancel()
        process.stdout and process.stdout.close()
    if expired and code != 0:
        raise subprocess.TimeoutExpired(plugin.args, limit)
    lines = bytes(said).decode("utf-8", "backslashreplace").splitlines()
    return code, output, " ".join(clean(line).strip() for line in lines if line.strip())


def _listen(process: subprocess.Popen[bytes], said: bytearray, interactive: bool) -> None:
    """Keep the end of what the plugin says, and show it at once where a person is being asked."""
    assert process.stderr is not None
    with process.stderr:
        while chunk := os.read(process.stderr.fileno(), 4096):
            said += chunk
            del said[:-_KEPT]
            if interactive:
                os.write(2, chunk)


def _end(process: subprocess.Popen[bytes], group: bool) -> None:
    """End the plugin, and with its own session what it started."""
    if process.poll() is not None:
        return
    if group:
        os.killpg(process.pid, signal.SIGTERM)
    else:
        process.terminate()


def _info(plugin: Any, interactive: bool) -> dict[str, Any]:
    spec: dict[str, Any] = {"interactive": interactive}
    if plugin.cluster is not None:
        cluster = dict(plugin.cluster.value)
        for extension in cluster.pop("extensions", None) or ():
            if extension.get("name") == "client.authentication.k8s.io/exec":
                cluster["config"] = extension.get("extension")
        spec["cluster"] = cluster
    return {"apiVersion": plugin.api_version, "kind": "ExecCredential", "spec": spec}


def _failed(name: str, why: str, step: str) -> PluginFailed:
    return PluginFailed(CredentialsFailed(f'The credential plugin "{clean(name)}" failed: {clean(why)}.', step))
