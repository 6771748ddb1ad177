"""A scripted cluster with a few kinds, and a way to run one headless command on it."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import stamina

from config import load
from console.cluster.session import Target
from console.headless.get import GetOptions, get
from console.headless.output import Out
from tests.cluster.scripted import Asked, Reply, Scripted, kubeconfig, scripted
from tests.kinds.kindobjects import NOW

AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"

SERVED = {
    ("", "v1"): [
        ("pods", "Pod", True, ["po"]),
        ("nodes", "Node", False, ["no"]),
        ("namespaces", "Namespace", False, ["ns"]),
    ],
    ("kubeflow.org", "v1"): [("pytorchjobs", "PyTorchJob", True, [])],
    ("stable.example.com", "v1"): [("crontabs", "CronTab", True, ["ct"])],
}


@pytest.fixture(autouse=True)
def hasty() -> Iterator[None]:
    """Retries without their waiting times."""
    with stamina.set_testing(True, attempts=3, cap=True):
        yield


class Cluster:
    """Collections by path; a list answers in pages of two, a watch stays open for `tell`."""

    def __init__(self, server: Scripted) -> None:
        self.server = server
        self.watches: dict[str, Reply] = {}
        server.answers("GET", "/api", self._discovery(core=True), content_type=AGGREGATED)
        server.answers("GET", "/apis", self._discovery(core=False), content_type=AGGREGATED)
        for path in ("/api/v1/pods", "/api/v1/nodes", "/api/v1/namespaces", "/apis/kubeflow.org/v1/pytorchjobs"):
            self.holds(path)

    def _discovery(self, *, core: bool) -> dict[str, Any]:
        groups: dict[str, list[Any]] = {}
        for (group, version), kinds in SERVED.items():
            if (group == "") is core:
                resources = [
                    {
                        "resource": plural,
                        "responseKind": {"group": group, "version": version, "kind": kind},
                        "scope": "Namespaced" if namespaced else "Cluster",
                        "singularResource": kind.lower(),
                        "verbs": ["get", "list", "watch"],
                        "shortNames": short,
                    }
                    for plural, kind, namespaced, short in kinds
                ]
                groups.setdefault(group, []).append(
                    {"version": version, "freshness": "Current", "resources": resources}
                )
        items = [
            {"metadata": {"name": name} if name else {}, "versions": versions} for name, versions in groups.items()
        ]
        return {"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "items": items}

    def holds(self, path: str, *items: dict[str, Any]) -> None:
        async def handler(asked: Asked, reply: Reply) -> None:
            if asked.one("watch"):
                await reply.begin()
                self.watches[path] = reply
                await reply.silence()
                return
            wanted = asked.one("fieldSelector").removeprefix("metadata.name=")
            found = [item for item in items if not wanted or item["metadata"]["name"] == wanted]
            start = int(asked.one("continue") or 0)
            more = str(start + 2) if start + 2 < len(found) else ""
            metadata = {
                "resourceVersion": "500",
                "continue": more,
                "remainingItemCount": max(0, len(found) - start - 2),
            }
            await reply.send({"kind": "List", "metadata": metadata, "items": found[start : start + 2]})

        self.server.on("GET", path, handler)


@pytest.fixture
async def cluster() -> AsyncIterator[Cluster]:
    async with scripted() as server:
        yield Cluster(server)


Run = Callable[..., Awaitable[tuple[int, str]]]


@pytest.fixture
def run(cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run `get` with options; (exit code, what was printed). Ages are counted to the moment of the objects."""
    monkeypatch.setattr("console.clock.Clock.now", lambda clock: NOW)

    async def command(kind: str, *, out: Out | None = None, **options: Any) -> tuple[int, str]:
        stream = io.StringIO()
        target = Target(kubeconfig=kubeconfig(tmp_path / "config", cluster.server.url))
        settings = load(environ={}, folder=tmp_path)
        code = await get(target, GetOptions(kind=kind, **options), settings, out=out or Out(stream))
        return int(code), stream.getvalue()

    return command
