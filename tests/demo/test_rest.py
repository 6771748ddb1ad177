"""get, list, create, replace, patch and delete over HTTP, as clients see them."""

from __future__ import annotations

import gzip

import httpx
import pytest
import yaml

PODS = "/api/v1/namespaces/default/pods"
MAPS = "/api/v1/namespaces/default/configmaps"
MERGE = {"content-type": "application/merge-patch+json"}
TABLE = {"accept": "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"}


def config_map(name: str, **more: object) -> dict:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"a": "1"}, **more}


async def make_maps(api, count: int) -> None:
    for number in range(count):
        await api.send("POST", MAPS, 201, json=config_map(f"m-{number:02d}"))


async def test_a_created_object_is_stamped(api, pod):
    made = await api.send("POST", PODS, 201, json=pod("a", uid="mine", resourceVersion="7", generation=9))
    metadata = made["metadata"]
    assert metadata["uid"] != "mine"
    assert metadata["generation"] == 1
    assert metadata["creationTimestamp"] == "2026-09-21T14:13:20Z"
    assert made["status"] == {"phase": "Pending", "qosClass": "BestEffort"}
    assert await api.send("GET", f"{PODS}/a", 200) == made


async def test_a_name_can_be_generated(api, pod):
    manifest = pod()
    manifest["metadata"] = {"generateName": "job-"}
    names = {(await api.send("POST", PODS, 201, json=manifest))["metadata"]["name"] for _ in range(3)}
    assert len(names) == 3
    assert all(name.startswith("job-") and len(name) == 9 for name in names)


async def test_a_taken_name_conflicts(api, pod):
    await api.send("POST", PODS, 201, json=pod("a"))
    refused = await api.send("POST", PODS, 409, json=pod("a"))
    assert refused["message"] == 'pods "a" already exists'
    assert refused["reason"] == "AlreadyExists"
    assert refused["details"] == {"name": "a", "kind": "pods"}


async def test_an_absent_object_is_not_found(api):
    refused = await api.send("GET", "/apis/apps/v1/namespaces/default/deployments/x", 404)
    assert refused["message"] == 'deployments.apps "x" not found'


async def test_an_unserved_resource_is_not_found(api):
    refused = await api.send("GET", "/apis/apps/v1/things", 404)
    assert refused["message"] == "the server could not find the requested resource"
    assert await api.send("GET", "/apis/nowhere/v1/things", 404) == "404 page not found\n"


async def test_another_kind_or_namespace_in_the_body_is_refused(api, pod):
    refused = await api.send("POST", PODS, 400, json={**pod(), "apiVersion": "apps/v1"})
    assert 'no kind "Pod" is registered for version "apps/v1"' in refused["message"]
    refused = await api.send("POST", PODS, 400, json={"apiVersion": "v1", "kind": "ConfigMap", "metadata": {}})
    assert refused["message"].endswith("converting (v1.ConfigMap) to (core.Pod): unknown conversion")
    notebook = {"apiVersion": "kubeflow.org/v1", "kind": "TFJob", "metadata": {"name": "n"}}
    refused = await api.send("POST", "/apis/kubeflow.org/v1/namespaces/default/notebooks", 422, json=notebook)
    assert refused["message"] == 'TFJob.kubeflow.org "n" is invalid: kind: Invalid value: "TFJob": must be Notebook'
    assert (
        "does not match the namespace sent on the request"
        in (await api.send("POST", PODS, 400, json=pod("a", "other")))["message"]
    )


async def test_a_bad_name_is_invalid_with_its_cause(api, pod):
    refused = await api.send("POST", PODS, 422, json=pod("Bad_Name"))
    assert refused["message"].startswith(
        'Pod "Bad_Name" is invalid: metadata.name: Invalid value: "Bad_Name": a lowercase'
    )
    assert refused["details"]["causes"][0]["field"] == "metadata.name"


