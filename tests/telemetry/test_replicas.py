from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from console.kinds.base import State
from console.kinds.jobrow import JobRow, Role
from console.kinds.pods import PodRow
from console.telemetry.figures import GpuSample, PodGpus, Reading
from console.telemetry.replicas import rank_of, replica_rows, rollup


def job(*roles: Role, kind: str = "PyTorchJob", phase: str = "Running", reason: str = "") -> JobRow:
    return JobRow(
        namespace="team-a", name="vit", uid="u", version="1", created=0.0, kind=kind, declared=phase, phase=phase,
        reason=reason, suspend=False, queue="", kueue=False, roles=roles, devices=(), gpus=None, wanted=None,
        running=None, succeeded=0, failed=0, started=0.0, finished=0.0, owner_kind="", owner="", deleting=False,
    )  # fmt: skip


def pod(role: str, index: int, *, word: str = "Running", created: float = 1.0, name: str = "") -> PodRow:
    return PodRow(
        namespace="team-a", name=name or f"vit-{role}-{index}", uid=f"{role}{index}", version="1", created=created,
        phase="Running", word=word, why="", ready=1, total=1, restarts=0, restarted=0.0, node="n", ip="", devices=(),
        containers=("pytorch",), owner_kind="PyTorchJob", owner="vit", job_kind="PyTorchJob", job="vit", role=role,
        index=index, since=0.0, started=0.0, finished=0.0, scheduled=True, deleting=False,
    )  # fmt: skip


def reading(**utils: float | tuple[float | None, float | None] | None) -> Reading:
    pods = {}
    for name, figure in utils.items():
        util, tensor = figure if isinstance(figure, tuple) else (figure, None)
        pods[f"team-a/vit-{name.replace('_', '-')}"] = PodGpus((GpuSample("0", util=util, tensor=tensor),))
    return Reading(source="test", pods=pods)


GANG = (Role("worker", 3, 3, 0, 0), Role("master", 1, 1, 0, 0))
PODS = [pod("worker", 1), pod("worker", 0), pod("master", 0), pod("worker", 2)]


def test_ranks_follow_the_master_and_rows_follow_the_ranks() -> None:
    rows = replica_rows(job(*GANG), PODS, Reading(), {}, {}, 0.0)
    assert [(row.rank, row.title) for row in rows] == [
        (0, "master-0"),
        (1, "worker-0"),
        (2, "worker-1"),
        (3, "worker-2"),
    ]
    assert rank_of("PyTorchJob", ["worker"], "worker", 2) == 2
    assert rank_of("TrainJob", ["node"], "node", 5) == 5
    assert rank_of("MPIJob", ["launcher", "worker"], "launcher", 0) is None
    assert rank_of("TFJob", ["ps", "worker"], "ps", 0) is None


def test_a_replica_without_a_pod_is_a_row_with_the_reason() -> None:
    rows = replica_rows(job(*GANG, reason="exceeded quota"), PODS[:3], Reading(), {}, {}, 0.0)
    missing = [row for row in rows if not row.pod]
    assert [(row.title, row.word, row.why, row.state) for row in missing] == [
        ("worker-2", "no pod", "exceeded quota", State.WAITING)
    ]
    assert replica_rows(job(*GANG, phase="Suspended"), [], Reading(), {}, {}, 0.0) == []


def test_a_recreated_pod_stands_for_its_replica() -> None:
    again = pod("worker", 0, created=9.0, name="vit-worker-0-again")
    rows = replica_rows(job(*GANG), [*PODS, again], Reading(), {}, {}, 0.0)
    assert [row.pod for row in rows if row.title == "worker-0"] == ["vit-worker-0-again"]


def test_the_replica_that_does_nothing_is_marked_and_only_that_one() -> None:
    rows = replica_rows(job(*GANG), PODS, reading(master_0=97, worker_0=96, worker_1=0, worker_2=95), {}, {}, 0.0)
    assert [(row.title, row.mark) for row in rows if row.mark] == [("worker-1", "idle")]
    told = rollup(rows)
    assert (told.low, told.high, told.spread, told.measured) == (0, 97, 97, 4)
    assert told.verdict == "worker-1 does nothing while the others are busy"


def test_one_dip_is_no_judgement_but_a_lasting_lag_is() -> None:
    figures = reading(master_0=95, worker_0=95, worker_1=10, worker_2=95)
    steady: dict[str, list[float | None]] = {"team-a/vit-worker-1": [96.0, 95.0, 94.0, 97.0, 95.0, 10.0]}
    assert not [row for row in replica_rows(job(*GANG), PODS, figures, steady, {}, 0.0) if row.mark]
    lagging: dict[str, list[float | None]] = {"team-a/vit-worker-1": [40.0] * 6}
    assert [row.mark for row in replica_rows(job(*GANG), PODS, figures, lagging, {}, 0.0) if row.mark] == ["slow"]


def test_equal_utilisation_with_a_lower_tensor_share_is_a_straggler() -> None:
    figures = reading(master_0=(98, 0.42), worker_0=(98, 0.41), worker_1=(98, 0.12), worker_2=(98, 0.43))
    rows = replica_rows(job(*GANG), PODS, figures, {}, {}, 0.0)
    assert [(row.title, row.mark_why) for row in rows if row.mark] == [
        ("worker-1", "tensor cores 0.12 against the others' median of 0.42")
    ]


def test_busy_without_tensor_activity_is_said_and_nobody_is_blamed() -> None:
    figures = reading(master_0=(100, 0.0), worker_0=(100, 0.0), worker_1=(100, 0.0), worker_2=(100, 0.0))
    rows = replica_rows(job(*GANG), PODS, figures, {}, {}, 0.0)
    assert not [row for row in rows if row.mark]
    assert "no tensor core computes" in rollup(rows).verdict


def test_what_has_no_figure_is_none_and_is_not_judged() -> None:
    rows = replica_rows(job(*GANG), PODS, reading(master_0=95, worker_0=None), {}, {}, 0.0)
    assert not [row for row in rows if row.mark]
    told = rollup(rows)
    assert (told.measured, told.tensor, told.memory, told.power) == (1, None, None, None)
    assert rollup([]).util is None


@given(st.lists(st.none() | st.floats(min_value=0, max_value=100), min_size=1, max_size=8))
def test_the_rollup_lies_within_the_replicas(utils: list[float | None]) -> None:
    pods = [pod("worker", index) for index in range(len(utils))]
    figures = Reading(
        source="t", pods={p.key: PodGpus((GpuSample("0", util=u),)) for p, u in zip(pods, utils, strict=True)}
    )
    told = rollup(replica_rows(job(Role("worker", len(utils), None, 0, 0)), pods, figures, {}, {}, 0.0))
    known = [value for value in utils if value is not None]
    assert told.measured == len(known)
    if known:
        assert told.low is not None
        assert told.util is not None
        assert told.high is not None
        assert told.low - 1e-6 <= told.util <= told.high + 1e-6
