"""Chunks of bytes joined into lines, with bounded memory."""

from __future__ import annotations

from collections.abc import AsyncIterator

from console.errors import ServerFailed

CUT_MARK = b" ...[cut]"


async def split(chunks: AsyncIterator[bytes], *, longest: int, cut: bool = False) -> AsyncIterator[list[bytes]]:
    """Whole lines without their newline, in batches as they arrive; empty lines are left out of a watch by its reader.

    A line over `longest` bytes raises ServerFailed; with `cut` its first `longest` bytes and a mark are given, and
    the rest is passed over. What remains at the end without a newline is a line too.
    """
    parts: list[bytes] = []
    size = 0
    skipping = False
    async for chunk in chunks:
        pieces = chunk.split(b"\n")
        batch: list[bytes] = []
        for piece in pieces[:-1]:
            if skipping:
                skipping = False
                continue
            if parts:
                parts.append(piece)
                piece = b"".join(parts)
                parts, size = [], 0
            if len(piece) > longest:
                piece = _over(piece, longest, cut)
            batch.append(piece)
        rest = pieces[-1]
        if rest and not skipping:
            parts.append(rest)
            size += len(rest)
            if size > longest:
                batch.append(_over(b"".join(parts), longest, cut))
                parts, size, skipping = [], 0, True
        if batch:
            yield batch
    if parts:
        yield [b"".join(parts)]


def _over(line: bytes, longest: int, cut: bool) -> bytes:
    if not cut:
        raise ServerFailed(f"The server sent a line longer than {longest >> 20} MiB.")
    return line[:longest] + CUT_MARK
