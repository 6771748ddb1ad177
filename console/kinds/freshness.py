"""How current a board is: several lists' freshness as one, and what of it is not known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from console.live.feed import ABSENT, DENIED, LIVE, LOADING, STALE, Freshness


@dataclass(frozen=True, slots=True)
class BoardFreshness(Freshness):
    """The worst of the lists shown; denied and absent only when nothing of them can be read."""

    missing: tuple[tuple[str, str], ...] = ()  # (kind, why) of lists and joined figures that are not known


def why(fresh: Freshness) -> str:
    """The sentence for a list that is denied or absent."""
    return str(fresh.error) if fresh.error is not None else fresh.phase


def merge_freshness(
    states: Sequence[tuple[str, Freshness]], missing: tuple[tuple[str, str], ...] = ()
) -> BoardFreshness:
    """Several lists' freshness, each with its kind's name, as one: loading before stale before live.

    Refused lists beside readable ones do not make it worse: they are named as missing.
    """
    readable = [fresh for _, fresh in states if fresh.phase not in (DENIED, ABSENT)]
    refused = [(name, fresh) for name, fresh in states if fresh.phase in (DENIED, ABSENT)]
    named = dict.fromkeys((name, why(fresh)) for name, fresh in refused)
    denied = tuple(dict.fromkeys(namespace for _, fresh in states for namespace in fresh.denied))
    error = next((fresh.error for _, fresh in states if fresh.error is not None), None)
    if not readable:
        phase = DENIED if any(fresh.phase == DENIED for _, fresh in refused) else ABSENT
        return BoardFreshness(phase, error=error, denied=denied, missing=(*named, *missing))
    phases = {fresh.phase for fresh in readable}
    remaining = [fresh.remaining for fresh in readable if fresh.remaining is not None]
    return BoardFreshness(
        phase=LOADING if LOADING in phases else STALE if STALE in phases else LIVE,
        since=min(fresh.since for fresh in readable),
        loaded=sum(fresh.loaded for fresh in readable),
        remaining=sum(remaining) if remaining else None,
        error=error,
        denied=denied,
        missing=(*named, *missing),
    )
