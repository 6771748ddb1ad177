"""delete and deletecollection: preconditions, grace, finalizers and what becomes of dependents."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from console.clock import format_time
from console.demo import failures
from console.demo.admission import admit_delete
from console.demo.answers import Answer, json_answer
from console.demo.failures import Cause
from console.demo.reading import matching, object_answer, scope
from console.demo.selecting import select
from console.demo.server import decode_object

if TYPE_CHECKING:
    from console.demo.records import Object
    from console.demo.resources import ResourceType
    from console.demo.server import Call, Server

ORPHAN, FOREGROUND = "orphan", "foregroundDeletion"
# Kinds whose delete answers with what was deleted, not with a Status.
_SHOWN_AGAIN = {
    ("", plural)
    for plural in (
        "persistentvolumeclaims",
        "persistentvolumes",
        "pods",
        "podtemplates",
        "resourcequotas",
        "serviceaccounts",
        "services",
    )
}
_JOB_WARNING = (
    "child pods are preserved by default when jobs are deleted; set propagationPolicy=Background to remove them or "
    "set propagationPolicy=Orphan to suppress this warning"
)
_POLICIES = ("Orphan", "Background", "Foreground")


@dataclass(frozen=True, slots=True)
class DeleteOptions:
    """meta.k8s.io/v1 DeleteOptions, from the body or the query."""

    grace: int | None = None  # seconds
    policy: str = ""
    uid: str = ""
    version: str = ""
    dry_run: bool = False


def read_options(call: Call) -> DeleteOptions:
    """The options of a delete request; ApiFailure 400 or 422 for ones that make no sense."""
    body: dict[str, Any] = {}
    if call.body.strip():
        body = decode_object(call.body, call.content_type, "DeleteOptions")
    query = call.query
    grace = body.get("gracePeriodSeconds")
    if grace is None and query.get("gracePeriodSeconds"):
        grace = query.number("gracePeriodSeconds")
    orphan = body.get(
        "orphanDependents", query.flag("orphanDependents") if "orphanDependents" in query.values else None
    )
    policy = body.get("propagationPolicy") or query.get("propagationPolicy")
    if orphan is not None and policy:
        message = f'Invalid value: "{policy}": orphanDependents and deletionPropagation cannot be both set'
        raise failures.invalid("meta.k8s.io", "DeleteOptions", "", [Cause("propagationPolicy", message)])
    if policy and policy not in _POLICIES:
        message = f'Unsupported value: "{policy}": supported values: "Foreground", "Background", "Orphan", "nil"'
        raise failures.invalid(
            "meta.k8s.io", "DeleteOptions", "", [Cause("propagationPolicy", message, "FieldValueNotSupported")]
        )
    if orphan is not None:
        policy = "Orphan" if orphan else "Background"
    preconditions = body.get("preconditions") or {}
    dry_run = call.dry_run or "All" in (body.get("dryRun") or ())
    return DeleteOptions(
        None if grace is None else max(0, int(grace)),
        policy or "",
        preconditions.get("uid") or "",
        preconditions.get("resourceVersion") or "",
        dry_run,
    )


def delete(call: Call) -> Answer:
    """Delete one object: a Status when it is gone, the object while it still has to end."""
    options = read_options(call)
    admit_delete(call.rt, call.info.name)
    obj = call.store.get(call.rt, call.namespace, call.info.name)
    if obj is None:
        raise failures.not_found(call.rt, call.info.name)
    if call.rt.storage_key == ("batch", "jobs") and not options.policy:
        options = replace(options, policy="Orphan")
        call.warnings.append(_JOB_WARNING)
    left = delete_object(call.server, call.rt, obj, options)
    if left is not None:
        return object_answer(call, left)
    if call.rt.storage_key in _SHOWN_AGAIN:
        return object_answer(call, obj)
    details = {"name": call.info.name, "kind": call.rt.plural, "uid": obj["metadata"].get("uid", "")}
    if call.rt.group:
        details["group"] = call.rt.group
    return json_answer({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details})


def delete_collection(call: Call) -> Answer:
    """Delete every object the selectors pick; answers with the list of what they were."""
    options = read_options(call)
    rt, store = call.rt, call.store
    selection = select(rt, call.query.get("labelSelector"), call.query.get("fieldSelector"))
    records = matching(selection, store.collection(rt).records(scope(rt, call.info.namespace)))
    objects = [store.decode(rt, record) for record in records]
    left = [delete_object(call.server, rt, obj, options) or obj for obj in objects]
    if not rt.crd:
        left = [{key: value for key, value in obj.items() if key not in ("kind", "apiVersion")} for obj in left]
    metadata = {"resourceVersion": str(store.revision)}
    return json_answer({"kind": rt.list_kind, "apiVersion": rt.api_version, "metadata": metadata, "items": left})


def delete_object(server: Server, rt: ResourceType, obj: Object, options: DeleteOptions) -> Object | None:
    """Delete an object, or mark it for deletion; returns it where it stays for now, None where it is gone."""
    metadata = obj["metadata"]
    _check_preconditions(rt, metadata, options)
    finalizers = _finalizers(rt, metadata, options)
    grace = _grace(server, rt, obj, options)
    waits = bool(finalizers) or bool(grace) or _has_content(rt)
    if not waits:
        if rt.storage_key == ("", "pods"):
            _mark(server, rt, metadata, 0)
            if not options.dry_run:
                server.store.put(rt, obj)
        if not options.dry_run:
            remove(server, rt, obj)
        return None
    already = metadata.get("deletionTimestamp")
    shorter = already and grace < int(metadata.get("deletionGracePeriodSeconds") or 0)
    if already and not shorter and finalizers == list(metadata.get("finalizers") or ()):
        return obj
    if not already or shorter:
        _mark(server, rt, metadata, grace)
    if finalizers:
        metadata["finalizers"] = finalizers
    if rt.storage_key == ("", "namespaces"):
        obj["status"] = {**(obj.get("status") or {}), "phase": "Terminating"}
    return obj if options.dry_run else server.store.put(rt, obj)


def _mark(server: Server, rt: ResourceType, metadata: dict[str, Any], grace: int) -> None:
    """Write into an object that it is to be deleted after `grace` seconds."""
    if metadata.get("generation") and not metadata.get("deletionTimestamp"):
        metadata["generation"] += 1
    metadata["deletionTimestamp"] = format_time(server.store.now() + grace)
    if not _has_content(rt):
        metadata["deletionGracePeriodSeconds"] = grace


def remove(server: Server, rt: ResourceType, obj: Object) -> None:
    """Take an object out of the store, whatever it still waits for."""
    server.store.remove(rt, obj["metadata"].get("namespace") or "", obj["metadata"]["name"])


def finish_deletion(server: Server, rt: ResourceType, obj: Object) -> bool:
    """Remove an object whose last finalizer went; False where its grace period or its content still keeps it."""
    metadata = obj["metadata"]
    if int(metadata.get("deletionGracePeriodSeconds") or 0) > 0 and rt.storage_key == ("", "pods"):
        return False
    if _has_content(rt) and (obj.get("spec") or {}).get("finalizers"):
        return False
    remove(server, rt, obj)
    return True


def _check_preconditions(rt: ResourceType, metadata: dict[str, Any], options: DeleteOptions) -> None:
    uid, version = metadata.get("uid", ""), metadata.get("resourceVersion", "")
    if options.uid and options.uid != uid:
        raise failures.precondition_failed(rt, metadata["name"], "UID", options.uid, uid, "deleted and then recreated")
    if options.version and options.version != version:
        raise failures.precondition_failed(
            rt, metadata["name"], "ResourceVersion", options.version, version, "modified"
        )


def _finalizers(rt: ResourceType, metadata: dict[str, Any], options: DeleteOptions) -> list[str]:
    """The finalizers an object is to be deleted with: the collector's own follow the propagation policy."""
    found = list(metadata.get("finalizers") or ())
    if options.policy:
        found = [finalizer for finalizer in found if finalizer not in (ORPHAN, FOREGROUND)]
    if options.policy == "Orphan":
        found.append(ORPHAN)
    elif options.policy == "Foreground":
        found.append(FOREGROUND)
    return found


def _grace(server: Server, rt: ResourceType, obj: Object, options: DeleteOptions) -> int:
    """Seconds a pod has to end; 0 for every other kind, and for pods that no kubelet runs."""
    if rt.storage_key != ("", "pods"):
        return 0
    spec, phase = obj.get("spec") or {}, (obj.get("status") or {}).get("phase")
    if not spec.get("nodeName") or phase in ("Succeeded", "Failed") or not server.kubelet:
        return 0
    if options.grace is not None:
        return options.grace
    already = obj["metadata"].get("deletionGracePeriodSeconds")
    return int(already if already is not None else spec.get("terminationGracePeriodSeconds") or 30)


def _has_content(rt: ResourceType) -> bool:
    return rt.storage_key == ("", "namespaces")
