"""Simulators of the controllers: API clients like any other, started together."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from console.demo.client import ApiClient
from console.demo.controllers.base import Cluster, Controller, tell_nobody
from console.demo.controllers.budgets import Budgets
from console.demo.controllers.claims import Claims
from console.demo.controllers.cronjobs import CronJobs
from console.demo.controllers.daemonsets import DaemonSets
from console.demo.controllers.deployments import Deployments
from console.demo.controllers.endpoints import EndpointsController
from console.demo.controllers.jobs import Jobs
from console.demo.controllers.kubeflow import kubeflow_controllers
from console.demo.controllers.kubelet import Kubelet
from console.demo.controllers.nodes import Heartbeats, NodeLifecycle
from console.demo.controllers.replicasets import ReplicaSets
from console.demo.controllers.scheduler import Scheduler
from console.demo.controllers.statefulsets import StatefulSets
from console.demo.gpus import GpuFleet
from console.demo.informer import Informers
from console.demo.nvidia_smi import command
from console.demo.runtime import Runtime

STILL = "demo.kfconsole.dev/still"  # no controller sees an object that carries this label
AGAIN = 5.0  # seconds before a controller that broke starts again


def start(
    client: ApiClient,
    runtime: Runtime,
    gpus: GpuFleet,
    clock: Callable[[], float],
    seed: int = 0,
    *,
    report: Callable[[str], None] = tell_nobody,
) -> list[asyncio.Task[None]]:
    """Start every controller; cancel the tasks to end them. Problems are told to `report`, one line each."""
    informers = Informers(client, without_label=STILL, report=report)
    runtime.commands["nvidia-smi"] = command(gpus)
    cluster = Cluster(client, informers, clock, seed, report)
    controllers: list[Controller] = [
        Scheduler(cluster),
        Kubelet(cluster, runtime, gpus),
        Heartbeats(cluster),
        NodeLifecycle(cluster),
        Deployments(cluster),
        ReplicaSets(cluster),
        StatefulSets(cluster),
        DaemonSets(cluster),
        Jobs(cluster),
        CronJobs(cluster),
        EndpointsController(cluster),
        Claims(cluster),
        Budgets(cluster),
        *kubeflow_controllers(cluster),
    ]
    tasks = [asyncio.create_task(_run(each), name=f"{each.name} {type(each).__name__}") for each in controllers]
    return [*tasks, asyncio.create_task(_stop_with(informers), name="informers")]


async def _run(controller: Controller) -> None:
    """A controller for as long as it is wanted: one that broke starts again."""
    while True:
        try:
            await controller.run()
        except Exception as error:  # noqa: BLE001  one broken controller must not end the cluster
            controller.cluster.report(f"{controller.name}: {type(error).__name__}: {error}")
            await asyncio.sleep(AGAIN)


async def _stop_with(informers: Informers) -> None:
    """Ends the informers when it is cancelled."""
    try:
        await asyncio.Event().wait()
    finally:
        await informers.stop()
