"""ResourceQuota: what every object uses, `status.used` kept current, and the refusal of what would exceed it.

Follows k8s.io/kubernetes pkg/quota/v1/evaluator/core and the resourcequota admission of k8s.io/apiserver 1.34.
Scopes of a quota are not looked at.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from console.demo.amounts import ONE, ZERO, Amount, Amounts, add, listed, parse_amounts, raise_to
from console.demo.collection import DELETED
from console.demo.failures import forbidden, qualified

if TYPE_CHECKING:
    from console.demo.collection import Change
    from console.demo.records import Object, Record
    from console.demo.resources import ResourceType
    from console.demo.store import Store

_COMPUTE = ("cpu", "memory", "ephemeral-storage")
_REQUIRED = ("cpu", "memory", "requests.cpu", "requests.memory", "limits.cpu", "limits.memory")
_FINISHED = ("Succeeded", "Failed")
_COUNTED = (  # resources with a quota name of their own beside count/<resource>
    "pods",
    "services",
    "persistentvolumeclaims",
    "configmaps",
    "secrets",
    "replicationcontrollers",
    "resourcequotas",
)
FLUSH_AFTER = 0.1  # seconds from a change to the new status.used
Key = tuple[tuple[str, str], str]  # storage key, name


def is_extended(name: str) -> bool:
    """Whether a resource is an extended one (`nvidia.com/gpu`)."""
    return "/" in name and not name.startswith(("requests.", "kubernetes.io/")) and ".kubernetes.io/" not in name


def pod_amounts(spec: Object, which: str) -> Amounts:
    """Requests or limits of a whole pod: containers and sidecars together, or more where an init container needs it."""
    running: Amounts = {}
    for container in spec.get("containers") or ():
        add(running, parse_amounts((container.get("resources") or {}).get(which)))
    sidecars: Amounts = {}
    peak: Amounts = {}
    for container in spec.get("initContainers") or ():
        own = parse_amounts((container.get("resources") or {}).get(which))
        if container.get("restartPolicy") == "Always":
            add(running, own)
            add(sidecars, own)
            raise_to(peak, sidecars)
        else:
            add(own, sidecars)
            raise_to(peak, own)
    raise_to(running, peak)
    add(running, parse_amounts(spec.get("overhead")))
    return running


def _quota_names(requests: Amounts, limits: Amounts) -> Amounts:
    found: Amounts = {}
    for name in _COMPUTE:
        if name in requests:
            found[name] = found[f"requests.{name}"] = requests[name]
        if name in limits:
            found[f"limits.{name}"] = limits[name]
    for name, amount in requests.items():
        if is_extended(name) or name.startswith("hugepages-"):
            found[f"requests.{name}"] = amount
    return found


def usage(rt: ResourceType, obj: Object) -> Amounts:
    """What one object counts for, by quota name."""
    found: Amounts = {f"count/{qualified(rt.group, rt.plural)}": ONE}
    key = rt.storage_key
    if key == ("", "pods"):
        if (obj.get("status") or {}).get("phase") not in _FINISHED:
            spec = obj.get("spec") or {}
            found["pods"] = ONE
            found |= _quota_names(pod_amounts(spec, "requests"), pod_amounts(spec, "limits"))
    elif key[0] == "" and key[1] in _COUNTED:
        found[key[1]] = ONE
    spec = obj.get("spec") or {}
    if key == ("", "persistentvolumeclaims"):
        storage = parse_amounts((spec.get("resources") or {}).get("requests")).get("storage", ZERO)
        found["requests.storage"] = storage
        if spec.get("storageClassName"):
            prefix = f"{spec['storageClassName']}.storageclass.storage.k8s.io"
            found[f"{prefix}/requests.storage"] = storage
            found[f"{prefix}/persistentvolumeclaims"] = ONE
    elif key == ("", "services"):
        ports = Amount(ONE.value * len(spec.get("ports") or ()))
        if spec.get("type") in ("NodePort", "LoadBalancer"):
            found["services.nodeports"] = ports
        if spec.get("type") == "LoadBalancer":
            found["services.loadbalancers"] = ONE
    return found


class _Space:
    """What a namespace's objects count for, each and together."""

    __slots__ = ("entries", "total")

    def __init__(self) -> None:
        self.entries: dict[Key, Amounts] = {}
        self.total: Amounts = {}

    def enter(self, key: Key, amounts: Amounts) -> None:
        self.leave(key)
        self.entries[key] = amounts
        add(self.total, amounts)

    def leave(self, key: Key) -> None:
        for name, amount in self.entries.pop(key, {}).items():
            self.total[name] -= amount


