from __future__ import annotations

from pathlib import Path

import pytest

from config import load, load_themes
from console.errors import UsageError


def test_flags_win_over_environment_over_file_over_defaults(tmp_path: Path) -> None:
    assert load(environ={}, folder=tmp_path).values.theme == "dark16"
    (tmp_path / "config.yaml").write_text("theme: dark\nfavourites: [team-a]\n")
    assert load(environ={}, folder=tmp_path).values.theme == "dark"
    assert load(environ={"KFCONSOLE_THEME": "light16"}, folder=tmp_path).values.theme == "light16"
    settings = load({"theme": "deuteranopia"}, environ={"KFCONSOLE_THEME": "light16"}, folder=tmp_path)
    assert settings.values.theme == "deuteranopia"
    assert settings.values.favourites == ("team-a",)


def test_a_locale_without_utf8_draws_ascii(tmp_path: Path) -> None:
    assert load(environ={"LC_ALL": "C"}, folder=tmp_path).values.ascii
    assert not load(environ={"LANG": "C.UTF-8"}, folder=tmp_path).values.ascii


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("theme: [", "line 2"),
        ("tick: soon", "tick"),
        ("colour: red", "colour"),
        ("- theme", "not a map"),
    ],
)
def test_a_wrong_settings_file_is_named_with_what_is_wrong(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "config.yaml").write_text(text)
    with pytest.raises(UsageError, match=said):
        load(environ={}, folder=tmp_path)


def test_settings_of_one_context_hold_only_there(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(
        "prometheus: m/p:9090\ncontexts: {prod: {read_only: true, prometheus: x/y:1}}\n"
    )
    settings = load(environ={}, folder=tmp_path)
    assert settings.context("prod").read_only
    assert not settings.context("dev").read_only
    assert settings.prometheus("prod") == "x/y:1"
    assert settings.prometheus("dev") == "m/p:9090"


def test_every_theme_names_every_colour(tmp_path: Path) -> None:
    assert {"dark16", "light16", "deuteranopia", "dark"} <= set(load_themes(tmp_path))
    (tmp_path / "themes").mkdir()
    (tmp_path / "themes" / "mine.yaml").write_text("name: mine\n")
    with pytest.raises(UsageError, match=r"mine\.yaml"):
        load_themes(tmp_path)
