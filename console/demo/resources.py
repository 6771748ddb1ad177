"""What is served: the built-in resource types, from data, and those of CustomResourceDefinitions, as they come and go.

A ResourceType is one resource in one version; types of one resource share a storage key.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator

_STANDARD = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")

# Fields that field selectors may name, beside metadata.name and metadata.namespace
# (k8s.io/kubernetes pkg/apis/*/v1/conversion.go and the registry strategies, 1.34).
_SELECTABLE: dict[tuple[str, str], tuple[tuple[str, str], ...]] = {
    ("", "pods"): tuple(
        (name, name)
        for name in (
            "spec.nodeName",
            "spec.restartPolicy",
            "spec.schedulerName",
            "spec.serviceAccountName",
            "spec.hostNetwork",
            "status.phase",
            "status.podIP",
            "status.nominatedNodeName",
        )
    ),
    ("", "events"): (
        *((f"involvedObject.{n}", f"involvedObject.{n}") for n in ("kind", "namespace", "name", "uid")),
        *((f"involvedObject.{n}", f"involvedObject.{n}") for n in ("apiVersion", "resourceVersion", "fieldPath")),
        ("reason", "reason"),
        ("reportingComponent", "reportingComponent"),
        ("source", "source.component"),
        ("type", "type"),
    ),
    ("", "secrets"): (("type", "type"),),
    ("", "namespaces"): (("status.phase", "status.phase"),),
    ("", "nodes"): (("spec.unschedulable", "spec.unschedulable"),),
    ("", "services"): (("spec.clusterIP", "spec.clusterIP"), ("spec.type", "spec.type")),
    ("", "replicationcontrollers"): (("status.replicas", "status.replicas"),),
    ("apps", "replicasets"): (("status.replicas", "status.replicas"),),
    ("batch", "jobs"): (("status.successful", "status.succeeded"),),
    ("certificates.k8s.io", "certificatesigningrequests"): (("spec.signerName", "spec.signerName"),),
}
_STORAGE_VERSIONS = {("autoscaling", "horizontalpodautoscalers"): "v2"}


@dataclass(frozen=True, slots=True)
class Subresource:
    """One subresource; kind, group and version are empty where they are those of the resource."""

    name: str
    verbs: tuple[str, ...]
    kind: str = ""
    group: str = ""
    version: str = ""


@dataclass(frozen=True, slots=True)
class Scale:
    """The JSON paths of a custom resource's scale subresource, without the leading dot; "" where absent."""

    spec_path: str
    status_path: str
    selector_path: str = ""


@dataclass(frozen=True, slots=True)
class ResourceType:
    """One resource in one version, as discovery describes it, and what the server needs to keep it."""

    group: str
    version: str
    plural: str
    kind: str
    singular: str
    namespaced: bool
    verbs: tuple[str, ...] = _STANDARD
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    subresources: tuple[Subresource, ...] = ()
    list_kind: str = ""
    storage_version: str = ""
    crd: str = ""  # the name of its CustomResourceDefinition; "" for built-ins
    scale: Scale | None = None
    selectable: tuple[tuple[str, str], ...] = ()  # (label of the field selector, path in the stored object)
    columns: tuple[dict[str, Any], ...] = field(default=(), hash=False, compare=False)  # additionalPrinterColumns
    warning: str = ""  # of a deprecated version

    @property
    def storage_key(self) -> tuple[str, str]:
        """Which collection keeps its objects; events of both groups are the same objects."""
        return ("" if self.group == "events.k8s.io" else self.group, self.plural)

    @property
    def api_version(self) -> str:
        """`v1`, `apps/v1`: what objects carry as apiVersion."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def stored_api_version(self) -> str:
        """The apiVersion objects are kept in."""
        group, version = self.storage_key[0], self.storage_version or self.version
        return f"{group}/{version}" if group else version

    @property
    def has_status(self) -> bool:
        """Whether status is written through its own subresource only."""
        return any(sub.name == "status" for sub in self.subresources)

    def subresource(self, name: str) -> Subresource | None:
        """The subresource of that name, where the type has it."""
        return next((sub for sub in self.subresources if sub.name == name), None)


class Resources:
    """The types served now: built-ins for good, custom ones while their definition exists.

    `generation` grows with every change, so that discovery documents can be kept until then.
    """

    def __init__(self) -> None:
        self.generation = 0
        self._types: dict[tuple[str, str, str], ResourceType] = {}
        self._kinds: dict[tuple[str, str], ResourceType] = {}
        for rt in built_in():
            self._add(rt)

    def find(self, group: str, version: str, plural: str) -> ResourceType | None:
        """The type served at `/apis/group/version/.../plural`."""
        return self._types.get((group, version, plural))

    def of_object(self, api_version: str, kind: str) -> ResourceType | None:
        """The type whose objects carry this apiVersion and kind."""
        return self._kinds.get((api_version, kind))

    def stored(self, rt: ResourceType) -> ResourceType:
        """The type of the version that `rt`'s objects are kept in."""
        group, plural = rt.storage_key
        return self._types.get((group, rt.storage_version or rt.version, plural), rt)

    def all(self) -> Iterator[ResourceType]:
        """Every type, by group and version in discovery order."""
        return iter(list(self._types.values()))

    def versions(self, group: str) -> list[str]:
        """The versions a group serves, the preferred one first."""
        types = [rt for rt in self._types.values() if rt.group == group]
        found = dict.fromkeys(rt.version for rt in types)
        return sorted(found, key=_priority) if types and types[0].crd else list(found)

    def groups(self) -> list[str]:
        """Every group, core ("") first, custom ones after the built-in ones and in order of name."""
        custom: dict[str, None] = {}
        fixed: dict[str, None] = {}
        for rt in self._types.values():
            (custom if rt.crd else fixed)[rt.group] = None
        return [*fixed, *sorted(group for group in custom if group not in fixed)]

    def register_crd(self, crd: dict[str, Any]) -> list[ResourceType]:
        """Serve the versions of a CustomResourceDefinition (its schemas may be absent); replaces what it served."""
        self.unregister_crd(crd["metadata"]["name"])
        types = custom_types(crd)
        for rt in types:
            self._add(rt)
        return types

    def unregister_crd(self, name: str) -> list[ResourceType]:
        """Stop serving a definition's types; returns them."""
        gone = [rt for rt in self._types.values() if rt.crd == name]
        for rt in gone:
            del self._types[rt.group, rt.version, rt.plural]
            if self._kinds.get((rt.api_version, rt.kind)) is rt:
                del self._kinds[rt.api_version, rt.kind]
        if gone:
            self.generation += 1
        return gone

    def of_crd(self, name: str) -> list[ResourceType]:
        """The types a definition serves."""
        return [rt for rt in self._types.values() if rt.crd == name]

    def _add(self, rt: ResourceType) -> None:
        self._types[rt.group, rt.version, rt.plural] = rt
        self._kinds.setdefault((rt.api_version, rt.kind), rt)
        self.generation += 1


