"""Which kinds this cluster serves, and what a typed word means: plural, singular, short name, alias or plural.group."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING

from console.errors import NotFound, UsageError
from console.kinds.base import Kind
from console.kinds.decoding import KindSource
from console.kinds.generic import TableSource, generic_kind
from console.kinds.registry import KINDS

if TYPE_CHECKING:
    from console.cluster.discovery import Discovery, Resource


class Catalog:
    """The kinds of one cluster, and the words for them; made anew when discovery is refreshed."""

    def __init__(self, discovery: Discovery) -> None:
        self._failed = tuple(discovery.failed)
        self._kinds: dict[str, Kind] = {}
        self._versions: dict[str, str] = {}
        self._absent: dict[str, str] = {}
        self._sources: dict[str, KindSource | TableSource] = {}
        served: dict[tuple[str, str], list[Resource]] = {}
        for entry in discovery.resources:
            if "/" not in entry.plural:
                served.setdefault((entry.group, entry.plural), []).append(entry)
        entries = self._take_written(served)
        entries.update(self._take_generic(served))
        self._words: dict[str, str] = {}
        for words in (_first_words, _later_words):
            for name, kind in self._kinds.items():
                for word in words(kind, entries.get(name, ())):
                    if word:
                        self._words.setdefault(word.lower(), name)
        self._missing = {
            word.lower(): kind
            for kind, _ in reversed(self.absent())
            for word in (*_first_words(kind, ()), *_later_words(kind, ()))
        }

    def _take_written(self, served: dict[tuple[str, str], list[Resource]]) -> dict[str, Sequence[Resource]]:
        entries: dict[str, Sequence[Resource]] = {}
        for kind in KINDS.values():
            if kind.members:
                if any((KINDS[m].group, KINDS[m].resource) in served for m in kind.members):
                    self._kinds[kind.name] = kind
                else:
                    self._absent[kind.name] = f"none of {', '.join(kind.members)} is installed on this cluster"
                continue
            found = [e for e in served.get((kind.group, kind.resource), ()) if "list" in e.verbs]
            version = next((v for v in kind.versions if any(e.version == v for e in found)), None)
            if version is None:
                self._absent[kind.name] = self._why_absent(kind)
                continue
            self._kinds[kind.name] = kind
            self._versions[kind.name] = version
            entries[kind.name] = found
        return entries

    def _take_generic(self, served: dict[tuple[str, str], list[Resource]]) -> dict[str, Sequence[Resource]]:
        written = {(kind.group, kind.resource) for kind in self._kinds.values() if not kind.members}
        if ("", "events") in written:
            written.add(("events.k8s.io", "events"))  # the same objects
        entries: dict[str, Sequence[Resource]] = {}
        for (group, plural), versions in sorted(served.items()):
            found = [entry for entry in versions if "list" in entry.verbs]
            if (group, plural) in written or not found:
                continue
            entry = next((entry for entry in found if entry.preferred), found[0])
            name = plural if plural not in self._kinds and plural not in KINDS else f"{plural}.{group}"
            written_but_older = KINDS.get(plural)
            if written_but_older is not None and written_but_older.group == group:
                self._absent.pop(plural, None)  # served in no version its file reads: the table shows it
            self._kinds[name] = generic_kind(
                name=name,
                plural=plural,
                group=group,
                version=entry.version,
                kind=entry.kind,
                namespaced=entry.namespaced,
                aliases=tuple(entry.short_names),
            )
            self._versions[name] = entry.version
            entries[name] = found
        return entries

    def _why_absent(self, kind: Kind) -> str:
        for group_version, why in self._failed:
            if group_version.partition("/")[0] == kind.group:
                return f"the cluster could not say what {group_version} serves: {why}"
        return f"{kind.qualified} is not installed on this cluster"

    def find(self, word: str) -> Kind:
        """The kind a word means; NotFound for one that is known but not served, UsageError for an unknown word."""
        wanted = word.strip().lower()
        name = self._words.get(wanted)
        if name is not None:
            return self._kinds[name]
        missing = self._missing.get(wanted)
        if missing is not None:
            step = "Batch Jobs are `jobs.batch`." if missing.name == "jobs" else ""
            raise NotFound(f"There are no {missing.name} here: {self._absent[missing.name]}.", step, reason="NotFound")
        near = get_close_matches(wanted, [*self._words, *self._missing], n=4, cutoff=0.6)
        step = f"Did you mean {', '.join(near)}?" if near else "`kfconsole get` takes any kind the cluster serves."
        raise UsageError(f"This cluster serves no kind named {word!r}.", step)

    def get(self, name: str) -> Kind | None:
        """The served kind of exactly this name, or None: for joins and composite lists."""
        return self._kinds.get(name)

    def all(self) -> list[Kind]:
        """Every served kind: those with a file in registry order, then the others by group."""
        return list(self._kinds.values())

    def absent(self) -> list[tuple[Kind, str]]:
        """Kinds with a file that this cluster does not serve, each with why."""
        return [(KINDS[name], why) for name, why in self._absent.items()]

    def complete(self, prefix: str) -> list[str]:
        """Words that begin with `prefix`: kind names first, then other spellings, each once."""
        start = prefix.strip().lower()
        names = [name for name in self._kinds if name.startswith(start)]
        return names + sorted(word for word in self._words if word.startswith(start) and word not in self._kinds)

    def version(self, kind: Kind) -> str:
        """The API version that is read; of a composite, of its first served member."""
        if kind.members:
            return next(self._versions[member] for member in kind.members if member in self._versions)
        return self._versions[kind.name]

    def source(self, kind: Kind) -> KindSource | TableSource:
        """How bytes of a served kind become rows; one source a kind, so that learnt columns are shared."""
        found = self._sources.get(kind.name)
        if found is None:
            version = self._versions[kind.name]
            found = TableSource(self._kinds[kind.name], version) if kind.table else KindSource(kind, version)
            self._sources[kind.name] = found
        return found


def _first_words(kind: Kind, entries: Sequence[Resource]) -> list[str]:
    """Spellings that must not be taken by another kind."""
    words = [kind.name, *kind.aliases, kind.qualified if kind.group else ""]
    for entry in entries:
        if entry.group:
            words += [f"{entry.plural}.{entry.version}.{entry.group}", f"{entry.singular}.{entry.group}"]
    return words


def _later_words(kind: Kind, entries: Sequence[Resource]) -> list[str]:
    """Spellings taken where still free: plural, singular, Kind and what discovery calls it."""
    words = [kind.resource, kind.kind]
    for entry in entries:
        words += [entry.singular, *entry.short_names]
    return words
