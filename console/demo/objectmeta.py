"""metadata of objects: what the server stamps into it, and the rules it must keep.

Rules and wording follow k8s.io/apimachinery pkg/api/validation/objectmeta.go.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from console.demo.failures import Cause
from console.demo.selecting import key_faults, value_faults

if TYPE_CHECKING:
    from random import Random

    from console.demo.records import Object
    from console.demo.resources import ResourceType

_SUFFIX = "bcdfghjklmnpqrstvwxz2456789"  # k8s.io/apimachinery pkg/util/rand
_LABEL_PATTERN = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"


@dataclass(frozen=True, slots=True)
class _NameRule:
    pattern: str
    limit: int
    text: str


_SUBDOMAIN = _NameRule(
    rf"{_LABEL_PATTERN}(\.{_LABEL_PATTERN})*",
    253,
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start "
    "and end with an alphanumeric character (e.g. 'example.com'",
)
_RULES = {
    ("", "namespaces"): _NameRule(
        _LABEL_PATTERN,
        63,
        "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end "
        "with an alphanumeric character (e.g. 'my-name',  or '123-abc'",
    ),
    ("", "services"): _NameRule(
        "[a-z]([-a-z0-9]*[a-z0-9])?",
        63,
        "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic "
        "character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123'",
    ),
}
_NO_PATHS = {"roles", "clusterroles", "rolebindings", "clusterrolebindings"}
_FINALIZERS = {"kubernetes", "orphan", "foregroundDeletion"}
_FINALIZER_RULE = "name is neither a standard finalizer name nor is it fully qualified"
_MAX_ANNOTATIONS = 256 * 1024  # bytes

# Built-in kinds whose generation grows with their spec.
_COUNTED = {
    ("", "pods"),
    ("", "replicationcontrollers"),
    ("batch", "jobs"),
    ("batch", "cronjobs"),
    ("policy", "poddisruptionbudgets"),
    ("scheduling.k8s.io", "priorityclasses"),
    ("discovery.k8s.io", "endpointslices"),
    ("apiextensions.k8s.io", "customresourcedefinitions"),
}
_COUNTED_GROUPS = {"apps", "networking.k8s.io", "admissionregistration.k8s.io", "flowcontrol.apiserver.k8s.io"}


def counts_generations(rt: ResourceType) -> bool:
    """Whether objects of a type carry metadata.generation."""
    return bool(rt.crd) or rt.storage_key in _COUNTED or rt.group in _COUNTED_GROUPS


def generated_name(base: str, random: Random) -> str:
    """A name for a generateName: the base, cut to 58 characters, and five of an unambiguous alphabet."""
    return base[:58] + "".join(random.choice(_SUFFIX) for _ in range(5))


def stamp_new(metadata: dict[str, Any], rt: ResourceType, namespace: str, uid: str, now: str) -> None:
    """Fill in what only the server may say about a new object."""
    for key in ("resourceVersion", "selfLink", "deletionTimestamp", "deletionGracePeriodSeconds", "generation"):
        metadata.pop(key, None)
    if rt.namespaced:
        metadata["namespace"] = namespace
    else:
        metadata.pop("namespace", None)
    metadata["uid"] = uid
    metadata["creationTimestamp"] = now
    if counts_generations(rt):
        metadata["generation"] = 1


def keep_stamps(metadata: dict[str, Any], old: dict[str, Any]) -> None:
    """Take back what an update may not change."""
    for key in (
        "uid",
        "creationTimestamp",
        "generation",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
        "selfLink",
    ):
        if key in old:
            metadata[key] = old[key]
        else:
            metadata.pop(key, None)
    if "namespace" in old:
        metadata["namespace"] = old["namespace"]
    if "generateName" in old:
        metadata.setdefault("generateName", old["generateName"])


def spec_changed(rt: ResourceType, old: Object, new: Object) -> bool:
    """Whether the wanted state differs: everything but metadata, and status where that is its own subresource."""
    ignored = {"metadata", "kind", "apiVersion"} | ({"status"} if rt.has_status or not rt.crd else set())
    return any(old.get(key) != new.get(key) for key in (old.keys() | new.keys()) - ignored)


def metadata_causes(rt: ResourceType, metadata: dict[str, Any], old: dict[str, Any] | None = None) -> list[Cause]:
    """What is wrong with an object's metadata."""
    causes = []
    name = metadata.get("name")
    if not name:
        causes.append(Cause("metadata.name", "Required value: name or generateName is required", "FieldValueRequired"))
    elif old is None:
        causes += [Cause("metadata.name", f'Invalid value: "{name}": {fault}') for fault in name_faults(rt, str(name))]
    for key, value in _mapping(metadata, "labels", causes):
        causes += [Cause("metadata.labels", f'Invalid value: "{key}": {fault}') for fault in key_faults(key)]
        causes += [Cause("metadata.labels", f'Invalid value: "{value}": {fault}') for fault in value_faults(value)]
    size = 0
    for key, value in _mapping(metadata, "annotations", causes):
        size += len(key.encode()) + len(value.encode())
        causes += [Cause("metadata.annotations", f'Invalid value: "{key}": {f}') for f in key_faults(key.lower())]
    if size > _MAX_ANNOTATIONS:
        message = f"Too long: may not be more than {_MAX_ANNOTATIONS} bytes"
        causes.append(Cause("metadata.annotations", message, "FieldValueTooLong"))
    return causes + _owner_causes(metadata) + _finalizer_causes(rt, metadata, old)


