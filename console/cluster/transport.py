"""HTTP to one cluster: requests with retries where they are safe, and endless answers line by line.

Lists arrive gzipped where the server offers it; a watch and a followed log arrive as they are sent. Every answer's
`Date` sets the clock. This module knows nothing of kinds and keeps no body.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import stamina

from console import __version__
from console.clock import Clock
from console.cluster import statuses, tls
from console.cluster.auth import Login
from console.cluster.kubeconfig import Credentials
from console.cluster.lines import split
from console.errors import ApiError, CannotReach, ServerFailed, TooManyRequests

# stamina tells each retry to a logger; without a handler Python would print it over the screen.
logging.getLogger("stamina").addHandler(logging.NullHandler())

Params = Mapping[str, str | int | float | bool | list[str]]

_ATTEMPTS = 4
_CLIENTS = 3  # sets of certificates in use at a time
_MOMENT = 0.04  # seconds
_CONNECT = 10.0
_READ = 30.0
_LONGEST_WAIT = 10.0  # of a Retry-After, for a request somebody waits for


class Stats:
    """What the session costs the API server."""

    def __init__(self, steady: Any = time.monotonic) -> None:
        self.requests = 0
        self.received = 0  # bytes as they came over the wire
        self.watches = 0  # open now
        self.throttled = 0  # 429 answers
        self._steady = steady
        self._recent: deque[float] = deque(maxlen=6000)

    def count(self) -> None:
        """One request is being made."""
        self.requests += 1
        self._recent.append(self._steady())

    def rate(self) -> float:
        """Requests a second over the last minute."""
        edge = self._steady() - 60.0
        while self._recent and self._recent[0] < edge:
            self._recent.popleft()
        return len(self._recent) / 60.0


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer, whatever its code."""

    code: int
    headers: Mapping[str, str]  # names in lower case
    body: bytes


class _Retired(Exception):
    """The connection broke before an answer began; a request that changes nothing may be repeated."""

    def __init__(self, error: CannotReach) -> None:
        super().__init__(str(error))
        self.error = error


def _again(error: Exception) -> bool | float:
    if isinstance(error, _Retired):
        return True
    if isinstance(error, TooManyRequests | ServerFailed) and error.code != 501:
        if error.retry_after is None:
            return True
        return error.retry_after if error.retry_after <= _LONGEST_WAIT else False
    return False


