"""Katib Experiments: how many trials did what, and the best so far."""

from __future__ import annotations

import sys

from console.kinds import cells
from console.kinds.base import Column, Health, Kind, State
from console.kinds.meta import Condition, ObjectMeta, Slim, base_fields, seconds
from console.live.source import Row


class Objective(Slim):
    """spec.objective."""

    type: str = ""
    goal: float | None = None
    objective_metric_name: str = ""


class Algorithm(Slim):
    """spec.algorithm."""

    algorithm_name: str = ""


class ExperimentSpec(Slim):
    """spec of an Experiment."""

    objective: Objective | None = None
    algorithm: Algorithm | None = None
    parallel_trial_count: int | None = None
    max_trial_count: int | None = None
    max_failed_trial_count: int | None = None


class Metric(Slim):
    """One observed metric; numbers are text."""

    name: str = ""
    latest: str = ""
    min: str = ""
    max: str = ""


class Observation(Slim):
    """observation."""

    metrics: list[Metric] | None = None


class OptimalTrial(Slim):
    """status.currentOptimalTrial."""

    best_trial_name: str = ""
    observation: Observation | None = None


class ExperimentStatus(Slim):
    """status of an Experiment."""

    conditions: list[Condition] | None = None
    current_optimal_trial: OptimalTrial | None = None
    start_time: str | None = None
    completion_time: str | None = None
    trials: int = 0
    trials_running: int = 0
    trials_pending: int = 0
    trials_succeeded: int = 0
    trials_failed: int = 0
    trials_killed: int = 0
    trials_early_stopped: int = 0
    trial_metrics_unavailable: int = 0


class Experiment(Slim):
    """An Experiment."""

    metadata: ObjectMeta
    spec: ExperimentSpec | None = None
    status: ExperimentStatus | None = None


class ExperimentRow(Row, gc=False):
    """An Experiment as a row."""

    word: str
    reason: str
    message: str
    algorithm: str
    objective: str
    goal: float | None
    best: float | None
    best_trial: str
    trials: int
    running: int
    pending: int
    succeeded: int
    failed: int
    killed: int
    early_stopped: int
    without_metric: int
    parallel: int | None
    most: int | None
    started: float
    finished: float
    since: float


def newest(conditions: list[Condition] | None) -> Condition | None:
    """The effective condition of a Katib object: the last one that is True."""
    return next((entry for entry in reversed(conditions or ()) if entry.status == "True"), None)


def number(text: str) -> float | None:
    """A metric value; None for `unavailable` and other words."""
    try:
        return float(text)
    except ValueError:
        return None


def best_value(objective: Objective, metrics: list[Metric] | None) -> float | None:
    """The objective's value by its direction."""
    for metric in metrics or ():
        if metric.name == objective.objective_metric_name:
            return number({"minimize": metric.min, "maximize": metric.max}.get(objective.type) or metric.latest)
    return None


def experiment_row(experiment: Experiment) -> ExperimentRow:
    """An Experiment to its row."""
    spec = experiment.spec or ExperimentSpec()
    status = experiment.status or ExperimentStatus()
    objective = spec.objective or Objective()
    optimal = status.current_optimal_trial or OptimalTrial()
    told = newest(status.conditions)
    return ExperimentRow(
        **base_fields(experiment.metadata),  # type: ignore[arg-type]
        word=sys.intern(told.type if told else "Pending"),
        reason=told.reason if told else "",
        message=told.message if told else "no status yet: no controller has picked it up",
        algorithm=sys.intern(spec.algorithm.algorithm_name if spec.algorithm else ""),
        objective=sys.intern(objective.objective_metric_name),
        goal=objective.goal,
        best=best_value(objective, optimal.observation.metrics if optimal.observation else None),
        best_trial=optimal.best_trial_name,
        trials=status.trials,
        running=status.trials_running,
        pending=status.trials_pending,
        succeeded=status.trials_succeeded,
        failed=status.trials_failed,
        killed=status.trials_killed,
        early_stopped=status.trials_early_stopped,
        without_metric=status.trial_metrics_unavailable,
        parallel=spec.parallel_trial_count,
        most=spec.max_trial_count,
        started=seconds(status.start_time),
        finished=seconds(status.completion_time),
        since=seconds(told.last_transition_time) if told else 0.0,
    )


_STATES = {"Running": State.RUNNING, "Restarting": State.RUNNING, "Succeeded": State.DONE, "Failed": State.BAD}


def health(row: ExperimentRow, now: float) -> Health:
    """An Experiment's state; trials without a metric are worth a look while it runs."""
    state = _STATES.get(row.word, State.WAITING)
    if row.without_metric and state is State.RUNNING:
        return Health(State.WARN, row.word, f"{row.without_metric} trials without a metric")
    return Health(state, row.word, row.message if state is State.BAD else "")


def _completed(row: ExperimentRow) -> int:
    return row.succeeded + row.failed + row.killed + row.early_stopped + row.without_metric


KIND = Kind(
    name="experiments",
    kind="Experiment",
    group="kubeflow.org",
    versions=("v1beta1",),
    title="Experiments",
    aliases=("exp",),
    decode=Experiment,
    row=experiment_row,
    health=health,
    columns=(
        cells.NAMESPACE,
        cells.NAME,
        cells.state("STATUS", "status", health),
        Column(
            "TRIALS",
            "trials",
            lambda row, now: f"{_completed(row)}/{'-' if row.most is None else row.most}",
            priority=1,
        ),
        Column("RUNNING", "running", lambda row, now: row.running, text=cells.count, right=True, priority=2),
        Column(
            "NO METRIC", "without_metric", lambda row, now: row.without_metric, text=cells.count, right=True, priority=2
        ),
        Column("FAILED", "failed", lambda row, now: row.failed, text=cells.count, right=True, priority=3),
        cells.field("OBJECTIVE", "objective", priority=3),
        Column("BEST", "best", lambda row, now: row.best, text=lambda value: f"{value:.4g}", right=True, priority=2),
        cells.field("ALGORITHM", "algorithm", priority=5),
        cells.AGE,
        cells.field("BEST TRIAL", "best_trial", wide=True),
        cells.field("PARALLEL", "parallel", right=True, wide=True),
        cells.field("MESSAGE", "message", wide=True, limit=120),
    ),
    extras=(
        cells.field("", "goal"),
        cells.field("", "succeeded"),
        cells.field("", "killed"),
        cells.field("", "early_stopped"),
        cells.field("", "pending"),
        cells.field("", "reason"),
        *cells.EXTRAS,
    ),
)