def name_faults(rt: ResourceType, name: str) -> list[str]:
    """What is wrong with an object's name for its kind."""
    if rt.group == "rbac.authorization.k8s.io" and rt.plural in _NO_PATHS:
        if name in (".", ".."):
            return [f"may not be '{name}'"]
        return [f"may not contain '{c}'" for c in "/%" if c in name]
    rule = _RULES.get(rt.storage_key, _SUBDOMAIN)
    faults = [f"must be no more than {rule.limit} bytes"] if len(name) > rule.limit else []
    if not re.fullmatch(rule.pattern, name):
        faults.append(f"{rule.text}, regex used for validation is '{rule.pattern}')")
    return faults


def _mapping(metadata: dict[str, Any], key: str, causes: list[Cause]) -> list[tuple[str, str]]:
    value = metadata.get(key)
    if value is None:
        return []
    if not isinstance(value, dict) or not all(isinstance(v, str) for v in value.values()):
        causes.append(Cause(f"metadata.{key}", "Invalid value: must be a map of strings to strings"))
        return []
    return list(value.items())


def _owner_causes(metadata: dict[str, Any]) -> list[Cause]:
    causes = []
    controllers = 0
    for index, owner in enumerate(metadata.get("ownerReferences") or ()):
        for key in ("apiVersion", "kind", "name", "uid"):
            if not owner.get(key):
                path = f"metadata.ownerReferences[{index}].{key}"
                if key == "apiVersion":
                    causes.append(Cause(path, 'Invalid value: "": version must not be empty'))
                else:
                    causes.append(Cause(path, f'Invalid value: "": {key} must not be empty'))
        controllers += bool(owner.get("controller"))
    if controllers > 1:
        message = "Invalid value: only one reference can have Controller set to true"
        causes.append(Cause("metadata.ownerReferences", message))
    return causes


def _finalizer_causes(rt: ResourceType, metadata: dict[str, Any], old: dict[str, Any] | None) -> list[Cause]:
    if not rt.crd:
        wrong = [
            Cause(f"metadata.finalizers[{index}]", f'Invalid value: "{finalizer}": {_FINALIZER_RULE}')
            for index, finalizer in enumerate(metadata.get("finalizers") or ())
            if "/" not in finalizer and finalizer not in _FINALIZERS
        ]
        if wrong:
            return wrong
    if old is None or not old.get("deletionTimestamp"):
        return []
    added = [f for f in metadata.get("finalizers") or () if f not in (old.get("finalizers") or ())]
    if not added:
        return []
    shown = ", ".join(f'"{finalizer}"' for finalizer in added)
    message = (
        "Forbidden: no new finalizers can be added if the object is being deleted, "
        f"found new finalizers []string{{{shown}}}"
    )
    return [Cause("metadata.finalizers", message, "FieldValueForbidden")]
