"""Prometheus behind a service, asked with prometheus-api-client over the session's own transport.

The client insists on `requests`; its requests are carried by an adapter to the session, so that they go through the
API server's proxy with the same credentials, TLS and counting as everything else. It blocks, so it runs in a thread.
Only GET is used: POST would need `create` on services/proxy.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from console.cluster.session import Session
from console.errors import ServerFailed, UsageError
from console.telemetry.exposition import Sample, known
from console.text import clean

_HOST = "http://prometheus.invalid"  # never resolved: the adapter takes every request
_TIMEOUT = 20.0


@dataclass(frozen=True, slots=True)
class Address:
    """A Prometheus API behind a service."""

    namespace: str
    service: str
    port: str
    prefix: str = ""  # "/prometheus", before /api/v1

    def __str__(self) -> str:
        return f"{self.namespace}/{self.service}:{self.port}{self.prefix}"


def parse_address(text: str) -> Address:
    """`namespace/service:port[/prefix]` of the settings; raises UsageError."""
    namespace, slash, rest = text.strip().partition("/")
    target, _, prefix = rest.partition("/")
    service, colon, port = target.rpartition(":")
    if not (slash and colon and namespace and service and port):
        raise UsageError(f"The setting prometheus is not namespace/service:port[/prefix]: {clean(text)}.")
    return Address(namespace, service, port, f"/{prefix.strip('/')}" if prefix.strip("/") else "")


class PrometheusClient:
    """Queries of one Prometheus. The package is imported when the first is made."""

    def __init__(self, session: Session, address: Address) -> None:
        self.address = address
        self._session = session
        self._connect: Any = None

    async def query(self, promql: str) -> list[Sample]:
        """An instant query. Raises what the session raises, or ServerFailed for an answer that is none."""
        loop = asyncio.get_running_loop()
        return vector(await asyncio.to_thread(lambda: self._connected(loop).custom_query(promql)))

    async def query_range(
        self, promql: str, start: float, end: float, step: float
    ) -> list[tuple[Mapping[str, str], list[tuple[float, float]]]]:
        """A range query: (labels, points) of each series; times in seconds since 1970."""
        loop = asyncio.get_running_loop()
        times = (datetime.fromtimestamp(start, UTC), datetime.fromtimestamp(end, UTC), f"{step:.0f}")
        return matrix(await asyncio.to_thread(lambda: self._connected(loop).custom_query_range(promql, *times)))

    def _connected(self, loop: asyncio.AbstractEventLoop) -> Any:
        if self._connect is None:
            self._connect = _connection(self._session, self.address, loop)
        return self._connect


def _connection(session: Session, address: Address, loop: asyncio.AbstractEventLoop) -> Any:
    """A PrometheusConnect whose requests travel through `session`. Called in a thread; imports 6 MB."""
    import requests
    from prometheus_api_client import PrometheusConnect
    from requests.adapters import BaseAdapter

    class Carrier(BaseAdapter):
        """Carries a request of the client to the session's event loop and waits there for the answer."""

        def send(self, request: Any, *_: Any, **__: Any) -> Any:
            parts = urlsplit(request.url)
            fetched = asyncio.run_coroutine_threadsafe(
                session.service_get(
                    address.namespace,
                    address.service,
                    address.port,
                    address.prefix + parts.path,
                    params=dict(parse_qsl(parts.query, keep_blank_values=True)),
                    timeout=_TIMEOUT,
                ),
                loop,
            )
            response = requests.Response()
            response._content = fetched.result()
            response.status_code = 200
            response.url = request.url
            response.request = request
            return response

        def close(self) -> None: ...

    carried = requests.Session()
    carried.trust_env = False
    connection = PrometheusConnect(url=_HOST, session=carried)
    # It mounts an adapter of its own for its URL; ours takes that place.
    carried.mount(_HOST, Carrier())
    return connection


def vector(result: Any) -> list[Sample]:
    """The result of an instant query as samples; raises ServerFailed for another shape."""
    try:
        found = [(entry["metric"], float(entry["value"][1])) for entry in result]
        return [Sample(labels.get("__name__", ""), _clean(labels), value) for labels, value in found if known(value)]
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        raise ServerFailed("Prometheus answers a query with something that is no vector.") from error


def matrix(result: Any) -> list[tuple[Mapping[str, str], list[tuple[float, float]]]]:
    """The result of a range query as series; raises ServerFailed for another shape."""
    try:
        return [
            (
                _clean(entry["metric"]),
                [(float(at), value) for at, text in entry["values"] if math.isfinite(value := float(text))],
            )
            for entry in result
        ]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ServerFailed("Prometheus answers a query with something that is no matrix.") from error


def _clean(labels: Mapping[str, str]) -> dict[str, str]:
    return {name: clean(value) for name, value in labels.items()}
