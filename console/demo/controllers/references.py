"""What a pod refers to and does not find: ConfigMaps and Secrets, by volume, env and envFrom."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from console import errors
from console.demo.client import ApiClient, Object


@dataclass(frozen=True, slots=True)
class Reference:
    """Something that has to be there: `volume` names the volume, or `container` who needs it."""

    kind: str  # "configmap" or "secret"
    name: str
    key: str = ""
    container: str = ""
    volume: str = ""


@dataclass(frozen=True, slots=True)
class Missing:
    """What is missing, in the kubelet's words; `container` is empty where the pod's volumes wait for it."""

    container: str
    volume: str
    why: str


def references(pod: Object) -> Iterator[Reference]:
    """Everything the pod needs to be there before it can run."""
    spec = pod["spec"]
    for volume in spec.get("volumes") or ():
        for source in [volume, *((volume.get("projected") or {}).get("sources") or ())]:
            config, secret = source.get("configMap"), source.get("secret")
            if config and config.get("name") and not config.get("optional"):
                yield Reference("configmap", config["name"], volume=volume["name"])
            name = (secret or {}).get("secretName") or (secret or {}).get("name")
            if secret and name and not secret.get("optional"):
                yield Reference("secret", name, volume=volume["name"])
    for container in [*(spec.get("initContainers") or ()), *spec["containers"]]:
        sources = [(source, "Ref") for source in container.get("envFrom") or ()]
        sources += [(each["valueFrom"], "KeyRef") for each in container.get("env") or () if each.get("valueFrom")]
        for source, suffix in sources:
            for kind, field in (("configmap", f"configMap{suffix}"), ("secret", f"secret{suffix}")):
                found = source.get(field)
                if found and not found.get("optional"):
                    yield Reference(kind, found.get("name", ""), found.get("key", ""), container=container["name"])


async def find_missing(client: ApiClient, pod: Object) -> list[Missing]:
    """What of that is missing now; one request a different object."""
    namespace = pod["metadata"]["namespace"]
    known: dict[tuple[str, str], Object | None] = {}
    missing = []
    for reference in references(pod):
        what = (reference.kind, reference.name)
        if what not in known:
            try:
                known[what] = await client.get(f"/api/v1/namespaces/{namespace}/{reference.kind}s/{reference.name}")
            except errors.NotFound:
                known[what] = None
        found = known[what]
        if found is None:
            missing.append(
                Missing(reference.container, reference.volume, f'{reference.kind} "{reference.name}" not found')
            )
        elif reference.key and reference.key not in {**(found.get("data") or {}), **(found.get("binaryData") or {})}:
            title = "ConfigMap" if reference.kind == "configmap" else "Secret"
            why = f"couldn't find key {reference.key} in {title} {namespace}/{reference.name}"
            missing.append(Missing(reference.container, reference.volume, why))
    return missing
