"""Subresources that change an object in their own way: scale, binding, eviction, finalize, containers of pods."""

from __future__ import annotations

from dataclasses import replace as with_changes
from typing import TYPE_CHECKING, Any

from console.demo import failures
from console.demo.answers import Answer, json_answer
from console.demo.deleting import DeleteOptions, delete_object, finish_deletion, read_options
from console.demo.failures import Cause
from console.demo.patching import apply_patch
from console.demo.reading import object_answer
from console.demo.resources import ResourceType
from console.demo.selecting import select
from console.demo.server import require
from console.demo.writing import commit, patch, replace

if TYPE_CHECKING:
    from collections.abc import Callable

    from console.demo.records import Object
    from console.demo.resources import Scale
    from console.demo.server import Call


_BINDING = ResourceType("", "v1", "pods/binding", "Binding", "", True)


def handle(call: Call) -> Answer:
    """Answer a request for a subresource that is an object; ApiFailure 404 or 405 for one that is not served."""
    known = call.rt.subresource(call.info.subresource)
    if known is None:
        raise failures.no_such_path()
    if call.info.verb not in known.verbs:
        raise failures.method_not_allowed()
    special = _SPECIAL.get(call.info.subresource)
    if special is not None:
        return special(call)
    return _whole_object(call)


def _whole_object(call: Call) -> Answer:
    """status, resize, ephemeralcontainers, approval: the object itself, of which only a part is taken."""
    if call.info.verb == "get":
        return object_answer(call, _current(call))
    return patch(call) if call.info.verb == "patch" else replace(call)


def _current(call: Call) -> Object:
    obj = call.store.get(call.rt, call.namespace, call.info.name)
    if obj is None:
        raise failures.not_found(call.rt, call.info.name)
    return obj


def _scale(call: Call) -> Answer:
    obj, paths = _current(call), call.rt.scale
    if paths is None:
        raise failures.no_such_path()
    shown = _scale_of(obj, paths)
    if call.info.verb == "get":
        return json_answer(shown)
    patching = call.info.verb == "patch"
    wanted = apply_patch(call.content_type, call.body, shown, None) if patching else call.object()
    version = wanted.get("metadata", {}).get("resourceVersion")
    if version and version != obj["metadata"].get("resourceVersion"):
        raise failures.conflict(call.rt, call.info.name)
    replicas = (wanted.get("spec") or {}).get("replicas", 0)
    if not isinstance(replicas, int) or isinstance(replicas, bool) or replicas < 0:
        message = f"Invalid value: {replicas}: must be greater than or equal to 0"
        raise failures.invalid("autoscaling", "Scale", call.info.name, [Cause("spec.replicas", message)])
    _set(obj, paths.spec_path, replicas)
    current = _current(call)
    return json_answer(_scale_of(commit(call, current, obj), paths))


def _scale_of(obj: Object, paths: Scale) -> Object:
    metadata = obj["metadata"]
    keep = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
    status: Object = {"replicas": _get(obj, paths.status_path) or 0}
    selector = _get(obj, paths.selector_path or "spec.selector")
    if selector:
        status["selector"] = selector if isinstance(selector, str) else _selector_text(selector)
    return {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": {key: metadata[key] for key in keep if key in metadata},
        "spec": {"replicas": _get(obj, paths.spec_path) or 0},
        "status": status,
    }


def _selector_text(selector: dict[str, Any]) -> str:
    labels = selector.get("matchLabels") if "matchLabels" in selector or "matchExpressions" in selector else selector
    terms = [f"{key}={value}" for key, value in sorted((labels or {}).items())]
    for term in selector.get("matchExpressions") or ():
        values = f" ({','.join(sorted(term.get('values') or ()))})" if term.get("values") else ""
        word = {"In": " in", "NotIn": " notin", "Exists": "", "DoesNotExist": ""}.get(term["operator"], "")
        negation = "!" if term["operator"] == "DoesNotExist" else ""
        terms.append(f"{negation}{term['key']}{word}{values}")
    return ",".join(terms)


def _get(obj: Object, path: str) -> Any:
    value: Any = obj
    for part in path.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value


def _set(obj: Object, path: str, value: Any) -> None:
    *parents, last = path.split(".")
    for part in parents:
        obj = obj.setdefault(part, {})
    obj[last] = value


