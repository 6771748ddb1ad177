"""A world in the making: objects with an age, pods in some state, events and logs, all relative to now.

What a cluster would have written over days is written at once; identities depend on names alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from random import Random

from console.clock import format_time
from console.demo.client import Object
from console.demo.controllers.podrun import Happening, PodRun
from console.demo.controllers.telling import Telling
from console.demo.gpus import GpuFleet
from console.demo.worlds.naming import number, stable_uid, suffix

KEPT = 120  # lines kept of one run's log


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line of a container's log; `at` in seconds since 1970."""

    namespace: str
    pod: str
    container: str
    at: float
    line: str
    previous: bool = False


@dataclass(slots=True)
class Making:
    """What has been made so far. `now` is in seconds since 1970."""

    now: float
    objects: list[Object] = field(default_factory=list)
    logs: list[LogLine] = field(default_factory=list)
    _addresses: dict[str, int] = field(default_factory=dict)
    _events: int = 0

    def time(self, ago: float) -> str:
        """The moment `ago` seconds before now, as Kubernetes writes it."""
        return format_time(self.now - ago)

    def add(self, obj: Object, ago: float) -> Object:
        """Take an object made `ago` seconds before now; gives it its uid and generation."""
        meta = obj["metadata"]
        meta.setdefault("uid", stable_uid(obj["kind"], meta.get("namespace", ""), meta["name"]))
        meta.setdefault("creationTimestamp", self.time(ago))
        if "spec" in obj:
            meta.setdefault("generation", 1)
        self.objects.append(obj)
        return obj

    def event(
        self,
        obj: Object,
        kind: str,
        reason: str,
        message: str,
        *,
        ago: float,
        first: float | None = None,
        count: int = 1,
        component: str,
        host: str = "",
        field_path: str = "",
    ) -> None:
        """An event about `obj`: last `ago`, first `first` seconds before now. What is over an hour old has expired."""
        if ago > 3600:
            return
        meta, self._events = obj["metadata"], self._events + 1
        namespace = meta.get("namespace", "default")
        involved = {"apiVersion": obj["apiVersion"], "kind": obj["kind"], "name": meta["name"], "uid": meta["uid"]}
        involved |= {"namespace": meta["namespace"]} if meta.get("namespace") else {}
        involved |= {"fieldPath": field_path} if field_path else {}
        name = f"{meta['name']}.{number(16**12, meta['uid'], reason, message):016x}"
        began = ago if first is None else first
        self.objects.append(
            {
                "apiVersion": "v1",
                "kind": "Event",
                "metadata": {
                    "name": name,
                    "namespace": namespace,
                    "uid": stable_uid("Event", namespace, name, str(self._events)),
                    "creationTimestamp": self.time(began),
                },
                "involvedObject": involved,
                "type": kind,
                "reason": reason,
                "message": message,
                "source": {"component": component} | ({"host": host} if host else {}),
                "firstTimestamp": self.time(began),
                "lastTimestamp": self.time(ago),
                "count": count,
                "eventTime": None,
                "reportingComponent": component,
                "reportingInstance": host,
            }
        )

    def log(self, pod: Object, container: str, lines: Iterable[tuple[float, str]], *, previous: bool = False) -> None:
        """Lines of a container as (seconds before now, text)."""
        meta = pod["metadata"]
        for ago, text in lines:
            self.logs.append(LogLine(meta["namespace"], meta["name"], container, self.now - ago, text, previous))

    def address(self, node: str) -> str:
        """A free pod address on a node."""
        self._addresses[node] = self._addresses.get(node, 1) + 1
        return f"10.244.{number(200, 'pods', node) + 10}.{self._addresses[node]}"

    # pods

    def live(self, pod: Object, node: str, ago: float, *, say: bool = True) -> None:
        """Let one pod live, as `live_together` does."""
        self.live_together([(pod, node)], ago, say=say)

    def live_together(self, pods: Sequence[tuple[Object, str]], ago: float, *, say: bool = True) -> None:
        """Let pods live on their nodes from `ago` seconds before now until now, as their behaviours say.

        Gives each the status that the kubelet would have written by now, its recent events where `say`, and the logs of
        what has ended; what runs on is the kubelet's to write.
        """
        around, past = UsualNode(), Past(self)
        lives = [(self._begin(pod, node, ago), []) for pod, node in pods]  # type: list[tuple[PodRun, list[Happening]]]
        while lives:
            run, happened = min(lives, key=lambda life: life[0].next_due())
            due = run.next_due()
            if due > self.now:
                break
            past.moment = due
            new = run.advance(due, around)
            run.pod["status"] = run.status(due)
            past.telling.happened(run, new)
            happened += new
        past.keep([run for run, _ in lives])
        for run, happened in lives:
            if say:
                self._say(run.pod, run.pod["spec"]["nodeName"], ago, happened)

    def _begin(self, pod: Object, node: str, ago: float) -> PodRun:
        meta, start = pod["metadata"], self.now - ago
        meta.setdefault("uid", stable_uid("Pod", meta["namespace"], meta["name"]))
        pod["spec"]["nodeName"] = node
        scheduled = {"type": "PodScheduled", "status": "True", "lastTransitionTime": format_time(start)}
        pod["status"] = {"phase": "Pending", "qosClass": quality(pod), "conditions": [scheduled]}
        own = node_address(node)
        address = own if pod["spec"].get("hostNetwork") else self.address(node)
        return PodRun(pod, start, own, address, draws_of(meta["uid"]))

    def pending(self, pod: Object, ago: float, message: str) -> None:
        """Without a node, for the scheduler's reason."""
        pod["metadata"].setdefault("uid", stable_uid("Pod", pod["metadata"]["namespace"], pod["metadata"]["name"]))
        condition = {
            "type": "PodScheduled",
            "status": "False",
            "reason": "Unschedulable",
            "message": message,
            "lastTransitionTime": self.time(ago),
        }
        pod["status"] = {"phase": "Pending", "qosClass": quality(pod), "conditions": [condition]}
        times = max(1, int(min(ago, 3600) // 300))
        self.event(
            pod,
            "Warning",
            "FailedScheduling",
            message,
            ago=min(ago, 40),
            first=ago,
            count=times,
            component="default-scheduler",
        )

    def _say(self, pod: Object, node: str, ago: float, happened: Iterable[Happening]) -> None:
        meta = pod["metadata"]
        bound = f"Successfully assigned {meta['namespace']}/{meta['name']} to {node}"
        self.event(pod, "Normal", "Scheduled", bound, ago=ago, component="default-scheduler")
        counted: dict[tuple[str, str, str, str], list[float]] = {}
        for each in happened:
            if each.note is not None and each.container is not None:
                what = (each.note.type, each.note.reason, each.note.message, each.container.name)
                counted.setdefault(what, []).append(self.now - each.at)
        for (kind, reason, message, container), times in counted.items():
            self.event(
                pod,
                kind,
                reason,
                message,
                ago=times[-1],
                first=times[0],
                count=len(times),
                component="kubelet",
                host=node,
                field_path=f"spec.containers{{{container}}}",
            )


def draws_of(uid: str) -> Callable[[str], Random]:
    """The chance that rules a pod's containers, the same every time."""
    return lambda container: Random(f"{uid}/{container}")


class UsualNode:
    """Images take some seconds the first time, and every name resolves."""

    def __init__(self) -> None:
        self._present: set[str] = set()

    def pull_seconds(self, image: str, policy: str) -> tuple[float | None, int]:
        """A node that had none of the images."""
        size = 50_000_000 + number(4_000_000_000, "size", image)
        if image in self._present:
            return None, size
        self._present.add(image)
        return 2.0 + number(9000, "pull", image) / 1000, size

    def resolves(self, host: str) -> bool:
        """Every name does."""
        return True


class Past:
    """Takes down what containers said in the past, with the voices the kubelet gives them."""

    def __init__(self, making: Making) -> None:
        self.moment = making.now
        self._making = making
        self._lines: dict[tuple[str, str, str, bool], list[tuple[float, str]]] = {}
        self.telling = Telling(self, GpuFleet(lambda: self.moment), lambda: self.moment, 0)

    def log(
        self, namespace: str, pod: str, container: str, line: str, at: float | None = None, previous: bool = False
    ) -> None:
        """A line."""
        said = self._lines.setdefault((namespace, pod, container, previous), [])
        said.append((self.moment if at is None else at, line))
        del said[:-KEPT]

    def read_log(self, namespace: str, pod: str, container: str, *, previous: bool = False) -> None:
        """Nobody wrote the past before."""

    def rotate(self, namespace: str, pod: str, container: str) -> None:
        """The current log becomes the previous one."""
        self._lines[namespace, pod, container, True] = self._lines.pop((namespace, pod, container, False), [])

    def close_log(self, namespace: str, pod: str, container: str) -> None:
        """Nobody follows."""

    def forget(self, namespace: str, pod: str) -> None:
        """No pod goes."""

    def keep(self, runs: Iterable[PodRun]) -> None:
        """Hand over what the runs said that are over by now."""
        for run in runs:
            meta = run.pod["metadata"]
            for container in run.containers:
                for previous in (True, False):
                    said = self._lines.get((meta["namespace"], meta["name"], container.name, previous), ())
                    if previous or not container.running:
                        self._making.logs += [
                            LogLine(meta["namespace"], meta["name"], container.name, at, line, previous)
                            for at, line in said
                        ]


def node_address(node: str) -> str:
    """The internal address of a node."""
    return f"10.12.0.{number(230, 'node', node) + 10}"


def quality(pod: Object) -> str:
    """The pod's quality of service class."""
    containers = [*(pod["spec"].get("initContainers") or ()), *pod["spec"]["containers"]]
    given = [each.get("resources") or {} for each in containers]
    if not any(each.get("requests") or each.get("limits") for each in given):
        return "BestEffort"
    for each in given:
        limits = each.get("limits") or {}
        requests = {**limits, **(each.get("requests") or {})}
        for name in ("cpu", "memory"):
            if not limits.get(name) or str(limits[name]) != str(requests.get(name)):
                return "Burstable"
    return "Guaranteed"


def generated(base: str, *words: str, length: int = 5) -> str:
    """A generated name: `base-` and letters that depend on the words."""
    return f"{base}-{suffix(length, base, *words)}"
