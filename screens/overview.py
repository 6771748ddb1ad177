"""The start view's lines, made of rows: attention, running jobs, GPUs, namespaces, platform. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rich.style import Style

from console.clock import age
from console.kinds.base import Health
from console.text import clean, cut, fit
from screens.palette import Palette
from screens.places import Place
from screens.widgets.lines import Line, Part

if TYPE_CHECKING:
    from console.kinds.attention import Item
    from console.kinds.inventory import NodeLine, Totals
    from console.kinds.tenancy import TenantRow

# Namespaces whose deployments are the platform itself.
PLATFORM = frozenset(
    {"kubeflow", "kubeflow-system", "kserve", "knative-serving", "istio-system", "cert-manager", "kueue-system"}
    | {"jobset-system", "auth", "monitoring", "gpu-operator", "oauth2-proxy", "metacontroller", "volcano-system"}
)


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the start view: a title, perhaps a header, and rows of which some may be folded away."""

    title: Sequence[Part]
    rows: Sequence[Line]
    header: str = ""
    empty: str = ""  # what it says where it has no rows
    more: str = ""  # key of the line that unfolds the rest


def lay(section: Section, limit: int, palette: Palette) -> list[Line]:
    """The lines of a section with at most `limit` rows, and a line that unfolds the others."""
    lines = [Line(tuple(section.title))]
    if section.rows and section.header:
        lines.append(Line(((section.header, palette.quiet),)))
    if not section.rows:
        return [*lines, Line(((f"    {section.empty}", palette.quiet),))]
    if len(section.rows) <= limit:
        return [*lines, *section.rows]
    shown = max(1, limit - 1)
    rest = f"   ... {len(section.rows) - shown} more (enter shows them)"
    return [*lines, *section.rows[:shown], Line(((rest, palette.quiet),), key=section.more)]


def attention_section(
    items: Sequence[Item], now: float, width: int, palette: Palette, note: str, place: Callable[[Item], Place]
) -> Section:
    """What is broken, whose, since when."""
    kinds = min(14, max([10, *(len(item.kind) for item in items)]))
    names = _width((item.name for item in items), 12, 22 if width < 100 else 32)
    spaces = _width((item.namespace for item in items), 9, 14 if width < 100 else 20)
    rows = []
    for item in items:
        since = age(now - item.since) if item.since else ""
        lead = (
            f"{fit(item.kind, kinds)} {fit(clean(item.name), names)} {fit(clean(item.namespace), spaces)} {since:>6} "
        )
        what = clean(_brief(item.what, item.name)) + (f"  ({clean(item.owner)})" if item.owner else "")
        state = palette.state(item.severity)
        parts: tuple[Part, ...] = ((f" {fit(item.severity.glyph, 2)}", state), (lead, None), (what, state))
        rows.append(Line(parts, key=f"item {item.key}", target=place(item)))
    header = f"   {fit('KIND', kinds)} {fit('NAME', names)} {fit('NAMESPACE', spaces)} {'SINCE':>6} WHAT"
    title = [(f" Attention ({len(items)})", palette.strong), (f"  {note}", palette.waiting)]
    empty = "Nothing is broken or stuck." if not note else "Nothing found yet."
    return Section(title, rows, header, empty, more="more attention")


def jobs_section(
    jobs: Sequence[Any],
    now: float,
    width: int,
    palette: Palette,
    note: str,
    health: Callable[[Any, float], Health],
    place: Callable[[Any], Place],
) -> Section:
    """Running jobs with GPUs, ranks and age."""
    kinds = min(14, max([10, *(len(job.kind) for job in jobs)]))
    names = _width((job.name for job in jobs), 12, 24 if width < 100 else 40)
    spaces = _width((job.namespace for job in jobs), 9, 16 if width < 100 else 24)
    rows = []
    for job in jobs:
        found = health(job, now)
        ranks = f"{job.running if job.running is not None else '?'}/{job.wanted if job.wanted is not None else '?'}"
        text = (
            f"{fit(job.kind, kinds)} {fit(clean(job.name), names)} {fit(clean(job.namespace), spaces)} "
            f"{job.gpus or '':>5} {ranks:>7} {age(now - (job.started or job.created)):>6}  "
        )
        parts: tuple[Part, ...] = (
            (f" {fit(found.state.glyph, 2)}", palette.state(found.state)),
            (text, None),
            (clean(f"{found.word}: {found.reason}" if found.reason else found.word), palette.state(found.state)),
        )
        rows.append(Line(parts, key=f"job {job.key}", target=place(job)))
    header = (
        f"   {fit('KIND', kinds)} {fit('NAME', names)} {fit('NAMESPACE', spaces)} "
        f"{'GPUS':>5} {'RANKS':>7} {'AGE':>6}  STATE"
    )
    title = [(f" Running jobs ({len(jobs)})", palette.strong), (f"  {note}", palette.waiting)]
    return Section(title, rows, header, "No training job runs." if not note else "None found yet.", more="more jobs")


def full(item: Item) -> str:
    """All that is known of one item, for where there is room for it."""
    owner = f"  (owner {item.owner})" if item.owner else ""
    return clean(f"{item.what}{owner}")


