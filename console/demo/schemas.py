"""The schemas of every served type: found, defaulted by, pruned by and validated by.

Built-in types come from shipped data, custom ones from their CustomResourceDefinition; each is compiled when first
used. Nothing here stores objects.
"""

from __future__ import annotations

import gzip
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import msgspec

from console.demo import cel_rules, structural, validating
from console.demo.builtin_defaults import default_builtin
from console.demo.builtin_rules import builtin_causes
from console.demo.decoding import decode
from console.demo.nodes import Components, Node, Pool

if TYPE_CHECKING:
    from collections.abc import Callable

    from console.demo.failures import Cause
    from console.demo.resources import ResourceType
    from console.demo.store import Store

Object = dict[str, Any]


class Schema:
    """The schema of one type.

    `custom` is set for those of a CustomResourceDefinition, `has_status` where status is written on its own.
    """

    __slots__ = ("custom", "has_status", "root")

    def __init__(self, root: Node, *, custom: bool, has_status: bool = False) -> None:
        self.root = root
        self.custom = custom
        self.has_status = has_status


class _Version(msgspec.Struct):
    name: str
    schema: dict[str, msgspec.Raw] = {}


class _Spec(msgspec.Struct):
    versions: list[_Version] = []


class _Definition(msgspec.Struct):
    spec: _Spec


@cache
def components() -> Components:
    """The component schemas of Kubernetes 1.34."""
    data = gzip.decompress((files("console.demo") / "data" / "openapi" / "types.json.gz").read_bytes())
    return Components(msgspec.json.decode(data, type=dict[str, msgspec.Raw]))


class Schemas:
    """Schemas by type. `definition` gives a CustomResourceDefinition's JSON by its name."""

    def __init__(self, definition: Callable[[str], bytes | None] | None = None) -> None:
        self._definition = definition or (lambda _name: None)
        self._pool = Pool(components().get(_METADATA))
        self._found: dict[tuple[str, str, str], tuple[ResourceType, Schema | None]] = {}

    @classmethod
    def of(cls, store: Store) -> Schemas:
        """The schemas of a store's own definitions."""

        def definition(name: str) -> bytes | None:
            rt = store.resources.find("apiextensions.k8s.io", "v1", "customresourcedefinitions")
            return None if rt is None else store.raw(rt, "", name)

        return cls(definition)

    def for_type(self, rt: ResourceType) -> Schema | None:
        """The schema of a type, None where it has none; kept until the type is registered anew."""
        key = (rt.group, rt.version, rt.plural)
        known = self._found.get(key)
        if known is None or known[0] is not rt:
            known = self._found[key] = (rt, self._compile(rt))
        return known[1]

    def default(self, rt: ResourceType, obj: Object) -> None:
        """Fill in what the server fills in, in place."""
        schema = self.for_type(rt)
        if schema is None:
            return
        if schema.custom:
            structural.default(obj, schema.root)
            structural.drop_nulls(obj, schema.root)
        else:
            default_builtin(rt, obj)

    def prune(self, rt: ResourceType, obj: Object) -> list[str]:
        """Drop what the schema does not know, in place; the paths of what was dropped.

        ApiFailure 400 where a field of a built-in type holds a value of another type.
        """
        schema = self.for_type(rt)
        if schema is None:
            return []
        if not schema.custom:
            return decode(rt, obj, schema.root)
        return structural.prune(obj, schema.root)

    def validate(self, rt: ResourceType, obj: Object, old: Object | None = None) -> list[Cause]:
        """What is wrong with an object, compared with what it was where that matters; metadata is not judged."""
        schema = self.for_type(rt)
        if schema is None:
            return []
        if not schema.custom:
            return builtin_causes(rt, obj, old)
        found = validating.validate(obj, schema.root, old)
        if schema.root.deep_rules:
            found += cel_rules.blocked(found) or cel_rules.check(obj, schema.root, old)
        return found

    def definition(self, name: str) -> bytes | None:
        """A CustomResourceDefinition as JSON; None where there is none of that name."""
        return self._definition(name)

    def _compile(self, rt: ResourceType) -> Schema | None:
        if not rt.crd:
            name = component_name(rt)
            return Schema(components().get(name), custom=False, has_status=rt.has_status) if name else None
        raw = self._definition(rt.crd)
        if raw is None:
            return None
        for version in msgspec.json.decode(raw, type=_Definition).spec.versions:
            if version.name == rt.version and "openAPIV3Schema" in version.schema:
                root = self._pool.root(msgspec.json.decode(version.schema["openAPIV3Schema"]))
                return Schema(root, custom=True, has_status=rt.has_status)
        return None


_METADATA = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"
_PACKAGES = {
    "": "io.k8s.api.core",
    "apiextensions.k8s.io": "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions",
    "apiregistration.k8s.io": "io.k8s.kube-aggregator.pkg.apis.apiregistration",
}


def component_name(rt: ResourceType) -> str:
    """The OpenAPI component of a built-in type; "" for the types of another server (metrics.k8s.io)."""
    if rt.group.startswith("metrics."):
        return ""
    if rt.group == "policy" and rt.kind == "Eviction":
        return "io.k8s.api.policy.v1.Eviction"
    package = _PACKAGES.get(rt.group) or f"io.k8s.api.{rt.group.partition('.')[0]}"
    return f"{package}.{rt.version}.{rt.kind}"
