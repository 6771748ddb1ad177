"""get and list: objects as JSON, tables or bare metadata, whole or in pages that belong to one snapshot."""

from __future__ import annotations

import base64
from bisect import bisect_left
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

import msgspec

from console.demo import failures
from console.demo.answers import Answer, json_answer
from console.demo.printing import table
from console.demo.records import prefix
from console.demo.selecting import Selection, select
from console.demo.store import parse_version

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from console.demo.records import Object, Record
    from console.demo.requests import Format
    from console.demo.resources import ResourceType
    from console.demo.server import Call

UNPARSED = 'resourceVersion: Invalid value: "{0}": strconv.ParseUint: parsing "{0}": invalid syntax'
_PIECE = 500  # objects written before other work gets its turn


class _Metadata(msgspec.Struct):
    metadata: msgspec.Raw


@dataclass(frozen=True, slots=True)
class _Page:
    records: Sequence[Record]
    version: int
    token: str = ""
    remaining: int | None = None


def get(call: Call) -> Answer:
    """One object."""
    record = call.store.record(call.rt, call.namespace, call.info.name)
    if record is None:
        raise failures.not_found(call.rt, call.info.name)
    wanted = call.query.get("resourceVersion")
    if wanted and parse_version(wanted) > call.store.revision:
        raise failures.too_large(parse_version(wanted), call.store.revision)
    return object_answer(call, call.store.bytes_of(call.rt, record))


def object_answer(call: Call, obj: Object | bytes, status: int = 200) -> Answer:
    """An object in the format asked for."""
    if call.format.kind == "Table":
        decoded = msgspec.json.decode(obj) if isinstance(obj, bytes) else obj
        return json_answer(_table(call, [decoded], decoded["metadata"].get("resourceVersion", "")), status)
    raw = obj if isinstance(obj, bytes) else msgspec.json.encode(obj)
    if call.format.kind == "PartialObjectMetadata":
        raw = partial(raw, call.format)
    return Answer(status, raw + b"\n")


def partial(raw: bytes, form: Format) -> bytes:
    """An object's PartialObjectMetadata."""
    metadata = msgspec.json.decode(raw, type=_Metadata).metadata
    head = f'{{"kind":"PartialObjectMetadata","apiVersion":"meta.k8s.io/{form.version}","metadata":'
    return head.encode() + bytes(metadata) + b"}"


def list_objects(call: Call) -> Answer:
    """The objects of a collection that the selectors pick, or one page of them."""
    selection = select(call.rt, call.query.get("labelSelector"), call.query.get("fieldSelector"))
    page = _page(call, selection)
    metadata: dict[str, Any] = {"resourceVersion": str(page.version)}
    if call.rt.crd:
        metadata["continue"] = ""
    if page.token:
        metadata["continue"] = page.token
        if page.remaining is not None:
            metadata["remainingItemCount"] = page.remaining
    if call.format.kind == "Table":
        objects = [call.store.decode(call.rt, record) for record in page.records]
        return json_answer(_table(call, objects, metadata))
    head, items = _items(call, page.records)
    opening = head + b'"metadata":' + msgspec.json.encode(metadata) + b',"items":['
    if len(page.records) <= _PIECE:
        return Answer(200, b"".join((opening, b",".join(items), b"]}\n")))
    return Answer(200, _pieces(opening, items))


def _pieces(opening: bytes, items: Iterator[bytes]) -> Iterator[bytes]:
    yield opening
    separator = b""
    while piece := list(islice(items, _PIECE)):
        yield separator + b",".join(piece)
        separator = b","
    yield b"]}\n"


def _items(call: Call, records: Sequence[Record]) -> tuple[bytes, Iterator[bytes]]:
    """The beginning of a list, and its items. Items of built-in kinds carry no kind and apiVersion in a list."""
    rt, store = call.rt, call.store
    if call.format.kind == "PartialObjectMetadata":
        head = prefix("PartialObjectMetadataList", f"meta.k8s.io/{call.format.version}")
        return head, (partial(store.bytes_of(rt, record), call.format) for record in records)
    head = prefix(rt.list_kind, rt.api_version)
    if rt.crd:
        return head, (store.bytes_of(rt, record) for record in records)
    skip = len(prefix(rt.kind, rt.api_version))
    return head, (b"{" + store.bytes_of(rt, record)[skip:] for record in records)


def _table(call: Call, objects: list[Object], metadata: dict[str, Any] | str) -> dict[str, Any]:
    made = table(
        call.rt,
        objects,
        call.store.now(),
        columns=call.rt.columns,
        include=call.query.get("includeObject", "Metadata") or "Metadata",
    )
    made["apiVersion"] = f"meta.k8s.io/{call.format.version}"
    made["metadata"] = {"resourceVersion": metadata} if isinstance(metadata, str) else metadata
    return made


