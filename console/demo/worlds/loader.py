"""World files: one moment of a cluster in one YAML file, read, checked and put into the embedded cluster.

Objects are stored exactly as given. Keys nobody knows are kept and ignored. A file that is broken is refused with the
line.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from console.clock import parse_time
from console.demo.client import Object
from console.demo.store import Store
from console.demo.worlds.naming import stable_uid
from console.demo.worlds.reading import Document
from console.errors import UsageError

KNOWN = ("now", "title", "source", "operator_question", "cluster_objects", "events", "pod_logs", "metrics_samples")
_LOG_KEY = re.compile(r"^([^/?]+)/([^/?]+)/([^/?]+)(\?previous=true)?$")


@dataclass(frozen=True, slots=True)
class LogKey:
    """Whose log lines these are; `previous` for the container before the last restart."""

    namespace: str
    pod: str
    container: str
    previous: bool = False


@dataclass(frozen=True, slots=True)
class World:
    """What a world file says. `now` is in seconds since 1970; `extra` holds every other key as it was."""

    now: float
    objects: tuple[Object, ...]
    events: tuple[Object, ...]
    pod_logs: Mapping[LogKey, tuple[str, ...]]
    metrics_samples: tuple[Object, ...]  # as `metrics.SampleSource` takes them
    title: str = ""
    source: str = ""
    operator_question: str = ""
    extra: Mapping[str, Any] = field(default_factory=dict)


class Logs(Protocol):
    """What takes the log lines: the embedded cluster's Runtime."""

    def log(
        self, namespace: str, pod: str, container: str, line: str, at: float | None = None, previous: bool = False
    ) -> None:
        """One line of a container's log."""
        ...


def load_world(source: str | Path) -> World:
    """Read a world from a path, or from text (anything with a line break in it).

    UsageError naming the file and the line when it cannot be read, is not YAML, or has the wrong shape.
    """
    if isinstance(source, str) and "\n" in source:
        return _world(Document(source, "world"))
    path = Path(source)
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise UsageError(f"{path}, line {line}: it is not UTF-8 text.") from None
    except OSError as error:
        raise UsageError(f"The world file {path} cannot be read: {error.strerror}.") from None
    return _world(Document(text, str(path)))


def install(world: World, store: Store, logs: Logs) -> None:
    """Put everything a world holds into an empty cluster; UsageError for an object that cannot be stored.

    A namespace that objects name but nobody defines is made, and a kind that is not served gets a definition without a
    schema, so that everything can be listed.
    """
    objects = [*world.objects, *world.events]
    for obj in [each for each in objects if each["kind"] == "CustomResourceDefinition"]:
        store.load(obj)
    present = {obj["metadata"]["name"] for obj in objects if obj["kind"] == "Namespace" and obj["apiVersion"] == "v1"}
    wanted = {str(obj["metadata"].get("namespace") or "") for obj in objects}
    wanted |= {key.namespace for key in world.pod_logs} | {"default", "kube-system", "kube-public", "kube-node-lease"}
    for name in sorted(wanted - present - {""}):
        store.load(_namespace(name, store.timestamp()))
    for obj in objects:
        if obj["kind"] == "CustomResourceDefinition":
            continue
        if store.resources.of_object(obj["apiVersion"], obj["kind"]) is None:
            store.load(_definition(obj, store.timestamp()))
        store.load(obj)
    for key, lines in world.pod_logs.items():
        for line in lines:
            logs.log(key.namespace, key.pod, key.container, line, at=world.now, previous=key.previous)


def _world(document: Document) -> World:
    data = document.value
    if not isinstance(data, dict):
        document.refuse((), "a world is a mapping of keys such as now and cluster_objects")
    now = parse_time(data["now"]) if isinstance(data.get("now"), str) else None
    if now is None:
        document.refuse(("now",), "now has to be a time such as '2026-11-23T03:12:00Z'")
    return World(
        now=now,
        objects=tuple(_objects(document, "cluster_objects")),
        events=tuple(_objects(document, "events", kind="Event")),
        pod_logs=_logs(document),
        metrics_samples=tuple(_metrics(document)),
        title=str(data.get("title") or ""),
        source=str(data.get("source") or ""),
        operator_question=str(data.get("operator_question") or ""),
        extra={str(key): value for key, value in data.items() if key not in KNOWN},
    )


