"""The HTTP API of a Prometheus server over metric sources, as the handler of a pod's port.

Shapes and errors follow the API v1 of Prometheus 3: values are strings, a bad query is 400, one that fails 422.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote

import msgspec

from console.clock import parse_time
from console.demo import promql
from console.demo.promql_operators import number_text
from console.demo.promql_values import NAME, Matcher, QueryFailure, matcher, select

if TYPE_CHECKING:
    from console.demo.metrics import Labels, MetricSource
    from console.demo.runtime import Answer

VERSION = "3.5.0"
_LOOKBACK = 300.0  # seconds that /series and /labels look back where no start is given
_CODES = {"bad_data": 400, "execution": 422, "not_found": 404}
Fields = dict[str, list[str]]


class Prometheus:
    """Answers for sources at `clock`; one for all pods that are Prometheus servers."""

    def __init__(
        self,
        sources: Sequence[MetricSource],
        clock: Callable[[], float],
        targets: Callable[[], list[dict[str, Any]]] = list,
    ) -> None:
        """`targets` gives the active targets of /api/v1/targets."""
        self._sources = sources
        self._clock = clock
        self._targets = targets

    async def handle(self, method: str, path: str, query: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """One request; a POST carries its parameters as a form."""
        del headers
        if path in ("/-/healthy", "/-/ready"):
            return 200, {"Content-Type": "text/plain"}, f"Prometheus Server is {path[3:].capitalize()}.\n".encode()
        if not path.startswith("/api/v1/"):
            return 404, {"Content-Type": "text/plain"}, b"404 page not found\n"
        fields = _fields(query)
        if method == "POST":
            fields |= _fields(body.decode("utf-8", "replace"))
        try:
            return _success(await self._data(path.removeprefix("/api/v1/"), fields))
        except QueryFailure as failure:
            return _failure(failure)

    async def _data(self, path: str, fields: Fields) -> Any:
        if path == "query":
            return self._instant(fields)
        if path == "query_range":
            return await self._ranged(fields)
        if path == "series":
            if not fields.get("match[]"):
                raise QueryFailure("no match[] parameter provided", "bad_data")
            return [dict(sorted(labels.items())) for labels in self._matching(fields)]
        if path == "labels":
            return sorted({key for labels in self._matching(fields) for key in labels})
        if path.startswith("label/") and path.endswith("/values"):
            return self._label_values(unquote(path.split("/")[1]), fields)
        fixed = _FIXED.get(path)
        if fixed is not None:
            return fixed
        if path == "targets":
            return {"activeTargets": self._targets(), "droppedTargets": []}
        raise QueryFailure(f"unknown path /api/v1/{path}", "not_found")

    def _instant(self, fields: Fields) -> Any:
        at = _time(fields, "time", self._clock())
        value = promql.instant(self._sources, _one(fields, "query"), at)
        if isinstance(value, float):
            return {"resultType": "scalar", "result": [at, number_text(value)]}
        if isinstance(value, str):
            return {"resultType": "string", "result": [at, value]}
        if isinstance(value, promql.Matrix):
            series = [{"metric": p.labels, "values": [[t, number_text(v)] for t, v in p.points]} for p in value.series]
            return {"resultType": "matrix", "result": series}
        rows = [{"metric": sample.labels, "value": [at, number_text(sample.value)]} for sample in value]
        return {"resultType": "vector", "result": rows}

    async def _ranged(self, fields: Fields) -> Any:
        start, end = _time(fields, "start"), _time(fields, "end")
        step = _duration(_one(fields, "step"), "step")
        if end < start:
            raise QueryFailure('invalid parameter "end": end timestamp must not be before start time', "bad_data")
        if step <= 0:
            raise QueryFailure(
                'invalid parameter "step": zero or negative query resolution step widths are not accepted. '
                "Try a positive integer",
                "bad_data",
            )
        series = await promql.ranged(self._sources, _one(fields, "query"), start, end, step)
        rows = [{"metric": labels, "values": [[t, number_text(v)] for t, v in points]} for labels, points in series]
        return {"resultType": "matrix", "result": rows}

    def _matching(self, fields: Fields) -> Iterator[Labels]:
        now = self._clock()
        start, end = _time(fields, "start", now - _LOOKBACK), _time(fields, "end", now)
        selectors = [promql.matchers_of(text) for text in fields.get("match[]", ())] or [[[matcher(NAME, "!=", "")]]]
        alternatives: list[list[Matcher]] = [terms for selector in selectors for terms in selector]
        for labels, _ in select(self._sources, alternatives, start, end):
            yield labels

    def _label_values(self, name: str, fields: Fields) -> list[str]:
        if name == NAME and not fields.get("match[]"):
            return sorted({metric for source in self._sources for metric in source.names()})
        return sorted({labels[name] for labels in self._matching(fields) if name in labels})


_FIXED: dict[str, Any] = {
    "status/buildinfo": {
        "version": VERSION,
        "revision": "8be3a9560fbdd18a94dedec4b747c35178177202",
        "branch": "HEAD",
        "buildUser": "root@localhost",
        "buildDate": "20250714-16:18:17",
        "goVersion": "go1.24.5",
    },
    "rules": {"groups": []},
    "alerts": {"alerts": []},
    "alertmanagers": {"activeAlertmanagers": [], "droppedAlertmanagers": []},
    "metadata": {},
    "status/flags": {},
    "status/config": {"yaml": "global:\n  scrape_interval: 15s\n"},
    "status/runtimeinfo": {"storageRetention": "15d", "reloadConfigSuccess": True},
}


def _fields(text: str) -> Fields:
    return parse_qs(text, keep_blank_values=True)


def _one(fields: Fields, name: str) -> str:
    return fields.get(name, [""])[0]


def _time(fields: Fields, name: str, default: float | None = None) -> float:
    text = _one(fields, name)
    if not text and default is not None:
        return default
    try:
        return float(text)
    except ValueError:
        at = parse_time(text)
    if at is None:
        raise QueryFailure(f'invalid parameter "{name}": cannot parse "{text}" to a valid timestamp', "bad_data")
    return at


def _duration(text: str, name: str) -> float:
    try:
        return float(text)
    except ValueError:
        return promql.duration(text, name)


def _success(data: Any) -> Answer:
    body = msgspec.json.encode({"status": "success", "data": data})
    return 200, {"Content-Type": "application/json"}, body


def _failure(failure: QueryFailure) -> Answer:
    body = {"status": "error", "errorType": failure.kind, "error": str(failure)}
    return _CODES[failure.kind], {"Content-Type": "application/json"}, msgspec.json.encode(body)
