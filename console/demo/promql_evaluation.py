"""What a parsed PromQL expression comes to at a time, over the series its selectors find."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from console.demo import promql_instants as instants
from console.demo.metrics import Labels, MetricSource, Value
from console.demo.promql_operators import Matching, aggregate, grouped, scalars, sets, with_scalar, with_vector
from console.demo.promql_ranges import KEEP_NAME, REDUCERS, quantile, regression
from console.demo.promql_values import (
    NAME,
    Matcher,
    Points,
    QueryFailure,
    Result,
    Sample,
    Vector,
    matcher,
    select,
    unique,
    unnamed,
    window,
)

MOST_STEPS = 11_000
MOST_SAMPLES = 5_000_000
_SUBQUERY_STEP = 60.0
_MATCHES = {"Equal": "=", "NotEqual": "!=", "Re": "=~", "NotRe": "!~"}


@dataclass(slots=True)
class Query:
    """One evaluation over [start, end]: the series its selectors found, and the samples read so far."""

    sources: Sequence[MetricSource]
    start: float
    end: float
    series: dict[int, list[tuple[Labels, Value]]] = field(default_factory=dict)
    samples: int = 0

    def spend(self, count: int) -> None:
        """Count samples read; QueryFailure when they are too many."""
        self.samples += count
        if self.samples > MOST_SAMPLES:
            raise QueryFailure("query processing would load too many samples into memory in query execution")


def steps(start: float, end: float, step: float) -> Iterator[float]:
    """The times of a range query."""
    index = 0
    while (at := start + index * step) <= end + 1e-9:
        yield at
        index += 1


def evaluate(query: Query, expression: Any, at: float) -> Result:
    """An expression at a time: a number, a string or a vector."""
    kind = type(expression).__name__
    if kind in ("NumberLiteral", "StringLiteral"):
        literal: float | str = expression.val
        return literal
    if kind == "ParenExpr":
        return evaluate(query, expression.expr, at)
    if kind == "UnaryExpr":
        return _negated(evaluate(query, expression.expr, at))
    if kind == "VectorSelector":
        return _instant_vector(query, expression, at)
    if kind == "AggregateExpr":
        return _aggregated(query, expression, at)
    if kind == "BinaryExpr":
        return _combined(query, expression, at)
    if kind == "Call":
        return _called(query, expression, at)
    raise QueryFailure(f"{kind} has no value at one time")


def _negated(value: Result) -> Result:
    if isinstance(value, float):
        return -value
    assert not isinstance(value, str)
    return instants.mapped(value, lambda number: -number)


def _moment(query: Query, expression: Any, at: float) -> float:
    """The time a selector is about, after its offset and @ modifiers."""
    if expression.at is not None:
        kind = str(expression.at.type).rpartition(".")[2]
        at = {"Start": query.start, "End": query.end}.get(kind, at)
        if kind == "At":
            at = expression.at.at.timestamp()
    offset: timedelta | None = expression.offset
    return at - offset.total_seconds() if offset is not None else at


def _terms(selector: Any) -> list[tuple[str, str, str]]:
    """(label, operator, value) of a selector's plain matchers, its name first."""
    named = [(NAME, "=", selector.name)] if selector.name else []
    return named + [_term(each) for each in selector.matchers.matchers]


def _term(given: Any) -> tuple[str, str, str]:
    return given.name, _MATCHES[str(given.op).rpartition(".")[2]], given.value


def alternatives(selector: Any) -> list[list[Matcher]]:
    """The matchers of a selector; one of the alternatives has to hold whole."""
    common = [matcher(*term) for term in _terms(selector)]
    return [common + [matcher(*_term(each)) for each in group] for group in selector.matchers.or_matchers] or [common]


def _selected(query: Query, selector: Any, back: float) -> list[tuple[Labels, Value]]:
    """The series of a selector, found once a query; `back` is how far before `start` they are asked for."""
    found = query.series.get(id(selector))
    if found is None:
        start, end = _moment(query, selector, query.start), _moment(query, selector, query.end)
        found = select(query.sources, alternatives(selector), start - back, end)
        if back and query.end > query.start:
            found = [(labels, _remembered(value)) for labels, value in found]
        query.series[id(selector)] = found
    return found


def _remembered(value: Value) -> Value:
    """The same figures, each computed once: the windows of a range query overlap."""
    known: dict[int, float | None] = {}

    def remembered(t: float) -> float | None:
        key = round(t * 1000)
        if key not in known:
            known[key] = value(t)
        return known[key]

    return remembered


