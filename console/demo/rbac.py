"""RBAC: which rules a user has, from the roles and bindings in the store, and whether one of them matches.

Rules follow k8s.io/kubernetes pkg/registry/rbac/validation and pkg/apis/rbac/v1 evaluation helpers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from console.demo.tokens import User, account_of

if TYPE_CHECKING:
    from console.demo.collection import Change
    from console.demo.records import Object
    from console.demo.resources import ResourceType
    from console.demo.store import Store

RBAC_GROUP = "rbac.authorization.k8s.io"
_KNOWN_DECISIONS = 20_000


@dataclass(frozen=True, slots=True)
class Attributes:
    """What a request wants to do; `path` for a request about no resource."""

    verb: str
    group: str = ""
    resource: str = ""
    namespace: str = ""
    name: str = ""
    subresource: str = ""
    path: str = ""


@dataclass(frozen=True, slots=True)
class Rule:
    """One PolicyRule, ready to be matched."""

    verbs: frozenset[str]
    groups: frozenset[str]
    resources: frozenset[str]
    names: frozenset[str]
    paths: tuple[str, ...]
    raw: tuple[tuple[str, tuple[str, ...]], ...]

    def allows(self, asked: Attributes) -> bool:
        """Whether the rule lets this pass."""
        if "*" not in self.verbs and asked.verb not in self.verbs:
            return False
        if asked.path:
            return any(_path_matches(pattern, asked.path) for pattern in self.paths)
        if "*" not in self.groups and asked.group not in self.groups:
            return False
        if self.names and asked.name not in self.names:
            return False
        whole = f"{asked.resource}/{asked.subresource}" if asked.subresource else asked.resource
        if "*" in self.resources or whole in self.resources:
            return True
        return bool(asked.subresource) and f"*/{asked.subresource}" in self.resources


def _path_matches(pattern: str, path: str) -> bool:
    return pattern in ("*", path) or (pattern.endswith("*") and path.startswith(pattern[:-1]))


def compile_rule(rule: dict[str, Any]) -> Rule:
    """A PolicyRule of a Role or ClusterRole."""
    fields = ("verbs", "apiGroups", "resources", "resourceNames", "nonResourceURLs")
    values = {name: tuple(rule.get(name) or ()) for name in fields}
    return Rule(
        frozenset(values["verbs"]),
        frozenset(values["apiGroups"]),
        frozenset(values["resources"]),
        frozenset(values["resourceNames"]),
        values["nonResourceURLs"],
        tuple((name, values[name]) for name in fields if values[name]),
    )


@dataclass(frozen=True, slots=True)
class _Bound:
    rules: tuple[Rule, ...]
    why: str  # "RBAC: allowed by ..." up to the subject
    problem: str  # set where the role is missing


class Rbac:
    """The authorizer. Roles and bindings are read once and again after any of them changed."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._seen = store.revision
        self._subjects: dict[tuple[str, str], list[tuple[str | None, _Bound]]] | None = None
        self._decisions: dict[tuple[str, tuple[str, ...], Attributes], tuple[bool, str]] = {}
        store.changed.append(self._on_change)

    def allowed(self, user: User, asked: Attributes) -> tuple[bool, str]:
        """The decision and its reason."""
        self._refresh()
        key = (user.name, user.groups, asked)
        decision = self._decisions.get(key)
        if decision is None:
            if len(self._decisions) >= _KNOWN_DECISIONS:
                self._decisions.clear()
            decision = self._decisions[key] = self._decide(user, asked)
        return decision

    def rules(self, user: User, namespace: str) -> tuple[list[Rule], list[str]]:
        """Every rule a user has in a namespace, and what could not be resolved."""
        self._refresh()
        rules: list[Rule] = []
        problems: list[str] = []
        for scope, bound, _ in self._bound(user):
            if scope in (None, namespace):
                rules += bound.rules
                problems += [bound.problem] if bound.problem else []
        return rules, problems

    def _decide(self, user: User, asked: Attributes) -> tuple[bool, str]:
        problems = []
        for scope, bound, subject in self._bound(user):
            if scope is not None and (scope != asked.namespace or asked.path):
                continue
            if bound.problem:
                problems.append(bound.problem)
            if any(rule.allows(asked) for rule in bound.rules):
                return True, f"{bound.why} to {subject}"
        problems = list(dict.fromkeys(problems))
        if not problems:
            return False, ""
        return False, f"RBAC: {problems[0]}" if len(problems) == 1 else f"RBAC: [{', '.join(problems)}]"

    def _bound(self, user: User) -> Iterator[tuple[str | None, _Bound, str]]:
        subjects = self._index()
        named = [(("User", user.name), f'User "{user.name}"')]
        named += [(("Group", group), f'Group "{group}"') for group in user.groups]
        account = account_of(user.name)
        if account:
            namespace, name = account
            named.append((("ServiceAccount", f"{namespace}/{name}"), f'ServiceAccount "{name}/{namespace}"'))
        for key, shown in named:
            for scope, bound in subjects.get(key, ()):
                yield scope, bound, shown

    def _refresh(self) -> None:
        # Objects put in with Store.load move the revision without a change being told.
        if self._store.revision != self._seen:
            self._seen = self._store.revision
            self._forget()

    def _on_change(self, rt: ResourceType, change: Change) -> None:
        if self._seen != change.version - 1 or rt.group == RBAC_GROUP:
            self._forget()
        self._seen = change.version

    def _forget(self) -> None:
        self._subjects = None
        self._decisions.clear()

    def _index(self) -> dict[tuple[str, str], list[tuple[str | None, _Bound]]]:
        if self._subjects is None:
            self._subjects = {}
            roles = _Roles(self._store)
            for kind, scoped in (("clusterrolebindings", False), ("rolebindings", True)):
                for binding in _items(self._store, kind):
                    self._enter(roles, binding, scoped)
        return self._subjects

    def _enter(self, roles: _Roles, binding: Object, scoped: bool) -> None:
        assert self._subjects is not None
        metadata, ref = binding["metadata"], binding.get("roleRef") or {}
        namespace = metadata.get("namespace", "") if scoped else None
        rules, problem = roles.resolve(ref.get("kind", ""), ref.get("name", ""), namespace)
        shown = f"{metadata['name']}/{namespace}" if scoped else metadata["name"]
        kind = "RoleBinding" if scoped else "ClusterRoleBinding"
        bound = _Bound(rules, f'RBAC: allowed by {kind} "{shown}" of {ref.get("kind")} "{ref.get("name")}"', problem)
        for subject in binding.get("subjects") or ():
            name = str(subject.get("name", ""))
            if subject.get("kind") == "ServiceAccount":
                name = f"{subject.get('namespace') or namespace or ''}/{name}"
            self._subjects.setdefault((str(subject.get("kind")), name), []).append((namespace, bound))


