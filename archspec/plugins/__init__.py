"""Operators of your own, in one file: what such a file imports, and how it is loaded.

    from archspec.plugins import Count, Operator, Sample, TensorType, Types, lowers, operator

    @operator("blur_pool", main="stride")
    class BlurPool(Operator): ...

    @lowers(BlurPool)
    def blur_pool(site): ...

A plugin is loaded where it is named: `--plugin blur_pool.py` on the command line, `archspec.load_plugin` in
Python, or the entry point `archspec.plugins` of a package that was installed. No spec and no run file can name
one. See docs/plugins.md, and archspec/ops for operators to read.
"""

from archspec.lowering import Site
from archspec.ops.arguments import (
    Axes,
    AxesFromZero,
    AxesOrNone,
    Count,
    Flag,
    Init,
    Padding,
    Positive,
    Real,
    Share,
)
from archspec.ops.base import Operator, OperatorError, Part, Reference, Sample, Saved, Types, Weight, Window
from archspec.ops.reach import Reach, interpolated, nearest, same, slid, spread, whole
from archspec.ops.windows import output_sizes, per_axis, spatial_rank, window_over
from archspec.plugins.files import Plugin, load_plugin, plugin_of, unload, using
from archspec.plugins.installed import broken, installed, operator_called
from archspec.plugins.lowering import lowers
from archspec.plugins.registering import operator
from archspec.tensor import TensorType

__all__ = [
    "Axes",
    "AxesFromZero",
    "AxesOrNone",
    "Count",
    "Flag",
    "Init",
    "Operator",
    "OperatorError",
    "Padding",
    "Part",
    "Plugin",
    "Positive",
    "Reach",
    "Real",
    "Reference",
    "Sample",
    "Saved",
    "Share",
    "Site",
    "TensorType",
    "Types",
    "Weight",
    "Window",
    "broken",
    "installed",
    "interpolated",
    "load_plugin",
    "lowers",
    "nearest",
    "operator",
    "operator_called",
    "output_sizes",
    "per_axis",
    "plugin_of",
    "same",
    "slid",
    "spatial_rank",
    "spread",
    "unload",
    "using",
    "whole",
    "window_over",
]
