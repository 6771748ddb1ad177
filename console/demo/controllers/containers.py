"""One container's life as a kubelet sees it: pulled, started, ready, ended, started again after a back-off.

Pure: times come in, what happened comes out as notes; statuses are rendered as the kubelet writes them.
"""

from __future__ import annotations

import hashlib
import math
import re
from dataclasses import dataclass, field
from enum import Enum

from console.clock import format_time, parse_time
from console.demo.client import Object
from console.demo.controllers.behaviours import Behaviour

BACKOFF = 10.0  # seconds of the first back-off; each next one is twice as long
BACKOFF_LIMIT = 300.0
ERROR_SHOWN = 4.0  # seconds ErrImagePull shows before ImagePullBackOff
BACKOFF_RESET = 600.0  # a run this long starts the back-off anew
_IMAGE = re.compile(
    r"^(?:[a-zA-Z0-9](?:[-.a-zA-Z0-9]*[a-zA-Z0-9])?(?::\d+)?/)?[a-z0-9]+(?:(?:\.|_{1,2}|-+|/)[a-z0-9]+)*"
    r"(?::[A-Za-z0-9_][-A-Za-z0-9_.]{0,127})?(?:@[a-z0-9]+:[0-9a-f]{32,})?$"
)


class Phase(Enum):
    """Where a container is."""

    CREATED = "created"  # nothing done for it yet
    PULLING = "pulling"
    PULL_FAILED = "pull failed"  # it just did: ErrImagePull
    PULL_BACKOFF = "pull backoff"
    CONFIG_FAILED = "config failed"
    RUNNING = "running"
    ENDED = "ended"
    BACKOFF = "backoff"  # crashed, waiting for its next start


@dataclass(frozen=True, slots=True)
class Ending:
    """How a run ended."""

    code: int
    reason: str
    message: str
    started: float
    finished: float
    container_id: str

    def rendered(self) -> Object:
        """As a ContainerStateTerminated."""
        state: Object = {
            "exitCode": self.code,
            "reason": self.reason,
            "startedAt": format_time(self.started),
            "finishedAt": format_time(self.finished),
            "containerID": self.container_id,
        }
        return state | ({"message": self.message} if self.message else {})


@dataclass(frozen=True, slots=True)
class Note:
    """Something that happened to a container: an event's type, reason and message."""

    type: str
    reason: str
    message: str


