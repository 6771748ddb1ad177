from __future__ import annotations

import subprocess
import sys

import pytest

from console.arguments import parse


def test_no_word_opens_the_start_view() -> None:
    arguments = parse([])
    assert (arguments.verb, arguments.view, arguments.name) == ("open", "", "")


def test_a_view_and_a_name_open_it() -> None:
    arguments = parse(["pytorchjobs", "vit-22b", "-n", "team-vision"])
    assert (arguments.verb, arguments.view, arguments.name, arguments.namespaces) == (
        "open",
        "pytorchjobs",
        "vit-22b",
        ("team-vision",),
    )


def test_an_output_format_makes_any_view_headless() -> None:
    assert parse(["gpus", "-o", "json"]).verb == "get"
    assert parse(["-o", "name", "jobs", "-A"]).view == "jobs"
    assert parse(["get", "po", "-n", "a,b", "--watch"]).namespaces == ("a", "b")


def test_options_may_stand_anywhere() -> None:
    arguments = parse(["demo", "--port", "7001", "jobs", "--serve", "--tls"])
    assert (arguments.verb, arguments.view, arguments.port, arguments.serve, arguments.tls) == (
        "demo",
        "jobs",
        7001,
        True,
        True,
    )


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("get", "needs a KIND"),
        ("--serve", "belongs to demo"),
        ("pods a b", "no place for 'b'"),
        ("demo --world f --scenario s", "either --world or --scenario"),
        ("--as-group g", "needs --as"),
        ("-n a -A", "not allowed with"),
        ("get pods -o csv", "invalid choice"),
        ("--nonsense", "unrecognized arguments"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_code_2(line: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        parse(line.split())
    assert stop.value.code == 2
    printed = capsys.readouterr().err
    assert said in printed
    assert printed.count("\n") == 1


@pytest.mark.parametrize("flag", ["--version", "--help"])
def test_version_and_help_load_neither_textual_nor_kubernetes(flag: str) -> None:
    program = (
        "import sys, contextlib\n"
        "from console.__main__ import main\n"
        "with contextlib.suppress(SystemExit): main([sys.argv[1]])\n"
        "heavy = {'textual', 'rich', 'kubernetes', 'httpx', 'msgspec', 'yaml', 'starlette'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run([sys.executable, "-c", program, flag], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "kfconsole" in done.stdout
