"""OpenAPI documents of the served types, as JSON bytes: those of built-in groups stored, custom ones made on demand.

kubectl explains, validates and diffs by them. Nothing is parsed at start, and nothing big is kept.
"""

from __future__ import annotations

import gzip
import hashlib
import os
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import msgspec

from console.demo.openapi_custom import custom_document, short_definition

if TYPE_CHECKING:
    from collections.abc import Callable

    from console.demo.resources import Resources

_FOLDER = files("console.demo") / "data" / "openapi"


class _Swagger(msgspec.Struct):
    head: dict[str, Any]
    definitions: msgspec.Raw
    paths: msgspec.Raw


class OpenApi:
    """The documents of a cluster's types; `definition` gives a CustomResourceDefinition's JSON by its name."""

    def __init__(self, resources: Resources, definition: Callable[[str], bytes | None] | None = None) -> None:
        self._resources = resources
        self._definition = definition or (lambda _name: None)
        self._salt = os.urandom(8).hex()  # clients keep documents by hash, beyond the life of a server

    def v3_index(self) -> dict[str, Any]:
        """The discovery document of /openapi/v3; the hash of a custom group changes with any definition."""
        paths = {}
        for rt in self._resources.all():
            path = f"apis/{rt.api_version}" if rt.group else f"api/{rt.version}"
            if path in paths:
                continue
            if rt.crd:
                text = f"{self._salt}/{self._resources.generation}/{path}"
                digest = hashlib.sha256(text.encode()).hexdigest().upper()
            else:
                digest = _stored_digest(rt.group, rt.version)
            if digest:
                paths[path] = {"serverRelativeURL": f"/openapi/v3/{path}?hash={digest}"}
        return {"paths": paths}

    def v3_group(self, group: str, version: str) -> bytes | None:
        """The OpenAPI v3 document of a group version; None where none is served."""
        types = [rt for rt in self._resources.all() if rt.group == group and rt.version == version and rt.crd]
        return custom_document(types, self._definition, _core()) if types else _stored(group, version)

    def v2(self) -> bytes:
        """The OpenAPI v2 document of every group together; custom types without the fields of their spec."""
        stored = msgspec.json.decode(gzip.decompress((_FOLDER / "swagger.json.gz").read_bytes()), type=_Swagger)
        custom = b"".join(b"," + short_definition(rt) for rt in self._resources.all() if rt.crd)
        return b"".join(
            (
                msgspec.json.encode(stored.head)[:-1],
                b',"definitions":',
                bytes(stored.definitions)[:-1],
                custom,
                b'},"paths":',
                bytes(stored.paths),
                b"}",
            )
        )


def _stored(group: str, version: str) -> bytes | None:
    path = _FOLDER / "v3" / f"{group or 'core'}__{version}.json.gz"
    return gzip.decompress(path.read_bytes()) if path.is_file() else None


@cache
def _stored_digest(group: str, version: str) -> str:
    path = _FOLDER / "v3" / f"{group or 'core'}__{version}.json.gz"
    return hashlib.sha256(path.read_bytes()).hexdigest().upper() if path.is_file() else ""


def _core() -> bytes:
    return _stored("", "v1") or b"{}"
