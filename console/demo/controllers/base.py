"""What every controller is built of: the work queue, the reconcile loop and the cluster it is handed.

A controller reads informers and writes through its client; `reconcile` must be repeatable and must write nothing
when there is nothing to change.
"""

from __future__ import annotations

import asyncio
import random
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import ClassVar

import httpx

from console import errors
from console.clock import format_time
from console.demo.client import ApiClient, Object
from console.demo.controllers.events import EventRecorder
from console.demo.informer import Informer, Informers, controller_of, key_of

Keys = Callable[[Object], Iterable[str]]

BACKOFF = 0.05  # seconds before the first retry of a key; doubles with every failure
BACKOFF_LIMIT = 60.0


def tell_nobody(problem: str) -> None:
    """Where problems go unless the cluster is started verbose."""


def tell_stderr(problem: str) -> None:
    """One line on standard error."""
    sys.stderr.write(problem + "\n")


@dataclass(frozen=True, slots=True)
class Cluster:
    """What controllers share: the connection, the informers, the clock, the seed."""

    client: ApiClient
    informers: Informers
    clock: Callable[[], float]
    seed: int = 0
    report: Callable[[str], None] = field(default=tell_nobody)

    def now(self) -> str:
        """The time as Kubernetes writes it."""
        return format_time(self.clock())

    def recorder(self, component: str, host: str = "") -> EventRecorder:
        """An event recorder reporting as `component`."""
        return EventRecorder(self.client.named(component), component, self.clock, host=host)

    def random(self, *words: str) -> random.Random:
        """The same sequence every time for the same words under the same seed."""
        return random.Random(f"{self.seed}/{'/'.join(words)}")


class WorkQueue:
    """Keys to look at: each at most once, never twice at the same time, failed ones again after a growing wait."""

    def __init__(self) -> None:
        self._ready: asyncio.Queue[str] = asyncio.Queue()
        self._waiting: set[str] = set()
        self._working: set[str] = set()
        self._again: set[str] = set()
        self._failures: dict[str, int] = {}
        self._timers: dict[str, asyncio.TimerHandle] = {}

    def add(self, key: str) -> None:
        """Look at `key` soon."""
        if key in self._working:
            self._again.add(key)
        elif key not in self._waiting:
            self._waiting.add(key)
            self._ready.put_nowait(key)

    def add_after(self, key: str, seconds: float) -> None:
        """Look at `key` in `seconds`, unless an earlier look is due anyway."""
        if seconds <= 0:
            self.add(key)
            return
        loop = asyncio.get_running_loop()
        timer = self._timers.get(key)
        if timer is not None:
            if timer.when() <= loop.time() + seconds:
                return
            timer.cancel()
        self._timers[key] = loop.call_later(seconds, self._due, key)

    def retry(self, key: str, least: float = 0.0) -> None:
        """Look again after a wait that doubles with every failure of this key, and is `least` seconds or more."""
        failures = self._failures.get(key, 0)
        self._failures[key] = failures + 1
        self.add_after(key, max(least, min(BACKOFF_LIMIT, BACKOFF * 2**failures)))

    def forget(self, key: str) -> None:
        """The key is fine: its next failure starts with the shortest wait."""
        self._failures.pop(key, None)

    async def get(self) -> str:
        """The next key; call `done` when finished with it."""
        key = await self._ready.get()
        self._waiting.discard(key)
        self._working.add(key)
        return key

    def done(self, key: str) -> None:
        """The key may be given out again."""
        self._working.discard(key)
        if key in self._again:
            self._again.discard(key)
            self.add(key)

    def _due(self, key: str) -> None:
        self._timers.pop(key, None)
        self.add(key)


