"""Stateful sets."""

from __future__ import annotations

from console.kinds.replicated import replicated_kind

KIND = replicated_kind("statefulsets", "StatefulSet", "Stateful sets", ("sts",))
