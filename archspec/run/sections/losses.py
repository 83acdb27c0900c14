"""`train.loss`: what training makes small."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from archspec.run.sections.base import Section, Share


def _balance(value: Any) -> Any:
    numbers = value if isinstance(value, list) else []
    if value in ("balanced", None) or (numbers and all(type(n) in (int, float) and n > 0 for n in numbers)):
        return value
    raise ValueError("weights of classes must be balanced, or a list of numbers above 0, one a class")


Balance = Annotated[Literal["balanced"] | list[float], BeforeValidator(_balance)]
Margin = Annotated[float, Field(gt=0)]


class CrossEntropy(Section):
    """Softmax cross-entropy: minus the logarithm of the right class's probability.

    `label_smoothing` is the share of the target that all classes get alike (Szegedy et al., 2016). `class_weights`
    counts the examples of some classes more: a number for each class in their order, or `balanced`, the mean number
    of examples of a class over that of its own (of the training split). The mean is weighted too, so that the loss
    before training is ln C for C classes either way, but for `label_smoothing`, whose part the weights change."""

    kind: Literal["cross_entropy"] = "cross_entropy"
    label_smoothing: Share = 0.0
    class_weights: Balance | None = None


class Focal(Section):
    """Cross-entropy times (1 − p)^`gamma`, p the right class's probability: what is easy counts little.

    `class_weights` as for `cross_entropy`. Source: Lin et al., 2017."""

    kind: Literal["focal"] = "focal"
    gamma: Annotated[float, Field(ge=0)] = 2.0
    class_weights: Balance | None = None


class Hinge(Section):
    """The multi-class hinge of Weston and Watkins (1999): every wrong score s, against the right one r, costs
    max(0, s − r + `margin`); they are summed over the classes."""

    kind: Literal["hinge"] = "hinge"
    margin: Margin = 1.0


class SquaredHinge(Section):
    """The multi-class hinge, each term squared before they are summed over the classes."""

    kind: Literal["squared_hinge"] = "squared_hinge"
    margin: Margin = 1.0


class BCE(Section):
    """Binary cross-entropy: each class is a question of its own, answered by a sigmoid, and any number of them may
    be right. Summed over the classes: C·ln 2 before training. `predict` tells the classes whose probability
    reaches `threshold`.

    `positive_weights` counts the examples that have a class more: a number for each class in their order,
    or `balanced`, the examples without it over those with it (of the training split). With `gamma` each class's term
    counts (1 − p)^gamma, p the probability of the right answer: the sigmoid's focal loss (Lin et al., 2017)."""

    kind: Literal["bce"] = "bce"
    positive_weights: Balance | None = None
    label_smoothing: Share = 0.0
    gamma: Annotated[float, Field(ge=0)] = 0.0
    threshold: Annotated[float, Field(gt=0, lt=1)] = 0.5


class L1(Section):
    """Distance |score − target| from 1 for the right class and 0 for the others, summed over the classes."""

    kind: Literal["l1"] = "l1"


class L2(Section):
    """Squared distance (score − target)² from 1 for the right class and 0 for the others, summed over the classes."""

    kind: Literal["l2"] = "l2"


class SmoothL1(Section):
    """Distance of scores from 1 for the right class and 0 for the others, squared and divided by 2·`beta` where it is
    below `beta`, else less `beta`/2 (Girshick, 2015); summed over the classes."""

    kind: Literal["smooth_l1"] = "smooth_l1"
    beta: Annotated[float, Field(gt=0)] = 1.0


Loss = CrossEntropy | Focal | Hinge | SquaredHinge | BCE | L1 | L2 | SmoothL1
