"""Table rows of everything else that is built in: nodes, namespaces, storage, access, policies, events.

Facts: k8s.io/kubernetes pkg/printers/internalversion/printers.go, 1.34.
"""

from __future__ import annotations

from typing import Any

from console.demo.cells import condition, created, human_duration, part, selector_text, since

Object = dict[str, Any]


def node(obj: Object, now: float) -> list[Any]:
    """Node."""
    ready = condition(part(obj, "status").get("conditions"), "Ready")
    words = ["Unknown" if not ready else "Ready" if ready.get("status") == "True" else "NotReady"]
    if part(obj, "spec").get("unschedulable"):
        words.append("SchedulingDisabled")
    info = part(obj, "status", "nodeInfo")
    addresses = part(obj, "status").get("addresses") or ()
    return [
        obj["metadata"]["name"],
        ",".join(words),
        _roles(obj["metadata"].get("labels") or {}),
        created(obj, now),
        info.get("kubeletVersion", ""),
        *(
            next((a["address"] for a in addresses if a.get("type") == kind), "<none>")
            for kind in ("InternalIP", "ExternalIP")
        ),
        *(info.get(key) or "<unknown>" for key in ("osImage", "kernelVersion", "containerRuntimeVersion")),
    ]


def _roles(labels: Object) -> str:
    prefix = "node-role.kubernetes.io/"
    roles = {key.removeprefix(prefix) for key in labels if key.startswith(prefix)} | {
        labels.get("kubernetes.io/role", "")
    }
    return ",".join(sorted(roles - {""})) or "<none>"


def namespace(obj: Object, now: float) -> list[Any]:
    """Namespace."""
    return [obj["metadata"]["name"], part(obj, "status").get("phase", ""), created(obj, now)]


def config_map(obj: Object, now: float) -> list[Any]:
    """ConfigMap."""
    return [obj["metadata"]["name"], len(part(obj, "data")) + len(part(obj, "binaryData")), created(obj, now)]


def secret(obj: Object, now: float) -> list[Any]:
    """Secret."""
    return [obj["metadata"]["name"], obj.get("type", ""), len(part(obj, "data")), created(obj, now)]


def service_account(obj: Object, now: float) -> list[Any]:
    """ServiceAccount."""
    return [obj["metadata"]["name"], len(obj.get("secrets") or ()), created(obj, now)]


_MODES = (
    ("ReadWriteOnce", "RWO"),
    ("ReadOnlyMany", "ROX"),
    ("ReadWriteMany", "RWX"),
    ("ReadWriteOncePod", "RWOP"),
)
_CLASS = "volume.beta.kubernetes.io/storage-class"


def _modes(modes: list[str] | None) -> str:
    return ",".join(short for mode, short in _MODES if mode in (modes or ()))


def _storage_class(obj: Object) -> str:
    annotations = obj["metadata"].get("annotations") or {}
    return str(annotations.get(_CLASS) or part(obj, "spec").get("storageClassName") or "")


def _phase(obj: Object) -> str:
    if obj["metadata"].get("deletionTimestamp"):
        return "Terminating"
    return str(part(obj, "status").get("phase", ""))


def volume(obj: Object, now: float) -> list[Any]:
    """PersistentVolume."""
    spec = part(obj, "spec")
    claim = spec.get("claimRef")
    return [
        obj["metadata"]["name"],
        str(part(spec, "capacity").get("storage", "0")),
        _modes(spec.get("accessModes")),
        spec.get("persistentVolumeReclaimPolicy", ""),
        _phase(obj),
        f"{claim.get('namespace', '')}/{claim.get('name', '')}" if claim else "",
        _storage_class(obj),
        spec.get("volumeAttributesClassName") or "<unset>",
        part(obj, "status").get("reason", ""),
        created(obj, now),
        spec.get("volumeMode") or "<unset>",
    ]


def volume_claim(obj: Object, now: float) -> list[Any]:
    """PersistentVolumeClaim."""
    spec, status = part(obj, "spec"), part(obj, "status")
    bound = bool(spec.get("volumeName"))
    return [
        obj["metadata"]["name"],
        _phase(obj),
        spec.get("volumeName", ""),
        str(part(status, "capacity").get("storage", "0")) if bound else "",
        _modes(status.get("accessModes")) if bound else "",
        _storage_class(obj),
        spec.get("volumeAttributesClassName") or "<unset>",
        created(obj, now),
        spec.get("volumeMode") or "<unset>",
    ]


def storage_class(obj: Object, now: float) -> list[Any]:
    """StorageClass."""
    annotations = obj["metadata"].get("annotations") or {}
    keys = ("storageclass.kubernetes.io/is-default-class", "storageclass.beta.kubernetes.io/is-default-class")
    default = " (default)" if any(annotations.get(key) == "true" for key in keys) else ""
    return [
        obj["metadata"]["name"] + default,
        obj.get("provisioner", ""),
        obj.get("reclaimPolicy") or "Delete",
        obj.get("volumeBindingMode") or "Immediate",
        bool(obj.get("allowVolumeExpansion")),
        created(obj, now),
    ]


