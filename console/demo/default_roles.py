"""The roles and bindings every kube-apiserver makes at its start, so that what is written about them works here too."""

from __future__ import annotations

import gzip
from importlib.resources import files
from typing import TYPE_CHECKING
from uuid import NAMESPACE_URL, uuid5

import msgspec

from console.demo.rbac import RBAC_GROUP, aggregated

if TYPE_CHECKING:
    from console.demo.records import Object
    from console.demo.store import Store


def default_roles() -> list[Object]:
    """ClusterRoles (aggregated ones with their rules filled in), Roles and their bindings of Kubernetes 1.34."""
    packed = (files("console.demo") / "data" / "roles.json.gz").read_bytes()
    objects: list[Object] = msgspec.json.decode(gzip.decompress(packed))
    cluster = aggregated([obj for obj in objects if obj["kind"] == "ClusterRole"])
    return [*cluster, *(obj for obj in objects if obj["kind"] != "ClusterRole")]


def load_default_roles(store: Store) -> None:
    """Put in those default roles and bindings that are not there yet, without events."""
    at = store.timestamp()
    for obj in default_roles():
        rt = store.resources.of_object(f"{RBAC_GROUP}/v1", obj["kind"])
        metadata = obj["metadata"]
        if rt is None or store.record(rt, metadata.get("namespace", ""), metadata["name"]) is not None:
            continue
        identity = f"{obj['kind']}/{metadata.get('namespace', '')}/{metadata['name']}"
        stamps = {"uid": str(uuid5(NAMESPACE_URL, identity)), "creationTimestamp": at}
        store.load({**obj, "metadata": {**metadata, **stamps}})
