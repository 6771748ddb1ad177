"""What kube-apiserver refuses in built-in objects other than pods, in its words.

Facts: k8s.io/kubernetes pkg/apis/*/validation, 1.34. Names, labels and other metadata are checked elsewhere.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from console.demo import causes, quantities
from console.demo import workload_rules as workloads
from console.demo.pod_rules import difference, label_causes, labels_causes, pod_causes, port_causes, quantity_causes

if TYPE_CHECKING:
    from collections.abc import Callable

    from console.demo.failures import Cause
    from console.demo.resources import ResourceType

Object = dict[str, Any]

_RBAC = "rbac.authorization.k8s.io"
_KEY = re.compile(r"[-._a-zA-Z0-9]+")
_KEY_RULE = (
    "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or "
    "'key-name', regex used for validation is '[-._a-zA-Z0-9]+')"
)
_MAX_DATA = 1024 * 1024  # bytes
_TOP_PRIORITY = 1_000_000_000
_MODES = ("ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod")


def builtin_causes(rt: ResourceType, obj: Object, old: Object | None) -> list[Cause]:
    """What is wrong with an object of a built-in type."""
    rule = _RULES.get((rt.group, rt.kind))
    return rule(obj, old) if rule else []


def _spec(obj: Object | None) -> Object:
    return (obj or {}).get("spec") or {}


def _service(obj: Object, old: Object | None) -> list[Cause]:
    spec, before = _spec(obj), _spec(old)
    kind, headless = spec.get("type"), spec.get("clusterIP") == "None"
    kinds = ("ClusterIP", "ExternalName", "LoadBalancer", "NodePort")
    found = [] if kind in kinds else [causes.unsupported("spec.type", kind, kinds)]
    ports = spec.get("ports") or []
    if not ports and not headless and kind != "ExternalName":
        found.append(causes.required("spec.ports"))
    if kind == "ExternalName" and not spec.get("externalName"):
        found.append(causes.required("spec.externalName"))
    names: set[str] = set()
    used: set[tuple[Any, Any]] = set()
    for index, port in enumerate(ports):
        at = f"spec.ports[{index}]"
        name = port.get("name") or ""
        if not name and len(ports) > 1:
            found.append(causes.required(f"{at}.name"))
        elif name:
            found += label_causes(f"{at}.name", name)
            if name in names:
                found.append(causes.duplicate(f"{at}.name", name))
            names.add(name)
        found += port_causes(f"{at}.port", port.get("port"))
        if port.get("protocol") not in ("SCTP", "TCP", "UDP"):
            found.append(causes.unsupported(f"{at}.protocol", port.get("protocol"), ("SCTP", "TCP", "UDP")))
        if kind == "ClusterIP" and port.get("nodePort"):
            found.append(causes.forbidden(f"{at}.nodePort", "may not be used when `type` is 'ClusterIP'"))
        key = (port.get("protocol"), port.get("port"))
        if key in used:
            found.append(causes.duplicate(at, {"protocol": key[0], "port": key[1]}))
        used.add(key)
    found += labels_causes(spec.get("selector"), "spec.selector")
    affinities = ("ClientIP", "None")
    if spec.get("sessionAffinity") not in affinities:
        found.append(causes.unsupported("spec.sessionAffinity", spec.get("sessionAffinity"), affinities))
    address, was = spec.get("clusterIP"), before.get("clusterIP")
    if was and address != was and "ExternalName" not in (kind, before.get("type")):
        found.append(causes.invalid("spec.clusterIPs[0]", [address], "may not change once set"))
    return found


def _claim(obj: Object, old: Object | None) -> list[Cause]:
    spec, before = _spec(obj), _spec(old)
    if old is not None and spec == before:
        return []
    found = []
    if not spec.get("accessModes"):
        found.append(causes.required("spec.accessModes", "at least 1 access mode is required"))
    unknown = (mode for mode in spec.get("accessModes") or () if mode not in _MODES)
    found += [causes.unsupported("spec.accessModes", mode, _MODES) for mode in unknown]
    asked = ((spec.get("resources") or {}).get("requests") or {}).get("storage")
    if asked is None:
        found.append(causes.required("spec.resources[storage]"))
    elif quantities.amount(str(asked)) <= 0:
        found.append(causes.invalid("spec.resources[storage]", str(asked), "must be greater than zero"))
    return found + (_claim_update(obj, old) if old is not None and not found else [])


def _claim_update(obj: Object, old: Object) -> list[Cause]:
    spec, before = _spec(obj), _spec(old)
    bound = (old.get("status") or {}).get("phase") == "Bound"
    free = {"resources", "volumeAttributesClassName"} if bound else set()
    free |= set() if before.get("volumeName") else {"volumeName"}
    free |= set() if before.get("storageClassName") else {"storageClassName"}
    changed = [k for k in sorted(spec.keys() | before.keys()) if spec.get(k) != before.get(k) and k not in free]
    found = []
    if changed:
        text = (
            "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims"
        )
        shown = difference("core.PersistentVolumeClaimSpec", before, spec, changed)
        found.append(causes.forbidden("spec", f"{text}\n{shown}"))
    sizes = [quantities.amount(str(s["resources"]["requests"]["storage"])) for s in (spec, before)]
    if sizes[0] < sizes[1]:
        at = "spec.resources.requests.storage"
        found.append(causes.forbidden(at, "field can not be less than status.capacity"))
    return found


def _data(obj: Object, old: Object | None) -> list[Cause]:
    """ConfigMap and Secret."""
    found: list[Cause] = []
    size = 0
    for bag in ("data", "binaryData"):
        for key, value in (obj.get(bag) or {}).items():
            size += len(value)
            if not _KEY.fullmatch(key) or key in (".", "..") or len(key) > 253:
                found.append(causes.invalid(f"{bag}[{key}]", key, _KEY_RULE))
    if size > _MAX_DATA * (4 / 3 if obj.get("kind") == "Secret" else 1):
        found.append(causes.too_long("data" if obj.get("kind") == "Secret" else "", _MAX_DATA))
    if old is not None and old.get("immutable"):
        text = "field is immutable when `immutable` is set"
        if not obj.get("immutable"):
            found.append(causes.forbidden("immutable", text))
        found += [causes.forbidden(bag, text) for bag in ("data", "binaryData") if obj.get(bag) != old.get(bag)]
    return found


def _secret(obj: Object, old: Object | None) -> list[Cause]:
    found = _data(obj, old)
    if old is not None and obj.get("type") != old.get("type"):
        found.append(causes.invalid("type", obj.get("type"), "field is immutable"))
    needed = {"kubernetes.io/dockerconfigjson": (".dockerconfigjson",), "kubernetes.io/tls": ("tls.crt", "tls.key")}
    for key in needed.get(obj.get("type", ""), ()):
        if key not in (obj.get("data") or {}):
            found.append(causes.required(f"data[{key}]"))
    return found


def _binding(obj: Object, old: Object | None) -> list[Cause]:
    role = obj.get("roleRef") or {}
    kinds = ["ClusterRole"] if obj.get("kind") == "ClusterRoleBinding" else ["Role", "ClusterRole"]
    found = []
    if role.get("apiGroup") != _RBAC:
        found.append(causes.unsupported("roleRef.apiGroup", role.get("apiGroup"), [_RBAC]))
    if role.get("kind") not in kinds:
        found.append(causes.unsupported("roleRef.kind", role.get("kind") or "", kinds))
    if not role.get("name"):
        found.append(causes.required("roleRef.name"))
    for index, subject in enumerate(obj.get("subjects") or ()):
        at = f"subjects[{index}]"
        if not subject.get("name"):
            found.append(causes.required(f"{at}.name"))
        if subject.get("kind") not in ("ServiceAccount", "User", "Group"):
            allowed = ("ServiceAccount", "User", "Group")
            found.append(causes.unsupported(f"{at}.kind", subject.get("kind") or "", allowed))
        elif subject["kind"] == "ServiceAccount" and not subject.get("namespace"):
            found.append(causes.required(f"{at}.namespace"))
    if old is not None and role != old.get("roleRef"):
        found.append(causes.invalid("roleRef", role, "cannot change roleRef"))
    return found


def _role(obj: Object, old: Object | None) -> list[Cause]:
    del old
    found = []
    for index, rule in enumerate(obj.get("rules") or ()):
        at = f"rules[{index}]"
        if not rule.get("verbs"):
            found.append(causes.required(f"{at}.verbs", "verbs must contain at least one value"))
        if rule.get("nonResourceURLs"):
            continue
        if not rule.get("apiGroups"):
            text = "resource rules must supply at least one api group"
            found.append(causes.required(f"{at}.apiGroups", text))
        if not rule.get("resources"):
            found.append(causes.required(f"{at}.resources", "resource rules must supply at least one resource"))
    return found


def _quota(obj: Object, old: Object | None) -> list[Cause]:
    del old
    hard = _spec(obj).get("hard") or {}
    return [cause for name, value in hard.items() for cause in quantity_causes(name, value, f"spec.hard[{name}]")]


def _priority_class(obj: Object, old: Object | None) -> list[Cause]:
    found = []
    value = obj.get("value", 0)
    if not obj["metadata"].get("name", "").startswith("system-") and value > _TOP_PRIORITY:
        text = f"maximum allowed value of a user defined priority is {_TOP_PRIORITY}"
        found.append(causes.forbidden("value", text))
    if old is not None and value != old.get("value", 0):
        found.append(causes.forbidden("value", "may not be changed in an update."))
    return found


def _storage_class(obj: Object, old: Object | None) -> list[Cause]:
    found = [] if obj.get("provisioner") else [causes.required("provisioner")]
    if old is not None:
        changed = (key for key in ("parameters", "provisioner", "reclaimPolicy") if obj.get(key) != old.get(key))
        found += [causes.forbidden(key, f"updates to {key} are forbidden.") for key in changed]
        if obj.get("volumeBindingMode") != old.get("volumeBindingMode"):
            found.append(causes.invalid("volumeBindingMode", obj.get("volumeBindingMode"), "field is immutable"))
    return found


def _autoscaler(obj: Object, old: Object | None) -> list[Cause]:
    del old
    spec = _spec(obj)
    low, high = spec.get("minReplicas", 1), spec.get("maxReplicas", 0)
    found = []
    if low < 1:
        found.append(causes.invalid("spec.minReplicas", low, "must be greater than or equal to 1"))
    if high < 1:
        found.append(causes.invalid("spec.maxReplicas", high, "must be greater than 0"))
    elif high < low:
        found.append(causes.invalid("spec.maxReplicas", high, "must be greater than or equal to `minReplicas`"))
    target = spec.get("scaleTargetRef") or {}
    return found + [causes.required(f"spec.scaleTargetRef.{key}") for key in ("kind", "name") if not target.get(key)]


def _definition(obj: Object, old: Object | None) -> list[Cause]:
    """CustomResourceDefinition."""
    del old
    spec = _spec(obj)
    names, versions = spec.get("names") or {}, spec.get("versions") or []
    found = [causes.required(f"spec.names.{key}") for key in ("plural", "kind") if not names.get(key)]
    if not spec.get("group"):
        found.append(causes.required("spec.group"))
    if spec.get("scope") not in ("Cluster", "Namespaced"):
        found.append(causes.unsupported("spec.scope", spec.get("scope") or "", ("Cluster", "Namespaced")))
    name = obj["metadata"].get("name", "")
    if not found and name != f"{names['plural']}.{spec['group']}":
        found.append(causes.invalid("metadata.name", name, 'must be spec.names.plural+"."+spec.group'))
    if sum(bool(version.get("storage")) for version in versions) != 1:
        text = "must have exactly one version marked as storage version"
        found.append(causes.invalid("spec.versions", versions and [v.get("name") for v in versions], text))
    for index, version in enumerate(versions):
        if not (version.get("schema") or {}).get("openAPIV3Schema"):
            found.append(causes.required(f"spec.versions[{index}].schema.openAPIV3Schema", "schemas are required"))
    return found


_RULES: dict[tuple[str, str], Callable[[Object, Object | None], list[Cause]]] = {
    ("", "Pod"): pod_causes,
    ("", "Service"): _service,
    ("", "PersistentVolumeClaim"): _claim,
    ("", "ConfigMap"): _data,
    ("", "Secret"): _secret,
    ("", "ResourceQuota"): _quota,
    ("apps", "Deployment"): workloads.replicated("deployment"),
    ("apps", "ReplicaSet"): workloads.replicated("deployment"),
    ("apps", "DaemonSet"): workloads.replicated("daemonset"),
    ("apps", "StatefulSet"): workloads.stateful_set,
    ("batch", "Job"): workloads.job,
    ("batch", "CronJob"): workloads.cron_job,
    ("autoscaling", "HorizontalPodAutoscaler"): _autoscaler,
    ("scheduling.k8s.io", "PriorityClass"): _priority_class,
    ("storage.k8s.io", "StorageClass"): _storage_class,
    ("apiextensions.k8s.io", "CustomResourceDefinition"): _definition,
    (_RBAC, "Role"): _role,
    (_RBAC, "ClusterRole"): _role,
    (_RBAC, "RoleBinding"): _binding,
    (_RBAC, "ClusterRoleBinding"): _binding,
}
