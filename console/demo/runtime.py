"""What the nodes would do for a pod: keep its containers' logs, run commands in them, and serve its ports.

The kubelet of the embedded cluster writes here; the API server's log, exec and proxy endpoints read.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from console.demo.commands import BUILT_IN, Command
from console.demo.logs import ContainerLog, Logs
from console.demo.shell import SHELLS

if TYPE_CHECKING:
    from console.demo.records import Object
    from console.demo.store import Store

Answer = tuple[int, Mapping[str, str], bytes]  # status, headers, body
Handler = Callable[[str, str, str, Mapping[str, str], bytes], Awaitable[Answer]]
"""async (method, path, query, headers, body) -> Answer; `path` starts with a slash, `query` is raw."""


@dataclass(frozen=True, slots=True)
class _PortRule:
    port: int
    serves: Callable[[Object], bool]
    make: Callable[[Object], Handler]


class Runtime:
    """Logs, commands and ports of every pod."""

    def __init__(self, store: Store, *, log_bytes: int = 128 * 1024) -> None:
        """`log_bytes` bounds the log kept of one container."""
        self.store = store
        self.logs = Logs(log_bytes)
        self.commands: dict[str, Command] = {**BUILT_IN, **SHELLS}
        self._ports: dict[tuple[str, str], dict[int, Handler]] = {}
        self._rules: list[_PortRule] = []
        self.kubelet: Callable[[str], Handler] | None = None  # who answers behind a node's proxy, by the node's name

    def log(
        self, namespace: str, pod: str, container: str, line: str, at: float | None = None, previous: bool = False
    ) -> None:
        """Append a line to a container's log; `at` is now where it is left out."""
        log = self.logs.of(namespace, pod, container, previous=previous)
        log.append(self.store.now() if at is None else at, line)

    def rotate(self, namespace: str, pod: str, container: str) -> None:
        """The container starts again: its log becomes the previous one."""
        self.logs.rotate(namespace, pod, container)

    def read_log(self, namespace: str, pod: str, container: str, *, previous: bool = False) -> ContainerLog | None:
        """A container's log; None where nothing was written and nobody follows."""
        return self.logs.find(namespace, pod, container, previous=previous)

    def close_log(self, namespace: str, pod: str, container: str) -> None:
        """The container ended: whoever follows its log is done."""
        self.logs.of(namespace, pod, container).close()

    def forget(self, namespace: str, pod: str) -> None:
        """The pod is gone: drop its logs and ports and end every follower."""
        self.logs.forget(namespace, pod)
        self._ports.pop((namespace, pod), None)

    def listen(self, namespace: str, pod: str, port: int, handler: Handler) -> None:
        """Serve a port of one pod by `handler`, until the pod is forgotten."""
        self._ports.setdefault((namespace, pod), {})[port] = handler

    def listen_where(self, serves: Callable[[Object], bool], port: int, make: Callable[[Object], Handler]) -> None:
        """Serve a port of every pod that `serves` says yes to; `make` gives the handler for a pod."""
        self._rules.append(_PortRule(port, serves, make))

    def handler(self, pod: Object, port: int) -> Handler | None:
        """Who answers on a port of a pod; None when nothing listens there."""
        metadata = pod["metadata"]
        own = self._ports.get((metadata.get("namespace", ""), metadata["name"]), {}).get(port)
        if own is not None:
            return own
        for rule in self._rules:
            if rule.port == port and rule.serves(pod):
                return rule.make(pod)
        return None
