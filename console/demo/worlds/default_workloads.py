"""Workloads of the default world as their controllers leave them: Deployments, DaemonSets, Services, and their pods."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from console.demo.client import Object
from console.demo.controllers.base import owner_reference
from console.demo.worlds.default_nodes import DAY, MACHINES
from console.demo.worlds.making import Making
from console.demo.worlds.naming import number, suffix

TOLERATES_ALL = [{"operator": "Exists"}]
DEFAULT_TOLERATIONS = [
    {"key": f"node.kubernetes.io/{what}", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}
    for what in ("not-ready", "unreachable")
]


def pod_of(owner: Object, name: str, template: Object, **meta: object) -> Object:
    """A pod from a template, owned."""
    metadata = {**(template.get("metadata") or {}), **meta}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": owner["metadata"]["namespace"],
            **metadata,
            "ownerReferences": [owner_reference(owner)],
        },
        "spec": scheduled(template["spec"]),
    }


def scheduled(spec: Object) -> Object:
    """What admission adds to a pod."""
    return {
        "serviceAccountName": "default",
        "schedulerName": "default-scheduler",
        "restartPolicy": "Always",
        "enableServiceLinks": True,
        "priority": 0,
        "preemptionPolicy": "PreemptLowerPriority",
        **spec,
        "containers": [dict(each) for each in spec["containers"]],
        "tolerations": [*(spec.get("tolerations") or []), *DEFAULT_TOLERATIONS],
    }


def template_of(labels: Mapping[str, str], name: str, image: str, port: int, *, cpu: str, memory: str) -> Object:
    """A pod template of one container that serves a port."""
    return {
        "metadata": {"labels": dict(labels)},
        "spec": {
            "containers": [
                {
                    "name": name,
                    "image": image,
                    "ports": [{"containerPort": port, "protocol": "TCP"}],
                    "resources": {"requests": {"cpu": cpu, "memory": memory}, "limits": {"memory": memory}},
                }
            ]
        },
    }


def make_deployment(
    making: Making, namespace: str, name: str, labels: Mapping[str, str], template: Object, replicas: int, ago: float
) -> Callable[[int], Object]:
    """A Deployment whose pods are all up, and its ReplicaSet; gives the pod of each index, not added yet."""
    at = making.time(ago)
    marks = {"availableReplicas": replicas, "readyReplicas": replicas, "replicas": replicas, "observedGeneration": 1}
    deployment = making.add(
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {
                "name": name,
                "namespace": namespace,
                "labels": dict(labels),
                "annotations": {"deployment.kubernetes.io/revision": "1"},
            },
            "spec": {"replicas": replicas, "selector": {"matchLabels": dict(labels)}, "template": template},
            "status": {
                **marks,
                "updatedReplicas": replicas,
                "conditions": [
                    {
                        "type": kind,
                        "status": "True",
                        "reason": reason,
                        "message": message,
                        "lastUpdateTime": at,
                        "lastTransitionTime": at,
                    }
                    for kind, reason, message in (
                        ("Available", "MinimumReplicasAvailable", "Deployment has minimum availability."),
                        (
                            "Progressing",
                            "NewReplicaSetAvailable",
                            f'ReplicaSet "{name}-{template_hash(name, template)}" has successfully progressed.',
                        ),
                    )
                ],
            },
        },
        ago,
    )
    digest = template_hash(name, template)
    hashed = {**labels, "pod-template-hash": digest}
    marked = {**template["metadata"]["labels"], "pod-template-hash": digest}
    own = {**template, "metadata": {**template["metadata"], "labels": marked}}
    replica_set = making.add(
        {
            "apiVersion": "apps/v1",
            "kind": "ReplicaSet",
            "metadata": {
                "name": f"{name}-{digest}",
                "namespace": namespace,
                "labels": hashed,
                "annotations": {
                    "deployment.kubernetes.io/desired-replicas": str(replicas),
                    "deployment.kubernetes.io/max-replicas": str(replicas + 1),
                    "deployment.kubernetes.io/revision": "1",
                },
                "ownerReferences": [owner_reference(deployment)],
            },
            "spec": {"replicas": replicas, "selector": {"matchLabels": hashed}, "template": own},
            "status": {**marks, "fullyLabeledReplicas": replicas},
        },
        ago,
    )
    return lambda index: pod_of(replica_set, f"{name}-{digest}-{suffix(5, name, str(index))}", own)


def template_hash(name: str, template: Object) -> str:
    """Stands for a pod template in names and labels."""
    return suffix(10, name, template["spec"]["containers"][0]["image"])


def make_daemon_set(
    making: Making,
    namespace: str,
    name: str,
    image: str,
    nodes: Sequence[str],
    age: float,
    labels: Mapping[str, str] | None = None,
    *,
    port: int = 0,
) -> None:
    """A DaemonSet with a pod on each of `nodes`; on the host's network unless it serves a `port`."""
    marks = dict(labels or {"k8s-app": name})
    template = template_of(marks, name, image, port or 10249, cpu="50m", memory="128Mi")
    template["spec"]["tolerations"] = list(TOLERATES_ALL)
    if namespace == "gpu-operator":
        template["spec"]["nodeSelector"] = {"nvidia.com/gpu.present": "true"}
    if not port:
        template["spec"]["hostNetwork"] = True
    counts = (
        "currentNumberScheduled",
        "desiredNumberScheduled",
        "numberAvailable",
        "numberReady",
        "updatedNumberScheduled",
    )
    owner = making.add(
        {
            "apiVersion": "apps/v1",
            "kind": "DaemonSet",
            "metadata": {
                "name": name,
                "namespace": namespace,
                "labels": marks,
                "annotations": {"deprecated.daemonset.template.generation": "1"},
            },
            "spec": {
                "selector": {"matchLabels": marks},
                "template": template,
                "updateStrategy": {"type": "RollingUpdate"},
            },
            "status": {**dict.fromkeys(counts, len(nodes)), "numberMisscheduled": 0, "observedGeneration": 1},
        },
        age * DAY,
    )
    digest = suffix(9, name, image)
    for node in nodes:
        labelled = {**marks, "controller-revision-hash": digest, "pod-template-generation": "1"}
        pod = pod_of(owner, f"{name}-{suffix(5, name, node)}", template, labels=labelled)
        field = {"key": "metadata.name", "operator": "In", "values": [node]}
        required = {"nodeSelectorTerms": [{"matchFields": [field]}]}
        pod["spec"]["affinity"] = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": required}}
        ago = min(age, next(machine.age for machine in MACHINES if machine.name == node)) * DAY / 2
        making.live(pod, node, ago, say=False)
        making.add(pod, ago)


def make_service(
    making: Making,
    namespace: str,
    name: str,
    selector: Mapping[str, str] | None,
    port_name: str,
    port: int,
    target: int,
    age: float,
    *,
    labels: Mapping[str, str] | None = None,
    headless: bool = False,
) -> None:
    """A Service, `age` days old."""
    address = f"10.96.{number(250, 'svc', namespace, name)}.{number(250, 'svc', name) + 2}"
    cluster_ip = "None" if headless else "10.96.0.1" if name == "kubernetes" else address
    making.add(
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": name, "namespace": namespace, "labels": dict(labels or selector or {})},
            "spec": {
                "type": "ClusterIP",
                "clusterIP": cluster_ip,
                "clusterIPs": [cluster_ip],
                "internalTrafficPolicy": "Cluster",
                "ipFamilies": ["IPv4"],
                "ipFamilyPolicy": "SingleStack",
                "sessionAffinity": "None",
                "ports": [{"name": port_name, "port": port, "targetPort": target, "protocol": "TCP"}],
                **({"selector": dict(selector)} if selector else {}),
            },
            "status": {"loadBalancer": {}},
        },
        age * DAY,
    )
