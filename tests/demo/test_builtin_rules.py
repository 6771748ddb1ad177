"""Built-in objects: what the API server fills in, and what it refuses, in the words of Kubernetes."""

from __future__ import annotations

import copy

import pytest

from console.demo.resources import built_in
from console.demo.schemas import Schemas

TYPES = {(rt.api_version, rt.kind): rt for rt in built_in()}
SCHEMAS = Schemas()


def typed(obj):
    return TYPES[obj["apiVersion"], obj["kind"]]


def accepted(obj):
    """The object as the server would store it, but for what it takes from the rest of the cluster."""
    obj = copy.deepcopy(obj)
    SCHEMAS.prune(typed(obj), obj)
    SCHEMAS.default(typed(obj), obj)
    return obj


def causes(obj, old=None):
    return [(cause.field, cause.message) for cause in SCHEMAS.validate(typed(obj), obj, old)]


def pod(**spec):
    spec.setdefault("containers", [{"name": "c", "image": "busybox"}])
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": spec}


def deployment(**spec):
    template = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
    spec = {"selector": {"matchLabels": {"a": "b"}}, "template": template, **spec}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d"}, "spec": spec}


# Pods.


def test_a_pod_gets_the_defaults_of_the_api_server():
    container = {
        "name": "c",
        "image": "nginx",
        "ports": [{"containerPort": 80}],
        "livenessProbe": {"httpGet": {"port": 80}},
    }
    spec = accepted(pod(containers=[container], volumes=[{"name": "v"}, {"name": "s", "secret": {"secretName": "x"}}]))[
        "spec"
    ]
    assert spec["restartPolicy"] == "Always"
    assert spec["dnsPolicy"] == "ClusterFirst"
    assert spec["schedulerName"] == "default-scheduler"
    assert spec["terminationGracePeriodSeconds"] == 30
    assert spec["securityContext"] == {}
    assert spec["enableServiceLinks"] is True
    made = spec["containers"][0]
    assert made["imagePullPolicy"] == "Always"
    assert made["terminationMessagePath"] == "/dev/termination-log"
    assert made["terminationMessagePolicy"] == "File"
    assert made["resources"] == {}
    assert made["ports"] == [{"containerPort": 80, "protocol": "TCP"}]
    assert made["livenessProbe"]["httpGet"] == {"port": 80, "path": "/", "scheme": "HTTP"}
    assert made["livenessProbe"]["periodSeconds"] == 10
    assert spec["volumes"][0] == {"name": "v", "emptyDir": {}}
    assert spec["volumes"][1]["secret"]["defaultMode"] == 420


@pytest.mark.parametrize(
    ("image", "policy"),
    [
        ("nginx", "Always"),
        ("nginx:latest", "Always"),
        ("host:5000/nginx", "Always"),
        ("nginx:1.25", "IfNotPresent"),
        ("nginx@sha256:abc", "IfNotPresent"),
        ("host:5000/nginx:1", "IfNotPresent"),
    ],
)
def test_images_are_pulled_by_their_tag(image, policy):
    made = accepted(pod(containers=[{"name": "c", "image": image}]))
    assert made["spec"]["containers"][0]["imagePullPolicy"] == policy


def test_limits_become_requests_in_pods_but_not_in_templates():
    container = {
        "name": "c",
        "image": "i",
        "resources": {"limits": {"cpu": 1, "nvidia.com/gpu": 2}, "requests": {"cpu": "0.1"}},
    }
    made = accepted(pod(containers=[container]))["spec"]["containers"][0]["resources"]
    assert made["requests"] == {"cpu": "100m", "nvidia.com/gpu": "2"}
    template = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [container]}}
    made = accepted(deployment(template=template))["spec"]["template"]["spec"]["containers"][0]["resources"]
    assert made["requests"] == {"cpu": "100m"}


def test_a_good_pod_is_valid():
    assert causes(accepted(pod())) == []