def gpu_lines(totals: Totals, palette: Palette, width: int, *, known: bool = True) -> list[Line]:
    """The cluster's GPUs, in one line where it fits; `known` is whether the nodes could be read."""
    bold = palette.strong
    if not totals.total:
        words = "  no node has GPUs" if known else "  not known"
        return [Line(((" GPUs", bold), (words, palette.quiet)))]
    used = "?" if totals.used is None else str(totals.used)
    parts: list[Part] = [(" GPUs", bold), (f"  used {used}/{totals.total}", None)]
    if totals.free is not None:
        most = f" ({totals.largest_free} on one node)" if totals.largest_free else ""
        parts.append((f"  free {totals.free}{most}", palette.ok if totals.free else None))
    if totals.unhealthy:
        where = ", ".join(totals.unhealthy_nodes[:3]) + (" ..." if len(totals.unhealthy_nodes) > 3 else "")
        parts.append((f"  x unhealthy {totals.unhealthy} ({clean(where)})", palette.error))
    if totals.idle is not None and totals.idle.gpus:
        owners = len(totals.idle.owners)
        whose = totals.idle.owners[0] if owners == 1 else f"{owners} owners"
        parts.append((f"  ! idle>1h {totals.idle.gpus} ({clean(whose)})", palette.warning))
    if totals.blocked:
        parts.append((f"  ! cordoned {totals.blocked}", palette.warning))
    if totals.pending:
        parts.append((f"  . waited for {totals.pending}", palette.waiting))
    lines: list[list[Part]] = [[]]
    for part in parts:
        if lines[-1] and sum(len(text) for text, _ in lines[-1]) + len(part[0]) > width - 3:
            lines.append([("     ", None)])
        lines[-1].append(part)
    return [Line(tuple(line), key="" if number else "gpus", target=Place("gpus")) for number, line in enumerate(lines)]


def node_lines(nodes: Sequence[NodeLine], width: int, palette: Palette, limit: int) -> list[Line]:
    """GPUs by node: `#` used, `.` free, `x` unhealthy."""
    from screens.widgets.chart import slots

    rows = []
    names = _width((line.node for line in nodes), 8, 24)
    ranked = sorted(nodes, key=lambda line: (-line.unhealthy, line.status == "Ready", line.node))
    for line in ranked[:limit]:
        free = line.free or 0
        bar = slots(line.used or 0, free, line.unhealthy)
        bad = line.unhealthy or line.status != "Ready"
        text = f"  {fit(clean(line.node), names)} {fit(_model(line.model), 10)} {bar}"
        note = (
            "" if line.status == "Ready" else f"  {clean(line.status.replace('Ready,SchedulingDisabled', 'cordoned'))}"
        )
        note += f"  x {line.unhealthy} unhealthy" if line.unhealthy else ""
        parts: tuple[Part, ...] = ((text, None), (note, palette.error if bad else None))
        rows.append(Line(parts, key=f"node {line.node}", target=Place("describe", kind="nodes", key=line.node)))
    if len(nodes) > limit:
        rows.append(Line(((f"  ... {len(nodes) - limit} more nodes", palette.quiet),)))
    return rows


def namespaces_section(rows: Sequence[TenantRow], width: int, palette: Palette, note: str) -> Section:
    """Namespaces with what runs in them, the busiest first."""
    narrow = width < 70
    names = _width((row.name for row in rows), 10, 18 if narrow else 30)
    ranked = sorted(rows, key=lambda row: (-(row.gpus or 0), -(row.pods or 0), row.name))
    lines = []
    for row in ranked:
        gpus = _figure(row.gpus) if row.quota_hard is None else f"{_figure(row.gpus)}/{row.quota_hard}"
        text = f"  {fit(clean(row.name), names)} {_figure(row.pods):>5} {gpus:>7}  "
        failing = f"{row.failing} failed  " if row.failing else ""
        owner = clean(row.owner.partition("@")[0] if narrow else row.owner)
        parts: tuple[Part, ...] = ((text, None), (failing, palette.error), (owner, palette.quiet))
        lines.append(Line(parts, key=f"namespace {row.name}", target=("namespace", row.name)))
    header = f"  {fit('NAME', names)} {'PODS':>5} {'GPUS':>7}  OWNER"
    title = [(f" Namespaces ({len(rows)})", palette.strong), (f"  {note}", palette.waiting)]
    return Section(title, lines, header, "None found yet." if note else "No namespace may be read.", "more namespaces")


def platform_lines(
    deployments: Iterable[Any], installed: Sequence[str], absent: Collection[str], palette: Palette, width: int
) -> list[Line]:
    """What the platform consists of, and which part is not ready."""
    parts: list[Part] = [(" Platform", palette.strong)]
    mine = [row for row in deployments if row.namespace in PLATFORM]
    short = [row for row in mine if row.ready < row.wanted and not row.deleting]
    if installed:  # nothing is called well that was not read
        well = bool(mine) and not short
        parts.append((f"  {'ok' if well else 'installed'}: {' '.join(installed)}", palette.ok if well else None))
    parts += [(f"  x {clean(row.name)} {row.ready}/{row.wanted}", palette.error) for row in short[:4]]
    lines = [Line(tuple(parts), key="platform", target=Place("list", kind="deployments", namespaces=_spaces(mine)))]
    if absent:
        words = cut(f"           not installed: {' '.join(absent)}", width - 2)
        lines.append(Line(((words, palette.quiet),), key="absent", target=Place("aliases")))
    return lines


def _model(model: str) -> str:
    """A GPU's product label without its maker: `H100-80GB`."""
    return clean(model.removeprefix("NVIDIA-").removeprefix("Tesla-"))


def _brief(what: str, name: str) -> str:
    """A sentence without the object's name in front of its pods' names, which stands beside it."""
    return what.replace(f"{name}-", "")


def _spaces(rows: Iterable[Any]) -> tuple[str, ...]:
    return tuple(sorted({row.namespace for row in rows}))


def _width(texts: Iterable[str], least: int, most: int) -> int:
    return min(most, max([least, *map(len, texts)]))


def _figure(value: int | None) -> str:
    return "" if value is None else str(value)


def styled(text: str, style: Style | None = None) -> Line:
    """One plain line."""
    return Line(((text, style),))
