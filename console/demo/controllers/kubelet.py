"""The kubelets of the simulated nodes, as one: runs the pods bound to them and writes their status.

A node with the label `demo.kfconsole.dev/kubelet=external` belongs to somebody else; one with the annotation
`demo.kfconsole.dev/down` has lost its kubelet.
"""

from __future__ import annotations

import asyncio
import ipaddress
import math
import random
from typing import ClassVar

from console import errors
from console.demo.client import Object
from console.demo.controllers.base import Cluster, Controller, path_of
from console.demo.controllers.podrun import Happening, PodRun
from console.demo.controllers.references import find_missing
from console.demo.controllers.telling import LogSink, Telling
from console.demo.gangs import gang_of
from console.demo.gpu_devices import seed_of
from console.demo.gpus import GpuFleet
from console.demo.informer import Informer, key_of
from console.demo.needs import FINISHED

EXTERNAL = "demo.kfconsole.dev/kubelet"
DOWN = "demo.kfconsole.dev/down"
SPEAK = 2.0  # seconds between two looks at what containers have logged
LOOK_AGAIN = 10.0  # seconds between two looks for something a pod refers to


def is_simulated(node: Object | None) -> bool:
    """Whether pods of this node are ours to run now."""
    if node is None:
        return False
    metadata = node["metadata"]
    return EXTERNAL not in (metadata.get("labels") or {}) and DOWN not in (metadata.get("annotations") or {})


