"""Secrets: names, types and how many keys, through the server's table, so that no value ever leaves the cluster."""

from __future__ import annotations

from console.kinds.generic import generic_kind

KIND = generic_kind(
    name="secrets", plural="secrets", group="", version="v1", kind="Secret", namespaced=True, aliases=("sec",)
)
