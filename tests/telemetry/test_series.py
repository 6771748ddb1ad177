"""Histories of figures, their bounds, and since when a pod does nothing; and prices."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from console.telemetry.costs import cost, job_cost, price
from console.telemetry.figures import GpuSample, PodGpus, Reading
from console.telemetry.series import KEPT_SECONDS, Histories


def test_readings_become_buckets_with_gaps() -> None:
    histories = Histories(idle_below=5)
    for at, value in ((1000.0, 10.0), (1010.0, 20.0), (1050.0, 40.0)):
        histories.add("a", at, value)
    assert histories.values("a", 1060.0) == (15.0, None, 40.0)
    assert histories.values("b", 1060.0) == ()


def test_the_past_is_filled_in_before_what_was_read() -> None:
    histories = Histories(idle_below=5)
    histories.add("a", 1000.0, 50.0)
    histories.fill("a", [(940.0, 1.0), (960.0, 2.0), (1000.0, 99.0), (1020.0, 99.0)])
    assert histories.values("a", 1010.0)[-1] == 50.0
    assert histories.values("a", 1010.0)[:2] == (1.0, 2.0)


def test_idle_since_the_last_work_and_not_while_working_or_unknown() -> None:
    histories = Histories(idle_below=5)
    histories.add("a", 1000.0, 90.0)
    assert histories.idle("a", 1000.0) is None
    histories.add("a", 1100.0, 0.0)
    assert histories.idle("a", 1100.0) == 100.0
    histories.add("a", 1200.0, None)
    assert histories.idle("a", 1200.0) is None
    assert histories.idle("b", 1200.0) is None


def test_never_seen_working_is_idle_since_the_first_measurement() -> None:
    histories = Histories(idle_below=5)
    histories.add("a", 1000.0, 0.0)
    assert histories.idle("a", 1060.0) == 60.0
    histories.worked("a", None, 400.0)
    assert histories.idle("a", 1060.0) == 660.0
    histories.worked("a", 800.0, 400.0)
    assert histories.idle("a", 1060.0) == 260.0


@given(st.lists(st.tuples(st.floats(0, 1e6), st.none() | st.floats(0, 100)), max_size=400))
def test_a_history_is_bounded_and_in_order(points: list[tuple[float, float | None]]) -> None:
    histories = Histories(idle_below=5)
    for at, value in points:
        histories.add("a", at, value)
    assert len(histories.values("a", 1e6)) <= KEPT_SECONDS / 20


def test_pods_that_nobody_reads_any_more_are_let_go() -> None:
    histories = Histories(idle_below=5)
    for number in range(2100):
        histories.add(f"p{number}", 1.0, 1.0)
    assert len(histories) == 2000
    assert "p0" not in histories


def gpu(uuid: str, model: str = "NVIDIA A100-SXM4-80GB", shared: str = "") -> GpuSample:
    return GpuSample("0", uuid, model, "n", shared=shared)


def test_the_longest_configured_name_gives_the_price() -> None:
    prices = {"A100": 2.0, "a100-sxm4-80gb": 3.0}
    assert price("NVIDIA A100-SXM4-80GB", prices) == 3.0
    assert price("NVIDIA A100-PCIE-40GB", prices) == 2.0
    assert price("Tesla T4", prices) is None


def test_cost_of_whole_sliced_and_unpriced_gpus() -> None:
    prices = {"A100": 7.0}
    assert cost([gpu("a"), gpu("b")], prices) == 14.0
    assert cost([gpu("a", shared="time-sliced")] * 3, prices) == 7.0
    assert cost([gpu("a", shared="MIG 3g.40gb")], prices) == 3.0
    assert cost([gpu("a"), gpu("b", "Tesla T4")], prices) is None
    assert cost([], prices) is None
    assert job_cost(Reading(pods={"a/b": PodGpus((gpu("a"),))}), prices) == 7.0
    assert job_cost(Reading(pods={"a/b": PodGpus((gpu("a"),))}), {}) is None
