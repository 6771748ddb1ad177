"""What a write is completed with and what forbids it: namespaces, quotas, limits, priorities, webhooks."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.demo.admission import admit, quotas_of
from console.demo.amounts import parse_amount
from console.demo.failures import ApiFailure
from console.demo.store import Store
from console.demo.tokens import User
from console.quantity import parse_quantity

ME = User("me")
Object = dict[str, Any]


@pytest.fixture
def store() -> Store:
    store = Store(lambda: 1000.0)
    store.load_shipped_crds()
    for name in ("team-a", "team-b"):
        store.load({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    return store


def made(api_version: str, kind: str, name: str, namespace: str = "team-a", **fields: Any) -> Object:
    metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **fields}


def pod(name: str = "p", resources: Object | None = None, namespace: str = "team-a", **spec: Any) -> Object:
    container = {"name": "main", "image": "x", "resources": resources or {}}
    return made("v1", "Pod", name, namespace, spec={"containers": [container], **spec})


def gpus(count: int) -> Object:
    return {"requests": {"nvidia.com/gpu": str(count)}, "limits": {"nvidia.com/gpu": str(count)}}


def quota(**hard: str) -> Object:
    return made("v1", "ResourceQuota", "kf-resource-quota", spec={"hard": hard})


def write(store: Store, obj: Object, old: Object | None = None) -> list[str]:
    rt = store.resources.of_object(obj["apiVersion"], obj["kind"])
    assert rt is not None
    warnings = admit(rt, obj, old, "UPDATE" if old else "CREATE", ME, store)
    store.put(rt, obj)
    return warnings


def refused(store: Store, obj: Object, old: Object | None = None) -> str:
    with pytest.raises(ApiFailure) as caught:
        write(store, obj, old)
    return caught.value.message


def used(store: Store) -> Object:
    quotas_of(store).flush()
    rt = store.resources.find("", "v1", "resourcequotas")
    found = store.get(rt, "team-a", "kf-resource-quota")
    assert found is not None
    return found["status"]["used"]


# namespaces


def test_a_namespace_has_to_exist(store):
    assert refused(store, pod(namespace="x")) == 'namespaces "x" not found'


def test_nothing_is_made_in_a_namespace_on_its_way_out(store):
    space = made("v1", "Namespace", "gone", "")
    space["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    store.load(space)
    with pytest.raises(ApiFailure) as caught:
        write(store, pod(namespace="gone"))
    assert caught.value.message == (
        'pods "p" is forbidden: unable to create new content in namespace gone because it is being terminated'
    )
    assert caught.value.status["details"]["causes"][0]["reason"] == "NamespaceTerminating"


# what a pod is completed with


def test_a_pod_gets_account_priority_and_tolerations(store):
    mine = pod(resources=gpus(1))
    write(store, mine)
    spec = mine["spec"]
    assert spec["serviceAccountName"] == spec["serviceAccount"] == "default"
    assert (spec["priority"], spec["preemptionPolicy"]) == (0, "PreemptLowerPriority")
    assert [t["key"] for t in spec["tolerations"]] == [
        "nvidia.com/gpu",
        "node.kubernetes.io/not-ready",
        "node.kubernetes.io/unreachable",
    ]
    assert spec["tolerations"][1]["tolerationSeconds"] == 300


def test_a_toleration_of_everything_needs_no_other(store):
    mine = pod(tolerations=[{"operator": "Exists"}])
    write(store, mine)
    assert mine["spec"]["tolerations"] == [{"operator": "Exists"}]


def test_a_missing_account_or_priority_class_forbids_the_pod(store):
    assert refused(store, pod(serviceAccountName="bot")) == (
        'pods "p" is forbidden: error looking up service account team-a/bot: serviceaccount "bot" not found'
    )
    assert refused(store, pod(priorityClassName="fast")) == (
        'pods "p" is forbidden: no PriorityClass with name fast was found'
    )


def test_a_priority_class_gives_number_and_policy(store):
    high = made("scheduling.k8s.io/v1", "PriorityClass", "high", "", value=1000, preemptionPolicy="Never")
    write(store, high)
    mine = pod(priorityClassName="high")
    write(store, mine)
    assert (mine["spec"]["priority"], mine["spec"]["preemptionPolicy"]) == (1000, "Never")
    assert "must not be provided in pod spec" in refused(store, pod("q", priorityClassName="high", priority=5))
    system = pod("r", priorityClassName="system-node-critical")
    write(store, system)
    assert system["spec"]["priority"] == 2_000_001_000


def test_there_is_one_default_priority_class(store):
    write(store, made("scheduling.k8s.io/v1", "PriorityClass", "usual", "", value=7, globalDefault=True))
    other = made("scheduling.k8s.io/v1", "PriorityClass", "other", "", value=8, globalDefault=True)
    assert "PriorityClass usual is already marked as default" in refused(store, other)
    mine = pod()
    write(store, mine)
    assert (mine["spec"]["priorityClassName"], mine["spec"]["priority"]) == ("usual", 7)


# quotas


def test_exceeding_a_quota_says_what_was_asked_used_and_limited(store):
    write(store, quota(**{"requests.nvidia.com/gpu": "24"}))
    for number in range(3):
        write(store, pod(f"p{number}", gpus(8)))
    assert refused(store, pod("x", gpus(8))) == (
        'pods "x" is forbidden: exceeded quota: kf-resource-quota, requested: requests.nvidia.com/gpu=8, '
        "used: requests.nvidia.com/gpu=24, limited: requests.nvidia.com/gpu=24"
    )
    assert used(store) == {"requests.nvidia.com/gpu": "24"}
    write(store, pod("y", gpus(8), namespace="team-b"))


def test_a_finished_or_deleted_pod_gives_its_share_back(store):
    write(store, quota(**{"requests.nvidia.com/gpu": "8", "pods": "5"}))
    first = pod("a", gpus(8))
    write(store, first)
    assert used(store) == {"requests.nvidia.com/gpu": "8", "pods": "1"}
    rt = store.resources.find("", "v1", "pods")
    store.put(rt, {**first, "status": {"phase": "Succeeded"}})
    assert used(store) == {"requests.nvidia.com/gpu": "0", "pods": "0"}
    write(store, pod("b", gpus(8)))
    store.remove(rt, "team-a", "b")
    write(store, pod("c", gpus(8)))


def test_quantities_of_a_quota_stay_exact(store):
    write(store, quota(**{"requests.memory": "10Gi", "requests.cpu": "2"}))
    write(store, pod("a", {"requests": {"cpu": "300m", "memory": "1536Mi"}}))
    write(store, pod("b", {"requests": {"cpu": "0.7", "memory": "1.5Gi"}}))
    assert used(store) == {"requests.memory": "3Gi", "requests.cpu": "1"}
    assert "requested: requests.cpu=1500m, used: requests.cpu=1, limited: requests.cpu=2" in refused(
        store, pod("c", {"requests": {"cpu": "1500m", "memory": "1Ki"}})
    )


def test_a_quota_on_cpu_makes_containers_say_what_they_need(store):
    write(store, quota(**{"limits.cpu": "4", "limits.memory": "4Gi", "requests.nvidia.com/gpu": "1"}))
    assert refused(store, pod()) == (
        'pods "p" is forbidden: failed quota: kf-resource-quota: must specify limits.cpu for: main; '
        "limits.memory for: main"
    )


def test_objects_of_any_kind_can_be_counted(store):
    write(store, quota(**{"count/pytorchjobs.kubeflow.org": "1", "persistentvolumeclaims": "1", "services": "1"}))
    write(store, job("pytorchjobs", "one"))
    assert "requested: count/pytorchjobs.kubeflow.org=1, used: count/pytorchjobs.kubeflow.org=1" in refused(
        store, job("pytorchjobs", "two")
    )
    claim = made("v1", "PersistentVolumeClaim", "c", spec={"resources": {"requests": {"storage": "1Gi"}}})
    write(store, claim)
    assert "persistentvolumeclaims=1" in refused(store, {**claim, "metadata": {**claim["metadata"], "name": "d"}})
    write(store, claim, claim)


def test_what_a_world_says_is_used_stays_used(store):
    given = quota(**{"requests.nvidia.com/gpu": "8"})
    given["metadata"]["uid"] = "q"
    given["status"] = {"hard": given["spec"]["hard"], "used": {"requests.nvidia.com/gpu": "8"}}
    store.load(given)
    assert "used: requests.nvidia.com/gpu=8" in refused(store, pod("a", gpus(1)))


async def test_the_status_of_a_quota_follows_the_pods_by_itself(api, pod):
    path = "/api/v1/namespaces/default/resourcequotas"
    await api.send("POST", path, 201, json=made("v1", "ResourceQuota", "q", "default", spec={"hard": {"pods": "2"}}))
    await api.send("POST", "/api/v1/namespaces/default/pods", 201, json=pod("a"))
    for _ in range(100):
        found = await api.send("GET", f"{path}/q", 200)
        if found.get("status", {}).get("used") == {"pods": "1"}:
            break
        await asyncio.sleep(0.02)
    assert found["status"] == {"hard": {"pods": "2"}, "used": {"pods": "1"}}
    dry = await api.send("POST", "/api/v1/namespaces/default/pods?dryRun=All", 201, json=pod("b"))
    assert dry["metadata"]["name"] == "b"
    await api.send("POST", "/api/v1/namespaces/default/pods", 201, json=pod("b"))
    denied = await api.send("POST", "/api/v1/namespaces/default/pods?dryRun=All", 403, json=pod("c"))
    assert denied["message"] == (
        'pods "c" is forbidden: exceeded quota: q, requested: pods=1, used: pods=2, limited: pods=2'
    )


@given(st.sampled_from(["", "m", "k", "M", "G", "Ki", "Mi", "Gi"]), st.integers(0, 10**9))
def test_an_amount_is_written_as_short_text_of_the_same_value(suffix, number):
    amount = parse_amount(f"{number}{suffix}")
    text = str(amount)
    assert parse_amount(text).value == amount.value
    assert parse_quantity(text) == pytest.approx(parse_quantity(f"{number}{suffix}"))


@pytest.mark.parametrize(
    ("text", "canonical"),
    [("1024Mi", "1Gi"), ("0.5", "500m"), ("1000m", "1"), ("1500m", "1500m"), ("2000", "2k"), ("1e3", "1k"), ("0", "0")],
)
def test_amounts_are_canonical(text, canonical):
    assert str(parse_amount(text)) == canonical


# limits


def test_a_limit_range_fills_in_and_says_so(store):
    limits = [{"type": "Container", "default": {"cpu": "2"}, "defaultRequest": {"cpu": "500m", "memory": "1Gi"}}]
    write(store, made("v1", "LimitRange", "l", spec={"limits": limits}))
    mine = pod(resources={"requests": {"memory": "2Gi"}})
    write(store, mine)
    assert mine["spec"]["containers"][0]["resources"] == {
        "requests": {"memory": "2Gi", "cpu": "500m"},
        "limits": {"cpu": "2"},
    }
    assert mine["metadata"]["annotations"]["kubernetes.io/limit-ranger"] == (
        "LimitRanger plugin set: cpu request for container main; cpu limit for container main"
    )


@pytest.mark.parametrize(
    ("bounds", "resources", "said"),
    [
        (
            {"type": "Container", "max": {"memory": "1Gi"}},
            {"requests": {"memory": "2Gi"}, "limits": {"memory": "2Gi"}},
            "maximum memory usage per Container is 1Gi, but limit is 2Gi",
        ),
        (
            {"type": "Container", "min": {"cpu": "1"}},
            {"requests": {"cpu": "500m"}},
            "minimum cpu usage per Container is 1, but request is 500m",
        ),
        (
            {"type": "Pod", "max": {"nvidia.com/gpu": "4"}},
            gpus(8),
            "maximum nvidia.com/gpu usage per Pod is 4, but limit is 8",
        ),
        (
            {"type": "Container", "maxLimitRequestRatio": {"cpu": "2"}},
            {"requests": {"cpu": "1"}, "limits": {"cpu": "4"}},
            "cpu max limit to request ratio per Container is 2, but provided ratio is 4.000000",
        ),
    ],
)
def test_bounds_of_a_limit_range(store, bounds, resources, said):
    write(store, made("v1", "LimitRange", "l", spec={"limits": [bounds]}))
    assert refused(store, pod(resources=resources)) == f'pods "p" is forbidden: {said}'


def test_a_claim_has_bounds_too(store):
    bounds = {"type": "PersistentVolumeClaim", "max": {"storage": "10Gi"}}
    write(store, made("v1", "LimitRange", "l", spec={"limits": [bounds]}))
    claim = made("v1", "PersistentVolumeClaim", "c", spec={"resources": {"requests": {"storage": "20Gi"}}})
    assert "maximum storage usage per PersistentVolumeClaim is 10Gi, but request is 20Gi" in refused(store, claim)


# webhooks of the training operator

_KINDS = {
    "pytorchjobs": ("PyTorchJob", "pytorchReplicaSpecs", "pytorch"),
    "tfjobs": ("TFJob", "tfReplicaSpecs", "tensorflow"),
    "xgboostjobs": ("XGBoostJob", "xgbReplicaSpecs", "xgboost"),
    "jaxjobs": ("JAXJob", "jaxReplicaSpecs", "jax"),
    "paddlejobs": ("PaddleJob", "paddleReplicaSpecs", "paddle"),
}


def replica(container: str, count: int | None = 1, image: str = "x") -> Object:
    spec = {"containers": [{"name": container, "image": image}]}
    return {"template": {"spec": spec}, **({"replicas": count} if count is not None else {})}


def job(plural: str, name: str = "j", roles: Object | None = None, **spec: Any) -> Object:
    kind, field, container = _KINDS[plural]
    role = "Worker" if plural in ("jaxjobs", "tfjobs") else "Master"
    replicas = {role: replica(container)} if roles is None else roles
    return made("kubeflow.org/v1", kind, name, spec={field: replicas, **spec})


@pytest.mark.parametrize("plural", list(_KINDS))
def test_a_good_job_passes(store, plural):
    assert write(store, job(plural)) == []


@pytest.mark.parametrize("plural", list(_KINDS))
def test_the_main_container_has_a_fixed_name(store, plural):
    role = "Worker" if plural in ("jaxjobs", "tfjobs") else "Master"
    kind, field, container = _KINDS[plural]
    shown = f'"{container}"' if plural == "paddlejobs" else container
    assert refused(store, job(plural, roles={role: replica("main")})) == (
        f'admission webhook "validator.{kind.lower()}.training-operator.kubeflow.org" denied the request: '
        f"spec.{field}[{role}].template.spec.containers: Required value: must have at least one container with name "
        f"{shown}"
    )


@pytest.mark.parametrize(
    ("mine", "said"),
    [
        (job("pytorchjobs", "1st"), 'metadata.name: Invalid value: "1st": should match: a DNS-1035 label must consist'),
        (
            job("pytorchjobs", roles={"Chief": replica("pytorch")}),
            'spec.pytorchReplicaSpecs[Chief]: Unsupported value: "Chief": supported values: "Master", "Worker"',
        ),
        (job("pytorchjobs", roles={"Master": replica("pytorch", 2)}), "[Master].replicas: Forbidden: must be 1"),
        (
            job("pytorchjobs", roles={"Worker": replica("pytorch", 0)}),
            "[Worker].replicas: Forbidden: must be at least 1",
        ),
        (job("pytorchjobs", roles={"Master": {"replicas": 1}}), "containers: Required value: must be specified"),
        (
            job("pytorchjobs", roles={"Master": replica("pytorch", image="")}),
            "[0].image: Required value: must be required",
        ),
        (job("pytorchjobs", elasticPolicy={}), "must be configured if elastic policy is used"),
        (
            job("tfjobs", roles={"Chief": replica("tensorflow"), "Master": replica("tensorflow")}),
            "spec.tfReplicaSpecs: Forbidden: must not have more than 1 Chief or Master role",
        ),
        (
            job("xgboostjobs", roles={"Worker": replica("xgboost")}),
            "spec.xgbReplicaSpecs[Master]: Required value: must be present",
        ),
        (
            job("tfjobs", runPolicy={"managedBy": "me"}),
            'spec.runPolicy.managedBy: Unsupported value: "me": supported values: "kubeflow.org/training-operator", ',
        ),
    ],
)
def test_what_the_webhooks_deny(store, mine, said):
    assert said in refused(store, mine)


def test_a_deprecated_field_warns(store):
    roles = {"Worker": replica("pytorch", 2)}
    assert write(store, job("pytorchjobs", roles=roles, elasticPolicy={"nProcPerNode": 2})) == [
        "spec.elasticPolicy.nProcPerNode is deprecated, use spec.nprocPerNode instead"
    ]


def test_who_manages_a_job_is_fixed(store):
    mine = job("tfjobs")
    write(store, mine)
    changed = job("tfjobs", runPolicy={"managedBy": "kueue.x-k8s.io/multikueue"})
    assert "spec.runPolicy.managedBy: Invalid value" in refused(store, changed, mine)
