"""Replica sets."""

from __future__ import annotations

from console.kinds.replicated import replicated_kind

KIND = replicated_kind("replicasets", "ReplicaSet", "Replica sets", ("rs",))
