"""The controllers of Kubeflow's own kinds, in one list."""

from __future__ import annotations

from console.demo.controllers.base import Cluster, Controller
from console.demo.controllers.kueue_controller import KueueController
from console.demo.controllers.notebooks import NotebookController
from console.demo.controllers.profiles import ProfileController
from console.demo.controllers.trainer_controller import JobSetController, TrainJobController
from console.demo.controllers.training_controller import TrainingController
from console.demo.controllers.training_kinds import KINDS


def kubeflow_controllers(cluster: Cluster) -> list[Controller]:
    """Training v1, Trainer v2 with JobSet, notebooks, profiles and Kueue."""
    return [
        *(TrainingController(cluster, kind) for kind in KINDS),
        TrainJobController(cluster),
        JobSetController(cluster),
        NotebookController(cluster),
        ProfileController(cluster),
        KueueController(cluster),
    ]
