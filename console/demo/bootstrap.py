"""What every cluster has from its first moment: namespaces, the kubernetes service, system priorities, API services."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from console.demo.server import require
from console.demo.strategies import prepare_update

if TYPE_CHECKING:
    from console.demo.collection import Change
    from console.demo.records import Object
    from console.demo.resources import ResourceType
    from console.demo.server import Server

_NAMESPACES = ("default", "kube-system", "kube-public", "kube-node-lease")
_PRIORITIES = (
    ("system-node-critical", 2000001000, "system critical pods that must not be moved from their current node"),
    ("system-cluster-critical", 2000000000, "system critical pods that must run in the cluster, but can be moved"),
)


def bootstrap(server: Server) -> None:
    """Put in what kube-apiserver makes for itself at its first start."""
    store = server.store
    for name in _NAMESPACES:
        labels = {"kubernetes.io/metadata.name": name}
        _put(server, "", "v1", "namespaces", {"name": name, "labels": labels},
             spec={"finalizers": ["kubernetes"]}, status={"phase": "Active"})  # fmt: skip
        add_account(server, name)
    _put(server, "", "v1", "services", {
        "name": "kubernetes", "namespace": "default",
        "labels": {"component": "apiserver", "provider": "kubernetes"},
    }, spec={
        "type": "ClusterIP", "clusterIP": "10.96.0.1", "clusterIPs": ["10.96.0.1"], "sessionAffinity": "None",
        "ipFamilies": ["IPv4"], "ipFamilyPolicy": "SingleStack", "internalTrafficPolicy": "Cluster",
        "ports": [{"name": "https", "port": 443, "protocol": "TCP", "targetPort": 6443}],
    }, status={"loadBalancer": {}})  # fmt: skip
    for name, value, text in _PRIORITIES:
        fields = {"value": value, "description": f"Used for {text}.", "preemptionPolicy": "PreemptLowerPriority"}
        _put(server, "scheduling.k8s.io", "v1", "priorityclasses", {"name": name, "generation": 1}, **fields)
    for group in store.resources.groups():
        for version in store.resources.versions(group):
            _api_service(server, group, version)


def give_addresses(server: Server) -> None:
    """Give every Service that was loaded without a cluster IP its address."""
    rt = require(server.store.resources.find("", "v1", "services"))
    for service in list(server.store.items(rt)):
        if not service.get("spec", {}).get("clusterIP"):
            prepare_update(rt, service, service, server.store)
            server.store.load(service)


def _api_service(server: Server, group: str, version: str) -> None:
    spec: dict[str, Any] = {"groupPriorityMinimum": 18000 if not group else 1000, "version": version}
    spec |= {"versionPriority": 15, **({"group": group} if group else {})}
    if group == "metrics.k8s.io":
        spec |= {"service": {"name": "metrics-server", "namespace": "kube-system", "port": 443}}
    condition = {
        "type": "Available",
        "status": "True",
        "reason": "Local",
        "message": "Local APIServices are always available",
    }
    status = {"conditions": [condition | {"lastTransitionTime": server.store.timestamp()}]}
    labels = {"kube-aggregator.kubernetes.io/automanaged": "onstart"}
    metadata = {"name": f"{version}.{group}", "labels": labels}
    _put(server, "apiregistration.k8s.io", "v1", "apiservices", metadata, spec=spec, status=status)


def add_account(server: Server, namespace: str) -> None:
    """The ServiceAccount and the root certificate that the controller manager gives every namespace."""
    _put(server, "", "v1", "serviceaccounts", {"name": "default", "namespace": namespace})
    metadata = {"name": "kube-root-ca.crt", "namespace": namespace}
    _put(server, "", "v1", "configmaps", metadata, data={"ca.crt": ""})


def give_accounts(server: Server) -> None:
    """From now on, give every namespace that is made its ServiceAccount."""

    def heard(rt: ResourceType, change: Change) -> None:
        if rt.storage_key == ("", "namespaces") and change.type == "ADDED":
            add_account(server, change.record.name)

    server.store.changed.append(heard)


def _put(
    server: Server, group: str, version: str, plural: str, metadata: dict[str, Any], **fields: Any
) -> Object | None:
    rt = require(server.store.resources.find(group, version, plural))
    if server.store.record(rt, metadata.get("namespace", ""), metadata["name"]) is not None:
        return None
    stamped = {**metadata, "uid": server.new_uid(), "creationTimestamp": server.store.timestamp()}
    return server.store.put(rt, {"apiVersion": rt.api_version, "kind": rt.kind, "metadata": stamped, **fields})
