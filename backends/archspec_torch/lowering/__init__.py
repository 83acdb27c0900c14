"""Operators as torch modules, one file a family, as in `archspec.ops`: importing this package fills `LOWERINGS`."""

from archspec_torch.lowering import act, conv, filter, linear, merge, norm, pool, region, regularize, resample, shape
from archspec_torch.lowering.base import LOWERINGS, Site, lower, lowers

__all__ = [
    "LOWERINGS",
    "Site",
    "act",
    "conv",
    "filter",
    "linear",
    "lower",
    "lowers",
    "merge",
    "norm",
    "pool",
    "region",
    "regularize",
    "resample",
    "shape",
]