@dataclass(slots=True)
class ContainerRun:
    """A container of a pod. `due` is when its next change comes, infinite when nothing is to come."""

    spec: Object
    kind: str  # "init", "sidecar" or "main"
    pod: str  # "namespace_name(uid)" part of messages: name_namespace(uid)
    uid: str
    phase: Phase = Phase.CREATED
    since: float = 0.0
    due: float = math.inf
    behaviour: Behaviour = field(default_factory=Behaviour)
    restarts: int = 0
    runs: int = 0
    ready: bool = False
    ready_at: float = math.inf
    ending: Ending | None = None
    last: Ending | None = None
    backoff: float = 0.0  # seconds the next wait after a crash takes
    pull_backoff: float = 0.0  # seconds of the last wait for the image
    error: str = ""  # of pull or configuration
    hung: bool = False
    pulling: bool = False  # whether the image is really being fetched

    @property
    def name(self) -> str:
        """The container's name."""
        return str(self.spec["name"])

    @property
    def image(self) -> str:
        """The image as the spec has it."""
        return str(self.spec.get("image", ""))

    @property
    def container_id(self) -> str:
        """Stable per run."""
        digest = hashlib.sha256(f"{self.uid}/{self.name}/{self.restarts}".encode()).hexdigest()
        return f"containerd://{digest}"

    # what happens

    def pull(self, now: float, seconds: float | None) -> list[Note]:
        """Begin with the image: `seconds` to pull it, None when the node has it (or must not ask for it)."""
        if not _IMAGE.match(self.image):
            self.phase, self.since, self.due = Phase.PULL_FAILED, now, now + BACKOFF_LIMIT
            self.error = f'Failed to apply default image tag "{self.image}": couldn\'t parse image name'
            return [Note("Warning", "InspectFailed", f"{self.error}: invalid reference format")]
        if seconds is None:
            self.phase, self.since, self.due = Phase.PULLING, now, now + 0.3
            return [Note("Normal", "Pulled", f'Container image "{self.image}" already present on machine')]
        self.phase, self.since, self.due = Phase.PULLING, now, now + seconds
        return [Note("Normal", "Pulling", f'Pulling image "{self.image}"')]

    def pulled(self, now: float, size: int) -> list[Note]:
        """The pull came to its end, well or badly."""
        took = now - self.since
        if self.behaviour.image_error:
            self.error = pull_error(self.image, self.behaviour.image_error)
            self.pull_backoff = min(BACKOFF_LIMIT, self.pull_backoff * 2 or BACKOFF)
            self.phase, self.since, self.due = Phase.PULL_FAILED, now, now + ERROR_SHOWN
            return [
                Note("Warning", "Failed", f'Failed to pull image "{self.image}": {self.error}'),
                Note("Warning", "Failed", "Error: ErrImagePull"),
            ]
        self.pull_backoff = 0.0
        text = f"{took:.3f}s".replace(".000s", "s")
        return [
            Note(
                "Normal",
                "Pulled",
                f'Successfully pulled image "{self.image}" in {text} ({text} including waiting). '
                f"Image size: {size} bytes.",
            )
        ]

    def hold_pull(self, now: float) -> list[Note]:
        """Wait before the image is pulled again."""
        self.phase, self.since, self.due = Phase.PULL_BACKOFF, now, now + self.pull_backoff
        return [
            Note("Normal", "BackOff", f'Back-off pulling image "{self.image}"'),
            Note("Warning", "Failed", "Error: ImagePullBackOff"),
        ]

    def refuse(self, now: float, why: str) -> list[Note]:
        """Something the container refers to is missing."""
        self.phase, self.since, self.due, self.error = Phase.CONFIG_FAILED, now, now + 12.0, why
        return [Note("Warning", "Failed", f"Error: {why}")]

    def start(self, now: float) -> list[Note]:
        """The process starts."""
        self.phase, self.since, self.ending, self.hung = Phase.RUNNING, now, None, False
        self.runs += 1
        self.due = math.inf if self.behaviour.run is None else now + self.behaviour.run
        if self.behaviour.hang is not None:
            self.due = math.inf
        self.ready_at = now + self.behaviour.ready
        self.ready = self.kind != "init" and self.ready_at <= now
        return [
            Note("Normal", "Created", f"Created container: {self.name}"),
            Note("Normal", "Started", f"Started container {self.name}"),
        ]

    def end(self, now: float, *, code: int | None = None, reason: str = "", message: str = "") -> None:
        """The process ends: as its behaviour says, or with `code`."""
        if code is None:
            code, reason, message = self.behaviour.exit, self.behaviour.reason, self.behaviour.message
        reason = reason or ("Completed" if code == 0 else "Error")
        if self.phase is not Phase.RUNNING:
            return
        self.ending = Ending(code, reason, message, self.since, now, self.container_id)
        self.phase, self.since, self.due, self.ready = Phase.ENDED, now, math.inf, False

    def back_off(self, now: float) -> list[Note]:
        """Wait for the next start after a run that ended; the first one comes at once."""
        assert self.ending is not None
        if self.ending.finished - self.ending.started > BACKOFF_RESET:
            self.backoff = 0.0
        wait, self.backoff = self.backoff, min(BACKOFF_LIMIT, self.backoff * 2 or BACKOFF)
        if wait == 0.0:
            self.due = now + 1.0
            return []
        self.phase, self.due = Phase.BACKOFF, now + wait
        self.error = f"back-off {_duration(wait)} restarting failed container={self.name} pod={self.pod}"
        return [Note("Warning", "BackOff", f"Back-off restarting failed container {self.name} in pod {self.pod}")]

    def again(self) -> None:
        """The next run is due: what ended becomes the last state."""
        self.last, self.ending = self.ending, None
        self.restarts += 1
        self.phase, self.due = Phase.CREATED, math.inf

    # how it looks

    def status(self, waiting: str) -> Object:
        """Its ContainerStatus; `waiting` is the reason while nothing was done for it."""
        result: Object = {
            "name": self.name,
            "image": full_image(self.image) if self.runs else self.image,
            "imageID": image_id(self.image) if self.runs else "",
            "ready": self.ready if self.kind != "init" else self.done,
            "started": self.phase is Phase.RUNNING,
            "restartCount": self.restarts,
            "state": self._state(waiting),
            "lastState": {"terminated": self.last.rendered()} if self.last else {},
        }
        if self.phase in (Phase.RUNNING, Phase.ENDED):
            result["containerID"] = self.container_id
        elif self.last:
            result["containerID"] = self.last.container_id
        if self.phase is Phase.BACKOFF and self.ending:
            result["lastState"] = {"terminated": self.ending.rendered()}
            result["containerID"] = self.ending.container_id
        return result

    @property
    def running(self) -> bool:
        """Whether its process runs."""
        return self.phase is Phase.RUNNING

    @property
    def done(self) -> bool:
        """Whether it ended well and for good."""
        return self.phase is Phase.ENDED and self.ending is not None and self.ending.code == 0

    def _state(self, waiting: str) -> Object:
        match self.phase:
            case Phase.RUNNING:
                return {"running": {"startedAt": format_time(self.since)}}
            case Phase.ENDED:
                assert self.ending is not None
                return {"terminated": self.ending.rendered()}
            case Phase.BACKOFF:
                return {"waiting": {"reason": "CrashLoopBackOff", "message": self.error}}
            case Phase.PULL_FAILED:
                bad_name = not _IMAGE.match(self.image)
                return {
                    "waiting": {"reason": "InvalidImageName" if bad_name else "ErrImagePull", "message": self.error}
                }
            case Phase.PULL_BACKOFF:
                message = f'Back-off pulling image "{self.image}": ErrImagePull: {self.error}'
                return {"waiting": {"reason": "ImagePullBackOff", "message": message}}
            case Phase.CONFIG_FAILED:
                return {"waiting": {"reason": "CreateContainerConfigError", "message": self.error}}
        return {"waiting": {"reason": waiting}}

    def adopt(self, status: Object, now: float) -> None:
        """Take over a container somebody's status describes, as a kubelet does after its own restart."""
        self.restarts = int(status.get("restartCount") or 0)
        self.runs = self.restarts
        self.last = _ending((status.get("lastState") or {}).get("terminated"))
        state = status.get("state") or {}
        if running := state.get("running"):
            self.start(parse_time(running.get("startedAt")) or now)
        elif terminated := state.get("terminated"):
            self.phase, self.ending, self.runs = Phase.ENDED, _ending(terminated), self.runs + 1
        elif (state.get("waiting") or {}).get("reason") == "CrashLoopBackOff":
            self.phase, self.ending, self.backoff = Phase.BACKOFF, self.last, BACKOFF_LIMIT
            self.last = None
            self.runs += 1
            self.error = (state["waiting"].get("message")) or ""
            self.due = now + 60.0