class Quotas:
    """The quotas of a cluster. A namespace's objects are counted once it has a quota, and by their changes after."""

    def __init__(self, store: Store) -> None:
        self._store = store
        quota_type = store.resources.find("", "v1", "resourcequotas")
        if quota_type is None:
            raise LookupError("resourcequotas")
        self._rt = quota_type
        self._spaces: dict[str, _Space] = {}
        self._unseen: dict[str, Amounts] = {}  # by quota uid: used already when the quota was first seen
        self._dirty: set[str] = set()
        self._due: asyncio.TimerHandle | None = None
        store.changed.append(self._on_change)

    def check(self, rt: ResourceType, obj: Object, old: Object | None, namespace: str) -> None:
        """ApiFailure 403 where an object, if written, would exceed a quota of its namespace."""
        quotas = (
            list(self._store.items(self._rt, namespace)) if self._store.collection(self._rt).count(namespace) else []
        )
        if not quotas or rt is self._rt:
            return
        name = obj["metadata"].get("name", "")
        asked = usage(rt, obj)
        before = usage(rt, old) if old is not None else {}
        for quota in quotas:
            hard = parse_amounts((quota.get("spec") or {}).get("hard"))
            if old is None and rt.storage_key == ("", "pods"):
                self._require(rt, obj, quota["metadata"]["name"], hard)
            delta = {key: asked[key] - before.get(key, ZERO) for key in hard if key in asked}
            used = self._total(namespace, quota)
            over = sorted(
                key for key, more in delta.items() if more.value > 0 and (used[key] + more).value > hard[key].value
            )
            if over:
                texts = [listed({key: amounts[key] for key in over}) for amounts in (delta, used, hard)]
                why = f"exceeded quota: {quota['metadata']['name']}, requested: {texts[0]}, used: {texts[1]}, "
                raise forbidden(rt, name, f"{why}limited: {texts[2]}")

    def flush(self) -> None:
        """Write `status.used` of the quotas whose namespace changed."""
        if self._due is not None:
            self._due.cancel()
            self._due = None
        for namespace in sorted(self._dirty):
            self._dirty.discard(namespace)
            for quota in list(self._store.items(self._rt, namespace)):
                hard = (quota.get("spec") or {}).get("hard") or {}
                used = {key: str(amount) for key, amount in self._total(namespace, quota).items()}
                status = {"hard": dict(hard), "used": used}
                if quota.get("status") != status and not quota["metadata"].get("deletionTimestamp"):
                    self._store.put(self._rt, {**quota, "status": status})

    def _require(self, rt: ResourceType, pod: Object, quota: str, hard: Amounts) -> None:
        missing: dict[str, list[str]] = {}
        spec = pod.get("spec") or {}
        for container in (*(spec.get("containers") or ()), *(spec.get("initContainers") or ())):
            resources = container.get("resources") or {}
            given = _quota_names(parse_amounts(resources.get("requests")), parse_amounts(resources.get("limits")))
            for name in _REQUIRED:
                if name in hard and name not in given:
                    missing.setdefault(name, []).append(str(container.get("name")))
        if missing:
            parts = "; ".join(f"{name} for: {','.join(sorted(missing[name]))}" for name in sorted(missing))
            raise forbidden(rt, pod["metadata"].get("name", ""), f"failed quota: {quota}: must specify {parts}")

    def _total(self, namespace: str, quota: Object) -> Amounts:
        hard = (quota.get("spec") or {}).get("hard") or {}
        total = self._space(namespace).total
        counted = {name: total.get(name, ZERO) for name in hard}
        uid = str(quota["metadata"].get("uid", ""))
        unseen = self._unseen.get(uid)
        if unseen is None:
            # A world file may show a namespace only in part: what its quota says is used stays used.
            given = parse_amounts((quota.get("status") or {}).get("used"))
            unseen = {name: given[name] - counted[name] for name in counted if name in given}
            unseen = {name: amount for name, amount in unseen.items() if amount.value > 0}
            self._unseen[uid] = unseen
        add(counted, {name: amount for name, amount in unseen.items() if name in counted})
        return counted

    def _space(self, namespace: str) -> _Space:
        space = self._spaces.get(namespace)
        if space is None:
            space = self._spaces[namespace] = _Space()
            for _, collection in self._store.held():
                if collection.count(namespace):
                    for record in list(collection.records(namespace)):
                        self._enter(space, record)
        return space

    def _enter(self, space: _Space, record: Record) -> None:
        obj = record.decode()
        rt = self._store.resources.of_object(obj.get("apiVersion", ""), obj.get("kind", ""))
        if rt is not None:
            space.enter((rt.storage_key, record.name), usage(rt, obj))

    def _on_change(self, rt: ResourceType, change: Change) -> None:
        namespace = change.record.namespace
        if not namespace:
            return
        is_quota = rt.storage_key == self._rt.storage_key
        if not is_quota and not self._store.collection(self._rt).count(namespace):
            self._spaces.pop(namespace, None)
            return
        space = self._spaces.get(namespace)
        if space is not None:
            if change.type == DELETED:
                space.leave((rt.storage_key, change.record.name))
            elif not _counts_the_same(rt, change):
                self._enter(space, change.record)
            elif not is_quota:
                return
        self._dirty.add(namespace)
        self._schedule()

    def _schedule(self) -> None:
        if self._due is not None:
            return
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return  # no server runs yet; the first check or change under a loop catches up
        self._due = loop.call_later(FLUSH_AFTER, self._flush_due)

    def _flush_due(self) -> None:
        self._due = None
        self.flush()


def _counts_the_same(rt: ResourceType, change: Change) -> bool:
    """Whether an update cannot have changed what an object counts for, told without decoding it."""
    if change.before is None:
        return False
    if rt.storage_key == ("", "pods"):
        index = next(i for i, (label, _) in enumerate(rt.selectable) if label == "status.phase")
        before, now = change.before.fields[index] in _FINISHED, change.record.fields[index] in _FINISHED
        return before == now
    return rt.storage_key not in (("", "persistentvolumeclaims"), ("", "services"))
