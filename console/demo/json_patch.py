"""JSON patches: RFC 6902 with the limits and the error wording of the library that kube-apiserver uses.

Facts: github.com/evanphx/json-patch v4.12 (a negative index counts from the end, `-` is the end).
"""

from __future__ import annotations

from typing import Any

from console.demo.jsonvalues import copy, same


class JsonPatchFailure(Exception):
    """An operation that cannot be done, or a test that failed; str() is the library's text."""


_MISSING = "missing value"
_INDEX = "invalid index referenced"


def apply_operations(operations: list[Any], document: Any) -> Any:
    """The document after every operation; the document given is not changed. JsonPatchFailure at the first bad one."""
    holder = [copy(document)]
    for operation in operations:
        if not isinstance(operation, dict):
            raise JsonPatchFailure("Unexpected kind: unknown")
        op = operation.get("op")
        run = _OPERATIONS.get(op) if isinstance(op, str) else None
        if run is None:
            raise JsonPatchFailure(f"Unexpected kind: {op if isinstance(op, str) else 'unknown'}")
        path = _pointer(operation, "path", f"{op} operation failed to decode path")
        run(holder, path, operation)
    return holder[0]


def _pointer(operation: dict[str, Any], key: str, failed: str) -> str:
    value = operation.get(key)
    if not isinstance(value, str):
        raise JsonPatchFailure(f"{failed}: {_MISSING}")
    return value


def _value(operation: dict[str, Any]) -> Any:
    if "value" not in operation:
        raise JsonPatchFailure(f"operation, missing value field: {_MISSING}")
    return copy(operation["value"])


def _container(holder: list[Any], path: str) -> tuple[Any, str] | None:
    """What holds the value at a path, and its key there; None where the way is not there."""
    if path == "":
        return holder, "0"
    if not path.startswith("/"):
        return None
    *way, last = (part.replace("~1", "/").replace("~0", "~") for part in path[1:].split("/"))
    value = holder[0]
    for part in way:
        try:
            value = _get(value, part)
        except JsonPatchFailure:
            return None
    return (value, last) if isinstance(value, dict | list) else None


def _index(items: list[Any], key: str, size: int) -> int:
    try:
        index = int(key) if key.lstrip("+-").isascii() and not key.isspace() else int("")
    except ValueError:
        raise JsonPatchFailure(f"value was not a proper array index: '{key}'") from None
    if index >= size or index < -size:
        raise JsonPatchFailure(f"Unable to access invalid index: {index}: {_INDEX}")
    return index + size if index < 0 else index


def _get(container: Any, key: str) -> Any:
    if isinstance(container, dict):
        if key not in container:
            raise JsonPatchFailure(f"unable to get nonexistent key: {key}: {_MISSING}")
        return container[key]
    if isinstance(container, list):
        return container[_index(container, key, len(container))]
    raise JsonPatchFailure("unknown object type")


def _put(container: Any, key: str, value: Any) -> None:
    if isinstance(container, dict):
        container[key] = value
    elif key == "-":
        container.append(value)
    else:
        container.insert(_index(container, key, len(container) + 1), value)


def _drop(container: Any, key: str) -> None:
    if isinstance(container, list):
        del container[_index(container, key, len(container))]
    elif key in container:
        del container[key]
    else:
        raise JsonPatchFailure(f"Unable to remove nonexistent key: {key}: {_MISSING}")


def _add(holder: list[Any], path: str, operation: dict[str, Any]) -> None:
    value = _value(operation)
    if path == "":
        holder[0] = value
        return
    found = _container(holder, path)
    if found is None:
        raise JsonPatchFailure(f'add operation does not apply: doc is missing path: "{path}": {_MISSING}')
    _named(f"error in add for path: '{path}'", _put, *found, value)


def _remove(holder: list[Any], path: str, operation: dict[str, Any]) -> None:
    del operation
    found = _container(holder, path) if path else None
    if found is None:
        raise JsonPatchFailure(f'remove operation does not apply: doc is missing path: "{path}": {_MISSING}')
    _named(f"error in remove for path: '{path}'", _drop, *found)


def _replace(holder: list[Any], path: str, operation: dict[str, Any]) -> None:
    value = _value(operation)
    found = _container(holder, path)
    if found is None:
        raise JsonPatchFailure(f"replace operation does not apply: doc is missing path: {path}: {_MISSING}")
    container, key = found
    try:
        _get(container, key)
    except JsonPatchFailure:
        text = f"replace operation does not apply: doc is missing key: {path}: {_MISSING}"
        raise JsonPatchFailure(text) from None
    if isinstance(container, list):
        container[_index(container, key, len(container))] = value
    else:
        container[key] = value


def _move(holder: list[Any], path: str, operation: dict[str, Any]) -> None:
    start = _pointer(operation, "from", "move operation failed to decode from")
    found = _container(holder, start) if start else None
    if found is None:
        raise JsonPatchFailure(f"move operation does not apply: doc is missing from path: {start}: {_MISSING}")
    value = _named(f"error in move for path: '{found[1]}'", _get, *found)
    if path.startswith(start + "/"):
        raise JsonPatchFailure(f"move operation does not apply: doc is missing destination path: {path}: {_MISSING}")
    _drop(*found)
    if path == "":
        holder[0] = value
        return
    target = _container(holder, path)
    if target is None:
        raise JsonPatchFailure(f"move operation does not apply: doc is missing destination path: {path}: {_MISSING}")
    _named(f"error in move for path: '{path}'", _put, *target, value)


def _copy(holder: list[Any], path: str, operation: dict[str, Any]) -> None:
    start = _pointer(operation, "from", "copy operation failed to decode from")
    found = _container(holder, start)
    if found is None:
        raise JsonPatchFailure(f"copy operation does not apply: doc is missing from path: {start}: {_MISSING}")
    value = copy(_named(f"error in copy for from: '{start}'", _get, *found))
    if path == "":
        holder[0] = value
        return
    target = _container(holder, path)
    if target is None:
        raise JsonPatchFailure(f"copy operation does not apply: doc is missing destination path: {path}: {_MISSING}")
    _named("error while adding value during copy", _put, *target, value)


def _test(holder: list[Any], path: str, operation: dict[str, Any]) -> None:
    found = _container(holder, path)
    if found is None:
        raise JsonPatchFailure(f"test operation does not apply: is missing path: {path}: {_MISSING}")
    value = _named(f"error in test for path: '{path}'", _get, *found)
    if not same(value, operation.get("value")):
        raise JsonPatchFailure(f"testing value {path} failed: test failed")


def _named(what: str, call: Any, *arguments: Any) -> Any:
    try:
        return call(*arguments)
    except JsonPatchFailure as failure:
        raise JsonPatchFailure(f"{what}: {failure}") from None


_OPERATIONS = {"add": _add, "remove": _remove, "replace": _replace, "move": _move, "copy": _copy, "test": _test}
