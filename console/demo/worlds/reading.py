"""YAML with line numbers: plain values for the program, and for every value the line it stands on.

Times stay text, a key given twice is refused, and every complaint names its line.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NoReturn

import yaml

from console.errors import UsageError

DEEPEST = 200  # levels of nesting; more is no world but an accident


class _Loader(yaml.CSafeLoader):
    """YAML 1.1 without timestamps: Kubernetes times are text."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}


class Document:
    """One YAML document: its value, and where each part of it stands."""

    def __init__(self, text: str, name: str) -> None:
        """Read `text`; `name` is what complaints call it. UsageError with the line where it is not YAML."""
        self.name = name
        self._root: yaml.Node | None = None
        loader = _Loader(text)
        try:
            self._root = loader.get_single_node()
            if self._root is not None:
                self._check(self._root, 0, frozenset())
            self.value: Any = loader.construct_document(self._root) if self._root is not None else None
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            self._refuse(mark.line + 1 if mark else 1, str(error.problem or error.context or "it is not YAML"))
        except yaml.YAMLError as error:
            self._refuse(1, str(error).splitlines()[0])
        finally:
            loader.dispose()

    def line(self, *path: str | int) -> int:
        """The line of the value at `path` (keys and indexes); of the nearest part there is, when it is absent."""
        node = self._root
        for step in path:
            following = _child(node, step)
            if following is None:
                break
            node = following
        return node.start_mark.line + 1 if node is not None else 1

    def refuse(self, path: tuple[str | int, ...], why: str) -> NoReturn:
        """Complain about the value at `path`."""
        self._refuse(self.line(*path), why)

    def _refuse(self, line: int, why: str) -> NoReturn:
        raise UsageError(f"{self.name}, line {line}: {why}.") from None

    def _check(self, node: yaml.Node, depth: int, above: frozenset[int]) -> None:
        line = node.start_mark.line + 1
        if depth > DEEPEST:
            self._refuse(line, "nested too deeply")
        if id(node) in above:
            self._refuse(line, "an alias contains itself")
        if isinstance(node, yaml.MappingNode):
            seen: set[str] = set()
            for key, _ in node.value:
                if not isinstance(key, yaml.ScalarNode):
                    self._refuse(key.start_mark.line + 1, "a key has to be text")
                if key.tag == "tag:yaml.org,2002:merge":
                    continue
                key.tag = "tag:yaml.org,2002:str"  # JSON has no other keys; `on` is a word here
                if key.value in seen:
                    self._refuse(key.start_mark.line + 1, f"the key {key.value!r} is given twice")
                seen.add(key.value)
        for child in _children(node):
            self._check(child, depth + 1, above | {id(node)})


def _children(node: yaml.Node) -> Iterator[yaml.Node]:
    if isinstance(node, yaml.SequenceNode):
        yield from node.value
    elif isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield key
            yield value


def _child(node: yaml.Node | None, step: str | int) -> yaml.Node | None:
    if isinstance(node, yaml.MappingNode):
        return next((value for key, value in node.value if getattr(key, "value", None) == step), None)
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
        found: yaml.Node = node.value[step]
        return found
    return None
