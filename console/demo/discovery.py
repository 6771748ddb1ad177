"""Discovery: which groups, versions and resources there are, as plain lists and aggregated.

Documents are made when asked for and kept until a definition comes or goes.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any

import msgspec

from console.demo.answers import Answer
from console.demo.requests import media_types

if TYPE_CHECKING:
    from collections.abc import Mapping

    from console.demo.resources import Resources, ResourceType

VERSION = {
    "major": "1",
    "minor": "34",
    "emulationMajor": "1",
    "emulationMinor": "34",
    "minCompatibilityMajor": "1",
    "minCompatibilityMinor": "33",
    "gitVersion": "v1.34.3",
    "gitCommit": "0000000000000000000000000000000000000000",
    "gitTreeState": "clean",
    "buildDate": "2025-12-09T14:59:13Z",
    "goVersion": "go1.24.11",
    "compiler": "gc",
    "platform": "linux/amd64",
}
_DOMAIN = "apidiscovery.k8s.io"


class Discovery:
    """The discovery documents of the types served now."""

    def __init__(self, resources: Resources) -> None:
        self._resources = resources
        self._made: dict[str, bytes] = {}
        self._generation = -1

    def answer(self, path: str, accept: str, headers: Mapping[str, str]) -> Answer | None:
        """The document at `/api`, `/apis`, `/apis/G`, `/api/v1` or `/apis/G/V`; None where there is none."""
        if self._generation != self._resources.generation:
            self._made.clear()
            self._generation = self._resources.generation
        parts = [part for part in path.split("/") if part]
        if len(parts) == 1 and (version := _aggregated(accept)):
            return self._aggregated_answer(parts[0], version, headers)
        body = self._made.get(path)
        if body is None:
            document = self._document(parts)
            if document is None:
                return None
            body = self._made[path] = msgspec.json.encode(document) + b"\n"
        return Answer(200, body)

    def _document(self, parts: list[str]) -> dict[str, Any] | None:
        match parts:
            case ["api"]:
                address = {"clientCIDR": "0.0.0.0/0", "serverAddress": ""}
                return {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": [address]}
            case ["apis"]:
                groups = [_group(self._resources, group) for group in self._resources.groups() if group]
                return {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}
            case ["api", version]:
                return self._resource_list("", version)
            case ["apis", group] if self._resources.versions(group):
                return {"kind": "APIGroup", "apiVersion": "v1", **_group(self._resources, group)}
            case ["apis", group, version]:
                return self._resource_list(group, version)
        return None

    def _resource_list(self, group: str, version: str) -> dict[str, Any] | None:
        types = [rt for rt in self._resources.all() if rt.group == group and rt.version == version]
        if not types:
            return None
        entries = [entry for rt in types for entry in _plain_entries(rt)]
        api_version = f"{group}/{version}" if group else version
        own = {"apiVersion": "v1"} if group else {}  # the core group's list carries none
        return {"kind": "APIResourceList", **own, "groupVersion": api_version, "resources": entries}

    def _aggregated_answer(self, root: str, version: str, headers: Mapping[str, str]) -> Answer:
        key = f"{root} {version}"
        body = self._made.get(key)
        if body is None:
            groups = [""] if root == "api" else [group for group in self._resources.groups() if group]
            items = [_aggregated_group(self._resources, group) for group in groups]
            document = {
                "kind": "APIGroupDiscoveryList",
                "apiVersion": f"{_DOMAIN}/{version}",
                "metadata": {},
                "items": items,
            }
            body = self._made[key] = msgspec.json.encode(document) + b"\n"
        tag = f'"{sha256(body).hexdigest().upper()}"'
        out = [("etag", tag), ("vary", "Accept")]
        if headers.get("if-none-match") == tag:
            return Answer(304, b"", headers=out)
        kind = f"application/json;g={_DOMAIN};v={version};as=APIGroupDiscoveryList"
        return Answer(200, body, kind, out)


def _aggregated(accept: str) -> str:
    """The version of aggregated discovery asked for before plain JSON; "" for plain."""
    for kind, values in media_types(accept):
        if kind not in ("application/json", "*/*"):
            continue
        if values.get("as") == "APIGroupDiscoveryList" and values.get("g") == _DOMAIN:
            if values.get("v") in ("v2", "v2beta1"):
                return values["v"]
            continue
        if not values.get("as"):
            return ""
    return ""


def _group(resources: Resources, group: str) -> dict[str, Any]:
    versions = [{"groupVersion": f"{group}/{version}", "version": version} for version in resources.versions(group)]
    return {"name": group, "versions": versions, "preferredVersion": versions[0]}


def _plain_entries(rt: ResourceType) -> list[dict[str, Any]]:
    entry: dict[str, Any] = {
        "name": rt.plural,
        "singularName": rt.singular,
        "namespaced": rt.namespaced,
        "kind": rt.kind,
        "verbs": list(rt.verbs),
    }
    if rt.short_names:
        entry["shortNames"] = list(rt.short_names)
    if rt.categories:
        entry["categories"] = list(rt.categories)
    entries = [entry]
    for sub in rt.subresources:
        child: dict[str, Any] = {
            "name": f"{rt.plural}/{sub.name}",
            "singularName": "",
            "namespaced": rt.namespaced,
            "kind": sub.kind or rt.kind,
            "verbs": list(sub.verbs),
        }
        if sub.group and (sub.group, sub.version) != (rt.group, rt.version):
            child |= {"group": sub.group, "version": sub.version}
        entries.append(child)
    return entries


def _aggregated_group(resources: Resources, group: str) -> dict[str, Any]:
    versions = []
    for version in resources.versions(group):
        types = [rt for rt in resources.all() if rt.group == group and rt.version == version]
        entries = [_aggregated_entry(rt) for rt in types]
        versions.append({"version": version, "resources": entries, "freshness": "Current"})
    metadata = {"name": group, "creationTimestamp": None} if group else {"creationTimestamp": None}
    return {"metadata": metadata, "versions": versions}


def _aggregated_entry(rt: ResourceType) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "resource": rt.plural,
        "responseKind": {"group": rt.group, "version": rt.version, "kind": rt.kind},
        "scope": "Namespaced" if rt.namespaced else "Cluster",
        "singularResource": rt.singular,
        "verbs": list(rt.verbs),
    }
    if rt.short_names:
        entry["shortNames"] = list(rt.short_names)
    if rt.categories:
        entry["categories"] = list(rt.categories)
    if rt.subresources:
        entry["subresources"] = [
            {
                "subresource": sub.name,
                "responseKind": {
                    "group": sub.group or rt.group,
                    "version": sub.version or rt.version,
                    "kind": sub.kind or rt.kind,
                },
                "verbs": list(sub.verbs),
            }
            for sub in rt.subresources
        ]
    return entry