def _ending(state: Object | None) -> Ending | None:
    if not state:
        return None
    finished = parse_time(state.get("finishedAt")) or 0.0
    return Ending(
        int(state.get("exitCode") or 0),
        str(state.get("reason") or ""),
        str(state.get("message") or ""),
        parse_time(state.get("startedAt")) or finished,
        finished,
        str(state.get("containerID") or ""),
    )


def _duration(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes}m{rest}s" if minutes else f"{rest}s"


def full_image(image: str) -> str:
    """The image with registry and tag, as the runtime reports it."""
    name, at, digest = image.partition("@")
    first, slash, _ = name.partition("/")
    if not slash:
        name = f"docker.io/library/{name}"
    elif not ("." in first or ":" in first or first == "localhost"):
        name = f"docker.io/{name}"
    if at:
        return f"{name}@{digest}"
    return name if ":" in name.rpartition("/")[2] else f"{name}:latest"


def image_id(image: str) -> str:
    """The image with its digest."""
    name = full_image(image)
    if "@" in name:
        return name
    repository = name.rpartition(":")[0]
    return f"{repository}@sha256:{hashlib.sha256(name.encode()).hexdigest()}"


def pull_error(image: str, why: str) -> str:
    """containerd's words; `why` may be `not found`, `unauthorized` or the text itself."""
    full = full_image(image)
    if why == "not found":
        return (
            f'rpc error: code = NotFound desc = failed to pull and unpack image "{full}": '
            f'failed to resolve reference "{full}": {full}: not found'
        )
    if why == "unauthorized":
        registry = full.partition("/")[0]
        return (
            f'failed to pull and unpack image "{full}": failed to resolve reference "{full}": failed to authorize: '
            f"failed to fetch anonymous token: unexpected status from GET request to https://{registry}/token: "
            "401 Unauthorized"
        )
    return why
