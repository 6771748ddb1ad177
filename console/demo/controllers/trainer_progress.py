"""How far a TrainJob is, as its training process would report it to the trainer's status endpoint (v2.2).

Only a process whose length is known reports; it does so once a minute.
"""

from __future__ import annotations

import math
from zlib import crc32

import yaml

from console.clock import format_time, parse_time
from console.demo.client import Object
from console.demo.controllers.behaviours import ANNOTATION
from console.demo.controllers.trainjob_render import step_of

EVERY = 60.0  # seconds between two reports


def report(trainjob: Object, jobset: Object, now: float) -> tuple[Object, float] | None:
    """(`status.trainerStatus`, seconds until the next report); None while nothing is reported.

    The trainer's nodes have to be ready, and their pods to say how many seconds they run.
    """
    counts = (jobset.get("status") or {}).get("replicatedJobsStatus") or ()
    if not any(int(each.get("ready", 0)) for each in counts if each["name"] in ("node", "launcher")):
        return None
    seconds, start = _length(jobset), _start(trainjob)
    if seconds is None or start is None or now <= start:
        return None
    number = math.floor((now - start) / EVERY)
    elapsed = number * EVERY
    done = min(0.99, elapsed / seconds)
    seed = crc32(str(trainjob["metadata"].get("uid", "")).encode())
    loss = 0.9 + 2.4 * math.exp(-3 * done) + 0.04 * math.sin(seed % 100 + number)
    status: Object = {
        "progressPercentage": int(100 * done),
        "estimatedRemainingSeconds": max(0, round(seconds - elapsed)),
        "metrics": [{"name": "loss", "value": f"{loss:.4f}"}, {"name": "epoch", "value": f"{3 * done:.2f}"}],
        "lastUpdatedTime": format_time(start + elapsed),
    }
    return status, start + elapsed + EVERY - now


def _start(trainjob: Object) -> float | None:
    conditions = (trainjob.get("status") or {}).get("conditions") or ()
    resumed = next((each["lastTransitionTime"] for each in conditions if each["type"] == "Suspended"), None)
    return parse_time(resumed or trainjob["metadata"].get("creationTimestamp"))


def _length(jobset: Object) -> float | None:
    """Seconds the trainer's pods are made to run."""
    for replicated in jobset["spec"]["replicatedJobs"]:
        if step_of(replicated) != "trainer":
            continue
        meta = replicated["template"]["spec"]["template"].get("metadata") or {}
        text = (meta.get("annotations") or {}).get(ANNOTATION)
        try:
            asked = yaml.safe_load(text) if text else None
        except yaml.YAMLError:
            return None  # anybody may write the annotation
        run = asked.get("run") if isinstance(asked, dict) else None
        return float(run) if isinstance(run, int | float) and run > 0 else None
    return None
