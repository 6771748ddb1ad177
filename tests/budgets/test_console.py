"""What the console costs with 10,000 pods, under a real pseudo-terminal, and what the embedded cluster costs.

Figures are of the processes themselves, in CPU seconds, so that what else runs on the machine does not count.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from console.demo.child import Child, start
from tests.budgets.terminal import Terminal

PODS = 10_000
CONSOLE = [sys.executable, "-m", "console"]

pytestmark = [
    pytest.mark.serial,
    pytest.mark.skipif(sys.platform != "linux", reason="resident memory is counted differently elsewhere"),
]


@pytest.fixture(scope="module")
def large() -> Iterator[Child]:
    with start(pods=PODS) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def console(large: Child, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Terminal]:
    """The console on all pods, loaded and at rest."""
    env = {"XDG_STATE_HOME": str(tmp_path_factory.mktemp("state"))}
    terminal = Terminal([*CONSOLE, "--kubeconfig", large.kubeconfig, "-A", "pods"], columns=140, rows=40, env=env)
    try:
        terminal.until(r"1/10\d{3} ")
        terminal.until(r" live ")
        terminal.pump(1.0)
        yield terminal
    finally:
        terminal.close()


def test_a_cursor_key_costs_at_most_300_bytes_and_ten_milliseconds(console: Terminal) -> None:
    sizes = []
    before = console.cpu()
    for _ in range(60):
        console.send("j")
        sizes.append(arrived(console))
    each = (console.cpu() - before) / len(sizes)
    print(f"{statistics.median(sizes):.0f} bytes and {each * 1000:.1f} ms a key")
    assert statistics.median(sizes) <= 300, sorted(sizes)
    assert each <= 0.010, f"{each * 1000:.1f} ms a key"


def arrived(console: Terminal) -> int:
    """The bytes of the next answer, however long the machine takes over it."""
    end = time.monotonic() + 20.0
    while time.monotonic() < end:
        if got := console.pump(0.06):
            return got
    raise AssertionError(f"a key changed nothing on:\n{console.text}")


def test_at_rest_it_sends_and_computes_next_to_nothing(console: Terminal) -> None:
    console.pump(1.0)
    before, begun, got = console.cpu(), time.monotonic(), 0
    while time.monotonic() - begun < 8.0:
        got += console.pump(0.5)
    share = (console.cpu() - before) / (time.monotonic() - begun)
    print(f"{got} bytes in 8 s, {share * 100:.1f} % of a core")
    assert got <= 2048, f"{got} bytes in 8 s"
    assert share < 0.03, f"{share * 100:.1f} % of a core"


def test_all_pods_are_held_in_at_most_150_mebibytes(console: Terminal) -> None:
    print(f"{console.memory():.0f} MiB")
    assert console.memory() <= 150, f"{console.memory():.0f} MiB"


def test_the_mouse_is_left_to_the_terminal(console: Terminal) -> None:
    for mode in (b"?1000h", b"?1002h", b"?1003h", b"?1006h"):
        assert mode not in console.raw


def test_all_pods_are_printed_within_the_budget(large: Child, tmp_path: Path) -> None:
    script = (
        "import resource, subprocess, sys, json\n"
        "out = open(sys.argv[1], 'wb')\n"
        "code = subprocess.run(sys.argv[2:], stdout=out).returncode\n"
        "used = resource.getrusage(resource.RUSAGE_CHILDREN)\n"
        "print(json.dumps([code, used.ru_maxrss / 1024, used.ru_utime + used.ru_stime]))\n"
    )
    out = tmp_path / "pods.json"
    argv = [*CONSOLE, "--kubeconfig", large.kubeconfig, "get", "pods", "-A", "-o", "json"]
    done = subprocess.run([sys.executable, "-c", script, str(out), *argv], capture_output=True, check=True, timeout=120)
    code, memory, used = json.loads(done.stdout)
    assert code == 0, done.stderr
    rows = json.loads(out.read_bytes())
    assert len(rows) >= PODS
    print(f"{memory:.0f} MiB, {used:.2f} s of CPU")
    assert memory <= 120, f"{memory:.0f} MiB"
    assert used <= 2.5, f"{used:.2f} s"


def test_the_default_world_costs_a_tenth_of_a_core_and_150_mebibytes() -> None:
    with start() as cluster:
        process = psutil.Process(cluster.pid)

        def cpu() -> float:
            times = process.cpu_times()
            return times.user + times.system

        time.sleep(5.0)  # controllers read the world first
        before, begun = cpu(), time.monotonic()
        time.sleep(20.0)
        share = (cpu() - before) / (time.monotonic() - begun)
        memory = process.memory_info().rss / 2**20
    print(f"{memory:.0f} MiB, {share * 100:.1f} % of a core")
    assert memory <= 150, f"{memory:.0f} MiB"
    assert share <= 0.10, f"{share * 100:.1f} % of a core"
