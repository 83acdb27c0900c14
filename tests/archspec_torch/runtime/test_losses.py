"""Losses against torch's own, and against numbers worked by hand."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional
from torchvision.ops import sigmoid_focal_loss

from archspec.run import load_run
from archspec_torch.runtime.losses import Criterion, contrastive, make_criterion, triplet

C = 5
GENERATOR = torch.Generator().manual_seed(0)
SCORES = torch.randn(12, C, generator=GENERATOR)
LABELS = torch.randint(0, C, (12,), generator=GENERATOR)
HOT = functional.one_hot(LABELS, C).float()
SOFT = 0.7 * HOT + 0.3 * HOT.roll(1, 0)
COUNTS = torch.tensor([10, 20, 30, 25, 15])


def criterion(loss: Any, counts: Tensor | None = COUNTS, examples: int = 100) -> Criterion:
    return make_criterion(load_run({"model": "lenet5", "train": {"loss": loss}}).run.train.loss, counts, examples)


def test_cross_entropy_is_torch_s() -> None:
    weights = [1.0, 2.0, 0.5, 1.0, 3.0]
    loss = criterion({"kind": "cross_entropy", "label_smoothing": 0.1, "class_weights": weights})
    for targets in (LABELS, SOFT):
        theirs = functional.cross_entropy(SCORES, targets, torch.tensor(weights), label_smoothing=0.1)
        assert torch.allclose(loss(SCORES, targets), theirs)
        assert torch.allclose(loss.plain(SCORES, targets), functional.cross_entropy(SCORES, targets))


def test_balanced_weights_are_scikit_learn_s() -> None:
    from sklearn.utils.class_weight import compute_class_weight

    labels = torch.arange(C).repeat_interleave(COUNTS)
    theirs = compute_class_weight("balanced", classes=labels.unique().numpy(), y=labels.numpy())
    ours = criterion({"class_weights": "balanced"}).weights
    assert ours is not None and ours.tolist() == pytest.approx(theirs.tolist())
    assert criterion({"class_weights": "balanced"}, counts=None).weights is None


@pytest.mark.parametrize(("kind", "power"), [("hinge", 1), ("squared_hinge", 2)])
def test_hinges_are_torch_s_times_the_classes(kind: str, power: int) -> None:
    loss = criterion({"kind": kind, "margin": 0.7})
    theirs = C * functional.multi_margin_loss(SCORES, LABELS, p=power, margin=0.7)
    assert torch.allclose(loss(SCORES, LABELS), theirs)
    assert torch.allclose(loss(SCORES, HOT), theirs, atol=1e-5)
    mixed = 0.7 * theirs + 0.3 * C * functional.multi_margin_loss(SCORES, LABELS.roll(1), p=power, margin=0.7)
    assert torch.allclose(loss(SCORES, SOFT), mixed, atol=1e-5)


def test_the_hinge_of_the_lecture() -> None:
    """CS231n's cat, car and frog: losses 2.9, 0 and 12.9."""
    scores = torch.tensor([[3.2, 5.1, -1.7], [1.3, 4.9, 2.0], [2.2, 2.5, -3.1]])
    loss = criterion("hinge")
    each = [float(loss(row[None], torch.tensor([y]))) for y, row in enumerate(scores)]
    assert each == pytest.approx([2.9, 0, 12.9], abs=1e-5)


def test_binary_cross_entropy_is_torch_s_summed_over_classes() -> None:
    wanted = (torch.rand(12, C, generator=GENERATOR) > 0.6).long()
    theirs = C * functional.binary_cross_entropy_with_logits(SCORES, wanted.float())
    assert torch.allclose(criterion("bce")(SCORES, wanted), theirs)
    loss = criterion({"kind": "bce", "positive_weights": "balanced"})
    positive = torch.tensor([9.0, 4.0, 70 / 30, 3.0, 85 / 15])
    weighted = C * functional.binary_cross_entropy_with_logits(SCORES, wanted.float(), pos_weight=positive)
    assert torch.allclose(loss(SCORES, wanted), weighted)
    smooth = C * functional.binary_cross_entropy_with_logits(SCORES, wanted * 0.8 + 0.1)
    assert torch.allclose(criterion({"kind": "bce", "label_smoothing": 0.2})(SCORES, wanted), smooth)


@pytest.mark.parametrize("gamma", [0.5, 2.0])
def test_the_focal_loss_of_the_sigmoid_is_torchvision_s(gamma: float) -> None:
    wanted = (torch.rand(12, C, generator=GENERATOR) > 0.6).long()
    loss = criterion({"kind": "bce", "gamma": gamma})
    theirs = C * sigmoid_focal_loss(SCORES, wanted.float(), alpha=-1, gamma=gamma, reduction="mean")
    assert torch.allclose(loss(SCORES, wanted), theirs)
    assert torch.allclose(loss.plain(SCORES, wanted), theirs)
    assert float(loss(torch.zeros(12, C), wanted)) == pytest.approx(loss.at_start(C))


@pytest.mark.parametrize(
    ("loss", "theirs"),
    [
        ("l1", functional.l1_loss),
        ("l2", functional.mse_loss),
        ({"kind": "smooth_l1", "beta": 0.5}, lambda s, t: functional.smooth_l1_loss(s, t, beta=0.5)),
    ],
)
def test_distances_are_torch_s_summed_over_classes(loss: Any, theirs: Any) -> None:
    assert torch.allclose(criterion(loss)(SCORES, LABELS), C * theirs(SCORES, HOT))
    numbers = torch.randn(12, C, generator=GENERATOR)
    assert torch.allclose(criterion(loss)(SCORES, numbers), C * theirs(SCORES, numbers))


