"""Every figure there is of a network and its layers: one table behind columns, `--sort`, CSV, JSON, assertions,
`diff` and comparisons.

A figure that is added here is in all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Literal

from archspec.analysis.counts import depth
from archspec.analysis.receptive import Field
from archspec.analysis.summary import Summary
from archspec.analysis.weight_file import weight_file_bytes
from archspec.tensor import BYTES

if TYPE_CHECKING:
    from archspec.analysis.roofline import LayerTime, Roofline

Unit = Literal["values", "operations", "bytes", "cells", "seconds", "rate", "words"]
"""What a figure is counted in; how people are shown it follows from that. `cells` are one number an axis."""
Needs = Literal["numbers", "device"]
OfLayers = Callable[[Summary, Sequence[str]], Any]


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure: its names, what it is of layers, and what it is of the whole network; None where it is of none."""

    key: str
    """In JSON, CSV and assertions: `activation_bytes`."""
    column: str
    """For `--columns` and `--sort`: `memory`."""
    title: str
    """Above a column of a table."""
    unit: Unit
    layers: OfLayers | None = None
    """Of layers by their names, in the order that they run: their sum; for `cells`, that of the last."""
    total: Callable[[Summary], Any] | None = None
    """Of the whole network, inputs and heads for training included."""
    needs: Needs | None = None
    """What it is not known without: sizes that are all numbers, or the times on a device."""
    whole: str = ""
    """Its title where a line is a network, if that is another."""


def known(figure: Figure, summary: Summary) -> bool:
    """Whether a summary has what the figure is found from."""
    if figure.needs == "device":
        return summary.time is not None
    return figure.needs is None or not summary.graph.sizes


def _counted(key: str, column: str, title: str, unit: Unit, whole: str = "") -> Figure:
    """A field of `Counts`, which add up."""
    return Figure(
        key,
        column,
        title,
        unit,
        lambda s, names: sum(getattr(s.counts[name], key) for name in names),
        lambda s: getattr(s.totals, key),
        whole=whole,
    )


def _of_axes(axis: Callable[[Field], int | Fraction]) -> Callable[[Summary, Sequence[str]], tuple[int | Fraction, ...]]:
    return lambda s, names: tuple(map(axis, s.fields[names[-1]]))


def largest(axes: Any) -> int | Fraction:
    """The largest of what several layers have along their axes; 1 where none has any."""
    found: int | Fraction = max((axis for layer in axes for axis in layer), default=1)
    return number if (number := int(found)) == found else found


def _largest(figure: Callable[[Summary, Sequence[str]], Any]) -> Callable[[Summary], Any]:
    return lambda s: largest(figure(s, (name,)) for name in s.fields)


def _timed(figure: Callable[[Sequence[LayerTime]], Any]) -> Callable[[Summary, Sequence[str]], Any]:
    return lambda s, names: figure([_time(s).by_name[name] for name in names])


def _time(summary: Summary) -> Roofline:
    assert summary.time is not None, "figures of a device are asked for where `known` says so"
    return summary.time


def _intensity(times: Sequence[LayerTime]) -> float:
    moved = sum(one.work.bytes for one in times)
    return sum(one.work.operations for one in times) / moved if moved else 0.0


def _bound(times: Sequence[LayerTime]) -> str:
    """What holds most of their time."""
    taken: dict[str, float] = {}
    for one in times:
        taken[one.bound] = taken.get(one.bound, 0.0) + one.seconds
    return max(taken, key=lambda bound: taken[bound])


def _with_heads(summary: Summary) -> int:
    return summary.totals.params if summary.params_with_aux is None else summary.params_with_aux


def _train_peak(summary: Summary) -> int:
    """Of the step that the summary was asked for; else of one example, by plain SGD, in float32."""
    from archspec.analysis.training import training_memory

    needs = summary.training
    memory = needs.memory if needs else training_memory(summary.training_graph or summary.graph)
    return memory.peak.bytes


_field, _stride = _of_axes(lambda axis: axis.size), _of_axes(lambda axis: axis.jump)
_offset = _of_axes(lambda axis: axis.start)

FIGURES: tuple[Figure, ...] = (
    _counted("params", "params", "params", "values"),
    Figure("params_with_aux", "with_aux", "params with aux", "values", total=_with_heads),
    _counted("trainable_params", "trainable", "trainable", "values"),
    _counted("buffers", "buffers", "buffers", "values"),
    _counted("weight_bytes", "weights", "weights", "bytes"),
    Figure("weight_file_bytes", "file", "weight file", "bytes", total=lambda s: weight_file_bytes(s.graph)),
    Figure(
        "gradient_bytes",
        "gradients",
        "gradients",
        "bytes",
        lambda s, names: BYTES["float32"] * sum(s.counts[name].trainable_params for name in names),
        lambda s: BYTES["float32"] * s.totals.trainable_params,
    ),
    _counted("macs", "macs", "MACs", "operations"),
    _counted("flops", "flops", "FLOPs", "operations"),
    _counted("elementwise_ops", "elementwise", "element-wise", "operations"),
    _counted("activation_bytes", "memory", "memory", "bytes", whole="activations"),
    Figure(
        "inference_peak_bytes",
        "inference",
        "inference",
        "bytes",
        total=lambda s: s.inference.peak.bytes,
        needs="numbers",
    ),
    Figure(
        "saved_bytes",
        "saved",
        "saved",
        "bytes",
        lambda s, names: sum(s.saved[name] for name in names),
        lambda s: sum(s.saved.values()),
    ),
    Figure(
        "train_flops",
        "train_flops",
        "train FLOPs",
        "operations",
        lambda s, names: 2 * sum(s.train_macs[name] for name in names),
        lambda s: s.train_flops,
    ),
    Figure("train_peak_bytes", "training", "training", "bytes", total=_train_peak, needs="numbers"),
    Figure("layers", "layers", "layers", "values", total=lambda s: len(s.rows)),
    Figure("depth", "depth", "depth", "values", total=lambda s: depth(s.graph)),
    Figure("receptive_field", "field", "field", "cells", _field, _largest(_field)),
    Figure("stride", "stride", "stride", "cells", _stride, _largest(_stride)),
    Figure("offset", "offset", "offset", "cells", _offset),
    Figure("kind", "kind", "kind", "words", _timed(lambda times: times[0].work.kind), needs="device"),
    Figure(
        "bytes",
        "moves",
        "moves",
        "bytes",
        _timed(lambda times: sum(one.work.bytes for one in times)),
        lambda s: _time(s).bytes,
        "device",
    ),
    Figure("intensity", "intensity", "op/B", "rate", _timed(_intensity), lambda s: _time(s).intensity, "device"),
    Figure("bound", "bound", "bound by", "words", _timed(_bound), needs="device"),
    Figure(
        "seconds",
        "time",
        "time",
        "seconds",
        _timed(lambda times: sum(one.seconds for one in times)),
        lambda s: _time(s).seconds,
        "device",
    ),
)
BY_KEY: Mapping[str, Figure] = {figure.key: figure for figure in FIGURES}
OF_LAYERS: tuple[Figure, ...] = tuple(figure for figure in FIGURES if figure.layers is not None)
OF_NETWORKS: tuple[Figure, ...] = tuple(figure for figure in FIGURES if figure.total is not None)


def named(name: str, figures: Sequence[Figure]) -> Figure | None:
    """The figure that a person means by its column, key or title; of nothing written, none."""
    return next((f for f in figures if name and name in (f.column, f.key, f.whole)), None)
