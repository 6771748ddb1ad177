"""The embedded cluster as a process of its own: how it starts, says so, and ends."""

from __future__ import annotations

import base64
import signal
import socket
import ssl
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from shutil import which

import httpx
import psutil
import pytest
import yaml

from console.demo.assembly import assemble
from console.demo.child import start
from console.demo.seeding import NAMESPACES
from console.demo.serve import ServeOptions, serve
from console.errors import ConsoleError, UsageError

READY = "kfconsole demo ready: "


@contextmanager
def served(*arguments: str, stdin: int | None = subprocess.DEVNULL) -> Iterator[tuple[subprocess.Popen[str], str]]:
    argv = [sys.executable, "-m", "console", "demo", "--serve", "--port", "0", *arguments]
    process = subprocess.Popen(argv, stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        line = process.stdout.readline()
        assert line.startswith(READY), process.stderr.read()
        yield process, line.removeprefix(READY).strip()
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def refused(*arguments: str) -> tuple[int, str]:
    argv = [sys.executable, "-m", "console", "demo", "--serve", *arguments]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    return done.returncode, done.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_cleanly_with_watches_open(number, tmp_path):
    config = tmp_path / "kubeconfig"
    with served("--scenario", "quiet", "--kubeconfig-out", str(config)) as (process, url):
        token = yaml.safe_load(config.read_text())["users"][0]["user"]["token"]
        headers = {"authorization": f"Bearer {token}"}
        with httpx.Client(base_url=url, headers=headers, trust_env=False) as client:
            version = client.get("/api/v1/pods?limit=1").json()["metadata"]["resourceVersion"]
            with client.stream("GET", f"/api/v1/pods?watch=1&resourceVersion={version}") as watch:
                process.send_signal(number)
                assert watch.read() == b""
        out, errors = process.communicate(timeout=20)
        assert (process.returncode, out, errors) == (0, "", "")


def test_the_kubeconfig_is_its_owners_alone(tmp_path):
    config = tmp_path / "kubeconfig"
    config.write_text("something older")
    config.chmod(0o644)
    with served("--scenario", "quiet", "--kubeconfig-out", str(config)) as (_, url):
        assert stat.S_IMODE(config.stat().st_mode) == 0o600
        assert yaml.safe_load(config.read_text())["clusters"][0]["cluster"]["server"] == url


def test_it_ends_when_its_standard_input_does():
    with served("--scenario", "quiet", "--until-stdin-closes", stdin=subprocess.PIPE) as (process, _):
        process.stdin.close()
        process.stdin = None  # communicate() would flush it
        assert process.wait(20) == 0


@pytest.mark.skipif(which("openssl") is None, reason="needs the openssl command")
def test_over_tls_only_the_token_lets_in(tmp_path):
    config = tmp_path / "kubeconfig"
    users = tmp_path / "users.csv"
    users.write_text('secret-of-ann,ann,u1,"team-a,team-b"\n')
    arguments = ("--tls", "--scenario", "quiet", "--kubeconfig-out", str(config), "--token-users", str(users))
    with served(*arguments) as (_, url):
        assert url.startswith("https://127.0.0.1:")
        written = yaml.safe_load(config.read_text())
        authority = written["clusters"][0]["cluster"]["certificate-authority-data"]
        trust = ssl.create_default_context()
        trust.verify_flags |= ssl.VERIFY_X509_STRICT
        trust.load_verify_locations(cadata=_decode(authority))
        with httpx.Client(base_url=url, verify=trust, trust_env=False) as client:
            token = written["users"][0]["user"]["token"]
            admin = {"authorization": f"Bearer {token}"}
            assert client.get("/api/v1/nodes", headers=admin).status_code == 200
            assert client.get("/api/v1/nodes").status_code == 403
            ann = client.get("/api/v1/nodes", headers={"authorization": "Bearer secret-of-ann"})
            assert ann.json()["message"].startswith('nodes is forbidden: User "ann" cannot list resource "nodes"')


def _decode(text: str) -> str:
    return base64.b64decode(text).decode()


def test_a_large_cluster_stands_in_twenty_namespaces():
    with served("--pods", "400") as (_, url), httpx.Client(base_url=url, trust_env=False) as client:
        pods = client.get("/api/v1/pods").json()["items"]
        assert len(pods) == 400
        assert len({pod["metadata"]["namespace"] for pod in pods}) == NAMESPACES
        nodes = {node["metadata"]["name"] for node in client.get("/api/v1/nodes").json()["items"]}
        assert {pod["spec"]["nodeName"] for pod in pods} == nodes
        gone = client.delete(f"/api/v1/namespaces/team-00/pods/{pods[0]['metadata']['name']}")
        assert gone.json()["metadata"]["deletionGracePeriodSeconds"] == 0, "no kubelet runs here that could end it"
        assert client.get(f"/api/v1/namespaces/team-00/pods/{pods[0]['metadata']['name']}").status_code == 404


WORLD = """\
now: '2026-11-23T03:12:00Z'
cluster_objects:
- apiVersion: v1
  kind: Pod
  metadata: {name: p, namespace: team, uid: u, resourceVersion: '48230007'}
  status: {phase: Running}
events: []
pod_logs:
  team/p/main: ['first', 'second']
"""


def test_a_world_file_stands_still_at_its_moment(tmp_path):
    world = tmp_path / "world.yaml"
    world.write_text(WORLD)
    with served("--world", str(world)) as (_, url), httpx.Client(base_url=url, trust_env=False) as client:
        answer = client.get("/api/v1/namespaces/team/pods/p")
        assert answer.headers["date"] == "Mon, 23 Nov 2026 03:12:00 GMT"
        metadata = answer.json()["metadata"]
        assert metadata == {"name": "p", "namespace": "team", "uid": "u", "resourceVersion": "48230007"}
        assert "spec" not in answer.json()


def test_what_cannot_be_served_is_refused_with_its_reason(tmp_path):
    world = tmp_path / "broken.yaml"
    world.write_text("now: [\n")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        for options in (
            ServeOptions(world=str(world)),
            ServeOptions(world=str(tmp_path / "absent.yaml")),
            ServeOptions(scenario="nonsense"),
            ServeOptions(scenario="empty", token_users=str(tmp_path / "absent.csv")),
            ServeOptions(scenario="empty", port=taken.getsockname()[1]),
        ):
            with pytest.raises(UsageError):
                serve(options)


def test_a_refusal_is_one_sentence_and_exit_code_2(tmp_path):
    code, text = refused("--scenario", "empty", "--kubeconfig-out", str(tmp_path / "no" / "folder"))
    assert (code, text.count("\n")) == (2, 1)
    assert text.startswith("kfconsole: The kubeconfig ")


def test_a_child_is_ready_when_it_is_handed_over_and_gone_when_it_is_stopped():
    with start(scenario="quiet") as child:
        process = psutil.Process(child.pid)
        config = yaml.safe_load(Path(child.kubeconfig).read_text())
        assert config["clusters"][0]["cluster"]["server"] == child.url
        assert httpx.get(f"{child.url}/readyz", trust_env=False).text == "ok"
    assert not process.is_running()
    assert not Path(child.kubeconfig).exists()


def test_a_child_dies_with_its_parent(tmp_path):
    script = (
        "import os, sys; from console.demo.child import start\n"
        "child = start(scenario='quiet'); print(child.pid, flush=True); os._exit(9)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert done.returncode == 9
    with suppress(psutil.NoSuchProcess):
        psutil.Process(int(done.stdout)).wait(20)


def test_a_child_that_cannot_start_says_why():
    with pytest.raises(ConsoleError, match="nonsense") as refused_:
        start(scenario="nonsense")
    assert refused_.value.exit_code == 2


def test_no_token_shows_in_the_parts_of_a_cluster():
    made = assemble(scenario="quiet")
    assert made.server.access.admin_token not in repr(made)
