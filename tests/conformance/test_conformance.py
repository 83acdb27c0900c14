"""Every operator of the registry against torch: samples worked by hand, many generated arguments and shapes.

Three ways to the same answer: the operator's own rules (types, weights, costs); the module the backend makes
of it, run on tensors without data and on small real ones; and an oracle of elementary torch functions that
shares no code with either. A new operator needs an entry in one of the `strategies_…` files here, no more.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from torch import Tensor, nn
from weights import Refused, Weights

from archspec.lowering import LOWERINGS, Site
from archspec.ops import REGISTRY, Operator, OperatorError
from archspec.ops.base import typed
from archspec.tensor import TensorType
from archspec_torch.conformance import as_tuple, on_backward, on_inference, on_places, on_shapes, on_windows
from archspec_torch.lowering import lower

Shape = tuple[int, ...]

STRATEGIES: dict[str, st.SearchStrategy[tuple[dict[str, Any], tuple[Shape, ...]]]] = {}
ORACLES: dict[str, Callable[[Mapping[str, Any], Sequence[Tensor], Weights], Any]] = {}
ELEMENTWISE: dict[str, Callable[[Mapping[str, Any], Sequence[Shape], Sequence[Shape]], int]] = {}
for _path in sorted(Path(__file__).parent.glob("strategies_*.py")):
    _module = importlib.import_module(_path.stem)
    for _table, _found in ((STRATEGIES, _module.STRATEGIES), (ORACLES, _module.ORACLES)):
        assert not set(_table) & set(_found), "two strategies for one word"
        _table.update(_found)
    ELEMENTWISE.update(_module.ELEMENTWISE)

WORDS = sorted(REGISTRY)
REFUSALS = (Refused, RuntimeError, ValueError, TypeError)
"""What an oracle raises where the operator is to refuse: torch is not of one mind."""
EXAMPLES = {
    "conv": 300,
    "conv_transpose": 300,
    "max_pool": 300,
    "avg_pool": 300,
    "depthwise": 120,
    "locally_connected": 80,
    "filter": 200,
    "roi_align": 150,
    "roi_pool": 150,
}


def types(shapes: Sequence[Shape]) -> tuple[TensorType, ...]:
    return tuple(TensorType(tuple(shape)) for shape in shapes)


def made(word: str, args: Mapping[str, Any]) -> Operator:
    return REGISTRY[word](**args)


# ---- the registry


def test_every_operator_has_a_lowering_a_strategy_and_an_oracle() -> None:
    assert {operator for backend, operator in LOWERINGS if backend == "torch"} == set(REGISTRY.values())
    assert set(STRATEGIES) == set(ORACLES) == set(ELEMENTWISE) == set(REGISTRY)


@pytest.mark.parametrize("word", WORDS)
def test_its_page_says_what_it_is_and_shows_it(word: str) -> None:
    page = REGISTRY[word].__doc__ or ""
    first, _, rest = page.partition("\n")
    assert 10 < len(first) <= 110 and first.endswith((".", ":")), first
    assert f"- {word}" in rest, "no example"
    assert REGISTRY[word].model_json_schema()["type"] == "object"


@pytest.mark.parametrize("word", WORDS)
def test_tunable_and_referring_arguments_are_arguments(word: str) -> None:
    cls = REGISTRY[word]
    assert cls.tunable <= set(cls.model_fields)
    assert set(cls.references) <= set(cls.model_fields)
    assert cls.main is None or cls.main in cls.model_fields


@pytest.mark.parametrize("word", WORDS)
def test_samples_hold(word: str) -> None:
    assert REGISTRY[word].samples
    for sample in REGISTRY[word].samples:
        op, inputs = made(word, sample.args), types(sample.inputs)
        outputs = op.infer(inputs)
        assert tuple(y.shape for y in outputs) == sample.outputs
        learned = [w for w in op.weights(inputs).values() if w.kind != "buffer"]
        assert sum(w.numel for w in learned) == sample.params
        assert op.macs(inputs, outputs) == sample.macs
        assert op.label() == made(word, sample.args).label()


@pytest.mark.parametrize("word", WORDS)
def test_what_acts_on_numbers_or_places_does_and_what_slides_answers_for_windows(word: str) -> None:
    for sample in REGISTRY[word].samples:
        op = made(word, sample.args)
        assert [*on_places(op, types(sample.inputs)), *on_windows(op)] == []


def test_what_looks_at_neighbours_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Softmax over the channels is none of a map laid flat; a pool sees its neighbours."""
    monkeypatch.setattr(REGISTRY["softmax"], "acts_on", "number")
    (told,) = on_places(made("softmax", {}), types([(5, 4)]))
    assert told == "gives something else for a map taken laid flat, and by `acts_on` it is number"
    monkeypatch.setattr(REGISTRY["group_norm"], "acts_on", "place")
    (told,) = on_places(made("group_norm", {"groups": 2}), types([(6, 4)]))
    assert told == "gives something else for a map taken by places, and by `acts_on` it is place"
    wrong = made("linear", {"out": 3, "kernel": 2})
    monkeypatch.setattr(REGISTRY["linear"], "slid_over", lambda op, cells: wrong)
    assert list(on_windows(made("linear", {"out": 3}))) == [
        "stores other weights where it slides over a map, by `slid_over`"
    ]


