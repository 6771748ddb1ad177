"""Public sample manifests, applied to the embedded cluster as kubectl applies them."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from console.demo.assembly import assemble
from console.demo.listening import Listener

SAMPLES = Path(__file__).parents[1] / "data" / "samples"
APPLY = {"content-type": "application/apply-patch+yaml"}

# what a real API server refuses too, and why
REFUSED = {
    # the schema of v0.16 takes quantities as text or whole numbers, and knows no alibi explainer
    "kserve/isvc-explainer.yaml": "spec.predictor.sklearn.resources",
    # the definition requires a status, which nobody writes by hand
    "pipelines-scheduledworkflow/concurrency.yaml": "status: Required value",
    "pipelines-scheduledworkflow/every-minute-cron.yaml": "status: Required value",
    "pipelines-scheduledworkflow/every-minute-periodic.yaml": "status: Required value",
    "pipelines-scheduledworkflow/parameterized.yaml": "status: Required value",
    "pipelines-scheduledworkflow/start-end-cron.yaml": "status: Required value",
}
# kinds or versions none of the shipped definitions serves: LLMInferenceService v1alpha2, the MPI operator's MPIJob
UNSERVED = {"kserve/llmisvc-opt-125m-cpu.yaml", "kserve/llmisvc-qwen2-7b-gpu.yaml", "kueue/sample-mpijob.yaml"}


def manifests() -> list[tuple[str, dict[str, Any]]]:
    """(file, manifest) of every sample."""
    return [
        (str(path.relative_to(SAMPLES)), each)
        for path in sorted(SAMPLES.glob("*/*.yaml"))
        for each in yaml.load_all(path.read_text(), yaml.CSafeLoader)
        if each
    ]


def collection(manifest: dict[str, Any], plural: str, namespaced: bool) -> str:
    version = manifest["apiVersion"]
    root = f"/apis/{version}" if "/" in version else f"/api/{version}"
    namespace = manifest["metadata"].get("namespace", "default")
    return f"{root}/namespaces/{namespace}/{plural}" if namespaced else f"{root}/{plural}"


async def test_every_sample_that_fits_the_schemas_is_applied(api: Any) -> None:
    unserved, refused, applied = set(), {}, 0
    namespaces = {each["metadata"].get("namespace", "default") for _, each in manifests()} - {"default"}
    for name in sorted(namespaces):
        body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
        await api.send("POST", "/api/v1/namespaces", 201, json=body)
    for file, manifest in manifests():
        rt = api.store.resources.of_object(manifest["apiVersion"], manifest["kind"])
        if rt is None:
            unserved.add(file)
            continue
        path = collection(manifest, rt.plural, rt.namespaced)
        if "name" in manifest["metadata"]:
            query = "?fieldManager=kubectl&force=true"
            body = yaml.safe_dump(manifest).encode()
            name = manifest["metadata"]["name"]
            answer = await api.client.patch(f"{path}/{name}{query}", content=body, headers=APPLY)
        else:
            answer = await api.client.post(path, json=manifest)
        if answer.status_code in (200, 201):
            applied += 1
        else:
            refused[file] = answer.json()["message"]
    assert unserved == UNSERVED
    assert refused.keys() == REFUSED.keys(), refused
    for file, why in REFUSED.items():
        assert why in refused[file]
    assert applied > 120


@pytest.mark.parametrize("folder", sorted({file.split("/")[0] for file, _ in manifests()}))
def test_the_origin_of_every_sample_is_kept(folder: str) -> None:
    sources = (SAMPLES / "SOURCES.md").read_text()
    for path in (SAMPLES / folder).iterdir():
        assert f"| {folder}/{path.name} |" in sources


async def test_the_training_samples_come_to_run() -> None:
    cluster = assemble(scenario="empty")
    listener = Listener(cluster.app)
    await listener.start()
    tasks = cluster.start(listener.url)
    headers = {"authorization": f"Bearer {cluster.token}"}
    try:
        async with httpx.AsyncClient(base_url=listener.url, headers=headers, timeout=20, trust_env=False) as client:
            await prepare(client)
            jobs = {}
            for file, manifest in manifests():
                if not file.startswith(("training-operator/", "trainer/")):
                    continue
                rt = cluster.server.store.resources.of_object(manifest["apiVersion"], manifest["kind"])
                assert rt is not None
                path = collection(manifest, rt.plural, rt.namespaced)
                answer = await client.post(path, json=manifest)
                assert answer.status_code == 201, answer.text
                if rt.namespaced and manifest["kind"] != "TrainingRuntime":
                    jobs[f"{path}/{manifest['metadata']['name']}"] = "not asked yet"
            async with asyncio.timeout(180):
                while waiting := {path for path, state in jobs.items() if state not in RUNS}:
                    await asyncio.sleep(1.0)
                    for path in waiting:
                        jobs[path] = state_of((await client.get(path)).json())
    except TimeoutError:
        raise AssertionError({path: state for path, state in jobs.items() if state not in RUNS}) from None
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await cluster.close()
        cluster.server.close_watches()
        await listener.stop()


RUNS = ("Running", "Succeeded")


def state_of(job: dict[str, Any]) -> str:
    """How a job does, as the field guide derives it."""
    status = job.get("status") or {}
    true = {each["type"] for each in status.get("conditions") or () if each["status"] == "True"}
    if true & {"Succeeded", "Complete"}:
        return "Succeeded"
    if "Running" in true or any(each["ready"] for each in status.get("jobsStatus") or () if each["name"] == "node"):
        return "Running"
    return ", ".join(sorted(true)) or "nothing yet"


async def prepare(client: httpx.AsyncClient) -> None:
    """What the samples say has to be there first: namespaces, an account, a claim, a node label, queues."""
    kueue, core = "/apis/kueue.x-k8s.io/v1beta2", "/api/v1/namespaces"

    async def make(path: str, kind: str, name: str, **rest: Any) -> None:
        version = "kueue.x-k8s.io/v1beta2" if path.startswith(kueue) else "v1"
        body = {"apiVersion": version, "kind": kind, "metadata": {"name": name}, **rest}
        answer = await client.post(path, json=body)
        assert answer.status_code == 201, answer.text

    await make(core, "Namespace", "kubeflow")
    await make(f"{core}/default/serviceaccounts", "ServiceAccount", "training-sa")
    claim = {"accessModes": ["ReadWriteMany"], "resources": {"requests": {"storage": "1Gi"}}}
    await make(f"{core}/default/persistentvolumeclaims", "PersistentVolumeClaim", "strategy-volume", spec=claim)
    merge = {"content-type": "application/merge-patch+json"}
    label = {"metadata": {"labels": {"node-type": "training"}}}
    await client.patch("/api/v1/nodes/cpu-1", json=label, headers=merge)
    resources = [{"name": "cpu", "nominalQuota": "64"}, {"name": "memory", "nominalQuota": "64Gi"}]
    group = {"coveredResources": ["cpu", "memory"], "flavors": [{"name": "any", "resources": resources}]}
    await make(f"{kueue}/resourceflavors", "ResourceFlavor", "any", spec={})
    await make(
        f"{kueue}/clusterqueues", "ClusterQueue", "all", spec={"resourceGroups": [group], "namespaceSelector": {}}
    )
    for name in ("user-queue", "training-queue"):
        await make(f"{kueue}/namespaces/default/localqueues", "LocalQueue", name, spec={"clusterQueue": "all"})
