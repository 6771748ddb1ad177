"""kubectl against the embedded cluster: the commands people type, end to end."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from shutil import which

import pytest

from console.demo.child import start

pytestmark = pytest.mark.skipif(which("kubectl") is None, reason="needs kubectl")

WEB = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: NAME, labels: {app: NAME}}
spec:
  replicas: 2
  selector: {matchLabels: {app: NAME}}
  template:
    metadata: {labels: {app: NAME}}
    spec:
      containers: [{name: c, image: "nginx:1"}]
"""
JOB = """\
apiVersion: kubeflow.org/v1
kind: PyTorchJob
metadata: {name: NAME}
spec:
  pytorchReplicaSpecs:
    Master:
      replicas: 1
      template:
        spec:
          containers: [{name: pytorch, image: "train:1"}]
"""
Kubectl = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def kubectl(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kubectl]:
    home = tmp_path_factory.mktemp("home")
    with start(scenario="quiet") as cluster:
        environment = {**os.environ, "KUBECONFIG": cluster.kubeconfig, "HOME": str(home), "EDITOR": "true"}

        def run(
            *arguments: str, stdin: str = "", code: int | None = 0, **more: str
        ) -> subprocess.CompletedProcess[str]:
            done = subprocess.run(
                ["kubectl", *arguments],
                input=stdin,
                capture_output=True,
                text=True,
                timeout=60,
                env={**environment, **more},
            )
            assert code is None or done.returncode == code, f"{done.stdout}{done.stderr}"
            return done

        yield run


def test_lists_are_printed_in_every_form(kubectl):
    assert "READY   STATUS" in kubectl("get", "pods", "-A").stdout
    assert "NODE" in kubectl("get", "po", "-A", "-o", "wide").stdout
    items = json.loads(kubectl("get", "pods", "-A", "-o", "json").stdout)["items"]
    chunked = kubectl("get", "pods", "-A", "-o", "name", "--chunk-size=7").stdout.split()
    assert len(chunked) == len(items)
    assert kubectl("get", "ns", "default", "-o", "yaml").stdout.startswith("apiVersion: v1\nkind: Namespace\n")
    assert "pytorchjob" in kubectl("get", "pytorchjobs", "-A", "-o", "name").stdout
    assert "default" in kubectl("get", "all,configmaps").stdout + kubectl("get", "ns").stdout
    kubectl("get", "all", "-A")


def test_objects_are_created_labelled_and_deleted(kubectl):
    assert kubectl("create", "namespace", "made").stdout == "namespace/made created\n"
    kubectl("create", "configmap", "x", "--from-literal=a=b", "-n", "made")
    assert "already exists" in kubectl("create", "configmap", "x", "-n", "made", code=1).stderr
    kubectl("label", "configmap", "x", "team=a", "-n", "made")
    kubectl("annotate", "configmap", "x", "note=b", "-n", "made")
    assert kubectl("get", "cm", "-n", "made", "-l", "team in (a,c)", "-o", "name").stdout == "configmap/x\n"
    assert kubectl("delete", "namespace", "made", "--timeout=30s").stdout == 'namespace "made" deleted\n'


