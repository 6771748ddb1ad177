"""Makes console/demo/data/openapi from the sources of Kubernetes: run by developers, never by the program.

    python tests/demo/build_openapi_data.py KUBERNETES API APIMACHINERY

with the unpacked modules k8s.io/kubernetes, k8s.io/api and k8s.io/apimachinery of one release, as `go mod download
k8s.io/kubernetes@v1.34.3` leaves them below `go env GOMODCACHE`. Output is the same for the same input:

- v3/GROUP__VERSION.json.gz   an OpenAPI v3 document a served group version, operations without their prose
- swagger.json.gz             OpenAPI v2: `head`, `definitions` and `paths` to splice custom definitions into
- types.json.gz               every component schema once, without prose: what defaults, merges and pruning need
- columns.json                what kube-apiserver's printers call their columns, by kind
"""

from __future__ import annotations

import gzip
import json
import re
import sys
from pathlib import Path
from typing import Any

OUT = Path(__file__).resolve().parents[2] / "console" / "demo" / "data" / "openapi"
DISCOVERY = OUT.parent / "discovery.json"
METHODS = ("get", "put", "post", "delete", "patch")
KEPT = ("operationId", "x-kubernetes-action", "x-kubernetes-group-version-kind")


def main(kubernetes: Path, api: Path, apimachinery: Path) -> None:
    """Write every file anew."""
    (OUT / "v3").mkdir(parents=True, exist_ok=True)
    for old in (OUT / "v3").glob("*.gz"):
        old.unlink()
    types: dict[str, Any] = {}
    served = [
        (group["group"], version["version"])
        for group in json.loads(DISCOVERY.read_text())
        for version in group["versions"]
        if not group["group"].startswith("metrics.")
    ]
    for group, version in served:
        name = f"apis__{group}__{version}" if group else f"api__{version}"
        path = kubernetes / "api" / "openapi-spec" / "v3" / f"{name}_openapi.json"
        document = json.loads(path.read_text())
        document["paths"] = {path: _path(item) for path, item in document["paths"].items()}
        document["info"]["version"] = "v1.34.3"
        document["components"].pop("securitySchemes", None)
        _write(OUT / "v3" / f"{group or 'core'}__{version}.json.gz", document)
        types |= {key: _bare(schema) for key, schema in document["components"]["schemas"].items()}
    _write(OUT / "types.json.gz", types)
    _write(OUT / "swagger.json.gz", _swagger(kubernetes, set(types), served))
    columns = _columns(kubernetes, _docs(api, apimachinery))
    (OUT / "columns.json").write_text(json.dumps(columns, indent=1, sort_keys=True) + "\n")


def _write(path: Path, value: Any) -> None:
    data = json.dumps(value, separators=(",", ":"), sort_keys=True).encode()
    path.write_bytes(gzip.compress(data, 9, mtime=0))


def _path(item: dict[str, Any]) -> dict[str, Any]:
    kept: dict[str, Any] = {method: _operation(item[method]) for method in METHODS if method in item}
    if "parameters" in item:
        kept["parameters"] = [_parameter(parameter) for parameter in item["parameters"]]
    return kept


def _operation(operation: dict[str, Any]) -> dict[str, Any]:
    kept = {key: operation[key] for key in KEPT if key in operation}
    if "parameters" in operation:
        kept["parameters"] = [_parameter(parameter) for parameter in operation["parameters"]]
    kept["responses"] = {"200": {"description": "OK"}}
    return kept


def _parameter(parameter: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in parameter.items() if key != "description"}


def _bare(schema: Any) -> Any:
    """A schema without prose; `$ref` names the component alone. Properties may themselves be called description."""
    bare: dict[str, Any] = {}
    for key, value in schema.items():
        if key == "properties":
            bare[key] = {name: _bare(child) for name, child in value.items()}
        elif key in ("items", "additionalProperties", "not") and isinstance(value, dict):
            bare[key] = _bare(value)
        elif key in ("allOf", "anyOf", "oneOf"):
            bare[key] = [_bare(child) for child in value]
        elif key == "$ref":
            bare[key] = value.rpartition("/")[2]
        elif key not in ("description", "x-kubernetes-group-version-kind", "x-kubernetes-unions", "externalDocs"):
            bare[key] = value
    return bare