def volume_attributes_class(obj: Object, now: float) -> list[Any]:
    """VolumeAttributesClass."""
    return [obj["metadata"]["name"], obj.get("driverName", ""), created(obj, now)]


def volume_attachment(obj: Object, now: float) -> list[Any]:
    """VolumeAttachment."""
    spec = part(obj, "spec")
    return [
        obj["metadata"]["name"],
        spec.get("attacher", ""),
        part(spec, "source").get("persistentVolumeName") or "",
        spec.get("nodeName", ""),
        bool(part(obj, "status").get("attached")),
        created(obj, now),
    ]


def csi_node(obj: Object, now: float) -> list[Any]:
    """CSINode."""
    return [obj["metadata"]["name"], len(part(obj, "spec").get("drivers") or ()), created(obj, now)]


def csi_driver(obj: Object, now: float) -> list[Any]:
    """CSIDriver."""
    spec = part(obj, "spec")
    requests = spec.get("tokenRequests")
    return [
        obj["metadata"]["name"],
        spec.get("attachRequired", True),
        bool(spec.get("podInfoOnMount")),
        bool(spec.get("storageCapacity")),
        "<unset>" if requests is None else ",".join(request.get("audience", "") for request in requests),
        bool(spec.get("requiresRepublish")),
        ",".join(spec.get("volumeLifecycleModes") or ()) or "<none>",
        created(obj, now),
    ]


def csi_capacity(obj: Object, now: float) -> list[Any]:
    """CSIStorageCapacity."""
    del now
    return [obj["metadata"]["name"], obj.get("storageClassName", ""), str(obj.get("capacity", "<unset>"))]


def event(obj: Object, now: float) -> list[Any]:
    """Event, of core or of events.k8s.io."""
    happened = since(obj.get("eventTime"), now)
    first, last = (
        obj.get("firstTimestamp") or obj.get("deprecatedFirstTimestamp"),
        obj.get("lastTimestamp") or obj.get("deprecatedLastTimestamp"),
    )
    first_seen = since(first, now) if first else happened
    last_seen = since(last, now) if last else first_seen
    count = obj.get("count") or obj.get("deprecatedCount") or 1
    series = obj.get("series")
    if series:
        last_seen, count = since(series.get("lastObservedTime"), now), series.get("count", 0)
    about = part(obj, "involvedObject") or part(obj, "regarding")
    kind, name = about.get("kind", "").lower(), about.get("name")
    source = part(obj, "source") or part(obj, "deprecatedSource")
    component = source.get("component") or obj.get("reportingComponent") or obj.get("reportingController") or ""
    host = source.get("host") or obj.get("reportingInstance") or ""
    return [
        last_seen,
        obj.get("type", ""),
        obj.get("reason", ""),
        f"{kind}/{name}" if name else kind,
        about.get("fieldPath", ""),
        f"{component}, {host}" if host else component,
        (obj.get("message") or obj.get("note") or "").strip(),
        first_seen,
        count,
        obj["metadata"]["name"],
    ]


def role_binding(obj: Object, now: float) -> list[Any]:
    """RoleBinding and ClusterRoleBinding."""
    role = part(obj, "roleRef")
    subjects = obj.get("subjects") or ()
    users = (s.get("name", "") for s in subjects if s.get("kind") == "User")
    groups = (s.get("name", "") for s in subjects if s.get("kind") == "Group")
    accounts = (f"{s.get('namespace', '')}/{s.get('name', '')}" for s in subjects if s.get("kind") == "ServiceAccount")
    shown = f"{role.get('kind', '')}/{role.get('name', '')}"
    return [obj["metadata"]["name"], shown, created(obj, now), *map(", ".join, (users, groups, accounts))]


def signing_request(obj: Object, now: float) -> list[Any]:
    """CertificateSigningRequest."""
    spec, status = part(obj, "spec"), part(obj, "status")
    kinds = {entry.get("type") for entry in status.get("conditions") or ()}
    word = "Denied" if "Denied" in kinds else "Approved" if "Approved" in kinds else "Pending"
    word += ",Failed" if "Failed" in kinds else ""
    word += ",Issued" if status.get("certificate") else ""
    seconds = spec.get("expirationSeconds")
    return [
        obj["metadata"]["name"],
        created(obj, now),
        spec.get("signerName") or "<none>",
        spec.get("username", ""),
        "<none>" if seconds is None else human_duration(seconds),
        word,
    ]


def lease(obj: Object, now: float) -> list[Any]:
    """Lease."""
    return [obj["metadata"]["name"], part(obj, "spec").get("holderIdentity") or "", created(obj, now)]


