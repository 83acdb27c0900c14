"""Operators as torch modules, one file a family, as in `archspec.ops`: importing this package fills `LOWERINGS`."""

from archspec_torch.lowering import act, conv, linear, merge, norm, pool, regularize, resample, shape
from archspec_torch.lowering.base import LOWERINGS, Site, lower, lowers

__all__ = [
    "LOWERINGS",
    "Site",
    "act",
    "conv",
    "linear",
    "lower",
    "lowers",
    "merge",
    "norm",
    "pool",
    "regularize",
    "resample",
    "shape",
]
