"""Kueue's sums: what ClusterQueues offer, what Workloads take, whether one more fits and in which flavor.

The smallest part of Kueue that shows what it does to jobs: nominal quotas and borrowing in a cohort, first flavor
that fits, no preemption. Messages as in the field guide, section 12.5.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from console.demo.client import Object
from console.demo.controllers.plan import holds
from console.demo.needs import amount, pod_requests

Usage = dict[tuple[str, str], float]  # (flavor, resource) to base units


@dataclass(slots=True)
class Ledger:
    """Quota and use of every ClusterQueue at one moment."""

    queues: Mapping[str, Object]  # ClusterQueues by name
    used: dict[str, Usage] = field(default_factory=dict)

    def take(self, queue: str, admission: Object) -> None:
        """Count an admission."""
        mine = self.used.setdefault(queue, {})
        for assignment in admission.get("podSetAssignments") or []:
            for resource, quantity in (assignment.get("resourceUsage") or {}).items():
                flavor = (assignment.get("flavors") or {}).get(resource, "")
                mine[flavor, resource] = mine.get((flavor, resource), 0.0) + amount(str(quantity))

    def use_of(self, queue: str, flavor: str, resource: str) -> float:
        """What a queue's Workloads take of a flavor's resource."""
        return self.used.get(queue, {}).get((flavor, resource), 0.0)

    def limit(self, queue: str, flavor: str, resource: str) -> tuple[float, float]:
        """(free now, the most there could ever be) for a queue, borrowing from its cohort included."""
        own = _quota(self.queues[queue], flavor, resource)
        if own is None:
            return 0.0, 0.0
        nominal, borrowing = own
        mine = self.use_of(queue, flavor, resource)
        cohort = cohort_of(self.queues[queue])
        if not cohort:
            return nominal - mine, nominal
        members = [name for name, each in self.queues.items() if cohort_of(each) == cohort]
        total = sum((_quota(self.queues[name], flavor, resource) or (0.0, None))[0] for name in members)
        taken = sum(self.use_of(name, flavor, resource) for name in members)
        most = total if borrowing is None else min(total, nominal + borrowing)
        return min(total - taken, most - mine), most

    def assign(self, queue: str, pod_sets: Iterable[Object]) -> tuple[Object | None, str]:
        """(admission, "") when everything fits, else (None, why not) in Kueue's words."""
        planned, assignments = Ledger(self.queues, {name: dict(use) for name, use in self.used.items()}), []
        for pod_set in pod_sets:
            assignment, why = planned._assign_one(queue, pod_set)
            if assignment is None:
                return None, f"couldn't assign flavors to pod set {pod_set['name']}: {why}"
            planned.take(queue, {"podSetAssignments": [assignment]})
            assignments.append(assignment)
        return {"clusterQueue": queue, "podSetAssignments": assignments}, ""

    def _assign_one(self, queue: str, pod_set: Object) -> tuple[Object | None, str]:
        count = int(pod_set["count"])
        needs = {name: value * count for name, value in pod_requests(pod_set["template"]).items()}
        flavors: dict[str, str] = {}
        for group in self.queues[queue]["spec"].get("resourceGroups") or []:
            wanted = {name: needs[name] for name in group["coveredResources"] if needs.get(name)}
            if not wanted:
                continue
            reasons: list[str] = []
            for flavor in group["flavors"]:
                why = self._why_not(queue, flavor["name"], wanted)
                if not why:
                    flavors.update(dict.fromkeys(wanted, flavor["name"]))
                    break
                reasons += why
            else:
                return None, ", ".join(reasons)
        missing = sorted(name for name, value in needs.items() if value and name not in flavors)
        if missing:
            return None, f"resource {missing[0]} unavailable in ClusterQueue"
        usage = {name: quantity(name, needs[name]) for name in flavors}
        return {"name": pod_set["name"], "flavors": flavors, "resourceUsage": usage, "count": count}, ""

    def _why_not(self, queue: str, flavor: str, wanted: Mapping[str, float]) -> list[str]:
        reasons = []
        for resource, need in wanted.items():
            free, most = self.limit(queue, flavor, resource)
            if need > most:
                reasons.append(
                    f"insufficient quota for {resource} in flavor {flavor}, previously considered podsets requests (0) "
                    f"+ current podset request ({quantity(resource, need)}) > maximum capacity "
                    f"({quantity(resource, most)})"
                )
            elif need > free:
                more = quantity(resource, need - max(free, 0.0))
                reasons.append(f"insufficient unused quota for {resource} in flavor {flavor}, {more} more needed")
        return reasons


def cohort_of(queue: Object) -> str:
    """The cohort's name in either served version."""
    return str(queue["spec"].get("cohortName") or queue["spec"].get("cohort") or "")


def quantity(resource: str, value: float) -> str:
    """An amount as Kueue prints it: memory in Ki-based units, the rest as a number."""
    if resource in ("memory", "ephemeral-storage"):
        for suffix, scale in (("Gi", 2**30), ("Mi", 2**20), ("Ki", 2**10)):
            if value and value % scale == 0:
                return f"{int(value // scale)}{suffix}"
        return str(int(value))
    return str(int(value)) if value == int(value) else f"{round(value * 1000)}m"


def is_admitted(workload: Object) -> bool:
    """Whether a Workload holds quota."""
    status = workload.get("status") or {}
    return holds(status.get("conditions") or [], "QuotaReserved") and bool(status.get("admission"))


def usage_status(queue: Object, use: Usage) -> list[Object]:
    """`flavorsReservation` and `flavorsUsage` of a ClusterQueue."""
    found: list[Object] = []
    for group in queue["spec"].get("resourceGroups") or []:
        for flavor in group["flavors"]:
            resources = []
            for each in flavor["resources"]:
                total = use.get((flavor["name"], each["name"]), 0.0)
                over = max(0.0, total - amount(str(each["nominalQuota"])))
                resources.append(
                    {
                        "name": each["name"],
                        "total": quantity(each["name"], total),
                        "borrowed": quantity(each["name"], over),
                    }
                )
            found.append({"name": flavor["name"], "resources": resources})
    return found


def _quota(queue: Object, flavor: str, resource: str) -> tuple[float, float | None] | None:
    """(nominal, borrowing limit) of a flavor's resource; None where the queue does not offer it."""
    for group in queue["spec"].get("resourceGroups") or []:
        for each in group["flavors"]:
            if each["name"] == flavor:
                for entry in each["resources"]:
                    if entry["name"] == resource:
                        borrowing = entry.get("borrowingLimit")
                        return amount(str(entry["nominalQuota"])), None if borrowing is None else amount(str(borrowing))
    return None