def test_focal_by_hand() -> None:
    p = SCORES.softmax(1).gather(1, LABELS[:, None])[:, 0]
    assert torch.allclose(criterion("focal")(SCORES, LABELS), (-((1 - p) ** 2) * p.log()).mean())
    assert torch.allclose(
        criterion({"kind": "focal", "gamma": 0})(SCORES, SOFT), functional.cross_entropy(SCORES, SOFT)
    )
    balanced = {"class_weights": "balanced"}
    plain, focal = criterion(balanced), criterion({"kind": "focal", "gamma": 0, **balanced})
    assert torch.allclose(focal(SCORES, LABELS), plain(SCORES, LABELS))


@pytest.mark.parametrize(
    ("loss", "value"),
    [
        ("cross_entropy", math.log(10)),
        ({"label_smoothing": 0.2}, math.log(10)),
        ({"kind": "focal", "gamma": 2}, 0.81 * math.log(10)),
        ("hinge", 9),
        ({"kind": "hinge", "margin": 0.5}, 4.5),
        ({"kind": "squared_hinge", "margin": 2}, 36),
        ("bce", 10 * math.log(2)),
        ("l1", 1),
        ("l2", 1),
        ({"kind": "smooth_l1", "beta": 0.5}, 0.75),
        ({"kind": "smooth_l1", "beta": 2}, 0.25),
    ],
)
def test_the_value_before_training_is_predicted(loss: Any, value: float) -> None:
    made = criterion(loss, None)
    assert made.at_start(10) == pytest.approx(value)
    assert float(made(torch.zeros(4, 10), torch.tensor([0, 3, 9, 3]))) == pytest.approx(value, rel=1e-5)


TAGS = (torch.rand(4000, 6, generator=GENERATOR) < torch.tensor([0.02, 0.02, 0.02, 0.3, 0.5, 0.9])).float()
RARE = torch.arange(3).repeat_interleave(torch.tensor([90, 9, 1]))


@pytest.mark.parametrize("weights", ["balanced", [5.0, 1.0, 20.0, 0.5, 2.0, 1.0]])
@pytest.mark.parametrize("rest", [{}, {"label_smoothing": 0.1}, {"gamma": 2.0}, {"label_smoothing": 0.1, "gamma": 1.0}])
def test_weighted_tags_begin_as_predicted(weights: Any, rest: dict[str, float]) -> None:
    """Against the loss of scores of 0 on labels, some of which few images have; without gamma, against torch's too."""
    made = criterion({"kind": "bce", "positive_weights": weights, **rest}, TAGS.sum(0), len(TAGS))
    scores = torch.zeros_like(TAGS)
    assert made.at_start(6) == pytest.approx(float(made(scores, TAGS)), rel=1e-5)
    if "gamma" not in rest:
        smooth = TAGS * (1 - rest.get("label_smoothing", 0)) + rest.get("label_smoothing", 0) / 2
        theirs = 6 * functional.binary_cross_entropy_with_logits(scores, smooth, pos_weight=made.weights)
        assert made.at_start(6) == pytest.approx(float(theirs), rel=1e-5)


def test_six_rare_tags_balanced_by_hand() -> None:
    """At 2 % each, a class weighs 49 where it is: 0.02·49 + 0.98 = 1.96 of ln 2."""
    made = criterion({"kind": "bce", "positive_weights": "balanced"}, torch.full((6,), 2), 100)
    assert made.at_start(6) == pytest.approx(6 * 1.96 * math.log(2))


@pytest.mark.parametrize("weights", ["balanced", [0.2, 1.0, 10.0]])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_weighted_classes_begin_as_predicted(weights: Any, smoothing: float) -> None:
    """Torch's smoothing weighs the share of every class by its own weight."""
    loss = {"label_smoothing": smoothing, "class_weights": weights}
    made = criterion(loss, torch.bincount(RARE), len(RARE))
    theirs = functional.cross_entropy(torch.zeros(100, 3), RARE, made.weights, label_smoothing=smoothing)
    assert made.at_start(3) == pytest.approx(float(theirs), rel=1e-5)
    focal = criterion({"kind": "focal", "gamma": 1.5, "class_weights": weights}, torch.bincount(RARE), len(RARE))
    assert focal.at_start(3) == pytest.approx(float(focal(torch.zeros(100, 3), RARE)), rel=1e-5)


def test_triplets_are_torch_s() -> None:
    a, p, n = torch.randn(3, 7, 4, generator=GENERATOR)
    theirs = functional.triplet_margin_loss(a, p, n, margin=0.3, eps=0)
    assert torch.allclose(triplet(a, p, n, margin=0.3), theirs)


def test_contrastive_by_hand() -> None:
    first = torch.tensor([[0.0, 0.0], [0.0, 0.0], [0.0, 0.0], [1.0, 1.0]], requires_grad=True)
    second = torch.tensor([[3.0, 4.0], [0.3, 0.4], [3.0, 4.0], [1.0, 1.0]])
    loss = contrastive(first, second, torch.tensor([1, 0, 0, 1]))
    assert loss.item() == pytest.approx((25 + 0.5**2 + 0 + 0) / 2 / 4)
    loss.backward()
    assert first.grad is not None and first.grad.isfinite().all()
