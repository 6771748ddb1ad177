"""GPU figures from Prometheus: where it is, how its labels are formed, and the few queries that are asked of it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence

import msgspec

from console.cluster.session import Session
from console.errors import ApiError, ConsoleError, Denied, Invalid
from console.telemetry.devices import (
    ENGINE,
    EXPORTED,
    FIGURES,
    FORMS,
    HEALTH,
    PLAIN,
    USED,
    UTIL,
    XID,
    Device,
    LabelForm,
    by_pod,
    devices,
)
from console.telemetry.exposition import Sample
from console.telemetry.figures import PodRef, Reading
from console.telemetry.promclient import Address, PrometheusClient, parse_address
from console.telemetry.sourcing import NoFigures
from console.text import clean

SELECTORS = (
    "app.kubernetes.io/name in (prometheus,thanos-query,kube-prometheus-stack-prometheus,vmsingle,vmselect)",
    "self-monitor=true",
    "operated-prometheus=true",
)
# Tried where services may not be listed in the whole cluster.
USUAL = (
    Address("monitoring", "prometheus-operated", "9090"),
    Address("monitoring", "prometheus-k8s", "9090"),
    Address("monitoring", "kube-prometheus-stack-prometheus", "9090"),
    Address("monitoring", "prometheus-server", "80"),
)
_NOT_A_QUERY_API = (
    "alertmanager",
    "node-exporter",
    "operator",
    "pushgateway",
    "kube-state-metrics",
    "grafana",
    "adapter",
)
_CANDIDATES = 4
_LONGEST = 1500  # characters of a regular expression; a URL beyond about 8 KiB fails

Points = list[tuple[float, float]]


class _Port(msgspec.Struct):
    port: int = 0
    name: str = ""


class _Spec(msgspec.Struct, rename="camel"):
    ports: list[_Port] | None = None
    cluster_ip: str = msgspec.field(name="clusterIP", default="")


class _Meta(msgspec.Struct):
    name: str = ""
    namespace: str = ""


class _Service(msgspec.Struct):
    metadata: _Meta = msgspec.field(default_factory=_Meta)
    spec: _Spec = msgspec.field(default_factory=_Spec)


class _Services(msgspec.Struct):
    items: list[_Service] | None = None


class PrometheusSource:
    """Figures of pods and nodes, with history."""

    kind = "Prometheus"
    every = 10.0

    def __init__(self, session: Session, configured: str = "") -> None:
        """`configured` is `namespace/service:port[/prefix]`, or "" to find it."""
        self._session = session
        self._configured = configured
        self._client: PrometheusClient | None = None
        self._form: LabelForm = PLAIN
        self._by_engine: set[str] = set()  # pods whose utilisation is that of the engine: MIG, or no other metric
        self._held_by_several: set[tuple[str, str]] = set()
        self._shared_until = 0.0
        self._joined = True  # one query for all metrics; some query services refuse a pattern for the name

    async def read(self, pods: Sequence[PodRef]) -> Reading:
        """Figures of pods, one query for all of them. Raises NoFigures where no Prometheus has any."""
        client = await self._opened()
        samples = await self._samples(client, FIGURES, pod_matchers(pods, self._form))
        found = by_pod(devices(samples, shared=await self._shared(client)), (pod.key for pod in pods))
        if not found:
            raise NoFigures(f"{client.address} has no GPU series of these pods")
        if not any(sample.name == UTIL for sample in samples):
            self._by_engine.update(found)
        self._by_engine.update(key for key, gpus in found.items() if gpus.shared.startswith("MIG"))
        left = len(pods) - len(found)
        note = f"{left} of {len(pods)} pods have no figures" if left else ""
        return Reading(f"Prometheus {client.address}", self._session.clock.now(), found, note=note)

    async def nodes(self) -> tuple[str, list[Device]]:
        """(phrase for the screen, devices) of every node."""
        client = await self._opened()
        found = devices(
            await self._samples(client, (USED, UTIL, ENGINE, XID, *HEALTH), ""), shared=await self._shared(client)
        )
        if not found:
            raise NoFigures(f"{client.address} has no GPU series")
        return f"Prometheus {client.address}", found

    async def history(
        self, pods: Sequence[PodRef], seconds: float, step: float, *, longest: bool = False
    ) -> dict[str, Points]:
        """Utilisation of pods over the last `seconds`, in percent; with `longest` the highest of each step."""
        client = await self._opened()
        now = self._session.clock.now()
        found: dict[str, Points] = {}
        for metric, scale in ((UTIL, ""), (ENGINE, "100 * ")):
            asked = [pod for pod in pods if (pod.key in self._by_engine) == (metric == ENGINE)]
            if not asked:
                continue
            series = f"{metric}{{{pod_matchers(asked, self._form)}}}"
            if longest:
                series = f"max_over_time({series}[{step:.0f}s])"
            promql = f"{scale}avg by ({self._form.namespace},{self._form.pod}) ({series})"
            wanted = {pod.key for pod in asked}
            for labels, points in await client.query_range(promql, now - seconds, now, step):
                key = f"{labels.get(self._form.namespace, '')}/{labels.get(self._form.pod, '')}"
                if key in wanted:
                    found[key] = points
        return found

    async def _samples(self, client: PrometheusClient, names: Iterable[str], matchers: str) -> list[Sample]:
        if self._joined:
            every = [f'__name__=~"{"|".join(names)}"', *([matchers] if matchers else [])]
            try:
                samples = await client.query(f"{{{','.join(every)}}}")
            except Invalid:
                samples = []
            if samples:
                return samples
        singly: list[Sample] = []
        for name in names:
            # Without its name a vector has none: a query service may drop `__name__`.
            singly += [
                Sample(name, sample.labels, sample.value) for sample in await client.query(f"{name}{{{matchers}}}")
            ]
        if singly:
            self._joined = False
        return singly

    async def _shared(self, client: PrometheusClient) -> set[tuple[str, str]]:
        """Devices that several pods hold: time-sliced. Asked once a minute."""
        now = asyncio.get_running_loop().time()
        if now < self._shared_until:
            return self._held_by_several
        holder = f'{self._form.pod}!=""'
        held = await client.query(f"count by (UUID,GPU_I_ID) ({USED}{{{holder}}}) > 1")
        self._held_by_several = {(own.labels.get("UUID", ""), own.labels.get("GPU_I_ID", "")) for own in held}
        self._shared_until = now + 60.0
        return self._held_by_several

    async def _opened(self) -> PrometheusClient:
        """The Prometheus that has GPU series. Raises NoFigures naming what was tried."""
        if self._client is None:
            why: list[str] = []
            for address in await self._candidates():
                client = PrometheusClient(self._session, address)
                try:
                    form = await label_form(client)
                except ConsoleError as error:
                    why.append(error.sentence.rstrip("."))
                    continue
                if form is not None:
                    self._client, self._form = client, form
                    return client
                why.append(f"{address} has no GPU series with pod labels")
            raise NoFigures("; ".join(why[:2]) or "no service was found by its labels")
        return self._client

    async def _candidates(self) -> list[Address]:
        if self._configured:
            return [parse_address(self._configured)]
        found: list[Address] = []
        for selector in SELECTORS:
            try:
                body = await self._session.get("/api/v1/services", params={"labelSelector": selector, "limit": 100})
            except Denied:
                return list(USUAL)
            except ApiError:
                continue
            found += [address for address in addresses(body) if address not in found]
            if found:
                break
        return found[:_CANDIDATES]


def addresses(body: bytes) -> list[Address]:
    """Services of a list that may be a Prometheus API, the likeliest first."""
    ranked = []
    for service in msgspec.json.decode(body, type=_Services).items or ():
        name = clean(service.metadata.name)
        if any(word in name for word in _NOT_A_QUERY_API) or not service.spec.ports:
            continue
        ports = {port.name: port.port for port in service.spec.ports}
        number = next((ports[known] for known in ("http-web", "web", "http") if known in ports), None)
        if number is None:
            numbers = [port.port for port in service.spec.ports]
            number = next((port for port in numbers if port in (9090, 8429, 8481, 80)), numbers[0])
        prefix = "/select/0/prometheus" if number == 8481 else ""
        headless = service.spec.cluster_ip == "None"
        ranked.append((headless, Address(clean(service.metadata.namespace), name, str(number), prefix)))
    return [address for _, address in sorted(ranked, key=lambda entry: (entry[0], str(entry[1])))]


async def label_form(client: PrometheusClient) -> LabelForm | None:
    """Which labels name the pod that holds a GPU; None where no GPU series has any."""
    for form in FORMS:
        own = f',{form.pod}!~".*dcgm-exporter.*"' if form is not EXPORTED else ""
        for metric in (USED, UTIL):
            if await client.query(f'count({metric}{{{form.pod}!=""{own}}})'):
                return form
    return None


def pod_matchers(pods: Sequence[PodRef], form: LabelForm) -> str:
    """Label matchers that hold for all of these pods and as few others as a short query can say."""
    namespaces = sorted({pod.namespace for pod in pods})
    names = sorted({pod.name for pod in pods})
    prefix = _common_start(names[0], names[-1])
    listed = "|".join(map(_literal, names))
    if len(listed) <= 200 or (len(prefix) < 4 and len(listed) <= _LONGEST):
        pod = f'{form.pod}=~"{listed}"'
    elif len(prefix) >= 4:
        pod = f'{form.pod}=~"{_literal(prefix)}.*"'
    else:
        pod = f'{form.pod}!=""'
    where = "|".join(map(_literal, namespaces))
    namespace = f'{form.namespace}=~"{where}"' if len(where) <= _LONGEST else f'{form.namespace}!=""'
    return f"{namespace},{pod}"


def _common_start(first: str, last: str) -> str:
    """What the first and last of sorted names begin with, and so all between them."""
    same = next((place for place, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), None)
    return first[: len(first) if same is None else same]


def _literal(name: str) -> str:
    """A name inside a regular expression inside a PromQL string: names hold no other special character than dots."""
    return name.replace(".", "[.]")
