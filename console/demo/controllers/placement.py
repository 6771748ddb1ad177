"""Which node a pod fits on, why not on the others, and which fits best (pure).

Reasons and their order are those of kube-scheduler's plugins; the words of the messages too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from console.demo.client import Object
from console.demo.controllers.matching import labels_of, matches, node_terms_met, tolerated
from console.demo.needs import Amounts, amounts, pod_requests

NO_VICTIMS = "No preemption victims found for incoming pod"
NOT_HELPFUL = "Preemption is not helpful for scheduling"


@dataclass(slots=True)
class NodeLoad:
    """A node with the pods that occupy it."""

    node: Object
    allocatable: Amounts = field(default_factory=dict)
    used: Amounts = field(default_factory=dict)
    pods: dict[str, tuple[Object, Amounts]] = field(default_factory=dict)  # by "namespace/name"

    def set_node(self, node: Object) -> None:
        """Take a newer version of the node."""
        self.node = node
        self.allocatable = amounts((node.get("status") or {}).get("allocatable"))

    def add(self, key: str, pod: Object) -> None:
        """The pod occupies the node."""
        self.remove(key)
        requests = pod_requests(pod)
        self.pods[key] = (pod, requests)
        for name, value in requests.items():
            self.used[name] = self.used.get(name, 0.0) + value

    def remove(self, key: str) -> None:
        """The pod occupies the node no longer."""
        known = self.pods.pop(key, None)
        for name, value in (known[1] if known else {}).items():
            self.used[name] = self.used[name] - value

    def without(self, keys: Iterable[str]) -> NodeLoad:
        """The node as it would be without these pods."""
        other = NodeLoad(self.node, self.allocatable, dict(self.used), dict(self.pods))
        for key in keys:
            other.remove(key)
        return other


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a node does not take a pod."""

    reasons: tuple[str, ...]
    curable: bool  # whether the pods on the node are what stands in the way


def priority_of(pod: Object) -> int:
    """The pod's priority."""
    return int(pod["spec"].get("priority") or 0)


def refusal(pod: Object, requests: Amounts, load: NodeLoad, nodes: Sequence[NodeLoad]) -> Refusal | None:
    """Why the node does not take the pod; None when it does. `nodes` are all, for rules across nodes."""
    return (
        _unschedulable(pod, load.node)
        or _taints(pod, load.node)
        or _affinity(pod, load.node)
        or _resources(requests, load)
        or _neighbours(pod, load, nodes)
    )


def suits(pod: Object, node: Object) -> bool:
    """Whether taints, selector and affinity let the pod onto the node; room is not asked for."""
    return not (_unschedulable(pod, node) or _taints(pod, node) or _affinity(pod, node))


def may_stay(pod: Object, node: Object) -> bool:
    """Whether a pod that runs on the node still suits it: only NoExecute taints drive it away."""
    tolerations = pod["spec"].get("tolerations") or ()
    expelled = any(
        taint["effect"] == "NoExecute" and not tolerated(taint, tolerations)
        for taint in (node.get("spec") or {}).get("taints") or ()
    )
    return not expelled and not _affinity(pod, node)


def _unschedulable(pod: Object, node: Object) -> Refusal | None:
    taint = {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}
    if (node.get("spec") or {}).get("unschedulable") and not tolerated(taint, pod["spec"].get("tolerations") or ()):
        return Refusal(("node(s) were unschedulable",), curable=False)
    return None


def _taints(pod: Object, node: Object) -> Refusal | None:
    tolerations = pod["spec"].get("tolerations") or ()
    for taint in (node.get("spec") or {}).get("taints") or ():
        if taint["effect"] != "PreferNoSchedule" and not tolerated(taint, tolerations):
            return Refusal(
                (f"node(s) had untolerated taint {{{taint['key']}: {taint.get('value', '')}}}",), curable=False
            )
    return None


def _affinity(pod: Object, node: Object) -> Refusal | None:
    spec, labels = pod["spec"], labels_of(node)
    wanted = all(labels.get(key) == value for key, value in (spec.get("nodeSelector") or {}).items())
    required = ((spec.get("affinity") or {}).get("nodeAffinity") or {}).get(
        "requiredDuringSchedulingIgnoredDuringExecution"
    )
    if wanted and (required is None or node_terms_met(required.get("nodeSelectorTerms") or (), node)):
        return None
    return Refusal(("node(s) didn't match Pod's node affinity/selector",), curable=False)


