"""Which resources the cluster serves: aggregated discovery, or one request a group where that is not served.

A group that cannot be read (an aggregated API whose server is down) is recorded and never stops the others.
Shapes: k8s.io/api/apidiscovery/v2 and v2beta1, k8s.io/apimachinery APIGroupList and APIResourceList.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import TypeVar

import msgspec

from console.errors import ApiError, CannotReach, ConsoleError, Denied, NotFound, Unauthorized
from console.text import clean

Get = Callable[..., Awaitable[bytes]]
_T = TypeVar("_T")

_AGGREGATED = ",".join(
    [
        "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList",
        "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList",
        "application/json",
    ]
)
_TOGETHER = 12  # requests at a time for the unaggregated form
_TIMEOUT = 20.0


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource in one served version."""

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool
    verbs: frozenset[str]
    short_names: tuple[str, ...] = ()
    singular: str = ""
    categories: tuple[str, ...] = ()
    preferred: bool = False  # the server's first choice among the versions that serve this plural
    subresources: frozenset[str] = frozenset()  # "status", "scale", "log", ...

    @property
    def group_version(self) -> str:
        """`apps/v1`, or `v1` for core."""
        return f"{self.group}/{self.version}" if self.group else self.version


@dataclass(frozen=True, slots=True)
class Discovery:
    """What was found, and what could not be asked."""

    resources: tuple[Resource, ...] = ()
    failed: tuple[tuple[str, str], ...] = ()  # (group/version, why)
    aggregated: bool = False
    _versions: dict[tuple[str, str], list[Resource]] = field(default_factory=dict, repr=False, compare=False)

    def find(self, group: str, plural: str) -> list[str]:
        """Versions that serve a resource, the server's first choice first; empty where it is not installed."""
        return [resource.version for resource in self.served(group, plural)]

    def served(self, group: str, plural: str) -> list[Resource]:
        """A resource in each of its versions, the server's first choice first."""
        if not self._versions and self.resources:
            index: dict[tuple[str, str], list[Resource]] = defaultdict(list)
            for resource in self.resources:
                index[resource.group, resource.plural].append(resource)
            self._versions.update(index)
        return self._versions.get((group, plural), [])

    def why_absent(self, group: str) -> str:
        """Why kinds of a group are missing although they may exist; "" when the group answered or is unknown."""
        return next((why for version, why in self.failed if version.rpartition("/")[0] == group), "")


class _Kind(msgspec.Struct):
    kind: str = ""


class _Subresource(msgspec.Struct):
    subresource: str = ""


class _AggregatedResource(msgspec.Struct, rename="camel"):
    resource: str
    response_kind: _Kind | None = None
    scope: str = "Namespaced"
    singular_resource: str = ""
    verbs: list[str] | None = None
    short_names: list[str] | None = None
    categories: list[str] | None = None
    subresources: list[_Subresource] | None = None


class _AggregatedVersion(msgspec.Struct):
    version: str
    resources: list[_AggregatedResource] | None = None
    freshness: str = "Current"


class _Meta(msgspec.Struct):
    name: str = ""


class _AggregatedGroup(msgspec.Struct):
    metadata: _Meta = msgspec.field(default_factory=_Meta)
    versions: list[_AggregatedVersion] | None = None


class _AggregatedList(msgspec.Struct):
    kind: str = ""
    items: list[_AggregatedGroup] | None = None


class _GroupVersion(msgspec.Struct, rename="camel"):
    group_version: str = ""
    version: str = ""


class _Group(msgspec.Struct, rename="camel"):
    name: str = ""
    versions: list[_GroupVersion] | None = None
    preferred_version: _GroupVersion | None = None


class _Groups(msgspec.Struct):
    groups: list[_Group] | None = None


class _CoreVersions(msgspec.Struct):
    versions: list[str] | None = None


class _PlainResource(msgspec.Struct, rename="camel"):
    name: str
    kind: str = ""
    namespaced: bool = False
    singular_name: str = ""
    verbs: list[str] | None = None
    short_names: list[str] | None = None
    categories: list[str] | None = None


class _PlainResources(msgspec.Struct):
    resources: list[_PlainResource] | None = None


