"""What a container's files and environment show: mounted ConfigMaps and Secrets, and a little of the system."""

from __future__ import annotations

import base64
import binascii
import posixpath
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from console.demo.records import field_text

if TYPE_CHECKING:
    from console.demo.records import Object
    from console.demo.store import Store

_FOLDERS = ("bin", "dev", "etc", "home", "lib", "opt", "proc", "root", "run", "sbin", "sys", "tmp", "usr", "var")
_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"


def container_of(pod: Object, name: str) -> Object:
    """The container of that name, in its spec; empty where there is none."""
    spec = pod.get("spec") or {}
    every = (spec.get(field) or () for field in ("containers", "initContainers", "ephemeralContainers"))
    return next((container for group in every for container in group if container.get("name") == name), {})


class Files:
    """The files of one container, made up as they are asked for; nothing can be written."""

    def __init__(self, store: Store, pod: Object, container: str) -> None:
        self._store = store
        self._pod = pod
        self._container = container_of(pod, container)
        self._files: dict[str, bytes] | None = None
        self._empty: set[str] = set()

    def resolve(self, cwd: str, path: str) -> str:
        """An absolute, normal path."""
        return posixpath.normpath(posixpath.join(cwd, path))

    def read(self, path: str) -> bytes | None:
        """A file's bytes; None where there is no such file."""
        return self._all().get(path)

    def listing(self, path: str) -> list[str] | None:
        """The names in a folder; None where there is no such folder."""
        files = self._all()
        prefix = path.rstrip("/") + "/"
        names = {other[len(prefix) :].partition("/")[0] for other in files if other.startswith(prefix)}
        names |= {other[len(prefix) :].partition("/")[0] for other in self._empty if other.startswith(prefix)}
        if path == "/":
            names |= set(_FOLDERS)
        known = bool(names) or path in self._empty or path.lstrip("/") in _FOLDERS
        return sorted(names) if known else None

    def command_line(self) -> str:
        """What the container's first process was started with."""
        words = [*(self._container.get("command") or ()), *(self._container.get("args") or ())]
        return " ".join(str(word) for word in words) or "/entrypoint"

    def environment(self) -> dict[str, str]:
        """The variables a process in the container has."""
        found = {
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "HOSTNAME": self._pod["metadata"]["name"],
        }
        found |= dict(self._from_sources())
        for entry in self._container.get("env") or ():
            value = entry.get("value")
            if value is None and entry.get("valueFrom"):
                value = self._value_from(entry["valueFrom"])
            if value is not None:
                for name, known in found.items():
                    value = value.replace(f"$({name})", known)
                found[entry["name"]] = value
        found |= {"KUBERNETES_SERVICE_HOST": "10.96.0.1", "KUBERNETES_SERVICE_PORT": "443", "HOME": "/root"}
        return found

    def _from_sources(self) -> Iterator[tuple[str, str]]:
        for source in self._container.get("envFrom") or ():
            for field, plural in (("configMapRef", "configmaps"), ("secretRef", "secrets")):
                if source.get(field):
                    for key, value in self._data(plural, source[field].get("name", "")).items():
                        yield source.get("prefix", "") + key, value.decode("utf-8", "replace")

    def _value_from(self, source: dict[str, Any]) -> str | None:
        if "fieldRef" in source:
            return self._field(source["fieldRef"].get("fieldPath", ""))
        for field, plural in (("configMapKeyRef", "configmaps"), ("secretKeyRef", "secrets")):
            if field in source:
                value = self._data(plural, source[field].get("name", "")).get(source[field].get("key", ""))
                return None if value is None else value.decode("utf-8", "replace")
        return None

    def _field(self, path: str) -> str:
        name, bracket, key = path.partition("['")
        if bracket:
            values = self._pod["metadata"].get(name.removeprefix("metadata.")) or {}
            return str(values.get(key.removesuffix("']"), ""))
        return field_text(self._pod, path)

    def _data(self, plural: str, name: str) -> dict[str, bytes]:
        rt = self._store.resources.find("", "v1", plural)
        obj = self._store.get(rt, self._pod["metadata"].get("namespace", ""), name) if rt else None
        if obj is None:
            return {}
        if plural == "secrets":
            return {key: _decoded(value) for key, value in (obj.get("data") or {}).items()}
        plain = {key: str(value).encode() for key, value in (obj.get("data") or {}).items()}
        return plain | {key: _decoded(value) for key, value in (obj.get("binaryData") or {}).items()}

    def _all(self) -> dict[str, bytes]:
        if self._files is None:
            self._files = self._system()
            volumes = {volume.get("name"): volume for volume in self._pod["spec"].get("volumes") or ()}
            for mount in self._container.get("volumeMounts") or ():
                path = posixpath.normpath(str(mount.get("mountPath", "/")))
                content = dict(self._volume(volumes.get(mount.get("name")) or {}))
                if mount.get("subPath"):
                    self._files[path] = content.get(mount["subPath"], b"")
                    continue
                self._empty.add(path)
                self._files |= {f"{path}/{key}": value for key, value in content.items()}
        return self._files

    def _volume(self, volume: dict[str, Any]) -> Iterator[tuple[str, bytes]]:
        for source in (volume, *((volume.get("projected") or {}).get("sources") or ())):
            for field, plural, key in (("configMap", "configmaps", "name"), ("secret", "secrets", "secretName")):
                if source.get(field):
                    name = source[field].get(key) or source[field].get("name", "")
                    data = self._data(plural, name)
                    items = source[field].get("items")
                    if items:
                        yield from ((item["path"], data[item["key"]]) for item in items if item.get("key") in data)
                    else:
                        yield from data.items()
            for item in (source.get("downwardAPI") or {}).get("items") or ():
                yield item["path"], self._field((item.get("fieldRef") or {}).get("fieldPath", "")).encode()

    def _system(self) -> dict[str, bytes]:
        metadata, status = self._pod["metadata"], self._pod.get("status") or {}
        name, namespace = metadata["name"], metadata.get("namespace", "")
        address = status.get("podIP", "127.0.0.1")
        domains = f"{namespace}.svc.cluster.local svc.cluster.local cluster.local"
        return {
            "/etc/hostname": f"{name}\n".encode(),
            "/etc/hosts": f"127.0.0.1\tlocalhost\n{address}\t{name}\n".encode(),
            "/etc/resolv.conf": f"search {domains}\nnameserver 10.96.0.10\noptions ndots:5\n".encode(),
            "/etc/os-release": b'PRETTY_NAME="Ubuntu 22.04.5 LTS"\nNAME="Ubuntu"\nVERSION_ID="22.04"\nID=ubuntu\n',
            "/proc/1/cmdline": self.command_line().replace(" ", "\0").encode() + b"\0",
            f"{_ACCOUNT}/namespace": namespace.encode(),
        }


def _decoded(text: object) -> bytes:
    try:
        return base64.b64decode(str(text), validate=True)
    except (binascii.Error, ValueError):
        return b""