def bind(call: Call) -> Answer:
    """Bind a pod to a node: `pods/binding`, or a POST to `bindings`."""
    body = call.object()
    node = (body.get("target") or {}).get("name")
    name = body["metadata"].get("name", "")
    if call.info.name and name != call.info.name:
        raise failures.bad_request("name in URL does not match name in Binding object")
    pod = call.store.get(call.rt, call.namespace, name)
    if pod is None:
        raise failures.not_found(call.rt, name)
    if not node:
        message = "Required value"
        raise failures.invalid("", "Binding", name, [Cause("target.name", message, "FieldValueRequired")])
    if pod["metadata"].get("deletionTimestamp"):
        raise failures.conflict(_BINDING, name, f"pod {name} is being deleted, cannot be assigned to a host")
    if pod["spec"].get("nodeName"):
        why = f'pod {name} is already assigned to node "{pod["spec"]["nodeName"]}"'
        raise failures.conflict(_BINDING, name, why)
    if not call.dry_run:
        pod["spec"]["nodeName"] = node
        pod["metadata"]["annotations"] = {
            **(pod["metadata"].get("annotations") or {}),
            **(body["metadata"].get("annotations") or {}),
        }
        if not pod["metadata"]["annotations"]:
            del pod["metadata"]["annotations"]
        status = pod.setdefault("status", {})
        conditions = [c for c in status.get("conditions") or () if c["type"] != "PodScheduled"]
        scheduled = {"type": "PodScheduled", "status": "True", "lastProbeTime": None}
        status["conditions"] = [*conditions, scheduled | {"lastTransitionTime": call.store.timestamp()}]
        call.store.put(call.rt, pod)
    return json_answer({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}, 201)


def _eviction(call: Call) -> Answer:
    body = call.object()
    pod = _current(call)
    options = read_options(with_changes(call, body=b""))
    given = body.get("deleteOptions") or {}
    preconditions = given.get("preconditions") or {}
    options = DeleteOptions(
        grace=given.get("gracePeriodSeconds", options.grace),
        uid=preconditions.get("uid") or "",
        version=preconditions.get("resourceVersion") or "",
        dry_run=options.dry_run or "All" in (given.get("dryRun") or ()),
    )
    finished = (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed", "Pending")
    if not finished and not pod["metadata"].get("deletionTimestamp"):
        _spend_budget(call, pod, options.dry_run)
    delete_object(call.server, call.rt, pod, options)
    return json_answer({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}, 201)


def _spend_budget(call: Call, pod: Object, dry_run: bool) -> None:
    """Take one disruption from the budget that covers a pod; 429 where there is none left."""
    rt = require(call.store.resources.find("policy", "v1", "poddisruptionbudgets"))
    record = call.store.record(call.rt, call.namespace, pod["metadata"]["name"])
    covering = [
        budget
        for budget in call.store.items(rt, call.namespace)
        if select(call.rt, _selector_text((budget.get("spec") or {}).get("selector") or {}), "").matches(record)
        and (budget.get("spec") or {}).get("selector") is not None
    ]
    if len(covering) > 1:
        raise failures.internal(
            "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support."
        )
    for budget in covering:
        name, status = budget["metadata"]["name"], budget.get("status") or {}
        if status.get("disruptionsAllowed", 0) <= 0:
            healthy, wanted = status.get("currentHealthy", 0), status.get("desiredHealthy", 0)
            cause = Cause(
                "",
                f"The disruption budget {name} needs {wanted} healthy pods and has {healthy} currently",
                "DisruptionBudget",
            )
            message = "Cannot evict pod as it would violate the pod's disruption budget."
            raise failures.too_many_requests(message, 0, [cause])
        if not dry_run:
            disrupted = {**(status.get("disruptedPods") or {}), pod["metadata"]["name"]: call.store.timestamp()}
            left = {"disruptionsAllowed": status["disruptionsAllowed"] - 1, "disruptedPods": disrupted}
            call.store.put(rt, {**budget, "status": {**status, **left}})


def _finalize(call: Call) -> Answer:
    """namespaces/finalize: the only way to take spec.finalizers away."""
    wanted, current = call.object(), _current(call)
    current["spec"] = {**(current.get("spec") or {}), "finalizers": (wanted.get("spec") or {}).get("finalizers") or []}
    if not current["spec"]["finalizers"]:
        del current["spec"]["finalizers"]
    if call.dry_run:
        return object_answer(call, current)
    metadata = current["metadata"]
    if (
        metadata.get("deletionTimestamp")
        and not metadata.get("finalizers")
        and finish_deletion(call.server, call.rt, current)
    ):
        return object_answer(call, current)
    return object_answer(call, call.store.put(call.rt, current))


def _token(call: Call) -> Answer:
    """serviceaccounts/token: a bearer token of the account."""
    given = call.object()
    about = {"namespace": call.namespace, "name": call.info.name, "subresource": "token"}
    return json_answer(call.server.access.review(call.rt, given, call.user, **about), 201)


_SPECIAL: dict[str, Callable[[Call], Answer]] = {
    "scale": _scale,
    "binding": bind,
    "eviction": _eviction,
    "finalize": _finalize,
    "token": _token,
}