@pytest.mark.parametrize(
    ("spec", "field", "message"),
    [
        ({"containers": []}, "spec.containers", "Required value"),
        ({"containers": [{"name": "c"}]}, "spec.containers[0].image", "Required value"),
        ({"containers": [{"image": "i"}]}, "spec.containers[0].name", "Required value"),
        (
            {"containers": [{"name": "c", "image": "i"}, {"name": "c", "image": "i"}]},
            "spec.containers[1].name",
            'Duplicate value: "c"',
        ),
        (
            {"restartPolicy": "Sometimes"},
            "spec.restartPolicy",
            'Unsupported value: "Sometimes": supported values: "Always", "OnFailure", "Never"',
        ),
        (
            {"containers": [{"name": "c", "image": "i", "volumeMounts": [{"name": "v", "mountPath": "/x"}]}]},
            "spec.containers[0].volumeMounts[0].name",
            'Not found: "v"',
        ),
        (
            {"containers": [{"name": "c", "image": "i", "resources": {"requests": {"nvidia.com/gpu": 1}}}]},
            "spec.containers[0].resources.limits",
            "Required value: Limit must be set for non overcommitable resources",
        ),
        (
            {"containers": [{"name": "c", "image": "i", "resources": {"requests": {"cpu": 2}, "limits": {"cpu": 1}}}]},
            "spec.containers[0].resources.requests",
            'Invalid value: "2": must be less than or equal to cpu limit of 1',
        ),
        (
            {"containers": [{"name": "c", "image": "i", "ports": [{"containerPort": 70000}]}]},
            "spec.containers[0].ports[0].containerPort",
            "Invalid value: 70000: must be between 1 and 65535, inclusive",
        ),
        (
            {"tolerations": [{"operator": "Equal"}]},
            "spec.tolerations[0].operator",
            'Invalid value: "Equal": operator must be Exists when `key` is empty, which means "match all values and '
            'all keys"',
        ),
        (
            {"volumes": [{"name": "v", "emptyDir": {}, "secret": {"secretName": "s"}}]},
            "spec.volumes[0].secret",
            "Forbidden: may not specify more than 1 volume type",
        ),
    ],
)
def test_a_wrong_pod_is_refused_in_the_words_of_kubernetes(spec, field, message):
    assert (field, message) in causes(accepted(pod(**spec)))


def test_a_container_name_is_a_dns_label():
    ((field, message),) = causes(accepted(pod(containers=[{"name": "A_b", "image": "i"}])))
    assert field == "spec.containers[0].name"
    assert message.startswith('Invalid value: "A_b": a lowercase RFC 1123 label must consist of')


def test_a_pods_spec_is_immutable_but_for_a_few_fields():
    old = accepted(pod())
    new = copy.deepcopy(old)
    new["spec"]["containers"][0]["image"] = "other"
    new["spec"]["tolerations"] = [{"key": "k", "operator": "Exists"}]
    assert causes(new, old) == []
    new["spec"]["nodeName"] = "n"
    ((field, message),) = causes(new, old)
    assert field == "spec"
    assert message.startswith(
        "Forbidden: pod updates may not change fields other than `spec.containers[*].image`,"
        "`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations`"
    )
    assert '+ \tNodeName: "n"' in message


def test_containers_are_neither_added_nor_removed():
    old = accepted(pod())
    new = accepted(pod(containers=[{"name": "c", "image": "i"}, {"name": "d", "image": "i"}]))
    assert causes(new, old)[-1] == ("spec.containers", "Forbidden: pod updates may not add or remove containers")


def test_a_change_of_status_alone_is_not_judged_again():
    broken = pod(containers=[{"name": "BAD", "image": ""}])
    assert causes({**broken, "status": {"phase": "Running"}}, broken) == []


# Other built-in kinds.


def test_a_deployment_gets_its_defaults():
    spec = accepted(deployment())["spec"]
    assert spec["replicas"] == 1
    assert spec["revisionHistoryLimit"] == 10
    assert spec["progressDeadlineSeconds"] == 600
    assert spec["strategy"] == {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "25%", "maxSurge": "25%"}}
    assert spec["template"]["spec"]["restartPolicy"] == "Always"


def test_a_selector_must_pick_the_template_and_never_changes():
    wrong = accepted(deployment(selector={"matchLabels": {"a": "c"}}))
    text = 'Invalid value: {"a":"b"}: `selector` does not match template `labels`'
    assert ("spec.template.metadata.labels", text) in causes(wrong)
    old, new = accepted(deployment()), accepted(deployment())
    new["spec"]["selector"] = {"matchLabels": {"a": "b"}, "matchExpressions": [{"key": "a", "operator": "Exists"}]}
    ((field, message),) = causes(new, old)
    assert field == "spec.selector"
    assert message.endswith("field is immutable")


