"""What every handler works with: the server's parts, and one call with its user, target and body."""

from __future__ import annotations

import json
import random
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol
from uuid import UUID

import msgspec
import yaml

from console.demo.failures import ApiFailure, Cause, bad_request, invalid, unsupported_media_type
from console.demo.protobuf import MEDIA_TYPE, decode_protobuf
from console.demo.requests import Format, Query, RequestInfo

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from starlette.datastructures import Headers
    from starlette.types import Receive, Scope, Send

    from console.demo.access import Access, User
    from console.demo.records import Object
    from console.demo.resources import ResourceType
    from console.demo.schemas import Schemas
    from console.demo.store import Store

WRITABLE = ("application/json", "application/yaml", MEDIA_TYPE)


class Figures(Protocol):
    """Who answers metrics.k8s.io: usage of nodes and pods, as metrics-server gives it."""

    def list(self, plural: str, namespace: str | None) -> Iterable[Object]:
        """NodeMetrics (`nodes`) or PodMetrics (`pods`) objects, of one namespace or of all."""
        ...


class Streams(Protocol):
    """Who answers logs, exec, attach, port-forward and the proxies, over HTTP and WebSockets alike."""

    async def __call__(self, call: Call, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request for a streamed subresource; may raise ApiFailure before anything was sent."""
        ...


@dataclass(slots=True)
class Server:
    """The parts of a running API server, and its own few settings."""

    store: Store
    schemas: Schemas
    access: Access
    streams: Streams | None = None
    figures: Figures | None = None
    seed: int = 0
    bookmark_every: float = 30.0  # seconds of real time
    # Over plain HTTP clients keep their tokens to themselves (kubectl does), so that whoever reaches the loopback is
    # the administrator, as on kube-apiserver's former insecure port. A wrong token is refused all the same.
    insecure: bool = False
    kubelet: bool = True  # whether a kubelet ends pods that are asked to stop
    watches: set[Callable[[], None]] = field(default_factory=set)  # each ends one open watch
    closing: bool = False
    log: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=5000))
    random: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)

    def new_uid(self) -> str:
        """A uid for a new object, seeded like every other choice of the cluster."""
        return str(UUID(int=self.random.getrandbits(128), version=4))

    def close_watches(self) -> None:
        """End every open watch and take no new ones: the server goes down."""
        self.closing = True
        for end in list(self.watches):
            end()


@dataclass(slots=True)
class Call:
    """One request that passed authentication and authorization."""

    server: Server
    info: RequestInfo
    query: Query
    headers: Headers
    user: User
    rt: ResourceType
    format: Format
    body: bytes = b""
    warnings: list[str] = field(default_factory=list)

    @property
    def store(self) -> Store:
        """The server's store."""
        return self.server.store

    @property
    def namespace(self) -> str:
        """The namespace of the object or collection; "" for cluster-scoped types and for all namespaces."""
        return self.info.namespace if self.rt.namespaced else ""

    @property
    def dry_run(self) -> bool:
        """Whether nothing may be changed; ApiFailure 422 for a value other than All."""
        values = [value for value in self.query.all("dryRun") if value]
        if any(value != "All" for value in values):
            shown = json.dumps(values, separators=(",", ":"))
            cause = Cause("dryRun", f'Unsupported value: {shown}: supported values: "All"', "FieldValueNotSupported")
            raise invalid("meta.k8s.io", self.options_kind, "", [cause])
        return bool(values)

    @property
    def options_kind(self) -> str:
        """The kind of the options a write takes: CreateOptions, UpdateOptions, PatchOptions or DeleteOptions."""
        kind = {"create": "Create", "update": "Update", "patch": "Patch"}.get(self.info.verb, "Delete")
        return f"{kind}Options"

    @property
    def manager(self) -> str:
        """Who managedFields name: fieldManager, else the first part of the user agent."""
        given = self.query.get("fieldManager")
        return given or self.headers.get("user-agent", "").partition("/")[0][:128] or "unknown"

    @property
    def content_type(self) -> str:
        """The media type of the body, without parameters."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    def object(self) -> Object:
        """The body as an object; ApiFailure 400 or 415 where it is none."""
        return decode_object(self.body, self.content_type, self.rt.kind)


def decode_object(body: bytes, content_type: str, kind: str) -> Object:
    """A request body (JSON, YAML or protobuf) as an object; ApiFailure 400 or 415 where it is none."""
    if content_type in ("", "application/json", "*/*"):
        try:
            value = msgspec.json.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise bad_request(
                f"the object provided is unrecognized (must be of type {kind}): couldn't get version/kind; "
                f"json parse error: {error}"
            ) from None
    elif content_type in ("application/yaml", "application/x-yaml"):
        value = decode_yaml(body, kind)
    elif content_type == MEDIA_TYPE:
        value = decode_protobuf(body)
    else:
        raise unsupported_media_type(*WRITABLE)
    if not isinstance(value, dict):
        raise bad_request(f"the object provided is unrecognized (must be of type {kind}): it is not an object")
    metadata = value.get("metadata")
    if metadata is None:
        value["metadata"] = {}
    elif not isinstance(metadata, dict):
        raise bad_request(f"{kind} cannot be handled: metadata must be an object")
    return value


def decode_yaml(body: bytes, kind: str) -> Any:
    """A YAML body; ApiFailure 400 where it is not YAML."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        return msgspec.to_builtins(yaml.load(body, loader))  # times become text
    except (yaml.YAMLError, UnicodeDecodeError, TypeError) as error:
        raise bad_request(
            f"the object provided is unrecognized (must be of type {kind}): yaml: {' '.join(str(error).split())}"
        ) from None


def require(rt: ResourceType | None) -> ResourceType:
    """A type that has to exist in any cluster."""
    if rt is None:
        raise ApiFailure(500, "InternalError", "a built-in resource is missing")
    return rt
