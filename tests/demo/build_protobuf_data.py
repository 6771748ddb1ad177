"""Makes console/demo/data/protobuf.json.gz: the wire numbers of the Kubernetes API, read from its Go types.

    python tests/demo/build_protobuf_data.py FOLDER

FOLDER holds the module sources k8s.io/api and k8s.io/apimachinery, as the Go module cache lays
them out. Run it again for a newer Kubernetes.
"""

from __future__ import annotations

import gzip
import json
import re
import sys
from pathlib import Path

VERSION = "v0.34.3"
OUT = Path(__file__).parents[2] / "console" / "demo" / "data" / "protobuf.json.gz"
SCALARS = {"string": "s", "bool": "b", "float64": "d"} | dict.fromkeys(("int", "int32", "int64", "uint32"), "i")
SPECIAL = {
    "k8s.io/apimachinery/pkg/api/resource.Quantity": "quantity",
    "k8s.io/apimachinery/pkg/util/intstr.IntOrString": "intstr",
    "k8s.io/apimachinery/pkg/apis/meta/v1.Time": "time",
    "k8s.io/apimachinery/pkg/apis/meta/v1.MicroTime": "microtime",
    "k8s.io/apimachinery/pkg/apis/meta/v1.FieldsV1": "raw",
    "k8s.io/apimachinery/pkg/runtime.RawExtension": "raw",
}
FIELD = re.compile(r"^\t(?:(\w+)\s+)?([\w.\[\]*]+)\s+`(.*)`")


def read(package: str, folder: Path, structs: dict, names: dict) -> None:
    for path in sorted(folder.glob("*.go")):
        if path.name.endswith("_test.go") or path.name.startswith(("zz_", "generated")):
            continue
        text = path.read_text()
        imports = {}
        for alias, target in re.findall(r'^\s*(?:import )?(\w+)?\s*"(k8s\.io/[^"]+)"', text, re.M):
            imports[alias or target.rsplit("/", 1)[1]] = target
        for name, kind in re.findall(r"^type (\w+) ([\w.\[\]]+)$", text, re.M):
            names[f"{package}.{name}"] = (kind, package, imports)
        for name in re.findall(r"^type (\w+) struct\s*\{\s*\}", text, re.M):
            structs[f"{package}.{name}"] = ([], package, imports)
        for name, body in re.findall(r"^type (\w+) struct \{\n(.*?)^\}", text, re.M | re.S):
            fields = []
            for line in body.splitlines():
                match = FIELD.match(line)
                if match is None:
                    continue
                own, kind, tags = match.groups()
                wire = re.search(r'protobuf:"(\w+),(\d+)', tags)
                label = re.search(r'json:"([^"]*)"', tags)
                if wire is None or label is None:
                    continue
                shown, *options = label[1].split(",")
                fields.append((int(wire[2]), shown or own, kind, "inline" in options, "omitempty" in options))
            structs[f"{package}.{name}"] = (fields, package, imports)


def main(root: Path) -> None:
    structs: dict = {}
    names: dict = {}
    api, machinery = root / f"api@{VERSION}", root / f"apimachinery@{VERSION}"
    for folder in sorted(api.glob("*/v*")):
        if re.fullmatch(r"v\d+", folder.name):
            read(f"k8s.io/api/{folder.parent.name}/{folder.name}", folder, structs, names)
    for part in ("pkg/apis/meta/v1", "pkg/runtime", "pkg/types", "pkg/util/intstr", "pkg/api/resource"):
        read(f"k8s.io/apimachinery/{part}", machinery / part, structs, names)

    def short(full: str) -> str:
        return re.sub(r"^k8s\.io/(api/|apimachinery/pkg/apis/|apimachinery/pkg/)", "", full)

    def kind_of(text: str, package: str, imports: dict) -> str:
        text = text.lstrip("*")
        if text == "[]byte":
            return "y"
        if text.startswith("[]"):
            return "[" + kind_of(text[2:], package, imports)
        if text.startswith("map["):
            return "{" + kind_of(text[text.index("]") + 1 :], package, imports)
        if text in SCALARS:
            return SCALARS[text]
        alias, _, name = text.rpartition(".")
        full = f"{imports[alias] if alias else package}.{name}"
        if full in SPECIAL:
            return SPECIAL[full]
        if full in structs:
            used.add(full)
            return "=" + short(full)
        if full in names:
            inner, inner_package, inner_imports = names[full]
            if inner.startswith("[]") and name != "Verbs":
                lists[short(full)] = kind_of(inner[2:], inner_package, inner_imports)
                return "=" + short(full)
            return kind_of(inner, inner_package, inner_imports)
        raise SystemExit(f"unknown type {full}")

    used: set = set()
    lists: dict = {}
    made = {}
    todo = [
        full for full in structs if re.search(r"/v\d\.", full) and any(f[1] == "metadata" for f in structs[full][0])
    ]
    todo += ["k8s.io/apimachinery/pkg/apis/meta/v1.DeleteOptions"]
    while todo:
        full = todo.pop()
        if short(full) in made:
            continue
        fields, package, imports = structs[full]
        rows = []
        for number, label, text, inline, omit in fields:
            kind = kind_of(text, package, imports)
            zero_is_absent = omit and not text.startswith(("*", "[", "map"))
            rows.append([number, "" if inline else label, kind, int(zero_is_absent)])
        made[short(full)] = rows
        todo += used
    for name, kind in lists.items():
        made[name] = [[1, "*", "[" + kind, 0]]
    text = json.dumps(made, separators=(",", ":"), sort_keys=True)
    OUT.write_bytes(gzip.compress(text.encode(), 9, mtime=0))
    print(len(made), "messages,", OUT.stat().st_size, "bytes")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
