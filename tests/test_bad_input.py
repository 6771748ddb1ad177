"""Bad input of every sort: one clear sentence on standard error, the right exit code, and no traceback."""

from __future__ import annotations

import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from console.demo.child import Child, start

CERTIFICATES = Path(__file__).parent / "cluster" / "certificates"

KUBECONFIG = """\
apiVersion: v1
kind: Config
current-context: here
clusters:
- name: here
  cluster:
    server: {server}
    {authority}
users:
- name: someone
  user:
    token: {token}
contexts:
- name: here
  context: {{cluster: here, user: someone}}
- name: elsewhere
  context: {{cluster: here, user: someone}}
"""


def run(*arguments: str) -> tuple[int, str]:
    """The exit code and what was said; that it was said in one plain line is checked here."""
    done = subprocess.run(
        [sys.executable, "-m", "console", *arguments], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    lines = done.stderr.splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("kfconsole: ")
    return done.returncode, lines[0].removeprefix("kfconsole: ")


def kubeconfig(folder: Path, server: str, *, authority: str = "", token: str = "t") -> str:
    file = folder / "kubeconfig"
    file.write_text(KUBECONFIG.format(server=server, authority=authority, token=token), encoding="utf-8")
    return str(file)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Child]:
    """A cluster with a user who may do nothing."""
    users = tmp_path_factory.mktemp("users") / "tokens.csv"
    users.write_text('nobodys-token,nobody@example.com,u-1,"nobodies"\n', encoding="utf-8")
    with start(scenario="quiet", token_users=str(users)) as child:
        yield child


@pytest.fixture
def expired() -> Iterator[int]:
    """The port of a TLS server whose certificate ended in 2020."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATES / "expired.pem")
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                try:
                    context.wrap_socket(connection, server_side=True).close()
                except (OSError, ssl.SSLError):
                    connection.close()

        threading.Thread(target=serve, daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)


def test_a_kubeconfig_that_is_not_there(tmp_path: Path) -> None:
    code, said = run("--kubeconfig", str(tmp_path / "none"), "get", "pods")
    assert code == 2
    assert str(tmp_path / "none") in said


def test_a_broken_kubeconfig_names_the_line(tmp_path: Path) -> None:
    file = tmp_path / "kubeconfig"
    file.write_text("apiVersion: v1\nkind: Config\nclusters: [\n- name: x\n", encoding="utf-8")
    code, said = run("--kubeconfig", str(file), "get", "pods")
    assert code == 2
    assert str(file) in said
    assert "line 4" in said


def test_an_unknown_context_names_the_known_ones(tmp_path: Path) -> None:
    code, said = run("--kubeconfig", kubeconfig(tmp_path, "https://127.0.0.1:1"), "--context", "prod", "get", "pods")
    assert code == 2
    assert '"prod"' in said
    assert "here" in said
    assert "elsewhere" in said


def test_a_refused_connection(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    code, said = run("--kubeconfig", kubeconfig(tmp_path, f"https://127.0.0.1:{port}"), "get", "pods")
    assert code == 3
    assert f"127.0.0.1:{port}" in said
    assert "refuses connections" in said


def test_an_expired_certificate(tmp_path: Path, expired: int) -> None:
    authority = f"certificate-authority: {CERTIFICATES / 'ca.pem'}"
    code, said = run(
        "--kubeconfig", kubeconfig(tmp_path, f"https://127.0.0.1:{expired}", authority=authority), "get", "pods"
    )
    assert code == 3
    assert "expired" in said


def test_a_user_who_may_do_nothing(tmp_path: Path, cluster: Child) -> None:
    code, said = run("--kubeconfig", kubeconfig(tmp_path, cluster.url, token="nobodys-token"), "get", "pods", "-A")
    assert code == 4
    assert "nobody@example.com" in said


def test_a_token_that_nobody_knows(tmp_path: Path, cluster: Child) -> None:
    code, _ = run("--kubeconfig", kubeconfig(tmp_path, cluster.url, token="wrong"), "get", "pods", "-A")
    assert code == 4


def test_a_kind_that_nobody_knows(cluster: Child) -> None:
    code, said = run("--kubeconfig", cluster.kubeconfig, "get", "podz")
    assert code == 2
    assert "'podz'" in said
    assert "pods" in said


def test_an_object_that_is_not_there(cluster: Child) -> None:
    code, said = run("--kubeconfig", cluster.kubeconfig, "get", "pods", "nothing", "-n", "team-nlp")
    assert code == 5
    assert "nothing" in said
    assert "team-nlp" in said


def test_the_console_without_a_terminal(cluster: Child) -> None:
    code, said = run("--kubeconfig", cluster.kubeconfig, "pods")
    assert code == 2
    assert "terminal" in said


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("now: [\nobjects: []\n", "line 3"),
        ("just words\n", "world.yaml"),
    ],
)
def test_a_broken_world_file(tmp_path: Path, text: str, named: str) -> None:
    file = tmp_path / "world.yaml"
    file.write_text(text, encoding="utf-8")
    code, said = run("demo", "--serve", "--world", str(file))
    assert code == 2
    assert str(file) in said
    assert named in said


def test_a_world_file_that_is_not_there_and_a_scenario_nobody_knows(tmp_path: Path) -> None:
    code, said = run("demo", "--serve", "--world", str(tmp_path / "none.yaml"))
    assert code == 2
    assert "none.yaml" in said
    code, said = run("demo", "--serve", "--scenario", "quite")
    assert code == 2
    assert "quiet" in said


def test_a_port_that_is_taken(cluster: Child) -> None:
    port = cluster.url.rpartition(":")[2].strip("/")
    code, said = run("demo", "--serve", "--port", port)
    assert code == 2
    assert port in said
