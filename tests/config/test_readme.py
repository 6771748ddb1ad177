from __future__ import annotations

import importlib.util
from pathlib import Path

from config.keymap import load_keymap

ROOT = Path(__file__).parents[2]


def test_the_readme_lists_the_keys_of_the_keymap() -> None:
    spec = importlib.util.spec_from_file_location("draw", ROOT / "tests/pictures/draw.py")
    assert spec is not None
    assert spec.loader is not None
    draw = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(draw)
    text = (ROOT / "README.md").read_text("utf-8")
    assert draw.with_keys(text, load_keymap()) == text


def test_every_picture_the_readme_shows_is_there() -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    named = {part.partition(")")[0] for part in text.split("](")[1:] if part.startswith("tests/pictures/")}
    assert named
    assert not [name for name in named if not (ROOT / name).exists()]
