"""What a Job's podFailurePolicy says about a failed pod (pure)."""

from __future__ import annotations

from dataclasses import dataclass

from console.demo.client import Object


@dataclass(frozen=True, slots=True)
class Verdict:
    """`action` is Count, Ignore, FailIndex or FailJob; the message is what the Job's condition says of it."""

    action: str
    message: str = ""


def judge(policy: Object | None, pod: Object) -> Verdict:
    """The verdict of the first rule that matches."""
    name = f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"
    for number, rule in enumerate((policy or {}).get("rules") or ()):
        codes = rule.get("onExitCodes")
        if codes:
            for container, code in _exits(pod):
                if codes.get("containerName") in (None, container) and _matches(codes, code):
                    text = (
                        f"Container {container} for pod {name} failed with exit code {code} "
                        f"matching {rule['action']} rule at index {number}"
                    )
                    return Verdict(rule["action"], text)
        for pattern in rule.get("onPodConditions") or ():
            for each in (pod.get("status") or {}).get("conditions") or ():
                if each["type"] == pattern["type"] and each["status"] == pattern.get("status", "True"):
                    text = f"Pod {name} has condition {each['type']} matching {rule['action']} rule at index {number}"
                    return Verdict(rule["action"], text)
    return Verdict("Count")


def _exits(pod: Object) -> list[tuple[str, int]]:
    found = []
    status = pod.get("status") or {}
    for each in [*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())]:
        ended = (each.get("state") or {}).get("terminated")
        if ended and ended.get("exitCode"):
            found.append((each["name"], int(ended["exitCode"])))
    return found


def _matches(codes: Object, code: int) -> bool:
    listed = code in (codes.get("values") or ())
    return listed if codes.get("operator") == "In" else not listed
