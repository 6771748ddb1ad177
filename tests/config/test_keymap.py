from __future__ import annotations

from pathlib import Path

import pytest

from config.keymap import load_keymap, textual_key
from console.errors import UsageError


@pytest.mark.parametrize(
    ("written", "sent"),
    [("shift-n", "N"), ("ctrl-w", "ctrl+w"), ("?", "question_mark"), ("esc", "escape"), ("-", "minus"), ("j", "j")],
)
def test_keys_are_translated_to_what_a_terminal_sends(written: str, sent: str) -> None:
    assert textual_key(written) == sent


def test_no_key_means_two_things_in_one_scope_and_every_hint_has_words() -> None:
    keymap = load_keymap()
    for scope in keymap.scopes:
        taken = [key for binding in keymap.bindings(scope) for key in binding.keys]
        assert len(taken) == len(set(taken)), scope
        assert all(binding.help for binding in keymap.bindings(scope) if binding.hint), scope


def test_the_keys_k9s_users_know_are_kept() -> None:
    keymap = load_keymap()
    known = {"describe": "d", "manifest": "y", "logs": "l", "wide": "ctrl-w", "sort_age": "shift-a", "mark": "space"}
    for action, key in known.items():
        found = keymap.find("table", action)
        assert found is not None
        assert key in found.keys


def test_a_user_file_names_only_what_differs(tmp_path: Path) -> None:
    own = tmp_path / "keymap.yaml"
    own.write_text("table: {sort_age: [shift-t], describe: i}\n")
    keymap = load_keymap(own)
    found = keymap.find("table", "sort_age")
    assert found is not None
    assert found.keys == ("shift-t",)
    assert found.help == "sort by age"


@pytest.mark.parametrize(
    ("text", "said"),
    [("tables: {a: b}", "unknown scope"), ("table: {jump: x}", "unknown action"), ("table: {describe: l}", "both")],
)
def test_a_wrong_keymap_is_refused_with_what_to_do(tmp_path: Path, text: str, said: str) -> None:
    own = tmp_path / "keymap.yaml"
    own.write_text(text)
    with pytest.raises(UsageError, match=said):
        load_keymap(own)
