"""Activations: arguments they refuse, what a merge of channels costs, and the words `act:` may take."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from archspec.ops import REGISTRY, OperatorError
from archspec.ops.act import ACTIVATIONS, Maxout, Prelu, Relu, Sigmoid, Softmax
from archspec.tensor import TensorType

PLANE = (TensorType((96, 10, 10)),)


def test_words_of_act_keep_the_shape_and_need_no_argument() -> None:
    for word in ACTIVATIONS:
        op = REGISTRY[word]()
        assert op.infer(PLANE) == PLANE, word
        assert op.category == "activation"


def test_every_activation_that_keeps_the_shape_is_a_word_of_act_unless_it_needs_an_argument() -> None:
    alone = {
        word
        for word, cls in REGISTRY.items()
        if cls.category == "activation" and not any(f.is_required() for f in cls.model_fields.values())
    }
    assert alone - set(ACTIVATIONS) == {"maxout"}


@pytest.mark.parametrize(
    ("word", "args"),
    [
        ("leaky_relu", {"slope": -0.1}),
        ("leaky_relu", {"slope": "0.1"}),
        ("elu", {"alpha": -1.0}),
        ("softplus", {"beta": 0}),
        ("softplus", {"beta": float("nan")}),
        ("gelu", {"approximate": "erf"}),
        ("maxout", {"pieces": 1}),
        ("maxout", {"pieces": 2.0}),
        ("prelu", {"shared": 1}),
        ("threshold", {}),
        ("relu", {"inplace": True}),
    ],
)
def test_arguments_refused(word: str, args: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        REGISTRY[word](**args)


def test_weights_of_prelu() -> None:
    assert {name: w.shape for name, w in Prelu().weights(PLANE).items()} == {"weight": (96,)}
    assert {name: w.shape for name, w in Prelu(shared=True).weights(PLANE).items()} == {"weight": (1,)}


def test_operations() -> None:
    outputs = Relu().infer(PLANE)
    assert Relu().elementwise_ops(PLANE, outputs) == 9_600
    assert Sigmoid().elementwise_ops(PLANE, outputs) == 9_600
    assert Softmax().elementwise_ops(PLANE, outputs) == 28_800
    # 3 pieces: 32 channels of 100 cells, two comparisons each
    assert Maxout(pieces=3).elementwise_ops(PLANE, Maxout(pieces=3).infer(PLANE)) == 6_400


def test_maxout_says_what_would_divide() -> None:
    with pytest.raises(OperatorError, match="10 channels do not divide into pieces of 3") as caught:
        Maxout(pieces=3).infer((TensorType((10,)),))
    assert caught.value.argument == "pieces"
    assert "12 would fit" in str(caught.value.hint)