class Transport:
    """One httpx client per set of certificates; credentials are looked up for every request."""

    def __init__(
        self, login: Login, clock: Clock, stats: Stats, *, impersonate: tuple[tuple[str, str], ...] = ()
    ) -> None:
        self.login = login
        self.clock = clock
        self.stats = stats
        self._impersonate = impersonate
        self._clients: dict[tuple[str, str, str | None], httpx.AsyncClient] = {}
        self._closing: set[asyncio.Future[None]] = set()

    async def request(
        self,
        method: str,
        path: str,
        *,
        params: Params | None = None,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
        repeat: bool = False,
    ) -> Answer:
        """One answer with a code below 300. Raises ApiError for other codes, CannotReach for no answer.

        With `repeat` (only for what changes nothing) a broken connection, 429 and 5xx are tried again.
        """
        if not repeat:
            try:
                return await self._exchange(method, path, params, body, headers, timeout)
            except _Retired as broken:
                raise broken.error from None
        try:
            async for attempt in stamina.retry_context(
                on=_again, attempts=_ATTEMPTS, timeout=45.0, wait_initial=0.1, wait_max=4.0, wait_jitter=0.2
            ):
                with attempt:
                    return await self._exchange(method, path, params, body, headers, timeout)
        except _Retired as broken:
            raise broken.error from None
        raise AssertionError("the last attempt returns or raises")

    async def _exchange(
        self,
        method: str,
        path: str,
        params: Params | None,
        body: bytes,
        headers: Mapping[str, str] | None,
        timeout: float | None,
    ) -> Answer:
        limits = httpx.Timeout(timeout or _READ, connect=min(timeout or _CONNECT, _CONNECT), pool=None)
        # Over loopback, compressing costs both sides more than the bytes it saves.
        encoding = "identity" if self.login.current.local else "gzip"
        send = {"Accept-Encoding": encoding, **(headers or {})}
        async with self._open(method, path, params, body, send, limits) as response:
            try:
                content = await response.aread()
            except (httpx.TransportError, httpx.DecodingError) as error:
                raise _Retired(tls.explain(error, self.login.current.server, self.login.current.proxy)) from error
            self.stats.received += response.num_bytes_downloaded
            self._check(response, content, f"{method} {path}")
            return Answer(response.status_code, response.headers, content)

    @asynccontextmanager
    async def lines(
        self,
        path: str,
        *,
        params: Params | None = None,
        headers: Mapping[str, str] | None = None,
        silence: float | None = None,
        longest: int = 16 << 20,
        cut: bool = False,
    ) -> AsyncIterator[AsyncIterator[list[bytes]]]:
        """An endless answer as batches of whole lines, one batch per arrival.

        After `silence` seconds without a byte the connection counts as dead and CannotReach is raised. A line over
        `longest` bytes raises ServerFailed, or with `cut` is shortened.
        """
        limits = httpx.Timeout(silence, connect=_CONNECT, write=_READ, pool=None)
        send = {"Accept-Encoding": "identity", **(headers or {})}
        try:
            async with self._open("GET", path, params, b"", send, limits) as response:
                if response.status_code >= 300:
                    self._check(response, await response.aread(), f"GET {path}")
                self.stats.watches += 1
                hurry = _unhurried(response)
                try:
                    yield split(self._chunks(response), longest=longest, cut=cut)
                finally:
                    hurry()
                    self.stats.watches -= 1
        except _Retired as broken:
            raise broken.error from None

    async def _chunks(self, response: httpx.Response) -> AsyncIterator[bytes]:
        try:
            async for chunk in response.aiter_raw():
                self.stats.received += len(chunk)
                yield chunk
        except httpx.TransportError as error:
            raise tls.explain(error, self.login.current.server, self.login.current.proxy) from error

    @asynccontextmanager
    async def upgrade(self, path: str, *, params: Params, headers: Mapping[str, str]) -> AsyncIterator[httpx.Response]:
        """A GET that asks for another protocol; the answer is 101 and its network stream is the caller's."""
        limits = httpx.Timeout(_READ, connect=_CONNECT, pool=None)
        try:
            async with self._open("GET", path, params, b"", headers, limits) as response:
                if response.status_code != 101:
                    self._check(response, await response.aread(), f"GET {path}")
                    raise ServerFailed(f"{self.login.current.server} does not open a WebSocket for {path}.")
                yield response
        except _Retired as broken:
            raise broken.error from None

    @asynccontextmanager
    async def _open(
        self,
        method: str,
        path: str,
        params: Params | None,
        body: bytes,
        headers: Mapping[str, str],
        limits: httpx.Timeout,
    ) -> AsyncIterator[httpx.Response]:
        """The answer's head. A 401 is answered once with newly made credentials."""
        credentials = await self.login.fresh()
        for last in (False, True):
            client = self._client(credentials)
            request = client.build_request(
                method,
                credentials.server + path,
                params=params or None,
                content=body or None,
                headers=self._headers(credentials, headers),
                timeout=limits,
            )
            self.stats.count()
            try:
                response = await client.send(request, stream=True)
            except (httpx.TimeoutException, httpx.ConnectError, httpx.ProxyError, httpx.UnsupportedProtocol) as error:
                raise tls.explain(error, credentials.server, credentials.proxy) from error
            except httpx.TransportError as error:
                raise _Retired(tls.explain(error, credentials.server, credentials.proxy)) from error
            except httpx.InvalidURL as error:
                raise CannotReach(f"{credentials.server} is not a usable address: {error}.") from None
            try:
                self._hear(response)
                if response.status_code == 401 and not last:
                    await response.aread()
                    renewed = await self.login.renew(credentials)
                    if renewed.authorization != credentials.authorization or renewed.tls_print != credentials.tls_print:
                        credentials = renewed
                        continue
                yield response
                return
            finally:
                await response.aclose()

    def _headers(self, credentials: Credentials, extra: Mapping[str, str]) -> list[tuple[str, str]]:
        headers = [("User-Agent", f"kfconsole/{__version__}"), *self._impersonate, *extra.items()]
        if credentials.authorization:
            headers.append(("Authorization", credentials.authorization))
        return headers

    def _hear(self, response: httpx.Response) -> None:
        if response.status_code == 429:
            self.stats.throttled += 1
        date = response.headers.get("date")
        heard = statuses.http_date(date) if date else None
        if heard is not None:
            self.clock.heard(heard)

    def _check(self, response: httpx.Response, content: bytes, asked: str) -> None:
        if response.status_code >= 300:
            error: ApiError = statuses.failure(
                response.status_code, response.headers, content, asked=asked, server=self.login.current.server
            )
            raise error

    def _client(self, credentials: Credentials) -> httpx.AsyncClient:
        key = (credentials.server, credentials.tls_print, credentials.proxy)
        client = self._clients.get(key)
        if client is None:
            client = self._clients[key] = _client(credentials)
            if len(self._clients) > _CLIENTS:
                # Client certificates that are renewed hour by hour; a watch on the oldest is resumed on the newest.
                task = asyncio.ensure_future(self._clients.pop(next(iter(self._clients))).aclose())
                self._closing.add(task)
                task.add_done_callback(self._closing.discard)
        return client

    async def close(self) -> None:
        """Close every connection; open watches end with an error."""
        clients, self._clients = list(self._clients.values()), {}
        await asyncio.gather(*(client.aclose() for client in clients), *self._closing)


