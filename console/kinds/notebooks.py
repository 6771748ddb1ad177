"""Notebooks: running, stopped or stuck, since when idle, and the GPUs they hold.

The order of tests is that of the notebook web app (kubeflow/kubeflow crud-web-apps jupyter status.py).
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from console.kinds import cells, devices
from console.kinds.base import Column, Health, Join, Kind, State
from console.kinds.devices import Devices, PodTemplate
from console.kinds.meta import Condition, ObjectMeta, Slim, base_fields, seconds
from console.kinds.pods import PodRow
from console.kinds.podstatus import ContainerState
from console.live.source import Row


class NotebookSpec(Slim):
    """spec of a Notebook."""

    template: PodTemplate | None = None


class NotebookStatus(Slim):
    """status of a Notebook."""

    ready_replicas: int = 0
    container_state: ContainerState | None = None
    conditions: list[Condition] | None = None


class Notebook(Slim):
    """A Notebook."""

    metadata: ObjectMeta
    spec: NotebookSpec | None = None
    status: NotebookStatus | None = None


class NotebookRow(Row, gc=False):
    """A Notebook as a row."""

    word: str
    why: str
    image: str
    devices: Devices
    server: str  # jupyter, group-one (code-server), group-two (RStudio)
    stopped: float  # when it was stopped; 0.0 where it is not, or not said
    active: float  # last activity the culler saw
    ready: bool
    pod: str = ""
    node: str = ""


STOPPED = "kubeflow-resource-stopped"


def _state(notebook: Notebook, status: NotebookStatus) -> tuple[str, str]:
    annotations = notebook.metadata.annotations or {}
    state = status.container_state or ContainerState()
    if STOPPED in annotations:
        return ("Stopping" if status.ready_replicas else "Stopped"), ""
    if notebook.metadata.deletion_timestamp is not None:
        return "Terminating", ""
    if status.ready_replicas:
        return "Running", ""
    if state.waiting is not None:
        return state.waiting.reason or "Waiting", state.waiting.message
    if state.terminated is not None:
        end = state.terminated
        return end.reason or "Terminated", end.message or f"exit code {end.exit_code}"
    waiting = [entry for entry in status.conditions or () if entry.status == "False" and entry.message]
    waiting.sort(key=lambda entry: seconds(entry.last_transition_time))
    return "Waiting", waiting[-1].message if waiting else ""


def notebook_row(notebook: Notebook) -> NotebookRow:
    """A Notebook to its row, before any join."""
    meta = notebook.metadata
    annotations = meta.annotations or {}
    status = notebook.status or NotebookStatus()
    pod = notebook.spec.template.spec if notebook.spec and notebook.spec.template else None
    word, why = _state(notebook, status)
    return NotebookRow(
        **base_fields(meta),  # type: ignore[arg-type]
        word=sys.intern(word),
        why=why,
        image=pod.containers[0].image if pod and pod.containers else "",
        devices=devices.need(pod.containers, pod.init_containers) if pod else (),
        server=sys.intern(annotations.get("notebooks.kubeflow.org/server-type", "")),
        stopped=seconds(annotations.get(STOPPED)),
        active=seconds(annotations.get("notebooks.kubeflow.org/last-activity")),
        ready=status.ready_replicas > 0,
    )


def join_pod(row: NotebookRow, joined: Mapping[str, Sequence[Any] | None]) -> NotebookRow:
    """The row with its pod's true reason."""
    pods: Sequence[PodRow] | None = joined.get("pods")
    if not pods:
        return row
    made: NotebookRow = msgspec.structs.replace(row)
    pod = pods[0]
    made.pod, made.node = pod.name, pod.node
    if not row.ready and row.word not in ("Stopped", "Stopping", "Terminating"):
        made.word = pod.word if pod.word != "Running" else row.word
        made.why = pod.why or row.why
    return made


_STATES = {"Running": State.RUNNING, "Stopped": State.NONE, "Stopping": State.WAITING, "Terminating": State.WAITING}
_WAITING = frozenset({"Waiting", "Pending", "ContainerCreating", "PodInitializing"})


def health(row: NotebookRow, now: float) -> Health:
    """A Notebook's state."""
    state = _STATES.get(row.word) or (State.WAITING if row.word in _WAITING else State.BAD)
    return Health(state, row.word, row.why)


KIND = Kind(
    name="notebooks",
    kind="Notebook",
    group="kubeflow.org",
    versions=("v1", "v1beta1"),
    title="Notebooks",
    aliases=("nb",),
    decode=Notebook,
    row=notebook_row,
    health=health,
    joins=(Join("pods", lambda pod: f"{pod.namespace}/{pod.job}" if pod.job_kind == "Notebook" else ""),),
    join=join_pod,
    opens="pods",
    columns=(
        cells.NAMESPACE,
        cells.NAME,
        cells.state("STATUS", "status", health),
        Column("GPUS", "gpus", lambda row, now: devices.total(row.devices), text=cells.count, right=True, priority=1),
        cells.moment("LAST ACTIVITY", "last_activity", "active", priority=2),
        cells.moment("STOPPED", "stopped", "stopped", priority=4),
        cells.AGE,
        cells.field("NODE", "node", priority=4),
        cells.field("REASON", "reason", "why", priority=3, limit=120),
        cells.field("IMAGE", "image", wide=True, limit=80),
        cells.field("SERVER", "server_type", "server", wide=True),
    ),
    extras=cells.EXTRAS,
)