def test_a_manifest_is_applied_compared_and_patched(kubectl):
    web = WEB.replace("NAME", "web")
    assert "created" in kubectl("apply", "-f", "-", stdin=web).stdout
    assert "unchanged" in kubectl("apply", "-f", "-", stdin=web).stdout
    more = web.replace("replicas: 2", "replicas: 3")
    assert "+  replicas: 3" in kubectl("diff", "-f", "-", stdin=more, code=1).stdout
    assert "configured" in kubectl("apply", "-f", "-", stdin=more).stdout
    for kind, patch in (
        ("merge", '{"spec":{"replicas":4}}'),
        ("json", '[{"op":"replace","path":"/spec/replicas","value":5}]'),
        ("strategic", '{"spec":{"template":{"spec":{"containers":[{"name":"c","env":[{"name":"A","value":"1"}]}]}}}}'),
    ):
        kubectl("patch", "deployment", "web", "--type", kind, "-p", patch)
    shown = json.loads(kubectl("get", "deployment", "web", "-o", "json").stdout)["spec"]
    assert shown["replicas"] == 5
    assert shown["template"]["spec"]["containers"][0]["image"] == "nginx:1"
    assert "scaled" in kubectl("scale", "deployment", "web", "--replicas=1").stdout
    assert "no changes" in kubectl("edit", "deployment", "web").stderr
    kubectl("set", "image", "deployment/web", "c=nginx:2")
    assert "Image:" in kubectl("describe", "deployment", "web").stdout
    kubectl("delete", "deployment", "web")


def test_an_apply_on_the_server_knows_who_owns_a_field(kubectl):
    web = WEB.replace("NAME", "ssa")
    kubectl("apply", "--server-side", "--field-manager=one", "-f", "-", stdin=web)
    more = web.replace("replicas: 2", "replicas: 9")
    refused = kubectl("apply", "--server-side", "--field-manager=two", "-f", "-", stdin=more, code=1)
    assert 'conflict with "one": .spec.replicas' in refused.stderr
    kubectl("apply", "--server-side", "--field-manager=two", "--force-conflicts", "-f", "-", stdin=more)
    kubectl("delete", "deployment", "ssa")


def test_a_custom_object_is_checked_explained_and_waited_for(kubectl):
    job = JOB.replace("NAME", "trial")
    kubectl("apply", "-f", "-", stdin=job)
    assert "configured" in kubectl("apply", "-f", "-", stdin=job.replace("train:1", "train:2")).stdout
    refused = kubectl(
        "create", "-f", "-", stdin=job.replace("trial", "bad").replace("spec:\n  py", "spec:\n  odd: 1\n  py"), code=1
    )
    assert 'unknown field "spec.odd"' in refused.stderr
    status = (
        '{"status":{"conditions":[{"type":"Running","status":"True","lastTransitionTime":"2026-01-01T00:00:00Z"}]}}'
    )
    kubectl("patch", "pytorchjob", "trial", "--subresource=status", "--type=merge", "-p", status)
    assert "condition met" in kubectl("wait", "--for=condition=Running", "pytorchjob/trial", "--timeout=20s").stdout
    assert "pytorchReplicaSpecs" in kubectl("explain", "pytorchjob.spec").stdout
    assert "FIELD: containers" in kubectl("explain", "pods.spec.containers").stdout
    kubectl("delete", "pytorchjob", "trial")


def test_a_watch_is_printed_as_it_happens(kubectl):
    done = kubectl("get", "ns", "default", "-w", "--request-timeout=2s", code=None)
    assert "default" in done.stdout


def test_discovery_survives_a_cache(kubectl):
    first = kubectl("api-resources", "--cached=false").stdout
    assert first == kubectl("api-resources", "--cached=false").stdout
    assert "pytorchjobs" in first
    assert "kubeflow.org/v1" in kubectl("api-versions").stdout


def test_rights_are_told(kubectl):
    assert kubectl("auth", "can-i", "delete", "pods").stdout == "yes\n"
    assert kubectl("auth", "can-i", "delete", "pods", "--as", "nobody", code=1).stdout == "no\n"
    assert "admin" in kubectl("auth", "whoami").stdout
    refused = kubectl("get", "secrets", "-n", "default", "--as", "nobody", code=1)
    assert 'User "nobody" cannot list resource "secrets" in API group ""' in refused.stderr


def test_a_raw_path_is_to_be_had(kubectl):
    assert kubectl("get", "--raw", "/readyz").stdout == "ok"
    assert json.loads(kubectl("get", "--raw", "/version").stdout)["minor"] == "34"
    assert "v1.34.3" in kubectl("version").stdout
