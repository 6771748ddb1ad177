"""Describe and YAML show everything but credentials."""

from __future__ import annotations

import base64

import yaml

from console.kinds.describe import describe
from console.kinds.manifest import LAST_APPLIED, MASK, is_sensitive, yaml_lines
from console.kinds.registry import KINDS
from console.kinds.relations import Link, owned, owners, pods_of, uses
from tests.kinds.kindobjects import NOW, at, container, crashing, meta, node, pod, pytorchjob, row, worker

SECRET = "hunter2-very-secret"


def secret():
    encoded = base64.b64encode(SECRET.encode()).decode()
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "Opaque",
        "metadata": meta(
            "db", annotations={LAST_APPLIED: '{"data":{"password":"' + encoded + '"}}'}, managedFields=[{}, {}]
        ),
        "data": {"password": encoded},
    }


def manifest(item, kind="Pod", api="v1"):
    return {"apiVersion": api, "kind": kind, **item}


def text(lines):
    return "\n".join(lines)


def test_a_secret_shows_keys_and_sizes_until_asked():
    shown = text(yaml_lines(secret())) + text(describe(secret(), NOW))
    assert SECRET not in shown
    assert secret()["data"]["password"] not in shown
    assert f"{MASK} ({len(SECRET)} bytes)" in shown
    revealed = text(yaml_lines(secret(), reveal=True))
    assert f"password: {SECRET}" in revealed
    assert "characters folded" in revealed


def test_tokens_in_environments_and_arguments_are_masked_by_name():
    env = [
        {"name": "WANDB_API_KEY", "value": SECRET},
        {"name": "HF_TOKEN", "value": SECRET},
        {"name": "EPOCHS", "value": "3"},
    ]
    item = manifest(pod("a", spec={"containers": [container(env=env, args=[f"--db-password={SECRET}", "--lr=0.1"])]}))
    for lines in (yaml_lines(item), describe(item, NOW)):
        assert SECRET not in text(lines)
        assert "--lr=0.1" in text(lines)
        assert "EPOCHS" in text(lines)
    assert text(yaml_lines(item, reveal=True)).count(SECRET) == 3
    assert is_sensitive("AWS_SECRET_ACCESS_KEY")
    assert not is_sensitive("NCCL_DEBUG")


def test_managed_fields_fold_to_a_line_and_the_rest_is_valid_yaml():
    lines = yaml_lines(secret())
    assert "  # managedFields: 2 entries folded" in lines
    loaded = yaml.safe_load(text(lines))
    assert (loaded["kind"], "managedFields" in loaded["metadata"]) == ("Secret", False)
    assert any(line.startswith("  managedFields:") for line in yaml_lines(secret(), managed=True))


def test_texts_of_several_lines_are_blocks_and_no_control_character_survives():
    item = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": meta("c"),
        "data": {"run.sh": "a\nb\n", "odd": "\x1b[2Jx"},
    }
    lines = yaml_lines(item)
    assert lines[lines.index("  run.sh: |") + 1] == "    a"
    assert "\x1b" not in text(lines) + text(describe(item, NOW))


def test_describe_a_pod():
    item = manifest(crashing("a", labels={"app": "x"}, owner=("PyTorchJob", "mnist"), gpus=2))
    event = {
        "metadata": meta("a.1"),
        "involvedObject": {"kind": "Pod", "name": "a", "namespace": "team-a"},
        "type": "Warning",
        "reason": "BackOff",
        "message": "Back-off restarting failed container",
        "count": 4,
        "firstTimestamp": at(600),
        "lastTimestamp": at(30),
    }
    shown = text(describe(item, NOW, events=[row(KINDS["events"], event)], state="CrashLoopBackOff"))
    for part in (
        "Name:                    a",
        "Labels:                  app=x",
        "Owned by:                PyTorchJob/mnist",
        "Status:                  CrashLoopBackOff",
        "    Restart Count:  7",
        "      Exit Code:    1",
        "    Limits:         cpu 8, nvidia.com/gpu 2",
        "  Warning  BackOff  30s (x4 over 10m)",
    ):
        assert part in shown


def test_describe_says_when_events_are_not_known():
    shown = text(describe(manifest(pod("a")), NOW, events_denied="You may not list events."))
    assert "Events:                  not known: You may not list events." in shown


def test_describe_a_node_a_job_and_anything():
    shown = text(describe(manifest(node("gpu-1", taints=[{"key": "a", "effect": "NoSchedule"}]), "Node"), NOW))
    assert "Taints:                  a:NoSchedule" in shown
    assert "nvidia.com/gpu" in shown
    job = manifest(
        pytorchjob("mnist", conditions=[{"type": "Created", "status": "True", "message": "made"}]), "PyTorchJob"
    )
    shown = text(describe(job, NOW, pods=[row(KINDS["pods"], worker("mnist", 0))]))
    assert "pytorchReplicaSpecs:" in shown
    assert "mnist-worker-0  worker 0  1/1" in shown
    odd = {
        "apiVersion": "x/v1",
        "kind": "Odd",
        "metadata": {"name": "o"},
        "spec": {"list": [{"a": 1}, 2], "n": None},
        "status": "x",
    }
    assert "list:" in text(describe(odd, NOW))


def test_relations():
    item = manifest(
        pod(
            "a",
            owner=("Job", "llm-node-0"),
            labels={"kueue.x-k8s.io/queue-name": "q"},
            spec={
                "serviceAccountName": "default-editor",
                "volumes": [
                    {"name": "d", "persistentVolumeClaim": {"claimName": "data"}},
                    {"name": "s", "secret": {"secretName": "tls"}},
                ],
                "containers": [
                    container(
                        env=[{"name": "X", "valueFrom": {"secretKeyRef": {"name": "tls", "key": "k"}}}],
                        envFrom=[{"configMapRef": {"name": "conf"}}],
                    )
                ],
            },
        )
    )
    assert owners(item)[0] == Link("owner", "Job", "team-a", "llm-node-0", "v1", "u")
    assert [(link.kind, link.name) for link in uses(item)] == [
        ("Node", "gpu-1"),
        ("ServiceAccount", "default-editor"),
        ("PersistentVolumeClaim", "data"),
        ("Secret", "tls"),
        ("ConfigMap", "conf"),
        ("LocalQueue", "q"),
    ]
    labels = {"jobset.sigs.k8s.io/jobset-name": "llm"}
    pods = [
        row(KINDS["pods"], pod("llm-node-0-1", labels=labels)),
        row(KINDS["pods"], worker("mnist", 1)),
        row(KINDS["pods"], worker("mnist", 0, "master")),
    ]
    assert [link.name for link in owned("TrainJob", "team-a", "llm", {"Pod": pods})] == ["llm-node-0-1"]
    assert [found.name for found in pods_of("PyTorchJob", "team-a", "mnist", pods)] == [
        "mnist-master-0",
        "mnist-worker-1",
    ]
