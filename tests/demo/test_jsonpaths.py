"""JSONPath: what custom columns find in an object."""

from __future__ import annotations

import pytest

from console.demo.jsonpaths import PathFailure, compile_path

CONDITIONS = {"status": {"conditions": [{"type": "Created", "n": 1}, {"type": "Ready", "status": "True", "n": 5}]}}


@pytest.mark.parametrize(
    ("path", "found"),
    [
        (".status.conditions[-1:].type", ["Ready"]),
        (".status.conditions[0].type", ["Created"]),
        (".status.conditions[-1].type", ["Ready"]),
        (".status.conditions[*].type", ["Created", "Ready"]),
        (".status.conditions[0,1].type", ["Created", "Ready"]),
        (".status.conditions[?(@.type=='Ready')].status", ["True"]),
        ('.status.conditions[?(@.type == "Ready")].status', ["True"]),
        (".status.conditions[?(@.n>1)].type", ["Ready"]),
        (".status.conditions[?(@.n!=1)].type", ["Ready"]),
        (".status.conditions[?(@.status)].type", ["Ready"]),
        (".status['conditions'][0]['type']", ["Created"]),
        ("{..type}", ["Created", "Ready"]),
        (".status.nothing.at.all", []),
    ],
)
def test_paths_find_what_kubectl_finds(path, found):
    assert compile_path(path)(CONDITIONS) == found


def test_keys_with_dots_are_escaped():
    obj = {"metadata": {"labels": {"a.b/c": "x"}}}
    assert compile_path(r".metadata.labels['a\.b/c']")(obj) == compile_path(r".metadata.labels.a\.b/c")(obj) == ["x"]


@pytest.mark.parametrize("path", [".a[", ".a[]", ".a[?(@.b", ".a[?(@.b==x)]"])
def test_paths_that_cannot_be_read_are_refused(path):
    with pytest.raises(PathFailure):
        compile_path(path)