async def discover(get: Get) -> Discovery:
    """Ask the cluster what it serves. Raises what kept it from answering at all (CannotReach, Unauthorized, Denied)."""
    core, groups = await asyncio.gather(_root(get, "/api"), _root(get, "/apis"))
    resources: list[Resource] = []
    failed: list[tuple[str, str]] = []
    plain: list[str] = []
    aggregated = False
    for path, body in (("/api", core), ("/apis", groups)):
        if body is None:
            failed.append((path.lstrip("/"), "not served"))
            continue
        listed = _decode(body, _AggregatedList, path)
        if listed.kind == "APIGroupDiscoveryList":
            aggregated = True
            for group in listed.items or ():
                _take_aggregated(group, resources, failed)
        elif path == "/api":
            plain += _decode(body, _CoreVersions, path).versions or []
        else:
            for plain_group in _decode(body, _Groups, path).groups or ():
                plain += _ordered(plain_group)
    gate = asyncio.Semaphore(_TOGETHER)

    async def one(group_version: str) -> list[Resource] | str:
        async with gate:
            return await _plain(get, group_version)

    for group_version, found in zip(plain, await asyncio.gather(*map(one, plain)), strict=True):
        if isinstance(found, str):
            failed.append((group_version, found))
        else:
            resources += found
    return Discovery(tuple(_prefer(resources)), tuple(failed), aggregated)


async def _root(get: Get, path: str) -> bytes | None:
    try:
        return await get(path, accept=_AGGREGATED, timeout=_TIMEOUT)
    except NotFound:
        return None


def _decode(body: bytes, shape: type[_T], path: str) -> _T:
    try:
        return msgspec.json.decode(body, type=shape)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise CannotReach(
            f"What answers {path} is not a Kubernetes API server.", "Check the server's address."
        ) from error


def _take_aggregated(group: _AggregatedGroup, resources: list[Resource], failed: list[tuple[str, str]]) -> None:
    for version in group.versions or ():
        name = f"{group.metadata.name}/{version.version}".lstrip("/")
        if version.freshness == "Stale":
            failed.append((name, "its API server did not answer; what is known of it may be old"))
        for entry in version.resources or ():
            if not entry.verbs and entry.response_kind is None:
                continue
            resources.append(
                Resource(
                    group=group.metadata.name,
                    version=version.version,
                    plural=entry.resource,
                    kind=entry.response_kind.kind if entry.response_kind else "",
                    namespaced=entry.scope == "Namespaced",
                    verbs=frozenset(entry.verbs or ()),
                    short_names=tuple(entry.short_names or ()),
                    singular=entry.singular_resource,
                    categories=tuple(entry.categories or ()),
                    subresources=frozenset(part.subresource for part in entry.subresources or ()),
                )
            )


def _ordered(group: _Group) -> list[str]:
    """Group versions, the preferred one first."""
    versions = [version.group_version for version in group.versions or ()]
    preferred = group.preferred_version.group_version if group.preferred_version else ""
    return sorted(versions, key=lambda version: version != preferred)


async def _plain(get: Get, group_version: str) -> list[Resource] | str:
    """The resources of one group version, or why they could not be read."""
    path = f"/apis/{group_version}" if "/" in group_version else f"/api/{group_version}"
    try:
        listed = _decode(await get(path, timeout=_TIMEOUT), _PlainResources, path)
    except (Unauthorized, Denied):
        raise
    except ConsoleError as error:
        return error.message if isinstance(error, ApiError) else str(error)
    group, _, version = group_version.rpartition("/")
    parts: dict[str, set[str]] = defaultdict(set)
    for entry in listed.resources or ():
        name, slash, subresource = entry.name.partition("/")
        if slash:
            parts[name].add(subresource)
    return [
        Resource(
            group=group,
            version=version,
            plural=entry.name,
            kind=entry.kind,
            namespaced=entry.namespaced,
            verbs=frozenset(entry.verbs or ()),
            short_names=tuple(entry.short_names or ()),
            singular=entry.singular_name,
            categories=tuple(entry.categories or ()),
            subresources=frozenset(parts[entry.name]),
        )
        for entry in listed.resources or ()
        if "/" not in entry.name
    ]


def _prefer(resources: Iterable[Resource]) -> list[Resource]:
    """Mark the first version of each resource; names are cleaned here, once."""
    seen: set[tuple[str, str]] = set()
    marked = []
    for resource in resources:
        key = (resource.group, resource.plural)
        marked.append(
            Resource(
                group=clean(resource.group),
                version=clean(resource.version),
                plural=clean(resource.plural),
                kind=clean(resource.kind),
                namespaced=resource.namespaced,
                verbs=resource.verbs,
                short_names=tuple(map(clean, resource.short_names)),
                singular=clean(resource.singular) or clean(resource.kind).lower(),
                categories=resource.categories,
                preferred=key not in seen,
                subresources=resource.subresources,
            )
        )
        seen.add(key)
    return marked
