"""What a container does once it runs: asked for by an annotation, else guessed from its labels, image and command.

The annotation `demo.kfconsole.dev/behaviour` on a pod (or its template) holds YAML; see Behaviour for the keys.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import msgspec
import yaml

from console.demo.client import Object
from console.demo.controllers.scripts import FOREVER, Script, read_script
from console.demo.informer import controller_of

ANNOTATION = "demo.kfconsole.dev/behaviour"
NEVER = FOREVER


class Behaviour(msgspec.Struct, frozen=True, kw_only=True):
    """One container's course. Times in seconds since it started.

    Short forms in the annotation: `fail: 90` is run 90 with exit 1, `oom: 30` is run 30, exit 137, reason OOMKilled,
    `crash: 5` is fail 5. `replicas` changes it for pods whose name ends with the key (`worker-2`), `containers` for
    containers of that name; what is not the main container has its default else.
    """

    run: float | None = None  # until it exits; none runs for ever
    exit: int = 0
    reason: str = ""  # of the termination; Completed or Error when empty
    message: str = ""  # termination message
    lines: tuple[str, ...] = ()  # logged right before the end
    says: tuple[tuple[float, str], ...] = ()  # (seconds, line) logged on the way
    failures: int | None = None  # only so many runs end like this; later ones do what is the default
    hang: float | None = None  # from then on no progress is made, and nothing ends
    ready: float = 0.0  # until it is ready; .inf never
    unready: str = ""  # what the readiness probe says until then
    pull: float | None = None  # seconds the image takes; none is drawn
    image_error: str = ""  # why the image cannot be pulled
    evict: float | None = None  # the kubelet evicts the pod then
    stop: float = 1.0  # from SIGTERM to the exit
    profile: str = ""  # of the GPU: training, straggler, input-bound, notebook, inference, idle
    log: str = "quiet"  # training, server, notebook, batch, quiet: what it logs meanwhile
    waits_for: str = ""  # a host name; it exits 0 when that resolves


class _Asked(msgspec.Struct, frozen=True, kw_only=True):
    """The annotation as it is written."""

    run: float | None = None
    fail: float | None = None
    crash: float | None = None
    oom: float | None = None
    exit: int | None = None
    reason: str | None = None
    message: str | None = None
    lines: tuple[str, ...] | None = None
    failures: int | None = None
    hang: float | None = None
    ready: float | str | None = None
    unready: str | None = None
    pull: float | None = None
    image_error: str | None = None
    evict: float | None = None
    stop: float | None = None
    profile: str | None = None
    log: str | None = None
    replicas: dict[str, dict[str, Any]] = {}
    containers: dict[str, dict[str, Any]] = {}


@lru_cache(maxsize=512)
def _parsed(text: str) -> _Asked | None:
    try:
        return msgspec.convert(yaml.safe_load(text), _Asked, strict=False)
    except (yaml.YAMLError, msgspec.ValidationError):
        return None  # anybody may write the annotation; a broken one asks for nothing


def _changes(asked: _Asked) -> dict[str, Any]:
    names = msgspec.structs.asdict(asked)
    change = {
        name: value
        for name, value in names.items()
        if value is not None and name not in ("fail", "crash", "oom", "ready", "replicas", "containers")
    }
    if (seconds := asked.fail if asked.fail is not None else asked.crash) is not None:
        change = {"run": seconds, "exit": 1, **change}
    if asked.oom is not None:
        change = {"run": asked.oom, "exit": 137, "reason": "OOMKilled", **change}
    if asked.ready is not None:
        change["ready"] = NEVER if isinstance(asked.ready, str) else asked.ready
    return change


def main_container(pod: Object) -> str:
    """The container a pod is about."""
    containers = pod["spec"]["containers"]
    chosen = (pod["metadata"].get("annotations") or {}).get("kubectl.kubernetes.io/default-container")
    names = [container["name"] for container in containers]
    for name in (chosen, "pytorch", "tensorflow", "jax", "xgboost", "mpi", "paddle", "node", "trainer", "main"):
        if name in names:
            return str(name)
    return str(names[0])


def behaviour(pod: Object, container: Object, run: int, draw: random.Random) -> Behaviour:
    """What the container does in its `run`th run (0 the first); `draw` is the same in every run."""
    default = default_behaviour(pod, container, draw)
    text = (pod["metadata"].get("annotations") or {}).get(ANNOTATION)
    asked = _parsed(text) if text else None
    if asked is None:
        return default
    change: dict[str, Any] = {}
    if container["name"] == main_container(pod):
        change |= _changes(asked)
    for suffix, override in asked.replicas.items():
        if pod["metadata"]["name"].endswith(suffix) and container["name"] == main_container(pod):
            change |= _changes(msgspec.convert(override, _Asked, strict=False))
    if container["name"] in asked.containers:
        change |= _changes(msgspec.convert(asked.containers[container["name"]], _Asked, strict=False))
    failures = change.get("failures")
    if failures is not None and run >= failures:
        kept = ("ready", "pull", "profile", "log", "stop")
        change = {name: value for name, value in change.items() if name in kept}
    return msgspec.structs.replace(default, **change)


_Guess = Callable[[Object, Object, random.Random], Behaviour | None]


def default_behaviour(pod: Object, container: Object, draw: random.Random) -> Behaviour:
    """What a container does that nobody asked anything of."""
    if container["name"] in {each["name"] for each in pod["spec"].get("initContainers") or ()}:
        return _init(pod, container, draw)
    guesses: Sequence[_Guess] = (_sidecar, _training, _notebook, _serving, _workflow, _from_command, _batch)
    for guess in guesses:
        found = guess(pod, container, draw)
        if found is not None:
            return found
    image = container.get("image", "")
    if not container.get("command") and re.search(r"(^|/)(busybox|alpine|ubuntu|debian)(:|@|$)", image):
        return Behaviour(run=0.1)
    return Behaviour(log="server", profile="idle", ready=_readiness(container))


def _readiness(container: Object) -> float:
    probe = container.get("readinessProbe")
    return float(probe.get("initialDelaySeconds") or 0) + 1.5 if probe else 0.0


def _init(pod: Object, container: Object, draw: random.Random) -> Behaviour:
    if container.get("restartPolicy") == "Always":
        return Behaviour(log="quiet")
    script = read_script(_words(container))
    if script is not None:
        return _of_script(script)
    return Behaviour(run=draw.uniform(0.8, 3.0))


def _labels(pod: Object) -> Mapping[str, str]:
    return pod["metadata"].get("labels") or {}


def _sidecar(pod: Object, container: Object, draw: random.Random) -> Behaviour | None:
    if container["name"] in ("istio-proxy", "queue-proxy", "metrics-collector"):
        return Behaviour(log="quiet")
    return None


def _training(pod: Object, container: Object, draw: random.Random) -> Behaviour | None:
    labels = _labels(pod)
    role = labels.get("training.kubeflow.org/replica-type", "")
    job = "training.kubeflow.org/job-name" in labels
    step = labels.get("jobset.sigs.k8s.io/replicatedjob-name", "")
    if not job and not step:
        return None
    if container["name"] != main_container(pod):
        return None
    if step and step not in ("node", "trainer", "launcher"):
        return Behaviour(run=draw.uniform(6, 20), log="batch")
    if role in ("ps", "scheduler", "server") or (role == "worker" and _operator(labels) == "mpijob-controller"):
        profile = "training" if role == "worker" else "idle"
        return Behaviour(profile=profile, log="quiet" if role == "worker" else "server")
    return Behaviour(run=draw.uniform(900, 5400), profile="training", log="training")


def _operator(labels: Mapping[str, str]) -> str:
    return labels.get("training.kubeflow.org/operator-name", "")


def _notebook(pod: Object, container: Object, draw: random.Random) -> Behaviour | None:
    image = container.get("image", "")
    if "notebook-name" in _labels(pod) or re.search(r"jupyter|notebook|codeserver|rstudio", image):
        return Behaviour(profile="notebook", log="notebook", ready=draw.uniform(2, 5))
    return None


def _serving(pod: Object, container: Object, draw: random.Random) -> Behaviour | None:
    image = container.get("image", "")
    labels = _labels(pod)
    if "serving.kserve.io/inferenceservice" in labels or re.search(
        r"vllm|triton|tgi|torchserve|mlserver|huggingfaceserver", image
    ):
        return Behaviour(profile="inference", log="server", ready=max(_readiness(container), draw.uniform(4, 12)))
    return None


def _workflow(pod: Object, container: Object, draw: random.Random) -> Behaviour | None:
    if "workflows.argoproj.io/workflow" in _labels(pod):
        seconds = draw.uniform(15, 60)
        return Behaviour(run=seconds + (2 if container["name"] == "wait" else 0), log="batch", profile="training")
    return None


def _from_command(pod: Object, container: Object, draw: random.Random) -> Behaviour | None:
    script = read_script(_words(container))
    return _of_script(script) if script is not None else None


def _batch(pod: Object, container: Object, draw: random.Random) -> Behaviour | None:
    owner = controller_of(pod)
    if owner is not None and owner["kind"] == "Job":
        return Behaviour(run=draw.uniform(20, 90), log="batch", profile="training")
    if pod["spec"].get("restartPolicy") == "Never":
        return Behaviour(run=draw.uniform(20, 90), log="batch", profile="training")
    return None


def _words(container: Object) -> list[str]:
    return [*(container.get("command") or ()), *(container.get("args") or ())]


def _of_script(script: Script) -> Behaviour:
    if script.waits_for:
        return Behaviour(waits_for=script.waits_for)
    run = None if script.seconds == FOREVER else max(0.1, script.seconds)
    return Behaviour(run=run, exit=script.exit_code, says=script.lines, profile="idle", stop=1.0)
