"""ClusterQueues of Kueue."""

from __future__ import annotations

from console.kinds import cells, queues
from console.kinds.base import Kind

KIND = Kind(
    name="clusterqueues",
    kind="ClusterQueue",
    group="kueue.x-k8s.io",
    versions=("v1beta2", "v1beta1"),
    title="Cluster queues",
    aliases=("cq",),
    namespaced=False,
    decode=queues.Queue,
    row=queues.queue_row,
    health=queues.health,
    columns=(
        cells.NAME,
        cells.state("STATUS", "status", queues.health),
        *queues.COUNTS,
        cells.field("BORROWED", "borrowed", text=cells.count, right=True, priority=4),
        cells.field("COHORT", "cohort", priority=4),
        cells.field("STRATEGY", "strategy", priority=5),
        cells.AGE,
        queues.REASON,
    ),
    extras=cells.EXTRAS,
)
