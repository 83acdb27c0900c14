"""Regularisers: probabilities they refuse, and that they cost nothing deployed."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from archspec.ops import REGISTRY, OperatorError
from archspec.ops.regularize import SpatialDropout
from archspec.tensor import TensorType

WORDS = ("dropout", "spatial_dropout", "drop_path")


@pytest.mark.parametrize("word", WORDS)
@pytest.mark.parametrize("p", [1.0, 1, -0.1, 1.5, "0.5", True, float("nan")])
def test_probabilities_refused(word: str, p: object) -> None:
    with pytest.raises(ValidationError):
        REGISTRY[word](p=p)


@pytest.mark.parametrize("word", WORDS)
def test_the_input_itself_deployed(word: str) -> None:
    op, inputs = REGISTRY[word](p=0), (TensorType((8, 4, 4)),)
    assert op.infer(inputs) == inputs
    assert (op.storage, op.category, op.elementwise_ops(inputs, inputs)) == ("view", "regularize", 0)


def test_a_vector_has_no_maps() -> None:
    with pytest.raises(OperatorError, match="a vector of 10 features") as caught:
        SpatialDropout().infer((TensorType((10,)),))
    assert caught.value.hint == "use `dropout`"
