"""create, replace and patch: from a request body to a stored object, in the order kube-apiserver takes.

Decode and prune, default, stamp, admit, validate, then write; a dry run stops before the write.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from console.demo import failures, objectmeta, strategies
from console.demo.admission import admit
from console.demo.applying import server_side_apply, track_update
from console.demo.deleting import finish_deletion
from console.demo.failures import Cause
from console.demo.jsonvalues import copy
from console.demo.patching import apply_patch
from console.demo.reading import object_answer
from console.demo.server import decode_yaml

if TYPE_CHECKING:
    from console.demo.answers import Answer
    from console.demo.records import Object
    from console.demo.server import Call

APPLY_TYPES = ("application/apply-patch+yaml", "application/apply-patch+cbor")
_PATCH_TYPES = (
    "application/json-patch+json",
    "application/merge-patch+json",
    "application/strategic-merge-patch+json",
    "application/apply-patch+yaml",
)
# Custom resources, and these, refuse a replace that names no resourceVersion.
_CONDITIONAL_ONLY = {("apiextensions.k8s.io", "customresourcedefinitions"), ("coordination.k8s.io", "leases")}
_STATUS_KEEPS_METADATA = {("", "nodes"), ("", "pods"), ("", "namespaces")}


def create(call: Call) -> Answer:
    """Store a new object and answer 201."""
    return object_answer(call, create_object(call, call.object()), 201)


def create_object(call: Call, obj: Object, *, managed: bool = True) -> Object:
    """Store a new object; returns it as stored, or as it would be for a dry run."""
    rt, store, server = call.rt, call.store, call.server
    check_type(call, obj)
    metadata = obj["metadata"]
    if rt.namespaced and metadata.get("namespace", call.namespace) != call.namespace:
        raise failures.bad_request(
            "the namespace of the provided object does not match the namespace sent on the request"
        )
    base = metadata.get("generateName")
    if not metadata.get("name") and base:
        metadata["name"] = objectmeta.generated_name(base, server.random)
        for _ in range(7):
            if store.record(rt, call.namespace, metadata["name"]) is None:
                break
            metadata["name"] = objectmeta.generated_name(base, server.random)
    check_fields(call, obj)
    strategies.merge_plain_data(rt, obj)
    if managed:
        _track_new(call, obj)
    objectmeta.stamp_new(metadata, rt, call.namespace, server.new_uid(), store.timestamp())
    strategies.prepare_new(rt, obj, store)
    server.schemas.default(rt, obj)
    _admit(call, obj, None)
    name = metadata["name"]
    if store.record(rt, call.namespace, name) is not None:
        raise failures.generated_exists(rt, name) if base else failures.already_exists(rt, name)
    return obj if call.dry_run else store.put(rt, obj)


def replace(call: Call) -> Answer:
    """Replace an object, or its status."""
    obj = call.object()
    return object_answer(call, update_object(call, obj))


def update_object(call: Call, obj: Object) -> Object:
    """Write a whole object over the stored one; returns it as stored."""
    rt = call.rt
    check_type(call, obj)
    current = call.store.get(rt, call.namespace, call.info.name)
    if current is None:
        raise failures.not_found(rt, call.info.name)
    _check_target(call, obj)
    if not obj["metadata"].get("resourceVersion") and (rt.crd or rt.storage_key in _CONDITIONAL_ONLY):
        message = "Invalid value: 0: must be specified for an update"
        kind = rt.plural if rt.crd else rt.kind
        raise failures.invalid(rt.group, kind, call.info.name, [Cause("metadata.resourceVersion", message)])
    check_fields(call, obj)
    return commit(call, current, obj)


def patch(call: Call) -> Answer:
    """Patch an object, or its status; an apply of an object that is not there creates it."""
    rt, query = call.rt, call.query
    if call.content_type not in _PATCH_TYPES:
        raise failures.unsupported_patch_type()
    current = call.store.get(rt, call.namespace, call.info.name)
    if call.content_type in APPLY_TYPES:
        return _apply(call, current)
    if "force" in query.values:
        message = "Forbidden: may not be specified for non-apply patch"
        raise failures.invalid("meta.k8s.io", "PatchOptions", "", [Cause("force", message, "FieldValueForbidden")])
    if current is None:
        raise failures.not_found(rt, call.info.name)
    patched = apply_patch(call.content_type, call.body, current, call.server.schemas.for_type(rt))
    check_type(call, patched)
    _check_target(call, patched)
    uid = current["metadata"].get("uid")
    if patched["metadata"].get("uid", uid) != uid:
        message = f'Invalid value: "{patched["metadata"]["uid"]}": field is immutable'
        raise failures.invalid(rt.group, rt.kind, call.info.name, [Cause("metadata.uid", message)])
    check_fields(call, patched, patch=True)
    return object_answer(call, commit(call, call.store.get(rt, call.namespace, call.info.name) or current, patched))


def _apply(call: Call, current: Object | None) -> Answer:
    rt, query = call.rt, call.query
    manager = query.get("fieldManager")
    if not manager:
        message = "Required value: is required for apply patch"
        raise failures.invalid(
            "meta.k8s.io", "PatchOptions", "", [Cause("fieldManager", message, "FieldValueRequired")]
        )
    applied = decode_yaml(call.body, rt.kind)
    if not isinstance(applied, dict) or not isinstance(applied.setdefault("metadata", {}), dict):
        raise failures.bad_request("error decoding YAML: the body is not an object")
    check_type(call, applied)
    _check_target(call, applied)
    if applied["metadata"].get("managedFields"):
        raise failures.bad_request("metadata.managedFields must be nil")
    if current is None and call.info.subresource:
        raise failures.not_found(rt, call.info.name)
    check_fields(call, applied)
    uid = applied["metadata"].get("uid")
    if current is None and uid:
        raise failures.conflict(
            rt,
            call.info.name,
            f"uid mismatch: the provided object specified uid {uid}, and no existing object was found",
        )
    merged = server_side_apply(
        current,
        applied,
        call.server.schemas.for_type(rt),
        manager=manager,
        force=query.flag("force"),
        api_version=rt.api_version,
        now=call.store.timestamp(),
        subresource=call.info.subresource,
    )
    if current is None:
        merged["metadata"]["name"] = call.info.name
        return object_answer(call, create_object(call, merged, managed=False), 201)
    return object_answer(call, commit(call, current, merged, managed=False))


def commit(call: Call, current: Object, obj: Object, *, managed: bool = True) -> Object:
    """Write a changed object over `current`, keeping what the request may not touch; returns it as stored."""
    rt, store = call.rt, call.store
    old, metadata = current["metadata"], obj["metadata"]
    _check_versions(call, metadata, old)
    metadata["resourceVersion"] = old.get("resourceVersion", "")
    objectmeta.keep_stamps(metadata, old)
    obj["kind"], obj["apiVersion"] = rt.kind, rt.api_version
    status_only = call.info.subresource == "status"
    if status_only:
        obj = _with_status(call, current, obj)
        metadata = obj["metadata"]
    elif rt.has_status:
        obj.pop("status", None)
        if "status" in current:
            obj["status"] = current["status"]
    if not status_only:
        # What was stored before a default existed, or was loaded as given, counts as if it had been defaulted.
        call.server.schemas.default(rt, current)
        strategies.prepare_update(rt, obj, current, store)
        call.server.schemas.default(rt, obj)
        _admit(call, obj, current)
        if objectmeta.counts_generations(rt) and objectmeta.spec_changed(rt, current, obj):
            metadata["generation"] = int(old.get("generation") or 0) + 1
    else:
        _validate(call, obj, current)
    if _same(current, obj):
        return current
    if managed:
        _track(call, current, obj)
    if call.dry_run:
        return obj
    if metadata.get("deletionTimestamp") and not metadata.get("finalizers") and finish_deletion(call.server, rt, obj):
        return obj
    return store.put(rt, obj)


def _check_versions(call: Call, metadata: dict[str, Any], old: dict[str, Any]) -> None:
    rt, name = call.rt, call.info.name
    uid = metadata.get("uid")
    if uid and old.get("uid") and uid != old["uid"]:
        why = f"Precondition failed: UID in precondition: {uid}, UID in object meta: {old['uid']}"
        raise failures.conflict(rt, name, why)
    version = metadata.get("resourceVersion")
    if version and version != "0" and version != old.get("resourceVersion"):
        raise failures.conflict(rt, name)


def _with_status(call: Call, current: Object, obj: Object) -> Object:
    """The stored object with the status of another; some built-in kinds take labels and annotations too."""
    merged = {**current, "metadata": dict(current["metadata"])}
    if "status" in obj:
        merged["status"] = obj["status"]
        if call.rt.storage_key == ("", "pods"):
            _complete_addresses(merged["status"])
    else:
        merged.pop("status", None)
    if "managedFields" in obj["metadata"]:
        merged["metadata"]["managedFields"] = obj["metadata"]["managedFields"]
    if call.rt.storage_key in _STATUS_KEEPS_METADATA:
        for key in ("labels", "annotations", "finalizers"):
            if key in obj["metadata"]:
                merged["metadata"][key] = obj["metadata"][key]
            else:
                merged["metadata"].pop(key, None)
    return merged


def _complete_addresses(status: Any) -> None:
    """A pod's and its node's address are told twice, alone and as the first of a list."""
    if not isinstance(status, dict):
        return
    for one, many in (("podIP", "podIPs"), ("hostIP", "hostIPs")):
        if status.get(one) and not status.get(many):
            status[many] = [{"ip": status[one]}]


def _same(current: Object, obj: Object) -> bool:
    if any(current.get(key) != obj.get(key) for key in (current.keys() | obj.keys()) - {"metadata"}):
        return False
    ignored = {"managedFields", "resourceVersion"}
    old, new = current["metadata"], obj["metadata"]
    if any(old.get(key) != new.get(key) for key in (old.keys() | new.keys()) - ignored):
        return False
    return _untimed(old.get("managedFields")) == _untimed(new.get("managedFields"))


def _untimed(entries: list[dict[str, Any]] | None) -> list[dict[str, Any]]:
    return [{key: value for key, value in entry.items() if key != "time"} for entry in entries or ()]


def _track_new(call: Call, obj: Object) -> None:
    """Note who made an object: of what was sent and its defaults, not of what strategies and admission add."""
    sent = copy(obj)
    if call.rt.has_status:
        sent.pop("status", None)
    call.server.schemas.default(call.rt, sent)
    _track(call, None, sent)
    obj["metadata"]["managedFields"] = sent["metadata"].get("managedFields")
    if not obj["metadata"]["managedFields"]:
        del obj["metadata"]["managedFields"]


def _track(call: Call, before: Object | None, after: Object) -> None:
    track_update(
        before,
        after,
        call.server.schemas.for_type(call.rt),
        manager=call.manager,
        operation="Update",
        api_version=call.rt.api_version,
        now=call.store.timestamp(),
        subresource=call.info.subresource,
    )


def check_type(call: Call, obj: Object) -> None:
    """Refuse an object of another kind or version than the path's; fill both in where a built-in one has none."""
    rt = call.rt
    kind, api_version = obj.get("kind") or "", obj.get("apiVersion") or ""
    if call.content_type in APPLY_TYPES and not (kind and api_version):
        raise failures.bad_request(f"invalid object type: /, Kind={kind}")
    if rt.crd:
        _check_custom_type(call, kind, api_version, str(obj["metadata"].get("name") or ""))
    elif (kind or rt.kind, api_version or rt.api_version) != (rt.kind, rt.api_version):
        kind, api_version = kind or rt.kind, api_version or rt.api_version
        if call.store.resources.of_object(api_version, kind) is None:
            why = f'no kind "{kind}" is registered for version "{api_version}" in scheme "pkg/runtime/scheme.go:110"'
        else:
            version = api_version.rpartition("/")[2]
            why = f"converting ({version}.{kind}) to ({rt.group or 'core'}.{rt.kind}): unknown conversion"
        version = rt.api_version.rpartition("/")[2]
        raise failures.bad_request(f'{kind} in version "{version}" cannot be handled as a {rt.kind}: {why}')
    obj["kind"], obj["apiVersion"] = rt.kind, rt.api_version


