"""Training jobs with a past: what the operator and the kubelet would have written since the job was submitted.

The job's pods live through podrun, its status through the operator's own decisions, so nothing changes when the
controllers take over.
"""

from __future__ import annotations

from collections.abc import Mapping

from console.clock import parse_time
from console.demo.client import Object
from console.demo.controllers import training, training_status
from console.demo.controllers.plan import Note, Plan
from console.demo.controllers.training_kinds import BY_KIND
from console.demo.worlds.making import Making
from console.demo.worlds.waiting import why_pending

GPU_TOLERATION = {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}


def submit(making: Making, job: Object, ago: float, places: Mapping[str, str]) -> Object:
    """Add a training v1 job submitted `ago` seconds before now, with everything it made.

    `places` gives the node by the end of the pod's name (`worker-1`, or "" for the rest); a pod without a node
    is pending, for the reason the scheduler has by now.
    """
    kind = BY_KIND[job["kind"]]
    making.add(job, ago)
    companions: dict[str, Object] = {}
    pods: list[Object] = []
    services: list[Object] = []
    _decide(making, job, pods, services, companions, ago)
    placed: list[tuple[Object, str]] = []
    waiting: list[Object] = []
    for pod in pods:
        node = next((place for end, place in places.items() if end and pod["metadata"]["name"].endswith(end)), "")
        node = node or places.get("", "")
        if node:
            placed.append((pod, node))
        else:
            waiting.append(pod)
    making.live_together(placed, ago - 1)
    for pod in waiting:
        making.pending(pod, ago - 1, why_pending(making.objects, pod))
    # once with everything up, as it was before anything ended
    began = [{**pod, "status": {"phase": "Running"}} if "nodeName" in pod["spec"] else pod for pod in pods]
    if any("nodeName" in pod["spec"] for pod in pods) and not all(_is_waiting(pod) for pod in pods):
        _decide(making, job, began, services, companions, max(ago - 12, 0.0))
    _decide(making, job, pods, services, companions, _last_end(making, pods, ago))
    if training_status.is_finished(job["status"]):
        _decide(making, job, pods, services, companions, 0.0)
        return job
    for pod in pods:
        for note in training.trouble(pod):
            count = max(1, int(min(ago, 3600.0) // 300))
            making.event(
                job,
                note.type,
                note.reason,
                note.message,
                ago=min(ago, 45.0),
                first=ago - 2,
                count=count,
                component=kind.operator_name,
            )
    return job


def _decide(
    making: Making,
    job: Object,
    pods: list[Object],
    services: list[Object],
    companions: dict[str, Object],
    ago: float,
) -> None:
    kind = BY_KIND[job["kind"]]
    plan: Plan = training.decide(kind, job, pods, services, companions, making.now - ago)
    for creation in plan.create:
        manifest = creation.manifest
        plural = creation.collection.rsplit("/", 1)[1]
        making.add(manifest, ago)
        _note(making, job, creation.done, ago)
        if plural == "pods":
            admit(manifest)
            pods.append(manifest)
        elif plural == "services":
            services.append(manifest)
        else:
            companions[plural] = manifest
    for change in plan.change:
        companions[change.path.split("/")[-2]].update(change.patch)
    for note in plan.events:
        if not note.message.startswith("Error pod "):  # trouble that lasts is said at the end
            _note(making, job, note, ago)
    if plan.status is not None:
        job["status"] = plan.status


def _note(making: Making, job: Object, note: Note | None, ago: float) -> None:
    if note is not None:
        component = BY_KIND[job["kind"]].operator_name
        making.event(job, note.type, note.reason, note.message, ago=ago, component=component)


def admit(pod: Object) -> None:
    """What admission adds to a pod: account, priority, tolerations, one for the GPU taint where it asks for GPUs."""
    spec = pod["spec"]
    spec.setdefault("serviceAccountName", "default")
    spec.setdefault("schedulerName", "default-scheduler")
    spec.setdefault("restartPolicy", "Always")
    spec.setdefault("enableServiceLinks", True)
    spec.setdefault("priority", 0)
    spec.setdefault("preemptionPolicy", "PreemptLowerPriority")
    tolerations = spec.setdefault("tolerations", [])
    for what in ("not-ready", "unreachable"):
        key = f"node.kubernetes.io/{what}"
        tolerations.append({"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300})
    limits = [each.get("resources", {}).get("limits") or {} for each in spec["containers"]]
    if any("nvidia.com/gpu" in each for each in limits) and GPU_TOLERATION not in tolerations:
        tolerations.append(dict(GPU_TOLERATION))


def _is_waiting(pod: Object) -> bool:
    return bool(pod["status"]["phase"] == "Pending")


def _last_end(making: Making, pods: list[Object], ago: float) -> float:
    """Seconds since the last container ended; just after the start when none did."""
    ends = [
        parse_time((each.get("state") or {}).get("terminated", {}).get("finishedAt"))
        for pod in pods
        for each in pod["status"].get("containerStatuses") or ()
        if (each.get("state") or {}).get("terminated")
    ]
    times = [making.now - end for end in ends if end is not None]
    return max(0.0, min(times) - 1) if times else max(ago - 12, 0.0)
