"""PaddleJobs of the training operator."""

from __future__ import annotations

from console.kinds.training import training_kind

KIND = training_kind("paddlejobs", "PaddleJob", aliases=("pdj",))
