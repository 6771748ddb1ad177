"""OpenAPI of custom groups: components and paths made from CustomResourceDefinitions, as apiextensions-apiserver does.

Facts: k8s.io/apiextensions-apiserver pkg/controller/openapi/builder.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from console.demo.resources import ResourceType

Object = dict[str, Any]

_META = "io.k8s.apimachinery.pkg.apis.meta.v1."
_SHARED = (
    "ObjectMeta",
    "ListMeta",
    "ManagedFieldsEntry",
    "OwnerReference",
    "FieldsV1",
    "Time",
)
_API_VERSION = (
    "APIVersion defines the versioned schema of this representation of an object. Servers should convert recognized "
    "schemas to the latest internal value, and may reject unrecognized values. More info: "
    "https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#resources"
)
_KIND = (
    "Kind is a string value representing the REST resource this object represents. Servers may infer this from the "
    "endpoint the client submits requests to. Cannot be updated. In CamelCase. More info: "
    "https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#types-kinds"
)
_METADATA = (
    "Standard object's metadata. More info: "
    "https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#metadata"
)
_WRITES = ("post", "put", "patch")


class _Components(msgspec.Struct):
    schemas: dict[str, msgspec.Raw]


class _Document(msgspec.Struct):
    components: _Components


class _Version(msgspec.Struct):
    name: str
    schema: Object = {}


class _Spec(msgspec.Struct):
    versions: list[_Version] = []


class _Definition(msgspec.Struct):
    spec: _Spec


def custom_document(types: Iterable[ResourceType], definition: Callable[[str], bytes | None], core: bytes) -> bytes:
    """The OpenAPI v3 document of the custom types of one group version; `core` is that of the core group."""
    shared = msgspec.json.decode(core, type=_Document).components.schemas
    schemas: Object = {f"{_META}{name}": shared[f"{_META}{name}"] for name in _SHARED}
    paths: Object = {}
    for rt in types:
        name = component_name(rt)
        schemas[name] = _whole(rt, _schema(rt, definition(rt.crd)))
        schemas[f"{name}List"] = _listed(rt, name)
        paths |= _paths(rt, name)
    info = {"title": "Kubernetes CRD Swagger", "version": "v0.1.0"}
    return msgspec.json.encode({"openapi": "3.0.0", "info": info, "paths": paths, "components": {"schemas": schemas}})


def component_name(rt: ResourceType) -> str:
    """`org.kubeflow.v1.PyTorchJob`: the group backwards, the version, the kind."""
    return ".".join([*reversed(rt.group.split(".")), rt.version, rt.kind])


def short_definition(rt: ResourceType) -> bytes:
    """A custom type's entry among OpenAPI v2 definitions: what it is, and that anything may be in it."""
    value = {
        "type": "object",
        "properties": {
            "apiVersion": {"type": "string", "description": _API_VERSION},
            "kind": {"type": "string", "description": _KIND},
            "metadata": {"$ref": f"#/definitions/{_META}ObjectMeta", "description": _METADATA},
        },
        "x-kubernetes-group-version-kind": _gvk(rt),
        "x-kubernetes-preserve-unknown-fields": True,
    }
    return msgspec.json.encode(component_name(rt)) + b":" + msgspec.json.encode(value)


def _gvk(rt: ResourceType, kind: str = "") -> list[Object]:
    return [{"group": rt.group, "kind": kind or rt.kind, "version": rt.version}]


def _schema(rt: ResourceType, raw: bytes | None) -> Object:
    versions = msgspec.json.decode(raw, type=_Definition).spec.versions if raw else []
    for version in versions:
        if version.name == rt.version:
            found: Object = version.schema.get("openAPIV3Schema") or {}
            return found
    return {}


def _reference(component: str, description: str) -> Object:
    return {"allOf": [{"$ref": f"#/components/schemas/{component}"}], "description": description}


def _whole(rt: ResourceType, schema: Object) -> Object:
    properties = {
        **schema.get("properties", {}),
        "apiVersion": {"type": "string", "description": _API_VERSION},
        "kind": {"type": "string", "description": _KIND},
        "metadata": _reference(f"{_META}ObjectMeta", _METADATA),
    }
    return {**schema, "type": "object", "properties": properties, "x-kubernetes-group-version-kind": _gvk(rt)}


def _listed(rt: ResourceType, name: str) -> Object:
    return {
        "description": f"{rt.kind}List is a list of {rt.kind}",
        "type": "object",
        "required": ["items"],
        "properties": {
            "apiVersion": {"type": "string", "description": _API_VERSION},
            "items": {
                "description": f"List of {rt.plural}. More info: "
                "https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md",
                "type": "array",
                "items": {"allOf": [{"$ref": f"#/components/schemas/{name}"}]},
            },
            "kind": {"type": "string", "description": _KIND},
            "metadata": _reference(f"{_META}ListMeta", "Standard list metadata."),
        },
        "x-kubernetes-group-version-kind": _gvk(rt, rt.list_kind),
    }


def _paths(rt: ResourceType, name: str) -> Object:
    root = f"/apis/{rt.group}/{rt.version}"
    where = f"{root}/namespaces/{{namespace}}/{rt.plural}" if rt.namespaced else f"{root}/{rt.plural}"
    paths: Object = {
        where: _item(rt, name, {"get": "list", "post": "create", "delete": "deleteCollection"}),
        f"{where}/{{name}}": _item(
            rt, name, {"get": "read", "put": "replace", "patch": "patch", "delete": "delete"}, named=True
        ),
    }
    if rt.namespaced:
        paths[f"{root}/{rt.plural}"] = _item(rt, name, {"get": "list"}, everywhere=True)
    for sub in rt.subresources:
        verbs = {"get": "read", "put": "replace", "patch": "patch"}
        paths[f"{where}/{{name}}/{sub.name}"] = _item(rt, name, verbs, named=True, subresource=sub.name)
    return paths


def _item(
    rt: ResourceType,
    name: str,
    verbs: dict[str, str],
    *,
    named: bool = False,
    everywhere: bool = False,
    subresource: str = "",
) -> Object:
    group = "".join(part.capitalize() for part in rt.group.split(".")) + rt.version.capitalize()
    scope = "Namespaced" if rt.namespaced and not everywhere else ""
    item: Object = {}
    for method, verb in verbs.items():
        action = "list" if verb == "list" else "deletecollection" if verb == "deleteCollection" else method
        item[method] = {
            "operationId": f"{verb}{group}{scope}{rt.kind}{subresource.capitalize()}",
            "x-kubernetes-action": action,
            "x-kubernetes-group-version-kind": _gvk(rt)[0],
            "parameters": [_query(key) for key in ("dryRun", "fieldManager", "fieldValidation")]
            if method in _WRITES
            else [],
            "responses": {"200": _answer(name if named else f"{name}List" if verb == "list" else name)},
        }
    if "patch" in item:
        item["patch"]["parameters"].append({"in": "query", "name": "force", "schema": {"type": "boolean"}})
    inside = [key for key, wanted in (("name", named), ("namespace", bool(scope))) if wanted]
    item["parameters"] = [
        {"in": "path", "name": key, "required": True, "schema": {"type": "string", "uniqueItems": True}}
        for key in inside
    ]
    return item


def _query(name: str) -> Object:
    return {"in": "query", "name": name, "schema": {"type": "string", "uniqueItems": True}}


def _answer(component: str) -> Object:
    schema = {"$ref": f"#/components/schemas/{component}"}
    return {"description": "OK", "content": {"application/json": {"schema": schema}}}
