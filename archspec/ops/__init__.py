"""The vocabulary of the language: importing this package fills the registry, one module a family."""

from archspec.ops import act, conv, detect, filter, linear, merge, norm, pool, region, regularize, resample, shape
from archspec.ops.base import REGISTRY, Operator, OperatorError, Sample, Weight, Window

__all__ = [
    "REGISTRY",
    "Operator",
    "OperatorError",
    "Sample",
    "Weight",
    "Window",
    "act",
    "conv",
    "detect",
    "filter",
    "linear",
    "merge",
    "norm",
    "pool",
    "region",
    "regularize",
    "resample",
    "shape",
]
