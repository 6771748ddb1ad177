"""The embedded cluster alive: what a person applies comes to be, through the API alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from console.demo.assembly import assemble
from console.demo.client import ApiClient
from console.demo.listening import Listener

Object = dict[str, Any]
PODS = "/api/v1/namespaces/default/pods"


@asynccontextmanager
async def living() -> AsyncIterator[ApiClient]:
    """An empty cluster with nodes, controllers and kubelets, and a client of its administrator."""
    cluster = assemble(scenario="empty")
    listener = Listener(cluster.app)
    await listener.start()
    tasks = cluster.start(listener.url)
    client = ApiClient(listener.url, cluster.server.access.admin_token)
    try:
        yield client
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await client.close()
        await cluster.close()
        cluster.server.close_watches()
        await listener.stop()


async def reached(client: ApiClient, path: str, true: Callable[[Object], object]) -> Object:
    """The object once `true` holds for it."""
    async with asyncio.timeout(30):
        while True:
            obj = await client.get(path)
            if true(obj):
                return obj
            await asyncio.sleep(0.2)


def workload(kind: str, name: str, **spec: Any) -> Object:
    template = {
        "metadata": {"labels": {"app": name}},
        "spec": {"containers": [{"name": "c", "image": "registry.example.com/web:1"}]},
    }
    base = {"selector": {"matchLabels": {"app": name}}, "template": template}
    return {"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": name}, "spec": base | spec}


def pod(name: str, *, behaviour: str = "", **spec: Any) -> Object:
    annotations = {"demo.kfconsole.dev/behaviour": behaviour} if behaviour else {}
    base = {"containers": [{"name": "c", "image": "registry.example.com/web:1"}]}
    metadata = {"name": name, "annotations": annotations}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": base | spec}


def waiting(obj: Object) -> str:
    """Why the first container waits."""
    statuses = (obj.get("status") or {}).get("containerStatuses") or [{}]
    return str(((statuses[0].get("state") or {}).get("waiting") or {}).get("reason", ""))


def scheduled(obj: Object) -> str:
    """What the scheduler said."""
    conditions = (obj.get("status") or {}).get("conditions") or ()
    return next((each.get("message", "") for each in conditions if each["type"] == "PodScheduled"), "")


async def test_what_is_applied_comes_to_be() -> None:
    async with living() as client:
        apps = "/apis/apps/v1/namespaces/default"
        await client.create(f"{apps}/deployments", workload("Deployment", "web", replicas=2))
        await client.create(f"{apps}/statefulsets", workload("StatefulSet", "db", replicas=2, serviceName="db"))
        service = {"metadata": {"name": "web"}, "spec": {"selector": {"app": "web"}, "ports": [{"port": 80}]}}
        await client.create("/api/v1/namespaces/default/services", service)
        job = {
            "metadata": {"name": "idx"},
            "spec": {
                "completions": 2,
                "parallelism": 2,
                "completionMode": "Indexed",
                "template": {
                    "spec": {
                        "restartPolicy": "Never",
                        "containers": [{"name": "c", "image": "busybox:1", "command": ["sleep", "1"]}],
                    }
                },
            },
        }
        await client.create("/apis/batch/v1/namespaces/default/jobs", job)
        await client.create(PODS, pod("crash", behaviour="{crash: 0.5}"))
        missing = {"name": "c", "image": "registry.example.com/web:1", "envFrom": [{"secretRef": {"name": "later"}}]}
        await client.create(PODS, pod("needs", containers=[missing]))
        greedy = {"name": "c", "image": "cuda:1", "resources": {"limits": {"nvidia.com/gpu": 99}}}
        await client.create(PODS, pod("greedy", containers=[greedy]))

        found = await reached(client, f"{PODS}/greedy", scheduled)
        assert "Insufficient nvidia.com/gpu" in scheduled(found)
        await reached(client, f"{PODS}/needs", lambda obj: waiting(obj) == "CreateContainerConfigError")
        await client.create("/api/v1/namespaces/default/secrets", {"metadata": {"name": "later"}})
        await reached(client, f"{PODS}/crash", lambda obj: waiting(obj) == "CrashLoopBackOff")
        done = await reached(
            client,
            f"{apps}/deployments/web",
            lambda obj: (obj.get("status") or {}).get("availableReplicas") == 2,
        )
        assert done["metadata"]["annotations"]["deployment.kubernetes.io/revision"] == "1"
        await reached(client, f"{apps}/statefulsets/db", lambda obj: obj["status"].get("readyReplicas") == 2)
        over = await reached(
            client,
            "/apis/batch/v1/namespaces/default/jobs/idx",
            lambda obj: len((obj.get("status") or {}).get("conditions") or ()) == 2,
        )
        assert over["status"]["completedIndexes"] == "0,1"
        endpoints = await client.get("/api/v1/namespaces/default/endpoints/web")
        assert len(endpoints["subsets"][0]["addresses"]) == 2

        before = {item["metadata"]["name"] for item in (await client.list(PODS, label_selector="app=db"))[0]}
        await client.delete(f"{PODS}/db-0")
        fresh = await reached(client, f"{apps}/statefulsets/db", lambda obj: obj["status"].get("readyReplicas", 0) < 2)
        assert before == {"db-0", "db-1"} and fresh
        events, _ = await client.list("/api/v1/namespaces/default/events")
        reasons = {event["reason"] for event in events}
        assert {"Scheduled", "Pulled", "Started", "BackOff", "FailedScheduling", "SuccessfulCreate"} <= reasons
