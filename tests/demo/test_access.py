"""Who may do what: tokens, impersonation, roles and reviews, in the words of kube-apiserver."""

from __future__ import annotations

import base64
from typing import Any

import httpx
import pytest
from starlette.datastructures import Headers

from console.demo.access import Access, User
from console.demo.default_roles import default_roles, load_default_roles
from console.demo.failures import ApiFailure
from console.demo.requests import Query, parse_request
from console.demo.store import Store
from console.errors import UsageError

JANE = User("jane", "1", ("team", "system:authenticated"))
GROUP = "rbac.authorization.k8s.io"


@pytest.fixture
def clock() -> list[float]:
    return [1000.0]


@pytest.fixture
def store(clock: list[float]) -> Store:
    return Store(lambda: clock[0])


@pytest.fixture
def access(store: Store) -> Access:
    load_default_roles(store)
    return Access(store, admin_token="root-token")


def put(store: Store, kind: str, name: str, namespace: str = "", **fields: Any) -> None:
    rt = store.resources.of_object(f"{GROUP}/v1", kind)
    assert rt is not None
    metadata = {"name": name, **({"namespace": namespace} if namespace else {}), **fields.pop("metadata", {})}
    store.put(rt, {"kind": kind, "apiVersion": f"{GROUP}/v1", "metadata": metadata, **fields})


def bind(store: Store, role: str, subject: dict[str, str], namespace: str = "", kind: str = "ClusterRole") -> None:
    fields = {"roleRef": {"apiGroup": GROUP, "kind": kind, "name": role}, "subjects": [subject]}
    put(store, "RoleBinding" if namespace else "ClusterRoleBinding", f"b-{role}", namespace, **fields)


def bearer(token: str) -> Headers:
    return Headers({"authorization": f"Bearer {token}"})


def allowed(access: Access, user: User, request: str) -> bool:
    method, _, target = request.partition(" ")
    path, _, query = target.partition("?")
    info = parse_request(method, path, Query(query))
    fields = (info.group, info.resource, info.namespace, info.name, info.subresource)
    return access.allowed(user, info.verb, *fields, path="" if info.is_resource else info.path)[0]


def refusal(access: Access, user: User, request: str) -> str:
    method, _, path = request.partition(" ")
    with pytest.raises(ApiFailure) as caught:
        access.authorize(user, parse_request(method, path, Query("")))
    assert caught.value.code == 403
    return caught.value.message


# tokens


def test_the_admin_token_is_of_the_masters(access):
    user = access.authenticate(bearer("root-token"))
    assert (user.name, user.groups) == ("admin", ("system:masters", "system:authenticated"))


def test_no_token_is_the_anonymous_user(access):
    assert access.authenticate(Headers()) == User("system:anonymous", groups=("system:unauthenticated",))


def test_an_unknown_token_is_refused(access):
    with pytest.raises(ApiFailure) as caught:
        access.authenticate(bearer("guessed"))
    assert (caught.value.code, caught.value.message) == (401, "Unauthorized")


def test_a_websocket_may_bring_its_token_as_a_subprotocol(access):
    word = base64.urlsafe_b64encode(b"root-token").decode().rstrip("=")
    headers = Headers({"sec-websocket-protocol": f"v4.channel.k8s.io, base64url.bearer.authorization.k8s.io.{word}"})
    assert access.authenticate(headers).name == "admin"


def test_a_static_token_file_names_users_and_groups(access, tmp_path):
    path = tmp_path / "tokens.csv"
    path.write_text('# people\nt1,jane,u1,"team-a,ops"\nt2,joe,u2\n')
    access.tokens.load(str(path))
    assert access.authenticate(bearer("t1")) == User("jane", "u1", ("team-a", "ops", "system:authenticated"))
    assert access.authenticate(bearer("t2")).groups == ("system:authenticated",)


@pytest.mark.parametrize(("text", "said"), [("only,two\n", "Line 1"), ("t,u,i\n,x,y\n", "Line 2")])
def test_a_broken_token_file_is_refused_with_its_line(access, tmp_path, text, said):
    path = tmp_path / "tokens.csv"
    path.write_text(text)
    with pytest.raises(UsageError, match=said):
        access.tokens.load(str(path))


