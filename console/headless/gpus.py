"""`kfconsole gpus`: where the GPUs are, by node, namespace and job, with what telemetry says of them."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from console.clock import age
from console.errors import ConsoleError, Exit, NotFound
from console.headless.output import Out, as_json, as_yaml, note
from console.headless.settling import say_missing, settle
from console.kinds.board import Board
from console.kinds.catalog import Catalog
from console.kinds.inventory import Idle, JobLine, NamespaceLine, NodeLine, Totals
from console.telemetry.gpuwatch import GpuWatch
from console.telemetry.monitor import GpuMonitor
from console.text import cells, clean, fit

if TYPE_CHECKING:
    from config.settings import Settings
    from console.cluster.session import Session
    from console.headless.get import GetOptions
    from console.live.hub import Hub


async def gpus(session: Session, hub: Hub, options: GetOptions, settings: Settings, out: Out) -> int:
    """Print the inventory once, as one object: totals, nodes, namespaces, jobs, and where figures come from."""
    catalog = Catalog(await session.discovery())
    found = [catalog.get(name) for name in ("nodes", "pods", "namespaces", "jobs")]
    boards = {kind.name: Board(hub, catalog, kind) for kind in found if kind is not None}
    try:
        failed = await _settled(boards, session)
        readable = {name: board for name, board in boards.items() if name not in failed}
        monitor = GpuMonitor(session, settings)
        watch = GpuWatch(monitor, readable)
        await watch.look()
        await monitor.settled()
        await watch.look()  # now with since when pods do nothing
        report = _report(options, watch)
        source, why = watch.reading.source, watch.reading.why_none
    finally:
        for board in boards.values():
            board.close()
    if options.name and not report["nodes"]:
        raise NotFound(f"There is no node named {options.name!r} with GPUs.", reason="NotFound")
    if options.output in ("json", "yaml"):
        plain = _plain(report) | {"source": source or None, "why_none": why or None}
        out.write(as_json(plain) + "\n" if options.output == "json" else as_yaml(plain))
    elif options.output == "name":
        out.write("".join(f"node/{clean(line.node)}\n" for line in report["nodes"]))
    else:
        out.write("\n".join(_text(report, source, why, wide=options.output == "wide")) + "\n")
    return Exit.FINE


async def _settled(boards: dict[str, Board], session: Session) -> dict[str, ConsoleError]:
    """Wait for all boards; those that cannot be read, each said. Raises when there are neither nodes nor pods."""
    results = await asyncio.gather(*(settle(board, session) for board in boards.values()), return_exceptions=True)
    failed: dict[str, ConsoleError] = {}
    for name, result in zip(boards, results, strict=True):
        if isinstance(result, ConsoleError):
            failed[name] = result
        elif isinstance(result, BaseException):
            raise result
    if "nodes" in failed and "pods" in failed:
        raise failed["nodes"]
    for name, error in failed.items():
        note(f"{name} could not be read: {error}")
    told: set[tuple[str, str]] = set()
    for name, board in boards.items():
        if name not in failed:
            told |= say_missing(board, told)
    return failed


def _report(options: GetOptions, watch: GpuWatch) -> dict[str, Any]:
    nodes = list(watch.lines("node").values())
    by_namespace = list(watch.lines("namespace").values())
    by_job = list(watch.lines("job").values())
    if options.name:
        nodes = [line for line in nodes if line.node == options.name]
        by_job = [line for line in by_job if options.name in line.nodes]
    if options.namespaces:
        by_namespace = [line for line in by_namespace if line.namespace in options.namespaces]
        by_job = [line for line in by_job if line.namespace in options.namespaces]
    return {"totals": watch.totals(), "nodes": nodes, "namespaces": by_namespace, "jobs": by_job}


def _plain(report: dict[str, Any]) -> dict[str, Any]:
    return {
        key: [_line(line) for line in part] if isinstance(part, list) else _line(part) for key, part in report.items()
    }


def _line(line: Any) -> dict[str, Any]:
    found = asdict(line)
    if found.get("util") is not None:
        found["util"] = round(found["util"], 1)
    if found.get("idle") is not None:
        found["idle"]["seconds"] = int(found["idle"]["seconds"])
    return found


def _idle(idle: Idle | None) -> str:
    return f"{idle.gpus} for {age(idle.seconds)}" if idle is not None and idle.gpus else ""


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.0f}"


def _text(report: dict[str, Any], source: str, why: str, *, wide: bool) -> list[str]:
    totals: Totals = report["totals"]
    nodes: list[NodeLine] = report["nodes"]
    lines = _table(
        ("NODE", "MODEL", "STATUS", "GPUS", "USED", "FREE", "BLOCKED", "UNHEALTHY", "UTIL%", "IDLE"),
        [
            (
                line.node,
                line.model,
                line.status,
                str(line.total),
                _figure(line.used),
                _figure(line.free),
                str(line.blocked or ""),
                str(line.unhealthy or ""),
                _figure(line.util),
                _idle(line.idle),
            )
            for line in nodes
        ],
    )
    spaces: list[NamespaceLine] = report["namespaces"]
    lines += [
        "",
        *_table(
            ("NAMESPACE", "OWNER", "USED", "PENDING", "QUOTA", "UTIL%", "IDLE"),
            [
                (
                    line.namespace,
                    line.owner,
                    str(line.used),
                    str(line.pending or ""),
                    "" if line.quota is None else f"{line.quota_used}/{line.quota}",
                    _figure(line.util),
                    _idle(line.idle),
                )
                for line in spaces
            ],
        ),
    ]
    if wide:
        jobs: list[JobLine] = report["jobs"]
        lines += [
            "",
            *_table(
                ("NAMESPACE", "KIND", "NAME", "USED", "PENDING", "PODS", "UTIL%", "IDLE", "NODES"),
                [
                    (
                        line.namespace,
                        line.kind,
                        line.name,
                        str(line.used),
                        str(line.pending or ""),
                        str(line.pods),
                        _figure(line.util),
                        _idle(line.idle),
                        ",".join(line.nodes),
                    )
                    for line in jobs
                ],
            ),
        ]
    used = "?" if totals.used is None else totals.used
    free = "?" if totals.free is None else totals.free
    summary = f"GPUs used {used}/{totals.total}, free {free}, unhealthy {totals.unhealthy}"
    if totals.blocked:
        summary += f", free but blocked {totals.blocked}"
    if totals.largest_free is not None:
        summary += f", largest free block {totals.largest_free}"
    if totals.idle is not None:
        summary += f", idle over an hour {totals.idle.gpus}"
    return [*lines, "", summary, f"utilisation: {source or f'none, {why}'}"]


def _table(titles: tuple[str, ...], rows: list[tuple[str, ...]]) -> list[str]:
    texts = [titles, *([clean(cell) for cell in row] for row in rows)]
    widths = [max(cells(row[i]) for row in texts) for i in range(len(titles))]
    return ["   ".join(fit(cell, width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in texts]
