"""W319: a layer that does nothing as it is written

It drops nothing, pools single cells, scales by one. A number that comes from a variable is a switch and may be off;
this one is written out, or is the default that nobody changed: `drop_path` drops nothing until it is told how much.

Bad:

    archspec: 1
    input: [3, 32, 32]
    use: std
    layers:
      - conv_bn: {out: 16, kernel: 3}
      - residual:
          - conv_bn: {out: 16, kernel: 3, act: none}
          - drop_path
      - relu
      - global_avg_pool
      - linear: 10

Good:

    archspec: 1
    input: [3, 32, 32]
    use: std
    layers:
      - conv_bn: {out: 16, kernel: 3}
      - residual:
          - conv_bn: {out: 16, kernel: 3, act: none}
          - drop_path: 0.1
      - relu
      - global_avg_pool
      - linear: 10
"""

from __future__ import annotations

from collections.abc import Iterator

from archspec.build.bind import arguments
from archspec.errors import Diagnostic
from archspec.ops import REGISTRY
from archspec.rules.file import SpecFile
from archspec.rules.telling import warning
from archspec.source import Scalar
from archspec.spec import Layer

CODE = "W319"

IDLE = {
    "dropout": {"p": 0},
    "spatial_dropout": {"p": 0},
    "drop_path": {"p": 0},
    "max_pool": {"kernel": 1, "stride": 1, "padding": 0},
    "avg_pool": {"kernel": 1, "stride": 1, "padding": 0},
    "upsample": {"scale": 1},
    "subsample": {"stride": 1},
    "pixel_shuffle": {"scale": 1},
    "space_to_depth": {"block": 1},
    "channel_shuffle": {"groups": 1},
    "scale": {"factor": 1},
    "leaky_relu": {"slope": 1},
}
"""The arguments with which a layer gives what it takes."""


def check(file: SpecFile) -> Iterator[Diagnostic]:
    """Layers of this file whose arguments are written out, or left unwritten, so that they do nothing."""
    for layer in file.layers():
        idle = IDLE.get(layer.word)
        if idle is None or layer.word in file.spec.defaults:
            continue
        if all(_written(layer, name) == number for name, number in idle.items()):
            name, number = next(iter(idle.items()))
            message = f"'{layer.word}' does nothing: its {name} is {number}"
            yield warning(CODE, message, layer.span, "give it another number, or remove it")


def _written(layer: Layer, name: str) -> object:
    """An argument as a number, as written or, where it is not, as it is by default; None where it is an expression."""
    operator = REGISTRY[layer.word]
    written = arguments(operator.word, operator.main, [*operator.model_fields], layer.args, layer.span)
    value = written.get(name)
    if value is None and name == "stride" and "kernel" in operator.model_fields:
        return _written(layer, "kernel")  # a pool steps by its kernel
    if value is None:
        default = operator.model_fields[name].default
        return 0 if default == "valid" else default
    return value.value if isinstance(value, Scalar) and not isinstance(value.value, str | bool) else None