def _instant_vector(query: Query, selector: Any, at: float) -> Vector:
    moment = _moment(query, selector, at)
    vector = []
    series = _selected(query, selector, 0.0)
    query.spend(len(series))
    for labels, value in series:
        figure = value(moment)
        if figure is not None:
            vector.append(Sample(labels, figure))
    return vector


def evaluate_range(query: Query, expression: Any, at: float) -> list[Points]:
    """A range selector or subquery at a time."""
    kind = type(expression).__name__
    if kind == "ParenExpr":
        return evaluate_range(query, expression.expr, at)
    if kind == "SubqueryExpr":
        return _subquery(query, expression, at)
    selector, length = expression.vector_selector, expression.range.total_seconds()
    end = _moment(query, selector, at)
    found = []
    for labels, value in _selected(query, selector, length):
        points = window(value, end - length, end)
        query.spend(len(points))
        if points:
            found.append(Points(labels, points, end - length, end))
    return found


def _subquery(query: Query, expression: Any, at: float) -> list[Points]:
    end = _moment(query, expression, at)
    length = expression.range.total_seconds()
    step = expression.step.total_seconds() if expression.step else _SUBQUERY_STEP
    if length / step > MOST_STEPS:
        raise QueryFailure("a subquery has too many steps")
    # The inner expression looks further back than the query; its series are found for that whole stretch.
    inner = Query(query.sources, end - length, end)
    found: dict[tuple[tuple[str, str], ...], Points] = {}
    first = math.floor((end - length) / step) * step + step
    for moment in steps(first, end, step):
        value = evaluate(inner, expression.expr, moment)
        for sample in [Sample({}, value)] if isinstance(value, float) else value:
            assert isinstance(sample, Sample)
            key = tuple(sorted(sample.labels.items()))
            series = found.setdefault(key, Points(sample.labels, [], end - length, end))
            series.points.append((moment, sample.value))
    query.spend(inner.samples)
    return list(found.values())


def _aggregated(query: Query, expression: Any, at: float) -> Vector:
    vector = evaluate(query, expression.expr, at)
    if isinstance(vector, float | str):
        raise QueryFailure("expected type instant vector in aggregation expression")
    modifier = expression.modifier
    without = modifier is not None and str(modifier.type).endswith("Without")
    labels = tuple(modifier.labels) if modifier is not None else ()
    parameter: float | str = 0.0
    if expression.param is not None:
        given = evaluate(query, expression.param, at)
        assert isinstance(given, float | str)
        parameter = given
    return aggregate(str(expression.op), grouped(vector, labels, without=without), parameter)


def _combined(query: Query, expression: Any, at: float) -> Result:
    left, right = evaluate(query, expression.lhs, at), evaluate(query, expression.rhs, at)
    operator, modifier = str(expression.op), expression.modifier
    as_bool = modifier is not None and modifier.return_bool
    if isinstance(left, str) or isinstance(right, str):
        raise QueryFailure("binary expression must contain only scalar and instant vector types")
    if isinstance(left, float) and isinstance(right, float):
        return scalars(operator, left, right)
    if isinstance(left, float):
        assert isinstance(right, list)
        return with_scalar(operator, right, left, swapped=True, as_bool=as_bool)
    if isinstance(right, float):
        return with_scalar(operator, left, right, swapped=False, as_bool=as_bool)
    matching = _matching(modifier)
    if operator in ("and", "or", "unless"):
        return sets(operator, left, right, matching)
    return with_vector(operator, left, right, matching, as_bool=as_bool)


def _matching(modifier: Any) -> Matching:
    if modifier is None:
        return Matching()
    many = {"ManyToOne": "left", "OneToMany": "right"}.get(str(modifier.card).rpartition(".")[2], "")
    matching = modifier.matching
    return Matching(
        tuple(matching.labels) if matching is not None else (),
        matching is not None and str(matching.type).endswith("Include"),
        many,
        tuple(modifier.group_labels or ()),
    )


def _called(query: Query, expression: Any, at: float) -> Result:
    name, arguments = expression.func.name, list(expression.args)
    if name in REDUCERS:
        reduce = REDUCERS[name]
        return _reduced(evaluate_range(query, arguments[0], at), reduce, keep_name=name in KEEP_NAME)
    call = _FUNCTIONS.get(name)
    if call is not None:
        return call(query, arguments, at)
    if name in instants.MATHS:
        return instants.mapped(_vector(query, arguments[0], at), instants.MATHS[name])
    if name in instants.TIMES:
        given = _vector(query, arguments[0], at) if arguments else [Sample({}, at)]
        return instants.time_part(given, name)
    raise QueryFailure(f"function {name} is not supported")


