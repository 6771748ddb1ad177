"""LocalQueues of Kueue."""

from __future__ import annotations

from console.kinds import cells, queues
from console.kinds.base import Kind

KIND = Kind(
    name="localqueues",
    kind="LocalQueue",
    group="kueue.x-k8s.io",
    versions=("v1beta2", "v1beta1"),
    title="Local queues",
    aliases=("lq",),
    decode=queues.Queue,
    row=queues.queue_row,
    health=queues.health,
    columns=(
        cells.NAMESPACE,
        cells.NAME,
        cells.state("STATUS", "status", queues.health),
        cells.field("CLUSTER QUEUE", "cluster_queue", priority=1),
        *queues.COUNTS,
        cells.AGE,
        queues.REASON,
    ),
    extras=cells.EXTRAS,
)
