"""Operators as torch modules, one file a family, as in `archspec.ops`: importing this package enters them."""

from archspec_torch.lowering import (
    act,
    conv,
    detect,
    filter,
    linear,
    merge,
    norm,
    pool,
    region,
    regularize,
    resample,
    shape,
)
from archspec_torch.lowering.base import Site, lower, lowers

__all__ = [
    "Site",
    "act",
    "conv",
    "detect",
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
