"""MPIJobs of the training operator (v1) and of the MPI operator (v2beta1)."""

from __future__ import annotations

from console.kinds.training import training_kind

KIND = training_kind("mpijobs", "MPIJob", versions=("v1", "v2beta1"), aliases=("mj", "mpij"))
