"""Access reviews: rules per namespace, single questions, what is remembered."""

from __future__ import annotations

import asyncio
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.cluster.access import Rule
from console.cluster.session import Session
from console.errors import CannotReach
from tests.cluster.scripted import Asked, Reply, Scripted

RULES = "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews"
SINGLE = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"


def rule(verbs: str, groups: str, resources: str, names: str = "") -> dict[str, list[str]]:
    texts = {"verbs": verbs, "apiGroups": groups, "resources": resources, "resourceNames": names}
    return {key: text.split(",") if text or key == "apiGroups" else [] for key, text in texts.items()}


async def test_one_rules_review_answers_for_a_namespace(server: Scripted, session: Session) -> None:
    rules = [rule("list,get", "", "pods,pods/log"), rule("*", "kubeflow.org", "*"), rule("get", "", "secrets", "mine")]
    server.answers("POST", RULES, {"status": {"resourceRules": rules, "incomplete": False}})
    may = session.access.may
    assert (await may("list", "", "pods", "a")).allowed
    assert (await may("get", "", "pods", "a", "log")).allowed
    assert (await may("delete", "kubeflow.org", "pytorchjobs", "a")).allowed
    assert (await may("get", "", "secrets", "a", name="mine")).allowed
    refused = await may("create", "", "pods", "a", "exec")
    assert not refused.allowed
    assert refused.reason == "this user may not create pods/exec in namespace a"
    assert not (await may("get", "", "secrets", "a", name="other")).allowed
    assert len(server.asked) == 1


async def test_incomplete_rules_and_cluster_wide_questions_are_asked_singly(server: Scripted, session: Session) -> None:
    server.answers("POST", RULES, {"status": {"resourceRules": [], "incomplete": True}})

    async def single(asked: Asked, reply: Reply) -> None:
        attributes = json.loads(asked.body)["spec"]["resourceAttributes"]
        allowed = attributes["resource"] == "nodes"
        await reply.send({"status": {"allowed": allowed, "reason": "" if allowed else "no \x1b[31mrole"}})

    server.on("POST", SINGLE, single)
    assert (await session.access.may("list", "", "nodes")).allowed
    verdicts = await asyncio.gather(*(session.access.may("list", "", "pods", "a") for _ in range(5)))
    assert {verdict.allowed for verdict in verdicts} == {False}
    assert verdicts[0].reason == "no role"
    assert len(server.requests(SINGLE)) == 2
    assert len(server.requests(RULES)) == 1
    session.access.forget()
    await session.access.may("list", "", "nodes")
    assert len(server.requests(SINGLE)) == 3


async def test_a_server_without_reviews_lets_the_attempt_tell(server: Scripted, session: Session) -> None:
    verdict = await session.access.may("list", "", "pods", "a")
    assert verdict.allowed
    assert "no access reviews" in verdict.reason


async def test_a_question_that_failed_is_asked_again(server: Scripted, session: Session) -> None:
    async def drop(asked: Asked, reply: Reply) -> None:
        reply.drop()

    server.on("POST", SINGLE, drop)
    with pytest.raises(CannotReach):
        await session.access.may("list", "", "nodes")
    server.answers("POST", SINGLE, {"status": {"allowed": True}})
    assert (await session.access.may("list", "", "nodes")).allowed


@given(st.sampled_from(["pods", "pods/log", "jobs/scale"]), st.sampled_from(["get", "list"]))
def test_a_star_rule_covers_everything_and_an_empty_one_nothing(resource: str, verb: str) -> None:
    assert Rule(("*",), ("*",), ("*",)).covers(verb, "batch", resource, "")
    assert not Rule((), ("*",), ("*",)).covers(verb, "batch", resource, "")
    assert Rule(("*",), ("*",), ("*/scale",)).covers(verb, "batch", "jobs/scale", "")
    assert not Rule(("*",), ("*",), ("pods",)).covers(verb, "", "pods/log", "")
