"""Endpoints and EndpointSlices: the addresses behind each service with a selector."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

from console import errors
from console.demo.client import Object
from console.demo.controllers.base import Cluster, Controller, owner_reference, path_of
from console.demo.controllers.matching import labels_of
from console.demo.controllers.templates import is_ready, suffix
from console.demo.informer import key_of
from console.demo.needs import is_finished

SLICE_OF = "kubernetes.io/service-name"
MANAGED_BY = "endpointslice.kubernetes.io/managed-by"
MANAGER = "endpointslice-controller.k8s.io"


def selected_by(service: Object, pods: Iterable[Object]) -> list[Object]:
    """The pods a service selects that have an address; empty for a service without selector."""
    selector = (service.get("spec") or {}).get("selector") or {}
    return sorted(
        (
            pod
            for pod in pods
            if selector
            and selector.items() <= labels_of(pod).items()
            and (pod.get("status") or {}).get("podIP")
            and not is_finished(pod)
        ),
        key=lambda pod: str(pod["metadata"]["name"]),
    )


def port_number(port: Object, pod: Object) -> int | None:
    """What a service port means on a pod; None for a named port the pod does not have."""
    target = str(port.get("targetPort", port["port"]))
    if target.isdigit():
        return int(target)
    for container in pod["spec"].get("containers") or ():
        for each in container.get("ports") or ():
            if each.get("name") == target and each.get("protocol", "TCP") == port.get("protocol", "TCP"):
                return int(each["containerPort"])
    return None


def _is_serving(service: Object, pod: Object) -> bool:
    return is_ready(pod) or bool(service["spec"].get("publishNotReadyAddresses"))


def _reference(pod: Object) -> Object:
    metadata = pod["metadata"]
    return {"kind": "Pod", "namespace": metadata["namespace"], "name": metadata["name"], "uid": metadata["uid"]}


def _ports(service: Object, pod: Object) -> list[Object]:
    found = []
    for port in service["spec"].get("ports") or ():
        number = port_number(port, pod)
        if number is not None:
            named = {"name": port["name"]} if port.get("name") else {}
            found.append({**named, "port": number, "protocol": port.get("protocol", "TCP")})
    return found


def endpoint_subsets(service: Object, pods: Sequence[Object]) -> list[Object]:
    """The subsets of a service's Endpoints: pods with the same ports together."""
    groups: dict[str, Object] = {}
    for pod in pods:
        going = bool(pod["metadata"].get("deletionTimestamp"))
        if going and not service["spec"].get("publishNotReadyAddresses"):
            continue
        ports = _ports(service, pod)
        subset = groups.setdefault(repr(ports), {"addresses": [], "notReadyAddresses": [], "ports": ports})
        address = {"ip": pod["status"]["podIP"], "nodeName": pod["spec"].get("nodeName"), "targetRef": _reference(pod)}
        address |= _hostname(service, pod)
        subset["addresses" if _is_serving(service, pod) else "notReadyAddresses"].append(address)
    return [{key: value for key, value in subset.items() if value} for subset in groups.values()]


def _hostname(service: Object, pod: Object) -> Object:
    spec = pod["spec"]
    named = spec.get("hostname") and spec.get("subdomain") == service["metadata"]["name"]
    return {"hostname": spec["hostname"]} if named else {}


def slice_content(service: Object, pods: Sequence[Object]) -> Object:
    """`endpoints` and `ports` of the service's EndpointSlice."""
    endpoints = []
    for pod in pods:
        going = bool(pod["metadata"].get("deletionTimestamp"))
        serving = _is_serving(service, pod)
        endpoints.append(
            {
                "addresses": [pod["status"]["podIP"]],
                "conditions": {"ready": serving and not going, "serving": serving, "terminating": going},
                "nodeName": pod["spec"].get("nodeName"),
                "targetRef": _reference(pod),
                **_hostname(service, pod),
            }
        )
    ports = [{"name": "", **port} for port in (_ports(service, pods[0]) if pods else ())]
    return {"endpoints": endpoints, "ports": ports}


