"""What an `assert:` may speak of: figures of the whole network, and of its layers by their names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

from archspec.analysis.figures import BY_KEY, OF_LAYERS, OF_NETWORKS, Figure, known, largest
from archspec.analysis.summary import Summary
from archspec.graph import around

UNITS = {"KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
"""Names for numbers, so that a budget reads `weight_file_bytes < 100 * MiB`."""

LAYERS = "layers."
PEAK = "train_peak_bytes"
"""Peak memory of a training step; `train_peak_bytes.adam.32.bfloat16` says which (`archspec.analysis.step`)."""
OF_WHOLE: Mapping[str, Figure] = {f.key: f for f in OF_NETWORKS if f.needs != "device"}
CLOSED = tuple(name for name, figure in OF_WHOLE.items() if figure.needs == "numbers")
"""What is a number only where the input leaves no size open."""
LAYER_FIGURES = tuple(f.key for f in OF_LAYERS if f.needs != "device" and f.total)


def _train_peak(summary: Summary, name: str) -> int:
    from archspec.analysis.step import step_of
    from archspec.analysis.training import training_memory

    step = step_of(name)
    if isinstance(step, str):
        raise KeyError(name)
    graph = summary.training_graph or summary.graph
    return training_memory(graph, step.batch, step.optimizer, step.precision).peak.bytes


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
        yield from (name for name, figure in OF_WHOLE.items() if known(figure, self.summary))
        yield from UNITS

    def __len__(self) -> int:
        return sum(1 for _ in self)

    @cached_property
    def scopes(self) -> dict[str, list[str]]:
        """Every path that has layers, of scopes and of the layers themselves, to the names of its layers."""
        found: dict[str, list[str]] = {}
        for row in self.summary.rows:
            for path in around(row.name):
                found.setdefault(path, []).append(row.name)
        return found

    def below(self, path: str) -> list[str]:
        """Names of the layers of that name or in the scope of that name."""
        return self.scopes.get(path, [])

    @cached_property
    def words(self) -> list[str]:
        """All those paths."""
        return [*self.scopes]

    def _total(self, name: str) -> Any:
        figure = OF_WHOLE[PEAK if name.startswith(f"{PEAK}.") else name]
        if not known(figure, self.summary) or figure.total is None:
            raise KeyError(name)
        return _train_peak(self.summary, name) if name.startswith(f"{PEAK}.") else figure.total(self.summary)

    def _of_layers(self, name: str) -> Any:
        path, _, key = name.removeprefix(LAYERS).rpartition(".")
        names = self.below(path)
        figure = BY_KEY[key] if names and key in LAYER_FIGURES else None
        if figure is None or figure.layers is None:
            raise KeyError(name)
        if figure.unit == "cells":
            return largest(figure.layers(self.summary, (layer,)) for layer in names)
        return figure.layers(self.summary, names)