def test_no_token_shows_in_a_repr(access):
    assert "root-token" not in repr(access.tokens) + repr(access)


# roles


def test_the_default_roles_are_those_of_kubernetes():
    roles = {obj["metadata"]["name"]: obj for obj in default_roles() if obj["kind"] == "ClusterRole"}
    assert {"cluster-admin", "admin", "edit", "view", "system:discovery", "system:basic-user"} <= roles.keys()
    resources = {resource for rule in roles["view"]["rules"] for resource in rule["resources"]}
    assert "pods/log" in resources
    assert "secrets" not in resources


def test_masters_may_do_everything(access):
    assert allowed(access, User("x", groups=("system:masters",)), "DELETE /api/v1/nodes/a")


def test_everybody_known_may_discover_and_ask_about_itself(access):
    assert allowed(access, JANE, "GET /apis")
    assert allowed(access, JANE, "POST /apis/authorization.k8s.io/v1/selfsubjectaccessreviews")
    assert not allowed(access, JANE, "GET /metrics")


def test_a_denial_names_user_verb_resource_and_scope(access):
    assert refusal(access, JANE, "GET /api/v1/namespaces/team-a/pods") == (
        'pods is forbidden: User "jane" cannot list resource "pods" in API group "" in the namespace "team-a"'
    )
    assert refusal(access, JANE, "GET /api/v1/nodes") == (
        'nodes is forbidden: User "jane" cannot list resource "nodes" in API group "" at the cluster scope'
    )
    assert refusal(access, JANE, "GET /apis/apps/v1/namespaces/a/deployments/d") == (
        'deployments.apps "d" is forbidden: User "jane" cannot get resource "deployments" in API group "apps" in the '
        'namespace "a"'
    )
    assert refusal(access, JANE, "GET /metrics") == 'forbidden: User "jane" cannot get path "/metrics"'


def test_a_role_binding_counts_in_its_namespace_only(access, store):
    bind(store, "view", {"kind": "User", "name": "jane"}, "team-a")
    assert allowed(access, JANE, "GET /api/v1/namespaces/team-a/pods/p/log")
    assert not allowed(access, JANE, "GET /api/v1/namespaces/team-b/pods")
    assert not allowed(access, JANE, "GET /api/v1/namespaces/team-a/secrets")
    assert not allowed(access, JANE, "DELETE /api/v1/namespaces/team-a/pods/p")


def test_a_binding_takes_effect_and_ends_at_once(access, store):
    assert not allowed(access, JANE, "GET /api/v1/nodes")
    put(store, "ClusterRole", "nodes", rules=[{"apiGroups": [""], "resources": ["nodes"], "verbs": ["list"]}])
    bind(store, "nodes", {"kind": "Group", "name": "team"})
    assert allowed(access, JANE, "GET /api/v1/nodes")
    rt = store.resources.find(GROUP, "v1", "clusterrolebindings")
    store.remove(rt, "", "b-nodes")
    assert not allowed(access, JANE, "GET /api/v1/nodes")


def test_a_loaded_binding_counts_too(access, store):
    assert not allowed(access, JANE, "GET /api/v1/namespaces/x/pods")
    role = {"apiGroup": GROUP, "kind": "ClusterRole", "name": "view"}
    metadata = {"name": "late", "namespace": "x"}
    binding = {"kind": "RoleBinding", "apiVersion": f"{GROUP}/v1", "metadata": metadata, "roleRef": role}
    store.load({**binding, "subjects": [{"kind": "User", "name": "jane"}]})
    assert allowed(access, JANE, "GET /api/v1/namespaces/x/pods")


