"""What an `assert:` may speak of: figures of the whole network, and of its layers by their names."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields as fields_of
from functools import cached_property
from typing import TYPE_CHECKING, Any

from archspec.analysis.counts import Counts, depth, total
from archspec.analysis.receptive import stride
from archspec.analysis.weight_file import weight_file_bytes

if TYPE_CHECKING:
    from archspec.analysis.summary import Summary

UNITS = {"KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
"""Names for numbers, so that a budget reads `weight_file_bytes < 100 * MiB`."""

LAYERS = "layers."
PEAK = "train_peak_bytes"
"""Peak memory of a training step; `train_peak_bytes.adam.32.bfloat16` says which (`archspec.analysis.step`)."""
CLOSED = ("inference_peak_bytes", PEAK)
"""What is a number only where the input leaves no size open."""

_COUNTS = (*(f.name for f in fields_of(Counts)), "flops")


def _train_peak(summary: Summary, name: str) -> int:
    from archspec.analysis.step import step_of
    from archspec.analysis.training import training_memory

    step = step_of(name)
    if isinstance(step, str):
        raise KeyError(name)
    graph = summary.training_graph or summary.graph
    return training_memory(graph, step.batch, step.optimizer, step.precision).peak.bytes


def _with_heads(summary: Summary) -> int:
    return summary.totals.params if summary.params_with_aux is None else summary.params_with_aux


_TOTALS: dict[str, Callable[[Summary], Any]] = {
    **{name: lambda s, name=name: getattr(s.totals, name) for name in _COUNTS},  # type: ignore[misc]
    "params_with_aux": _with_heads,
    "weight_file_bytes": lambda s: weight_file_bytes(s.graph),
    "inference_peak_bytes": lambda s: s.inference.peak.bytes,
    PEAK: lambda s: _train_peak(s, PEAK),
    "train_flops": lambda s: s.train_flops,
    "saved_bytes": lambda s: sum(s.saved.values()),
    "layers": lambda s: len(s.rows),
    "depth": lambda s: depth(s.graph),
    "stride": lambda s: stride(s.fields),
}

LAYER_FIGURES = (*_COUNTS, "saved_bytes", "receptive_field", "stride")


class Facts(Mapping[str, Any]):
    """Facts of one summary by name, each found when it is asked for.

    Beside the figures of the whole, `layers.stem.conv.macs` is that of a layer, and `layers.stage.0.macs` that of
    all layers whose names begin so: their sum, of `receptive_field` and `stride` the largest. Without training
    heads `params_with_aux` is `params`; peaks of memory are left out where sizes are open. `train_peak_bytes` is
    that of one example, plain SGD and float32, `train_peak_bytes.adam.32` that of 32 examples and Adam.
    """

    def __init__(self, summary: Summary):
        self.summary = summary
        self._found: dict[str, Any] = dict(UNITS)

    def __getitem__(self, name: str) -> Any:
        if name not in self._found:
            self._found[name] = self._of_layers(name) if name.startswith(LAYERS) else self._total(name)
        return self._found[name]

    def __iter__(self) -> Iterator[str]:
        open_sizes = bool(self.summary.graph.sizes)
        yield from (name for name in _TOTALS if not (open_sizes and name in CLOSED))
        yield from UNITS

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def below(self, path: str) -> list[str]:
        """Names of the layers of that name or in the scope of that name."""
        return self.paths.get(path, [])

    @cached_property
    def paths(self) -> Mapping[str, list[str]]:
        """Every path that has layers, of layers and of the scopes around them, to the names of those layers."""
        found: dict[str, list[str]] = {}
        for row in self.summary.rows:
            end = 0
            while end != -1:
                end = row.name.find(".", end + 1)
                found.setdefault(row.name if end == -1 else row.name[:end], []).append(row.name)
        return found

    @cached_property
    def words(self) -> list[str]:
        """All those paths."""
        return [*self.paths]

    def _total(self, name: str) -> Any:
        if name.partition(".")[0] in CLOSED and self.summary.graph.sizes:
            raise KeyError(name)
        if name.startswith(f"{PEAK}."):
            return _train_peak(self.summary, name)
        return _TOTALS[name](self.summary)

    def _of_layers(self, name: str) -> Any:
        path, _, figure = name.removeprefix(LAYERS).rpartition(".")
        names = self.below(path)
        if not names or figure not in LAYER_FIGURES:
            raise KeyError(name)
        if figure == "saved_bytes":
            return sum(self.summary.saved[layer] for layer in names)
        if figure in ("receptive_field", "stride"):
            axes = (axis for layer in names for axis in self.summary.fields[layer])
            return max((axis.size if figure == "receptive_field" else axis.jump for axis in axes), default=1)
        return getattr(total(self.summary.counts[layer] for layer in names), figure)
