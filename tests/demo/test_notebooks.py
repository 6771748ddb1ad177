"""Notebooks and Profiles: what they make, and how they stop."""

from __future__ import annotations

from typing import Any

from console.demo.controllers import notebooks, profiles

Object = dict[str, Any]


def notebook(**annotations: str) -> Object:
    return {
        "apiVersion": "kubeflow.org/v1",
        "kind": "Notebook",
        "metadata": {"name": "lab", "namespace": "team-a", "uid": "n-1", "annotations": annotations},
        "spec": {"template": {"spec": {"containers": [{"name": "lab", "image": "example/jupyter:1"}]}}},
    }


def test_a_notebook_makes_a_stateful_set_and_a_service() -> None:
    plan = notebooks.decide(notebook(), None, None, None)
    made = {each.manifest["kind"]: each.manifest for each in plan.create}
    spec = made["StatefulSet"]["spec"]
    assert spec["replicas"] == 1
    assert spec["template"]["metadata"]["labels"] == {"statefulset": "lab", "notebook-name": "lab"}
    container = spec["template"]["spec"]["containers"][0]
    assert {"name": "NB_PREFIX", "value": "/notebook/team-a/lab"} in container["env"]
    assert made["Service"]["spec"]["ports"][0] == {
        "name": "http-lab",
        "port": 80,
        "targetPort": 8888,
        "protocol": "TCP",
    }


def test_the_stop_annotation_counts_whatever_its_value() -> None:
    running = notebooks.stateful_set_of(notebook())
    stopped = notebook(**{notebooks.STOPPED: ""})
    plan = notebooks.decide(stopped, running, {}, None)
    assert [each.patch for each in plan.change] == [{"spec": {"replicas": 0}}]


def test_status_mirrors_the_container_and_the_pods_conditions_newest_first() -> None:
    state = {"running": {"startedAt": "2026-11-23T02:00:00Z"}}
    conditions = [
        {"type": "PodScheduled", "status": "True", "lastTransitionTime": "2026-11-23T01:59:00Z"},
        {"type": "Ready", "status": "True", "lastTransitionTime": "2026-11-23T02:00:01Z"},
    ]
    pod = {"status": {"containerStatuses": [{"name": "lab", "state": state}], "conditions": conditions}}
    status = notebooks.status_of(notebook(), {"status": {"readyReplicas": 1}}, pod)
    assert (status["readyReplicas"], status["containerState"]) == (1, state)
    assert [each["type"] for each in status["conditions"]] == ["Ready", "PodScheduled"]


def profile() -> Object:
    return {
        "apiVersion": "kubeflow.org/v1",
        "kind": "Profile",
        "metadata": {"name": "team-a", "uid": "p-1"},
        "spec": {
            "owner": {"kind": "User", "name": "ana@example.com"},
            "resourceQuotaSpec": {"hard": {"requests.nvidia.com/gpu": "24"}},
        },
    }


def test_a_profile_makes_its_namespace_accounts_bindings_and_quota() -> None:
    plan = profiles.decide(profile(), None, {})
    made = [(each.manifest["kind"], each.manifest["metadata"]["name"]) for each in plan.create]
    assert made == [
        ("Namespace", "team-a"),
        ("ServiceAccount", "default-editor"),
        ("RoleBinding", "default-editor"),
        ("ServiceAccount", "default-viewer"),
        ("RoleBinding", "default-viewer"),
        ("RoleBinding", "namespaceAdmin"),
        ("ResourceQuota", "kf-resource-quota"),
    ]
    namespace = plan.create[0].manifest["metadata"]
    assert namespace["annotations"] == {"owner": "ana@example.com"}
    assert namespace["labels"]["app.kubernetes.io/part-of"] == "kubeflow-profile"
    assert plan.status == {"conditions": [{"type": "Successful", "status": "True"}]}


def test_a_namespace_of_somebody_else_is_left_alone() -> None:
    plan = profiles.decide(profile(), {"metadata": {"name": "team-a", "annotations": {"owner": "bob"}}}, {})
    assert plan.create == []
    assert plan.status is not None
    assert plan.status["conditions"][0]["type"] == "Failed"


def test_a_changed_quota_is_passed_on() -> None:
    present = dict(profiles.contents(profile()))
    changed = profile()
    changed["spec"]["resourceQuotaSpec"]["hard"]["requests.nvidia.com/gpu"] = "8"
    plan = profiles.decide(changed, profiles.namespace_of(profile()), present)
    assert [each.patch for each in plan.change] == [{"spec": {"hard": {"requests.nvidia.com/gpu": "8"}}}]