@cache
def built_in() -> tuple[ResourceType, ...]:
    """The built-in types of Kubernetes 1.34, stable versions, and metrics.k8s.io."""
    data = msgspec.json.decode((files("console.demo") / "data" / "discovery.json").read_bytes())
    return tuple(
        _built_in_type(group["group"], version["version"], entry)
        for group in data
        for version in group["versions"]
        for entry in version["resources"]
    )


def _built_in_type(group: str, version: str, entry: dict[str, Any]) -> ResourceType:
    plural = entry["plural"]
    key = ("", "events") if plural == "events" else (group, plural)
    subresources = tuple(
        Subresource(s["name"], tuple(s["verbs"]), s.get("kind", ""), s.get("group", ""), s.get("version", ""))
        for s in entry.get("subresources", ())
    )
    scaled = any(sub.name == "scale" for sub in subresources)
    return ResourceType(
        group=group,
        version=version,
        plural=plural,
        kind=entry["kind"],
        singular=entry["singular"],
        namespaced=entry["namespaced"],
        verbs=tuple(entry["verbs"]),
        short_names=tuple(entry["short_names"]),
        categories=tuple(entry["categories"]),
        subresources=subresources,
        list_kind=entry["kind"] + "List",
        storage_version=_STORAGE_VERSIONS.get(key, "v1" if group == "events.k8s.io" else version),
        scale=Scale("spec.replicas", "status.replicas") if scaled else None,
        selectable=_SELECTABLE.get(key, ()),
    )


def custom_types(crd: dict[str, Any]) -> list[ResourceType]:
    """The types of a definition, one a served version, the preferred version first."""
    spec = crd["spec"]
    names = spec["names"]
    versions = [v for v in spec["versions"] if v.get("served")]
    versions.sort(key=lambda v: _priority(v["name"]))
    stored = next(v["name"] for v in spec["versions"] if v.get("storage"))
    return [
        ResourceType(
            group=spec["group"],
            version=version["name"],
            plural=names["plural"],
            kind=names["kind"],
            singular=names.get("singular") or names["kind"].lower(),
            namespaced=spec["scope"] == "Namespaced",
            short_names=tuple(names.get("shortNames", ())),
            categories=tuple(names.get("categories", ())),
            subresources=_custom_subresources(version.get("subresources") or {}),
            list_kind=names.get("listKind") or names["kind"] + "List",
            storage_version=stored,
            crd=crd["metadata"]["name"],
            scale=_custom_scale((version.get("subresources") or {}).get("scale")),
            selectable=tuple(
                (f["jsonPath"].lstrip("."), f["jsonPath"].lstrip(".")) for f in version.get("selectableFields", ())
            ),
            columns=tuple(version.get("additionalPrinterColumns", ())),
            warning=_deprecation(spec["group"], version, names["kind"]),
        )
        for version in versions
    ]


def _custom_subresources(declared: dict[str, Any]) -> tuple[Subresource, ...]:
    verbs = ("get", "patch", "update")
    found = []
    if declared.get("status") is not None:
        found.append(Subresource("status", verbs))
    if declared.get("scale") is not None:
        found.append(Subresource("scale", verbs, "Scale", "autoscaling", "v1"))
    return tuple(found)


def _custom_scale(declared: dict[str, str] | None) -> Scale | None:
    if not declared:
        return None
    return Scale(
        declared["specReplicasPath"].lstrip("."),
        declared["statusReplicasPath"].lstrip("."),
        declared.get("labelSelectorPath", "").lstrip("."),
    )


def _deprecation(group: str, version: dict[str, Any], kind: str) -> str:
    if not version.get("deprecated"):
        return ""
    return str(version.get("deprecationWarning") or f"{group}/{version['name']} {kind} is deprecated")


def _priority(version: str) -> tuple[int, int, int, str]:
    """Order of versions: GA before beta before alpha, higher numbers first (k8s.io/apimachinery version helper)."""
    body = version.removeprefix("v")
    for rank, word in ((1, "beta"), (2, "alpha")):
        major, found, minor = body.partition(word)
        if found and major.isdigit():
            return (rank, -int(major), -int(minor or 0), version)
    return (0, -int(body), 0, version) if body.isdigit() else (3, 0, 0, version)
