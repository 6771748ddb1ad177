"""`kfconsole gpus`: where the GPUs are, by node, namespace and job, with what telemetry says of them."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from console.errors import ConsoleError, Exit, NotFound
from console.headless.output import Out, as_json, as_yaml, note
from console.headless.settling import say_missing, settle
from console.kinds import inventory
from console.kinds.board import Board
from console.kinds.catalog import Catalog
from console.kinds.inventory import JobLine, NamespaceLine, NodeLine, Readings, Totals
from console.kinds.pods import PodRow
from console.text import cells, clean, fit

if TYPE_CHECKING:
    from config.settings import Settings
    from console.cluster.session import Session
    from console.headless.get import GetOptions
    from console.live.hub import Hub


async def gpus(session: Session, hub: Hub, options: GetOptions, settings: Settings, out: Out) -> int:
    """Print the inventory once."""
    catalog = Catalog(await session.discovery())
    boards = {name: Board(hub, catalog, catalog.find(name)) for name in ("nodes", "pods", "namespaces")}
    jobs = catalog.get("jobs")
    if jobs is not None:
        boards["jobs"] = Board(hub, catalog, jobs)
    try:
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
        for name, board in boards.items():
            if name not in failed:
                say_missing(board)
        rows: dict[str, list[Any]] = {name: list(board.rows.values()) for name, board in boards.items()}
        pods = [] if "pods" in failed else rows["pods"]
        readings, source, why = await read_figures(session, settings, pods)
        report = _report(options, rows, None if "pods" in failed else pods, readings)
    finally:
        for board in boards.values():
            board.close()
    if options.name and not report["nodes"]:
        raise NotFound(f"There is no node named {options.name!r} with GPUs.", reason="NotFound")
    if options.output == "json":
        out.write(as_json(_plain(report) | {"source": source or None, "why_none": why or None}) + "\n")
    elif options.output == "yaml":
        out.write(as_yaml(_plain(report) | {"source": source or None, "why_none": why or None}))
    elif options.output == "name":
        out.write("".join(f"node/{clean(line.node)}\n" for line in report["nodes"]))
    else:
        out.write("\n".join(_text(report, source, why, wide=options.output == "wide")) + "\n")
    return Exit.FINE


async def read_figures(session: Session, settings: Settings, pods: list[PodRow]) -> tuple[Readings | None, str, str]:
    """(figures by pod, where they are from, why there are none)."""
    return None, "", "no telemetry source"


def _report(
    options: GetOptions, rows: dict[str, list[Any]], pods: list[PodRow] | None, readings: Readings | None
) -> dict[str, Any]:
    nodes: list[NodeLine] = inventory.by_node(rows["nodes"], pods or (), readings)
    by_namespace = inventory.by_namespace(pods or (), rows["namespaces"], readings)
    by_job = inventory.by_job(pods or (), rows.get("jobs", ()), readings)
    if options.name:
        nodes = [line for line in nodes if line.node == options.name]
        by_job = [line for line in by_job if options.name in line.nodes]
    if options.namespaces:
        by_namespace = [line for line in by_namespace if line.namespace in options.namespaces]
        by_job = [line for line in by_job if line.namespace in options.namespaces]
    return {
        "totals": inventory.totals(rows["nodes"], pods, readings),
        "nodes": nodes,
        "namespaces": by_namespace,
        "jobs": by_job,
    }


def _plain(report: dict[str, Any]) -> dict[str, Any]:
    return {
        key: [asdict(line) for line in part] if isinstance(part, list) else asdict(part) for key, part in report.items()
    }


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.0f}"


def _text(report: dict[str, Any], source: str, why: str, *, wide: bool) -> list[str]:
    totals: Totals = report["totals"]
    nodes: list[NodeLine] = report["nodes"]
    lines = _table(
        ("NODE", "MODEL", "STATUS", "GPUS", "USED", "FREE", "BLOCKED", "UNHEALTHY", "UTIL%"),
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
            )
            for line in nodes
        ],
    )
    spaces: list[NamespaceLine] = report["namespaces"]
    lines += [
        "",
        *_table(
            ("NAMESPACE", "OWNER", "USED", "PENDING", "QUOTA", "UTIL%"),
            [
                (
                    line.namespace,
                    line.owner,
                    str(line.used),
                    str(line.pending or ""),
                    "" if line.quota is None else f"{line.quota_used}/{line.quota}",
                    _figure(line.util),
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
                ("NAMESPACE", "KIND", "NAME", "USED", "PENDING", "PODS", "UTIL%", "NODES"),
                [
                    (
                        line.namespace,
                        line.kind,
                        line.name,
                        str(line.used),
                        str(line.pending or ""),
                        str(line.pods),
                        _figure(line.util),
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
        summary += f", idle {totals.idle.gpus}"
    return [*lines, "", summary, f"utilisation: {source or f'none, {why}'}"]


def _table(titles: tuple[str, ...], rows: list[tuple[str, ...]]) -> list[str]:
    texts = [titles, *([clean(cell) for cell in row] for row in rows)]
    widths = [max(cells(row[i]) for row in texts) for i in range(len(titles))]
    return ["   ".join(fit(cell, width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in texts]
