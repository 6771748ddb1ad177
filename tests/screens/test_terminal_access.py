from __future__ import annotations

import base64
import json
import stat
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

from console.kinds.base import Column, Health, Kind, State
from screens.export import exported
from screens.terminal import clipboard_sequence, saved_name, write_private

KIND = Kind(
    name="things",
    kind="Thing",
    group="",
    versions=("v1",),
    decode=object,  # type: ignore[arg-type]
    row=lambda item: item,
    health=lambda row, now: Health(State.NONE),
    columns=(
        Column("NAME", "name", lambda row, now: row.name),
        Column("GPUS", "gpus", lambda row, now: row.gpus, text=lambda value: f"{value} GPUs"),
    ),
    extras=(Column("", "uid", lambda row, now: "u"),),
)
ROWS = [SimpleNamespace(name="a|b", gpus=8), SimpleNamespace(name="=SUM(A1)", gpus=None)]


def test_the_clipboard_sequence_carries_the_text() -> None:
    sequence = clipboard_sequence("héllo", in_tmux=False)
    assert sequence is not None
    assert sequence.startswith("\x1b]52;c;")
    assert base64.b64decode(sequence[7:-1]).decode() == "héllo"


def test_in_tmux_it_is_also_passed_through_with_escapes_doubled() -> None:
    sequence = clipboard_sequence("x", in_tmux=True)
    assert sequence is not None
    assert sequence.endswith("\x1bPtmux;\x1b\x1b]52;c;eA==\x07\x1b\\")


def test_a_text_larger_than_terminals_take_is_refused() -> None:
    assert clipboard_sequence("x" * 56_246, in_tmux=False) is None
    assert clipboard_sequence("x" * 56_244, in_tmux=False) is not None


def test_saved_names_are_plain_and_dated() -> None:
    at = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert saved_name("jobs.batch.csv", at) == "jobs.batch-20260102-030405.csv"
    assert saved_name("../../etc/x y.txt", at) == "etc-x-y-20260102-030405.txt"


def test_a_saved_file_is_the_owners_alone(tmp_path: Path) -> None:
    path = write_private(tmp_path / "x", "text")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_csv_cells_are_no_formulas() -> None:
    assert exported(KIND, ROWS, 0.0, "csv") == "name,gpus\na|b,8 GPUs\n'=SUM(A1),\n"


def test_json_has_the_stable_keys() -> None:
    assert json.loads(exported(KIND, ROWS, 0.0, "json"))[0] == {"name": "a|b", "gpus": 8, "uid": "u"}


def test_markdown_escapes_its_bars() -> None:
    assert exported(KIND, ROWS, 0.0, "md").splitlines()[2] == "| a\\|b | 8 GPUs |"
