"""Services."""

from __future__ import annotations

import sys

import msgspec

from console.kinds import cells
from console.kinds.base import Column, Health, Kind, State
from console.kinds.meta import ObjectMeta, Slim, base_fields
from console.live.source import Row


class ServicePort(Slim):
    """One port."""

    name: str = ""
    port: int = 0
    node_port: int = 0
    protocol: str = "TCP"


class ServiceSpec(Slim):
    """spec of a Service."""

    type: str = "ClusterIP"
    cluster_ip: str = msgspec.field(name="clusterIP", default="")
    external_ips: list[str] | None = msgspec.field(name="externalIPs", default=None)
    external_name: str = ""
    selector: dict[str, str] | None = None
    ports: list[ServicePort] | None = None


class Ingress(Slim):
    """One loadBalancer ingress point."""

    ip: str = ""
    hostname: str = ""


class LoadBalancer(Slim):
    """status.loadBalancer."""

    ingress: list[Ingress] | None = None


class ServiceStatus(Slim):
    """status of a Service."""

    load_balancer: LoadBalancer | None = None


class Service(Slim):
    """A Service."""

    metadata: ObjectMeta
    spec: ServiceSpec | None = None
    status: ServiceStatus | None = None


class ServiceRow(Row, gc=False):
    """A Service as a row."""

    type: str
    cluster_ip: str
    external: tuple[str, ...]
    ports: tuple[str, ...]
    selector: tuple[tuple[str, str], ...]
    waiting: bool  # a load balancer without an address


def service_row(service: Service) -> ServiceRow:
    """A Service to its row."""
    spec = service.spec or ServiceSpec()
    balancer = service.status.load_balancer if service.status else None
    given = [entry.ip or entry.hostname for entry in (balancer.ingress if balancer else None) or ()]
    external = (*(spec.external_ips or ()), *given, *((spec.external_name,) if spec.external_name else ()))
    return ServiceRow(
        **base_fields(service.metadata),  # type: ignore[arg-type]
        type=sys.intern(spec.type),
        cluster_ip=spec.cluster_ip,
        external=external,
        ports=tuple(
            f"{port.port}:{port.node_port}/{port.protocol}" if port.node_port else f"{port.port}/{port.protocol}"
            for port in spec.ports or ()
        ),
        selector=tuple(sorted((spec.selector or {}).items())),
        waiting=spec.type == "LoadBalancer" and not given,
    )


def health(row: ServiceRow, now: float) -> Health:
    """Only a load balancer without an address says something."""
    return Health(State.WAITING, "Pending", "no load balancer address yet") if row.waiting else Health(State.NONE)


KIND = Kind(
    name="services",
    kind="Service",
    group="",
    versions=("v1",),
    title="Services",
    aliases=("svc",),
    decode=Service,
    row=service_row,
    health=health,
    columns=(
        cells.NAMESPACE,
        cells.NAME,
        cells.field("TYPE", "type", priority=1),
        cells.field("CLUSTER-IP", "cluster_ip", priority=2),
        cells.field("EXTERNAL", "external", text=",".join, priority=4),
        cells.field("PORTS", "ports", text=",".join, priority=2),
        cells.AGE,
        Column(
            "SELECTOR",
            "selector",
            lambda row, now: dict(row.selector),
            text=lambda value: ",".join(f"{key}={text}" for key, text in value.items()),
            wide=True,
        ),
    ),
    extras=cells.EXTRAS,
)