def _swagger(kubernetes: Path, names: set[str], served: list[tuple[str, str]]) -> dict[str, Any]:
    document = json.loads((kubernetes / "api" / "openapi-spec" / "swagger.json").read_text())
    roots = tuple(f"/apis/{group}/{version}/" if group else f"/api/{version}/" for group, version in served)
    paths = {p: _path(item) for p, item in document["paths"].items() if p.startswith(roots) and "/watch/" not in p}
    for item in paths.values():
        for part in [item, *(item[method] for method in METHODS if method in item)]:
            part.get("parameters", []).clear()
    definitions = {name: schema for name, schema in document["definitions"].items() if name in names}
    head = {"swagger": "2.0", "info": {"title": "Kubernetes", "version": "v1.34.3"}}
    return {"head": head, "definitions": definitions, "paths": paths}


def _docs(api: Path, apimachinery: Path) -> dict[str, dict[str, str]]:
    """What SwaggerDoc() answers, by `package.Type` with packages named as printers.go imports them."""
    docs: dict[str, dict[str, str]] = {}
    for path in [*api.rglob("types_swagger_doc_generated.go"), *apimachinery.rglob("types_swagger_doc_generated.go")]:
        version, group = path.parent.name, path.parent.parent.name
        packages = {group + version}
        packages |= {"apiv1"} if (group, version) == ("core", "v1") else set()
        packages |= {"metav1"} if (group, version) == ("meta", "v1") else set()
        packages |= {"resourceapi"} if (group, version) == ("resource", "v1") else set()
        for name, body in re.findall(r"var map_(\w+) = map\[string\]string\{\n(.*?)\n\}", path.read_text(), re.S):
            entries = re.findall(r'^\t("(?:[^"\\]|\\.)*"):\s*("(?:[^"\\]|\\.)*"),$', body, re.M)
            for package in packages:
                docs[f"{package}.{name}"] = {json.loads(key): json.loads(text) for key, text in entries}
    return docs


_COLUMN = re.compile(
    r'\{Name: "(?P<name>[^"]+)", Type: "(?P<type>\w+)"(?:, Format: "(?P<format>\w+)")?'
    r'(?:, Priority: (?P<p1>\d))?(?:, Format: "(?P<format2>\w+)")?, Description: (?P<description>.+)\},'
)


def _columns(kubernetes: Path, docs: dict[str, dict[str, str]]) -> dict[str, list[dict[str, Any]]]:
    """Columns by kind, from `<x>ColumnDefinitions` and the print function registered with it."""
    source = (kubernetes / "pkg" / "printers" / "internalversion" / "printers.go").read_text()
    blocks: dict[str, list[dict[str, Any]]] = {}
    columns: dict[str, list[dict[str, Any]]] = {}
    current: list[dict[str, Any]] = []
    for line in source.splitlines():
        if made := re.match(r"\t(\w+) :?= (?:append\(\w+, )?\[\]metav1\.TableColumnDefinition\{", line):
            current = blocks.setdefault(made[1], [])
        elif found := _COLUMN.match(line.strip()):
            current.append(_column(found, docs))
        elif used := re.match(r"\t(?:_ = )?h\.TableHandler\((\w+), print(\w+?)(List)?\)", line):
            columns[used[2]] = blocks[used[1]]
    return columns


def _column(found: re.Match[str], docs: dict[str, dict[str, str]]) -> dict[str, Any]:
    text = found["description"]
    if text.startswith('"'):
        description = json.loads(text)
    else:
        package, kind, _, field = re.match(r'(\w+)\.(\w+)\{\}(\.\w+)?\.SwaggerDoc\(\)\["(\w+)"\]', text).groups()  # type: ignore[union-attr]
        if "InvolvedObject" in text:
            kind = "ObjectReference"
        description = docs.get(f"{package}.{kind}", {}).get(field, "")
    return {
        "name": found["name"],
        "type": found["type"],
        "format": found["format"] or found["format2"] or "",
        "description": description,
        "priority": int(found["p1"] or 0),
    }


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    main(*map(Path, sys.argv[1:]))
