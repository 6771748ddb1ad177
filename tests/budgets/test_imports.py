"""What is imported before the first frame and before a word is printed: the rest waits until it is wanted."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("kubernetes", "httpx", "starlette", "uvicorn", "prometheus_api_client", "websockets", "celpy", "promql_parser")
SCREENS = ("textual", "rich", "screens")


@pytest.mark.parametrize(
    ("statement", "unwanted"),
    [
        ("import screens.app, screens.start, screens.connecting", HEAVY),
        ("import console.__main__", (*HEAVY, *SCREENS)),
        ("import console.headless.get", SCREENS),
        ("import console.demo.serve", ("kubernetes", "textual", "screens")),
    ],
)
def test_a_module_leaves_alone_what_it_does_not_need(statement: str, unwanted: tuple[str, ...]) -> None:
    code = f"import sys; {statement}; print(*[name for name in {unwanted!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.split() == []


@pytest.mark.parametrize("flag", ["--version", "--help"])
def test_words_about_itself_load_neither_screens_nor_clients(flag: str) -> None:
    code = (
        "import sys\nfrom console.__main__ import main\n"
        f"try:\n    main([{flag!r}])\nexcept SystemExit as ended:\n    assert not ended.code\n"
        f"print(*[name for name in {(*HEAVY, *SCREENS)!r} if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.startswith(("kfconsole ", "usage: kfconsole"))
    assert done.stderr.split() == []
