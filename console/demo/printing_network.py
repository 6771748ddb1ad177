"""Table rows of what is reached over the network: services, endpoints, ingresses and their kin.

Facts: k8s.io/kubernetes pkg/printers/internalversion/printers.go, 1.34.
"""

from __future__ import annotations

from typing import Any

from console.demo.cells import created, labels_text, part, selector_text, some

Object = dict[str, Any]


def service(obj: Object, now: float) -> list[Any]:
    """Service."""
    spec = part(obj, "spec")
    addresses = spec.get("clusterIPs") or ([spec["clusterIP"]] if spec.get("clusterIP") else ["<none>"])
    return [
        obj["metadata"]["name"],
        spec.get("type", ""),
        addresses[0],
        _external(obj),
        ",".join(map(_port, spec.get("ports") or ())) or "<none>",
        created(obj, now),
        labels_text(spec.get("selector")),
    ]


def _port(port: Object) -> str:
    node = f":{port['nodePort']}" if port.get("nodePort") else ""
    return f"{port.get('port')}{node}/{port.get('protocol', 'TCP')}"


def _external(obj: Object) -> str:
    spec = part(obj, "spec")
    fixed = spec.get("externalIPs") or []
    kind = spec.get("type", "")
    if kind in ("ClusterIP", "NodePort"):
        return ",".join(fixed) or "<none>"
    if kind == "LoadBalancer":
        return ",".join([*_balancer(obj), *fixed]) or "<pending>"
    return str(spec.get("externalName", "")) if kind == "ExternalName" else "<unknown>"


def _balancer(obj: Object) -> list[str]:
    entries = part(obj, "status", "loadBalancer").get("ingress") or ()
    return sorted({entry.get("ip") or entry.get("hostname", "") for entry in entries} - {""})


def endpoints(obj: Object, now: float) -> list[Any]:
    """Endpoints."""
    shown: list[str] = []
    for subset in obj.get("subsets") or ():
        addresses = [address.get("ip", "") for address in subset.get("addresses") or ()]
        if not subset.get("ports"):
            shown += addresses
        for port in subset.get("ports") or ():
            shown += [f"[{ip}]:{port['port']}" if ":" in ip else f"{ip}:{port['port']}" for ip in addresses]
    text = some(shown, unset="") if obj.get("subsets") else "<none>"
    return [obj["metadata"]["name"], text, created(obj, now)]


def endpoint_slice(obj: Object, now: float) -> list[Any]:
    """EndpointSlice."""
    ports = (str(p["port"]) if p.get("port") is not None else p.get("name") or "*" for p in obj.get("ports") or ())
    addresses = (address for endpoint in obj.get("endpoints") or () for address in endpoint.get("addresses") or ())
    return [obj["metadata"]["name"], obj.get("addressType", ""), some(ports), some(addresses), created(obj, now)]


def ingress(obj: Object, now: float) -> list[Any]:
    """Ingress."""
    spec = part(obj, "spec")
    name = spec.get("ingressClassName")
    return [
        obj["metadata"]["name"],
        "<none>" if name is None else name,
        _hosts(spec.get("rules") or []),
        ",".join(_balancer(obj)),
        "80, 443" if spec.get("tls") else "80",
        created(obj, now),
    ]


def _hosts(rules: list[Object]) -> str:
    hosts: list[str] = []
    more = False
    for rule in rules:
        more = more or len(hosts) == 3
        if not more and rule.get("host"):
            hosts.append(rule["host"])
    if not hosts:
        return "*"
    return ",".join(hosts) + (f" + {len(rules) - 3} more..." if more else "")


def ingress_class(obj: Object, now: float) -> list[Any]:
    """IngressClass."""
    spec = part(obj, "spec")
    given = spec.get("parameters")
    shown = "<none>"
    if given:
        group = f".{given['apiGroup']}" if given.get("apiGroup") is not None else ""
        shown = f"{given.get('kind', '')}{group}/{given.get('name', '')}"
    return [obj["metadata"]["name"], spec.get("controller", ""), shown, created(obj, now)]


def network_policy(obj: Object, now: float) -> list[Any]:
    """NetworkPolicy."""
    return [obj["metadata"]["name"], selector_text(part(obj, "spec").get("podSelector")), created(obj, now)]


def service_cidr(obj: Object, now: float) -> list[Any]:
    """ServiceCIDR."""
    return [obj["metadata"]["name"], ",".join(part(obj, "spec").get("cidrs") or ()), created(obj, now)]


def ip_address(obj: Object, now: float) -> list[Any]:
    """IPAddress."""
    del now
    parent = part(obj, "spec").get("parentRef")
    shown = "<none>"
    if parent:
        group = f".{parent['group']}" if parent.get("group") else ""
        place = f"/{parent['namespace']}" if parent.get("namespace") else ""
        shown = f"{parent.get('resource', '')}{group}".lower() + f"{place}/{parent.get('name', '')}"
    return [obj["metadata"]["name"], shown]
