"""Argo Workflows, and so Kubeflow pipeline runs: phase, progress and message.

The stored object may be a mebibyte; of its node map nothing is kept here.
"""

from __future__ import annotations

import sys

from console.kinds import cells
from console.kinds.base import Column, Health, Kind, State
from console.kinds.meta import ObjectMeta, Slim, base_fields, seconds
from console.live.source import Row


class WorkflowSpec(Slim):
    """spec of a Workflow."""

    suspend: bool | None = None
    shutdown: str = ""
    entrypoint: str = ""


class WorkflowStatus(Slim):
    """status of a Workflow."""

    phase: str = ""
    message: str = ""
    progress: str = ""
    started_at: str | None = None
    finished_at: str | None = None


class Workflow(Slim):
    """A Workflow."""

    metadata: ObjectMeta
    spec: WorkflowSpec | None = None
    status: WorkflowStatus | None = None


class WorkflowRow(Row, gc=False):
    """A Workflow as a row."""

    phase: str
    message: str
    progress: str
    started: float
    finished: float
    suspended: bool
    run: str  # pipelines run name
    run_id: str


def workflow_row(workflow: Workflow) -> WorkflowRow:
    """A Workflow to its row."""
    meta = workflow.metadata
    status = workflow.status or WorkflowStatus()
    return WorkflowRow(
        **base_fields(meta),  # type: ignore[arg-type]
        phase=sys.intern(status.phase or "Pending"),
        message=status.message,
        progress=status.progress,
        started=seconds(status.started_at),
        finished=seconds(status.finished_at),
        suspended=bool(workflow.spec and workflow.spec.suspend),
        run=(meta.annotations or {}).get("pipelines.kubeflow.org/run_name", ""),
        run_id=(meta.labels or {}).get("pipeline/runid", ""),
    )


_STATES = {"Running": State.RUNNING, "Succeeded": State.DONE, "Failed": State.BAD, "Error": State.BAD}


def health(row: WorkflowRow, now: float) -> Health:
    """A Workflow's state."""
    if row.suspended and row.phase == "Running":
        return Health(State.WAITING, "Suspended", row.message)
    return Health(_STATES.get(row.phase, State.WAITING), row.phase, row.message)


def _duration(row: WorkflowRow, now: float) -> int | None:
    return int(max(0.0, (row.finished or now) - row.started)) if row.started else None


KIND = Kind(
    name="workflows",
    kind="Workflow",
    group="argoproj.io",
    versions=("v1alpha1",),
    title="Workflows",
    aliases=("wf",),
    decode=Workflow,
    row=workflow_row,
    health=health,
    opens="pods",
    columns=(
        cells.NAMESPACE,
        cells.NAME,
        cells.state("STATUS", "status", health),
        cells.field("PROGRESS", "progress", priority=1),
        Column("DURATION", "duration", _duration, text=cells.lasting, right=True, ticks=True, priority=2, width=8),
        cells.AGE,
        cells.field("RUN", "run", priority=3, limit=40),
        cells.field("MESSAGE", "message", priority=4, limit=120),
    ),
    extras=(cells.field("", "run_id"), *cells.EXTRAS),
)