async def test_yaml_is_read_and_written(api):
    body = yaml.safe_dump(config_map("y"))
    answer = await api.client.post(
        MAPS, content=body, headers={"content-type": "application/yaml", "accept": "application/yaml"}
    )
    assert answer.status_code == 201
    assert yaml.safe_load(answer.text)["metadata"]["name"] == "y"


async def test_a_body_of_another_type_is_refused(api):
    refused = await api.send("POST", MAPS, 415, content=b"x", headers={"content-type": "text/plain"})
    assert refused["reason"] == "UnsupportedMediaType"


async def test_a_body_that_is_no_json_is_refused(api):
    await api.send("POST", MAPS, 400, content=b"{", headers={"content-type": "application/json"})


async def test_an_answer_nobody_can_write_is_refused(api):
    await api.send("GET", MAPS, 406, headers={"accept": "application/xml"})


async def test_a_replace_needs_the_latest_version(api):
    made = await api.send("POST", MAPS, 201, json=config_map("a"))
    changed = {**made, "data": {"a": "2"}}
    await api.send("PUT", f"{MAPS}/a", 200, json=changed)
    refused = await api.send("PUT", f"{MAPS}/a", 409, json={**made, "data": {"a": "3"}})
    assert refused["message"] == (
        'Operation cannot be fulfilled on configmaps "a": the object has been modified; '
        "please apply your changes to the latest version and try again"
    )


async def test_a_replace_that_changes_nothing_writes_nothing(api):
    made = await api.send("POST", MAPS, 201, json=config_map("a"))
    again = await api.send("PUT", f"{MAPS}/a", 200, json=made)
    assert again["metadata"]["resourceVersion"] == made["metadata"]["resourceVersion"]


async def test_a_dry_run_changes_nothing(api, pod):
    revision = api.store.revision
    made = await api.send("POST", f"{PODS}?dryRun=All", 201, json=pod("a"))
    assert made["metadata"]["uid"]
    await api.send("GET", f"{PODS}/a", 404)
    assert api.store.revision == revision
    await api.send("POST", PODS, 201, json=pod("a"))
    revision = api.store.revision
    patch = {"metadata": {"labels": {"x": "y"}}}
    patched = await api.send("PATCH", f"{PODS}/a?dryRun=All", 200, json=patch, headers=MERGE)
    assert patched["metadata"]["labels"] == {"x": "y"}
    await api.send("DELETE", f"{PODS}/a?dryRun=All", 200)
    assert api.store.revision == revision
    assert "labels" not in (await api.send("GET", f"{PODS}/a", 200))["metadata"]
    await api.send("POST", f"{PODS}?dryRun=Some", 422, json=pod("b"))


async def test_status_and_spec_are_written_apart(api):
    path = "/apis/apps/v1/namespaces/default/deployments"
    labels = {"app": "w"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
    manifest = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "w"},
        "spec": {"replicas": 1, "selector": {"matchLabels": labels}, "template": template},
        "status": {"replicas": 9},
    }
    made = await api.send("POST", path, 201, json=manifest)
    assert "replicas" not in made["status"]
    patch = {"spec": {"replicas": 5}, "status": {"replicas": 2}}
    changed = await api.send("PATCH", f"{path}/w/status", 200, json=patch, headers=MERGE)
    assert (changed["spec"]["replicas"], changed["status"]["replicas"]) == (1, 2)
    assert changed["metadata"]["generation"] == 1
    changed = await api.send("PATCH", f"{path}/w", 200, json=patch, headers=MERGE)
    assert (changed["spec"]["replicas"], changed["status"]["replicas"]) == (5, 2)
    assert changed["metadata"]["generation"] == 2
    labelled = await api.send("PATCH", f"{path}/w", 200, json={"metadata": {"labels": {"a": "b"}}}, headers=MERGE)
    assert labelled["metadata"]["generation"] == 2