class EndpointsController(Controller):
    """Keeps both forms of a service's endpoints."""

    name: ClassVar[str] = "endpoints-controller"

    def __init__(self, cluster: Cluster) -> None:
        super().__init__(cluster)
        self._services = self.watch("/api/v1/services")
        self._endpoints = self.read("/api/v1/endpoints")
        self._slices = self.read("/apis/discovery.k8s.io/v1/endpointslices")
        self._slices.add_index("service", _service_of)
        self._pods = self.read("/api/v1/pods")
        self._pods.subscribe(self._pod_changed)

    def _pod_changed(self, before: Object | None, after: Object | None) -> None:
        if before is not None and after is not None and _facts(before) == _facts(after):
            return
        pod = after or before
        assert pod is not None
        labels = [labels_of(each) for each in (before, after) if each is not None]
        for service in self._services.in_namespace(pod["metadata"]["namespace"]):
            selector = (service.get("spec") or {}).get("selector") or {}
            if selector and any(selector.items() <= each.items() for each in labels):
                self.queue.add(key_of(service))

    async def reconcile(self, key: str) -> None:
        """One service. What it leaves behind goes by owner reference, its Endpoints by name."""
        service, known = self._services.get(key), self._endpoints.get(key)
        if service is None:
            if known is not None and (known["metadata"].get("labels") or {}).get(MANAGED) == self.name:
                await self._drop(known)
            return
        if not (service.get("spec") or {}).get("selector"):
            return
        pods = selected_by(service, self._pods.in_namespace(service["metadata"]["namespace"]))
        await self._write_endpoints(service, known, endpoint_subsets(service, pods))
        await self._write_slice(service, slice_content(service, pods))

    async def _drop(self, known: Object) -> None:
        try:
            await self.client.delete(path_of(known, "endpoints"), uid=known["metadata"]["uid"])
        except errors.NotFound:
            return

    async def _write_endpoints(self, service: Object, known: Object | None, subsets: list[Object]) -> None:
        metadata = service["metadata"]
        labels = {**labels_of(service), MANAGED: self.name}
        if known is None:
            obj: Object = {
                "apiVersion": "v1",
                "kind": "Endpoints",
                "metadata": {"name": metadata["name"], "namespace": metadata["namespace"], "labels": labels},
                **({"subsets": subsets} if subsets else {}),
            }
            await self.client.create(f"/api/v1/namespaces/{metadata['namespace']}/endpoints", obj)
        elif (known.get("subsets") or []) != subsets:
            await self.client.merge_patch(path_of(known, "endpoints"), {"subsets": subsets or None})

    async def _write_slice(self, service: Object, content: Object) -> None:
        metadata = service["metadata"]
        ours = [
            each
            for each in self._slices.by_index("service", key_of(service))
            if labels_of(each).get(MANAGED_BY, MANAGER) == MANAGER
        ]
        root = f"/apis/discovery.k8s.io/v1/namespaces/{metadata['namespace']}/endpointslices"
        if ours:
            first = ours[0]
            if any((first.get(part) or []) != content[part] for part in content):
                await self.client.merge_patch(f"{root}/{first['metadata']['name']}", content)
            return
        labels = {**labels_of(service), SLICE_OF: metadata["name"], MANAGED_BY: MANAGER}
        if service["spec"].get("clusterIP") == "None":
            labels["service.kubernetes.io/headless"] = ""
        await self.client.create(
            root,
            {
                "apiVersion": "discovery.k8s.io/v1",
                "kind": "EndpointSlice",
                "metadata": {
                    "name": f"{metadata['name']}-{suffix()}",
                    "generateName": f"{metadata['name']}-",
                    "namespace": metadata["namespace"],
                    "labels": labels,
                    "ownerReferences": [owner_reference(service)],
                },
                "addressType": "IPv4",
                **content,
            },
        )


MANAGED = "endpoints.kubernetes.io/managed-by"


def _facts(pod: Object) -> tuple[object, ...]:
    status, metadata = pod.get("status") or {}, pod["metadata"]
    return (
        status.get("podIP"),
        is_ready(pod),
        is_finished(pod),
        bool(metadata.get("deletionTimestamp")),
        metadata.get("labels"),
    )


def _service_of(piece: Object) -> Iterable[str]:
    name = labels_of(piece).get(SLICE_OF)
    return (f"{piece['metadata']['namespace']}/{name}",) if name else ()
