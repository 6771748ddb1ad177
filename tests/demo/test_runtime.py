"""Logs that stay within their bounds, and commands run in a container that is not there."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.demo.commands import ExecContext, Input, run
from console.demo.container_files import Files
from console.demo.logs import ContainerLog
from console.demo.runtime import Runtime
from console.demo.shell import Unfinished, words
from console.demo.store import Store
from console.demo.terminal import Terminal

NOW = 1_790_000_000.0
POD: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "w-0", "namespace": "team-a", "labels": {"app": "w"}},
    "spec": {
        "containers": [
            {
                "name": "main",
                "image": "x",
                "command": ["python", "train.py"],
                "env": [
                    {"name": "RANK", "value": "3"},
                    {"name": "WHO", "value": "rank-$(RANK)"},
                    {"name": "NODE", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}},
                    {"name": "APP", "valueFrom": {"fieldRef": {"fieldPath": "metadata.labels['app']"}}},
                    {"name": "KEY", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}},
                ],
                "volumeMounts": [
                    {"name": "conf", "mountPath": "/etc/app"},
                    {"name": "scratch", "mountPath": "/scratch"},
                ],
            }
        ],
        "volumes": [{"name": "conf", "configMap": {"name": "c"}}, {"name": "scratch", "emptyDir": {}}],
        "nodeName": "gpu-1",
    },
    "status": {"podIP": "10.0.0.7"},
}


@pytest.fixture
def runtime() -> Runtime:
    store = Store(lambda: NOW)
    meta = {"namespace": "team-a"}
    store.load(
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {**meta, "name": "c"}, "data": {"a.yaml": "x: 1\n"}}
    )
    store.load({"apiVersion": "v1", "kind": "Secret", "metadata": {**meta, "name": "s"}, "data": {"k": "aHVzaA=="}})
    return Runtime(store)


class Ran:
    """What a command wrote and how it ended."""

    def __init__(self, runtime: Runtime, argv: list[str], typed: bytes | None = None, tty: bool = False) -> None:
        files = Files(runtime.store, POD, "main")
        self.out, self.err = bytearray(), bytearray()
        self.stdin = Input()
        if typed is not None:
            self.stdin.feed(typed)
        self.stdin.feed(b"")
        self.context = ExecContext(
            runtime, POD, "main", argv, files.environment(), files, self.stdin, self.out.extend, self.err.extend, tty
        )

    async def run(self) -> tuple[int, str, str]:
        code = await run(self.context)
        return code, self.out.decode(), self.err.decode()


async def sh(runtime: Runtime, script: str) -> tuple[int, str, str]:
    return await Ran(runtime, ["sh", "-c", script]).run()


# logs


def test_a_log_drops_its_oldest_lines_and_counts_them():
    log = ContainerLog(10_000)
    for number in range(1000):
        log.append(float(number), f"line {number}")
    assert log.lines[-1].text == b"line 999"
    assert log.dropped == 1000 - len(log.lines)
    assert 0 < len(log.lines) < 90


def test_a_line_longer_than_the_bound_is_kept_alone():
    log = ContainerLog(100)
    log.append(0.0, "a")
    log.append(1.0, "x" * 1000)
    assert [len(line.text) for line in log.lines] == [1000]


def test_a_restart_makes_the_log_the_previous_one(runtime):
    runtime.log("a", "p", "c", "first")
    runtime.rotate("a", "p", "c")
    runtime.log("a", "p", "c", "second\nthird")
    current, previous = runtime.read_log("a", "p", "c"), runtime.read_log("a", "p", "c", previous=True)
    assert current is not None
    assert previous is not None
    assert [line.text for line in current.lines] == [b"second", b"third"]
    assert [(line.at, line.text) for line in previous.lines] == [(NOW, b"first")]
    runtime.forget("a", "p")
    assert runtime.read_log("a", "p", "c") is None


def test_followers_hear_lines_and_the_end(runtime):
    heard: list[Any] = []
    runtime.logs.of("a", "p", "c").listeners.append(heard.append)
    runtime.log("a", "p", "c", "x")
    runtime.rotate("a", "p", "c")
    assert [line and line.text for line in heard] == [b"x", None]


# files and environment


async def test_the_environment_is_that_of_the_spec(runtime):
    code, out, _ = await Ran(runtime, ["env"]).run()
    assert code == 0
    lines = out.splitlines()
    assert {"RANK=3", "WHO=rank-3", "NODE=gpu-1", "APP=w", "KEY=hush", "HOSTNAME=w-0"} <= set(lines)


async def test_mounted_config_maps_can_be_read(runtime):
    assert await Ran(runtime, ["cat", "/etc/app/a.yaml"]).run() == (0, "x: 1\n", "")
    assert await Ran(runtime, ["ls", "/etc/app"]).run() == (0, "a.yaml\n", "")
    assert await Ran(runtime, ["ls", "/scratch"]).run() == (0, "", "")
    assert await Ran(runtime, ["cat", "/nope"]).run() == (1, "", "cat: /nope: No such file or directory\n")


# shell


@pytest.mark.parametrize(
    ("script", "ended"),
    [
        ("echo a b", (0, "a b\n", "")),
        ("echo $RANK \"$WHO\" '$RANK' \\$RANK", (0, "3 rank-3 $RANK $RANK\n", "")),
        ("false; echo $?", (0, "1\n", "")),
        ("false && echo no || echo yes", (0, "yes\n", "")),
        ("true && exit 7; echo never", (7, "", "")),
        ("cat /etc/hostname | wc -l", (0, "1\n", "")),
        ("env | grep RANK= | wc -l", (0, "1\n", "")),
        ("X=1; echo $X; export Y=2; printenv Y", (0, "1\n2\n", "")),
        ("cd /etc/app && pwd && ls", (0, "/etc/app\na.yaml\n", "")),
        ("cd /nope", (2, "", "sh: 1: cd: can't cd to /nope\n")),
        ("nothing", (127, "", "sh: 1: nothing: not found\n")),
        ("echo 'open", (2, "", "sh: 1: Syntax error: Unterminated quoted string\n")),
        ("echo err >&2; echo gone >/dev/null; nothing 2> /dev/null", (127, "", "err\nsh: 1: nothing: not found\n")),
        ("# only a comment", (0, "", "")),
        ("date +%Y", (0, "2026\n", "")),
        ("hostname", (0, "w-0\n", "")),
    ],
)
async def test_the_shell(runtime, script, ended):
    assert await sh(runtime, script) == ended


async def test_an_interactive_shell_reads_lines_until_exit(runtime):
    typed = b"echo one\ncd /etc\npwd\nexit 5\necho never\n"
    assert await Ran(runtime, ["sh"], typed).run() == (5, "one\n/etc\n", "")


async def test_a_terminal_gets_a_prompt(runtime):
    code, out, _ = await Ran(runtime, ["bash"], b"echo hi\n", tty=True).run()
    assert (code, out) == (0, "root@w-0:/# hi\nroot@w-0:/# exit\n")


async def test_other_parts_can_add_commands(runtime):
    async def command(context: ExecContext) -> int:
        context.print(f"{context.namespace}/{context.name} {context.argv[1:]}")
        return 4

    runtime.commands["nvidia-smi"] = command
    assert await Ran(runtime, ["/usr/bin/nvidia-smi", "-L"]).run() == (4, "team-a/w-0 ['-L']\n", "")


@given(st.text(max_size=60))
def test_any_line_can_be_taken_apart(line):
    try:
        found = list(words(line, lambda name: "v"))
    except Unfinished:
        return
    assert all(isinstance(word, str) for word, _ in found)


# terminal


def terminal() -> tuple[Terminal, Input, bytearray, list[str]]:
    stdin, shown, interrupts = Input(), bytearray(), []
    return Terminal(stdin, shown.extend, lambda: interrupts.append("c")), stdin, shown, interrupts


async def test_keys_are_echoed_and_lines_edited():
    keys, stdin, shown, _ = terminal()
    keys.keys("hallö\x7f\x7fo\x1b[A\r".encode())
    assert await stdin.line() == b"halo\n"
    assert shown.decode() == "hallö\b \b\b \bo\r\n"


async def test_a_word_and_a_line_can_be_taken_back():
    keys, stdin, _, _ = terminal()
    keys.keys(b"one two\x17three\n")
    assert await stdin.line() == b"one three\n"
    keys.keys(b"abc\x15d\n")
    assert await stdin.line() == b"d\n"


async def test_ctrl_c_interrupts_and_ctrl_d_ends():
    keys, stdin, shown, interrupts = terminal()
    keys.keys(b"abc\x03")
    assert (interrupts, bytes(shown[-4:])) == (["c"], b"^C\r\n")
    keys.keys(b"\x04")
    assert await stdin.line() == b""


async def test_ctrl_c_ends_a_command_of_an_interactive_shell(runtime):
    ran = Ran(runtime, ["sh"], tty=True)
    stdin = ran.context.stdin = Input()
    task = asyncio.create_task(run(ran.context))
    stdin.feed(b"sleep 1000\n")
    while ran.context.interrupt is None or not ran.out:
        await asyncio.sleep(0)
    for _ in range(10):
        await asyncio.sleep(0)
    ran.context.interrupt()
    stdin.feed(b"echo $?\n")
    stdin.feed(b"")
    assert await asyncio.wait_for(task, 5) == 0
    assert b"130\n" in ran.out