class Controller:
    """Brings the world to what one kind of object asks for, key by key."""

    name: ClassVar[str]  # as in the events' source
    agent: ClassVar[str] = "kube-controller-manager"  # as in managedFields
    workers: ClassVar[int] = 1

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.client = cluster.client.named(self.agent)
        self.queue = WorkQueue()
        self.events = cluster.recorder(self.name)
        self._needed: list[Informer] = []

    async def reconcile(self, key: str) -> None:
        """Do what one object needs now; raise errors.ConsoleError to be called again later."""
        raise NotImplementedError

    def watch(self, path: str, keys: Keys | None = None, *, required: bool = True) -> Informer:
        """The informer of `path`, its changes queueing `keys(object)` (its own key by default).

        Where not `required`, the controller starts without it: its kind may not be served.
        """
        informer = self.cluster.informers.of(path)
        give = keys or (lambda obj: (key_of(obj),))

        def changed(before: Object | None, after: Object | None) -> None:
            for key in {key for obj in (before, after) if obj is not None for key in give(obj)}:
                self.queue.add(key)

        informer.subscribe(changed)
        if required:
            self._needed.append(informer)
        return informer

    def read(self, path: str) -> Informer:
        """The informer of `path` without being woken by it."""
        informer = self.cluster.informers.of(path)
        self._needed.append(informer)
        return informer

    def watch_owned(self, path: str, kind: str) -> Informer:
        """The informer of `path`, changes queueing the `namespace/name` of the controlling owner of that kind."""

        def owner(obj: Object) -> Iterable[str]:
            reference = controller_of(obj)
            if reference and reference["kind"] == kind:
                yield f"{obj['metadata']['namespace']}/{reference['name']}"

        return self.watch(path, owner)

    async def run(self) -> None:
        """Reconcile for ever, from when every needed informer has its first list."""
        for informer in self._needed:
            await informer.synced.wait()
        async with asyncio.TaskGroup() as group:
            for _ in range(self.workers):
                group.create_task(self._work())

    async def _work(self) -> None:
        while True:
            key = await self.queue.get()
            try:
                await self.reconcile(key)
                self.queue.forget(key)
            except errors.Conflict:
                self.queue.retry(key)
            except errors.NotFound as error:
                self.cluster.report(f"{self.name}: {key}: {error}")
                self.queue.retry(key, least=1.0)
            except errors.ApiError as error:
                self.cluster.report(f"{self.name}: {key}: {error}")
                self.queue.retry(key, least=error.retry_after or 0.5)
            except (errors.ConsoleError, httpx.HTTPError) as error:
                self.cluster.report(f"{self.name}: {key}: {error}")
                self.queue.retry(key, least=0.5)
            except Exception as error:  # noqa: BLE001  an object nobody foresaw must not end the controller
                self.cluster.report(f"{self.name}: {key}: {type(error).__name__}: {error}")
                self.queue.retry(key, least=5.0)
            finally:
                self.queue.done(key)


def owner_reference(owner: Object) -> Object:
    """A controlling owner reference to `owner`, as controllers write it."""
    metadata = owner["metadata"]
    return {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": metadata["name"],
        "uid": metadata["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }


def path_of(obj: Object, plural: str) -> str:
    """The request path of an object whose collection is called `plural`."""
    version, metadata = obj["apiVersion"], obj["metadata"]
    root = f"/apis/{version}" if "/" in version else f"/api/{version}"
    namespace = f"/namespaces/{metadata['namespace']}" if metadata.get("namespace") else ""
    return f"{root}{namespace}/{plural}/{metadata['name']}"


def condition(obj: Object, kind: str) -> Object | None:
    """The status condition of that type."""
    return next((each for each in (obj.get("status") or {}).get("conditions") or () if each["type"] == kind), None)


def is_true(obj: Object, kind: str) -> bool:
    """Whether the status condition of that type is True."""
    found = condition(obj, kind)
    return found is not None and found["status"] == "True"


def with_condition(conditions: Iterable[Object], new: Object, *, now: str) -> list[Object]:
    """The conditions with `new` in its place; lastTransitionTime moves only when the status does."""
    result, placed = [], False
    for old in conditions:
        if old["type"] != new["type"]:
            result.append(old)
            continue
        since = old.get("lastTransitionTime", now) if old["status"] == new["status"] else now
        result.append(
            {**{key: value for key, value in old.items() if key in _TIMES}, **new, "lastTransitionTime": since}
        )
        placed = True
    return result if placed else [*result, {**new, "lastTransitionTime": now}]


_TIMES = frozenset({"lastProbeTime", "lastUpdateTime", "lastHeartbeatTime"})
