"""A typed word means one kind, or the person is told why it means none."""

from __future__ import annotations

import pytest

from console.cluster.discovery import Discovery
from console.errors import NotFound, UsageError
from console.kinds.catalog import Catalog
from console.kinds.generic import TableSource
from console.kinds.registry import KINDS, MODULES, load
from tests.kinds.kindfakes import everything, resource


@pytest.fixture(scope="module")
def catalog():
    return Catalog(everything())


@pytest.mark.parametrize(
    ("word", "name"),
    [
        ("pods", "pods"),
        ("po", "pods"),
        ("Pod", "pods"),
        ("jobs", "jobs"),
        ("job", "jobs"),
        ("jobs.batch", "jobs.batch"),
        ("job.batch", "jobs.batch"),
        ("jobs.v1.batch", "jobs.batch"),
        ("pytorchjobs.kubeflow.org", "pytorchjobs"),
        ("PyTorchJob", "pytorchjobs"),
        ("ns", "namespaces"),
        ("no", "nodes"),
        ("pvc", "persistentvolumeclaims"),
        ("isvc", "inferenceservices"),
        ("svc", "services"),
        ("services", "services"),
        ("ksvc", "services.serving.knative.dev"),
        ("services.serving.knative.dev", "services.serving.knative.dev"),
        ("crontabs", "crontabs"),
        ("ct", "crontabs"),
        ("crontab.stable.example.com", "crontabs"),
        (" SA ", "serviceaccounts"),
    ],
)
def test_words(catalog, word, name):
    assert catalog.find(word).name == name


def test_an_unknown_word_gets_near_matches(catalog):
    with pytest.raises(UsageError) as told:
        catalog.find("podz")
    assert "pods" in told.value.step


def test_a_known_kind_that_is_not_installed_says_so():
    catalog = Catalog(Discovery(resources=(resource("", "v1", "pods", "Pod"),)))
    with pytest.raises(NotFound) as told:
        catalog.find("pytorchjobs")
    assert "pytorchjobs.kubeflow.org is not installed" in str(told.value)
    with pytest.raises(NotFound) as told:
        catalog.find("jobs")
    assert "jobs.batch" in told.value.step
    assert {kind.name for kind, _ in catalog.absent()} == set(KINDS) - {"pods"}


def test_a_group_whose_discovery_failed_is_named():
    catalog = Catalog(Discovery(failed=(("kubeflow.org/v1", "503 Service Unavailable"),)))
    why = {kind.name: why for kind, why in catalog.absent()}
    assert "could not say what kubeflow.org/v1 serves: 503" in why["pytorchjobs"]


def test_versions_follow_what_is_served():
    served = (
        resource("kubeflow.org", "v2beta1", "mpijobs", "MPIJob"),
        resource("kueue.x-k8s.io", "v1beta1", "workloads", "Workload"),
        resource("kueue.x-k8s.io", "v1alpha1", "localqueues", "LocalQueue"),
    )
    catalog = Catalog(Discovery(resources=served))
    assert catalog.source(catalog.find("mpijobs")).version == "v2beta1"
    assert catalog.source(catalog.find("workloads")).version == "v1beta1"
    assert isinstance(catalog.source(catalog.find("localqueues.kueue.x-k8s.io")), TableSource)


def test_jobs_are_the_installed_training_kinds():
    catalog = Catalog(Discovery(resources=(resource("kubeflow.org", "v1", "tfjobs", "TFJob"),)))
    assert catalog.find("jobs").members
    assert catalog.version(catalog.find("jobs")) == "v1"


def test_kinds_nobody_wrote_a_file_for_and_secrets_come_through_the_servers_table(catalog):
    for word in ("crontabs", "secrets", "configmaps"):
        source = catalog.source(catalog.find(word))
        assert source.accept.startswith("application/json;as=Table")
        assert source is catalog.source(catalog.find(word))


def test_completion_offers_names_before_other_spellings(catalog):
    words = catalog.complete("po")
    assert words[:2] == ["pods", "po"]
    assert len(words) == len(set(words))
    assert catalog.complete("Pyt")[0] == "pytorchjobs"


def test_events_are_offered_once(catalog):
    assert sum(kind.resource == "events" for kind in catalog.all()) == 1


def test_a_kind_is_one_file_and_one_line(tmp_path, monkeypatch):
    package = tmp_path / "morekinds"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "crontabs.py").write_text(
        "from console.kinds.generic import generic_kind\n"
        "KIND = generic_kind(name='crontabs', plural='crontabs', group='stable.example.com', version='v1',"
        " kind='CronTab', namespaced=True, aliases=('ct',))\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    assert list(load(("crontabs",), "morekinds")) == ["crontabs"]


def test_every_registered_module_holds_one_kind_with_its_own_name_and_words():
    assert len(KINDS) == len(MODULES)
    words = [word for kind in KINDS.values() for word in (kind.name, *kind.aliases)]
    assert len(words) == len(set(words))


def test_column_keys_are_stable_snake_case_and_unique_within_a_kind():
    for kind in KINDS.values():
        keys = [column.key for column in (*kind.columns, *kind.extras)]
        assert len(keys) == len(set(keys)), kind.name
        assert all(key.replace("_", "").isalnum() and key == key.lower() for key in keys), kind.name
        assert not {"health", "health_word", "health_reason"} & set(keys)
