"""ConfigMaps: names and how many keys, through the server's table; their data is read when one is opened."""

from __future__ import annotations

from console.kinds.generic import generic_kind

KIND = generic_kind(
    name="configmaps", plural="configmaps", group="", version="v1", kind="ConfigMap", namespaced=True, aliases=("cm",)
)
