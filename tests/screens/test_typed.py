"""What is typed: commands, filters, the line itself."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.errors import UsageError
from screens import filters
from screens.commands import Command, complete, parse
from screens.widgets.prompt import LineEditor


@pytest.mark.parametrize(
    ("line", "command"),
    [
        ("pods", Command("pods")),
        (":po team-nlp", Command("po", ("team-nlp",), argument="team-nlp")),
        ("pods a,b", Command("pods", ("a", "b"), argument="a,b")),
        ("pods all", Command("pods", (), argument="all")),
        ("pods -A", Command("pods", (), argument="-A")),
        ("pods -n x", Command("pods", ("x",), argument="-n")),
        ("pods x /run ning @prod", Command("pods", ("x",), "run ning", context="prod", argument="x")),
        ("pods /a/b", Command("pods", None, "a/b")),
        ("pods app=web,tier!=db", Command("pods", selector="app=web,tier!=db", argument="app=web,tier!=db")),
        ("jobs @other", Command("jobs", context="other", argument="@other")),
        ("@other", Command("", context="other")),
        ("/only", Command("", None, "only")),
        ("", Command()),
    ],
)
def test_a_command_line_is_understood(line: str, command: Command) -> None:
    assert parse(line) == command


@given(st.text(max_size=60))
def test_no_line_breaks_the_parser(line: str) -> None:
    parse(line)


def test_completion_goes_from_kinds_to_namespaces_to_contexts() -> None:
    words, spaces, contexts = ["pods", "podgroups", "nodes"], ["team-a", "team-b", "kube-system"], ["prod", "dev"]
    assert complete("po", words, spaces, contexts) == ["pods", "podgroups"]
    assert complete("pods te", words, spaces, contexts) == ["pods team-a", "pods team-b"]
    assert complete("pods team-a,k", words, spaces, contexts) == ["pods team-a,kube-system"]
    assert complete("pods @d", words, spaces, contexts) == ["pods @dev"]
    assert complete("ctx p", words, spaces, contexts) == ["ctx prod"]
    assert complete("pods /te", words, spaces, contexts) == []


@pytest.mark.parametrize(
    ("typed", "row", "shown"),
    [
        ("run", "web Running", True),
        ("^web", "web Running", True),
        ("!run", "web Running", False),
        ("!crash", "web Running", True),
        ("-f wbr", "web Running", True),
        ("-f zzz", "web Running", False),
    ],
)
def test_a_filter_decides_by_the_row_as_read(typed: str, row: str, shown: bool) -> None:
    accept = filters.parse(typed).accept
    assert accept is not None
    assert accept(row) is shown


def test_a_label_filter_is_the_servers_to_evaluate() -> None:
    assert filters.parse("-l app=web, tier=a") == filters.Filter(selector="app=web,tier=a")


def test_a_broken_expression_is_one_sentence() -> None:
    with pytest.raises(UsageError, match="regular expression"):
        filters.parse("a(b")


def test_the_closest_match_scores_best() -> None:
    texts = ["my-vit-22b", "vit-22b", "v-i-t", "other"]
    scored = {text: filters.score("vit", text) for text in texts}
    assert scored["other"] is None
    assert min((t for t in texts if scored[t] is not None), key=lambda t: scored[t] or 0) == "vit-22b"


def test_a_pasted_newline_confirms_nothing() -> None:
    editor = LineEditor("pods ")
    editor.insert("a\n\x1b[31mb\r\n")
    assert editor.text == "pods a b"


@given(
    st.lists(
        st.sampled_from(["left", "right", "home", "end", "backspace", "delete", "ctrl+w", "ctrl+u", "ctrl+k", "xy z"]),
        max_size=40,
    )
)
def test_the_cursor_never_leaves_the_text(keys: list[str]) -> None:
    editor = LineEditor("some words here")
    for key in keys:
        if not editor.press(key):
            editor.insert(key)
        assert 0 <= editor.at <= len(editor.text)


def test_a_word_is_deleted_as_a_shell_does() -> None:
    editor = LineEditor("pods team-a /run")
    editor.press("ctrl+w")
    assert editor.text == "pods team-a "
    editor.press("ctrl+w")
    assert editor.text == "pods "
    editor.press("ctrl+w")
    assert editor.text == ""
