"""The CustomResourceDefinitions the cluster ships with: an index read at start, each schema only when asked for."""

from __future__ import annotations

import gzip
from functools import cache
from importlib.resources import files
from typing import Any

import msgspec

_FOLDER = files("console.demo") / "data" / "crds"


@cache
def shipped() -> tuple[dict[str, Any], ...]:
    """`metadata` and `spec` of every shipped definition, without the schemas; ordered by name."""
    index: list[dict[str, Any]] = msgspec.json.decode((_FOLDER / "index.json").read_bytes())
    return tuple(index)


def spec_bytes(name: str) -> bytes:
    """The JSON of the whole `spec` of a shipped definition; FileNotFoundError where there is none."""
    return gzip.decompress((_FOLDER / f"{name}.json.gz").read_bytes())


def established(spec: dict[str, Any], at: str, present: dict[str, Any] | None = None) -> dict[str, Any]:
    """The status of a definition whose names are accepted; `at` is RFC 3339, `present` its status so far."""
    names = spec.get("names", {})
    stored = list((present or {}).get("storedVersions", []))
    stored += [v["name"] for v in spec.get("versions", []) if v.get("storage") and v["name"] not in stored]
    old = {c["type"]: c for c in (present or {}).get("conditions", [])}
    conditions = [
        old.get("NamesAccepted")
        or {
            "type": "NamesAccepted",
            "status": "True",
            "lastTransitionTime": at,
            "reason": "NoConflicts",
            "message": "no conflicts found",
        },
        old.get("Established")
        or {
            "type": "Established",
            "status": "True",
            "lastTransitionTime": at,
            "reason": "InitialNamesAccepted",
            "message": "the initial names have been accepted",
        },
    ]
    others = [c for c in old.values() if c["type"] not in ("NamesAccepted", "Established")]
    return {"conditions": conditions + others, "acceptedNames": names, "storedVersions": stored}
