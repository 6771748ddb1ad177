"""What the server itself does to objects of particular kinds, beyond defaults: addresses, selectors, first states.

One function a kind, after the registry strategies of kube-apiserver 1.34 (k8s.io/kubernetes pkg/registry).
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any
from zlib import crc32

from console.demo import crds

if TYPE_CHECKING:
    from collections.abc import Callable

    from console.demo.records import Object
    from console.demo.resources import ResourceType
    from console.demo.store import Store

_SERVICE_NETWORK = "10.96"
_NODE_PORTS = (30000, 32767)
# What an empty status looks like in JSON: its fields that are not left out when they are zero.
_EMPTY_STATUS: dict[tuple[str, str], Object] = {
    ("apps", "deployments"): {},
    ("apps", "replicasets"): {"replicas": 0},
    ("apps", "statefulsets"): {"replicas": 0, "availableReplicas": 0},
    ("apps", "daemonsets"): {
        "currentNumberScheduled": 0,
        "numberMisscheduled": 0,
        "desiredNumberScheduled": 0,
        "numberReady": 0,
    },
    ("batch", "cronjobs"): {},
    ("networking.k8s.io", "ingresses"): {"loadBalancer": {}},
    ("", "replicationcontrollers"): {"replicas": 0},
    ("", "resourcequotas"): {},
}
_KEEPS_STATUS = {("", "nodes"), ("", "componentstatuses")}


def prepare_new(rt: ResourceType, obj: Object, store: Store) -> None:
    """Make a decoded new object what its strategy's PrepareForCreate makes of it, in place."""
    if rt.has_status and rt.storage_key not in _KEEPS_STATUS:
        obj.pop("status", None)
        if rt.storage_key in _EMPTY_STATUS:
            obj["status"] = dict(_EMPTY_STATUS[rt.storage_key])
    strategy = _STRATEGIES.get(rt.storage_key)
    if strategy is not None:
        strategy(obj, store, rt)


def prepare_update(rt: ResourceType, obj: Object, old: Object, store: Store) -> None:
    """Bring derived fields of a changed object up to date, in place."""
    merge_plain_data(rt, obj)
    if rt.storage_key == ("", "services"):
        for key in ("clusterIP", "clusterIPs"):
            if not obj.get("spec", {}).get(key) and old.get("spec", {}).get(key):
                obj["spec"][key] = old["spec"][key]
        _service(obj, store, rt)
    elif rt.storage_key == ("apiextensions.k8s.io", "customresourcedefinitions"):
        obj["status"] = crds.established(obj["spec"], store.timestamp(), old.get("status"))


def _pod(obj: Object, store: Store, rt: ResourceType) -> None:
    del store, rt
    obj["status"] = {"phase": "Pending", "qosClass": qos_class(obj.get("spec") or {})}


def qos_class(spec: dict[str, Any]) -> str:
    """Guaranteed, Burstable or BestEffort, from the containers' cpu and memory."""
    containers = [*spec.get("containers", ()), *(spec.get("initContainers") or ())]
    guaranteed, any_set = bool(containers), False
    for container in containers:
        resources = container.get("resources") or {}
        limits, asked = resources.get("limits") or {}, resources.get("requests") or {}
        for name in ("cpu", "memory"):
            any_set = any_set or name in limits or name in asked
            if name not in limits or asked.get(name, limits[name]) != limits[name]:
                guaranteed = False
    return "Guaranteed" if guaranteed else "Burstable" if any_set else "BestEffort"


def _namespace(obj: Object, store: Store, rt: ResourceType) -> None:
    del store, rt
    metadata = obj["metadata"]
    metadata["labels"] = {**(metadata.get("labels") or {}), "kubernetes.io/metadata.name": metadata.get("name", "")}
    spec = obj.get("spec") or {}
    finalizers = spec.get("finalizers") or []
    obj["spec"] = {**spec, "finalizers": finalizers if "kubernetes" in finalizers else [*finalizers, "kubernetes"]}
    obj["status"] = {"phase": "Active"}


