"""One context of a kubeconfig, ready to be asked: the only way from the console to a cluster.

Everything above speaks to this class and never to httpx or kubernetes.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass

from console.clock import Clock, format_time
from console.cluster import discovery, kubeconfig, streams, tunnel
from console.cluster.access import Access, Verdict
from console.cluster.auth import Login
from console.cluster.discovery import Discovery, Resource
from console.cluster.kubeconfig import Credentials
from console.cluster.plugins import Terminal
from console.cluster.shared import Shared
from console.cluster.streams import ExecResult, ExecStream
from console.cluster.transport import Params, Stats, Transport

__all__ = ["Discovery", "ExecResult", "ExecStream", "Resource", "Session", "Stats", "Target", "Verdict"]

_LOG_LINE = 1 << 20  # bytes of a log line that are kept


@dataclass(frozen=True, slots=True)
class Target:
    """Which cluster to open and as whom: the command line's global options."""

    kubeconfig: str | None = None
    context: str | None = None
    namespace: str | None = None
    as_user: str | None = None
    as_groups: tuple[str, ...] = ()
    read_only: bool = False


class Session:
    """One cluster as one user. Open it with `Session.open`, end it with `close`."""

    def __init__(self, target: Target, login: Login, clock: Clock) -> None:
        self.target = target
        self.clock = clock
        self.stats = Stats()
        self._login = login
        impersonate = [("Impersonate-User", target.as_user)] if target.as_user else []
        impersonate += [("Impersonate-Group", group) for group in target.as_groups]
        self._transport = Transport(login, clock, self.stats, impersonate=tuple(impersonate))
        self.access = Access(self._review)
        self._discovery: Shared[str, Discovery] = Shared(float("inf"))

    @classmethod
    async def open(cls, target: Target, *, clock: Clock | None = None, terminal: Terminal | None = None) -> Session:
        """Make the credentials, in a thread; no request is made yet.

        `terminal` gives the real terminal to a credential plugin that wants to ask something, while its context
        lasts. Raises UsageError for the kubeconfig and CredentialsFailed for what a plugin said.
        """

        def load() -> Credentials:
            return kubeconfig.load(target.kubeconfig, target.context, terminal=terminal)

        return cls(target, Login(await asyncio.to_thread(load), load), clock or Clock())

    @property
    def context(self) -> str:
        """The context's name."""
        return self._login.current.context

    @property
    def cluster(self) -> str:
        """The cluster's name in the kubeconfig."""
        return self._login.current.cluster

    @property
    def user(self) -> str:
        """Who acts: the impersonated user, or the kubeconfig's user entry."""
        return self.target.as_user or self._login.current.user

    @property
    def namespace(self) -> str:
        """The namespace asked for, or the context's own."""
        return self.target.namespace or self._login.current.namespace

    @property
    def server(self) -> str:
        """The API server's URL."""
        return self._login.current.server

    @property
    def warning(self) -> str:
        """Why this connection is not protected (unverified TLS, plain HTTP); "" when it is."""
        return self._login.current.warning

    @property
    def local(self) -> bool:
        """Whether the connection never leaves this machine."""
        return self._login.current.local

    async def get(
        self, path: str, *, params: Params | None = None, accept: str = "application/json", timeout: float | None = None
    ) -> bytes:
        """The body of a GET, repeated where the connection, a 429 or a 5xx asks for it."""
        answer = await self._transport.request(
            "GET", path, params=params, headers={"Accept": accept}, timeout=timeout, repeat=True
        )
        return answer.body

    async def send(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        *,
        content_type: str = "application/json",
        params: Params | None = None,
    ) -> bytes:
        """The body of a request that changes something; it is never repeated."""
        headers = {"Accept": "application/json", "Content-Type": content_type}
        return (await self._transport.request(method, path, params=params, body=body, headers=headers)).body

    async def _review(self, path: str, body: bytes) -> bytes:
        """An access review: a POST that changes nothing, so it may be repeated."""
        headers = {"Accept": "application/json", "Content-Type": "application/json"}
        return (await self._transport.request("POST", path, body=body, headers=headers, repeat=True)).body

    def batches(
        self,
        path: str,
        *,
        params: Params | None = None,
        accept: str = "application/json",
        silence: float | None = None,
    ) -> AbstractAsyncContextManager[AsyncIterator[list[bytes]]]:
        """A watch: whole lines in batches, one batch per arrival. After `silence` seconds CannotReach is raised."""
        return self._transport.lines(path, params=params, headers={"Accept": accept}, silence=silence)

    @asynccontextmanager
    async def lines(
        self,
        path: str,
        *,
        params: Params | None = None,
        accept: str = "application/json",
        silence: float | None = None,
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """A watch or a log, line by line. After `silence` seconds without a byte CannotReach is raised."""
        async with self.batches(path, params=params, accept=accept, silence=silence) as batches:
            yield _each(batches)

    def log_batches(
        self,
        namespace: str,
        pod: str,
        container: str,
        *,
        follow: bool = False,
        since: float | None = None,
        since_time: float | None = None,
        tail: int | None = None,
        previous: bool = False,
        timestamps: bool = True,
    ) -> AbstractAsyncContextManager[AsyncIterator[list[bytes]]]:
        """A container's log in batches of lines; a line over 1 MiB is shortened.

        `since` is in seconds before now, `since_time` in seconds since 1970.
        """
        params: dict[str, str | int | float | bool | list[str]] = {"timestamps": timestamps}
        if container:
            params["container"] = container
        if follow:
            params["follow"] = True
        if since is not None:
            params["sinceSeconds"] = max(1, int(since))
        if since_time is not None:
            params["sinceTime"] = format_time(since_time)
        if tail is not None:
            params["tailLines"] = tail
        if previous:
            params["previous"] = True
        path = f"/api/v1/namespaces/{namespace}/pods/{pod}/log"
        return self._transport.lines(path, params=params, headers={"Accept": "*/*"}, longest=_LOG_LINE, cut=True)

    @asynccontextmanager
    async def logs(
        self,
        namespace: str,
        pod: str,
        container: str,
        *,
        follow: bool = False,
        since: float | None = None,
        tail: int | None = None,
        previous: bool = False,
        timestamps: bool = True,
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """A container's log, line by line; `since` is in seconds before now."""
        async with self.log_batches(
            namespace, pod, container, follow=follow, since=since, tail=tail, previous=previous, timestamps=timestamps
        ) as batches:
            yield _each(batches)

    async def discovery(self, *, refresh: bool = False) -> Discovery:
        """What the cluster serves; asked once, and again with `refresh`."""
        if refresh:
            self._discovery.forget()
        return await self._discovery.get("", lambda: discovery.discover(self.get))

    async def exec(
        self, namespace: str, pod: str, container: str, argv: Sequence[str], *, timeout: float = 10.0
    ) -> ExecResult:
        """Run a command in a container to its end, without input."""
        return await streams.run(self._transport, namespace, pod, container, argv, timeout=timeout)

    def exec_stream(
        self,
        namespace: str,
        pod: str,
        container: str,
        argv: Sequence[str] = (),
        *,
        tty: bool = True,
        attach: bool = False,
    ) -> AbstractAsyncContextManager[ExecStream]:
        """An interactive command, or with `attach` the container's own process."""
        return streams.open_stream(self._transport, namespace, pod, container, argv, stdin=True, tty=tty, attach=attach)

    async def service_get(
        self,
        namespace: str,
        service: str,
        port: str | int,
        path: str,
        *,
        params: Params | None = None,
        timeout: float | None = None,
    ) -> bytes:
        """GET from a service through the API server's proxy; failures name their cause."""
        return await tunnel.fetch(
            self._transport,
            tunnel.service_path(namespace, service, port, path),
            target=f"service {namespace}/{service}",
            params=params,
            timeout=timeout,
        )

    async def pod_get(
        self,
        namespace: str,
        pod: str,
        port: str | int,
        path: str,
        *,
        params: Params | None = None,
        timeout: float | None = None,
    ) -> bytes:
        """GET from a pod through the API server's proxy; failures name their cause."""
        return await tunnel.fetch(
            self._transport,
            tunnel.pod_path(namespace, pod, port, path),
            target=f"pod {namespace}/{pod}",
            params=params,
            timeout=timeout,
        )

    async def reconnect(self) -> None:
        """Make the credentials again at once (a person logged in elsewhere) and forget what was allowed."""
        await self._login.renew(self._login.current, force=True)
        self.access.forget()

    async def close(self) -> None:
        """Close every connection."""
        await self._discovery.close()
        await self.access.close()
        await self._transport.close()


async def _each(batches: AsyncIterator[list[bytes]]) -> AsyncIterator[bytes]:
    async for batch in batches:
        for line in batch:
            yield line
