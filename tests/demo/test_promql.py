"""PromQL over computed series: what a query comes to, compared with what Prometheus documents."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.demo import promql
from console.demo.metrics import Labels, Renamed, SampleSource, Value
from console.demo.promql_operators import number_text
from console.demo.promql_values import QueryFailure
from console.errors import UsageError

NOW = 1_790_000_000.0


class Fixed:
    """Series by name: labels and a figure, or a function of time."""

    def __init__(self, series: dict[str, list[tuple[Labels, float | Value]]]) -> None:
        self._series = series

    def names(self) -> Iterable[str]:
        return self._series

    def series(self, name: str, at_from: float, at_to: float) -> Iterable[tuple[Labels, Value]]:
        for labels, figure in self._series.get(name, ()):
            yield labels, figure if callable(figure) else constant(figure)


def constant(figure: float) -> Value:
    return lambda t: figure


def counter(rate: float, start: float = NOW - 3600) -> Value:
    return lambda t: rate * (t - start) if t >= start else None


def stepped(*values: float, every: float = 15.0) -> Value:
    """The last of the values at NOW, each holding for `every` seconds."""

    def value(t: float) -> float | None:
        index = len(values) - 1 - math.floor((NOW - t) / every + 1e-9)
        return values[index] if 0 <= index < len(values) else None

    return value


WORLD = Fixed(
    {
        "util": [
            ({"pod": "a", "gpu": "0"}, 90.0),
            ({"pod": "a", "gpu": "1"}, 70.0),
            ({"pod": "b", "gpu": "0"}, 10.0),
        ],
        "owner": [({"pod": "a", "team": "x"}, 1.0), ({"pod": "b", "team": "y"}, 1.0)],
        "limit": [({"pod": "a"}, 100.0), ({"pod": "b"}, 0.0)],
        "requests_total": [({"code": "200"}, counter(2.0)), ({"code": "500"}, counter(0.5))],
        "latency_bucket": [
            ({"le": "0.1"}, 10.0),
            ({"le": "0.5"}, 90.0),
            ({"le": "1"}, 100.0),
            ({"le": "+Inf"}, 100.0),
        ],
        "saw": [({}, stepped(1, 2, 3, 1, 2))],
        "line": [({}, lambda t: 5 + 2 * (t - NOW))],
        "weird": [({"v": "nan"}, math.nan), ({"v": "inf"}, math.inf), ({"v": "neg"}, -1.5)],
    }
)


def ask(query: str, source: Any = WORLD, at: float = NOW) -> Any:
    """A number, or {labels as text: figure}."""
    value = promql.instant([source], query, at)
    if isinstance(value, float | str):
        return value
    assert isinstance(value, list)
    return {
        ",".join(f"{k}={v}" for k, v in sorted(sample.labels.items())): pytest.approx(sample.value, nan_ok=True)
        for sample in value
    }


@pytest.mark.parametrize(
    ("query", "answer"),
    [
        # selectors
        ('util{pod="b"}', {"__name__=util,gpu=0,pod=b": 10}),
        ('util{pod=~"a|c",gpu!="0"}', {"__name__=util,gpu=1,pod=a": 70}),
        ('util{pod!~"a.*"}', {"__name__=util,gpu=0,pod=b": 10}),
        (
            'util{nothing=""}',
            {f"__name__=util,gpu={g},pod={p}": v for p, g, v in (("a", 0, 90), ("a", 1, 70), ("b", 0, 10))},
        ),
        ('{__name__=~"li.*",pod="a"}', {"__name__=limit,pod=a": 100}),
        ('util{pod="b" or gpu="1"}', {"__name__=util,gpu=0,pod=b": 10, "__name__=util,gpu=1,pod=a": 70}),
        ("absent_metric", {}),
        # aggregation
        ("avg by (pod) (util)", {"pod=a": 80, "pod=b": 10}),
        ("sum without (gpu) (util)", {"pod=a": 160, "pod=b": 10}),
        ("sum(util)", {"": 170}),
        ("count by (gpu) (util)", {"gpu=0": 2, "gpu=1": 1}),
        ("max(util) - min(util)", {"": 80}),
        ("group(util)", {"": 1}),
        ("topk(1, util)", {"__name__=util,gpu=0,pod=a": 90}),
        ("bottomk(2, util)", {"__name__=util,gpu=0,pod=b": 10, "__name__=util,gpu=1,pod=a": 70}),
        ("topk by (gpu) (1, util)", {"__name__=util,gpu=0,pod=a": 90, "__name__=util,gpu=1,pod=a": 70}),
        ("quantile(0.5, util)", {"": 70}),
        ("stddev(limit)", {"": 50}),
        ("stdvar(limit)", {"": 2500}),
        ('count_values("v", owner)', {"v=1": 2}),
        ("sum(weird)", {"": math.nan}),
        ('max(weird{v!="inf"})', {"": -1.5}),
        # operators
        ("1 + 2 * 3 ^ 2 % 5", 4),
        ("-2 ^ 2", -4),
        ("1 / 0", math.inf),
        ("2 > bool 1", 1),
        ("util > 80", {"__name__=util,gpu=0,pod=a": 90}),
        ("util > bool 80", {"gpu=0,pod=a": 1, "gpu=1,pod=a": 0, "gpu=0,pod=b": 0}),
        ("100 - limit", {"pod=a": 0, "pod=b": 100}),
        ("50 < limit", {"__name__=limit,pod=a": 100}),
        ("limit / limit", {"pod=a": 1, "pod=b": math.nan}),
        ("sum by (pod) (util) / on (pod) limit", {"pod=a": 1.6, "pod=b": math.inf}),
        (
            "util * on (pod) group_left (team) owner",
            {"gpu=0,pod=a,team=x": 90, "gpu=1,pod=a,team=x": 70, "gpu=0,pod=b,team=y": 10},
        ),
        (
            "owner * on (pod) group_right (team) util",
            {"gpu=0,pod=a,team=x": 90, "gpu=1,pod=a,team=x": 70, "gpu=0,pod=b,team=y": 10},
        ),
        ("limit == ignoring (team) owner * 100", {"__name__=limit,pod=a": 100}),
        ("limit and on (pod) (util > 80)", {"__name__=limit,pod=a": 100}),
        ("limit unless on (pod) (util > 80)", {"__name__=limit,pod=b": 0}),
        ('limit{pod="a"} or limit', {"__name__=limit,pod=a": 100, "__name__=limit,pod=b": 0}),
        ("-limit", {"pod=a": -100, "pod=b": 0}),
        ("1 atan2 1", math.pi / 4),
        # functions
        ("rate(requests_total[5m])", {"code=200": 2, "code=500": 0.5}),
        ("increase(requests_total[5m])", {"code=200": 600, "code=500": 150}),
        ("irate(requests_total[1m])", {"code=200": 2, "code=500": 0.5}),
        ("sum(rate(requests_total[2m] offset 5m))", {"": 2.5}),
        ("delta(line[1m])", {"": 120}),
        ("deriv(line[1m])", {"": 2}),
        ("predict_linear(line[5m], 60)", {"": 125}),
        ("changes(saw[75s])", {"": 4}),
        ("resets(saw[75s])", {"": 1}),
        ("max_over_time(saw[75s])", {"": 3}),
        ("min_over_time(saw[75s])", {"": 1}),
        ("avg_over_time(saw[75s])", {"": 1.8}),
        ("sum_over_time(saw[75s])", {"": 9}),
        ("count_over_time(saw[75s])", {"": 5}),
        ("last_over_time(saw[75s])", {"__name__=saw": 2}),
        ("quantile_over_time(0.5, saw[75s])", {"": 2}),
        ("stddev_over_time(saw[75s])", {"": math.sqrt(0.56)}),
        ("present_over_time(saw[75s])", {"": 1}),
        ("max_over_time(sum(util)[5m:1m])", {"": 170}),
        ("absent(util)", {}),
        ('absent(gone{pod="x",gpu=~".*"})', {"pod=x": 1}),
        ('absent_over_time(gone{pod="x"}[5m])', {"pod=x": 1}),
        ("histogram_quantile(0.5, latency_bucket)", {"": 0.3}),
        ("histogram_quantile(0.99, sum by (le) (latency_bucket))", {"": 0.95}),
        ("histogram_quantile(1.1, latency_bucket)", {"": math.inf}),
        (
            'label_replace(limit, "name", "pod-$1", "pod", "(.*)")',
            {"__name__=limit,name=pod-a,pod=a": 100, "__name__=limit,name=pod-b,pod=b": 0},
        ),
        ('label_replace(limit{pod="a"}, "name", "x", "pod", "no")', {"__name__=limit,pod=a": 100}),
        (
            'label_join(owner, "both", "/", "pod", "team")',
            {"__name__=owner,both=a/x,pod=a,team=x": 1, "__name__=owner,both=b/y,pod=b,team=y": 1},
        ),
        ("clamp(util, 20, 80)", {"gpu=0,pod=a": 80, "gpu=1,pod=a": 70, "gpu=0,pod=b": 20}),
        ("clamp_max(limit, 5)", {"pod=a": 5, "pod=b": 0}),
        ("clamp_min(limit, 5)", {"pod=a": 100, "pod=b": 5}),
        ("abs(weird)", {"v=nan": math.nan, "v=inf": math.inf, "v=neg": 1.5}),
        ("ceil(weird)", {"v=nan": math.nan, "v=inf": math.inf, "v=neg": -1}),
        ("floor(weird)", {"v=nan": math.nan, "v=inf": math.inf, "v=neg": -2}),
        ("round(vector(2.5))", {"": 3}),
        ("round(vector(2.34), 0.1)", {"": 2.3}),
        ("sqrt(vector(9)) + ln(vector(1)) + exp(vector(0)) + sgn(vector(-3))", {"": 3}),
        ("scalar(sum(util))", 170),
        ("scalar(util)", math.nan),
        ("time()", NOW),
        ("timestamp(util) - time()", {"gpu=0,pod=a": 0, "gpu=1,pod=a": 0, "gpu=0,pod=b": 0}),
        ("hour(vector(3600 * 5)) + day_of_week(vector(0)) * 100 + year(vector(0)) * 1000", {"": 1970405}),
        ("util @ 0 > 1000", {}),
        ('"text"', "text"),
    ],
)
def test_queries(query, answer):
    assert ask(query) == (pytest.approx(answer, nan_ok=True) if isinstance(answer, float) else answer)


def test_sorting_orders_the_answer():
    values = [sample.value for sample in promql.instant([WORLD], "sort_desc(util)", NOW)]  # type: ignore[union-attr]
    assert values == [90, 70, 10]


def test_a_counter_that_was_reset_is_counted_on():
    source = Fixed({"c": [({}, stepped(100, 130, 10, 40, 70))]})
    assert ask("increase(c[75s])", source) == {"": pytest.approx(30 + 10 + 30 + 30, rel=0.3)}


def test_a_window_with_one_sample_has_no_rate():
    assert ask("rate(requests_total[10s])") == {}


@pytest.mark.parametrize(
    ("query", "kind", "said"),
    [
        ("sum(", "bad_data", 'invalid parameter "query": unclosed left parenthesis'),
        ("rate(util)", "bad_data", "expected type matrix in call to function 'rate', got vector"),
        ('util{pod=~"("}', "bad_data", "illegal regex"),
        ("(" * 200 + "1" + ")" * 200, "bad_data", "the query is too long"),
        ("x" * 20_000, "bad_data", "the query is too long"),
        ("util * on (pod) owner", "execution", "many-to-one matching must be explicit"),
        ("owner / on () limit", "execution", "many-to-many matching not allowed"),
        ('label_replace(limit, "pod", "x", "pod", ".*")', "execution", "vector cannot contain metrics with the same"),
        ("sum_over_time(util[100000d:1s])", "execution", "too many steps"),
        ("histogram_count(util)", "execution", "function histogram_count is not supported"),
    ],
)
def test_queries_that_fail(query, kind, said):
    with pytest.raises(QueryFailure) as caught:
        promql.instant([WORLD], query, NOW)
    assert caught.value.kind == kind
    assert said in str(caught.value)


async def test_a_range_query_gives_each_series_its_points():
    found = await promql.ranged([WORLD], "sum by (code) (rate(requests_total[1m]))", NOW - 60, NOW, 30)
    assert [(labels, [t for t, _ in points]) for labels, points in found] == [
        ({"code": "200"}, [NOW - 60, NOW - 30, NOW]),
        ({"code": "500"}, [NOW - 60, NOW - 30, NOW]),
    ]
    assert [value for _, value in found[0][1]] == pytest.approx([2.0, 2.0, 2.0])


async def test_a_series_is_there_only_while_it_has_figures():
    source = Fixed({"m": [({}, lambda t: 1.0 if t > NOW - 40 else None)]})
    found = await promql.ranged([source], "m", NOW - 60, NOW, 20)
    assert [t for t, _ in found[0][1]] == [NOW - 20, NOW]


async def test_too_many_points_are_refused():
    with pytest.raises(QueryFailure, match="exceeded maximum resolution of 11,000 points"):
        await promql.ranged([WORLD], "util", 0, NOW, 1)


@given(st.text(alphabet='sumrateby(){}[]"=~,5m 10+-*/ab', max_size=40))
def test_any_text_is_answered_or_refused(text):
    try:
        promql.instant([WORLD], text, NOW)
    except QueryFailure:
        return


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_are_written_so_that_they_can_be_read(value):
    assert float(number_text(value)) == value


# sources


SAMPLES = [
    {
        "metric": "hits_total",
        "labels": {"v": "2"},
        "samples": [["2026-11-23T02:00:00Z", 0], ["2026-11-23T02:20:00Z", 2400]],
    },
    {"metric": "bytes", "labels": {}, "samples": [["2026-11-23T02:00:00Z", 10], ["2026-11-23T02:20:00Z", 30]]},
]


def at(clock: str) -> float:
    hour, minute = clock.split(":")
    return 1_795_392_000.0 + int(hour) * 3600 + int(minute) * 60


def test_samples_of_a_world_are_series():
    source = SampleSource(SAMPLES)
    assert ask("bytes", source, at("02:10")) == {"__name__=bytes": 10}
    assert ask("bytes", source, at("03:00")) == {"__name__=bytes": 30}
    assert ask("bytes", source, at("01:00")) == {}
    assert ask("rate(hits_total[5m])", source, at("02:15")) == {"v=2": 2}
    assert ask("rate(hits_total[5m])", source, at("03:00")) == {"v=2": 0}


@pytest.mark.parametrize("entry", [{}, {"metric": "x", "samples": [["today", 1]]}, {"metric": "x", "samples": [5]}])
def test_broken_samples_are_refused(entry):
    with pytest.raises(UsageError, match="Entry 1 of metrics_samples"):
        SampleSource([entry])


def test_a_scrape_that_does_not_honor_labels_moves_them():
    scraped: Callable[[Labels], Labels | None] = lambda labels: {"pod": "exporter"} if labels["pod"] == "a" else None  # noqa: E731
    assert ask('owner{exported_pod="a"}', Renamed(WORLD, scraped)) == {
        "__name__=owner,exported_pod=a,pod=exporter,team=x": 1
    }
    assert ask("owner", Renamed(WORLD, scraped)).keys() == {"__name__=owner,exported_pod=a,pod=exporter,team=x"}
