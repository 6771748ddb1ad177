"""Which container of a pod a request is about and its state; refusals as kube-apiserver and the kubelet word them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from console.demo.failures import bad_request, not_found

if TYPE_CHECKING:
    from console.demo.records import Object
    from console.demo.server import Call

_GROUPS = ("initContainers", "containers", "ephemeralContainers")
_STATUSES = ("containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses")


def pod_of(call: Call) -> Object:
    """The pod a request names; ApiFailure 404 where there is none."""
    pod = call.store.get(call.rt, call.namespace, call.info.name)
    if pod is None:
        raise not_found(call.rt, call.info.name)
    return pod


def container_name(pod: Object, asked: str) -> str:
    """The container asked for, or the only one; ApiFailure 400 where that is not clear."""
    name, spec = pod["metadata"]["name"], pod.get("spec") or {}
    names = [str(container.get("name")) for group in _GROUPS for container in spec.get(group) or ()]
    if asked:
        if asked not in names:
            raise bad_request(f"container {asked} is not valid for pod {name}")
        return asked
    main = spec.get("containers") or []
    if len(main) == 1:
        return str(main[0].get("name"))
    if not main:
        raise bad_request(f"a container name must be specified for pod {name}")
    raise bad_request(f"a container name must be specified for pod {name}, choose one of: [{' '.join(names)}]")


def check_assigned(pod: Object) -> None:
    """ApiFailure 400 for a pod that no node runs."""
    if not (pod.get("spec") or {}).get("nodeName"):
        raise bad_request(f"pod {pod['metadata']['name']} does not have a host assigned")


def status_of(pod: Object, container: str) -> dict[str, Any] | None:
    """The ContainerStatus of a container."""
    status = pod.get("status") or {}
    every = (entry for field in _STATUSES for entry in status.get(field) or ())
    return next((entry for entry in every if entry.get("name") == container), None)


def is_running(pod: Object, container: str) -> bool:
    """Whether a container runs now."""
    return "running" in ((status_of(pod, container) or {}).get("state") or {})


def is_ready(pod: Object) -> bool:
    """Whether the pod's Ready condition holds and it is not on its way out."""
    if pod["metadata"].get("deletionTimestamp"):
        return False
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return any(entry.get("type") == "Ready" and entry.get("status") == "True" for entry in conditions)


def no_log(pod: Object, container: str, *, previous: bool) -> str:
    """Why a container has no log to show, in the kubelet's words; "" where an empty log is right."""
    shown = f'container "{container}" in pod "{pod["metadata"]["name"]}"'
    if previous:
        return f"previous terminated {shown} not found"
    status = status_of(pod, container)
    if status is None:
        return f"{shown} is not available"
    state = status.get("state") or {}
    if "running" in state or "terminated" in state or (status.get("lastState") or {}).get("terminated"):
        return ""
    if "waiting" not in state:
        return f"{shown} is waiting to start - no logs yet"
    reason = (state["waiting"] or {}).get("reason", "")
    text = {
        "ErrImagePull": "image can't be pulled",
        "ImagePullBackOff": "trying and failing to pull image",
    }.get(reason, reason)
    return f"{shown} is waiting to start: {text}"
