"""A TrainJob and its runtime rendered into the JobSet that runs it, and what MPI needs beside it.

Facts from github.com/kubeflow/trainer v2.1.0, pkg/runtime/core and pkg/runtime/framework/plugins/{jobset,torch,mpi,
plainml}; `spec.runtimePatches` as in v2.2 (field guide, section 2.1).
"""

from __future__ import annotations

import copy
from collections.abc import Iterable

from console.demo.client import Object
from console.demo.controllers.base import owner_reference
from console.quantity import parse_quantity

ANCESTOR = "trainer.kubeflow.org/trainjob-ancestor-step"
PORT = 29500
INITIALIZERS = {"dataset": "dataset-initializer", "model": "model-initializer"}
RESERVED = frozenset({"PET_NNODES", "PET_NPROC_PER_NODE", "PET_NODE_RANK", "PET_MASTER_ADDR", "PET_MASTER_PORT"})


def jobset(trainjob: Object, runtime: Object) -> Object:
    """The JobSet of a TrainJob; `runtime` is the (Cluster)TrainingRuntime it refers to."""
    spec, meta = trainjob["spec"], trainjob["metadata"]
    template = copy.deepcopy(runtime["spec"]["template"])
    top = template.get("metadata") or {}
    labels = {**(top.get("labels") or {}), **(spec.get("labels") or {})}
    annotations = {**(top.get("annotations") or {}), **(spec.get("annotations") or {})}
    body = template["spec"]
    policy = runtime["spec"].get("mlPolicy") or {}
    for replicated in body["replicatedJobs"]:
        replicated["replicas"] = 1
        job = replicated.setdefault("template", {}).setdefault("spec", {})
        job.setdefault("template", {}).setdefault("spec", {})
        count = node_count(trainjob, policy, replicated)
        if count is not None:
            job["parallelism"] = job["completions"] = count
        _initialize(spec.get("initializer") or {}, replicated)
        _train(trainjob, policy, replicated)
    for patch in _patches(spec):
        _apply(patch, body, labels, annotations)
    body["suspend"] = bool(spec.get("suspend"))
    return {
        "apiVersion": "jobset.x-k8s.io/v1alpha2",
        "kind": "JobSet",
        "metadata": {
            "name": meta["name"],
            "namespace": meta["namespace"],
            **({"labels": labels} if labels else {}),
            **({"annotations": annotations} if annotations else {}),
            "ownerReferences": [owner_reference(trainjob)],
        },
        "spec": body,
    }


def node_count(trainjob: Object, policy: Object, replicated: Object) -> int | None:
    """How many pods a replicated job gets, None to keep the runtime's own number."""
    wanted = (trainjob["spec"].get("trainer") or {}).get("numNodes")
    nodes = int(wanted if wanted is not None else policy.get("numNodes") or 1)
    mpi = policy.get("mpi")
    if mpi is not None:
        if replicated["name"] != "node":
            return None
        return max(nodes - 1, 1) if mpi.get("runLauncherAsNode") and wanted is not None else nodes
    return nodes if step_of(replicated) == "trainer" else None


def step_of(replicated: Object) -> str:
    """Which step of the TrainJob a replicated job is: `trainer`, `dataset-initializer`, `model-initializer` or none."""
    labels = (replicated.get("template", {}).get("metadata") or {}).get("labels") or {}
    return str(labels.get(ANCESTOR, ""))


def processes_per_node(trainjob: Object, policy: Object, resources: Object) -> str:
    """`numProcPerNode` as torchrun gets it: a number, `auto` or `gpu`; CPUs where there is no GPU."""
    own = (trainjob["spec"].get("trainer") or {}).get("numProcPerNode")
    found = str(own if own is not None else (policy.get("torch") or {}).get("numProcPerNode") or "auto")
    if found == "cpu" or (found == "auto" and not gpus(resources)):
        cpu = (resources.get("requests") or {}).get("cpu") or (resources.get("limits") or {}).get("cpu")
        return str(max(1, int(parse_quantity(cpu))))
    return found


def gpus(resources: Object) -> int:
    """GPUs of a container's resources."""
    for words in (resources.get("limits") or {}, resources.get("requests") or {}):
        for name, value in words.items():
            if "gpu" in name:
                return int(parse_quantity(value))
    return 0


def mpi_companions(trainjob: Object, runtime: Object) -> list[tuple[str, Object]]:
    """(plural, manifest) of the hosts file and the ssh key of an MPI TrainJob; nothing for other runtimes."""
    policy = runtime["spec"].get("mlPolicy") or {}
    mpi = policy.get("mpi")
    if mpi is None:
        return []
    name = trainjob["metadata"]["name"]
    slots = (trainjob["spec"].get("trainer") or {}).get("numProcPerNode") or mpi.get("numProcPerNode") or 1
    hosts = []
    for replicated in runtime["spec"]["template"]["spec"]["replicatedJobs"]:
        if replicated["name"] == "node" or (replicated["name"] == "launcher" and mpi.get("runLauncherAsNode")):
            count = node_count(trainjob, policy, replicated) or 1
            hosts += [f"{name}-{replicated['name']}-0-{i}.{name} slots={slots}\n" for i in range(count)]
    key = "c2ltdWxhdGVk"  # no process reads it: a placeholder in base64
    return [
        ("configmaps", {**_owned(trainjob, "ConfigMap", "-mpi-hostfile"), "data": {"hostfile": "".join(hosts)}}),
        (
            "secrets",
            {
                **_owned(trainjob, "Secret", "-mpi-ssh-auth"),
                "type": "kubernetes.io/ssh-auth",
                "immutable": True,
                "data": {"ssh-privatekey": key, "ssh-publickey": key},
            },
        ),
    ]


