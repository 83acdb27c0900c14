"""Whether a layer in error would have given one tensor: what is behind it is then told how many it takes."""

from __future__ import annotations

from collections.abc import Mapping

from archspec.ops import REGISTRY
from archspec.source import Scalar
from archspec.spec import JOINS, STRUCTURAL, Block, Layer

ONE_OUT = frozenset({"activation", "conv", "linear", "norm", "pool", "regularize", "shape"})
"""Categories whose operators give one tensor, whatever they take."""
SEVERAL_OUT = frozenset({"split"})
"""Operators that give more than one."""


def gives_one(layer: Layer, blocks: Mapping[str, Block]) -> bool:
    """Whether a layer that takes one tensor gives one for certain. A misspelt word counts as what it is a slip of."""
    known = layer.word in REGISTRY or layer.word in blocks or layer.word in STRUCTURAL
    return all(_gives_one(layer, word, blocks, ()) for word in ([layer.word] if known else _meant(layer.word, blocks)))


def _meant(word: str, blocks: Mapping[str, Block]) -> list[str]:
    """The words that one slip of the fingers makes of it; itself, which nobody knows, where there are none."""
    from archspec.nearest import nearest, one_slip  # only the mistaken wait for them

    return [near for near in nearest(word, [*REGISTRY, *blocks, *STRUCTURAL]) if one_slip(word, near)] or [word]


def _gives_one(layer: Layer, word: str, blocks: Mapping[str, Block], around: tuple[str, ...]) -> bool:
    if word in ("residual", "act"):
        return True  # a sum; an activation, or what flows in
    if word == "branches":
        return isinstance(layer.join, Scalar) and layer.join.text in JOINS and layer.join.text != "none"
    if word == "layers":
        return _one_behind(layer.body, blocks, around)
    if word in blocks:
        block = blocks[word]
        certain = not block.lost and block.inputs is None and block.outputs is None and word not in around
        return certain and _one_behind(block.layers, blocks, (*around, word))
    operator = REGISTRY.get(word)
    return operator is not None and (
        operator.category in ONE_OUT or (operator.category == "merge" and word not in SEVERAL_OUT)
    )


def _one_behind(layers: tuple[Layer, ...], blocks: Mapping[str, Block], around: tuple[str, ...]) -> bool:
    """Whether a list of layers gives one tensor, of one."""
    for layer in reversed(layers):
        if not _gives_one(layer, layer.word, blocks, around):
            return False
        if layer.word != "act" and layer.when is None and layer.repeat is None and layer.each is None:
            return True
    return True
