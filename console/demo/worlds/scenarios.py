"""The shipped worlds by name: what each holds, whether time passes in it, and who the console is there."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from console.demo.worlds.default import Seed, default_seed, make_storage
from console.demo.worlds.default_nodes import make_nodes
from console.demo.worlds.making import Making
from console.errors import UsageError

STILL_AT = 1795403520.0  # 2026-11-23T03:12:00Z, where frozen worlds stand

TOKEN_USERS = """\
demo-viewer,audit@example.com,u-viewer
demo-editor,tom.berg@example.com,u-editor
demo-owner,carla.stein@example.com,u-owner
demo-nobody,nobody@example.com,u-nobody
"""


@dataclass(frozen=True, slots=True)
class Scenario:
    """A shipped world."""

    name: str
    summary: str
    seed: Callable[[float], Seed]  # what it holds at a moment, in seconds since 1970
    now: float | None = None  # where its clock stands still; None for a world in which time passes
    pace: float = 0.0  # how fast life goes on; 0 for a world in which nothing is submitted
    token_users: str = ""  # more users, in the form of kube-apiserver's static token file
    token: str = ""  # whose token the kubeconfig carries; empty for the administrator's

    @property
    def simulated(self) -> bool:
        """Whether controllers and kubelets run."""
        return self.now is None


def _bare(now: float) -> Seed:
    making = Making(now)
    make_nodes(making)
    make_storage(making)
    return Seed(making.objects, making.logs)


SCENARIOS: Mapping[str, Scenario] = {
    each.name: each
    for each in (
        Scenario("default", "several teams at work: healthy and broken jobs, and life goes on", default_seed, pace=1.0),
        Scenario("quiet", "the default world standing still at 2026-11-23T03:12:00Z", default_seed, now=STILL_AT),
        Scenario("empty", "nodes and a storage class, and nothing else", _bare),
        Scenario(
            "denied",
            "the default world, seen by a user who may only view one namespace",
            default_seed,
            pace=1.0,
            token_users=TOKEN_USERS,
            token="demo-viewer",
        ),
        Scenario("busy", "the default world with jobs coming and going all the time", default_seed, pace=20.0),
    )
}


def names() -> list[str]:
    """The names `--scenario` takes."""
    return list(SCENARIOS)


def find(name: str) -> Scenario:
    """The scenario of that name; UsageError naming those there are."""
    scenario = SCENARIOS.get(name)
    if scenario is None:
        near = difflib.get_close_matches(name, SCENARIOS, n=1)
        step = f"Did you mean {near[0]}?" if near else f"There are {', '.join(SCENARIOS)}."
        raise UsageError(f"There is no scenario called {name!r}.", step)
    return scenario