@pytest.mark.parametrize("word", WORDS)
def test_autograd_keeps_of_samples_what_is_said(word: str) -> None:
    for sample in REGISTRY[word].samples:
        op, inputs = made(word, sample.args), types(sample.inputs)
        assert list(on_backward(op, inputs, typed(op, inputs))) == []


@pytest.mark.parametrize("word", WORDS)
def test_what_samples_make_and_drop_is_what_is_said(word: str) -> None:
    told: list[str] = []
    for sample in REGISTRY[word].samples:
        op, inputs = made(word, sample.args), types(sample.inputs)
        told += on_inference(op, inputs, typed(op, inputs))
    assert told == []


@pytest.mark.parametrize("word", WORDS)
def test_whole_numbers_and_truth_values_are_not_mixed_up(word: str) -> None:
    cls = REGISTRY[word]
    for sample in cls.samples:
        for name, value in sample.args.items():
            real = "float" in str(cls.model_fields[name].annotation)
            wrong: list[Any] = []
            if isinstance(value, bool):
                wrong = [1, "yes", None]
            elif isinstance(value, int):
                wrong = [True, "3", -value - 10**10] if not real else [True, "3"]
                wrong += [] if real else [value + 0.5, float(value)]
            elif isinstance(value, float):
                wrong = [True, "0.5", math.inf, math.nan]
            for bad in wrong:
                with pytest.raises(ValidationError):
                    made(word, {**sample.args, name: bad})
    with pytest.raises(ValidationError):
        made(word, {**cls.samples[0].args, "no_such_argument": 1})


# ---- the rules, the module and the oracle


@pytest.mark.parametrize("word", WORDS)
def test_rules_module_and_oracle_agree(word: str) -> None:
    @settings(
        max_examples=EXAMPLES.get(word, 40),
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.explicit, Phase.generate, Phase.shrink],
    )
    @given(STRATEGIES[word])
    def compare(case: tuple[dict[str, Any], tuple[Shape, ...]]) -> None:
        args, shapes = case
        op, inputs = made(word, args), types(shapes)
        try:
            outputs = op.infer(inputs)
        except OperatorError as error:
            oracle_refuses(word, args, shapes)
            assert error.argument is None or error.argument in REGISTRY[word].model_fields
            assert error.hint or any(c.isdigit() for c in error.message), f"no help in: {error.message}"
            return
        agree_without_data(word, op, args, inputs, outputs)
        agree_on_data(word, op, args, inputs, outputs)
        count = ELEMENTWISE[word](args, shapes, [y.shape for y in outputs])
        assert op.elementwise_ops(inputs, outputs) == count

    compare()


def oracle_refuses(word: str, args: Mapping[str, Any], shapes: Sequence[Shape]) -> None:
    # a batch of one, for which torch refuses statistics of one value
    tensors = [torch.zeros(1, *shape, dtype=torch.float64) for shape in shapes]
    with torch.no_grad(), pytest.raises(REFUSALS):
        ORACLES[word](args, tensors, Weights(None, dtype=torch.float64))


def agree_without_data(
    word: str,
    op: Operator,
    args: Mapping[str, Any],
    inputs: tuple[TensorType, ...],
    outputs: tuple[TensorType, ...],
) -> None:
    """Shapes, weights, multiplications and what autograd keeps, on tensors without data; weights are in checkpoints."""
    assert list(on_shapes(op, inputs, outputs)) == []
    assert list(on_backward(op, inputs, outputs)) == []
    with torch.device("meta"):
        module = lower(Site(op, inputs, outputs))
    buffers = {name for name, _ in module.named_buffers()}
    assert buffers == {name for name, w in op.weights(inputs).items() if w.kind == "buffer"}


def agree_on_data(
    word: str,
    op: Operator,
    args: Mapping[str, Any],
    inputs: tuple[TensorType, ...],
    outputs: tuple[TensorType, ...],
) -> None:
    """Values of the module against the oracle's, and whether the output has memory of its own."""
    torch.manual_seed(0)
    module = lower(Site(op, inputs, outputs)).double().eval()
    stir(module)
    tensors = [torch.randn(2, *x.shape, dtype=torch.float64) for x in inputs]
    weights = Weights(module.state_dict())
    with torch.no_grad():
        found = as_tuple(module(*tensors))
        expected = as_tuple(ORACLES[word](args, tensors, weights))
    assert [y.shape for y in found] == [y.shape for y in expected]
    for y, z in zip(found, expected, strict=True):
        torch.testing.assert_close(y, z, rtol=1e-9, atol=1e-9)
    assert weights.asked >= set(module.state_dict()), "weights that the definition does not have"

    given_ = {x.untyped_storage().data_ptr() for x in tensors}
    if op.storage == "view":
        assert all(y.untyped_storage().data_ptr() in given_ for y in found), "a copy, not a view"
    if op.storage == "activation":
        in_place = lower(Site(op, inputs, outputs, in_place=True)).double().eval()
        in_place.load_state_dict(module.state_dict())
        with torch.no_grad():
            (again,) = as_tuple(in_place(tensors[0].clone()))
        torch.testing.assert_close(again, found[0], rtol=1e-12, atol=1e-12)


def stir(module: nn.Module) -> None:
    """Random values everywhere, so that no weight hides behind a one or a zero."""
    with torch.no_grad():
        for tensor in module.state_dict().values():
            if tensor.is_floating_point():
                tensor.copy_(torch.rand_like(tensor) + 0.5)
