"""The console from the keyboard, on a fake cluster: what a person presses and reads."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from pathlib import Path

import pytest

from config import Settings, load
from console.cluster.session import Target
from console.errors import CannotReach, Denied, UsageError
from screens.connecting import ConnectingView
from screens.places import Place
from tests.screens.conftest import Open
from tests.screens.fakes import FakeHub, pod, world


@pytest.mark.parametrize("size", [(80, 24), (140, 40), (200, 60)])
async def test_the_start_view_says_what_is_broken_whose_and_since_when(
    open_console: Open, size: tuple[int, int]
) -> None:
    async with open_console(size=size) as console:
        assert "Attention (2)" in console.text
        line = next(line for line in console.lines if "2 of 2 replicas" in line)
        assert line.split()[:5] == [">", "x", "PyTorchJob", "vit-22b", "team-vision"]
        assert "1 of 8 GPUs are not allocatable" in console.text
        assert "Running jobs (2)" in console.text
        assert "unhealthy 1 (gpu-c)" in console.text
        assert "Namespaces (3)" in console.text
        assert "amy" in console.text
        assert console.lines[-1].rstrip().endswith("? help")


async def test_before_pages_arrive_the_start_view_says_what_is_loading(open_console: Open) -> None:
    hub = world()
    hub.phases = {"pods": ("loading", None)}
    async with open_console(hub=hub) as console:
        assert "loading pods" in console.text
        assert "Nothing found yet." in console.text or "gpu-c" in console.text
        assert "has no pods" not in console.text


async def test_a_cluster_without_trouble_says_so(open_console: Open) -> None:
    async with open_console(hub=FakeHub()) as console:
        assert "Nothing is broken or stuck." in console.text


async def test_the_start_view_is_filtered_as_lists_are(open_console: Open) -> None:
    async with open_console() as console:
        await console.press("slash")
        await console.type("nlp")
        await console.press("enter")
        assert "None of 2 matches /nlp." in console.text
        assert "pre-lm" in console.text
        assert "serving" not in console.text
        await console.press("escape")
        assert "vit-22b" in console.text


async def test_from_a_namespace_to_its_jobs_and_back_to_the_same_line(open_console: Open) -> None:
    async with open_console() as console:
        console.app.front.left_pane.find("namespace team-nlp")  # type: ignore[attr-defined]
        await console.press("enter")
        assert "start > jobs in team-nlp" in console.text
        assert "pre-lm" in console.text
        assert "vit-22b" not in console.text
        assert " ns:team-nlp " in console.lines[0]
        await console.press("escape")
        assert "Namespaces (3)" in console.text
        assert console.cursor.split()[:2] == [">", "team-nlp"]


async def test_a_command_opens_a_kind_in_namespaces_with_a_filter(open_console: Open) -> None:
    async with open_console() as console:
        await console.press("colon")
        await console.type("po team-nlp /worker-[01]")
        await console.press("enter")
        assert "start > pods in team-nlp  /worker-[01]" in console.text
        assert "1/2 of 4" in console.text
        assert console.cluster.hub.opened.count(("pods", "team-nlp", "")) == 1


async def test_commands_are_completed_by_tab(open_console: Open) -> None:
    async with open_console() as console:
        await console.press("colon")
        await console.type("pytor")
        assert "pytorchjobs" in console.text
        await console.press("tab")
        await console.type(" team-v")
        await console.press("tab", "enter")
        assert "start > pytorchjobs in team-vision" in console.text


async def test_an_unknown_word_gives_near_ones_and_keeps_the_prompt(open_console: Open) -> None:
    async with open_console() as console:
        await console.press("colon")
        await console.type("podz")
        await console.press("enter")
        assert "This cluster serves no kind named 'podz'. Did you mean" in console.text
        await console.press("escape")
        assert "? help" in console.text


async def test_a_kind_that_is_not_installed_says_why(open_console: Open) -> None:
    async with open_console(absent=("experiments",), size=(140, 40)) as console:
        await console.press("colon")
        await console.type("experiments")
        await console.press("enter")
        assert "experiments.kubeflow.org is not installed on this cluster" in console.text


async def test_escape_clears_the_filter_first_then_goes_back(open_console: Open) -> None:
    async with open_console("pods") as console:
        await console.press("slash")
        await console.type("vit")
        assert "1/2 of 36" in console.text
        await console.press("enter", "escape")
        assert "1/36" in console.text
        await console.press("escape")
        assert "Attention" in console.text


async def test_a_cancelled_filter_leaves_the_one_before(open_console: Open) -> None:
    async with open_console("pods /vit") as console:
        await console.press("slash")
        await console.type("xyz")
        assert "None of 36 pods matches /vitxyz." in console.text
        await console.press("escape")
        assert "1/2 of 36" in console.text


async def test_a_label_filter_is_asked_of_the_server(open_console: Open) -> None:
    async with open_console("pods") as console:
        await console.press("slash")
        await console.type("-l app=web")
        assert console.cluster.hub.opened.count(("pods", None, "app=web")) == 0
        await console.press("enter")
        assert console.cluster.hub.opened.count(("pods", None, "app=web")) == 1
        await console.press("escape")
        assert "1/36" in console.text


async def test_only_what_is_not_well(open_console: Open) -> None:
    async with open_console("pods") as console:
        await console.press("exclamation_mark")
        assert "1/2 of 36" in console.text
        assert "CrashLoopBackOff" in console.text
        await console.press("escape")
        assert "1/36" in console.text


async def test_sorting_keeps_the_cursor_on_its_object(open_console: Open) -> None:
    async with open_console("pods serving") as console:
        await console.press("j", "j")
        assert "web-2" in console.cursor
        await console.press("A", "A")
        assert "web-2 " in console.cursor
        assert "AGE↑" in console.text
        assert "28/30" in console.text
        await console.press("N")
        assert "3/30" in console.text


async def test_a_changed_row_is_drawn_and_the_cursor_stays(open_console: Open) -> None:
    async with open_console("pods serving") as console:
        await console.press("j")
        feed = console.cluster.hub.feed("pods", "serving")
        feed.put([pod("aaa", "serving"), pod("web-1", "serving", phase="ImagePullBackOff")])
        await console.settle()
        line = console.cursor
        assert "web-1" in line
        assert "x " in line
        assert "ImagePullBackOff" in line
        assert "3/31" in console.text
        feed.drop("serving/aaa")
        await console.settle()
        assert "2/30" in console.text


async def test_marked_rows_are_copied_together(open_console: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    async with open_console("pods serving") as console:
        copied: list[str] = []
        monkeypatch.setattr(console.app, "copy", lambda text, what: copied.append(text))
        await console.press("space", "j", "space")
        assert "2 marked" in console.text
        await console.press("c")
        assert copied == ["web-0\nweb-2"]
        await console.press("escape")
        assert "marked" not in console.text
        await console.press("c", "n", "ctrl+o")
        assert copied[1:] == ["web-3", "serving", "kubectl --context kind-demo -n serving get pods web-3"]


async def test_digits_choose_namespaces(open_console: Open, tmp_path: Path) -> None:
    own = load({"favourites": ["team-vision", "serving"]}, environ={}, folder=tmp_path)
    async with open_console("pods", own=own) as console:
        await console.press("1")
        assert "pods in team-vision" in console.text
        assert " ns:team-vision " in console.lines[0]
        await console.press("2")
        assert "1/30" in console.text
        await console.press("0")
        assert "1/36" in console.text
        await console.press("7")
        assert "No namespace is on this key" in console.text


async def test_history_goes_to_and_fro(open_console: Open) -> None:
    async with open_console("pods") as console:
        await console.press("j", "j")
        await console.press("colon")
        await console.type("nodes")
        await console.press("enter")
        assert "start > nodes" in console.text
        await console.press("minus")
        assert "start > pods" in console.text
        assert "3/36" in console.text
        await console.press("minus")
        assert "start > nodes" in console.text
        await console.press("left_square_bracket")
        assert "start > pods" in console.text
        await console.press("right_square_bracket")
        assert "start > nodes" in console.text


async def test_a_nodes_pods_are_one_enter_away(open_console: Open) -> None:
    async with open_console("nodes") as console:
        await console.press("j", "enter")
        assert "pods of gpu-b" in console.text
        assert "1/2 of 36" in console.text
        assert "pre-lm-worker-0" in console.text


async def test_the_owner_of_a_pod_is_its_job(open_console: Open) -> None:
    async with open_console("pods team-nlp") as console:
        opened: list[Place] = []
        console.app.go = opened.append  # type: ignore[method-assign, assignment]
        await console.press("J", "enter", "d")
        assert [(place.view, place.kind, place.key) for place in opened] == [
            ("replicas", "pytorchjobs", "team-nlp/pre-lm"),
            ("logs", "pods", "team-nlp/pre-lm-master-0"),
            ("describe", "pods", "team-nlp/pre-lm-master-0"),
        ]


async def test_help_lists_the_keys_of_the_view_it_was_opened_from(open_console: Open) -> None:
    async with open_console("pods", size=(140, 60)) as console:
        await console.press("question_mark")
        assert "Keys of pods" in console.text
        assert "only what is not well" in console.text
        assert "What can be typed" in console.text
        await console.press("q")
        assert "1/36" in console.text


async def test_kinds_and_contexts_are_listed(open_console: Open, tmp_path: Path) -> None:
    kubeconfig = tmp_path / "config"
    kubeconfig.write_text(
        "current-context: a\ncontexts:\n- {name: a, context: {cluster: c1, user: u1}}\n"
        "- {name: kind-demo, context: {cluster: c2, user: u2, namespace: x}}\n"
    )
    async with open_console(absent=("trials",), target=Target(kubeconfig=str(kubeconfig)), size=(80, 60)) as console:
        await console.press("ctrl+a")
        assert "crontabs" in console.text
        assert "trials.kubeflow.org is not installed" in console.text
        await console.press("escape", "colon")
        await console.type("ctx")
        await console.press("enter")
        assert "* kind-demo" in console.text
        await console.press("enter")
        assert console.app.target.context == "a"
        assert console.cluster.ended


async def test_the_palette_finds_objects_kinds_and_actions(open_console: Open) -> None:
    async with open_console("pods") as console:
        await console.press("ctrl+p")
        await console.type("sort by age")
        await console.press("enter")
        assert "AGE↓" in console.text
        await console.press("ctrl+p")
        await console.type("notebo")
        await console.press("enter")
        assert "There are no notebooks." in console.text


async def test_a_refused_list_is_one_sentence_in_the_table(open_console: Open) -> None:
    hub = world()
    hub.phases = {"secrets": ("denied", Denied("You may not list secrets.", "Ask for a role that may."))}
    async with open_console("secrets", hub=hub) as console:
        assert "You may not list secrets." in console.text
        assert " denied " in console.lines[0]


async def test_stale_rows_say_how_old_they_are(open_console: Open) -> None:
    async with open_console("pods") as console:
        console.cluster.hub.feed("pods").turn("stale")
        console.cluster.clock.heard(console.cluster.clock.now() + 42)
        await console.settle()
        console.app.status_changed()
        await console.settle()
        assert " STALE 42s " in console.lines[0]


async def test_an_empty_namespace_says_so(open_console: Open) -> None:
    async with open_console("notebooks team-nlp") as console:
        assert "There are no notebooks in team-nlp." in console.text
        assert "0 shows every namespace." in console.text


async def test_read_only_and_impersonation_are_always_on_screen(open_console: Open) -> None:
    async with open_console("pods", target=Target(as_user="bob", read_only=True)) as console:
        assert "READ-ONLY" in console.lines[0]
        assert "AS on-call" in console.lines[0]


async def test_a_small_terminal_gets_one_clear_sentence(open_console: Open) -> None:
    async with open_console("pods", size=(60, 20)) as console:
        assert console.lines[0].startswith(" 60x20 is too small: kfconsole needs")
        await console.pilot.resize_terminal(80, 24)
        await console.settle()
        assert "start > pods" in console.text


async def test_a_wider_terminal_gets_the_second_column_at_its_width(open_console: Open) -> None:
    async with open_console(size=(80, 24)) as console:
        await console.pilot.resize_terminal(140, 40)
        await console.settle()
        assert "GPUs  used 40/24  free 0  x unhealthy 1" in console.text
        assert "Namespaces (3)" in console.lines[next(i for i, t in enumerate(console.lines) if "Namespaces" in t)][80:]
        await console.pilot.resize_terminal(80, 24)
        await console.settle()
        assert "Namespaces (3)" in console.text


async def test_a_cluster_that_does_not_answer_can_be_tried_again(open_console: Open) -> None:
    error = CannotReach("https://10.0.0.1 refused the connection.", "Is the API server up?")
    async with open_console(error=error) as console:
        assert isinstance(console.app.front, ConnectingView)
        assert "https://10.0.0.1 refused the connection." in console.text
        assert "ctrl-r try again" in console.text
        await console.press("ctrl+r")
        assert "refused the connection" in console.text
        await console.press("ctrl+c")
    assert console.app.return_value == 3


async def test_a_wrong_context_ends_the_console_with_its_sentence(open_console: Open) -> None:
    async with open_console(error=UsageError("There is no context 'x'.")) as console:
        pass
    assert console.app.return_value == 2
    assert "no context" in str(console.app.failure)


async def test_a_kind_on_the_command_line_that_does_not_exist_ends_the_console(open_console: Open) -> None:
    async with open_console("nosuchthing") as console:
        pass
    assert console.app.return_value == 2


async def test_the_table_is_saved_as_it_is_shown(open_console: Open, tmp_path: Path) -> None:
    async with open_console("pods serving /web-1$") as console:
        await console.press("ctrl+s")
        assert "Saved " in console.lines[-1]
    (path,) = (tmp_path / "state" / "kfconsole").glob("pods-*.csv")
    saved = list(csv.DictReader(io.StringIO(path.read_text())))
    assert [row["name"] for row in saved] == ["web-1"]


@pytest.mark.parametrize("theme", ["dark16", "light16", "dark", "deuteranopia"])
@pytest.mark.parametrize("no_color", [False, True])
async def test_every_theme_draws_with_and_without_colour(
    open_console: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, theme: str, no_color: bool
) -> None:
    if no_color:
        monkeypatch.setenv("NO_COLOR", "1")
    own = load({"theme": theme}, environ={}, folder=tmp_path)
    async with open_console("pods team-vision", own=own) as console:
        assert "CrashLoopBackOff" in console.text
        strips = console.app.screen._compositor.render_strips()
        styles = [segment.style for strip in strips for segment in strip if segment.style is not None]
        coloured = [style for style in styles if style.color is not None and not style.color.is_default]
        assert bool(coloured) is not no_color
        assert any(style.reverse for style in styles)


async def test_another_form_is_asked_for_by_name(open_console: Open, tmp_path: Path) -> None:
    async with open_console("nodes") as console:
        await console.press("colon")
        await console.type("save xml")
        await console.press("enter")
        assert "A table is saved as csv, json, md." in console.text
        await console.type("")
        await console.press("backspace", "backspace", "backspace")
        await console.type("json")
        await console.press("enter")
    (path,) = (tmp_path / "state" / "kfconsole").glob("nodes-*.json")
    assert [node["name"] for node in json.loads(path.read_text())] == ["gpu-a", "gpu-b", "gpu-c"]


async def test_reading_again_asks_the_server_again(open_console: Open) -> None:
    async with open_console("pods") as console:
        await console.press("ctrl+r")
        assert console.cluster.refreshed == 1
        assert console.cluster.hub.feed("pods").refreshed


async def test_a_fault_of_our_own_is_one_sentence(open_console: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    async with open_console("pods", size=(140, 40)) as console:

        async def broken() -> None:
            raise KeyError("boom")

        monkeypatch.setattr(console.cluster, "refresh", broken)
        await console.press("ctrl+r")
        assert "kfconsole has a fault of its own: KeyError('boom')." in console.lines[-1]
        assert "Traceback" not in console.text


async def test_ascii_mode_draws_nothing_beyond_ascii(open_console: Open, settings: Settings) -> None:
    settings.values = replace_values(settings, ascii=True)
    async with open_console("pods", own=settings) as console:
        await console.press("A")
        assert console.text.isascii()


async def test_states_differ_as_text_without_any_colour(open_console: Open) -> None:
    async with open_console("pods team-vision") as console:
        assert [line.split()[:2] for line in console.lines if "vit-22b" in line] == [
            [">", "x"],
            [".", "vit-22b-worker-0"],
        ]


async def test_nothing_is_followed_after_a_view_is_left(open_console: Open) -> None:
    async with open_console("pods") as console:
        hub = console.cluster.hub
        console.app.jump(Place("list", kind="nodes"))
        await console.settle()
        console.app.go_back()
        await console.settle()
        assert hub.feed("pods").readers
        console.app.front.left()
        assert hub.closed == len(hub.opened) - 1  # the names that complete commands


def replace_values(settings: Settings, **changes: object):  # type: ignore[no-untyped-def]
    import msgspec

    return msgspec.structs.replace(settings.values, **changes)


def test_places_forget_their_cursor_when_compared() -> None:
    assert replace(Place("list", kind="pods"), cursor="a") == Place("list", kind="pods")