def matching(selection: Selection, records: Iterable[Record]) -> list[Record]:
    """The records a selection picks, in order."""
    return list(records) if selection.everything else [r for r in records if selection.matches(r)]


def scope(rt: ResourceType, namespace: str) -> str | None:
    """The namespace to look in: None for all of a namespaced type, "" for a cluster-scoped one."""
    return (namespace or None) if rt.namespaced else ""


def _page(call: Call, selection: Selection) -> _Page:
    limit = max(0, call.query.number("limit"))
    token = call.query.get("continue")
    where = scope(call.rt, call.info.namespace)
    collection = call.store.collection(call.rt)
    if token:
        return _next_page(call, selection, token, limit)
    version, exact = _wanted_version(call, limit)
    if exact:
        try:
            records: Iterable[Record] = collection.record_at(where, version)
        except failures.ApiFailure:
            raise failures.list_too_old() from None
    else:
        version, records = call.store.revision, collection.records(where)
        if call.query.get("resourceVersion") == "0":
            limit = 0  # kube-apiserver answers such lists from its watch cache, whole
    return _cut(matching(selection, records), version, limit, selection)


def _next_page(call: Call, selection: Selection, token: str, limit: int) -> _Page:
    version, start = _read_token(token)
    if call.query.get("resourceVersion") not in ("", "0"):
        raise failures.bad_request("specifying resource version is not allowed when using continue")
    collection = call.store.collection(call.rt)
    where = scope(call.rt, call.info.namespace)
    if version < 0:  # goes on inconsistently, from what there is now
        version, records = call.store.revision, list(collection.records(where))
    else:
        try:
            records = collection.record_at(where, version)
        except failures.ApiFailure:
            raise failures.continue_too_old(_write_token(-1, start)) from None
    namespace, slash, name = start.rpartition("/")
    first = (namespace + "/" if slash else "/", name)
    rest = records[bisect_left(records, first, key=_position) :]
    return _cut(matching(selection, rest), version, limit, selection)


def _cut(records: list[Record], version: int, limit: int, selection: Selection) -> _Page:
    if not limit or len(records) <= limit:
        return _Page(records, version)
    page = records[:limit]
    # etcd continues after the last key that was read, not at the next one
    token = _write_token(version, f"{_key(page[-1])}\0")
    return _Page(page, version, token, len(records) - limit if selection.everything else None)


def _wanted_version(call: Call, limit: int) -> tuple[int, bool]:
    text, match = call.query.get("resourceVersion"), call.query.get("resourceVersionMatch")
    if match and not text:
        raise list_options_refused("Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided")
    if match not in ("", "Exact", "NotOlderThan"):
        message = f'Unsupported value: "{match}": supported values: "Exact", "NotOlderThan", ""'
        raise list_options_refused(message, "FieldValueNotSupported")
    if match == "Exact" and text == "0":
        raise list_options_refused('Forbidden: resourceVersionMatch "exact" is forbidden for resourceVersion "0"')
    if not text or text == "0":
        return call.store.revision, False
    version = parse_version(text)
    if version < 0:
        raise failures.bad_request(f"invalid resource version: {UNPARSED.format(text)}")
    if version > call.store.revision:
        raise failures.too_large(version, call.store.revision)
    return version, match == "Exact" or (not match and limit > 0)


def list_options_refused(message: str, reason: str = "FieldValueForbidden") -> failures.ApiFailure:
    """422 for a resourceVersionMatch that does not go with the rest."""
    cause = failures.Cause("resourceVersionMatch", message, reason)
    return failures.invalid("meta.k8s.io", "ListOptions", "", [cause])


def _key(record: Record) -> str:
    return f"{record.namespace}/{record.name}" if record.namespace else record.name


def _position(record: Record) -> tuple[str, str]:
    return (record.namespace + "/", record.name)


def _write_token(version: int, start: str) -> str:
    text = msgspec.json.encode({"v": "meta.k8s.io/v1", "rv": version, "start": start})
    return base64.urlsafe_b64encode(text).decode().rstrip("=")


def _read_token(token: str) -> tuple[int, str]:
    try:
        value = msgspec.json.decode(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        return int(value["rv"]), str(value["start"])
    except (ValueError, KeyError, TypeError, msgspec.DecodeError):
        raise failures.bad_request(
            "invalid continue token: continue key is not valid: it is not one of this server"
        ) from None
