"""Losses: scores and targets in, a scalar out, each with what it is before training.

Targets are class numbers int64 (n,), or a number for each class (n, C): shares of classes that were mixed, several
classes of an image, or numbers to come near to. Every loss is a mean over the examples.
"""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from archspec.run.sections import BCE, L1, L2, ClassLoss, CrossEntropy, Focal, Hinge, SmoothL1, SquaredHinge


class Criterion(nn.Module):
    """A loss with its numbers. `weights` (C,) of classes, where there are any, move with it to a device."""

    weights: Tensor | None
    sigmoid: ClassVar[bool] = False
    """Whether each class is a question of its own."""

    def __init__(self, weights: Tensor | None = None, shares: Tensor | None = None) -> None:
        """`shares` (C,): of the training examples those that have each class, for `at_start` under weights."""
        super().__init__()
        self.register_buffer("weights", weights)
        self.shares = shares

    def _known(self, classes: int) -> tuple[Tensor, Tensor]:
        """Weights and shares of the classes, float64 (C,) on the CPU: 1, and alike, where none are known."""
        even = torch.full((classes,), 1 / classes, dtype=torch.float64)
        weights = torch.ones_like(even) if self.weights is None else self.weights.cpu().double()
        return weights, even if self.shares is None else self.shares.cpu().double()

    def forward(self, scores: Tensor, targets: Tensor) -> Tensor:
        """The loss that training makes small: scores (n, C), targets (n,) or (n, C)."""
        return self.plain(scores, targets)

    def plain(self, scores: Tensor, targets: Tensor) -> Tensor:
        """The loss as runs are compared by it: without weights of classes and without label smoothing."""
        raise NotImplementedError

    def mass(self, targets: Tensor) -> Tensor:
        """What the mean of `forward` over a batch is divided by, (): its examples, or the sum of their weights."""
        return targets.new_full((), len(targets), dtype=torch.float32)

    def at_start(self, classes: int) -> float:
        """What the loss is on average over the training examples, which are not mixed, while all scores are 0, as they
        nearly are before training."""
        raise NotImplementedError


class CrossEntropyLoss(Criterion):
    """Softmax cross-entropy: ln C at the start.

    Under smoothing by ε with weights w of classes that have the shares p, ln C·(1 − ε + ε·mean(w)/Σp·w): torch weighs
    the part of the target that all classes get by theirs, and divides by the weights of the right ones.
    """

    def __init__(
        self, label_smoothing: float = 0.0, weights: Tensor | None = None, shares: Tensor | None = None
    ) -> None:
        super().__init__(weights, shares)
        self.label_smoothing = label_smoothing

    def forward(self, scores: Tensor, targets: Tensor) -> Tensor:
        return functional.cross_entropy(scores, targets, self.weights, label_smoothing=self.label_smoothing)

    def mass(self, targets: Tensor) -> Tensor:
        if self.weights is None or targets.ndim == 2:  # of mixed classes torch takes the mean over the examples
            return super().mass(targets)
        return self.weights[targets].sum()

    def plain(self, scores: Tensor, targets: Tensor) -> Tensor:
        return functional.cross_entropy(scores, targets)

    def at_start(self, classes: int) -> float:
        weights, shares = self._known(classes)
        uneven = float(weights.mean() * shares.sum() / (weights * shares).sum())
        return math.log(classes) * (1 + self.label_smoothing * (uneven - 1))


class FocalLoss(Criterion):
    """(1 − p)^γ times cross-entropy: (1 − 1/C)^γ·ln C at the start. Source: Lin et al., 2017, equation 4."""

    def __init__(self, gamma: float, weights: Tensor | None = None) -> None:
        super().__init__(weights)
        self.gamma = gamma

    def forward(self, scores: Tensor, targets: Tensor) -> Tensor:
        shares, terms = one_hot(targets, scores), self._terms(scores)
        if self.weights is None:
            return (shares * terms).sum(1).mean()
        return (shares * terms * self.weights).sum() / (shares * self.weights).sum()

    def mass(self, targets: Tensor) -> Tensor:
        if self.weights is None:
            return super().mass(targets)
        return (self.weights[targets] if targets.ndim == 1 else targets * self.weights).sum()

    def plain(self, scores: Tensor, targets: Tensor) -> Tensor:
        return (one_hot(targets, scores) * self._terms(scores)).sum(1).mean()

    def _terms(self, scores: Tensor) -> Tensor:
        """What each class would cost if it were the right one: (n, C)."""
        logs = scores.log_softmax(1)
        return -((1 - logs.exp()).clamp_min(0) ** self.gamma) * logs

    def at_start(self, classes: int) -> float:
        return (1 - 1 / classes) ** self.gamma * math.log(classes)