def merge_plain_data(rt: ResourceType, obj: Object) -> None:
    """A Secret's stringData becomes part of its data, in place, as soon as it is read."""
    if rt.storage_key == ("", "secrets") and (plain := obj.pop("stringData", None)):
        encoded = {key: base64.b64encode(str(value).encode()).decode() for key, value in plain.items()}
        obj["data"] = {**(obj.get("data") or {}), **encoded}


def _service(obj: Object, store: Store, rt: ResourceType) -> None:
    spec = obj.setdefault("spec", {})
    obj.setdefault("status", {"loadBalancer": {}})
    if spec.get("type") == "ExternalName":
        return
    if not spec.get("clusterIP"):
        spec["clusterIP"] = _free_address(obj["metadata"], store, rt)
    spec.setdefault("clusterIPs", [spec["clusterIP"]])
    if spec.get("type") in ("NodePort", "LoadBalancer"):
        used = {
            port.get("nodePort") for service in store.items(rt) for port in service.get("spec", {}).get("ports") or ()
        }
        for port in spec.get("ports") or ():
            if not port.get("nodePort"):
                port["nodePort"] = _free_port(obj["metadata"], port, used)
                used.add(port["nodePort"])


def _free_address(metadata: dict[str, Any], store: Store, rt: ResourceType) -> str:
    used = {service.get("spec", {}).get("clusterIP") for service in store.items(rt)}
    start = crc32(f"{metadata.get('namespace')}/{metadata.get('name')}".encode()) % 65000
    for step in range(65000):
        number = (start + step) % 65000 + 256
        address = f"{_SERVICE_NETWORK}.{number >> 8}.{number & 255}"
        if address not in used:
            return address
    return "None"


def _free_port(metadata: dict[str, Any], port: dict[str, Any], used: set[Any]) -> int:
    low, high = _NODE_PORTS
    start = crc32(f"{metadata.get('uid')}/{port.get('port')}".encode()) % (high - low)
    candidates = (low + (start + step) % (high - low) for step in range(high - low))
    return next((candidate for candidate in candidates if candidate not in used), low)


def _job(obj: Object, store: Store, rt: ResourceType) -> None:
    del store, rt
    obj["status"] = {}
    spec = obj.setdefault("spec", {})
    if spec.get("manualSelector"):
        return
    uid, name = obj["metadata"]["uid"], obj["metadata"].get("name", "")
    spec["selector"] = {"matchLabels": {"batch.kubernetes.io/controller-uid": uid}}
    template = spec.setdefault("template", {})
    metadata = template["metadata"] = template.get("metadata") or {}
    metadata["labels"] = {
        **(metadata.get("labels") or {}),
        "batch.kubernetes.io/controller-uid": uid,
        "batch.kubernetes.io/job-name": name,
        "controller-uid": uid,
        "job-name": name,
    }


def _claim(obj: Object, store: Store, rt: ResourceType) -> None:
    del store, rt
    obj["status"] = {"phase": "Pending"}


def _definition(obj: Object, store: Store, rt: ResourceType) -> None:
    del rt
    spec = obj.setdefault("spec", {})
    spec.setdefault("conversion", {"strategy": "None"})
    names = spec.setdefault("names", {})
    kind = names.get("kind", "")
    names.setdefault("singular", kind.lower())
    names.setdefault("listKind", f"{kind}List")
    obj["status"] = crds.established(spec, store.timestamp())


def _budget(obj: Object, store: Store, rt: ResourceType) -> None:
    del store, rt
    obj["status"] = {"currentHealthy": 0, "desiredHealthy": 0, "disruptionsAllowed": 0, "expectedPods": 0}


_STRATEGIES: dict[tuple[str, str], Callable[[Object, Store, ResourceType], None]] = {
    ("", "pods"): _pod,
    ("", "namespaces"): _namespace,
    ("", "services"): _service,
    ("", "persistentvolumeclaims"): _claim,
    ("batch", "jobs"): _job,
    ("policy", "poddisruptionbudgets"): _budget,
    ("apiextensions.k8s.io", "customresourcedefinitions"): _definition,
}