def _objects(document: Document, part: str, *, kind: str = "") -> list[Object]:
    given = document.value.get(part)
    if given is None:
        return []
    if not isinstance(given, list):
        document.refuse((part,), f"{part} has to be a list")
    seen: dict[tuple[str, ...], int] = {}
    for at, obj in enumerate(given):
        if not isinstance(obj, dict):
            document.refuse((part, at), f"an entry of {part} has to be an object")
        for name in ("apiVersion", "kind"):
            if not isinstance(obj.get(name), str) or not obj[name]:
                document.refuse((part, at), f"the object has no {name}")
        if kind and obj["kind"] != kind:
            document.refuse((part, at, "kind"), f"{part} holds only objects of kind {kind}")
        meta = obj.get("metadata")
        if not isinstance(meta, dict) or not isinstance(meta.get("name"), str) or not meta["name"]:
            document.refuse((part, at, "metadata"), f"the {obj['kind']} has no metadata.name")
        for name in ("namespace", "uid", "resourceVersion", "creationTimestamp"):
            if meta.get(name) is not None and not isinstance(meta[name], str):
                document.refuse((part, at, "metadata", name), f"metadata.{name} has to be text (put it in quotes)")
        for name in ("spec", "status"):
            if obj.get(name) is not None and not isinstance(obj[name], dict):
                document.refuse((part, at, name), f"{name} has to be a mapping")
        identity = (obj["apiVersion"], obj["kind"], str(meta.get("namespace")), meta["name"])
        if identity in seen:
            where = document.line(part, seen[identity])
            document.refuse((part, at), f"{obj['kind']} {meta['name']} is there already, from line {where}")
        seen[identity] = at
    return given


def _logs(document: Document) -> dict[LogKey, tuple[str, ...]]:
    given = document.value.get("pod_logs")
    if given is None:
        return {}
    if not isinstance(given, dict):
        document.refuse(("pod_logs",), "pod_logs has to map namespace/pod/container to lines")
    found: dict[LogKey, tuple[str, ...]] = {}
    for key, lines in given.items():
        match = _LOG_KEY.match(str(key))
        if match is None:
            document.refuse(("pod_logs", key), f"{key!r} is not namespace/pod/container (with ?previous=true or not)")
        if not isinstance(lines, list) or not all(isinstance(each, str | int | float) for each in lines):
            document.refuse(("pod_logs", key), f"the log of {key} has to be a list of lines")
        found[LogKey(match[1], match[2], match[3], match[4] is not None)] = tuple(str(each) for each in lines)
    return found


def _metrics(document: Document) -> list[Object]:
    part = "metrics_samples"
    given = document.value.get(part)
    if given is None:
        return []
    if not isinstance(given, list):
        document.refuse((part,), f"{part} has to be a list")
    for at, entry in enumerate(given):
        if not isinstance(entry, dict) or not isinstance(entry.get("metric"), str) or not entry["metric"]:
            document.refuse((part, at), f"an entry of {part} needs a metric name")
        if not isinstance(entry.get("labels") or {}, dict):
            document.refuse((part, at, "labels"), "labels has to be a mapping")
        samples = entry.get("samples")
        if not isinstance(samples, list) or not samples:
            document.refuse((part, at, "samples"), f"the metric {entry['metric']} has no samples")
        for index, pair in enumerate(samples):
            path = (part, at, "samples", index)
            if not isinstance(pair, list) or len(pair) != 2:
                document.refuse(path, "a sample is a pair of a time and a value")
            if not _is_number(pair[0]) and (not isinstance(pair[0], str) or parse_time(pair[0]) is None):
                document.refuse(path, f"{pair[0]!r} is not a time such as '2026-11-23T03:12:00Z'")
            if not _is_number(pair[1]):
                document.refuse(path, f"{pair[1]!r} is not a number")
    return given


def _is_number(value: object) -> bool:
    if not isinstance(value, int | float | str) or isinstance(value, bool):
        return False
    try:
        float(value)
    except ValueError:
        return False
    return True


def _namespace(name: str, at: str) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {
            "name": name,
            "uid": stable_uid("Namespace", name),
            "creationTimestamp": at,
            "labels": {"kubernetes.io/metadata.name": name},
        },
        "spec": {"finalizers": ["kubernetes"]},
        "status": {"phase": "Active"},
    }


def _definition(obj: Object, at: str) -> Object:
    """A CustomResourceDefinition that accepts anything, for a kind a file holds but no schema is known of."""
    group, _, version = obj["apiVersion"].rpartition("/")
    if not group:
        raise UsageError(f"The world holds a {obj['kind']} of {obj['apiVersion']}, which Kubernetes does not have.")
    singular = obj["kind"].lower()
    plural = f"{singular}es" if singular.endswith(("s", "x", "ch")) else f"{singular}s"
    names = {"plural": plural, "singular": singular, "kind": obj["kind"], "listKind": f"{obj['kind']}List"}
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": f"{plural}.{group}",
            "uid": stable_uid("CustomResourceDefinition", plural, group),
            "creationTimestamp": at,
        },
        "spec": {
            "group": group,
            "names": names,
            "scope": "Namespaced" if obj["metadata"].get("namespace") else "Cluster",
            "versions": [{"name": version, "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}],
        },
        "status": {"acceptedNames": names, "storedVersions": [version], "conditions": []},
    }
