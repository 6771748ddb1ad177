"""A manifest as YAML lines: managed fields folded, secrets and tokens masked until asked for.

Pure text; every line is clean. Masking is by place (a Secret's data) and by name (TOKEN, PASSWORD, SECRET, KEY).
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Any

import msgspec
import yaml

from console.text import clean

MASK = "********"
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"

_NAMES = re.compile(r"TOKEN|PASSW|SECRET|CREDENTIAL|KEY", re.IGNORECASE)
_ARGUMENT = re.compile(r"^(-{0,2}[\w.-]*(?:token|password|passwd|secret|credential|key)[\w.-]*=)(.+)$", re.IGNORECASE)
_FIRST = ("apiVersion", "kind", "metadata", "spec", "data", "stringData", "status")


def parse(body: bytes) -> dict[str, Any]:
    """An object's JSON as maps and lists; raises msgspec.DecodeError."""
    return msgspec.json.decode(body, type=dict[str, Any])


def is_sensitive(name: str) -> bool:
    """Whether a name says that its value is a credential."""
    return bool(_NAMES.search(name))


class _Dumper(yaml.SafeDumper):
    """Blocks for texts of several lines, no anchors for equal parts."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="|" if "\n" in value.rstrip("\n") else None)


_Dumper.add_representer(str, _text)


def yaml_lines(manifest: Mapping[str, Any], *, managed: bool = False, reveal: bool = False) -> list[str]:
    """The lines of an object's YAML.

    `managed` shows managedFields and the last applied configuration; `reveal` shows secrets, decoded where they are
    text, and sensitive environment values.
    """
    shown = ordered(manifest)
    folded = 0
    metadata = shown.get("metadata")
    if isinstance(metadata, dict) and not managed:
        metadata = shown["metadata"] = dict(metadata)
        fields = metadata.pop("managedFields", None)
        folded = len(fields) if isinstance(fields, list) else 0
    if not (managed and reveal):
        shown = fold_applied(shown, whole=managed and shown.get("kind") != "Secret")
    if not reveal:
        shown = masked(shown)
    elif shown.get("kind") == "Secret":
        shown = _decoded(shown)
    text = yaml.dump(shown, Dumper=_Dumper, sort_keys=False, default_flow_style=False, allow_unicode=True, width=10_000)
    lines = [clean(line) for line in text.splitlines()]
    if folded:
        at = next((i for i, line in enumerate(lines) if line == "metadata:"), 0)
        lines.insert(at + 1, f"  # managedFields: {folded} entries folded")
    return lines


def ordered(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """The object with its top-level keys in the order people write them."""
    keys = [key for key in _FIRST if key in manifest] + [key for key in manifest if key not in _FIRST]
    return {key: manifest[key] for key in keys}


def fold_applied(manifest: dict[str, Any], *, whole: bool = False) -> dict[str, Any]:
    """The object with the last applied configuration replaced by its size; it repeats the object, secrets included."""
    metadata = manifest.get("metadata")
    annotations = metadata.get("annotations") if isinstance(metadata, dict) else None
    if whole or not isinstance(annotations, dict) or LAST_APPLIED not in annotations:
        return manifest
    size = len(str(annotations[LAST_APPLIED]))
    short = {**annotations, LAST_APPLIED: f"({size} characters folded)"}
    return {**manifest, "metadata": {**manifest["metadata"], "annotations": short}}


def masked(manifest: dict[str, Any]) -> dict[str, Any]:
    """The object without credentials: values of Secrets, and those whose name says so."""
    if manifest.get("kind") == "Secret":
        manifest = dict(manifest)
        for part in ("data", "stringData"):
            values = manifest.get(part)
            if isinstance(values, dict):
                manifest[part] = {key: _hidden(value, part == "data") for key, value in values.items()}
    elif manifest.get("kind") == "ConfigMap" and isinstance(manifest.get("data"), dict):
        data = {key: _hidden(value, False) if is_sensitive(key) else value for key, value in manifest["data"].items()}
        manifest = {**manifest, "data": data}
    walked: dict[str, Any] = _walk(manifest)
    return walked


def _hidden(value: Any, encoded: bool) -> str:
    text = str(value)
    size = len(text.rstrip("=")) * 3 // 4 if encoded else len(text)
    return f"{MASK} ({size} bytes)"


def _walk(value: Any) -> Any:
    if isinstance(value, dict):
        name = value.get("name")
        if isinstance(name, str) and isinstance(value.get("value"), str) and value["value"] and is_sensitive(name):
            return {**value, "value": MASK}
        return {key: _walk(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_walk(part) for part in value]
    if isinstance(value, str) and "=" in value:
        return _ARGUMENT.sub(rf"\g<1>{MASK}", value)
    return value


def _decoded(manifest: dict[str, Any]) -> dict[str, Any]:
    data = manifest.get("data")
    if not isinstance(data, dict):
        return manifest
    return {**manifest, "data": {key: decode_value(value) for key, value in data.items()}}


def decode_value(value: Any) -> str:
    """A Secret's value as text where it is text, else as it is stored."""
    try:
        return base64.b64decode(str(value), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return str(value)
