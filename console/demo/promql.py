"""PromQL over computed series: a query parsed by the promql-parser library and evaluated at one time or at many.

Only the evaluation is ours; grammar and types are the library's, which is read when the first query comes.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from console.demo.metrics import Labels, MetricSource
from console.demo.promql_evaluation import MOST_STEPS, Query, alternatives, evaluate, evaluate_range, steps
from console.demo.promql_values import Matcher, Points, QueryFailure, Result, Sample

if TYPE_CHECKING:
    from datetime import timedelta

LONGEST = 16 * 1024  # characters of a query
DEEPEST = 100  # nested brackets
_TURN = 0.02  # seconds of evaluation before others get their turn


def parse(text: str) -> Any:
    """The expression; QueryFailure (bad_data) for one that is none."""
    import promql_parser

    depth = deepest = 0
    for character in text:
        depth += (character in "([{") - (character in ")]}")
        deepest = max(deepest, depth)
    if len(text) > LONGEST or deepest > DEEPEST:
        raise QueryFailure('invalid parameter "query": the query is too long', "bad_data")
    try:
        return promql_parser.parse(text)
    except ValueError as error:
        raise QueryFailure(f'invalid parameter "query": {error}', "bad_data") from error


@dataclass(frozen=True, slots=True)
class Matrix:
    """What a range selector alone comes to."""

    series: list[Points]


def matchers_of(text: str) -> list[list[Matcher]]:
    """The matchers of a series selector, as alternatives; QueryFailure for any other expression."""
    expression = parse(text)
    if type(expression).__name__ != "VectorSelector":
        raise QueryFailure(f'invalid parameter "match[]": {text} is no series selector', "bad_data")
    return alternatives(expression)


def duration(text: str, name: str) -> float:
    """`5m` in seconds; QueryFailure naming the parameter for text that is no duration."""
    import promql_parser

    try:
        found: timedelta = promql_parser.parse_duration(text)
    except ValueError:
        raise QueryFailure(
            f'invalid parameter "{name}": cannot parse "{text}" to a valid duration', "bad_data"
        ) from None
    return found.total_seconds()


def instant(sources: Sequence[MetricSource], text: str, at: float) -> Result | Matrix:
    """The query's value at a time: a number, a string, a vector, or for a range selector its samples."""
    expression = parse(text)
    query = Query(sources, at, at)
    kind = type(expression).__name__
    if kind in ("MatrixSelector", "SubqueryExpr"):
        return Matrix(evaluate_range(query, expression, at))
    return evaluate(query, expression, at)


async def ranged(
    sources: Sequence[MetricSource], text: str, start: float, end: float, step: float
) -> list[tuple[Labels, list[tuple[float, float]]]]:
    """The query's values from `start` to `end` every `step` seconds, by series. Others get their turn in between."""
    expression = parse(text)
    if int((end - start) / step) + 1 > MOST_STEPS:
        raise QueryFailure(
            "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution "
            "(?step=XX)",
            "bad_data",
        )
    query = Query(sources, start, end)
    found: dict[tuple[tuple[str, str], ...], tuple[Labels, list[tuple[float, float]]]] = {}
    began = time.perf_counter()
    for at in steps(start, end, step):
        value = evaluate(query, expression, at)
        if isinstance(value, str):
            raise QueryFailure(
                'invalid parameter "query": invalid expression type "string" for range query, must be Scalar or '
                "instant Vector",
                "bad_data",
            )
        for sample in [Sample({}, value)] if isinstance(value, float) else value:
            key = tuple(sorted(sample.labels.items()))
            found.setdefault(key, (sample.labels, []))[1].append((at, sample.value))
        if time.perf_counter() - began > _TURN:
            await asyncio.sleep(0)
            began = time.perf_counter()
    return [found[key] for key in sorted(found)]
