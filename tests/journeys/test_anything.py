"""Any kind, filters, descriptions, YAML and help, with what the server was asked for each."""

from __future__ import annotations

import re

import httpx

from console.demo.child import Child
from tests.journeys.conftest import Open


async def test_a_kind_without_code_of_its_own_is_the_servers_table_with_a_watch(open_console: Open) -> None:
    async with open_console() as console:
        await console.command("crds")
        await console.until("admissionchecks.kueue.x-k8s.io")
        base = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
        listed = await console.asked(lambda r: r.path == base and not r.watches)
        watched = await console.asked(lambda r: r.path == base and r.watches)
        for request in (listed, watched):
            assert "as=Table" in request["accept"]
        assert listed.query["limit"]
        assert watched.query["resourceVersion"]


async def test_a_custom_kind_shows_the_columns_its_definition_names(open_console: Open) -> None:
    async with open_console() as console:
        await console.command("suggestions")
        await console.until("suggestions", re.compile(r"NAME .*TYPE"))
        assert "as=Table" in (await console.asked(lambda r: r.path.endswith("/suggestions")))["accept"]
        await console.press("d")
        await console.until("Suggestion resnet-hpo", "Owned by:                Experiment/resnet-hpo")


async def test_a_label_filter_is_the_servers_and_esc_takes_it_away_before_going_back(open_console: Open) -> None:
    async with open_console("pods") as console:
        await console.until(re.compile(r"1/\d\d+ ─"))
        await console.filter("-l training.kubeflow.org/job-name=vit-22b")
        await console.until("vit-22b-master-0", re.compile(r"1/2 ─"))
        wanted = "training.kubeflow.org/job-name=vit-22b"
        await console.asked(lambda r: r.path == "/api/v1/pods" and r.query.get("labelSelector") == wanted)
        await console.press("escape")
        await console.until(re.compile(r"\d+/\d\d\d ─"), "vit-22b-master-0")
        await console.press("escape")
        await console.until("Attention (9)")


async def test_a_text_filter_and_its_inverse_ask_the_server_nothing(open_console: Open) -> None:
    async with open_console("pods team-nlp") as console:
        await console.until("llama-70b-pretrain-", " live ")
        await console.requests(clear=True)
        await console.filter("llama-70b")
        await console.until(re.compile(r"1/4 of 10"))
        await console.press("escape")
        await console.filter("!llama-70b")
        await console.until(re.compile(r"1/6 of 10"))
        assert not [r for r in await console.requests() if r.path.endswith("/pods")]


async def test_an_unknown_command_is_answered_by_one_sentence(open_console: Open) -> None:
    async with open_console() as console:
        await console.command("nonsense")
        text = await console.until("This cluster serves no kind named 'nonsense'.")
        assert "Traceback" not in text


async def test_a_job_is_described_with_its_events(open_console: Open) -> None:
    async with open_console("pytorchjobs team-recsys") as console:
        await console.until("dlrm-embeddings")
        await console.move_to("dlrm-embeddings")
        await console.press("d")
        await console.until("PyTorchJob", "dlrm-embeddings")
        await console.asked(lambda r: r.path.endswith("/events") and "fieldSelector" in r.query)
        await console.press("escape")
        await console.until("pytorchjobs in team-recsys")


async def test_a_secret_is_masked_until_it_is_asked_for(open_console: Open, quiet: Child) -> None:
    made = {
        "metadata": {"name": "tracking-token"},
        "type": "Opaque",
        "stringData": {"token": "a-word-of-its-own"},
    }
    httpx.post(f"{quiet.url}/api/v1/namespaces/team-nlp/secrets", json=made, trust_env=False)
    async with open_console("secrets team-nlp") as console:
        await console.until("tracking-token", "Opaque")
        await console.press("y")
        await console.until("kind: Secret", "********")
        before = console.text
        assert "YS13b3JkLW9mLWl0cy1vd24=" not in before
        await console.press("x")
        await console.until("SECRETS SH", "token: a-word-of-its-own")
        await console.press("x")
        await console.until("********")
        assert console.text == before


async def test_help_names_the_keys_of_the_keymap(open_console: Open) -> None:
    async with open_console("pods") as console:
        await console.until(re.compile(r"1/\d\d+ ─"))
        await console.press("question_mark")
        await console.until("help")
        seen = ""
        for _ in range(8):
            seen += console.text + "\n"
            await console.press("pagedown")
        for sentence in ("sort by age", "wide columns", "only what is not well", "mark the row", "copy the kubectl"):
            assert sentence in seen, sentence


async def test_nothing_is_listed_again_once_all_is_loaded(open_console: Open) -> None:
    async with open_console() as console:
        await console.until("Attention (9)", "Running jobs (12)", " live ")
        await console.command("pods")
        await console.until("start > pods", re.compile(r"1/\d\d+ ─"), " live ")
        await console.press("escape")
        await console.until("Attention (9)", " live ")
        await console.quiet()
        requests = await console.requests()
        again = [r for r in requests if r["method"] == "GET" and not r.watches and "/proxy/" not in r.path]
        assert not again, again
