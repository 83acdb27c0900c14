"""How many layers an entry makes at least, told from its text: what is too large is refused before it is made."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archspec.build.flow import Overflow
from archspec.build.place import MAX_DEPTH, MAX_NODES, Place
from archspec.errors import Diagnostic
from archspec.ops import REGISTRY
from archspec.source import Scalar
from archspec.spec import Block, Layer

if TYPE_CHECKING:
    from archspec.build.expand import Expansion


def refuse(expansion: Expansion, entered: Layer | Block, times: int, layer: Layer, place: Place) -> None:
    """Raises Overflow E116 where that many times what is entered makes more layers than there may be."""
    least = _block(expansion, entered, 0) if isinstance(entered, Block) else _once(expansion, entered, 0)
    if len(expansion.nodes) + times * least > MAX_NODES:
        message = f"this network has more than {MAX_NODES:,} layers"
        raise Overflow(Diagnostic("E116", message, layer.span, "smaller repeats", place.trail))


def _all(expansion: Expansion, layers: tuple[Layer, ...], depth: int) -> int:
    found = 0
    for layer in layers:
        times: object = 1
        if layer.repeat is not None:
            times = layer.repeat.value if isinstance(layer.repeat, Scalar) else 0
        if layer.each is None and isinstance(times, int) and times > 0:  # else there may be none
            found += times * _once(expansion, layer, depth)
    return found


def _once(expansion: Expansion, layer: Layer, depth: int) -> int:
    """One instance of a layer, its loop left aside; 0 where that cannot be told."""
    if layer.when is not None:
        return 0
    if layer.word in ("layers", "residual"):
        return _all(expansion, layer.body, depth)
    if layer.word == "branches":
        return _all(expansion, layer.branches, depth)
    if layer.word in expansion.spec.blocks:
        return _block(expansion, expansion.spec.blocks[layer.word], depth + 1)
    # of a residual without its sum, stochastic depth goes again
    return int(layer.word in REGISTRY and layer.word != "drop_path")


def _block(expansion: Expansion, block: Block, depth: int) -> int:
    """What a block makes; nothing is counted in those nested deeper than blocks may be, which are refused elsewhere."""
    if depth > MAX_DEPTH:
        return 0
    if block.name not in expansion.least:
        expansion.least[block.name] = 0  # for a block in itself, which is refused elsewhere
        expansion.least[block.name] = _all(expansion, block.layers, depth)
    return expansion.least[block.name]
