"""InferenceServices: whether they truly serve, the model, the mode and the traffic split.

Ready=True is believed only as far as pods say so: an old condition outlives its pods.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from console.kinds import cells
from console.kinds.base import Column, Health, Join, Kind, State
from console.kinds.jobrow import trouble
from console.kinds.meta import Condition, ObjectMeta, Slim, base_fields, condition, seconds
from console.kinds.pods import PodRow
from console.live.source import Row


class ModelFormat(Slim):
    """modelFormat."""

    name: str = ""


class Model(Slim):
    """predictor.model."""

    model_format: ModelFormat | None = None
    storage_uri: str = ""
    runtime: str = ""


class Predictor(Slim):
    """spec.predictor."""

    model: Model | None = None
    min_replicas: int | None = None
    canary_traffic_percent: int | None = None


class ServiceSpec(Slim):
    """spec of an InferenceService."""

    predictor: Predictor | None = None


class Traffic(Slim):
    """One traffic target."""

    revision_name: str = ""
    percent: int | None = None
    latest_revision: bool | None = None
    tag: str = ""


class Component(Slim):
    """status.components.predictor."""

    traffic: list[Traffic] | None = None
    latest_created_revision: str = ""
    latest_ready_revision: str = ""
    latest_rolledout_revision: str = ""


class FailureInfo(Slim):
    """status.modelStatus.lastFailureInfo."""

    reason: str = ""
    message: str = ""


class ModelStatus(Slim):
    """status.modelStatus."""

    transition_status: str = ""
    last_failure_info: FailureInfo | None = None


class ServiceStatus(Slim):
    """status of an InferenceService."""

    conditions: list[Condition] | None = None
    url: str = ""
    deployment_mode: str = ""
    components: dict[str, Component] | None = None
    model_status: ModelStatus | None = None


class InferenceService(Slim):
    """An InferenceService."""

    metadata: ObjectMeta
    spec: ServiceSpec | None = None
    status: ServiceStatus | None = None


class ServiceRow(Row, gc=False):
    """An InferenceService as a row; pods are None where not known."""

    word: str  # Ready, NotReady, Unknown, Stopped
    reason: str
    url: str
    mode: str  # Serverless or Standard
    model: str
    storage: str
    asked_canary: int | None
    traffic: tuple[tuple[str, int, str], ...]  # (revision, percent, tag)
    latest: str
    scales_to_zero: bool
    since: float
    deleting: bool
    pods: int | None = None
    serving: int | None = None


_MODES = {"Knative": "Serverless", "RawDeployment": "Standard"}
_STOP = "serving.kserve.io/stop"


def _reason(status: ServiceStatus, ready: Condition | None) -> str:
    failure = status.model_status.last_failure_info if status.model_status else None
    for entry in status.conditions or ():
        if entry.status == "False" and entry.type not in ("Ready", "Stopped"):
            said = f"{entry.type}: {entry.message or entry.reason}".rstrip(": ")
            return f"{said}; {failure.message}" if failure and failure.message else said
    if failure is not None and (failure.message or failure.reason):
        return failure.message or failure.reason
    return (ready.message or ready.reason) if ready is not None and ready.status != "True" else ""


def service_row(service: InferenceService) -> ServiceRow:
    """An InferenceService to its row, before any join."""
    meta = service.metadata
    status = service.status or ServiceStatus()
    predictor = (service.spec.predictor if service.spec else None) or Predictor()
    model = predictor.model or Model()
    component = (status.components or {}).get("predictor") or Component()
    ready = condition(status.conditions, "Ready")
    annotations = meta.annotations or {}
    word = {"True": "Ready", "False": "NotReady"}.get(ready.status if ready else "", "Unknown")
    stopped = condition(status.conditions, "Stopped")
    if annotations.get(_STOP) == "true" or (stopped is not None and stopped.status == "True"):
        word = "Stopped"
    mode = status.deployment_mode or annotations.get("serving.kserve.io/deploymentMode", "")
    return ServiceRow(
        **base_fields(meta),  # type: ignore[arg-type]
        word=word,
        reason=_reason(status, ready),
        url=status.url,
        mode=sys.intern(_MODES.get(mode, mode)),
        model=sys.intern(model.model_format.name if model.model_format else ""),
        storage=model.storage_uri,
        asked_canary=predictor.canary_traffic_percent,
        traffic=tuple((entry.revision_name, entry.percent or 0, entry.tag) for entry in component.traffic or ()),
        latest=component.latest_ready_revision,
        scales_to_zero=predictor.min_replicas == 0,
        since=seconds(ready.last_transition_time) if ready else 0.0,
        deleting=meta.deletion_timestamp is not None,
    )


def join_pods(row: ServiceRow, joined: Mapping[str, Sequence[Any] | None]) -> ServiceRow:
    """The row with what its pods say."""
    pods: Sequence[PodRow] | None = joined.get("pods")
    if pods is None:
        return row
    made: ServiceRow = msgspec.structs.replace(row)
    made.pods = len(pods)
    made.serving = sum(pod.word == "Running" and pod.ready >= pod.total for pod in pods)
    evidence = trouble(pods)
    if evidence and made.serving == 0:
        made.reason = evidence
    return made


def health(row: ServiceRow, now: float) -> Health:
    """An InferenceService's state: Ready is contradicted by pods of which none serves."""
    if row.deleting:
        return Health(State.WAITING, "Terminating", row.reason)
    if row.word == "Ready":
        if row.pods and not row.serving:
            return Health(State.WARN, "Ready", f"Ready=True, 0/{row.pods} pods serve: {row.reason}".rstrip(": "))
        return Health(State.WARN if row.reason else State.OK, "Ready", row.reason)
    if row.word == "Stopped":
        return Health(State.NONE, "Stopped")
    return Health(State.BAD if row.word == "NotReady" else State.WAITING, row.word, row.reason)


def split(row: ServiceRow) -> list[dict[str, Any]] | None:
    """The observed traffic: [{revision, percent, tag}, ...], or None where the mode has none."""
    return [{"revision": name, "percent": share, "tag": tag} for name, share, tag in row.traffic] or None


KIND = Kind(
    name="inferenceservices",
    kind="InferenceService",
    group="serving.kserve.io",
    versions=("v1beta1",),
    title="Inference services",
    aliases=("isvc",),
    decode=InferenceService,
    row=service_row,
    health=health,
    joins=(Join("pods", lambda pod: f"{pod.namespace}/{pod.job}" if pod.job_kind == "InferenceService" else ""),),
    join=join_pods,
    opens="pods",
    columns=(
        cells.NAMESPACE,
        cells.NAME,
        cells.state("STATUS", "status", health),
        Column("PODS", "pods", lambda row, now: None if row.pods is None else f"{row.serving}/{row.pods}", priority=1),
        Column(
            "TRAFFIC",
            "traffic",
            lambda row, now: split(row),
            text=lambda value: " ".join(f"{entry['revision'][-5:]} {entry['percent']}%" for entry in value),
            priority=2,
        ),
        cells.field("MODEL", "model", priority=3),
        cells.field("MODE", "mode", priority=4),
        cells.AGE,
        cells.field("URL", "url", priority=6),
        Column("REASON", "reason", lambda row, now: health(row, now).reason or None, priority=5, limit=120),
        cells.field("STORAGE", "storage_uri", "storage", wide=True, limit=80),
        cells.field("CANARY", "canary_traffic_percent", "asked_canary", right=True, wide=True),
    ),
    extras=cells.EXTRAS,
)
