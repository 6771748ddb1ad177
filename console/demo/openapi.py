"""OpenAPI documents: the stored ones of built-in groups, and those made from CustomResourceDefinitions."""

from __future__ import annotations

import gzip
import hashlib
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any


if TYPE_CHECKING:
    from console.demo.resources import Resources

_FOLDER = files("console.demo") / "data" / "openapi"


class OpenApi:
    """The documents of a cluster's types, as JSON bytes, made when asked for."""

    def __init__(self, resources: Resources) -> None:
        self._resources = resources

    def v3_index(self) -> dict[str, Any]:
        """The discovery document of /openapi/v3."""
        paths = {}
        for rt in self._resources.all():
            path = f"apis/{rt.api_version}" if rt.group else f"api/{rt.version}"
            if path not in paths and (digest := _digest(rt.group, rt.version)):
                paths[path] = {"serverRelativeURL": f"/openapi/v3/{path}?hash={digest}"}
        return {"paths": paths}

    def v3_group(self, group: str, version: str) -> bytes | None:
        """The OpenAPI v3 document of a group version; None where none is served."""
        return _stored(group, version)

    def v2(self) -> bytes:
        """The OpenAPI v2 document of every group together."""
        return gzip.decompress((_FOLDER / "swagger.json.gz").read_bytes())


def _stored(group: str, version: str) -> bytes | None:
    path = _FOLDER / "v3" / f"{group or 'core'}__{version}.json.gz"
    return gzip.decompress(path.read_bytes()) if path.is_file() else None


@cache
def _digest(group: str, version: str) -> str:
    path = _FOLDER / "v3" / f"{group or 'core'}__{version}.json.gz"
    return hashlib.sha256(path.read_bytes()).hexdigest().upper() if path.is_file() else ""
