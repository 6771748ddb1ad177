"""What a request asks for: its path, query and headers read the way kube-apiserver reads them.

Nothing here looks at the store or decides whether the request may be answered.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, unquote

if TYPE_CHECKING:
    from collections.abc import Mapping

_VERBS = {"GET": "get", "HEAD": "get", "POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
_NAMESPACE_SUBRESOURCES = ("status", "finalize")


@dataclass(frozen=True, slots=True)
class RequestInfo:
    """A request's target (k8s.io/apiserver pkg/endpoints/request RequestInfo).

    For a path that is no resource `resource` is "" and `verb` is the lower-case method.
    """

    verb: str
    path: str
    group: str = ""
    version: str = ""
    namespace: str = ""
    resource: str = ""
    name: str = ""
    subresource: str = ""
    rest: str = ""  # what follows a subresource: the path to proxy, with its leading slash

    @property
    def is_resource(self) -> bool:
        """Whether the path names a resource."""
        return bool(self.resource)

    @property
    def api_version(self) -> str:
        """`v1`, `apps/v1`."""
        return f"{self.group}/{self.version}" if self.group else self.version


class Query:
    """Query parameters; of equal names the first counts."""

    __slots__ = ("values",)

    def __init__(self, raw: str) -> None:
        self.values: dict[str, list[str]] = parse_qs(raw, keep_blank_values=True) if raw else {}

    def get(self, name: str, default: str = "") -> str:
        """The first value of a parameter."""
        found = self.values.get(name)
        return found[0] if found else default

    def all(self, name: str) -> list[str]:
        """Every value of a parameter."""
        return self.values.get(name, [])

    def flag(self, name: str) -> bool:
        """Whether a boolean parameter is set, as strconv.ParseBool reads it; present and empty is true."""
        return name in self.values and self.get(name).lower() not in ("0", "f", "false")

    def number(self, name: str) -> int:
        """A whole number; 0 for an absent or unreadable one."""
        text = self.get(name)
        return int(text) if text.lstrip("-").isdigit() else 0


def parse_request(method: str, path: str, query: Query) -> RequestInfo:
    """The target of a request; percent escapes in `path` are still there."""
    parts = [part for part in path.split("/") if part]
    plain = RequestInfo(method.lower(), unquote(path))
    if not parts or parts[0] not in ("api", "apis"):
        return plain
    if parts[0] == "api":
        group, version, rest = "", parts[1] if len(parts) > 1 else "", parts[2:]
    else:
        group, version, rest = parts[1] if len(parts) > 1 else "", parts[2] if len(parts) > 2 else "", parts[3:]
    if not rest:
        return plain
    verb = _VERBS.get(method, method.lower())
    watched = rest[0] == "watch" and len(rest) > 1
    if watched:
        rest = rest[1:]
    elif rest[0] == "proxy" and len(rest) > 1:
        return plain
    namespace = ""
    if rest[0] == "namespaces" and len(rest) > 1:
        namespace = unquote(rest[1])
        if len(rest) > 2 and rest[2] not in _NAMESPACE_SUBRESOURCES:
            rest = rest[2:]
    resource = unquote(rest[0])
    name = unquote(rest[1]) if len(rest) > 1 else ""
    subresource = unquote(rest[2]) if len(rest) > 2 else ""
    tail = ""
    if len(rest) > 3 or (len(rest) == 3 and path.endswith("/")):
        # The proxied server sees its path as it was sent, escapes and trailing slash included.
        tail = "/" + "/".join(rest[3:]) + ("/" if path.endswith("/") and len(rest) > 3 else "")
    if verb == "get" and not name:
        verb = "list"
    if verb == "delete" and not name:
        verb = "deletecollection"
    if watched or (verb in ("list", "get") and query.flag("watch") and not subresource):
        verb = "watch"
    return RequestInfo(verb, unquote(path), group, version, namespace, resource, name, subresource, tail)


@dataclass(frozen=True, slots=True)
class Format:
    """What the answer is written as: `kind` is json, yaml, Table or PartialObjectMetadata."""

    kind: str = "json"
    version: str = "v1"  # of meta.k8s.io, for Table and PartialObjectMetadata


ACCEPTED = ("application/json", "application/yaml", "application/json;stream=watch")


def media_types(accept: str) -> list[tuple[str, dict[str, str]]]:
    """The media types of an Accept header with their parameters, best first."""
    found = []
    for order, entry in enumerate(accept.split(",")):
        kind, *parameters = (part.strip() for part in entry.split(";"))
        values = dict(part.split("=", 1) for part in parameters if "=" in part)
        try:
            quality = float(values.pop("q", "1"))
        except ValueError:
            quality = 1.0
        if kind:
            found.append((-quality, order, kind.lower(), values))
    return [(kind, values) for _, _, kind, values in sorted(found, key=lambda entry: entry[:2])]


def negotiate(accept: str, *, transforms: bool) -> Format | None:
    """The first acceptable format, or None (406). `transforms`: whether tables and metadata are to be had."""
    if not accept:
        return Format()
    for kind, values in media_types(accept):
        shape = values.get("as", "")
        if kind in ("application/json", "*/*", "application/*"):
            base = "json"
        elif kind in ("application/yaml", "application/x-yaml"):
            base = "yaml"
        else:
            continue
        if not shape:
            return Format(base)
        known = shape in ("Table", "PartialObjectMetadata", "PartialObjectMetadataList")
        if transforms and known and base == "json" and values.get("g", "meta.k8s.io") == "meta.k8s.io":
            version = values.get("v", "v1")
            if version in ("v1", "v1beta1"):
                return Format(shape.removesuffix("List"), version)
    return None


def wants_gzip(headers: Mapping[str, str]) -> bool:
    """Whether the client takes a gzip body."""
    return any(kind == "gzip" for kind, _ in media_types(headers.get("accept-encoding", "")))
