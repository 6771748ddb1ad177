"""Life in a running world: teams submit jobs, jobs end, replicas die and come back, a node is lost now and then.

An API client like any user; the same seed gives the same course. What it made it also clears away, so that the
world stays the same size.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from random import Random
from typing import Any

import httpx

from console import errors
from console.demo.client import ApiClient, Object
from console.demo.controllers.base import path_of, tell_nobody
from console.demo.controllers.kubelet import DOWN
from console.demo.controllers.training_kinds import BY_KIND
from console.demo.controllers.training_status import LABEL, is_finished
from console.demo.worlds.default_jobs import SHARED, job, replica
from console.demo.worlds.naming import suffix

MADE = "demo.kfconsole.dev/life"  # label of what this module made
KEPT = 10  # finished jobs of ours that stay to be looked at
MOST = 16  # jobs of ours at once
PAUSE = (70.0, 150.0)  # seconds between two things that happen
OUTAGE = 170.0  # seconds a node stays away: long enough to be noticed, short enough to lose no pods

_WORDS = ("probe", "ablate", "tune", "distill", "eval", "refit", "sweep", "warmup")
_TEAMS = ("team-vision", "team-nlp", "team-recsys", "team-speech", "team-robotics", "team-fraud")
_FLAPPING = ("cpu-2", "gpu-t-01")
_MORTAL = ("resnet-elastic", "two-tower-v7")  # jobs of the default world that lose a replica now and then


class Life:
    """The driver. `pace` is how many times faster than usual things happen."""

    def __init__(
        self, client: ApiClient, *, pace: float = 1.0, seed: int = 0, report: Callable[[str], None] = tell_nobody
    ) -> None:
        self._client = client.named("kubectl-create")
        self._pace = pace
        self._report = report
        self._draw = Random(f"{seed}/life")
        self._number = 0
        self._outage: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Let things happen for ever."""
        try:
            while True:
                await asyncio.sleep(self._draw.uniform(*PAUSE) / self._pace)
                await self._surviving(self.happen())
        finally:
            if self._outage is not None:
                self._outage.cancel()

    async def _surviving(self, happening: Coroutine[Any, Any, None]) -> None:
        try:
            await happening
        except (errors.ConsoleError, httpx.HTTPError) as error:
            self._report(f"life: {error}")

    async def happen(self) -> None:
        """One thing: mostly a new job; old ones are cleared away first."""
        ours: list[Object] = []
        for kind in BY_KIND.values():
            ours += (await self._client.list(kind.path, label_selector=MADE))[0]
        for old in surplus(ours):
            plural = BY_KIND[old["kind"]].plural
            await self._client.delete(path_of(old, plural), propagation="Background")
        chance = self._draw.random()
        if chance < 0.04:
            if self._outage is None or self._outage.done():
                self._outage = asyncio.create_task(self._surviving(self._lose_node()), name="outage")
        elif chance < 0.25:
            await self._lose_replica()
        elif len(ours) < MOST:
            self._number += 1
            kind_name, manifest = next_job(self._draw, self._number)
            plural = BY_KIND[kind_name].plural
            namespace = manifest["metadata"]["namespace"]
            await self._client.create(f"/apis/kubeflow.org/v1/namespaces/{namespace}/{plural}", manifest)

    async def _lose_replica(self) -> None:
        pods, _ = await self._client.list("/api/v1/pods", label_selector=f"{LABEL}job-name in ({', '.join(_MORTAL)})")
        pod = victim(pods, self._draw)
        if pod is not None:
            await self._client.delete(path_of(pod, "pods"), grace=0)

    async def _lose_node(self) -> None:
        path = f"/api/v1/nodes/{self._draw.choice(_FLAPPING)}"
        await self._client.merge_patch(path, {"metadata": {"annotations": {DOWN: "true"}}})
        try:
            await asyncio.sleep(OUTAGE)
        finally:
            await self._client.merge_patch(path, {"metadata": {"annotations": {DOWN: None}}})


def next_job(draw: Random, number: int) -> tuple[str, Object]:
    """(kind, manifest) of the next job somebody submits: small, some minutes long, one in six fails."""
    kind = draw.choice(("PyTorchJob", "PyTorchJob", "XGBoostJob", "JAXJob", "TFJob", "PaddleJob"))
    name = f"{draw.choice(_WORDS)}-{suffix(4, str(number), str(draw.random()))}"
    minutes = draw.uniform(3, 14)
    behaviour: dict[str, object] = {"run": round(60 * minutes, 1)}
    fate = draw.random()
    if fate < 0.16:
        behaviour |= {"run": round(draw.uniform(20, 150), 1), "exit": 1}
    elif fate < 0.28:
        behaviour |= {"run": 45.0, "exit": 1, "failures": 1}  # dies once, then comes through
    place = draw.choice(("cpu", "shared", "mig"))
    size = {
        "cpu": {"cpu": "4", "memory": "16Gi"},
        "shared": {"gpus": 1, "product": SHARED, "cpu": "2", "memory": "12Gi"},
        "mig": {"gpus": 1, "resource": "nvidia.com/mig-1g.10gb", "cpu": "2", "memory": "12Gi"},
    }[place]
    roles = [each for each in BY_KIND[kind].types if each in ("Master", "Worker")]
    if kind in ("TFJob", "PaddleJob"):
        roles = ["Worker"]
    counts = {"Master": 1, "Worker": draw.randint(1, 2)}
    restart = "Never" if fate < 0.16 else "OnFailure"
    specs = {
        role: replica(kind, counts[role], behaviour=behaviour, restart=restart, **size)  # type: ignore[arg-type]
        for role in roles
    }
    manifest = job(kind, draw.choice(_TEAMS), name, specs, labels={MADE: "true"}, policy={"cleanPodPolicy": "None"})
    return kind, manifest


def surplus(ours: Sequence[Object]) -> list[Object]:
    """The oldest finished jobs beyond those that are kept."""
    over = [each for each in ours if is_finished(each.get("status") or {})]
    over.sort(key=lambda each: str((each.get("status") or {}).get("completionTime", "")))
    return over[: max(0, len(over) - KEPT)]


def victim(pods: Sequence[Object], draw: Random) -> Object | None:
    """A running replica whose loss its job survives; None when there is none."""
    mortal = [
        pod
        for pod in pods
        if (pod.get("status") or {}).get("phase") == "Running"
        and not pod["metadata"].get("deletionTimestamp")
        and (pod["metadata"].get("labels") or {}).get(f"{LABEL}job-name") in _MORTAL
        and (pod["metadata"].get("labels") or {}).get(f"{LABEL}replica-type") == "worker"
    ]
    return draw.choice(sorted(mortal, key=lambda pod: str(pod["metadata"]["name"]))) if mortal else None
