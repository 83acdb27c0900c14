"""W313, W314 and W315: the scores of a classifier, held against torch's cross-entropy."""

from __future__ import annotations

import math
import re
from collections.abc import Callable

import pytest

from archspec.errors import Diagnostic

Told = Callable[[str], list[Diagnostic]]
HEAD = "input: [3, 8, 8]\n"


def ending(layers: str, classes: int = 10) -> str:
    return f"{HEAD}layers: [conv: 8, relu, global_avg_pool, linear: {classes}, {layers}]\n"


@pytest.mark.parametrize(("layer", "low", "high"), [("softmax", 0, 1), ("sigmoid", 0, 1), ("tanh", -1, 1)])
@pytest.mark.parametrize("classes", [2, 10, 1000])
def test_the_least_loss_is_the_one_of_torch_at_the_best_scores(
    told: Told, layer: str, low: float, high: float, classes: int
) -> None:
    torch = pytest.importorskip("torch")
    (found,) = told(ending(layer, classes))
    assert found.code == "W313"
    scores = torch.full((1, classes), float(low), dtype=torch.float64)
    scores[0, 0] = high  # as sure of the right class as that activation allows
    least = torch.nn.functional.cross_entropy(scores, torch.tensor([0])).item()
    stated = re.search(r"cannot fall below ([\d.]+)$", found.message)
    assert stated is not None and float(stated[1]) == pytest.approx(least, abs=0.005)


def test_the_logarithm_of_a_softmax_changes_nothing_in_torch_either(told: Told) -> None:
    torch = pytest.importorskip("torch")
    (found,) = told(ending("log_softmax"))
    assert "changes nothing" in found.message
    scores, labels = torch.randn(16, 10, dtype=torch.float64), torch.arange(16) % 10
    loss = torch.nn.functional.cross_entropy
    assert loss(scores.log_softmax(1), labels).item() == pytest.approx(loss(scores, labels).item())


def test_an_output_that_stays_below_zero_gets_no_gradient_through_a_relu(told: Told) -> None:
    torch = pytest.importorskip("torch")
    (found,) = told(ending("relu"))
    assert "gets no gradient" in found.message
    scores = torch.tensor([[-1.0, 2.0, 3.0]], requires_grad=True)
    torch.nn.functional.cross_entropy(scores.relu(), torch.tensor([0])).backward()
    assert scores.grad is not None and scores.grad[0, 0] == 0


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("task: regress\n" + ending("sigmoid"), id="another task"),
        pytest.param(ending("dropout: 0.1"), id="no activation"),
        pytest.param(ending("leaky_relu"), id="no bound"),
        pytest.param(f"{HEAD}layers: [conv: 8, relu, global_avg_pool]\n", id="averaged afterwards: network in network"),
        pytest.param(f"{HEAD}layers: [conv: 8, softmax]\n", id="a map of classes is no vector of scores"),
        pytest.param(
            ending("softmax").replace("layers", "outputs: {a: linear1, b: softmax1}\nlayers"), id="several outputs"
        ),
    ],
)
def test_what_is_left_alone(told: Told, text: str) -> None:
    assert told(text) == []


def test_a_view_behind_the_activation_hides_nothing(told: Told) -> None:
    text = "layers: [conv: 8, relu, global_avg_pool: {keep: true}, conv: 10, softmax, flatten]\n"
    (found,) = told(HEAD + text)
    assert (found.code, found.message.split(":")[0]) == ("W313", "softmax1")


def test_the_softmax_of_a_single_score_is_certain_of_it(told: Told) -> None:
    torch = pytest.importorskip("torch")
    for layers in ("dropout: 0.1", "sigmoid"):  # one mistake, one warning
        (found,) = told(ending(layers, classes=1))
        assert found.code == "W314"
    assert torch.nn.functional.cross_entropy(torch.tensor([[-3.7]]), torch.tensor([0])).item() == 0


HEADS = """
layers: [conv: 8, {relu: {}, name: early}, conv: 8, relu, global_avg_pool, linear: 10]
heads: {aux: {from: early, only: train, weight: W, layers: [global_avg_pool, linear: N]}}
"""


@pytest.mark.parametrize(("weight", "scores", "codes"), [(0.3, 10, []), (0.3, 7, ["W315"]), (0.3, 1, ["W314", "W315"])])
def test_heads_with_a_loss_score_the_same_classes(told: Told, weight: float, scores: int, codes: list[str]) -> None:
    found = told(HEAD + HEADS.replace("W", str(weight)).replace("N", str(scores)))
    assert [d.code for d in found] == codes


def test_a_head_without_a_loss_may_give_anything(told: Told) -> None:
    heads = "{features: {from: early, weight: 0, layers: [global_avg_pool]}}"
    text = HEAD + HEADS.replace("W", "1").replace("N", "10")
    assert told(text.partition("heads")[0] + f"heads: {heads}\n") == []


def test_fewer_scores_than_classes_fail_in_torch() -> None:
    torch = pytest.importorskip("torch")
    with pytest.raises(IndexError):
        torch.nn.functional.cross_entropy(torch.zeros(1, 7), torch.tensor([9]))
    more = torch.nn.functional.cross_entropy(torch.zeros(1, 1000), torch.tensor([9])).item()
    assert more == pytest.approx(math.log(1000))  # far from ln 10
