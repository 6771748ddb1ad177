"""All training jobs of every kind in one list."""

from __future__ import annotations

from console.kinds import jobrow, training
from console.kinds.base import Kind

KIND = Kind(
    name="jobs",
    kind="TrainingJob",
    group="",
    versions=(),
    title="Training jobs",
    aliases=("job", "training", "trainingjobs"),
    members=("pytorchjobs", "tfjobs", "mpijobs", "xgboostjobs", "jaxjobs", "paddlejobs", "mxjobs", "trainjobs"),
    decode=training.TrainingJob,
    row=lambda job: training.training_row("TrainingJob", job),
    health=jobrow.job_health,
    columns=jobrow.COLUMNS,
    extras=jobrow.EXTRAS,
    joins=(jobrow.PODS, jobrow.WORKLOADS),
    opens="replicas",
)