def _check_custom_type(call: Call, kind: str, api_version: str, name: str) -> None:
    rt = call.rt
    if not kind or not api_version:
        missing = "Kind" if not kind else "apiVersion"
        shown = call.body.decode("utf-8", "replace").strip()
        raise failures.bad_request(
            f"the object provided is unrecognized (must be of type {rt.kind}): "
            f"Object '{missing}' is missing in '{shown[:200]}'"
        )
    causes = [
        Cause(field, f'Invalid value: "{given}": must be {wanted}')
        for field, given, wanted in (("apiVersion", api_version, rt.api_version), ("kind", kind, rt.kind))
        if given != wanted
    ]
    if causes:
        raise failures.invalid(api_version.rpartition("/")[0], kind, name, causes)


def _check_target(call: Call, obj: Object) -> None:
    metadata = obj["metadata"]
    name, namespace = metadata.setdefault("name", call.info.name), metadata.get("namespace")
    if name != call.info.name:
        raise failures.bad_request(
            f"the name of the object ({name}) does not match the name on the URL ({call.info.name})"
        )
    if namespace and namespace != call.namespace:
        raise failures.bad_request(
            f"the namespace of the object ({namespace}) does not match the namespace on the URL ({call.namespace})"
            if call.namespace
            else "the namespace of the provided object does not match the namespace sent on the request"
        )
    if call.namespace:
        metadata["namespace"] = call.namespace


