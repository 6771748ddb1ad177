"""The table row of a pod: the STATUS word, readiness and restarts that kubectl shows.

Facts: printPod in k8s.io/kubernetes pkg/printers/internalversion/printers.go, 1.34.
"""

from __future__ import annotations

from typing import Any

from console.clock import parse_time
from console.demo.cells import created, human_duration, is_true, part

Object = dict[str, Any]

_COMPLETED = {"Succeeded": "The pod has completed successfully.", "Failed": "The pod failed."}


def pod_cells(pod: Object, now: float) -> list[Any]:
    """Name, Ready, Status, Restarts, Age, IP, Node, Nominated Node, Readiness Gates."""
    spec, status = part(pod, "spec"), part(pod, "status")
    reading = _Reading(spec, status)
    reason = reading.reason
    if pod["metadata"].get("deletionTimestamp"):
        if status.get("reason") == "NodeLost":
            reason = "Unknown"
        elif status.get("phase") not in ("Succeeded", "Failed"):
            reason = "Terminating"
    restarts = str(reading.restarts)
    if reading.restarts and reading.restarted:
        restarts = f"{reading.restarts} ({human_duration(now - reading.restarted)} ago)"
    addresses = status.get("podIPs") or ({"ip": status.get("podIP", "")},)
    return [
        pod["metadata"]["name"],
        f"{reading.ready}/{reading.total}",
        reason,
        restarts,
        created(pod, now),
        addresses[0].get("ip") or "<none>",
        spec.get("nodeName") or "<none>",
        status.get("nominatedNodeName") or "<none>",
        _gates(spec, status),
    ]


def pod_conditions(pod: Object) -> list[Object]:
    """The row conditions that let a client leave completed pods out."""
    phase = part(pod, "status").get("phase", "")
    if phase not in _COMPLETED:
        return []
    return [{"type": "Completed", "status": "True", "reason": phase, "message": _COMPLETED[phase]}]


class _Reading:
    """What the container statuses of a pod say together."""

    def __init__(self, spec: Object, status: Object) -> None:
        self.total = len(spec.get("containers") or ())
        self.ready = 0
        self.restarts = 0
        self.restarted = 0.0  # when the last restarted container ended
        self.reason = status.get("reason") or status.get("phase") or ""
        self._status = status
        for entry in status.get("conditions") or ():
            if entry.get("type") == "PodScheduled" and entry.get("reason") == "SchedulingGated":
                self.reason = "SchedulingGated"
        inits = spec.get("initContainers") or ()
        sidecars = {c["name"] for c in inits if c.get("restartPolicy") == "Always"}
        self.total += len(sidecars)
        initializing = self._read_inits(len(inits), sidecars)
        if not initializing or is_true(status.get("conditions"), "Initialized"):
            self._read_containers()

    def _count(self, container: Object) -> None:
        self.restarts += container.get("restartCount") or 0
        ended = part(container, "lastState", "terminated").get("finishedAt")
        if ended:
            self.restarted = max(self.restarted, parse_time(ended) or 0.0)

    def _read_inits(self, count: int, sidecars: set[str]) -> bool:
        """Whether the pod is still initializing. Restarts of plain init containers count only until then."""
        statuses = self._status.get("initContainerStatuses") or ()
        broken = False
        for index, container in enumerate(statuses):
            self._count(container)
            state = container.get("state") or {}
            ended = state.get("terminated")
            if ended is not None and not ended.get("exitCode"):
                continue
            if container.get("name") in sidecars and container.get("started"):
                self.ready += bool(container.get("ready"))
                continue
            waiting = part(state, "waiting").get("reason")
            if ended is not None:
                self.reason = f"Init:{_ended(ended)}"
            elif waiting and waiting != "PodInitializing":
                self.reason = f"Init:{waiting}"
            else:
                self.reason = f"Init:{index}/{count}"
            broken = True
            break
        self._sidecars = [c for c in statuses if c.get("name") in sidecars]
        return broken

    def _read_containers(self) -> None:
        self.restarts, self.restarted = 0, 0.0
        for container in self._sidecars:
            self._count(container)
        running = False
        for container in reversed(self._status.get("containerStatuses") or ()):
            self._count(container)
            state = container.get("state") or {}
            waiting = part(state, "waiting").get("reason")
            if waiting:
                self.reason = waiting
            elif state.get("terminated") is not None:
                self.reason = _ended(state["terminated"])
            elif container.get("ready") and state.get("running") is not None:
                running = True
                self.ready += 1
        if self.reason == "Completed" and running:
            self.reason = "Running" if is_true(self._status.get("conditions"), "Ready") else "NotReady"


def _ended(state: Object) -> str:
    if state.get("reason"):
        return str(state["reason"])
    return f"Signal:{state['signal']}" if state.get("signal") else f"ExitCode:{state.get('exitCode', 0)}"


def _gates(spec: Object, status: Object) -> str:
    gates = spec.get("readinessGates")
    if not gates:
        return "<none>"
    met = sum(is_true(status.get("conditions"), gate.get("conditionType", "")) for gate in gates)
    return f"{met}/{len(gates)}"
