"""dcgm-exporter asked directly, pod by pod through the API server's proxy: figures without Prometheus.

An exporter knows its own node only, and its Service answers from a random one, so the pods are scraped.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain

import msgspec

from console.cluster.session import Session
from console.errors import ApiError, ConsoleError, Denied
from console.telemetry.devices import FIGURES, HEALTH, Device, by_pod, devices
from console.telemetry.exposition import Sample, parse
from console.telemetry.figures import PodRef, Reading
from console.telemetry.sourcing import NoFigures

PORT = 9400
# How the GPU operator, the Helm chart and GKE label the exporter's pods.
SELECTORS = (
    "app in (nvidia-dcgm-exporter,dcgm-exporter)",
    "app.kubernetes.io/name in (dcgm-exporter,nvidia-dcgm-exporter)",
    "k8s-app in (dcgm-exporter,nvidia-dcgm-exporter)",
)
# Tried one by one where pods may not be listed in the whole cluster.
NAMESPACES = ("gpu-operator", "nvidia-gpu-operator", "gke-managed-system", "gmp-public", "monitoring")
_KEPT_SECONDS = 120.0
_MOST = 64  # nodes scraped in one reading
_TOGETHER = 8
_WANTED = frozenset((*FIGURES, *HEALTH))


@dataclass(frozen=True, slots=True)
class Exporter:
    """One exporter pod."""

    namespace: str
    pod: str
    port: int


class _Port(msgspec.Struct, rename="camel"):
    container_port: int = 0
    name: str = ""


class _Container(msgspec.Struct):
    ports: list[_Port] | None = None


class _Spec(msgspec.Struct, rename="camel"):
    node_name: str = ""
    containers: list[_Container] | None = None


class _Meta(msgspec.Struct):
    name: str = ""
    namespace: str = ""


class _Status(msgspec.Struct):
    phase: str = ""


class _Pod(msgspec.Struct):
    metadata: _Meta = msgspec.field(default_factory=_Meta)
    spec: _Spec = msgspec.field(default_factory=_Spec)
    status: _Status = msgspec.field(default_factory=_Status)


class _Pods(msgspec.Struct):
    items: list[_Pod] | None = None


class DcgmSource:
    """Figures from exporter pods of the nodes that are asked for."""

    kind = "dcgm-exporter"
    every = 10.0

    def __init__(self, session: Session) -> None:
        self._session = session
        self._exporters: dict[str, Exporter] = {}  # by node
        self._found_at = -_KEPT_SECONDS

    async def read(self, pods: Sequence[PodRef]) -> Reading:
        """Scrape the exporters of the pods' nodes. Raises NoFigures where there is none, or none answers."""
        nodes = list(dict.fromkeys(pod.node for pod in pods if pod.node))
        found, problems = await self._scrape(nodes)
        figures = by_pod(found, (pod.key for pod in pods))
        if not figures:
            raise NoFigures(problems[0] if problems else "its series name none of these pods")
        left = len(pods) - len(figures)
        note = f"{left} of {len(pods)} pods have no figures" if left else ""
        if problems:
            note = f"{note}; {problems[0]}" if note else problems[0]
        return Reading(self._name(len(nodes)), self._session.clock.now(), figures, note=note)

    async def nodes(self) -> tuple[str, list[Device]]:
        """(phrase for the screen, devices) of every node with an exporter."""
        exporters = await self._known()
        found, problems = await self._scrape(list(exporters))
        if not found:
            raise NoFigures(problems[0] if problems else "no exporter shows a GPU")
        return self._name(len(exporters)), found

    def _name(self, nodes: int) -> str:
        return f"dcgm-exporter of {nodes} {'node' if nodes == 1 else 'nodes'}"

    async def _scrape(self, nodes: Sequence[str]) -> tuple[list[Device], list[str]]:
        exporters = await self._known()
        here = [(node, exporters[node]) for node in nodes if node in exporters][:_MOST]
        problems = [f"node {node} has no exporter" for node in nodes if node not in exporters]
        if len(nodes) - len(problems) > _MOST:
            problems.append(f"only {_MOST} of {len(nodes)} nodes were scraped")
        gate = asyncio.Semaphore(_TOGETHER)

        async def one(node: str, exporter: Exporter) -> list[Sample] | str:
            async with gate:
                try:
                    body = await self._session.pod_get(exporter.namespace, exporter.pod, exporter.port, "/metrics")
                except ConsoleError as error:
                    return error.sentence
            samples, _ = parse(body.decode("utf-8", "replace"), _WANTED.__contains__)
            return [_at(sample, node) for sample in samples]

        answers = await asyncio.gather(*(one(node, exporter) for node, exporter in here))
        problems += [answer for answer in answers if isinstance(answer, str)]
        return devices(chain.from_iterable(answer for answer in answers if not isinstance(answer, str))), problems

    async def _known(self) -> dict[str, Exporter]:
        """Exporters by node, looked up now and then. Raises NoFigures where there is none."""
        now = asyncio.get_running_loop().time()
        if now - self._found_at >= _KEPT_SECONDS:
            self._exporters = await self._look_up()
            self._found_at = now
        if not self._exporters:
            raise NoFigures("no exporter pod was found by its labels")
        return self._exporters

    async def _look_up(self) -> dict[str, Exporter]:
        for selector in SELECTORS:
            try:
                found = exporters_of(await self._list("/api/v1/pods", selector))
            except Denied:
                return await self._look_up_by_name()
            if found:
                return found
        return {}

    async def _look_up_by_name(self) -> dict[str, Exporter]:
        for namespace in NAMESPACES:
            for selector in SELECTORS:
                try:
                    found = exporters_of(await self._list(f"/api/v1/namespaces/{namespace}/pods", selector))
                except ApiError:
                    break
                if found:
                    return found
        raise NoFigures("pods may not be listed where an exporter would run")

    async def _list(self, path: str, selector: str) -> bytes:
        return await self._session.get(path, params={"labelSelector": selector, "limit": 500})


def exporters_of(body: bytes) -> dict[str, Exporter]:
    """Running exporters of a pod list, by node."""
    found = {}
    for pod in msgspec.json.decode(body, type=_Pods).items or ():
        if pod.status.phase == "Running" and pod.spec.node_name:
            ports = [port for container in pod.spec.containers or () for port in container.ports or ()]
            found[pod.spec.node_name] = Exporter(pod.metadata.namespace, pod.metadata.name, _port(ports))
    return found


def _port(ports: Iterable[_Port]) -> int:
    numbers = [port.container_port for port in ports if port.name == "metrics" or port.container_port == PORT]
    return numbers[0] if numbers else PORT


def _at(sample: Sample, node: str) -> Sample:
    """The sample with the node's own name: an exporter in a container may know itself by another."""
    return Sample(sample.name, {**sample.labels, "Hostname": node}, sample.value)