def resource_quota(obj: Object, now: float) -> list[Any]:
    """ResourceQuota."""
    status = part(obj, "status")
    hard, used = part(status, "hard"), part(status, "used")
    requests: list[str] = []
    limits: list[str] = []
    for name in sorted(hard):
        (limits if name.startswith("limits.") else requests).append(f"{name}: {used.get(name, '0')}/{hard[name]}")
    return [obj["metadata"]["name"], ", ".join(requests), ", ".join(limits), created(obj, now)]


def priority_class(obj: Object, now: float) -> list[Any]:
    """PriorityClass."""
    return [
        obj["metadata"]["name"],
        obj.get("value", 0),
        bool(obj.get("globalDefault")),
        created(obj, now),
        obj.get("preemptionPolicy") or "",
    ]


def runtime_class(obj: Object, now: float) -> list[Any]:
    """RuntimeClass."""
    return [obj["metadata"]["name"], obj.get("handler", ""), created(obj, now)]


def webhooks(obj: Object, now: float) -> list[Any]:
    """MutatingWebhookConfiguration and ValidatingWebhookConfiguration."""
    return [obj["metadata"]["name"], len(obj.get("webhooks") or ()), created(obj, now)]


def admission_policy(obj: Object, now: float) -> list[Any]:
    """ValidatingAdmissionPolicy."""
    spec = part(obj, "spec")
    kind = spec.get("paramKind")
    shown = f"{kind.get('apiVersion', '')}/{kind.get('kind', '')}" if kind else "<unset>"
    return [obj["metadata"]["name"], len(spec.get("validations") or ()), shown, created(obj, now)]


def admission_binding(obj: Object, now: float) -> list[Any]:
    """ValidatingAdmissionPolicyBinding."""
    spec = part(obj, "spec")
    given = part(spec, "paramRef")
    shown = "<unset>"
    if given.get("name"):
        shown = f"{given.get('namespace') or '*'}/{given['name']}"
    elif given.get("selector"):
        shown = selector_text(given["selector"])
    return [obj["metadata"]["name"], spec.get("policyName", ""), shown, created(obj, now)]


def flow_schema(obj: Object, now: float) -> list[Any]:
    """FlowSchema."""
    spec = part(obj, "spec")
    return [
        obj["metadata"]["name"],
        part(spec, "priorityLevelConfiguration").get("name", ""),
        spec.get("matchingPrecedence", 0),
        part(spec, "distinguisherMethod").get("type", "<none>"),
        created(obj, now),
        condition(part(obj, "status").get("conditions"), "Dangling").get("status", "?"),
    ]


def priority_level(obj: Object, now: float) -> list[Any]:
    """PriorityLevelConfiguration."""
    limited = part(obj, "spec", "limited")
    queuing = part(limited, "limitResponse", "queuing")
    return [
        obj["metadata"]["name"],
        part(obj, "spec").get("type", ""),
        limited.get("nominalConcurrencyShares", "<none>"),
        *(queuing.get(key, "<none>") for key in ("queues", "handSize", "queueLengthLimit")),
        created(obj, now),
    ]


def named(obj: Object, now: float) -> list[Any]:
    """DeviceClass and ResourceClaimTemplate: a name and an age."""
    return [obj["metadata"]["name"], created(obj, now)]


def resource_claim(obj: Object, now: float) -> list[Any]:
    """ResourceClaim."""
    status = part(obj, "status")
    gone = bool(obj["metadata"].get("deletionTimestamp"))
    words = ["deleted"] if gone else []
    if not status.get("allocation"):
        words += [] if gone else ["pending"]
    else:
        words += ["allocated", "reserved"] if status.get("reservedFor") else ["allocated"]
    return [obj["metadata"]["name"], ",".join(words), created(obj, now)]


def resource_slice(obj: Object, now: float) -> list[Any]:
    """ResourceSlice."""
    spec = part(obj, "spec")
    pool = part(spec, "pool").get("name", "")
    return [obj["metadata"]["name"], spec.get("nodeName") or "", spec.get("driver", ""), pool, created(obj, now)]


def component_status(obj: Object, now: float) -> list[Any]:
    """ComponentStatus."""
    del now
    found = condition(obj.get("conditions"), "Healthy")
    word = {"True": "Healthy"}.get(found.get("status", ""), "Unhealthy") if found else "Unknown"
    return [obj["metadata"]["name"], word, found.get("message", ""), found.get("error", "")]


def api_service(obj: Object, now: float) -> list[Any]:
    """APIService."""
    target = part(obj, "spec").get("service")
    found = condition(part(obj, "status").get("conditions"), "Available")
    word = found.get("status", "Unknown")
    if word == "False" and found.get("reason"):
        word = f"False ({found['reason']})"
    where = f"{target.get('namespace', '')}/{target.get('name', '')}" if target else "Local"
    return [obj["metadata"]["name"], where, word, created(obj, now)]


def scale(obj: Object, now: float) -> list[Any]:
    """Scale."""
    figures = (part(obj, "spec").get("replicas", 0), part(obj, "status").get("replicas", 0))
    return [obj["metadata"]["name"], *figures, created(obj, now)]