def check_fields(call: Call, obj: Object, *, patch: bool = False) -> None:
    """Drop fields the schema does not know: silently, with warnings or with a refusal, as fieldValidation says."""
    rt = call.rt
    unknown = call.server.schemas.prune(rt, obj)
    mode = call.query.get("fieldValidation") or "Warn"
    if mode not in ("Strict", "Warn", "Ignore"):
        message = f'Unsupported value: "{mode}": supported values: "", "Ignore", "Strict", "Warn"'
        cause = Cause("fieldValidation", message, "FieldValueNotSupported")
        raise failures.invalid("meta.k8s.io", call.options_kind, "", [cause])
    if not unknown or mode == "Ignore":
        return
    texts = [f'unknown field "{path}"' for path in unknown]
    if mode == "Warn":
        call.warnings += texts
        return
    error = f"strict decoding error: {', '.join(texts)}"
    if patch:
        shown = call.body.decode("utf-8", "replace").replace("\\", "\\\\").replace('"', '\\"')
        raise failures.invalid("", "", "", [Cause("patch", f'Invalid value: "{shown}": {error}')])
    raise failures.bad_request(f'{rt.kind} in version "{rt.version}" cannot be handled as a {rt.kind}: {error}')


def _admit(call: Call, obj: Object, old: Object | None) -> None:
    """Admission and validation: built-in objects are completed first, custom ones are judged by webhooks last."""
    operation = "CREATE" if old is None else "UPDATE"
    if call.rt.crd:
        _validate(call, obj, old)
    call.warnings += admit(call.rt, obj, old, operation, call.user, call.store)
    if not call.rt.crd:
        _validate(call, obj, old)


def _validate(call: Call, obj: Object, old: Object | None) -> None:
    causes = objectmeta.metadata_causes(call.rt, obj["metadata"], old["metadata"] if old else None)
    causes += call.server.schemas.validate(call.rt, obj, old)
    if causes:
        raise failures.invalid(call.rt.group, call.rt.kind, str(obj["metadata"].get("name") or ""), causes)
