"""What a namespace holds, counted from its pods and quotas: shared by namespaces and profiles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from console.kinds import cells
from console.kinds.base import Column, Join
from console.kinds.pods import PodRow
from console.kinds.resourcequotas import QuotaRow, used_text
from console.live.source import Row


class TenantRow(Row, gc=False):
    """A namespace or profile; the counts are None where the pods or quotas are not known."""

    word: str
    why: str
    owner: str
    profile: bool
    deleting: bool
    pods: int | None = None
    running: int | None = None
    failing: int | None = None
    gpus: int | None = None
    quota_known: bool = False
    quota_used: int | None = None
    quota_hard: int | None = None


def join_tenant(row: TenantRow, joined: Mapping[str, Sequence[Any] | None]) -> TenantRow:
    """The row with its pods and GPU quota counted."""
    pods: Sequence[PodRow] | None = joined.get("pods")
    quotas: Sequence[QuotaRow] | None = joined.get("resourcequotas")
    if pods is None and quotas is None:
        return row
    made: TenantRow = msgspec.structs.replace(row)
    if pods is not None:
        running = failing = gpus = 0
        for pod in pods:  # one pass: a busy namespace is counted anew several times a second
            if pod.phase == "Running":
                running += 1
            elif pod.phase == "Failed":
                failing += 1
            if pod.devices and pod.node and pod.active:
                gpus += pod.gpus
        made.pods, made.running, made.failing, made.gpus = len(pods), running, failing, gpus
    if quotas is not None:
        made.quota_known = True
        limited = [quota for quota in quotas if quota.gpus_hard is not None]
        if limited:
            tightest = min(limited, key=lambda quota: (quota.gpus_hard or 0) - (quota.gpus_used or 0))
            made.quota_used, made.quota_hard = tightest.gpus_used, tightest.gpus_hard
    return made


PODS = Join("pods", lambda pod: pod.namespace)
QUOTAS = Join("resourcequotas", lambda quota: quota.namespace)

COUNTS = (
    Column("PODS", "pods", lambda row, now: row.pods, right=True, priority=2),
    Column("RUNNING", "running", lambda row, now: row.running, right=True, priority=4),
    Column("FAILED", "failed", lambda row, now: row.failing, text=cells.count, right=True, priority=4),
    Column("GPUS", "gpus", lambda row, now: row.gpus, right=True, priority=1),
    Column(
        "GPU QUOTA", "gpu_quota", lambda row, now: used_text(row.quota_used, row.quota_hard), right=True, priority=3
    ),
)