def _owned(trainjob: Object, kind: str, suffix: str) -> Object:
    meta = trainjob["metadata"]
    return {
        "apiVersion": "v1",
        "kind": kind,
        "metadata": {
            "name": f"{meta['name']}{suffix}",
            "namespace": meta["namespace"],
            "ownerReferences": [owner_reference(trainjob)],
        },
    }


def _containers(replicated: Object) -> list[Object]:
    return list(replicated["template"]["spec"]["template"]["spec"].get("containers") or [])


def _initialize(initializer: Object, replicated: Object) -> None:
    for what, step in INITIALIZERS.items():
        given = initializer.get(what)
        if given is None or step_of(replicated) != step:
            continue
        for container in _containers(replicated):
            if container.get("name") == step:
                uri = [{"name": "STORAGE_URI", "value": given["storageUri"]}] if given.get("storageUri") else []
                upsert(container, [*uri, *(given.get("env") or [])])
                if given.get("secretRef"):
                    secret = {"secretRef": {"name": given["secretRef"]["name"]}}
                    container["envFrom"] = [*(container.get("envFrom") or []), secret]


def _train(trainjob: Object, policy: Object, replicated: Object) -> None:
    trainer = trainjob["spec"].get("trainer") or {}
    training = step_of(replicated) == "trainer"
    mpi = policy.get("mpi")
    helping = mpi is not None and mpi.get("runLauncherAsNode") and replicated["name"] == "node"
    name = trainjob["metadata"]["name"]
    for container in _containers(replicated):
        if container.get("name") != "node" or not (training or helping):
            continue
        if training:
            container.update({key: trainer[key] for key in ("image", "command", "args") if trainer.get(key)})
        if trainer.get("resourcesPerNode"):
            container["resources"] = copy.deepcopy(trainer["resourcesPerNode"])
        upsert(container, copy.deepcopy(trainer.get("env") or []))
        if training and policy.get("torch") is not None:
            nodes = node_count(trainjob, policy, replicated)
            processes = processes_per_node(trainjob, policy, container.get("resources") or {})
            rank = {"fieldRef": {"fieldPath": "metadata.annotations['batch.kubernetes.io/job-completion-index']"}}
            upsert(
                container,
                [
                    {"name": "PET_NNODES", "value": str(nodes)},
                    {"name": "PET_NPROC_PER_NODE", "value": processes},
                    {"name": "PET_NODE_RANK", "valueFrom": rank},
                    {"name": "PET_MASTER_ADDR", "value": f"{name}-node-0-0.{name}"},
                    {"name": "PET_MASTER_PORT", "value": str(PORT)},
                ],
            )
            ports = container.setdefault("ports", [])
            if not any(port.get("containerPort") == PORT for port in ports):
                ports.append({"containerPort": PORT, "protocol": "TCP"})
        if mpi is not None and replicated["name"] == "launcher":
            upsert(container, [{"name": "OMPI_MCA_orte_default_hostfile", "value": "/etc/mpi/hostfile"}])


def upsert(container: Object, env: Iterable[Object]) -> None:
    """Set environment variables, replacing those of the same name where they stand."""
    present: list[Object] = container.setdefault("env", [])
    for each in env:
        at = next((i for i, old in enumerate(present) if old["name"] == each["name"]), None)
        if at is None:
            present.append(dict(each))
        else:
            present[at] = dict(each)
    if not present:
        del container["env"]


def _patches(spec: Object) -> list[Object]:
    """`runtimePatches` (v2.2) and `podTemplateOverrides` (v2.1) in one shape: a partial JobSet template."""
    found = [
        patch["trainingRuntimeSpec"]["template"]
        for patch in spec.get("runtimePatches") or []
        if (patch.get("trainingRuntimeSpec") or {}).get("template")
    ]
    for each in spec.get("podTemplateOverrides") or []:
        pod = {key: each[key] for key in ("metadata", "spec") if each.get(key)}
        jobs = [{"name": job["name"], "template": {"spec": {"template": pod}}} for job in each.get("targetJobs") or []]
        found.append({"spec": {"replicatedJobs": jobs}})
    return found


def _apply(patch: Object, body: Object, labels: dict[str, str], annotations: dict[str, str]) -> None:
    meta = patch.get("metadata") or {}
    labels.update(meta.get("labels") or {})
    annotations.update(meta.get("annotations") or {})
    by_name = {each["name"]: each for each in body["replicatedJobs"]}
    for each in (patch.get("spec") or {}).get("replicatedJobs") or []:
        if each["name"] in by_name:
            _merge(by_name[each["name"]]["template"], copy.deepcopy(each.get("template") or {}))


def _merge(into: Object, patch: Object) -> None:
    """Maps are merged, lists of named things by name, other lists are appended to."""
    for key, value in patch.items():
        old = into.get(key)
        if isinstance(value, dict) and isinstance(old, dict):
            _merge(old, value)
        elif isinstance(value, list) and isinstance(old, list):
            names = {each.get("name"): each for each in old if isinstance(each, dict) and "name" in each}
            for each in value:
                if isinstance(each, dict) and each.get("name") in names:
                    _merge(names[each["name"]], each)
                else:
                    old.append(each)
        else:
            into[key] = value