def _client(credentials: Credentials) -> httpx.AsyncClient:
    # The kernel notices a peer that is gone (a VPN that dropped) within a minute, also while a watch is silent.
    options: list[tuple[int, int, int]] = [(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)]
    for name, value in (("TCP_KEEPIDLE", 30), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 3)):
        if hasattr(socket, name):
            options.append((socket.IPPROTO_TCP, getattr(socket, name), value))
    try:
        transport = httpx.AsyncHTTPTransport(
            verify=credentials.tls if credentials.tls is not None else False,
            http2=False,
            trust_env=False,
            # A watch holds a connection for itself (HTTP/1.1), so their number is bounded by the hub, not here.
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=32, keepalive_expiry=45.0),
            proxy=httpx.Proxy(credentials.proxy) if credentials.proxy else None,
            socket_options=options,
        )
    except (ValueError, ImportError) as error:
        raise CannotReach(f"The proxy {credentials.proxy} cannot be used: {error}.") from None
    return httpx.AsyncClient(transport=transport, follow_redirects=False, trust_env=False)


def _unhurried(response: httpx.Response) -> Callable[[], None]:
    """Let what an endless answer sends within a moment be read at once; the first bytes after a silence do not wait.

    Between two reads the kernel keeps what arrives. Measured with 300 events a second: a third of the CPU. Call what is
    returned when the answer is done: the connection may serve others.
    """
    stream = response.extensions.get("network_stream")
    read = getattr(stream, "read", None)
    if read is None or not hasattr(stream, "__dict__"):
        return lambda: None
    loop = asyncio.get_running_loop()
    due = 0.0

    async def read_later(max_bytes: int, timeout: float | None = None) -> bytes:
        nonlocal due
        if due > loop.time():
            await asyncio.sleep(due - loop.time())
        data: bytes = await read(max_bytes, timeout)
        due = loop.time() + _MOMENT if len(data) < max_bytes else 0.0
        return data

    vars(stream)["read"] = read_later
    return lambda: vars(stream).pop("read")
