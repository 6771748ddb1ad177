"""Public sample manifests, applied to the embedded cluster as kubectl applies them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

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
