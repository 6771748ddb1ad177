"""GPU figures from a Prometheus in the cluster, through the API server's service proxy.

Queries are made by the prometheus-api-client package in a thread; its requests travel over our own session, so that
credentials, TLS and proxies are those of the kubeconfig. GET only: a reader may not POST to a proxy.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

import msgspec

from console.cluster.session import Session
from console.errors import Invalid, NotFound, ServerFailed, UsageError
from console.telemetry.figures import PodGpus, PodRef
from console.telemetry.metrics import ENGINE, NAMES, UTIL, Metric, gpus_by_pod, pod_of

if TYPE_CHECKING:
    from prometheus_api_client.prometheus_connect import PrometheusConnect

_BASE = "http://prometheus.invalid"  # never dialled: the adapter mounted on it uses the session
_TIMEOUT = 8.0  # seconds
_MOST_NAMES = 40  # pods named in a query; beyond, whole namespaces are asked (URLs over 8 KiB fail)
_LABELS = (
    "app.kubernetes.io/name in (prometheus,thanos-query,kube-prometheus-stack-prometheus)",
    "self-monitor=true",
    "app in (kube-prometheus-stack-prometheus,prometheus)",
)
_PORTS = ("http-web", "web", "http")


@dataclass(frozen=True, slots=True)
class Address:
    """Where Prometheus listens."""

    namespace: str
    service: str
    port: str
    prefix: str = ""

    def __str__(self) -> str:
        return f"{self.namespace}/{self.service}:{self.port}{self.prefix}"


def parse_address(text: str) -> Address:
    """`namespace/service:port[/prefix]`; UsageError for anything else."""
    namespace, slash, rest = text.partition("/")
    service, colon, tail = rest.partition(":")
    port, _, prefix = tail.partition("/")
    if not (slash and colon and namespace and service and port):
        raise UsageError(f"{text!r} is not a Prometheus address.", "Write namespace/service:port[/prefix].")
    return Address(namespace, service, port, f"/{prefix.strip('/')}" if prefix.strip("/") else "")


class _Port(msgspec.Struct):
    name: str = ""
    port: int = 0


class _Meta(msgspec.Struct):
    name: str = ""
    namespace: str = ""


class _Spec(msgspec.Struct):
    ports: list[_Port] = msgspec.field(default_factory=list)


class _Service(msgspec.Struct):
    metadata: _Meta
    spec: _Spec = msgspec.field(default_factory=_Spec)


class _Services(msgspec.Struct):
    items: list[_Service] = msgspec.field(default_factory=list)


async def find(session: Session) -> Address:
    """The first Prometheus service known by its labels; raises NotFound, or Denied as any list."""
    for selector in _LABELS:
        body = await session.get("/api/v1/services", params={"labelSelector": selector})
        for service in msgspec.json.decode(body, type=_Services).items:
            named = {port.name: port.port for port in service.spec.ports}
            number = next((named[name] for name in _PORTS if name in named), None)
            if number is None and service.spec.ports:
                number = service.spec.ports[0].port
            if number:
                return Address(service.metadata.namespace, service.metadata.name, str(number))
    raise NotFound("no Prometheus service was found by its labels")


class Prometheus:
    """One Prometheus, asked for the GPU figures of pods."""

    def __init__(self, session: Session, address: Address) -> None:
        self.address = address
        self._session = session
        self._client: PrometheusConnect | None = None
        self._labels: tuple[str, str] | None = None  # of namespace and pod, as the scrape writes them

    async def prepare(self) -> None:
        """Learn how DCGM series name pods; raises NotFound where there are none."""
        for namespace, pod in (
            ("exported_namespace", "exported_pod"),
            ("namespace", "pod"),
            ("pod_namespace", "pod_name"),
        ):
            series = f'{{__name__=~"{UTIL}|{ENGINE}",{pod}!="",{pod}!~".*dcgm-exporter.*"}}'
            if await self.query(f"count({series})"):
                self._labels = namespace, pod
                return
        raise NotFound(f"Prometheus {self.address} has no DCGM series of pods")

    async def read(self, pods: Sequence[PodRef]) -> dict[str, PodGpus]:
        """The newest figures: one query for all of them."""
        result = await self.query(f'{{__name__=~"{"|".join(NAMES)}"{self._matchers(pods)}}}')
        return gpus_by_pod(_metrics(result))

    async def history(
        self, pods: Sequence[PodRef], now: float, seconds: float, step: float
    ) -> dict[str, list[tuple[float, float]]]:
        """Utilisation of each pod over the last `seconds`: (time, percent) pairs, oldest first."""
        where = self._matchers(pods)
        namespace, pod = self._labels or ("namespace", "pod")
        by = f"by ({namespace},{pod})"
        # MIG slices have no GPU_UTIL, so their engine activity stands in.
        query = f"avg {by} ({UTIL}{{{where[1:]}}}) or avg {by} (100 * {ENGINE}{{{where[1:]}}})"
        result = await self.query(query, start=now - seconds, end=now, step=step)
        found: dict[str, list[tuple[float, float]]] = {}
        for series in result:
            key = pod_of(series.get("metric", {}))
            if key:
                found[key] = [(float(at), float(value)) for at, value in series.get("values", ()) if value != "NaN"]
        return found

    def _matchers(self, pods: Sequence[PodRef]) -> str:
        namespace, pod = self._labels or ("namespace", "pod")
        spaces = sorted({ref.namespace for ref in pods})
        parts = [f'{namespace}=~"{"|".join(spaces)}"'] if len(spaces) <= _MOST_NAMES else [f'{namespace}!=""']
        if len(pods) <= _MOST_NAMES:
            parts.append(f'{pod}=~"{"|".join(ref.name.replace(".", "[.]") for ref in pods)}"')
        else:
            parts.append(f'{pod}!=""')
        return "".join(f",{part}" for part in parts)

    async def query(
        self, text: str, *, start: float | None = None, end: float | None = None, step: float = 30.0
    ) -> list[dict[str, Any]]:
        """An instant query, or a range query where `start` and `end` are given; the result list as Prometheus sends it.

        Raises ConsoleError with what the proxy or Prometheus said.
        """
        loop = asyncio.get_running_loop()

        def ask() -> list[dict[str, Any]]:
            from prometheus_api_client.exceptions import PrometheusApiClientException

            client = self._client = self._client or _client(self._session, self.address, loop)
            try:
                if start is None or end is None:
                    return list(client.custom_query(text))
                first, last = datetime.fromtimestamp(start, UTC), datetime.fromtimestamp(end, UTC)
                return list(client.custom_query_range(text, first, last, str(int(step))))
            except PrometheusApiClientException as error:
                raise Invalid(f"Prometheus {self.address} refused a query: {error}") from None
            except (KeyError, TypeError, ValueError) as error:
                raise ServerFailed(f"{self.address} did not answer as a Prometheus does.") from error

        return await asyncio.to_thread(ask)


def _client(session: Session, address: Address, loop: asyncio.AbstractEventLoop) -> PrometheusConnect:
    """A client whose HTTP goes over the session; made in a thread, because its imports take a while."""
    import requests
    from prometheus_api_client.prometheus_connect import PrometheusConnect
    from requests.adapters import BaseAdapter

    class Proxied(BaseAdapter):
        def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
            parts = urlsplit(str(request.url))
            answer = requests.Response()
            answer.request = request
            answer.url = str(request.url)
            coroutine = session.service_get(
                address.namespace,
                address.service,
                address.port,
                f"{address.prefix}{parts.path}".lstrip("/"),
                params=dict(parse_qsl(parts.query)),
                timeout=_TIMEOUT,
            )
            answer._content = asyncio.run_coroutine_threadsafe(coroutine, loop).result(timeout=3 * _TIMEOUT)
            answer.status_code = 200
            return answer

        def close(self) -> None:
            """Nothing is held open here."""

    http = requests.Session()
    client = PrometheusConnect(url=_BASE, session=http)
    http.mount(_BASE, Proxied())  # the client mounts an adapter of its own when it is made
    return client


def _metrics(result: Iterable[Mapping[str, Any]]) -> Iterable[Metric]:
    for series in result:
        labels = series.get("metric", {})
        value = series.get("value")
        if isinstance(labels, dict) and value:
            yield Metric(str(labels.get("__name__", "")), labels, float(value[1]))