class HingeLoss(Criterion):
    """Σ over the wrong classes j of max(0, s_j − s_y + margin)^power: (C − 1)·margin^power at the start.

    Of mixed classes, the mean by their shares. Source: Weston and Watkins, 1999.
    """

    def __init__(self, margin: float, power: int = 1) -> None:
        super().__init__()
        self.margin, self.power = margin, power

    def plain(self, scores: Tensor, targets: Tensor) -> Tensor:
        if targets.ndim == 1:
            costs = self._costs(scores - scores.gather(1, targets[:, None]))
            return (costs.sum(1) - self.margin**self.power).mean()  # without the right class's own term
        pairs = self._costs(scores[:, None, :] - scores[:, :, None]).sum(2) - self.margin**self.power
        return (targets * pairs).sum(1).mean()

    def _costs(self, ahead: Tensor) -> Tensor:
        costs = (ahead + self.margin).clamp_min(0)
        return costs if self.power == 1 else costs**self.power

    def at_start(self, classes: int) -> float:
        return (classes - 1) * self.margin**self.power


class BinaryCrossEntropyLoss(Criterion):
    """Binary cross-entropy of each class's sigmoid, summed over the classes: C·ln 2 at the start, or under weights w
    of classes that have the shares p, ln 2·Σ(p·w + 1 − p).

    `weights`: what a class counts where an example has it (`pos_weight` of torch). `gamma`: each class's term times
    |t − p|^γ, p its probability and t 1 where an example has it: (1/2)^γ of it at the start. Source: Lin et al., 2017,
    equation 4, without α.
    """

    sigmoid = True

    def __init__(
        self,
        label_smoothing: float = 0.0,
        weights: Tensor | None = None,
        gamma: float = 0.0,
        shares: Tensor | None = None,
    ) -> None:
        super().__init__(weights, shares)
        self.label_smoothing, self.gamma = label_smoothing, gamma

    def forward(self, scores: Tensor, targets: Tensor) -> Tensor:
        wanted = one_hot(targets, scores)
        smooth = wanted * (1 - self.label_smoothing) + self.label_smoothing / 2
        return self._focused(scores, wanted, smooth, self.weights)

    def plain(self, scores: Tensor, targets: Tensor) -> Tensor:
        wanted = one_hot(targets, scores)
        return self._focused(scores, wanted, wanted, None)

    def _focused(self, scores: Tensor, wanted: Tensor, smooth: Tensor, weights: Tensor | None) -> Tensor:
        terms = functional.binary_cross_entropy_with_logits(scores, smooth, reduction="none", pos_weight=weights)
        return _summed(terms * (wanted - scores.sigmoid()).abs() ** self.gamma if self.gamma else terms)

    def at_start(self, classes: int) -> float:
        weights, shares = self._known(classes)
        smooth = shares * (1 - self.label_smoothing) + self.label_smoothing / 2
        return float((smooth * weights + 1 - smooth).sum()) * math.log(2) / 2**self.gamma


class DistanceLoss(Criterion):
    """Distance of scores from targets, summed over the classes: from 1 and 0 where the targets are class numbers.

    `kind`: `l1`, `l2` (squared), or `smooth_l1` (squared/2β below β, else less β/2).
    """

    def __init__(self, kind: str, beta: float = 1.0) -> None:
        super().__init__()
        self.kind, self.beta = kind, beta

    def plain(self, scores: Tensor, targets: Tensor) -> Tensor:
        return _summed(self._distance(scores, one_hot(targets, scores)))

    def _distance(self, scores: Tensor, wanted: Tensor) -> Tensor:
        if self.kind == "l1":
            return functional.l1_loss(scores, wanted, reduction="none")
        if self.kind == "l2":
            return functional.mse_loss(scores, wanted, reduction="none")
        return functional.smooth_l1_loss(scores, wanted, reduction="none", beta=self.beta)

    def at_start(self, classes: int) -> float:
        return float(self._distance(torch.zeros(()), torch.ones(())))


