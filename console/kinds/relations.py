"""How objects hang together: owners, what an object names, and which rows it owns. Pure; links are not looked up."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from console.kinds.jobrow import JobRow
from console.kinds.pods import PodRow
from console.kinds.podtrouble import Owner, owner_of
from console.live.source import Row


@dataclass(frozen=True, slots=True)
class Link:
    """Another object, and how it is related."""

    relation: str  # owner, owns, node, uses, runs as, claim, queue, job
    kind: str
    namespace: str
    name: str
    api: str = ""  # apiVersion, where the object says it
    uid: str = ""


def _maps(value: Any) -> Iterator[dict[str, Any]]:
    for entry in value if isinstance(value, list) else ():
        if isinstance(entry, dict):
            yield entry


def owners(manifest: Mapping[str, Any]) -> list[Link]:
    """The owners an object names, the controller first; namespaced objects have owners of their namespace or none."""
    metadata = manifest.get("metadata") or {}
    references = sorted(_maps(metadata.get("ownerReferences")), key=lambda entry: not entry.get("controller"))
    namespace = str(metadata.get("namespace") or "")
    return [
        Link(
            "owner",
            str(entry.get("kind", "")),
            "" if entry.get("kind") in ("Node", "Namespace", "Profile") else namespace,
            str(entry.get("name", "")),
            str(entry.get("apiVersion", "")),
            str(entry.get("uid", "")),
        )
        for entry in references
    ]


def pod_spec(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """The pod spec of a pod, or the first pod template found in a workload; empty where there is none."""
    spec = manifest.get("spec")
    if not isinstance(spec, dict):
        return {}
    if manifest.get("kind") == "Pod":
        return spec
    return next(_templates(spec, 0), {})


def _templates(value: Any, depth: int) -> Iterator[dict[str, Any]]:
    if depth > 8 or not isinstance(value, dict | list):
        return
    if isinstance(value, list):
        for entry in value:
            yield from _templates(entry, depth + 1)
        return
    if isinstance(value.get("containers"), list):
        yield value
        return
    for entry in value.values():
        yield from _templates(entry, depth + 1)


def uses(manifest: Mapping[str, Any]) -> list[Link]:
    """What an object's pods need: node, service account, claims, config maps and secrets, each once."""
    metadata = manifest.get("metadata") or {}
    namespace = str(metadata.get("namespace") or "")
    spec = pod_spec(manifest)
    links = []
    if spec.get("nodeName"):
        links.append(Link("node", "Node", "", str(spec["nodeName"])))
    if spec.get("serviceAccountName"):
        links.append(Link("runs as", "ServiceAccount", namespace, str(spec["serviceAccountName"])))
    links += [Link("uses", kind, namespace, name) for kind, name in _volumes(spec)]
    links += [Link("uses", kind, namespace, name) for kind, name in _environment(spec)]
    for entry in _maps(spec.get("imagePullSecrets")):
        links.append(Link("uses", "Secret", namespace, str(entry.get("name", ""))))
    queue = (metadata.get("labels") or {}).get("kueue.x-k8s.io/queue-name")
    if queue:
        links.append(Link("queue", "LocalQueue", namespace, str(queue)))
    return list(dict.fromkeys(link for link in links if link.name))


def _volumes(spec: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for volume in _maps(spec.get("volumes")):
        for key, kind, name in (
            ("persistentVolumeClaim", "PersistentVolumeClaim", "claimName"),
            ("configMap", "ConfigMap", "name"),
            ("secret", "Secret", "secretName"),
        ):
            entry = volume.get(key)
            if isinstance(entry, dict):
                yield kind, str(entry.get(name, ""))


def _environment(spec: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for container in (*_maps(spec.get("initContainers")), *_maps(spec.get("containers"))):
        for entry in _maps(container.get("envFrom")):
            for key, kind in (("configMapRef", "ConfigMap"), ("secretRef", "Secret")):
                if isinstance(entry.get(key), dict):
                    yield kind, str(entry[key].get("name", ""))
        for entry in _maps(container.get("env")):
            origin = entry.get("valueFrom")
            for key, kind in (("configMapKeyRef", "ConfigMap"), ("secretKeyRef", "Secret")):
                if isinstance(origin, dict) and isinstance(origin.get(key), dict):
                    yield kind, str(origin[key].get("name", ""))


def owned(kind: str, namespace: str, name: str, rows: Mapping[str, Iterable[Row]]) -> list[Link]:
    """What an object owns among rows by kind (`{"Pod": rows}`): by controller, pods also by what they work for."""
    return [
        Link("owns", row.kind if isinstance(row, JobRow) else child, namespace, row.name, uid=row.uid)
        for child, entries in rows.items()
        for row in entries
        if row.namespace == namespace and _belongs(row, kind, namespace, name)
    ]


def _belongs(row: Row, kind: str, namespace: str, name: str) -> bool:
    if getattr(row, "owner_kind", "") == kind and getattr(row, "owner", "") == name:
        return True
    if isinstance(row, PodRow):
        wanted = Owner("JobSet" if kind == "TrainJob" else kind, namespace, name)
        return owner_of(row) == wanted
    return False


def pods_of(kind: str, namespace: str, name: str, pods: Iterable[PodRow]) -> list[PodRow]:
    """The pods that work for an object, by role and index."""
    found = [pod for pod in pods if pod.namespace == namespace and _belongs(pod, kind, namespace, name)]
    return sorted(found, key=lambda pod: (pod.role not in _LEADERS, pod.role, pod.index, pod.name))


_LEADERS = ("master", "chief", "launcher", "scheduler")
