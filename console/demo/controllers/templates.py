"""Pods made from templates, and what the workload controllers ask of pods (pure)."""

from __future__ import annotations

import copy
import json
import math
import secrets
from collections.abc import Iterable, Sequence
from typing import Any
from zlib import crc32

from console.clock import parse_time
from console.demo.client import Object
from console.demo.controllers.base import condition, is_true, owner_reference
from console.demo.controllers.plan import Creation, Deletion, Note
from console.demo.needs import is_finished

HASH = "pod-template-hash"
REVISION_HASH = "controller-revision-hash"
_LETTERS = "bcdfghjklmnpqrstvwxz2456789"  # of k8s.io/apimachinery/pkg/util/rand: no vowels


def encoded(number: int) -> str:
    """A number in letters that spell no words."""
    text = ""
    while number or not text:
        number, digit = divmod(number, len(_LETTERS))
        text = _LETTERS[digit] + text
    return text


def template_hash(template: Object) -> str:
    """A short hash of a pod template."""
    canonical = json.dumps(template, sort_keys=True, separators=(",", ":")).encode()
    return encoded(crc32(canonical) + (crc32(canonical, 1) << 16))[-10:]


def suffix() -> str:
    """What the API server appends to a generateName; drawn here, so that events can name the object."""
    return "".join(secrets.choice(_LETTERS) for _ in range(5))


def pod_from(owner: Object, template: Object, *, name: str = "", prefix: str = "") -> Object:
    """A new pod of the template, controlled by `owner`; named, or with a name generated from `prefix`."""
    template = copy.deepcopy(template)
    given = template.get("metadata") or {}
    metadata: Object = {"namespace": owner["metadata"]["namespace"], "ownerReferences": [owner_reference(owner)]}
    metadata |= {"name": name} if name else {"name": prefix + suffix(), "generateName": prefix}
    metadata |= {key: given[key] for key in ("annotations", "finalizers") if given.get(key)}
    metadata["labels"] = dict(given.get("labels") or {})
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template.get("spec") or {}}


def pods_path(namespace: str) -> str:
    """Where pods of a namespace are created."""
    return f"/api/v1/namespaces/{namespace}/pods"


def is_active(pod: Object) -> bool:
    """Neither finished nor being deleted."""
    return not is_finished(pod) and not pod["metadata"].get("deletionTimestamp")


def is_ready(pod: Object) -> bool:
    """Whether the pod's Ready condition holds."""
    return is_true(pod, "Ready")


def available_in(pod: Object, least: float, now: float) -> float:
    """Seconds until a pod has been ready for `least` seconds: 0 when it has, infinite while it is not ready."""
    ready = condition(pod, "Ready")
    if ready is None or ready["status"] != "True":
        return math.inf
    since = parse_time(ready.get("lastTransitionTime")) or now
    return max(0.0, since + least - now) if least else 0.0


def deletion_order(pod: Object) -> tuple[Any, ...]:
    """Sorts what can best be spared first: unbound, pending, not ready, cheap, restarted, young pods."""
    metadata, status = pod["metadata"], pod.get("status") or {}
    cost = (metadata.get("annotations") or {}).get("controller.kubernetes.io/pod-deletion-cost", "0")
    restarts = max((each.get("restartCount") or 0 for each in status.get("containerStatuses") or ()), default=0)
    return (
        bool(pod["spec"].get("nodeName")),
        status.get("phase") == "Running",
        is_ready(pod),
        int(cost) if cost.lstrip("-").isdigit() else 0,
        -restarts,
        -(parse_time(metadata.get("creationTimestamp")) or 0.0),
        metadata["name"],
    )


def resolve_share(value: int | str | None, total: int, *, up: bool, default: int | str = 0) -> int:
    """An int-or-percent of `total`."""
    value = default if value is None else value
    if isinstance(value, int):
        return value
    if value.endswith("%") and value[:-1].isdigit():
        share = total * int(value[:-1]) / 100
        return math.ceil(share) if up else math.floor(share)
    return int(value) if value.isdigit() else 0


def create_pod(pod: Object, *, done: str = "Created pod: {name}", refused: str = "Error creating: {error}") -> Creation:
    """The creation of a pod with the events the owner shows."""
    return Creation(
        pods_path(pod["metadata"]["namespace"]),
        pod,
        Note("Normal", "SuccessfulCreate", done.replace("{name}", pod["metadata"]["name"])),
        Note("Warning", "FailedCreate", refused),
    )


def delete_pod(pod: Object, done: str = "Deleted pod: {name}") -> Deletion:
    """The deletion of a pod with the event the owner shows."""
    name = pod["metadata"]["name"]
    path = f"{pods_path(pod['metadata']['namespace'])}/{name}"
    return Deletion(path, Note("Normal", "SuccessfulDelete", done.replace("{name}", name)))


def same_template(one: Object, other: Object) -> bool:
    """Whether two pod templates are equal but for the hash label."""
    return _without_hash(one) == _without_hash(other)


def _without_hash(template: Object) -> Object:
    metadata = dict(template.get("metadata") or {})
    metadata["labels"] = {key: value for key, value in (metadata.get("labels") or {}).items() if key != HASH}
    return {"metadata": {k: v for k, v in metadata.items() if v}, "spec": template.get("spec")}


def count(pods: Iterable[Object], *tests: Any) -> int:
    """How many pods pass every test."""
    return sum(all(test(pod) for test in tests) for pod in pods)


def names(pods: Sequence[Object]) -> list[str]:
    """Their names."""
    return [pod["metadata"]["name"] for pod in pods]
