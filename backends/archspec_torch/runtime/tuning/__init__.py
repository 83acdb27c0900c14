"""Searching settings: many short runs, each with other values, the bad ones cut (`archspec tune`)."""

from archspec_torch.runtime.tuning.result import Trial, TuneResult
from archspec_torch.runtime.tuning.study import tune

__all__ = ["Trial", "TuneResult", "tune"]
