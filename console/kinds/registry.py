"""The kinds that have a file of their own: one line each, in the order lists and completion show them.

A module named here holds `KIND`. Adding a kind is its file and its line.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from importlib import import_module
from typing import Any

from console.kinds.base import Health, Kind, State

MODULES = (
    "jobs",
    "pytorchjobs",
    "trainjobs",
    "tfjobs",
    "mpijobs",
    "jaxjobs",
    "xgboostjobs",
    "paddlejobs",
    "mxjobs",
    "jobsets",
    "pods",
    "nodes",
    "namespaces",
    "profiles",
    "events",
    "notebooks",
    "experiments",
    "trials",
    "inferenceservices",
    "workflows",
    "workloads",
    "clusterqueues",
    "localqueues",
    "deployments",
    "statefulsets",
    "daemonsets",
    "replicasets",
    "batchjobs",
    "cronjobs",
    "services",
    "configmaps",
    "secrets",
    "pvcs",
    "pvs",
    "resourcequotas",
)


def _readable(health: Callable[[Any, float], Health]) -> Callable[[Any, float], Health]:
    """Never judge an object of which only the metadata could be read."""

    def judged(row: Any, now: float) -> Health:
        return Health(State.WARN, "Unreadable", row.unread) if row.unread else health(row, now)

    return judged


def load(modules: tuple[str, ...] = MODULES, package: str = "console.kinds") -> dict[str, Kind]:
    """The kinds by name, in order; each module is imported."""
    kinds = {}
    for module in modules:
        kind: Kind = import_module(f"{package}.{module}").KIND
        kinds[kind.name] = dataclasses.replace(kind, health=_readable(kind.health))
    return kinds


KINDS = load()