@pytest.mark.parametrize(
    ("rule", "request_", "holds"),
    [
        ({"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}, "GET /api/v1/namespaces/a/pods/p", True),
        ({"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}, "GET /api/v1/namespaces/a/pods/p/log", False),
        ({"apiGroups": [""], "resources": ["*/log"], "verbs": ["*"]}, "GET /api/v1/namespaces/a/pods/p/log", True),
        ({"apiGroups": ["*"], "resources": ["*"], "verbs": ["watch"]}, "GET /api/v1/pods?watch=1", True),
        ({"apiGroups": ["apps"], "resources": ["*"], "verbs": ["*"]}, "GET /api/v1/pods", False),
        (
            {"apiGroups": [""], "resources": ["pods"], "verbs": ["get"], "resourceNames": ["one"]},
            "GET /api/v1/namespaces/a/pods/one",
            True,
        ),
        (
            {"apiGroups": [""], "resources": ["pods"], "verbs": ["*"], "resourceNames": ["one"]},
            "GET /api/v1/namespaces/a/pods",
            False,
        ),
        ({"nonResourceURLs": ["/metrics/*"], "verbs": ["get"]}, "GET /metrics/slis", True),
        ({"nonResourceURLs": ["/metrics"], "verbs": ["get"]}, "GET /metrics/slis", False),
        ({"nonResourceURLs": ["*"], "verbs": ["get"]}, "GET /api/v1/pods", False),
    ],
)
def test_rules_match_as_in_kubernetes(access, store, rule, request_, holds):
    put(store, "ClusterRole", "r", rules=[rule])
    bind(store, "r", {"kind": "User", "name": "jane"})
    assert allowed(access, JANE, request_) is holds


def test_aggregated_roles_gather_by_label(access, store):
    mark = {"rbac.authorization.kubeflow.org/aggregate-to-kubeflow-view": "true"}
    rules = [{"apiGroups": ["kubeflow.org"], "resources": ["pytorchjobs"], "verbs": ["list"]}]
    put(store, "ClusterRole", "kubeflow-view", aggregationRule={"clusterRoleSelectors": [{"matchLabels": mark}]})
    bind(store, "kubeflow-view", {"kind": "User", "name": "jane"})
    request = "GET /apis/kubeflow.org/v1/pytorchjobs"
    assert not allowed(access, JANE, request)
    put(store, "ClusterRole", "kubeflow-training-view", metadata={"labels": mark}, rules=rules)
    assert allowed(access, JANE, request)


def test_a_binding_to_a_role_that_is_missing_says_so(access, store):
    bind(store, "nothing", {"kind": "User", "name": "jane"}, "a")
    assert refusal(access, JANE, "GET /api/v1/namespaces/a/pods").endswith(
        'in the namespace "a": RBAC: clusterrole.rbac.authorization.k8s.io "nothing" not found'
    )


def test_a_service_account_is_bound_by_its_own_name(access, store):
    bind(store, "view", {"kind": "ServiceAccount", "name": "bot", "namespace": "ci"}, "team-a")
    bot = User("system:serviceaccount:ci:bot", groups=("system:authenticated",))
    assert allowed(access, bot, "GET /api/v1/namespaces/team-a/pods")


# impersonation


def test_an_administrator_may_act_as_anybody(access):
    admin = access.authenticate(bearer("root-token"))
    headers = Headers(
        raw=[
            (b"impersonate-user", b"jane"),
            (b"impersonate-group", b"a"),
            (b"impersonate-group", b"b"),
            (b"impersonate-extra-scopes", b"x"),
        ]
    )
    assert access.impersonate(admin, headers) == User(
        "jane", "", ("a", "b", "system:authenticated"), (("scopes", ("x",)),)
    )


def test_acting_as_somebody_takes_a_right(access, store):
    with pytest.raises(ApiFailure) as caught:
        access.impersonate(JANE, Headers({"impersonate-user": "bob"}))
    assert caught.value.message == (
        'users "bob" is forbidden: User "jane" cannot impersonate resource "users" in API group "" at the cluster scope'
    )
    rules = [{"apiGroups": [""], "resources": ["users"], "verbs": ["impersonate"], "resourceNames": ["bob"]}]
    put(store, "ClusterRole", "as-bob", rules=rules)
    bind(store, "as-bob", {"kind": "User", "name": "jane"})
    assert access.impersonate(JANE, Headers({"impersonate-user": "bob"})).name == "bob"
    with pytest.raises(ApiFailure, match='groups "ops" is forbidden'):
        access.impersonate(JANE, Headers({"impersonate-user": "bob", "impersonate-group": "ops"}))


def test_a_service_account_acted_as_has_its_groups(access):
    admin = access.authenticate(bearer("root-token"))
    user = access.impersonate(admin, Headers({"impersonate-user": "system:serviceaccount:ci:bot"}))
    assert user.groups == ("system:serviceaccounts", "system:serviceaccounts:ci", "system:authenticated")


# over HTTP


async def test_reviews_answer_for_the_caller_and_for_others(api):
    api.server.access.tokens.read('jane-token,jane,u1,"team"')
    reviews = "/apis/authorization.k8s.io/v1"
    asked = {"resourceAttributes": {"namespace": "default", "verb": "list", "resource": "pods"}}
    mine = await api.send("POST", f"{reviews}/selfsubjectaccessreviews", 201, json={"spec": asked})
    assert mine["status"]["allowed"] is True
    other = {"spec": {**asked, "user": "jane"}}
    assert (await api.send("POST", f"{reviews}/subjectaccessreviews", 201, json=other))["status"] == {"allowed": False}
    local = f"{reviews}/namespaces/default/localsubjectaccessreviews"
    assert (await api.send("POST", local, 201, json=other))["status"]["allowed"] is False
    wrong = f"{reviews}/namespaces/kube-system/localsubjectaccessreviews"
    assert (await api.send("POST", wrong, 400, json=other))["reason"] == "BadRequest"
    await api.send("POST", f"{reviews}/selfsubjectaccessreviews", 422, json={"spec": {}})
    headers = {"authorization": "Bearer jane-token"}
    answer = await api.client.post(
        f"{reviews}/selfsubjectrulesreviews", json={"spec": {"namespace": "default"}}, headers=headers
    )
    rules = answer.json()["status"]["resourceRules"]
    assert {"apiGroups", "resources", "verbs"} <= rules[0].keys()
    assert not any("pods" in rule["resources"] for rule in rules)
    who = await api.client.post("/apis/authentication.k8s.io/v1/selfsubjectreviews", json={}, headers=headers)
    info = who.json()["status"]["userInfo"]
    assert info == {"username": "jane", "uid": "u1", "groups": ["team", "system:authenticated"]}


async def test_a_service_account_token_works_until_it_expires(api):
    path = "/api/v1/namespaces/default/serviceaccounts/default/token"
    made = await api.send("POST", path, 201, json={"spec": {"expirationSeconds": 600}})
    token = made["status"]["token"]
    assert made["status"]["expirationTimestamp"] == "2026-09-21T14:23:20Z"
    headers = {"authorization": f"Bearer {token}"}
    pods = "/api/v1/namespaces/default/pods"
    denied: httpx.Response = await api.client.get(pods, headers=headers)
    assert 'User "system:serviceaccount:default:default" cannot list' in denied.json()["message"]
    api.clock[0] += 601
    assert (await api.client.get(pods, headers=headers)).status_code == 401
    too_short = await api.send("POST", path, 422, json={"spec": {"expirationSeconds": 60}})
    assert "may not specify a duration less than 10 minutes" in too_short["message"]


async def test_a_token_for_another_audience_is_reviewed_but_not_let_in(api):
    path = "/api/v1/namespaces/default/serviceaccounts/default/token"
    made = await api.send("POST", path, 201, json={"spec": {"audiences": ["pipelines.kubeflow.org"]}})
    token = made["status"]["token"]
    refused = await api.client.get("/api", headers={"authorization": f"Bearer {token}"})
    assert refused.status_code == 401
    review = "/apis/authentication.k8s.io/v1/tokenreviews"
    spec = {"token": token, "audiences": ["pipelines.kubeflow.org"]}
    status = (await api.send("POST", review, 201, json={"spec": spec}))["status"]
    assert status["authenticated"] is True
    assert status["user"]["username"] == "system:serviceaccount:default:default"
    unknown = (await api.send("POST", review, 201, json={"spec": {"token": token}}))["status"]
    assert unknown["authenticated"] is False
