"""OpenAPI documents: what kubectl looks for in them, for built-in and for custom kinds."""

from __future__ import annotations

import msgspec
import pytest

from console.demo.openapi import OpenApi
from console.demo.openapi_custom import component_name
from console.demo.resources import built_in
from console.demo.schemas import Schemas
from console.demo.schemas import component_name as built_in_component
from console.demo.store import Store


@pytest.fixture(scope="module")
def store():
    made = Store(lambda: 1_800_000_000.0)
    made.load_shipped_crds()
    return made


@pytest.fixture(scope="module")
def documents(store):
    return OpenApi(store.resources, Schemas.of(store).definition)


def document(documents, group, version):
    body = documents.v3_group(group, version)
    assert body is not None
    return msgspec.json.decode(body)


def test_the_index_lists_every_group_version_with_a_hash(documents, store):
    paths = documents.v3_index()["paths"]
    served = {f"apis/{rt.api_version}" if rt.group else f"api/{rt.version}" for rt in store.resources.all()}
    assert set(paths) == {path for path in served if "metrics.k8s.io" not in path}
    assert paths["apis/kubeflow.org/v1"]["serverRelativeURL"].startswith("/openapi/v3/apis/kubeflow.org/v1?hash=")


def test_the_hash_of_custom_groups_changes_with_their_definitions():
    store = Store(lambda: 0.0)
    store.load_shipped_crds()
    documents = OpenApi(store.resources, Schemas.of(store).definition)
    before = documents.v3_index()["paths"]
    store.resources.unregister_crd("trials.kubeflow.org")
    after = documents.v3_index()["paths"]
    assert before["api/v1"] == after["api/v1"]
    assert before["apis/kubeflow.org/v1"] != after["apis/kubeflow.org/v1"]


def test_every_listed_document_can_be_read(documents, store):
    for path in documents.v3_index()["paths"]:
        parts = path.split("/")
        group, version = ("", parts[1]) if parts[0] == "api" else (parts[1], parts[2])
        found = document(documents, group, version)
        assert found["openapi"].startswith("3.")
        schemas = found["components"]["schemas"]
        for rt in store.resources.all():
            if (rt.group, rt.version) == (group, version):
                name = component_name(rt) if rt.crd else built_in_component(rt)
                gvk = {"group": rt.group, "kind": rt.kind, "version": rt.version}
                assert gvk in schemas[name]["x-kubernetes-group-version-kind"]


def references(value):
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for item in value.values():
            yield from references(item)
    elif isinstance(value, list):
        for item in value:
            yield from references(item)


@pytest.mark.parametrize("group_version", ["/v1", "apps/v1", "kubeflow.org/v1", "trainer.kubeflow.org/v1alpha1"])
def test_every_reference_leads_somewhere(documents, group_version):
    group, _, version = group_version.rpartition("/")
    found = document(documents, group, version)
    names = {f"#/components/schemas/{name}" for name in found["components"]["schemas"]}
    assert set(references(found)) <= names


@pytest.mark.parametrize(
    ("group", "version", "kind"), [("apps", "v1", "Deployment"), ("kubeflow.org", "v1", "PyTorchJob")]
)
def test_patches_take_what_kubectl_asks_for(documents, group, version, kind):
    found = document(documents, group, version)
    patches = [
        item["patch"]
        for item in found["paths"].values()
        if item.get("patch", {}).get("x-kubernetes-group-version-kind", {}).get("kind") == kind
    ]
    assert patches
    for patch in patches:
        assert {"dryRun", "fieldValidation", "fieldManager", "force"} <= {p["name"] for p in patch["parameters"]}


def test_descriptions_are_there_to_be_explained(documents):
    pod = document(documents, "", "v1")["components"]["schemas"]["io.k8s.api.core.v1.PodSpec"]["properties"]
    assert pod["restartPolicy"]["description"].startswith("Restart policy for all containers")
    job = document(documents, "trainer.kubeflow.org", "v1alpha1")["components"]["schemas"]
    spec = job["org.kubeflow.trainer.v1alpha1.TrainJob"]["properties"]["spec"]
    assert spec["properties"]["trainer"]["description"]
    assert spec["properties"]["trainer"]["x-kubernetes-validations"]


def test_a_group_that_is_not_served_has_no_document(documents):
    assert documents.v3_group("nobody.org", "v1") is None


def test_version_two_holds_every_kind(documents, store):
    swagger = msgspec.json.decode(documents.v2())
    assert swagger["swagger"] == "2.0"
    kinds = {
        (gvk["group"], gvk["version"], gvk["kind"])
        for definition in swagger["definitions"].values()
        for gvk in definition.get("x-kubernetes-group-version-kind", ())
    }
    wanted = {(rt.group, rt.version, rt.kind) for rt in store.resources.all() if rt.group != "metrics.k8s.io"}
    assert wanted <= kinds
    names = {f"#/definitions/{name}" for name in swagger["definitions"]}
    assert set(references(swagger["definitions"])) <= names
    assert "/api/v1/namespaces/{namespace}/pods" in swagger["paths"]


def test_built_in_kinds_need_no_definitions():
    assert OpenApi(Store(lambda: 0.0).resources).v3_group("apps", "v1") is not None
    assert built_in()
