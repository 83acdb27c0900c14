"""Every operator at every size at once, against itself at one size after the other, and against torch.

The same arguments and inputs as in `test_conformance`, with the lengths of the spatial axes left open: what the
rules then give, counted and refused, is at each number what they give there; and the module that the backend makes
of the open layer runs at each.
"""

from __future__ import annotations

import importlib
import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from archspec.ops import REGISTRY, Operator, OperatorError
from archspec.ops.settle import settle
from archspec.sizes import ANY, Open, Sizes, symbol
from archspec.tensor import TensorType, at
from archspec_torch.lowering import Site, lower

Shape = tuple[int, ...]
Case = tuple[dict[str, Any], tuple[Shape, ...]]

STRATEGIES: dict[str, st.SearchStrategy[Case]] = {}
for _path in sorted(Path(__file__).parent.glob("strategies_*.py")):
    STRATEGIES.update(importlib.import_module(_path.stem).STRATEGIES)

WORDS = sorted(REGISTRY)
NAMES = "ABCD"
LARGEST = 40
"""Sizes from 1 to this are compared one by one."""
FIXED = {"roi_align": 1, "roi_pool": 1}
"""The input, by its position, that is no image: its sizes stay numbers."""


def opened(shapes: Sequence[Shape], fixed: int | None = None) -> tuple[tuple[TensorType, ...], dict[str, Sizes]]:
    """The inputs with open axes, a symbol for each: where they differ, all but the smallest are so much longer."""
    if fixed is not None:
        types, sizes = opened([shape for i, shape in enumerate(shapes) if i != fixed])
        return (*types[:fixed], TensorType(shapes[fixed]), *types[fixed:]), sizes
    rank = max(len(shape) for shape in shapes) - 1
    least = [min((s[1 + i] for s in shapes if len(s) > 1 + i), default=1) for i in range(rank)]
    names = NAMES[:rank]
    opens = [TensorType((s[0], *(symbol(names[i]) + (n - least[i]) for i, n in enumerate(s[1:])))) for s in shapes]
    return tuple(opens), dict.fromkeys(names, ANY)


def closed(types: Sequence[TensorType], sizes: Mapping[str, int]) -> tuple[TensorType, ...]:
    return tuple(x.at(sizes) for x in types)


def points(names: Sequence[str]) -> list[dict[str, int]]:
    """All axes short and long, apart and together."""
    if not names:
        return []
    together = [dict.fromkeys(names, n) for n in range(1, LARGEST)]
    apart = [
        dict(zip(names, sizes, strict=True)) for sizes in itertools.product((1, 2, 3, 4, 7, 12), repeat=len(names))
    ]
    return together + apart


def compare(word: str, args: Mapping[str, Any], shapes: Sequence[Shape]) -> None:
    try:
        op = REGISTRY[word](**args)
    except ValidationError:
        return
    types, allowed = opened(shapes, FIXED.get(word))
    if not allowed:
        return
    outcome: dict[tuple[int, ...], tuple[TensorType, ...] | None] = {}
    for point in points(list(allowed)):
        try:
            outcome[tuple(point.values())] = op.infer(closed(types, point))
        except OperatorError:
            outcome[tuple(point.values())] = None
    try:
        settled = settle(op, types, allowed)
    except OperatorError as error:
        check_refusal(op, error, types, list(outcome.values()))
        return
    for numbers, expected in outcome.items():
        point = dict(zip(allowed, numbers, strict=True))
        fits = all(n in settled.allowed[name] for name, n in point.items()) and not any(
            r.together and all(point[name] in part for name, part in r.sizes.items()) for r in settled.refusals
        )
        assert fits == (expected is not None), f"at {point}: {settled}"
        if expected is None:
            continue
        assert closed(settled.outputs, point) == expected, f"at {point}"
        here = closed(types, point)
        assert op.weights(types) == op.weights(here)
        assert at(op.macs(types, settled.outputs), point) == op.macs(here, expected), f"at {point}"
        elementwise = at(op.elementwise_ops(types, settled.outputs), point)
        assert elementwise == op.elementwise_ops(here, expected), f"at {point}"
    runs(op, types, settled.outputs, [dict(zip(allowed, n, strict=True)) for n, y in outcome.items() if y is not None])
    for refusal in settled.refusals:
        with pytest.raises(OperatorError):
            op.infer(closed(types, refusal.example))


def check_refusal(
    op: Operator, error: OperatorError, types: tuple[TensorType, ...], outcomes: list[tuple[TensorType, ...] | None]
) -> None:
    """What is refused while it is open: everything, all but finitely many, or what depends on the number."""
    fitting = [y for y in outcomes if y is not None]
    if error.code == "E310":
        assert not fitting, error.message
    elif error.code == "E313":
        assert len(fitting) < len(outcomes), error.message
    else:
        assert error.code == "E315", error.message
        assert op.word in ("reshape", "locally_connected") or not types[0].rank, error.message


def runs(
    op: Operator,
    inputs: tuple[TensorType, ...],
    outputs: tuple[TensorType, ...],
    fitting: list[dict[str, int]],
) -> None:
    """The module made of the open layer takes images of every size that fits."""
    with torch.device("meta"), torch.no_grad():
        module = lower(Site(op, inputs, outputs)).eval()
        for point in fitting[:: max(1, len(fitting) // 6)]:
            found = module(*(torch.empty(2, *x.at(point).shape) for x in inputs))
            tensors = (found,) if isinstance(found, torch.Tensor) else tuple(found)
            expected = [(2 * y.regions, *y.at(point).shape) for y in outputs]
            assert [tuple(y.shape) for y in tensors] == expected, f"at {point}"


@pytest.mark.parametrize("word", WORDS)
def test_samples_of_open_size(word: str) -> None:
    for sample in REGISTRY[word].samples:
        compare(word, sample.args, sample.inputs)


@pytest.mark.parametrize("word", WORDS)
def test_any_arguments_at_any_size(word: str) -> None:
    @settings(
        max_examples=25,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.explicit, Phase.generate, Phase.shrink],
    )
    @given(STRATEGIES[word])
    def run(case: Case) -> None:
        compare(word, *case)

    run()


def test_an_open_size_is_no_number() -> None:
    size = symbol("H")
    assert isinstance(size, Open)
    for use in (range, float, int, bin):
        with pytest.raises(TypeError):
            use(size)