def one_hot(targets: Tensor, scores: Tensor) -> Tensor:
    """Targets (n, C) in the type of the scores: 1 for the class of that number, 0 for the others, or as they are."""
    if targets.ndim == 2:
        return targets.to(scores.dtype)
    return torch.zeros_like(scores).scatter_(1, targets[:, None], 1.0)  # functional.one_hot waits for a GPU


def make_criterion(loss: ClassLoss, counts: Tensor | None = None, examples: int = 0) -> Criterion:
    """The loss that a run names. `counts` (C,): examples of each class in the training split, of `examples`.

    Without counts, as where nothing is trained, classes weigh alike.
    """
    shares = None if counts is None or not examples else counts / examples
    match loss:
        case CrossEntropy(label_smoothing=smoothing):
            return CrossEntropyLoss(smoothing, _class_weights(loss.class_weights, counts), shares)
        case Focal(gamma=gamma):
            return FocalLoss(gamma, _class_weights(loss.class_weights, counts))
        case Hinge(margin=margin):
            return HingeLoss(margin)
        case SquaredHinge(margin=margin):
            return HingeLoss(margin, 2)
        case BCE(label_smoothing=smoothing, positive_weights=weights, gamma=gamma):
            return BinaryCrossEntropyLoss(smoothing, _positive_weights(weights, counts, examples), gamma, shares)
        case SmoothL1(beta=beta):
            return DistanceLoss("smooth_l1", beta)
        case L1() | L2():
            return DistanceLoss(loss.kind)


def _class_weights(written: str | list[float] | None, counts: Tensor | None) -> Tensor | None:
    """Balanced: n / (C·n_c), over the classes that have examples; others weigh 1."""
    if written is None or counts is None:
        return None
    if not isinstance(written, str):
        return torch.tensor(written, dtype=torch.float32)
    present = counts > 0
    balanced = counts.sum() / (present.sum() * counts.clamp_min(1))
    return torch.where(present, balanced, torch.ones_like(balanced)).float()


def _positive_weights(written: str | list[float] | None, counts: Tensor | None, examples: int) -> Tensor | None:
    """Balanced: examples without a class over those with it; 1 for a class that all or none have."""
    if written is None or counts is None:
        return None
    if not isinstance(written, str):
        return torch.tensor(written, dtype=torch.float32)
    mixed = (counts > 0) & (counts < examples)
    balanced = (examples - counts) / counts.clamp_min(1)
    return torch.where(mixed, balanced, torch.ones_like(balanced)).float()


def _summed(terms: Tensor) -> Tensor:
    """Summed over the classes, mean over the examples."""
    return terms.sum(1).mean()


def triplet(anchor: Tensor, positive: Tensor, negative: Tensor, margin: float = 1.0) -> Tensor:
    """Mean of max(0, |a − p| − |a − n| + margin) over triples of embeddings (n, d): a and p of one class, n of another.

    Source: Weinberger and Saul, 2009; with squared distances, Schroff et al., 2015.
    """
    apart = torch.linalg.vector_norm(anchor - positive, dim=1) - torch.linalg.vector_norm(anchor - negative, dim=1)
    return (apart + margin).clamp_min(0).mean()


def contrastive(first: Tensor, second: Tensor, same: Tensor, margin: float = 1.0) -> Tensor:
    """Mean of d²/2 over pairs of embeddings (n, d) that are of the `same` class (n,), and of max(0, margin − d)²/2 over
    others, d their distance. Source: Hadsell, Chopra and LeCun, 2006, equation 4.
    """
    squared = (first - second).square().sum(1)
    distance = squared.clamp_min(1e-12).sqrt()  # a distance of 0 would have no gradient
    return torch.where(same.bool(), squared, (margin - distance).clamp_min(0).square()).mean() / 2