class _Roles:
    """The rules of every role, those of aggregated cluster roles gathered by label."""

    def __init__(self, store: Store) -> None:
        self._cluster = {role["metadata"]["name"]: role for role in _items(store, "clusterroles")}
        self._local = {
            (role["metadata"].get("namespace", ""), role["metadata"]["name"]): role for role in _items(store, "roles")
        }
        self._compiled: dict[tuple[str, str, str], tuple[Rule, ...]] = {}

    def resolve(self, kind: str, name: str, namespace: str | None) -> tuple[tuple[Rule, ...], str]:
        key = (kind, name, namespace or "" if kind == "Role" else "")
        if key in self._compiled:
            return self._compiled[key], ""
        role = self._local.get((namespace or "", name)) if kind == "Role" else self._cluster.get(name)
        if role is None:
            return (), f'{kind.lower()}.{RBAC_GROUP} "{name}" not found'
        rules = tuple(compile_rule(rule) for rule in gathered(role, self._cluster))
        self._compiled[key] = rules
        return rules, ""


def gathered(role: Object, cluster: dict[str, Object], above: frozenset[str] = frozenset()) -> list[dict[str, Any]]:
    """The rules of a role; those of an aggregated one come from the cluster roles its selectors pick."""
    selectors = (role.get("aggregationRule") or {}).get("clusterRoleSelectors")
    if not selectors:
        return list(role.get("rules") or ())
    above = above | {role["metadata"]["name"]}
    found: list[dict[str, Any]] = []
    for name, other in cluster.items():
        if name in above:
            continue
        if any(_selected(selector, other["metadata"].get("labels") or {}) for selector in selectors):
            found += [rule for rule in gathered(other, cluster, above) if rule not in found]
    return found


def aggregated(roles: list[Object]) -> list[Object]:
    """The cluster roles with the rules of aggregated ones filled in, as the aggregation controller writes them."""
    cluster = {role["metadata"]["name"]: role for role in roles}
    return [{**role, "rules": gathered(role, cluster)} if role.get("aggregationRule") else role for role in roles]


def _selected(selector: dict[str, Any], labels: dict[str, str]) -> bool:
    for key, value in (selector.get("matchLabels") or {}).items():
        if labels.get(key) != value:
            return False
    for term in selector.get("matchExpressions") or ():
        key, values = term["key"], term.get("values") or ()
        operator = term["operator"]
        held = {
            "In": labels.get(key) in values,
            "NotIn": labels.get(key) not in values,
            "Exists": key in labels,
            "DoesNotExist": key not in labels,
        }.get(operator, False)
        if not held:
            return False
    return True


def _items(store: Store, plural: str) -> Iterator[Object]:
    rt = store.resources.find(RBAC_GROUP, "v1", plural)
    return store.items(rt) if rt else iter(())
