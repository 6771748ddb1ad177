"""`kfconsole get`: one list to standard output, read through the same boards the screens read.

Rows are printed as pages arrive where nothing has to be joined to them. What could not be read is said on standard
error; a problem of an object never makes the exit code.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from console.cluster.session import Session, Target
from console.errors import Exit, NotFound, UsageError
from console.headless.output import OUTPUTS, Out, Table, as_json, as_yaml, note, record, resource_name, table_columns
from console.headless.settling import say_missing, settle
from console.kinds.base import Kind
from console.kinds.board import Board, BoardChanges
from console.kinds.catalog import Catalog
from console.live.hub import Hub
from console.live.source import Row

if TYPE_CHECKING:
    from config.settings import Settings


@dataclass(frozen=True, slots=True)
class GetOptions:
    """What to print. `namespaces` empty and not `all_namespaces`: the context's own namespace."""

    kind: str
    name: str = ""
    namespaces: tuple[str, ...] = ()
    all_namespaces: bool = False
    selector: str = ""
    output: str = "table"
    watch: bool = False


async def get(target: Target, options: GetOptions, settings: Settings, *, out: Out | None = None) -> int:
    """Print the rows; the exit code. Raises ConsoleError for what makes it fail."""
    if options.output not in OUTPUTS:
        raise UsageError(f"There is no output {options.output!r}.", f"Take one of {', '.join(OUTPUTS)}.")
    out = out or Out()
    session = await Session.open(target)
    hub = Hub(session, namespaces=settings.values.favourites)
    try:
        if options.kind.strip().lower() in ("gpus", "gpu"):
            from console.headless.gpus import gpus

            return await gpus(session, hub, options, settings, out)
        catalog = Catalog(await session.discovery())
        return await listing(session, hub, catalog, options, out)
    finally:
        await hub.stop()
        await session.close()


def scope(kind: Kind, options: GetOptions, session: Session) -> tuple[str, ...]:
    """The namespaces to read; empty for all. Training jobs of all kinds are looked for everywhere unless told."""
    if options.all_namespaces or not kind.namespaced:
        return ()
    if options.namespaces:
        return options.namespaces
    return () if kind.members else (session.namespace,)


async def listing(session: Session, hub: Hub, catalog: Catalog, options: GetOptions, out: Out) -> int:
    """Print one kind's rows, and with `watch` the changed ones as they come."""
    kind = catalog.find(options.kind)
    namespaces = scope(kind, options, session)
    board = Board(
        hub,
        catalog,
        kind,
        namespaces=namespaces,
        selector=options.selector,
        field_selector=f"metadata.name={options.name}" if options.name else "",
    )
    printer = _Printer(board, options, out, session.clock.now, several=len(namespaces) != 1)
    try:
        if not (kind.joins or options.output in ("table", "wide")):
            printer.follow()
        await settle(board, session)
        say_missing(board)
        found = printer.finish()
        if options.name and not found:
            where = f" in namespace {namespaces[0]}" if len(namespaces) == 1 else ""
            raise NotFound(f"There is no {kind.kind} named {options.name!r}{where}.", reason="NotFound")
        if not found and options.output in ("table", "wide", "name"):
            note(f"no {kind.resource} found" + (f" in namespace {', '.join(namespaces)}." if namespaces else "."))
        if options.watch:
            await printer.watch()
    finally:
        board.close()
    return Exit.FINE


class _Printer:
    """The rows of one board to one output."""

    def __init__(self, board: Board, options: GetOptions, out: Out, now: Callable[[], float], *, several: bool) -> None:
        self._board = board
        self._options = options
        self._out = out
        self._now = now
        self._several = several
        self._printed: dict[str, Row] = {}
        self._unfollow: Callable[[], None] | None = None
        self._table: Table | None = None
        self._begun = False

    def follow(self) -> None:
        """Print rows as pages arrive."""
        self._page(self._board.rows)

        def changed(changes: BoardChanges) -> None:
            self._page(changes.upserted)

        self._unfollow = self._board.subscribe(changed)

    def _page(self, keys: Iterable[str]) -> None:
        rows = self._board.rows
        fresh = {key: rows[key] for key in sorted(keys) if key not in self._printed and key in rows}
        self._print(list(fresh.values()))
        self._printed.update(fresh)

    def finish(self) -> int:
        """Print what is not printed yet and the end; how many rows there were."""
        if self._unfollow is not None:
            self._unfollow()
        self._page(self._board.rows)
        output = self._options.output
        if output == "json" and not self._options.watch:
            self._out.write("\n]\n" if self._begun else "[]\n")
        elif output == "yaml" and not self._begun:
            self._out.write("[]\n")
        return len(self._printed)

    def _print(self, rows: list[Row]) -> None:
        if not rows:
            return
        kind, now, output = self._board.kind, self._now(), self._options.output
        if output in ("table", "wide"):
            lines = self._lines(kind, rows, now)
        elif output == "name":
            lines = [resource_name(kind, row) for row in rows]
        elif output == "yaml":
            lines = [as_yaml([record(kind, row, now)]).rstrip("\n") for row in rows]
        else:
            lines = [as_json(record(kind, row, now)) for row in rows]
            if not self._options.watch:
                self._out.write(("[\n" if not self._begun else ",\n") + ",\n".join(lines))
                self._begun = True
                return
        self._begun = True
        self._out.write("\n".join(lines) + "\n")

    def _lines(self, kind: Kind, rows: list[Row], now: float) -> list[str]:
        if self._table is None:
            wide = self._options.output == "wide"
            self._table = Table(table_columns(kind, wide=wide, namespaced=self._several), uncut=wide)
        table = self._table
        return table.lines(table.texts(row, now) for row in rows)

    async def watch(self) -> None:
        """Print rows that differ from what was printed, until nobody reads or the person stops it."""
        batches: asyncio.Queue[BoardChanges] = asyncio.Queue()
        self._board.subscribe(batches.put_nowait)
        while not self._out.closed:
            changes = await batches.get()
            rows = self._board.rows
            keys = rows if changes.reset else changes.upserted
            changed = {key: rows[key] for key in sorted(keys) if key in rows and self._printed.get(key) != rows[key]}
            self._print(list(changed.values()))
            self._printed.update(changed)
            for key in sorted(changes.removed):
                if self._printed.pop(key, None) is not None:
                    self._gone(key)
            fresh = self._board.freshness
            if fresh.phase in ("denied", "absent") and fresh.error is not None:
                raise fresh.error

    def _gone(self, key: str) -> None:
        path = key.partition(":")[0]
        namespace, _, name = path.rpartition("/")
        if self._options.output in ("json", "yaml"):
            gone = {"kind": self._board.kind.kind, "namespace": namespace, "name": name, "removed": True}
            text = as_json(gone) if self._options.output == "json" else as_yaml([gone]).rstrip("\n")
        else:
            text = f"{path} removed"
        self._out.write(f"{text}\n")
