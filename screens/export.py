"""A table as text for a file: CSV, JSON with the stable keys of headless output, or a Markdown table. Pure."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable
from typing import Any

from console.kinds.base import Kind

FORMS = ("csv", "json", "md")


def exported(kind: Kind, rows: Iterable[Any], now: float, form: str) -> str:
    """`rows` in the given form; raises ValueError for a form that is not one of FORMS."""
    shown = [column for column in kind.columns if column.title]
    if form == "json":
        columns = [*kind.columns, *kind.extras]
        objects = [{column.key: column.value(row, now) for column in columns} for row in rows]
        return json.dumps(objects, indent=1, ensure_ascii=False) + "\n"
    cells = [[column.cell(row, now) for column in shown] for row in rows]
    if form == "csv":
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow([column.key for column in shown])
        writer.writerows([[_harmless(cell) for cell in row] for row in cells])
        return out.getvalue()
    if form == "md":
        lines = [[column.title for column in shown], ["---"] * len(shown), *cells]
        return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in lines)
    raise ValueError(form)


def _harmless(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    return "'" + cell if cell[:1] in ("=", "+", "@") else cell
