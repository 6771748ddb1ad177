"""One field's schema as the server works with it: compiled from OpenAPI, without prose, equal parts shared.

Built-in types come from component schemas that name each other; custom types from the structural schemas of
CustomResourceDefinitions. Nothing here looks at objects.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping

Schema = dict[str, Any]


class _Unset:
    __slots__ = ()


UNSET: Final = _Unset()

# Keywords that bound a value; the rest of a schema gives its shape.
LIMITS = (
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "minLength",
    "maxLength",
    "pattern",
    "format",
    "minItems",
    "maxItems",
    "uniqueItems",
    "minProperties",
    "maxProperties",
)
_BRANCHES = ("allOf", "anyOf", "oneOf")


class Node:
    """The schema of one value.

    `type` is object, array, string, integer, number, boolean, or "" where anything may stand. `branches` holds
    allOf, anyOf, oneOf and not. `deep_defaults` and `deep_rules` say whether a default or a rule is at or below.
    """

    __slots__ = (
        "atomic",
        "branches",
        "deep_defaults",
        "deep_rules",
        "default",
        "embedded",
        "enum",
        "fields",
        "int_or_string",
        "items",
        "keys",
        "limits",
        "list_type",
        "merge_key",
        "name",
        "nullable",
        "preserve",
        "required",
        "rules",
        "strategies",
        "type",
        "values",
    )

    def __init__(self, type_: str = "") -> None:
        self.type = type_
        self.name = ""  # of a component: the Go type, for messages
        self.fields: dict[str, Node] | None = None
        self.values: Node | None = None  # additionalProperties
        self.items: Node | None = None
        self.required: tuple[str, ...] = ()
        self.list_type = ""  # "", atomic, set or map
        self.keys: tuple[str, ...] = ()
        self.atomic = False  # owned as a whole by server-side apply
        self.strategies: tuple[str, ...] = ()  # of a strategic merge patch
        self.merge_key = ""
        self.default: Any = UNSET
        self.enum: tuple[Any, ...] = ()
        self.nullable = False
        self.preserve = False
        self.embedded = False
        self.int_or_string = False
        self.limits: dict[str, Any] | None = None
        self.branches: dict[str, tuple[Node, ...]] | None = None
        self.rules: tuple[dict[str, Any], ...] = ()
        self.deep_defaults = False
        self.deep_rules = False

    def child(self, name: str) -> Node | None:
        """The schema of a field: declared, else that of additional properties; None where nothing is said."""
        if self.fields is not None:
            found = self.fields.get(name)
            if found is not None:
                return found
        return self.values

    @property
    def closed(self) -> bool:
        """Whether fields that are not declared are dropped."""
        return self.fields is not None and not self.preserve and self.values is None

    def children(self) -> list[Node]:
        """The schemas below, in order."""
        found = list(self.fields.values()) if self.fields else []
        return found + [node for node in (self.values, self.items) if node is not None]


ANYTHING: Final = Node()
ANYTHING.preserve = True


def _fill(node: Node, schema: Schema) -> None:
    """Everything but what lies below."""
    kind = schema.get("type", "")
    node.type = kind if isinstance(kind, str) else ""
    node.required = tuple(schema.get("required") or ())
    node.list_type = schema.get("x-kubernetes-list-type", "")
    node.keys = tuple(schema.get("x-kubernetes-list-map-keys") or ())
    node.enum = tuple(schema.get("enum") or ())
    node.nullable = bool(schema.get("nullable"))
    node.preserve = bool(schema.get("x-kubernetes-preserve-unknown-fields"))
    node.embedded = bool(schema.get("x-kubernetes-embedded-resource"))
    node.int_or_string = bool(schema.get("x-kubernetes-int-or-string")) or schema.get("format") == "int-or-string"
    node.rules = tuple(schema.get("x-kubernetes-validations") or ())
    node.limits = {key: schema[key] for key in LIMITS if key in schema} or None
    map_type = schema.get("x-kubernetes-map-type", "")
    if node.type == "array":
        node.atomic = node.list_type not in ("set", "map")
    else:
        node.atomic = map_type == "atomic"


class Components:
    """The schemas of built-in types, compiled when first asked for; they may refer to themselves."""

    def __init__(self, schemas: Mapping[str, bytes]) -> None:
        self._schemas = schemas
        self._nodes: dict[str, Node] = {}

    def get(self, name: str) -> Node:
        """A component by its name; KeyError where there is none."""
        node = self._nodes.get(name)
        if node is None:
            schema: Schema = msgspec.json.decode(self._schemas[name])
            node = self._nodes[name] = Node()
            node.name = name.rpartition(".")[2]
            self._compile(node, schema)
        return node

    def _compile(self, node: Node, schema: Schema) -> None:
        _fill(node, schema)
        options = {part.get("type") for part in schema.get("oneOf", ())}
        if options:  # IntOrString and Quantity: scalars of two types
            node.int_or_string = options == {"integer", "string"}
            node.type = "" if node.int_or_string else "quantity"
            return
        if "properties" in schema:
            node.fields = {name: self._below(child) for name, child in schema["properties"].items()}
        if isinstance(schema.get("additionalProperties"), dict):
            node.values = self._below(schema["additionalProperties"])
        if "items" in schema:
            node.items = self._below(schema["items"])
        if node.type == "object" and node.fields is None and node.values is None:
            node.preserve = True  # FieldsV1, RawExtension: any object

    def _below(self, schema: Schema) -> Node:
        target = schema.get("$ref") or next((p["$ref"] for p in schema.get("allOf", ()) if "$ref" in p), "")
        if not target:
            node = Node()
            self._compile(node, schema)
        else:
            node = self.get(target)
        return self._with_strategy(node, schema, bool(target))

    @staticmethod
    def _with_strategy(node: Node, schema: Schema, shared: bool) -> Node:
        strategies = tuple(filter(None, schema.get("x-kubernetes-patch-strategy", "").split(",")))
        default = schema.get("default", UNSET)
        if isinstance(default, dict | list) or default in ("", 0):
            default = UNSET  # the zero of a Go type, no default of the API
        map_type = schema.get("x-kubernetes-map-type", "") if shared else ""
        if not strategies and default is UNSET and not map_type:
            return node
        if shared:
            original, node = node, Node()
            for slot in Node.__slots__:
                setattr(node, slot, getattr(original, slot))
        node.strategies = strategies
        node.merge_key = schema.get("x-kubernetes-patch-merge-key", "")
        node.default = default
        node.atomic = node.atomic or map_type == "atomic"
        return node


class Pool:
    """Compiles structural schemas; nodes that say the same are one node, so that pod templates are kept once."""

    def __init__(self, metadata: Node | None = None) -> None:
        self._nodes: dict[tuple[Any, ...], Node] = {}
        self._metadata = metadata or ANYTHING

    def root(self, schema: Schema) -> Node:
        """The schema of a whole custom resource: apiVersion, kind and metadata are there whatever it says."""
        node = self.compile(schema)
        whole = Node("object")
        for slot in Node.__slots__:
            setattr(whole, slot, getattr(node, slot))
        whole.type = "object"
        whole.fields = {**(node.fields or {}), **_HEAD, "metadata": self._metadata}
        return whole

    def compile(self, schema: Schema | bool) -> Node:
        """The shared node of a schema."""
        if not isinstance(schema, dict):
            return ANYTHING
        fields = {name: self.compile(child) for name, child in (schema.get("properties") or {}).items()}
        additional = schema.get("additionalProperties")
        values = self.compile(additional) if additional is not None and additional is not False else None
        items = self.compile(schema["items"]) if isinstance(schema.get("items"), dict) else None
        branches = {key: tuple(self.compile(part) for part in schema[key]) for key in _BRANCHES if schema.get(key)}
        if isinstance(schema.get("not"), dict):
            branches["not"] = (self.compile(schema["not"]),)
        own = {key: value for key, value in schema.items() if key in _OWN}
        identity = (
            msgspec.json.encode(own, order="sorted"),
            tuple((name, id(node)) for name, node in fields.items()),
            id(values),
            id(items),
            tuple((key, tuple(map(id, nodes))) for key, nodes in branches.items()),
        )
        node = self._nodes.get(identity)
        if node is None:
            node = self._nodes[identity] = Node()
            _fill(node, schema)
            node.fields = fields or ({} if node.type == "object" and values is None else None)
            node.values, node.items, node.branches = values, items, branches or None
            node.default = schema.get("default", UNSET)
            self._finish(node)
        return node

    def _finish(self, node: Node) -> None:
        if node.embedded and node.fields is not None:
            node.fields = {**node.fields, **_HEAD, "metadata": self._metadata}
        below = node.children()
        node.deep_defaults = any(child.default is not UNSET or child.deep_defaults for child in below)
        node.deep_rules = bool(node.rules) or any(child.deep_rules for child in below)


_OWN = {
    *LIMITS,
    "type",
    "required",
    "enum",
    "nullable",
    "default",
    "x-kubernetes-list-type",
    "x-kubernetes-list-map-keys",
    "x-kubernetes-map-type",
    "x-kubernetes-preserve-unknown-fields",
    "x-kubernetes-embedded-resource",
    "x-kubernetes-int-or-string",
    "x-kubernetes-validations",
}
_HEAD: dict[str, Node] = {"apiVersion": Node("string"), "kind": Node("string")}