class Kubelet(Controller):
    """Moves every pod along, and wakes for a pod only when something is due."""

    name: ClassVar[str] = "kubelet"
    agent: ClassVar[str] = "kubelet"
    workers: ClassVar[int] = 4

    def __init__(self, cluster: Cluster, sink: LogSink, gpus: GpuFleet) -> None:
        super().__init__(cluster)
        self.gpus = gpus
        self._telling = Telling(sink, gpus, cluster.clock, cluster.seed)
        self._runs: dict[str, PodRun] = {}  # by pod uid
        self._images: dict[str, set[str]] = {}  # node to the images it has
        self._addresses: set[str] = set()
        self._nodes = self.read("/api/v1/nodes")
        self._services = self.read("/api/v1/services")
        self._pods = self.watch("/api/v1/pods", lambda pod: (key_of(pod),) if pod["spec"].get("nodeName") else ())
        self._pods.add_index("node", lambda pod: (pod["spec"].get("nodeName") or "",))
        self._nodes.subscribe(self._node_changed)
        self._pods.subscribe(self._pod_changed)

    async def run(self) -> None:
        """Run pods, and let them speak."""
        async with asyncio.TaskGroup() as group:
            group.create_task(super().run())
            group.create_task(self._speak())

    async def _speak(self) -> None:
        while True:
            await asyncio.sleep(SPEAK)
            now = self.cluster.clock()
            for run in self._runs.values():
                if is_simulated(self._nodes.get(run.pod["spec"]["nodeName"])):
                    for container in run.containers:
                        self._telling.speak(run.pod, container, now)

    def _node_changed(self, before: Object | None, after: Object | None) -> None:
        node = after or before
        assert node is not None
        name = node["metadata"]["name"]
        if after is None:
            self.gpus.drop_node(name)
            self._images.pop(name, None)
            return
        self.gpus.set_node(after)
        if before is None or is_simulated(before) != is_simulated(after):
            for pod in self._pods.by_index("node", name):
                self.queue.add(key_of(pod))

    def _pod_changed(self, before: Object | None, after: Object | None) -> None:
        if before is not None and (after is None or after["metadata"]["uid"] != before["metadata"]["uid"]):
            run = self._runs.pop(before["metadata"]["uid"], None)
            if run is not None:
                self._addresses.discard(run.ip)
            if before["spec"].get("nodeName"):
                self._telling.gone(before)

    # one pod

    async def reconcile(self, key: str) -> None:
        """Bring a pod to now."""
        pod = self._pods.get(key)
        node = self._nodes.get(pod["spec"].get("nodeName") or "") if pod is not None else None
        if pod is None or node is None or not is_simulated(node):
            return
        metadata, now = pod["metadata"], self.cluster.clock()
        run = self._runs.get(metadata["uid"])
        if metadata.get("deletionTimestamp"):
            await self._terminate(key, pod, run, now)
            return
        if run is None:
            if (pod.get("status") or {}).get("phase") in FINISHED:
                return
            run = await self._begin(pod, node, now)
        run.pod = pod
        around = _Around(self, pod)
        if any(run.problems.values()):
            await self._look_for(run, now)
        happened = run.advance(now, around)
        self._record(run, happened)
        written = await self.client.patch_status(path_of(pod, "pods"), pod, run.status(now))
        run.pod = written
        due = run.next_due()
        if due < math.inf:
            self.queue.add_after(key, max(0.05, due - self.cluster.clock()))

    async def _begin(self, pod: Object, node: Object, now: float) -> PodRun:
        host = _host_ip(node)
        status = pod.get("status") or {}
        gang = gang_of(pod)

        def draw(container: str) -> random.Random:
            return self.cluster.random(gang or key_of(pod), container)

        ip = host if pod["spec"].get("hostNetwork") else status.get("podIP") or self._address(node, pod)
        run = PodRun(pod, now, host, ip, draw)
        self._addresses.add(ip)
        adopted = bool(status.get("containerStatuses") or status.get("initContainerStatuses"))
        if adopted:
            run.adopt(now)
        refusal = self._telling.admit(run)
        if refusal and not adopted:
            run.fail("UnexpectedAdmissionError", refusal)
            self.events.warning(pod, "UnexpectedAdmissionError", refusal, host=node["metadata"]["name"])
        images = self._images.setdefault(node["metadata"]["name"], set())
        for container in run.containers:
            if container.runs and not container.behaviour.image_error:
                images.add(container.image)
            if container.running:
                self._telling.started(pod, container, container.since)
            elif adopted:
                self._telling.past(pod, container)
        if not adopted and not refusal:
            await self._look_for(run, now)
        self._runs[pod["metadata"]["uid"]] = run
        return run

    async def _look_for(self, run: PodRun, now: float) -> None:
        missing = await find_missing(self.client, run.pod)
        node = run.pod["spec"]["nodeName"]
        run.problems = {each.container: each.why for each in missing}
        for each in missing:
            if not each.container:
                text = f'MountVolume.SetUp failed for volume "{each.volume}" : {each.why}'
                self.events.warning(run.pod, "FailedMount", text, host=node)
        if run.problems:
            self.queue.add_after(key_of(run.pod), LOOK_AGAIN)

    def _record(self, run: PodRun, happened: list[Happening]) -> None:
        node = run.pod["spec"]["nodeName"]
        for each in happened:
            if each.note is not None and each.container is not None:
                field = "spec.containers" if each.container.kind == "main" else "spec.initContainers"
                self.events.record(
                    run.pod,
                    each.note.type,
                    each.note.reason,
                    each.note.message,
                    host=node,
                    field_path=f"{field}{{{each.container.name}}}",
                )
            if each.kind == "started" and each.container is not None:
                self._images.setdefault(node, set()).add(each.container.image)
        if run.failure is not None and run.failure[0] in ("Evicted", "DeadlineExceeded") and happened:
            self.events.warning(run.pod, run.failure[0], run.failure[1], host=node)
        self._telling.happened(run, happened)
        self._probe(run)

    def _probe(self, run: PodRun) -> None:
        for container in run.containers:
            if container.running and not container.ready and container.kind == "main" and container.behaviour.unready:
                text = f"Readiness probe failed: {container.behaviour.unready}"
                node = run.pod["spec"]["nodeName"]
                field = f"spec.containers{{{container.name}}}"
                self.events.warning(run.pod, "Unhealthy", text, host=node, field_path=field)
                self.queue.add_after(key_of(run.pod), 30.0)

    async def _terminate(self, key: str, pod: Object, run: PodRun | None, now: float) -> None:
        metadata = pod["metadata"]
        grace = float(metadata.get("deletionGracePeriodSeconds") or 0)
        if run is not None:
            run.pod = pod
            happened = [] if run.stopping else run.stop(now, grace)
            happened += run.stop_due(now, grace)
            self._record(run, happened)
            if run.running:
                self.queue.add_after(key, max(0.05, run.next_stop() - now))
                return
            pod = await self.client.patch_status(path_of(pod, "pods"), pod, run.status(now))
        if metadata.get("finalizers") and metadata.get("deletionGracePeriodSeconds") == 0:
            return  # it goes when its last finalizer does
        try:
            await self.client.delete(path_of(pod, "pods"), grace=0, uid=metadata["uid"])
        except (errors.NotFound, errors.Conflict):
            return

    # what pods find

    def _address(self, node: Object, pod: Object) -> str:
        cidr = (node.get("spec") or {}).get("podCIDR")
        number = seed_of("node", node["metadata"]["name"])
        network = ipaddress.ip_network(cidr or f"10.{244 + number % 8}.{number // 8 % 256}.0/24", strict=False)
        size = max(1, network.num_addresses - 4)
        offset = seed_of(pod["metadata"]["uid"])
        for step in range(size):
            address = str(network[2 + (offset + step) % size])
            if address not in self._addresses:
                break
        return address

    def pull_seconds(self, node: str, image: str, policy: str) -> tuple[float | None, int]:
        """Seconds to pull an image on a node (None when it is there) and its size in bytes."""
        seed = seed_of("image", image)
        large = any(word in image for word in ("cuda", "torch", "tensorflow", "jupyter", "vllm", "triton", "train"))
        size = (2_000_000_000 if large else 20_000_000) + seed % (3_000_000_000 if large else 80_000_000)
        if policy != "Always" and (policy == "Never" or image in self._images.get(node, ())):
            return None, size
        if image in self._images.get(node, ()):
            return 0.4 + seed % 100 / 200, size  # only the manifest is asked for
        return (3.0 if large else 0.8) + seed % 1000 / (125 if large else 800), size

    def resolves(self, namespace: str, host: str) -> bool:
        """Whether a service of that name has an address."""
        name, _, rest = host.partition(".")
        namespace = rest.split(".")[0] or namespace
        service: Object | None = self._services.get(f"{namespace}/{name}")
        if service is None:
            return False
        spec = service.get("spec") or {}
        if spec.get("clusterIP") not in (None, "", "None") or spec.get("publishNotReadyAddresses"):
            return True
        peer = self._pods.get(f"{namespace}/{name}")
        candidates: list[Object] = [peer] if peer is not None else self._selected(self._pods, namespace, spec)
        return any((each.get("status") or {}).get("podIP") for each in candidates)

    @staticmethod
    def _selected(pods: Informer, namespace: str, spec: Object) -> list[Object]:
        selector = spec.get("selector") or {}
        return [
            pod
            for pod in pods.in_namespace(namespace)
            if selector and selector.items() <= (pod["metadata"].get("labels") or {}).items()
        ]


class _Around:
    """What one pod finds."""

    def __init__(self, kubelet: Kubelet, pod: Object) -> None:
        self._kubelet = kubelet
        self._pod = pod

    def pull_seconds(self, image: str, policy: str) -> tuple[float | None, int]:
        return self._kubelet.pull_seconds(self._pod["spec"]["nodeName"], image, policy)

    def resolves(self, host: str) -> bool:
        return self._kubelet.resolves(self._pod["metadata"]["namespace"], host)


def _host_ip(node: Object) -> str:
    for address in (node.get("status") or {}).get("addresses") or ():
        if address["type"] == "InternalIP":
            return str(address["address"])
    number = seed_of("node", node["metadata"]["name"])
    return f"10.0.{number // 256 % 256}.{number % 254 + 1}"