def test_a_job_needs_a_restart_policy_of_its_own_and_keeps_its_template():
    template = {"metadata": {"labels": {"j": "1"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
    job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "j"}, "spec": {"template": template}}
    made = accepted(job)
    made["spec"]["selector"] = {"matchLabels": {"j": "1"}}
    assert made["spec"]["completions"] == made["spec"]["parallelism"] == 1
    assert made["spec"]["backoffLimit"] == 6
    at = "spec.template.spec.restartPolicy"
    assert causes(made) == [(at, 'Required value: valid values: "OnFailure", "Never"')]
    made["spec"]["template"]["spec"]["restartPolicy"] = "Never"
    assert causes(made) == []
    changed = copy.deepcopy(made)
    changed["spec"]["template"]["spec"]["containers"][0]["image"] = "j"
    ((field, message),) = causes(changed, made)
    assert field == "spec.template"
    assert message.endswith("field is immutable")


def test_a_suspended_job_takes_scheduling_directives():
    template = {
        "metadata": {"labels": {"j": "1"}},
        "spec": {"containers": [{"name": "c", "image": "i"}], "restartPolicy": "Never"},
    }
    spec = {"template": template, "suspend": True, "selector": {"matchLabels": {"j": "1"}}}
    old = accepted({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "j"}, "spec": spec})
    new = copy.deepcopy(old)
    new["spec"]["suspend"] = False
    new["spec"]["template"]["spec"]["nodeSelector"] = {"gpu": "h100"}
    assert causes(new, old) == []


def test_a_stateful_set_changes_only_what_it_may():
    old = {**deployment(serviceName="s"), "kind": "StatefulSet"}
    old = accepted(old)
    new = copy.deepcopy(old)
    new["spec"]["replicas"] = 5
    assert causes(new, old) == []
    new["spec"]["serviceName"] = "t"
    ((field, message),) = causes(new, old)
    assert field == "spec"
    assert message.startswith("Forbidden: updates to statefulset spec for fields other than 'replicas'")


def test_a_service_gets_target_ports_and_needs_ports():
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s"}, "spec": {"ports": [{"port": 80}]}}
    spec = accepted(service)["spec"]
    assert spec["ports"] == [{"port": 80, "protocol": "TCP", "targetPort": 80}]
    assert (spec["type"], spec["sessionAffinity"], spec["internalTrafficPolicy"]) == ("ClusterIP", "None", "Cluster")
    assert causes(accepted({**service, "spec": {}})) == [("spec.ports", "Required value")]
    two = {"ports": [{"port": 80}, {"port": 81, "name": "b"}]}
    assert causes(accepted({**service, "spec": two})) == [("spec.ports[0].name", "Required value")]


def test_immutable_data_stays():
    old = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "immutable": True, "data": {"a": "1"}}
    assert causes({**old, "data": {"a": "2"}}, old) == [
        ("data", "Forbidden: field is immutable when `immutable` is set")
    ]


def test_a_binding_keeps_its_role():
    old = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": {"name": "b"},
        "roleRef": {"kind": "Role", "name": "r"},
        "subjects": [{"kind": "User", "name": "u"}],
    }
    made = accepted(old)
    assert made["roleRef"]["apiGroup"] == made["subjects"][0]["apiGroup"] == "rbac.authorization.k8s.io"
    assert causes(made) == []
    changed = {**made, "roleRef": {**made["roleRef"], "name": "other"}}
    ((field, message),) = causes(changed, made)
    assert (field, message.rpartition(": ")[2]) == ("roleRef", "cannot change roleRef")


def test_a_bound_claim_only_grows():
    old = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "c"},
        "spec": {
            "accessModes": ["ReadWriteMany"],
            "volumeName": "v",
            "storageClassName": "fast",
            "resources": {"requests": {"storage": "5Gi"}},
        },
        "status": {"phase": "Bound"},
    }
    grown = copy.deepcopy(old)
    grown["spec"]["resources"]["requests"]["storage"] = "6Gi"
    assert causes(grown, old) == []
    grown["spec"]["accessModes"] = ["ReadWriteOnce"]
    assert causes(grown, old)[0][1].startswith("Forbidden: spec is immutable after creation except resources.requests")
