"""Printed text is aligned, safe for a terminal, and stops quietly when nobody reads."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import yaml
from hypothesis import given
from hypothesis import strategies as st

from console.headless.output import Out, Table, as_json, as_yaml, record
from console.kinds.registry import KINDS
from tests.kinds.kindobjects import NOW, pod, row


@given(st.text())
def test_json_is_the_same_text_without_what_a_terminal_obeys(text):
    line = as_json({"a": text})
    assert json.loads(line) == {"a": text}
    assert "\n" not in line
    assert not any(0x7F <= ord(character) <= 0x9F or character in "\u202e\u2066\x1b" for character in line)


@given(
    st.dictionaries(st.text(alphabet="abc", min_size=1), st.one_of(st.none(), st.booleans(), st.integers(), st.text()))
)
def test_yaml_reads_back_as_it_was(value):
    assert yaml.safe_load(as_yaml([value])) == [value]


def test_every_kinds_record_is_json_and_yaml():
    for kind in KINDS.values():
        if kind.members or kind.table:
            continue
        found = record(kind, row(kind, {"metadata": {"name": "x"}}), NOW)
        assert json.loads(as_json(found))["name"] == "x"
        assert yaml.safe_load(as_yaml(found))["health"] in {"ok", "done", "running", "waiting", "warn", "bad", "none"}


def test_columns_stay_aligned_for_rows_that_come_later():
    kind = KINDS["pods"]
    table = Table([column for column in kind.columns if column.key in ("name", "gpus", "node")])
    first = table.lines([table.texts(row(kind, pod("short", gpus=1)), NOW)])
    later = table.lines([table.texts(row(kind, pod("a-longer-name", gpus=16)), NOW)])
    assert first == ["NAME    GPUS   NODE", "short      1   gpu-1"]
    assert later == ["a-longer-name     16   gpu-1"]


def test_a_broken_pipe_ends_quietly():
    script = (
        "import sys\n"
        "from console.headless.output import Out\n"
        "out = Out()\n"
        "for number in range(100000):\n"
        "    out.write('x' * 100 + '\\n')\n"
        "    if out.closed: break\n"
        "sys.exit(0 if out.closed else 9)\n"
    )
    read, write = os.pipe()
    process = subprocess.Popen([sys.executable, "-c", script], stdout=write, stderr=subprocess.PIPE)
    os.close(write)
    os.close(read)
    _, errors = process.communicate(timeout=30)
    assert (process.returncode, errors) == (0, b"")


def test_writing_after_the_pipe_broke_does_nothing():
    class Broken:
        def write(self, text):
            raise BrokenPipeError

        def flush(self): ...

    out = Out(Broken())
    out.write("a")
    out.write("b")
    assert out.closed


def test_headless_imports_no_textual():
    script = (
        "import sys, console.headless.get, console.headless.gpus\n"
        "sys.exit('textual' in sys.modules or 'rich' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script], timeout=60, check=False).returncode == 0
