"""`train.loss`: what training makes small."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from archspec.run.sections.base import Section, Share, names_of


def _balance(value: Any) -> Any:
    numbers = value if isinstance(value, list) else []
    if value in ("balanced", None) or (numbers and all(type(n) in (int, float) and n > 0 for n in numbers)):
        return value
    raise ValueError("weights of classes must be balanced, or a list of numbers above 0, one a class")


def _yardstick(value: Any) -> Any:
    names = names_of(value)
    if names == [] or (names is not None and len(names) == 2 and names[0] != names[1]):
        return names
    raise ValueError("between must be the names of two different points")


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


Weight = Annotated[float, Field(ge=0)]
Overlap = Annotated[float, Field(gt=0, lt=1)]


class SSD(Section):
    """SSD's: cross-entropy over classes and background, and smooth L1 of where matched default boxes are told to lie,
    times `box`; both summed over a batch and divided by its matches. A default box matches an object that it overlaps
    by `match` or more, and the one that it overlaps most; of the others the `negatives` hardest a match count (Liu et
    al., 2016)."""

    kind: Literal["ssd"] = "ssd"
    box: Weight = 1.0
    match: Overlap = 0.5
    negatives: Annotated[float, Field(gt=0)] = 3.0


class YOLO(Section):
    """That of YOLO with anchors: of each object the anchor nearest to its shape learns where it is, that it is there,
    and its class; all others that nothing is, save those whose box overlaps an object by more than `ignore` (Redmon
    and Farhadi, 2018). `overlap` is how boxes are compared: `coordinates` as in the paper, or 1 − `iou`, `giou`,
    `diou`, `ciou` (Zheng et al., 2020). `box`, `object`, `empty` and `classes` are the weights of the parts."""

    kind: Literal["yolo"] = "yolo"
    overlap: Literal["coordinates", "iou", "giou", "diou", "ciou"] = "coordinates"
    ignore: Overlap = 0.5
    box: Weight = 1.0
    object: Weight = 1.0
    empty: Weight = 1.0
    classes: Weight = 1.0


class YOLOv1(Section):
    """That of the first YOLO: squared errors, of boxes times `box`, of the confidence where nothing is times `empty`
    (Redmon et al., 2016, λ_coord and λ_noobj)."""

    kind: Literal["yolo_v1"] = "yolo_v1"
    box: Weight = 5.0
    empty: Weight = 0.5


class MultiBox(Section):
    """MultiBox's: each object is given the box of its own with which the sum over the image is least (an assignment);
    that box learns its place by half the squared error of x1, y1, x2, y2 in parts of the image, times `box`, and a
    confidence of 1, all others a confidence of 0, by binary cross-entropy (Erhan et al., 2014, α). Where objects are
    few pixels, 0.3 hardly says where: 10 to 100 does."""

    kind: Literal["multibox"] = "multibox"
    box: Weight = 0.3


Distance = Literal["smooth_l1", "l2", "l1"]


class Localisation(Section):
    """That of one object an image: softmax cross-entropy of its class, and `box` times the distance of bx, by, bh, bw
    from where it is, in parts of the image, summed over the four: |d| (`l1`), d² (`l2`), or d²/(2·`beta`) below `beta`
    and |d| − `beta`/2 above it (`smooth_l1`). Both count only where there is an object; a network that tells whether
    there is one, y = [pc, bx, by, bh, bw, c1 … cn], learns that by `present` times binary cross-entropy."""

    kind: Literal["localisation"] = "localisation"
    distance: Distance = "smooth_l1"
    beta: Annotated[float, Field(gt=0)] = 0.1
    box: Weight = 1.0
    present: Weight = 1.0


class Landmarks(Section):
    """That of K points: the distance of x and y, in parts of the image, from where they are, summed over both and
    averaged over the points of an image that are seen; `distance` and `beta` as for `localisation`. A network of 1 + 2K
    numbers learns whether there is anything to see by `present` times binary cross-entropy.

    Errors are measured in parts of the distance `between` two points, named, and images that do not show both are not
    measured; unwritten, of the longer side of the box around the points that are seen (Yang and Ramanan, 2013), or of
    the image, where that is one point."""

    kind: Literal["landmarks"] = "landmarks"
    distance: Distance = "smooth_l1"
    beta: Annotated[float, Field(gt=0)] = 0.1
    present: Weight = 1.0
    between: Annotated[list[str], BeforeValidator(_yardstick)] = []


ClassLoss = CrossEntropy | Focal | Hinge | SquaredHinge | BCE | L1 | L2 | SmoothL1
DetectorLoss = SSD | YOLO | YOLOv1 | MultiBox
PlaceLoss = Localisation | Landmarks
Loss = ClassLoss | DetectorLoss | PlaceLoss