def _reduced(series: list[Points], reduce: Callable[[Points], float | None], *, keep_name: bool = False) -> Vector:
    found = []
    for points in series:
        value = reduce(points)
        if value is not None:
            found.append(Sample(points.labels if keep_name else unnamed(points.labels), value))
    return unique(found)


def _vector(query: Query, expression: Any, at: float) -> Vector:
    value = evaluate(query, expression, at)
    if isinstance(value, float | str):
        raise QueryFailure("expected type instant vector")
    return value


def _scalar(query: Query, expression: Any, at: float) -> float:
    value = evaluate(query, expression, at)
    if not isinstance(value, float):
        raise QueryFailure("expected type scalar")
    return value


def _text(query: Query, expression: Any, at: float) -> str:
    value = evaluate(query, expression, at)
    if not isinstance(value, str):
        raise QueryFailure("expected type string")
    return value


def _absence(expression: Any) -> Vector:
    """What absent() shows: the labels that the selector fixes."""
    while hasattr(expression, "vector_selector"):
        expression = expression.vector_selector
    terms = _terms(expression) if type(expression).__name__ == "VectorSelector" else []
    named = [name for name, _, _ in terms]
    equal = {n: value for n, operator, value in terms if operator == "=" and n != NAME and named.count(n) == 1}
    return [Sample(equal, 1.0)]


def _to_scalar(vector: Vector) -> float:
    return vector[0].value if len(vector) == 1 else math.nan


def _timestamps(query: Query, expression: Any, at: float) -> Vector:
    selector = type(expression).__name__ == "VectorSelector"
    moment = _moment(query, expression, at) if selector else at
    return instants.mapped(_vector(query, expression, at), lambda value: moment)


def _predicted(query: Query, arguments: list[Any], at: float) -> Vector:
    ahead = _scalar(query, arguments[1], at)

    def reduce(points: Points) -> float | None:
        line = regression(points.points, at)
        return None if line is None else line[1] + line[0] * ahead

    return _reduced(evaluate_range(query, arguments[0], at), reduce)


def _quantiles(query: Query, arguments: list[Any], at: float) -> Vector:
    q = _scalar(query, arguments[0], at)
    return _reduced(evaluate_range(query, arguments[1], at), lambda p: quantile(q, [value for _, value in p.points]))


_FUNCTIONS: dict[str, Callable[[Query, list[Any], float], Result]] = {
    "time": lambda q, a, t: t,
    "pi": lambda q, a, t: math.pi,
    "vector": lambda q, a, t: [Sample({}, _scalar(q, a[0], t))],
    "scalar": lambda q, a, t: _to_scalar(_vector(q, a[0], t)),
    "absent": lambda q, a, t: [] if _vector(q, a[0], t) else _absence(a[0]),
    "absent_over_time": lambda q, a, t: [] if evaluate_range(q, a[0], t) else _absence(a[0]),
    "timestamp": lambda q, a, t: _timestamps(q, a[0], t),
    "quantile_over_time": _quantiles,
    "predict_linear": _predicted,
    "round": lambda q, a, t: instants.rounded(_vector(q, a[0], t), _scalar(q, a[1], t) if len(a) > 1 else 1.0),
    "clamp": lambda q, a, t: instants.clamped(_vector(q, a[0], t), _scalar(q, a[1], t), _scalar(q, a[2], t)),
    "clamp_min": lambda q, a, t: instants.clamped(_vector(q, a[0], t), _scalar(q, a[1], t), math.inf),
    "clamp_max": lambda q, a, t: instants.clamped(_vector(q, a[0], t), -math.inf, _scalar(q, a[1], t)),
    "sort": lambda q, a, t: instants.ordered(_vector(q, a[0], t), descending=False),
    "sort_desc": lambda q, a, t: instants.ordered(_vector(q, a[0], t), descending=True),
    "histogram_quantile": lambda q, a, t: instants.histogram_quantile(_scalar(q, a[0], t), _vector(q, a[1], t)),
    "label_replace": lambda q, a, t: instants.label_replace(_vector(q, a[0], t), *(_text(q, x, t) for x in a[1:])),
    "label_join": lambda q, a, t: instants.label_join(
        _vector(q, a[0], t), _text(q, a[1], t), _text(q, a[2], t), [_text(q, x, t) for x in a[3:]]
    ),
}
