"""The teams of the default world: a profile each, with its namespace, accounts, bindings and quota."""

from __future__ import annotations

from dataclasses import dataclass

from console.demo.client import Object
from console.demo.controllers import profiles
from console.demo.needs import is_finished, pod_requests
from console.demo.quantities import canonical
from console.demo.worlds.default_nodes import DAY
from console.demo.worlds.default_platform import make_namespace
from console.demo.worlds.making import Making


@dataclass(frozen=True, slots=True)
class Team:
    """A profile. `gpus` and `pods` are its quota."""

    name: str
    owner: str
    gpus: int
    pods: int
    age: float  # days
    members: tuple[tuple[str, str], ...] = ()  # (user, role)


TEAMS: tuple[Team, ...] = (
    Team("team-vision", "ana.ruiz@example.com", 24, 60, 39, (("tom.berg@example.com", "edit"),)),
    Team("team-nlp", "ben.okafor@example.com", 64, 120, 39, (("lin.zhao@example.com", "edit"),)),
    Team("team-fraud", "carla.stein@example.com", 8, 40, 36, (("audit@example.com", "view"),)),
    Team("team-recsys", "dmitri.volk@example.com", 16, 60, 31),
    Team("team-speech", "emi.tanaka@example.com", 16, 60, 24, (("omar.haddad@example.com", "edit"),)),
    Team("team-robotics", "freya.lund@example.com", 8, 30, 6),
)
_ROLES = {"edit": "kubeflow-edit", "view": "kubeflow-view", "admin": "kubeflow-admin"}
_USED = ("requests.nvidia.com/gpu", "requests.cpu", "requests.memory", "pods")


def make_teams(making: Making) -> None:
    """Add the profiles and what their controller makes of them."""
    for team in TEAMS:
        ago = team.age * DAY
        profile = making.add(
            {
                "apiVersion": "kubeflow.org/v1",
                "kind": "Profile",
                "metadata": {"name": team.name, "finalizers": ["profile-finalizer"]},
                "spec": {
                    "owner": {"kind": "User", "name": team.owner},
                    "plugins": [],
                    "resourceQuotaSpec": {
                        "hard": {
                            "requests.nvidia.com/gpu": str(team.gpus),
                            "requests.cpu": "800",
                            "requests.memory": "8Ti",
                            "pods": str(team.pods),
                        }
                    },
                },
                "status": {"conditions": [{"type": "Successful", "status": "True"}]},
            },
            ago,
        )
        meta = profiles.namespace_of(profile)["metadata"]
        labels, rest = meta["labels"], {key: meta[key] for key in ("annotations", "ownerReferences")}
        make_namespace(making, team.name, ago, labels=labels, **rest)
        for manifest in profiles.contents(profile).values():
            making.add(manifest, ago)
        for user, role in team.members:
            _contributor(making, team, user, role)


def _contributor(making: Making, team: Team, user: str, role: str) -> None:
    stem = "".join(each if each.isalnum() else "-" for each in user)
    making.add(
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "RoleBinding",
            "metadata": {
                "name": f"user-{stem}-clusterrole-{role}",
                "namespace": team.name,
                "annotations": {"user": user, "role": role},
            },
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": _ROLES[role]},
            "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user}],
        },
        team.age * DAY - 3600,
    )


def fill_quotas(making: Making) -> None:
    """Write into each ResourceQuota what the pods of its namespace use."""
    used: dict[str, dict[str, float]] = {}
    for pod in making.objects:
        if pod["kind"] == "Pod" and not is_finished(pod):
            mine = used.setdefault(pod["metadata"]["namespace"], {})
            mine["pods"] = mine.get("pods", 0.0) + 1
            for name, value in pod_requests(pod).items():
                key = f"requests.{name}"
                mine[key] = mine.get(key, 0.0) + value
    for quota in making.objects:
        if quota["kind"] == "ResourceQuota":
            mine = used.get(quota["metadata"]["namespace"], {})
            hard = quota["spec"]["hard"]
            quota["status"] = {"hard": dict(hard), "used": {key: _text(key, mine.get(key, 0.0)) for key in _USED}}


def _text(key: str, value: float) -> str:
    return canonical(f"{round(value / 2**20)}Mi" if key == "requests.memory" else f"{round(value * 1000)}m")


def cluster_roles() -> list[Object]:
    """The ClusterRoles that profiles bind: admin, edit and view of a namespace."""
    reads, writes = ["get", "list", "watch"], ["create", "update", "patch", "delete", "deletecollection"]
    groups = [
        "kubeflow.org",
        "trainer.kubeflow.org",
        "jobset.x-k8s.io",
        "serving.kserve.io",
        "argoproj.io",
        "tensorboard.kubeflow.org",
        "pipelines.kubeflow.org",
    ]
    core = [
        "pods",
        "pods/log",
        "services",
        "configmaps",
        "events",
        "persistentvolumeclaims",
        "serviceaccounts",
        "resourcequotas",
        "limitranges",
        "endpoints",
    ]

    def role(name: str, verbs: list[str], extra: list[Object]) -> Object:
        return {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRole",
            "metadata": {"name": name, "labels": {"app.kubernetes.io/part-of": "kubeflow"}},
            "rules": [
                {"apiGroups": groups, "resources": ["*"], "verbs": verbs},
                {"apiGroups": [""], "resources": core, "verbs": verbs},
                {"apiGroups": ["apps", "batch", "autoscaling"], "resources": ["*"], "verbs": verbs},
                {"apiGroups": ["kueue.x-k8s.io"], "resources": ["workloads", "localqueues"], "verbs": reads},
                *extra,
            ],
        }

    inside: list[Object] = [
        {"apiGroups": [""], "resources": ["pods/exec", "pods/portforward", "pods/attach"], "verbs": ["create", "get"]},
        {"apiGroups": [""], "resources": ["pods/proxy", "services/proxy"], "verbs": ["get", "create"]},
        {"apiGroups": [""], "resources": ["secrets"], "verbs": [*reads, *writes]},
    ]
    bindings = ["rolebindings", "roles"]
    rbac: list[Object] = [
        {"apiGroups": ["rbac.authorization.k8s.io"], "resources": bindings, "verbs": [*reads, *writes]}
    ]
    return [
        role("kubeflow-view", reads, []),
        role("kubeflow-edit", [*reads, *writes], inside),
        role("kubeflow-admin", [*reads, *writes], [*inside, *rbac]),
    ]
