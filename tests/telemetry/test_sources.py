"""Prometheus, exporter pods and nvidia-smi against a scripted cluster, and the order they are tried in."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from console.cluster.session import ExecResult, Session
from console.errors import ServerFailed, UsageError
from console.telemetry import promclient, smi
from console.telemetry.dcgm import DcgmSource, exporters_of
from console.telemetry.devices import EXPORTED, PLAIN
from console.telemetry.figures import PodRef
from console.telemetry.monitor import GpuMonitor
from console.telemetry.prometheus import Address, PrometheusSource, addresses, pod_matchers
from console.telemetry.sourcing import NoFigures
from tests.cluster.scripted import Asked, Reply, Scripted

PODS = [PodRef("team-a", "llama-worker-0", "n1", 1, "pytorch"), PodRef("team-a", "llama-worker-1", "n2", 1, "pytorch")]
LABELS = {"gpu": "0", "UUID": "GPU-0", "Hostname": "n1", "modelName": "NVIDIA A100"}
QUERY = "/api/v1/namespaces/monitoring/services/prometheus:9090/proxy/api/v1/query"


@dataclass
class Values:
    prices: dict[str, float] = field(default_factory=dict)


@dataclass
class Settings:
    configured: str = ""
    values: Values = field(default_factory=Values)

    def prometheus(self, context: str) -> str:
        return self.configured


def service(name: str, *ports: tuple[str, int], namespace: str = "monitoring", ip: str = "10.0.0.1") -> dict[str, Any]:
    return {
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"clusterIP": ip, "ports": [{"name": port, "port": number} for port, number in ports]},
    }


class Prometheus:
    """Answers the queries the source asks, from a few series."""

    def __init__(self, server: Scripted, form: str = "exported_") -> None:
        self.form = form
        self.joined = True
        self.queries: list[str] = []
        self.series = [
            ("DCGM_FI_DEV_GPU_UTIL", "93"),
            ("DCGM_FI_DEV_FB_USED", "60000"),
            ("DCGM_FI_DEV_FB_FREE", "20000"),
            ("DCGM_FI_DEV_POWER_USAGE", "NaN"),
        ]
        self.range: list[tuple[float, str]] = []
        server.answers("GET", "/api/v1/services", {"items": [service("prometheus", ("web", 9090))]})
        server.on("GET", QUERY, self._query)
        server.on("GET", QUERY + "_range", self._range)

    async def _query(self, asked: Asked, reply: Reply) -> None:
        query = asked.one("query")
        self.queries.append(query)
        if query.startswith("count("):
            holder = re.search(r'\{(\w*pod)!=""', query)
            assert holder
            found = holder.group(1) == f"{self.form}pod" and "FB_USED" in query
            await self._answer(reply, [{"metric": {}, "value": [1, "1"]}] if found else [])
        elif query.startswith("count by"):
            await self._answer(reply, [])
        elif query.startswith("{__name__"):
            if not self.joined:
                await reply.send({"status": "error", "errorType": "bad_data", "error": "no pattern for the name"}, 400)
                return
            await self._answer(reply, [self._series(name, value) for name, value in self.series])
        else:
            name = query.partition("{")[0]
            found_series = [self._series(own, value) for own, value in self.series if own == name]
            for entry in found_series:
                del entry["metric"]["__name__"]
            await self._answer(reply, found_series)

    async def _range(self, asked: Asked, reply: Reply) -> None:
        self.queries.append(asked.one("query"))
        labels = {f"{self.form}namespace": "team-a", f"{self.form}pod": "llama-worker-0"}
        end = float(asked.one("end"))
        values = [[end + offset, text] for offset, text in self.range]
        await self._answer(reply, [{"metric": labels, "values": values}], "matrix")

    def _series(self, name: str, value: str) -> dict[str, Any]:
        holder = {f"{self.form}namespace": "team-a", f"{self.form}pod": "llama-worker-0"}
        return {"metric": {"__name__": name, "pod": "dcgm-exporter-1", **LABELS, **holder}, "value": [1, value]}

    async def _answer(self, reply: Reply, result: list[Any], kind: str = "vector") -> None:
        await reply.send({"status": "success", "data": {"resultType": kind, "result": result}})


@pytest.mark.parametrize("form", ["exported_", ""])
async def test_prometheus_is_found_asked_once_and_says_what_it_lacks(
    server: Scripted, session: Session, form: str
) -> None:
    prometheus = Prometheus(server, form)
    reading = await PrometheusSource(session).read(PODS)
    assert reading.source == "Prometheus monitoring/prometheus:9090"
    assert reading.note == "1 of 2 pods have no figures"
    gpu = reading.pods["team-a/llama-worker-0"].gpus[0]
    assert (gpu.util, gpu.memory_total, gpu.power, gpu.node, gpu.model) == (93.0, 80000.0, None, "n1", "NVIDIA A100")
    figures = [query for query in prometheus.queries if query.startswith("{")]
    assert len(figures) == 1
    assert f'{form}pod=~"llama-worker-0|llama-worker-1"' in figures[0]
    assert {asked.method for asked in server.asked} == {"GET"}
    assert {asked.header("authorization") for asked in server.asked} == {"Bearer s3cret"}


async def test_a_query_service_without_patterns_for_names_is_asked_for_each_metric(
    server: Scripted, session: Session
) -> None:
    prometheus = Prometheus(server)
    prometheus.joined = False
    source = PrometheusSource(session)
    assert (await source.read(PODS)).pods["team-a/llama-worker-0"].util == 93.0
    prometheus.queries.clear()
    await source.read(PODS)
    assert not any(query.startswith("{__name__") for query in prometheus.queries)


async def test_a_configured_prometheus_is_used_with_its_prefix(server: Scripted, session: Session) -> None:
    with pytest.raises(NoFigures, match="obs/thanos answers with 404"):
        await PrometheusSource(session, "obs/thanos:10902/prom").read(PODS)
    assert server.asked[0].path == "/api/v1/namespaces/obs/services/thanos:10902/proxy/prom/api/v1/query"
    with pytest.raises(UsageError, match="namespace/service:port"):
        promclient.parse_address("thanos:9090")
    assert str(promclient.parse_address("a/b:9090/x/")) == "a/b:9090/x"


async def test_the_usual_places_are_tried_where_services_may_not_be_listed(server: Scripted, session: Session) -> None:
    server.fails("GET", "/api/v1/services", 403, "Forbidden", "no")
    with pytest.raises(NoFigures, match="prometheus-operated"):
        await PrometheusSource(session).read(PODS)


def test_candidates_are_ranked_and_what_is_no_query_api_left_out() -> None:
    import json

    body = {
        "items": [
            service("prometheus-operated", ("web", 9090), ip="None"),
            service("kps-alertmanager", ("http-web", 9093)),
            service("kps-prometheus", ("reloader", 8080), ("http-web", 9090)),
            service("vmselect-x", ("", 8481)),
        ]
    }
    assert addresses(json.dumps(body).encode()) == [
        Address("monitoring", "kps-prometheus", "9090"),
        Address("monitoring", "vmselect-x", "8481", "/select/0/prometheus"),
        Address("monitoring", "prometheus-operated", "9090"),
    ]


def test_pod_matchers_stay_short() -> None:
    few = [PodRef("a", "x.y", "n", 1), PodRef("b", "z", "n", 1)]
    assert pod_matchers(few, PLAIN) == 'namespace=~"a|b",pod=~"x[.]y|z"'
    many = [PodRef("a", f"llama-worker-{number}", "n", 1) for number in range(500)]
    assert pod_matchers(many, EXPORTED) == 'exported_namespace=~"a",exported_pod=~"llama-worker-.*"'
    mixed = [PodRef("a", f"{number}-x", "n", 1) for number in range(2000)]
    assert pod_matchers(mixed, PLAIN).endswith('pod!=""')


@pytest.mark.parametrize("result", [None, 5, [{"metric": {}}], [{"metric": {}, "value": ["x"]}], ["x"]])
def test_answers_that_are_no_vector_are_an_error(result: Any) -> None:
    with pytest.raises(ServerFailed):
        promclient.vector(result)
    with pytest.raises(ServerFailed):
        promclient.matrix(result)


EXPOSED = """\
DCGM_FI_DEV_GPU_UTIL{gpu="0",UUID="GPU-0",Hostname="inside",namespace="team-a",pod="llama-worker-0"} 42
DCGM_FI_DEV_FB_USED{gpu="0",UUID="GPU-0",Hostname="inside",namespace="team-a",pod="llama-worker-0"} 9223372036854775794
"""


def exporters(server: Scripted) -> None:
    pod = {
        "metadata": {"name": "dcgm-1", "namespace": "gpu-operator"},
        "spec": {"nodeName": "n1", "containers": [{"ports": [{"name": "metrics", "containerPort": 9401}]}]},
        "status": {"phase": "Running"},
    }
    server.answers("GET", "/api/v1/pods", {"items": [pod]})

    async def metrics(asked: Asked, reply: Reply) -> None:
        await reply.send(EXPOSED.encode(), content_type="text/plain")

    server.on("GET", "/api/v1/namespaces/gpu-operator/pods/dcgm-1:9401/proxy/metrics", metrics)


async def test_exporters_are_scraped_on_the_nodes_concerned(server: Scripted, session: Session) -> None:
    exporters(server)
    source = DcgmSource(session)
    reading = await source.read(PODS)
    gpu = reading.pods["team-a/llama-worker-0"].gpus[0]
    assert (gpu.util, gpu.memory_used, gpu.node) == (42.0, None, "n1")
    assert "node n2 has no exporter" in reading.note
    await source.read(PODS)
    assert len(server.requests("/api/v1/pods")) == 1


async def test_no_exporter_and_no_right_to_look_are_said(server: Scripted, session: Session) -> None:
    server.answers("GET", "/api/v1/pods", {"items": []})
    with pytest.raises(NoFigures, match="no exporter pod"):
        await DcgmSource(session).read(PODS)
    server.fails("GET", "/api/v1/pods", 403, "Forbidden", "no")
    with pytest.raises(NoFigures, match="may not be listed"):
        await DcgmSource(session).read(PODS)
    assert exporters_of(b'{"items":[{"status":{"phase":"Pending"},"spec":{"nodeName":"n"}}]}') == {}


SMI = """\
0, GPU-a, NVIDIA A100-SXM4-80GB, 93, 71234, 81920, 300.12, 65
1, GPU-b, NVIDIA A100-SXM4-80GB, [N/A], [N/A], 81920, [Not Supported], [Unknown Error]
Failed to initialize NVML
"""


def test_nvidia_smi_lines_and_what_the_driver_does_not_know() -> None:
    first, second = smi.parse(SMI, "n1")
    assert (first.util, first.memory_used, first.power, first.temperature, first.node) == (93, 71234, 300.12, 65, "n1")
    assert (second.util, second.memory_used, second.memory_total, second.power) == (None, None, 81920, None)


@pytest.fixture
def executed(session: Session, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    ran: list[str] = []

    async def execute(namespace: str, pod: str, container: str, argv: Any, *, timeout: float) -> ExecResult:
        ran.append(pod)
        if pod.endswith("1"):
            return ExecResult(b"", b"sh: nvidia-smi: not found\n", 127)
        return ExecResult(SMI.encode(), b"", 0)

    monkeypatch.setattr(session, "exec", execute)
    return ran


@pytest.fixture
async def monitor(session: Session) -> AsyncIterator[GpuMonitor]:
    made = GpuMonitor(session, Settings(values=Values({"A100": 2.0})))
    yield made
    await made.close()


async def test_sources_are_tried_in_order_and_named(
    server: Scripted, session: Session, monitor: GpuMonitor, executed: list[str]
) -> None:
    server.answers("GET", "/api/v1/services", {"items": []})
    server.answers("GET", "/api/v1/pods", {"items": []})
    reading = await monitor.read(PODS)
    assert reading.source == "nvidia-smi in 1 pods"
    assert executed == ["llama-worker-0", "llama-worker-1"]
    assert monitor.cost(reading) == 4.0
    assert (await monitor.read(PODS)) is reading
    assert len(executed) == 2


async def test_without_any_source_the_reading_says_what_was_tried(
    server: Scripted, session: Session, monitor: GpuMonitor
) -> None:
    server.answers("GET", "/api/v1/services", {"items": []})
    server.answers("GET", "/api/v1/pods", {"items": []})
    path = "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews"
    server.answers("POST", path, {"status": {"resourceRules": [], "incomplete": False}})
    reading = await monitor.read(PODS)
    assert reading.pods == {}
    assert reading.source == ""
    for part in (
        "Prometheus: no service",
        "dcgm-exporter: no exporter",
        "nvidia-smi: this user may not create pods/exec",
    ):
        assert part in reading.why_none
    asked = len(server.asked)
    await monitor.read(PODS)
    assert len(server.asked) == asked, "sources that had nothing rest"
    assert (await monitor.read([])).why_none == "No pod holds a GPU."
    assert "No source knows" in (await monitor.read_nodes()).why_none


async def test_history_and_idleness_come_from_prometheus(
    server: Scripted, session: Session, monitor: GpuMonitor
) -> None:
    prometheus = Prometheus(server)
    prometheus.series = [("DCGM_FI_DEV_GPU_UTIL", "0")]
    prometheus.range = [(-7200.0, "80"), (-600.0, "0"), (-40.0, "0")]
    await monitor.read(PODS)
    await monitor.settled()
    key = "team-a/llama-worker-0"
    assert monitor.history(key)[-1] == 0.0
    assert len(monitor.history(key)) > 20
    idle = monitor.idle(key)
    assert idle is not None
    assert 7190 < idle < 7210
    assert monitor.idle("team-a/llama-worker-1") is None
    ranges = [query for query in prometheus.queries if query.startswith("avg by")]
    assert len(ranges) == 2
    assert "max_over_time" in ranges[1]
    assert "GR_ENGINE" not in ranges[0]


async def test_nodes_are_read_with_their_troubles(server: Scripted, session: Session, monitor: GpuMonitor) -> None:
    server.answers("GET", "/api/v1/services", {"items": []})
    exporters(server)
    reading = await monitor.read_nodes()
    assert reading.source == "dcgm-exporter of 1 node"
    assert reading.nodes["n1"].devices[0].holders == ("team-a/llama-worker-0",)
