"""Admission: what a write is completed with, and what forbids it, beyond the rules of its own kind.

Namespace lifecycle, ServiceAccount, Priority, tolerations, LimitRange and ResourceQuota follow the plugins of
kube-apiserver 1.34; the webhooks of the training operator are in training_webhooks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from console.demo.failures import forbidden, not_found
from console.demo.limits import apply_defaults, check_limits
from console.demo.quotas import Quotas, is_extended
from console.demo.training_webhooks import validate_job

if TYPE_CHECKING:
    from console.demo.records import Object
    from console.demo.resources import ResourceType
    from console.demo.store import Store
    from console.demo.tokens import User

_QUOTAS: WeakKeyDictionary[Store, Quotas] = WeakKeyDictionary()
_SYSTEM_CLASSES = {"system-cluster-critical": 2_000_000_000, "system-node-critical": 2_000_001_000}
_GRACE = 300  # seconds a pod stays on a node that is not ready or not reachable


def admit(rt: ResourceType, obj: Object, old: Object | None, operation: str, user: User, store: Store) -> list[str]:
    """Complete `obj` in place and return warnings; ApiFailure where the write is forbidden.

    `operation` is CREATE or UPDATE; `old` is the stored object of an update. Nothing is written, so that a dry run
    needs no difference.
    """
    namespace = str(obj["metadata"].get("namespace") or "") if rt.namespaced else ""
    creating = operation == "CREATE"
    warnings: list[str] = []
    if namespace and creating:
        _check_namespace(rt, obj, namespace, store)
    pod = rt.storage_key == ("", "pods")
    if pod and creating:
        _service_account(rt, obj, namespace, store)
        _priority(rt, obj, store)
        apply_defaults(store, obj, namespace)
        _tolerations(obj["spec"])
    elif pod and old is not None:
        _keep_priority(obj["spec"], old["spec"])
        _outage_tolerations(obj["spec"])
    if creating and rt.storage_key == ("", "persistentvolumeclaims"):
        _default_storage_class(obj, store)
    if creating and rt.storage_key in (("", "pods"), ("", "persistentvolumeclaims")):
        check_limits(store, rt, obj, namespace)
    if rt.storage_key == ("scheduling.k8s.io", "priorityclasses"):
        _one_default_class(rt, obj, store)
    warnings += validate_job(rt, obj, old)
    # Status and metadata of a pod may always be written; only a new one can take more than is there.
    if namespace and (creating or not pod):
        quotas_of(store).check(rt, obj, old, namespace)
    return warnings


def admit_delete(rt: ResourceType, name: str) -> None:
    """ApiFailure 403 for what may never be deleted."""
    if rt.storage_key == ("", "namespaces") and name in ("default", "kube-system", "kube-public"):
        raise forbidden(rt, name, "this namespace may not be deleted")


def quotas_of(store: Store) -> Quotas:
    """The quotas of a store, kept current from the first call on."""
    quotas = _QUOTAS.get(store)
    if quotas is None:
        quotas = _QUOTAS[store] = Quotas(store)
    return quotas


def _check_namespace(rt: ResourceType, obj: Object, namespace: str, store: Store) -> None:
    spaces = store.resources.find("", "v1", "namespaces")
    record = store.record(spaces, "", namespace) if spaces else None
    if spaces and record is None:
        raise not_found(spaces, namespace)
    if record is not None and record.deleting:
        why = f"unable to create new content in namespace {namespace} because it is being terminated"
        failure = forbidden(rt, obj["metadata"].get("name", ""), why)
        cause = {
            "reason": "NamespaceTerminating",
            "message": f"namespace {namespace} is being terminated",
            "field": "metadata.namespace",
        }
        failure.status["details"]["causes"] = [cause]
        raise failure


def _service_account(rt: ResourceType, pod: Object, namespace: str, store: Store) -> None:
    spec = pod["spec"]
    name = spec.get("serviceAccountName") or spec.get("serviceAccount") or "default"
    spec["serviceAccountName"] = spec["serviceAccount"] = name
    accounts = store.resources.find("", "v1", "serviceaccounts")
    account = store.get(accounts, namespace, name) if accounts else None
    # A namespace whose account controller has not come round yet would refuse every pod for a moment.
    if account is None and name != "default":
        why = f'error looking up service account {namespace}/{name}: serviceaccount "{name}" not found'
        raise forbidden(rt, pod["metadata"].get("name", ""), why)
    if account and account.get("imagePullSecrets") and not spec.get("imagePullSecrets"):
        spec["imagePullSecrets"] = account["imagePullSecrets"]


def _priority(rt: ResourceType, pod: Object, store: Store) -> None:
    spec, name = pod["spec"], pod["metadata"].get("name", "")
    wanted = spec.get("priorityClassName")
    found = _priority_class(wanted, store)
    if wanted and found is None:
        raise forbidden(rt, name, f"no PriorityClass with name {wanted} was found")
    value = int(found["value"]) if found else 0
    if spec.get("priority") not in (None, value):
        why = f"the integer value of priority ({spec['priority']}) must not be provided in pod spec; "
        raise forbidden(
            rt, name, f"{why}priority admission controller computed {value} from the given PriorityClass name"
        )
    if found and not wanted:
        spec["priorityClassName"] = found["metadata"]["name"]
    spec["priority"] = value
    policy = (found or {}).get("preemptionPolicy") or "PreemptLowerPriority"
    if spec.get("preemptionPolicy") not in (None, policy):
        why = f"the string value of PreemptionPolicy ({spec['preemptionPolicy']}) must not be provided in pod spec; "
        raise forbidden(
            rt, name, f"{why}priority admission controller computed {policy} from the given PriorityClass name"
        )
    spec["preemptionPolicy"] = policy


def _priority_class(name: str | None, store: Store) -> Object | None:
    rt = store.resources.find("scheduling.k8s.io", "v1", "priorityclasses")
    if rt is None:
        return None
    if name:
        found = store.get(rt, "", name)
        if found is None and name in _SYSTEM_CLASSES:
            return {"metadata": {"name": name}, "value": _SYSTEM_CLASSES[name]}
        return found
    return min(
        (item for item in store.items(rt) if item.get("globalDefault")),
        key=lambda item: int(item.get("value") or 0),
        default=None,
    )


def _one_default_class(rt: ResourceType, obj: Object, store: Store) -> None:
    if not obj.get("globalDefault"):
        return
    name = obj["metadata"].get("name", "")
    for other in store.items(rt):
        if other.get("globalDefault") and other["metadata"]["name"] != name:
            why = f"PriorityClass {other['metadata']['name']} is already marked as default. Only one default can exist"
            raise forbidden(rt, name, why)


def _tolerations(spec: dict[str, Any]) -> None:
    wanted = {
        name
        for field in ("containers", "initContainers")
        for container in spec.get(field) or ()
        for name in (container.get("resources") or {}).get("requests") or {}
        if is_extended(name)
    }
    added: list[dict[str, Any]] = [
        {"key": name, "operator": "Exists", "effect": "NoSchedule"} for name in sorted(wanted)
    ]
    present = spec.get("tolerations") or []
    spec["tolerations"] = [*present, *(toleration for toleration in added if toleration not in present)]
    _outage_tolerations(spec)


def _outage_tolerations(spec: dict[str, Any]) -> None:
    present = spec.get("tolerations") or []
    added = [
        {"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": _GRACE}
        for key in ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")
        if not any(_tolerates(toleration, key) for toleration in present)
    ]
    if present or added:
        spec["tolerations"] = [*present, *added]


def _keep_priority(spec: dict[str, Any], old: dict[str, Any]) -> None:
    """An update that leaves out what the Priority plugin filled in keeps it."""
    for field in ("priority", "preemptionPolicy"):
        if field in old:
            spec.setdefault(field, old[field])


def _tolerates(toleration: dict[str, Any], key: str) -> bool:
    return toleration.get("key", "") in ("", key) and toleration.get("effect", "") in ("", "NoExecute")


def _default_storage_class(claim: Object, store: Store) -> None:
    spec = claim.get("spec") or {}
    rt = store.resources.find("storage.k8s.io", "v1", "storageclasses")
    if rt is None or "storageClassName" in spec:
        return
    mark = "storageclass.kubernetes.io/is-default-class"
    for item in store.items(rt):
        if (item["metadata"].get("annotations") or {}).get(mark) == "true":
            spec["storageClassName"] = item["metadata"]["name"]
            return