def _resources(requests: Amounts, load: NodeLoad) -> Refusal | None:
    reasons, curable = [], True
    if len(load.pods) + 1 > load.allocatable.get("pods", 110.0):
        reasons.append("Too many pods")
    for name, wanted in requests.items():
        whole = load.allocatable.get(name, 0.0)
        if wanted > 0 and wanted > whole - load.used.get(name, 0.0) + 1e-9:
            reasons.append(f"Insufficient {name}")
            curable = curable and wanted <= whole
    return Refusal(tuple(reasons), curable) if reasons else None


def _neighbours(pod: Object, load: NodeLoad, nodes: Sequence[NodeLoad]) -> Refusal | None:
    affinity = pod["spec"].get("affinity") or {}
    for term in _required(affinity, "podAntiAffinity"):
        if any(_selected(term, pod, other) for other in _domain(term, load, nodes)):
            return Refusal(("node(s) didn't match pod anti-affinity rules",), curable=True)
    for term in _required(affinity, "podAffinity"):
        everywhere = [other for each in nodes for other, _ in each.pods.values() if _selected(term, pod, other)]
        first_of_group = not everywhere and _selected(term, pod, pod)
        if not first_of_group and not any(_selected(term, pod, other) for other in _domain(term, load, nodes)):
            return Refusal(("node(s) didn't match pod affinity rules",), curable=False)
    return None


def _required(affinity: Object, kind: str) -> Sequence[Object]:
    return (affinity.get(kind) or {}).get("requiredDuringSchedulingIgnoredDuringExecution") or ()


def _domain(term: Object, load: NodeLoad, nodes: Sequence[NodeLoad]) -> Iterable[Object]:
    key = term.get("topologyKey", "")
    value = labels_of(load.node).get(key)
    for each in nodes:
        if each is load or (value is not None and labels_of(each.node).get(key) == value):
            yield from (other for other, _ in each.pods.values())


def _selected(term: Object, pod: Object, other: Object) -> bool:
    namespaces = term.get("namespaces") or [pod["metadata"]["namespace"]]
    return other["metadata"]["namespace"] in namespaces and matches(term.get("labelSelector"), labels_of(other))


def score(requests: Amounts, load: NodeLoad) -> float:
    """Higher is better: pods with devices are packed onto the fullest node, others spread over the emptiest."""
    for name, wanted in requests.items():
        if "/" in name and wanted and load.allocatable.get(name):
            return 1.0 + (load.used.get(name, 0.0) + wanted) / load.allocatable[name]
    shares = [
        (load.used.get(name, 0.0) + requests.get(name, 0.0)) / load.allocatable[name]
        for name in ("cpu", "memory")
        if load.allocatable.get(name)
    ]
    has_devices = any("/" in name and value for name, value in load.allocatable.items())
    crowd = 0.2 * len(load.pods) / load.allocatable.get("pods", 110.0)  # also those that ask for nothing are spread
    return 1.0 - crowd - (sum(shares) / len(shares) if shares else 0.0) - (1.0 if has_devices else 0.0)


def victims(pod: Object, requests: Amounts, load: NodeLoad, nodes: Sequence[NodeLoad]) -> list[str] | None:
    """The fewest lowest-priority pods to remove so that the pod fits; None when removing does not help."""
    mine = priority_of(pod)
    lower = [(priority_of(other), key) for key, (other, _) in load.pods.items() if priority_of(other) < mine]
    chosen: list[str] = []
    for _, key in sorted(lower):
        chosen.append(key)
        if refusal(pod, requests, load.without(chosen), nodes) is None:
            # spare again whoever need not go, the most important first
            for spared in reversed(chosen[:-1]):
                fewer = [each for each in chosen if each != spared]
                if refusal(pod, requests, load.without(fewer), nodes) is None:
                    chosen = fewer
            return chosen
    return None


def explain(refusals: Sequence[Refusal], preemption: str | None = None) -> str:
    """The message of PodScheduled=False and FailedScheduling.

    `preemption` says what came of preemption instead of the reckoning per node; empty when victims are on their way.
    """
    total = len(refusals)
    reasons = Counter(reason for each in refusals for reason in each.reasons)
    outcome = Counter(NO_VICTIMS if each.curable else NOT_HELPFUL for each in refusals)
    if preemption is None:
        preemption = f"0/{total} nodes are available: {_counted(outcome)}."
    text = f"0/{total} nodes are available: {_counted(reasons)}."
    return f"{text} preemption: {preemption}" if preemption else text


def explain_early(total: int, reason: str) -> str:
    """The message when no node was even looked at, such as for a missing claim."""
    return f"0/{total} nodes are available: {reason}. preemption: 0/{total} nodes are available: {total} {NOT_HELPFUL}."


def _counted(reasons: Counter[str]) -> str:
    return ", ".join(sorted(f"{count} {reason}" for reason, count in reasons.items()))
