"""Katib Trials: one assignment each, and what it measured."""

from __future__ import annotations

import sys

from console.kinds import cells
from console.kinds.base import Column, Health, Kind, State
from console.kinds.experiments import Objective, Observation, best_value, newest
from console.kinds.meta import Condition, ObjectMeta, Slim, base_fields, seconds
from console.live.source import Row


class Assignment(Slim):
    """One parameter assignment; values are text."""

    name: str = ""
    value: str = ""


class TrialSpec(Slim):
    """spec of a Trial."""

    objective: Objective | None = None
    parameter_assignments: list[Assignment] | None = None


class TrialStatus(Slim):
    """status of a Trial."""

    conditions: list[Condition] | None = None
    observation: Observation | None = None
    start_time: str | None = None
    completion_time: str | None = None


class Trial(Slim):
    """A Trial."""

    metadata: ObjectMeta
    spec: TrialSpec | None = None
    status: TrialStatus | None = None


class TrialRow(Row, gc=False):
    """A Trial as a row."""

    word: str
    reason: str
    message: str
    experiment: str
    parameters: tuple[tuple[str, str], ...]
    objective: str
    measured: float | None
    started: float
    finished: float
    since: float


EXPERIMENT_LABEL = "katib.kubeflow.org/experiment"


def trial_row(trial: Trial) -> TrialRow:
    """A Trial to its row."""
    spec = trial.spec or TrialSpec()
    status = trial.status or TrialStatus()
    objective = spec.objective or Objective()
    told = newest(status.conditions)
    return TrialRow(
        **base_fields(trial.metadata),  # type: ignore[arg-type]
        word=sys.intern(told.type if told else "Pending"),
        reason=told.reason if told else "",
        message=told.message if told else "",
        experiment=sys.intern((trial.metadata.labels or {}).get(EXPERIMENT_LABEL, "")),
        parameters=tuple((sys.intern(entry.name), entry.value) for entry in spec.parameter_assignments or ()),
        objective=sys.intern(objective.objective_metric_name),
        measured=best_value(objective, status.observation.metrics if status.observation else None),
        started=seconds(status.start_time),
        finished=seconds(status.completion_time),
        since=seconds(told.last_transition_time) if told else 0.0,
    )


_STATES = {
    "Running": State.RUNNING,
    "Succeeded": State.DONE,
    "EarlyStopped": State.DONE,
    "Killed": State.WARN,
    "MetricsUnavailable": State.WARN,
    "Failed": State.BAD,
}


def health(row: TrialRow, now: float) -> Health:
    """A Trial's state."""
    state = _STATES.get(row.word, State.WAITING)
    return Health(state, row.word, row.message if state in (State.BAD, State.WARN) else "")


def _duration(row: TrialRow, now: float) -> int | None:
    return int(max(0.0, (row.finished or now) - row.started)) if row.started else None


KIND = Kind(
    name="trials",
    kind="Trial",
    group="kubeflow.org",
    versions=("v1beta1",),
    title="Trials",
    aliases=("trial",),
    decode=Trial,
    row=trial_row,
    health=health,
    opens="pods",
    columns=(
        cells.NAMESPACE,
        cells.NAME,
        cells.state("STATUS", "status", health),
        cells.field("EXPERIMENT", "experiment", priority=3),
        Column(
            "VALUE", "value", lambda row, now: row.measured, text=lambda value: f"{value:.4g}", right=True, priority=1
        ),
        Column(
            "PARAMETERS",
            "parameters",
            lambda row, now: dict(row.parameters),
            text=lambda value: " ".join(f"{name}={text}" for name, text in value.items()),
            priority=2,
        ),
        Column("DURATION", "duration", _duration, text=cells.lasting, right=True, ticks=True, priority=4, width=8),
        cells.AGE,
        cells.field("REASON", "reason", priority=5),
        cells.field("MESSAGE", "message", wide=True, limit=120),
    ),
    extras=(cells.field("", "objective"), *cells.EXTRAS),
)