async def test_scale_is_read_and_written(api):
    path = "/apis/apps/v1/namespaces/default/deployments"
    template = {"metadata": {"labels": {"app": "w"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
    spec = {"replicas": 1, "selector": {"matchLabels": {"app": "w"}}, "template": template}
    await api.send("POST", path, 201, json={"metadata": {"name": "w"}, "spec": spec})
    scale = await api.send("GET", f"{path}/w/scale", 200)
    assert (scale["kind"], scale["spec"]["replicas"], scale["status"]["selector"]) == ("Scale", 1, "app=w")
    scale["spec"]["replicas"] = 4
    await api.send("PUT", f"{path}/w/scale", 200, json=scale)
    assert (await api.send("GET", f"{path}/w", 200))["spec"]["replicas"] == 4
    await api.send("PUT", f"{path}/w/scale", 409, json=scale)
    await api.send("PATCH", f"{path}/w/scale", 200, json={"spec": {"replicas": 2}}, headers=MERGE)
    assert (await api.send("GET", f"{path}/w", 200))["spec"]["replicas"] == 2


async def test_unknown_fields_are_warned_about_or_refused(api, pod):
    manifest = pod("a")
    manifest["spec"]["nonsense"] = 1
    refused = await api.send("POST", f"{PODS}?fieldValidation=Strict", 400, json=manifest)
    assert 'strict decoding error: unknown field "spec.nonsense"' in refused["message"]
    answer = await api.client.post(PODS, json=manifest)
    assert answer.headers["warning"] == '299 - "unknown field \\"spec.nonsense\\""'
    assert "nonsense" not in answer.json()["spec"]


async def test_pages_belong_to_one_snapshot(api):
    await make_maps(api, 5)
    first = await api.send("GET", f"{MAPS}?limit=2", 200)
    assert [item["metadata"]["name"] for item in first["items"]] == ["kube-root-ca.crt", "m-00"]
    assert first["metadata"]["remainingItemCount"] == 4
    await api.send("DELETE", f"{MAPS}/m-02", 200)
    await api.send("POST", MAPS, 201, json=config_map("m-03x"))
    rest = await api.send("GET", f"{MAPS}?limit=10&continue={first['metadata']['continue']}", 200)
    assert [item["metadata"]["name"] for item in rest["items"]] == ["m-01", "m-02", "m-03", "m-04"]
    assert rest["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]
    assert "continue" not in rest["metadata"]


async def test_a_compacted_continue_token_expires_with_one_that_goes_on(api):
    await make_maps(api, 4)
    first = await api.send("GET", f"{MAPS}?limit=2", 200)
    await api.send("POST", "/debug/compact", 200)
    await make_more(api)
    refused = await api.send("GET", f"{MAPS}?limit=2&continue={first['metadata']['continue']}", 410)
    assert refused["reason"] == "Expired"
    assert refused["message"].startswith("The provided continue parameter is too old")
    rest = await api.send("GET", f"{MAPS}?limit=9&continue={refused['metadata']['continue']}", 200)
    assert [item["metadata"]["name"] for item in rest["items"]] == ["m-01", "m-02", "m-03", "z"]


async def make_more(api) -> None:
    await api.send("POST", MAPS, 201, json=config_map("z"))
    await api.send("POST", "/debug/compact", 200)


async def test_a_broken_continue_token_is_refused(api):
    await api.send("GET", f"{MAPS}?limit=2&continue=%21%21", 400)


async def test_lists_honour_resource_versions(api):
    await make_maps(api, 2)
    now = (await api.send("GET", MAPS, 200))["metadata"]["resourceVersion"]
    await api.send("DELETE", f"{MAPS}/m-00", 200)
    exact = await api.send("GET", f"{MAPS}?resourceVersion={now}&resourceVersionMatch=Exact", 200)
    assert len(exact["items"]) == 3
    newer = await api.send("GET", f"{MAPS}?resourceVersion={now}&resourceVersionMatch=NotOlderThan", 200)
    assert len(newer["items"]) == 2
    refused = await api.send("GET", f"{MAPS}?resourceVersion=99999999", 504)
    assert refused["message"].startswith("Too large resource version: 99999999, current: ")
    await api.send("GET", f"{MAPS}?resourceVersionMatch=Exact", 422)
    await api.send("GET", f"{MAPS}?resourceVersion=abc", 400)
    whole = await api.send("GET", f"{MAPS}?resourceVersion=0&limit=1", 200)
    assert len(whole["items"]) == 2


async def test_items_of_built_in_kinds_carry_no_kind_and_custom_ones_do(api):
    await make_maps(api, 1)
    assert "kind" not in (await api.send("GET", MAPS, 200))["items"][0]
    path = "/apis/kubeflow.org/v1/namespaces/default/notebooks"
    notebook = {"apiVersion": "kubeflow.org/v1", "kind": "Notebook", "metadata": {"name": "n"}}
    await api.send("POST", path, 201, json=notebook)
    assert (await api.send("GET", path, 200))["items"][0]["kind"] == "Notebook"


async def test_selectors_pick(api, pod):
    await api.send("POST", PODS, 201, json=pod("a", labels={"app": "x"}))
    await api.send("POST", PODS, 201, json=pod("b", labels={"app": "y"}))
    for query, names in (
        ("labelSelector=app%3Dx", ["a"]),
        ("labelSelector=app+in+(x,y),app!%3Dx", ["b"]),
        ("fieldSelector=metadata.name%3Db", ["b"]),
        ("fieldSelector=status.phase%3DRunning", []),
    ):
        found = await api.send("GET", f"{PODS}?{query}", 200)
        assert [item["metadata"]["name"] for item in found["items"]] == names, query
    await api.send("GET", f"{PODS}?labelSelector=%3D", 400)


async def test_tables_and_bare_metadata_are_to_be_had(api, pod):
    await api.send("POST", PODS, 201, json=pod("a"))
    table = await api.send("GET", PODS, 200, headers=TABLE)
    assert (table["kind"], table["rows"][0]["cells"][0]) == ("Table", "a")
    assert table["rows"][0]["object"]["kind"] == "PartialObjectMetadata"
    partial = {"accept": "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"}
    bare = await api.send("GET", PODS, 200, headers=partial)
    assert (bare["kind"], sorted(bare["items"][0])) == ("PartialObjectMetadataList", ["apiVersion", "kind", "metadata"])
    partial = {"accept": "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io"}
    assert (await api.send("GET", f"{PODS}/a", 200, headers=partial))["metadata"]["name"] == "a"


async def test_a_bare_delete_answers_with_a_status(api):
    made = await api.send("POST", MAPS, 201, json=config_map("a"))
    gone = await api.send("DELETE", f"{MAPS}/a", 200)
    assert (gone["status"], gone["details"]["uid"]) == ("Success", made["metadata"]["uid"])
    await api.send("GET", f"{MAPS}/a", 404)


async def test_delete_honours_preconditions(api):
    made = await api.send("POST", MAPS, 201, json=config_map("a"))
    for wrong in ({"uid": "other"}, {"resourceVersion": "1"}):
        refused = await api.send("DELETE", f"{MAPS}/a", 409, json={"preconditions": wrong})
        assert "in the precondition" in refused["message"]
    right = {"uid": made["metadata"]["uid"], "resourceVersion": made["metadata"]["resourceVersion"]}
    await api.send("DELETE", f"{MAPS}/a", 200, json={"preconditions": right})


async def test_a_running_pod_gets_its_grace_period(api, pod):
    manifest = pod("a")
    manifest["spec"]["nodeName"] = "n"
    await api.send("POST", PODS, 201, json=manifest)
    ending = await api.send("DELETE", f"{PODS}/a", 200)
    assert ending["metadata"]["deletionGracePeriodSeconds"] == 30
    assert ending["metadata"]["deletionTimestamp"] == "2026-09-21T14:13:50Z"
    await api.send("GET", f"{PODS}/a", 200)
    await api.send("DELETE", f"{PODS}/a?gracePeriodSeconds=0", 200)
    await api.send("GET", f"{PODS}/a", 404)


async def test_a_finalizer_keeps_an_object_until_it_is_taken_away(api):
    await api.send("POST", MAPS, 201, json=config_map("a", metadata={"name": "a", "finalizers": ["example.com/x"]}))
    ending = await api.send("DELETE", f"{MAPS}/a", 200)
    assert ending["metadata"]["deletionTimestamp"]
    more = {"metadata": {"finalizers": ["example.com/x", "example.com/y"]}}
    refused = await api.send("PATCH", f"{MAPS}/a", 422, json=more, headers=MERGE)
    assert "no new finalizers can be added" in refused["message"]
    await api.send("PATCH", f"{MAPS}/a", 200, json={"metadata": {"finalizers": None}}, headers=MERGE)
    await api.send("GET", f"{MAPS}/a", 404)


async def test_a_collection_is_deleted_by_selector(api, pod):
    await api.send("POST", PODS, 201, json=pod("a", labels={"app": "x"}))
    await api.send("POST", PODS, 201, json=pod("b", labels={"app": "y"}))
    gone = await api.send("DELETE", f"{PODS}?labelSelector=app%3Dx", 200)
    assert [item["metadata"]["name"] for item in gone["items"]] == ["a"]
    assert [p["metadata"]["name"] for p in (await api.send("GET", PODS, 200))["items"]] == ["b"]


async def test_binding_puts_a_pod_on_a_node_once(api, pod):
    await api.send("POST", PODS, 201, json=pod("a"))
    binding = {
        "apiVersion": "v1",
        "kind": "Binding",
        "metadata": {"name": "a"},
        "target": {"kind": "Node", "name": "n"},
    }
    await api.send("POST", f"{PODS}/a/binding", 201, json=binding)
    assert (await api.send("GET", f"{PODS}/a", 200))["spec"]["nodeName"] == "n"
    refused = await api.send("POST", f"{PODS}/a/binding", 409, json=binding)
    assert 'already assigned to node "n"' in refused["message"]


async def test_an_eviction_respects_the_disruption_budget(api, pod):
    manifest = pod("a", labels={"app": "x"})
    manifest["spec"]["nodeName"] = "n"
    await api.send("POST", PODS, 201, json=manifest)
    await api.send("PATCH", f"{PODS}/a/status", 200, json={"status": {"phase": "Running"}}, headers=MERGE)
    budget = {"metadata": {"name": "b"}, "spec": {"minAvailable": 1, "selector": {"matchLabels": {"app": "x"}}}}
    await api.send("POST", "/apis/policy/v1/namespaces/default/poddisruptionbudgets", 201, json=budget)
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "a"}}
    refused = await api.send("POST", f"{PODS}/a/eviction", 429, json=eviction)
    assert refused["message"] == "Cannot evict pod as it would violate the pod's disruption budget."
    assert refused["details"]["causes"][0]["reason"] == "DisruptionBudget"
    await api.send("DELETE", "/apis/policy/v1/namespaces/default/poddisruptionbudgets/b", 200)
    await api.send("POST", f"{PODS}/a/eviction", 201, json=eviction)
    assert (await api.send("GET", f"{PODS}/a", 200))["metadata"]["deletionTimestamp"]


async def test_a_definition_made_at_run_time_is_served_until_it_goes(api):
    schema = {"type": "object", "properties": {"spec": {"type": "object", "properties": {"n": {"type": "integer"}}}}}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    crd = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "widgets.example.com"},
        "spec": {
            "group": "example.com",
            "names": {"plural": "widgets", "kind": "Widget"},
            "scope": "Namespaced",
            "versions": [version],
        },
    }
    root = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    made = await api.send("POST", root, 201, json=crd)
    assert made["status"]["acceptedNames"]["listKind"] == "WidgetList"
    path = "/apis/example.com/v1/namespaces/default/widgets"
    widget = {"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "w"}, "spec": {"n": 1, "m": 2}}
    assert (await api.send("POST", path, 201, json=widget))["spec"] == {"n": 1}
    await api.send("DELETE", f"{root}/widgets.example.com", 200)
    await api.settle()
    await api.send("GET", path, 404)
    assert "example.com" not in [group["name"] for group in (await api.send("GET", "/apis", 200))["groups"]]


async def test_an_object_loaded_without_defaults_can_be_changed(api):
    pod = {"metadata": {"name": "bare", "namespace": "default"}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
    api.store.load({"apiVersion": "v1", "kind": "Pod", **pod})
    patch = {"metadata": {"labels": {"a": "b"}}}
    assert (await api.send("PATCH", f"{PODS}/bare", 200, json=patch, headers=MERGE))["metadata"]["labels"] == {"a": "b"}


async def test_a_job_leaves_its_pods_behind_unless_told_otherwise(api):
    path = "/apis/batch/v1/namespaces/default/jobs"
    spec = {"template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "i"}]}}}
    await api.send("POST", path, 201, json={"metadata": {"name": "j"}, "spec": spec})
    answer = await api.client.delete(f"{path}/j")
    assert answer.headers["warning"].startswith('299 - "child pods are preserved by default')
    assert answer.json()["metadata"]["finalizers"] == ["orphan"]
    await api.settle()
    await api.send("GET", f"{path}/j", 404)


async def test_large_answers_are_compressed_when_asked_for(api):
    for number in range(4):
        await api.send("POST", MAPS, 201, json=config_map(f"big-{number}", data={"a": "x" * 50_000}))
    async with api.client.stream("GET", MAPS, headers={"accept-encoding": "gzip"}) as answer:
        raw = b"".join([chunk async for chunk in answer.aiter_raw()])
    assert answer.headers["content-encoding"] == "gzip"
    assert len(raw) < 20_000 < len(gzip.decompress(raw))
    small = await api.client.get(f"{MAPS}/big-0", headers={"accept-encoding": "gzip"})
    assert "content-encoding" not in small.headers


async def test_answers_carry_the_worlds_date(api):
    api.clock[0] = 1_000_000_000.0
    assert (await api.client.get(MAPS)).headers["date"] == "Sun, 09 Sep 2001 01:46:40 GMT"


async def test_answers_are_indented_when_asked_for(api):
    assert (await api.client.get(f"{MAPS}?pretty=true")).text.startswith('{\n  "kind": "ConfigMapList",\n')


async def test_requests_are_noted_for_whoever_may_read_them(api):
    await api.client.get(f"{MAPS}?limit=1", headers={"user-agent": "me/1"})
    noted = (await api.send("GET", "/debug/requests", 200))[-1]
    assert (noted["method"], noted["path"], noted["query"], noted["agent"], noted["status"], noted["user"]) == (
        "GET", MAPS, "limit=1", "me/1", 200, "admin",
    )  # fmt: skip
    async with httpx.AsyncClient(base_url=api.url, trust_env=False) as stranger:
        assert (await stranger.get("/debug/requests")).status_code == 403


async def test_a_wrong_token_is_unauthorized(api):
    refused = await api.send("GET", MAPS, 401, headers={"authorization": "Bearer nonsense"})
    assert refused["reason"] == "Unauthorized"


async def test_over_plain_http_the_loopback_is_trusted_only_by_its_own_name(api):
    api.server.insecure = True
    async with httpx.AsyncClient(base_url=api.url, trust_env=False) as stranger:
        assert (await stranger.get(MAPS)).status_code == 200
        assert (await stranger.get(MAPS, headers={"host": "evil.example"})).status_code == 403


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/api/v1/pods", 405),
        ("PUT", PODS, 405),
        ("GET", "/api/v1/namespaces/default/nodes", 404),
        ("GET", f"{PODS}/a/nonsense", 404),
        ("GET", "/nowhere", 404),
        ("POST", "/healthz", 405),
        ("GET", "/healthz", 200),
        ("GET", "/livez/ping", 200),
        ("GET", "/readyz", 200),
    ],
)
async def test_paths_and_methods(api, method, path, status):
    assert (
        await api.client.request(method, path, json={"metadata": {}} if method != "GET" else None)
    ).status_code == status
