"""The platform of the default world: namespaces, controllers, monitoring, and their pods."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from console.demo.client import Object
from console.demo.controllers.behaviours import ANNOTATION
from console.demo.worlds.default_nodes import DAY, MACHINES
from console.demo.worlds.default_workloads import (
    TOLERATES_ALL,
    make_daemon_set,
    make_deployment,
    make_service,
    pod_of,
    scheduled,
    template_hash,
    template_of,
)
from console.demo.worlds.making import Making
from console.demo.worlds.naming import number

REGISTRY = "registry.example.com"


LOST_LEASE = "E leaderelection.go:436] error retrieving resource lock: context deadline exceeded; leader election lost"


@dataclass(frozen=True, slots=True)
class App:
    """A Deployment of the platform with its Service, one pod unless `replicas` says else."""

    namespace: str
    name: str
    image: str
    port: int = 8080
    replicas: int = 1
    labels: tuple[tuple[str, str], ...] = ()
    service: str = ""  # the Service's name; none is made where it is empty
    restarts: int = 0
    age: float = 40.0  # days


def _kubeflow(name: str, image: str, port: int = 8080, service: str = "", restarts: int = 0) -> App:
    return App("kubeflow", name, f"{REGISTRY}/kubeflow/{image}", port, service=service, restarts=restarts)


PLATFORM: tuple[App, ...] = (
    _kubeflow("training-operator", "training-operator:v1.9.2", 8080, "training-operator"),
    _kubeflow("katib-controller", "katib-controller:v0.19.0", 8443, "katib-controller", restarts=9),
    _kubeflow("katib-db-manager", "katib-db-manager:v0.19.0", 6789, "katib-db-manager"),
    _kubeflow("katib-mysql", "mysql:8.0.29", 3306, "katib-mysql"),
    _kubeflow("katib-ui", "katib-ui:v0.19.0", 8080, "katib-ui"),
    _kubeflow("kserve-controller-manager", "kserve-controller:v0.15.2", 9443, "kserve-webhook-server-service"),
    _kubeflow("ml-pipeline", "kfp-api-server:2.15.0", 8888, "ml-pipeline"),
    _kubeflow("ml-pipeline-persistenceagent", "kfp-persistence-agent:2.15.0"),
    _kubeflow("ml-pipeline-scheduledworkflow", "kfp-scheduled-workflow-controller:2.15.0"),
    _kubeflow("ml-pipeline-ui", "kfp-frontend:2.15.0", 3000, "ml-pipeline-ui"),
    _kubeflow("metadata-grpc-deployment", "ml_metadata_store_server:1.14.0", 8080, "metadata-grpc-service"),
    _kubeflow("workflow-controller", "workflow-controller:v3.7.3", 9090),
    _kubeflow("mysql", "mysql:8.0.26", 3306, "mysql"),
    _kubeflow("seaweedfs", "seaweedfs:4.00", 8333, "minio-service"),
    _kubeflow("notebook-controller-deployment", "notebook-controller:v1.10.0", 8080),
    _kubeflow("jupyter-web-app-deployment", "jupyter-web-app:v1.10.0", 5000, "jupyter-web-app-service"),
    _kubeflow("profiles-deployment", "profile-controller:v1.10.0", 8081, "profiles-kfam"),
    _kubeflow("admission-webhook-deployment", "poddefaults-webhook:v1.10.0", 4443, "admission-webhook-service"),
    _kubeflow("centraldashboard", "central-dashboard:v1.10.0", 8082, "centraldashboard"),
    App("kubeflow-system", "kubeflow-trainer-controller-manager", f"{REGISTRY}/kubeflow/trainer:v2.1.0", 9443),
    App("kubeflow-system", "jobset-controller-manager", f"{REGISTRY}/jobset/jobset:v0.10.1", 9443),
    App("kueue-system", "kueue-controller-manager", f"{REGISTRY}/kueue/kueue:v0.15.0", 9443),
    App("istio-system", "istiod", f"{REGISTRY}/istio/pilot:1.28.0", 15010, service="istiod"),
    App(
        "istio-system", "istio-ingressgateway", f"{REGISTRY}/istio/proxyv2:1.28.0", 8080, service="istio-ingressgateway"
    ),
    App("cert-manager", "cert-manager", f"{REGISTRY}/jetstack/cert-manager-controller:v1.16.1", 9402),
    App("cert-manager", "cert-manager-webhook", f"{REGISTRY}/jetstack/cert-manager-webhook:v1.16.1", 10250),
    App("knative-serving", "activator", f"{REGISTRY}/knative/activator:v1.16.2", 8012, service="activator-service"),
    App("knative-serving", "autoscaler", f"{REGISTRY}/knative/autoscaler:v1.16.2", 8080, service="autoscaler"),
    App("knative-serving", "controller", f"{REGISTRY}/knative/controller:v1.16.2", 9090),
    App("knative-serving", "webhook", f"{REGISTRY}/knative/webhook:v1.16.2", 8443, service="webhook"),
    App(
        "monitoring",
        "kube-prometheus-stack-kube-state-metrics",
        f"{REGISTRY}/kube-state-metrics/kube-state-metrics:v2.16.0",
        8080,
        labels=(("app.kubernetes.io/name", "kube-state-metrics"),),
        service="kube-prometheus-stack-kube-state-metrics",
    ),
    App("monitoring", "kube-prometheus-stack-grafana", f"{REGISTRY}/grafana/grafana:12.1.0", 3000),
    App("gpu-operator", "gpu-operator", f"{REGISTRY}/nvidia/gpu-operator:v25.3.2", 8080),
    App(
        "kube-system",
        "coredns",
        f"{REGISTRY}/coredns/coredns:v1.12.1",
        53,
        2,
        labels=(("k8s-app", "kube-dns"),),
        service="kube-dns",
        age=143.0,
    ),
    App("kube-system", "metrics-server", f"{REGISTRY}/metrics-server/metrics-server:v0.8.0", 10250, age=143.0),
)

NAMESPACES: tuple[str, ...] = (
    "default",
    "kube-system",
    "kube-public",
    "kube-node-lease",
    *dict.fromkeys(app.namespace for app in PLATFORM if app.namespace != "kube-system"),
)
_WORKERS = [machine.name for machine in MACHINES if machine.pool == "cpu"]
_GPU_NODES = [machine.name for machine in MACHINES if machine.gpus]


def make_platform(making: Making) -> None:
    """Add namespaces, accounts, Deployments, DaemonSets and their pods."""
    for name in NAMESPACES:
        make_namespace(making, name, 143 * DAY if name.startswith(("kube-", "default")) else 40 * DAY)
    for app in PLATFORM:
        _deployment(making, app)
    make_daemon_set(
        making, "kube-system", "kube-proxy", f"{REGISTRY}/kube-proxy:v1.34.3", [m.name for m in MACHINES], 143
    )
    exporter = {"app": "nvidia-dcgm-exporter", "app.kubernetes.io/part-of": "gpu-operator"}
    image = f"{REGISTRY}/nvidia/dcgm-exporter:4.2.3-4.1.1-ubuntu22.04"
    make_daemon_set(making, "gpu-operator", "nvidia-dcgm-exporter", image, _GPU_NODES, 40, exporter, port=9400)
    make_service(making, "gpu-operator", "nvidia-dcgm-exporter", exporter, "gpu-metrics", 9400, 9400, 40)
    plugin = {"app": "nvidia-device-plugin-daemonset"}
    image = f"{REGISTRY}/nvidia/k8s-device-plugin:v0.17.3"
    make_daemon_set(making, "gpu-operator", "nvidia-device-plugin-daemonset", image, _GPU_NODES, 40, plugin)
    _control_plane(making)
    _prometheus(making)
    make_service(making, "default", "kubernetes", None, "https", 443, 6443, 143, labels={"component": "apiserver"})


def make_namespace(
    making: Making, name: str, ago: float, *, labels: Mapping[str, str] | None = None, **meta: object
) -> Object:
    """A namespace with its default account."""
    namespace = making.add(
        {
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {"name": name, "labels": {"kubernetes.io/metadata.name": name, **(labels or {})}, **meta},
            "spec": {"finalizers": ["kubernetes"]},
            "status": {"phase": "Active"},
        },
        ago,
    )
    making.add({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default", "namespace": name}}, ago)
    return namespace


def _deployment(making: Making, app: App) -> None:
    labels = dict(app.labels) or {"app": app.name}
    if app.namespace == "kubeflow" and app.name.startswith("ml-pipeline"):
        labels["application-crd-id"] = "kubeflow-pipelines"
    template = template_of(
        labels, app.name.removesuffix("-deployment"), app.image, app.port, cpu="100m", memory="256Mi"
    )
    if app.restarts:
        ran = app.age * DAY / 3 / (app.restarts + 0.5)
        course = {"run": ran, "exit": 2, "failures": app.restarts, "lines": [LOST_LEASE]}
        template["metadata"]["annotations"] = {ANNOTATION: msgspec.json.encode(course).decode()}
    made = make_deployment(making, app.namespace, app.name, labels, template, app.replicas, app.age * DAY)
    node = _WORKERS[number(len(_WORKERS), "node", app.name)]
    for index in range(app.replicas):
        pod = made(index)
        at = app.age * DAY / (3 if app.restarts else 2) - index
        making.live(pod, node if index == 0 else _WORKERS[0], at, say=False)
        making.add(pod, at)
    if app.service:
        make_service(making, app.namespace, app.service, labels, "http", app.port, app.port, app.age)


def _control_plane(making: Making) -> None:
    for name in ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"):
        pod = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                "name": f"{name}-ctl-1",
                "namespace": "kube-system",
                "labels": {"component": name, "tier": "control-plane"},
                "annotations": {"kubernetes.io/config.source": "file"},
            },
            "spec": scheduled(
                {
                    "hostNetwork": True,
                    "priorityClassName": "system-node-critical",
                    "priority": 2000001000,
                    "tolerations": list(TOLERATES_ALL),
                    "containers": [{"name": name, "image": f"{REGISTRY}/{name}:v1.34.3", "command": [name]}],
                }
            ),
        }
        making.live(pod, "ctl-1", 30 * DAY, say=False)
        making.add(pod, 30 * DAY)


def _prometheus(making: Making) -> None:
    labels = {
        "app.kubernetes.io/name": "prometheus",
        "app.kubernetes.io/instance": "kube-prometheus-stack-prometheus",
        "operator.prometheus.io/name": "kube-prometheus-stack-prometheus",
        "prometheus": "kube-prometheus-stack-prometheus",
    }
    name = "prometheus-kube-prometheus-stack-prometheus"
    template = template_of(
        labels, "prometheus", f"{REGISTRY}/prometheus/prometheus:v3.5.0", 9090, cpu="2", memory="8Gi"
    )
    template["spec"]["containers"][0]["ports"][0]["name"] = "http-web"
    owner = making.add(
        {
            "apiVersion": "apps/v1",
            "kind": "StatefulSet",
            "metadata": {"name": name, "namespace": "monitoring", "labels": labels},
            "spec": {
                "replicas": 1,
                "serviceName": "prometheus-operated",
                "podManagementPolicy": "Parallel",
                "selector": {"matchLabels": labels},
                "template": template,
            },
            "status": {
                "replicas": 1,
                "readyReplicas": 1,
                "currentReplicas": 1,
                "updatedReplicas": 1,
                "availableReplicas": 1,
                "observedGeneration": 1,
                "collisionCount": 0,
                "currentRevision": f"{name}-{template_hash(name, template)}",
                "updateRevision": f"{name}-{template_hash(name, template)}",
            },
        },
        40 * DAY,
    )
    marks = {
        **labels,
        "statefulset.kubernetes.io/pod-name": f"{name}-0",
        "apps.kubernetes.io/pod-index": "0",
        "controller-revision-hash": f"{name}-{template_hash(name, template)}",
    }
    pod = pod_of(owner, f"{name}-0", template, labels=marks)
    making.live(pod, _WORKERS[2], 21 * DAY, say=False)
    making.add(pod, 21 * DAY)
    selector = {
        "app.kubernetes.io/name": "prometheus",
        "operator.prometheus.io/name": "kube-prometheus-stack-prometheus",
    }
    stack = {"app": "kube-prometheus-stack-prometheus", "self-monitor": "true", "app.kubernetes.io/name": "prometheus"}
    name = "kube-prometheus-stack-prometheus"
    make_service(making, "monitoring", name, selector, "http-web", 9090, 9090, 40, labels=stack)
    operated = {"app.kubernetes.io/name": "prometheus"}
    make_service(
        making,
        "monitoring",
        "prometheus-operated",
        operated,
        "http-web",
        9090,
        9090,
        40,
        headless=True,
        labels={"operated-prometheus": "true"},
    )
