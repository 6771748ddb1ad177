"""Monitoring: GPU exporters, Prometheus behind its service, objects and usage as series, kubectl top, stand-ins."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlencode

import pytest

from console.clock import format_time
from console.demo.exposition import expose
from console.demo.gpu_figures import Mode
from console.demo.gpus import GpuFleet
from console.demo.metrics import SampleSource
from console.demo.runtime import Runtime
from console.demo.services import install_samples, install_services
from console.demo.store import Store
from console.demo.streams import Streams
from console.demo.usage import ContainerUsage

NOW = 1_790_000_000.0
PROMETHEUS = "/api/v1/namespaces/monitoring/services/prometheus:9090/proxy/api/v1"
EXPORTER = "/api/v1/namespaces/gpu-operator/pods/exporter-1:9400/proxy/metrics"


def node(name: str) -> dict[str, Any]:
    amounts = {"cpu": "96", "memory": "1000Gi", "nvidia.com/gpu": "8"}
    labels = {"nvidia.com/gpu.product": "NVIDIA-A100-SXM4-80GB", "nvidia.com/gpu.count": "8"}
    metadata = {"name": name, "uid": name, "labels": labels, "creationTimestamp": format_time(NOW - 9000)}
    status = {"allocatable": amounts, "capacity": amounts, "conditions": [{"type": "Ready", "status": "True"}]}
    return {"apiVersion": "v1", "kind": "Node", "metadata": metadata, "spec": {}, "status": status}


def pod(
    namespace: str, name: str, labels: dict[str, str], node: str, container: str, **resources: str
) -> dict[str, Any]:
    at = format_time(NOW - 1800)
    metadata = {"name": name, "namespace": namespace, "uid": f"uid-{name}", "labels": labels, "creationTimestamp": at}
    spec = {"containers": [{"name": container, "image": "x", "resources": {"requests": resources}}], "nodeName": node}
    status = {
        "phase": "Running",
        "podIP": "10.0.0.5",
        "conditions": [{"type": "Ready", "status": "True"}],
        "containerStatuses": [
            {"name": container, "ready": True, "restartCount": 2, "state": {"running": {"startedAt": at}}}
        ],
    }
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec, "status": status}


@pytest.fixture
async def fleet(api) -> AsyncIterator[GpuFleet]:
    store, runtime = api.store, Runtime(api.store)
    api.server.streams = Streams(runtime)
    fleet = GpuFleet(store.now)
    for name in ("gpu-1", "gpu-2"):
        store.load(node(name))
        fleet.set_node(node(name))
    gpu: dict[str, str] = {"cpu": "4", "memory": "8Gi", "nvidia.com/gpu": "2"}
    worker = pod("team-a", "w-0", {"app": "w"}, "gpu-1", "pytorch", **gpu)
    store.load(worker)
    assert fleet.admit(worker, {"pytorch": "train"}) == ""
    fleet.do("uid-w-0", "pytorch", Mode.RUNNING, NOW - 1800)
    store.load(pod("gpu-operator", "exporter-1", {"app": "nvidia-dcgm-exporter"}, "gpu-1", "nvidia-dcgm-exporter"))
    store.load(pod("monitoring", "prometheus-0", {"app.kubernetes.io/name": "prometheus"}, "gpu-2", "prometheus"))
    metadata = {"name": "prometheus", "namespace": "monitoring"}
    ports = [{"name": "http-web", "port": 9090, "targetPort": 9090}]
    spec = {"selector": {"app.kubernetes.io/name": "prometheus"}, "ports": ports}
    store.load({"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec})
    api.server.figures = install_services(runtime, gpus=fleet)
    yield fleet


async def query(api, text: str, **more: Any) -> list[dict[str, Any]]:
    path = f"{PROMETHEUS}/query?{urlencode({'query': text, **more})}"
    return (await api.send("GET", path, 200))["data"]["result"]


async def test_an_exporter_shows_the_gpus_of_its_node(api, fleet):
    answer = await api.client.get(EXPORTER)
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    lines = [line for line in answer.text.splitlines() if line.startswith("DCGM_FI_DEV_GPU_UTIL{")]
    assert len(lines) == 8
    assert all('Hostname="gpu-1"' in line for line in lines)
    assert len([line for line in lines if 'namespace="team-a",pod="w-0",container="pytorch"' in line]) == 2
    assert "# TYPE DCGM_FI_DEV_GPU_UTIL gauge\n" in answer.text
    health = await api.client.get(EXPORTER.replace("/metrics", "/health"))
    assert health.text == "OK"


async def test_prometheus_shows_what_the_exporter_shows(api, fleet):
    rows = await query(api, 'DCGM_FI_DEV_FB_USED{exported_pod="w-0"}')
    assert len(rows) == 2
    labels = rows[0]["metric"]
    assert labels["exported_namespace"] == "team-a"
    assert labels["exported_container"] == "pytorch"
    assert (labels["namespace"], labels["pod"]) == ("gpu-operator", "exporter-1")
    shown = (await api.client.get(EXPORTER)).text
    assert any(
        line.startswith("DCGM_FI_DEV_FB_USED{") and line.endswith(f" {rows[0]['value'][1]}")
        for line in shown.splitlines()
    )
    # no exporter runs on the other node, so that nothing of it was scraped
    assert [row["metric"]["Hostname"] for row in await query(api, "count by (Hostname) (DCGM_FI_DEV_GPU_TEMP)")] == [
        "gpu-1"
    ]


async def test_prometheus_answers_ranges_series_and_labels(api, fleet):
    text = urlencode(
        {"query": 'avg(DCGM_FI_DEV_GPU_UTIL{exported_pod="w-0"})', "start": NOW - 600, "end": NOW, "step": "5m"}
    )
    data = (await api.send("GET", f"{PROMETHEUS}/query_range?{text}", 200))["data"]
    assert data["resultType"] == "matrix"
    assert [at for at, _ in data["result"][0]["values"]] == [NOW - 600, NOW - 300, NOW]
    match = urlencode({"match[]": 'kube_pod_info{pod="w-0"}'})
    series = await api.send("GET", f"{PROMETHEUS}/series?{match}", 200)
    assert [entry["node"] for entry in series["data"]] == ["gpu-1"]
    names = (await api.send("GET", f"{PROMETHEUS}/label/__name__/values", 200))["data"]
    assert {"DCGM_FI_DEV_GPU_UTIL", "kube_pod_info", "container_cpu_usage_seconds_total"} <= set(names)
    assert "exported_pod" in (await api.send("GET", f"{PROMETHEUS}/labels", 200))["data"]
    pods = (await api.send("GET", f"{PROMETHEUS}/label/exported_pod/values", 200))["data"]
    assert pods == ["w-0"]
    assert (await api.send("GET", f"{PROMETHEUS}/status/buildinfo", 200))["data"]["version"]
    assert (await api.send("GET", f"{PROMETHEUS}/rules", 200))["data"] == {"groups": []}
    ready = await api.client.get(PROMETHEUS.removesuffix("/api/v1") + "/-/ready")
    assert ready.text == "Prometheus Server is Ready.\n"


async def test_prometheus_takes_a_form_and_other_shapes_of_answers(api, fleet):
    answer = await api.client.post(f"{PROMETHEUS}/query", data={"query": "1 + 1"})
    assert answer.json()["data"] == {"resultType": "scalar", "result": [NOW, "2"]}
    assert (await api.send("GET", f"{PROMETHEUS}/query?query=%22x%22", 200))["data"]["resultType"] == "string"
    text = urlencode({"query": "kube_pod_info[1m]"})
    data = (await api.send("GET", f"{PROMETHEUS}/query?{text}", 200))["data"]
    assert data["resultType"] == "matrix"
    assert len(data["result"][0]["values"]) == 4


@pytest.mark.parametrize(
    ("path", "status", "kind"),
    [
        ("query?query=sum(", 400, "bad_data"),
        ("query?query=1&time=noon", 400, "bad_data"),
        ("query?query=owner(", 400, "bad_data"),
        ("query_range?query=1&start=5&end=1&step=1", 400, "bad_data"),
        ("query_range?query=1&start=1&end=5&step=0", 400, "bad_data"),
        ("query_range?query=1&start=1&end=5&step=soon", 400, "bad_data"),
        ("series", 400, "bad_data"),
        ("series?match[]=sum(x)", 400, "bad_data"),
        ("nothing", 404, "not_found"),
        ("query?query=histogram_count(kube_pod_info)", 422, "execution"),
    ],
)
async def test_what_prometheus_refuses(api, fleet, path, status, kind):
    answer = await api.send("GET", f"{PROMETHEUS}/{path}", status)
    assert (answer["status"], answer["errorType"]) == ("error", kind)


async def test_objects_are_series(api, fleet):
    free = (
        'sum by (node) (kube_node_status_allocatable{resource="nvidia_com_gpu"}) - sum by (node) '
        '(kube_pod_container_resource_requests{resource="nvidia_com_gpu"} * on (pod, namespace) group_left () '
        'max by (pod, namespace) (kube_pod_status_phase{phase=~"Running|Pending"}))'
    )
    assert {row["metric"]["node"]: row["value"][1] for row in await query(api, free)} == {"gpu-1": "6"}
    assert await query(api, 'kube_pod_status_phase{phase="Pending"} == 1') == []
    restarts = await query(api, 'kube_pod_container_status_restarts_total{pod="w-0"}')
    assert restarts[0]["value"][1] == "2"
    assert await query(api, "kube_pod_info", time=NOW - 7200) == []
    conditions = await query(api, 'kube_node_status_condition{condition="Ready",status="true"} == 1')
    assert len(conditions) == 2


async def test_usage_agrees_between_top_and_prometheus(api, fleet):
    found = await api.send("GET", "/apis/metrics.k8s.io/v1beta1/namespaces/team-a/pods/w-0", 200)
    usage = found["containers"][0]["usage"]
    rows = await query(api, 'rate(container_cpu_usage_seconds_total{pod="w-0"}[30s])')
    assert float(usage["cpu"].removesuffix("n")) / 1e9 == pytest.approx(float(rows[0]["value"][1]), rel=0.07)
    memory = await query(api, 'container_memory_working_set_bytes{pod="w-0"}')
    assert float(usage["memory"].removesuffix("Ki")) * 1024 == pytest.approx(float(memory[0]["value"][1]), rel=1e-5)
    nodes = await api.send("GET", "/apis/metrics.k8s.io/v1beta1/nodes", 200)
    assert [item["metadata"]["name"] for item in nodes["items"]] == ["gpu-1", "gpu-2"]
    assert nodes["kind"] == "NodeMetricsList"
    labelled = await api.send("GET", "/apis/metrics.k8s.io/v1beta1/pods?labelSelector=app%3Dw", 200)
    assert [item["metadata"]["name"] for item in labelled["items"]] == ["w-0"]
    await api.send("GET", "/apis/metrics.k8s.io/v1beta1/namespaces/team-a/pods/gone", 404)


async def test_a_node_shows_its_containers_and_kube_state_metrics_everything(api, fleet):
    shown = await api.client.get("/api/v1/nodes/gpu-1/proxy/metrics/cadvisor")
    assert 'container_memory_working_set_bytes{namespace="team-a",pod="w-0",node="gpu-1"' in shown.text
    other = await api.client.get("/api/v1/nodes/gpu-2/proxy/metrics/cadvisor")
    assert 'pod="w-0"' not in other.text
    await api.send("GET", "/api/v1/nodes/gpu-9/proxy/metrics/cadvisor", 404)
    labels = {"app.kubernetes.io/name": "kube-state-metrics"}
    api.store.load(pod("monitoring", "state-0", labels, "gpu-2", "kube-state-metrics"))
    state = await api.client.get("/api/v1/namespaces/monitoring/pods/state-0:8080/proxy/metrics")
    assert (
        'kube_node_status_capacity{job="kube-state-metrics",node="gpu-1",resource="cpu",unit="core"} 96' in state.text
    )


def test_cpu_seconds_are_the_sum_of_cpu_over_time():
    usage = ContainerUsage("c", 1000.0, 2.0, 1.0, 300.0, 1.0)
    total = sum(usage.cpu(1000.0 + 0.5 + second) for second in range(1000))
    assert usage.cpu_seconds(2000.0) == pytest.approx(total, rel=1e-4)
    assert (usage.cpu(999.0), usage.cpu_seconds(999.0), usage.working_set(999.0)) == (0.0, None, None)


def test_label_values_are_escaped():
    source = SampleSource([{"metric": "m", "labels": {"a": 'x"\\\n'}, "samples": [[0, 1.5]]}])
    assert expose(source, 1.0, about={}) == '# HELP m \n# TYPE m untyped\nm{a="x\\"\\\\\\n"} 1.5\n'


# world files


SAMPLES = [
    {
        "metric": "DCGM_FI_DEV_GPU_UTIL",
        "labels": {"Hostname": "gpu-1", "gpu": "0", "pod": "w"},
        "samples": [[NOW - 60, 7]],
    },
    {"metric": "http_requests_total", "labels": {"v": "2"}, "samples": [[NOW - 600, 0], [NOW, 600]]},
]


async def test_a_world_with_samples_gets_a_prometheus_and_exporters_to_ask(api):
    runtime = Runtime(api.store)
    api.server.streams = Streams(runtime)
    install_samples(runtime, SAMPLES)
    path = "/api/v1/services?labelSelector=self-monitor%3Dtrue"
    service = (await api.send("GET", path, 200))["items"][0]["metadata"]
    proxy = f"/api/v1/namespaces/{service['namespace']}/services/{service['name']}:9090/proxy/api/v1/query"
    found = await api.send("GET", f"{proxy}?query=rate(http_requests_total%5B5m%5D)", 200)
    assert found["data"]["result"] == [{"metric": {"v": "2"}, "value": [NOW, "1"]}]
    pods = await api.send("GET", "/api/v1/namespaces/gpu-operator/pods", 200)
    name = pods["items"][0]["metadata"]["name"]
    shown = await api.client.get(f"/api/v1/namespaces/gpu-operator/pods/{name}:9400/proxy/metrics")
    assert 'DCGM_FI_DEV_GPU_UTIL{Hostname="gpu-1",gpu="0",pod="w"} 7\n' in shown.text


def test_a_world_without_samples_stays_as_it_is():
    store = Store(lambda: NOW)
    install_samples(Runtime(store), [])
    assert not [key for key, collection in store.held() if len(collection)]
