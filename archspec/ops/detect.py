"""From the numbers of a detection head to boxes in pixels, and from many boxes to those that are kept.

A box is x1, y1, x2, y2 in pixels of the network's input, the origin at its upper left corner. Boxes of a map are
listed cell by cell, row after row, and in a cell anchor by anchor.
"""

from fractions import Fraction
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, PlainValidator
from pydantic_core import PydanticCustomError

from archspec.ops.arguments import Count, Flag, Positive, Share, as_written
from archspec.ops.base import Operator, OperatorError, Reference, Sample, Types, operator
from archspec.tensor import TensorType

MAX_ANCHORS = 1_000
BOX = 4
DETECTION = 6
"""Numbers of a detection: x1, y1, x2, y2, score, class."""


def _pairs(value: Any) -> Any:
    """[[width, height], …], at least one, all above 0."""
    if isinstance(value, list | tuple) and 1 <= len(value) <= MAX_ANCHORS and all(map(_is_pair, value)):
        return tuple((float(w), float(h)) for w, h in value)
    raise PydanticCustomError(
        "argument_anchors",
        "a list of [width, height] is expected, each above 0, not {shown}",
        {"shown": as_written(value)},
    )


def _is_pair(value: Any) -> bool:
    if not isinstance(value, list | tuple) or len(value) != 2:
        return False
    return all(isinstance(n, int | float) and not isinstance(n, bool) and 0 < n < float("inf") for n in value)


def _two(value: Any) -> Any:
    if _is_pair(value):
        return tuple(map(float, value))
    message = "two numbers above 0 are expected, not {shown}"
    raise PydanticCustomError("argument_pair", message, {"shown": as_written(value)})


_Pair = Annotated[list[Annotated[float, Field(gt=0)]], Field(min_length=2, max_length=2)]
Anchors = Annotated[
    tuple[tuple[float, float], ...],
    PlainValidator(_pairs, json_schema_input_type=Annotated[list[_Pair], Field(min_length=1, max_length=MAX_ANCHORS)]),
    Field(description="Width and height of each anchor of a cell: [[116, 90], [156, 198]]."),
]
Unit = Annotated[
    Literal["pixel", "cell", "image"],
    Field(description="What anchors are measured in: pixels of the input, cells of the map, or shares of the image."),
]
Image = Annotated[
    Reference, Field(description="The image that the boxes lie in, by name: an input of the network. Its size is read.")
]
Classes = Annotated[Count, Field(description="Kinds of objects, without the background.")]
Clip = Annotated[Flag, Field(description="Whether boxes end where the image does.")]


class Decoder(Operator):
    """What a head gives for an image, last of its inputs, to boxes (R, 4) and scores (R, classes)."""

    category = "detect"
    references = {"image": "extra"}
    sized_by = "image"
    autocast = "float32"
    answers = True

    image: Image = None
    classes: Classes
    clip: Clip = True

    shared: ClassVar[int] = 0
    """Channels of the first map that no class has, for each box of a cell."""
    together: ClassVar[bool] = False
    """Whether the boxes of a cell share one answer to what they hold."""

    def per_cell(self) -> int:
        """Boxes that a cell of the map gives."""
        raise NotImplementedError

    @classmethod
    def channels_for(cls, per_cell: int, classes: int) -> int:
        """Channels of the first map for so many boxes a cell, and classes."""
        return per_cell * cls.shared + (1 if cls.together else per_cell) * classes

    @classmethod
    def classes_in(cls, channels: int, per_cell: int) -> Fraction:
        """Classes of a first map of so many channels, for so many boxes a cell; whole where they come out even."""
        return Fraction(channels - per_cell * cls.shared, 1 if cls.together else per_cell)

    @classmethod
    def channels_of(cls, per_cell: int) -> str:
        """What the channels of the first map are made of."""
        boxes = f"{per_cell} box{'es' if per_cell > 1 else ''}"
        return f"{boxes} × {cls.shared} + classes" if cls.together else f"{boxes} × ({cls.shared} + classes)"

    def _found(self, grid: TensorType, image: TensorType) -> Types:
        """The types of boxes and scores. Raises OperatorError for a head without cells, or an image without pixels."""
        for x, what in ((grid, "a map of channels×height×width"), (image, "an image of channels×height×width")):
            if x.rank != 2:
                where = None if x is grid else "image"
                hint = "use it before flatten or global_avg_pool" if x is grid else "image: the name of an input"
                raise OperatorError(f"takes {what}, and this is {x}", where, hint)
        rows = self.per_cell() * grid.spatial[0] * grid.spatial[1]
        return TensorType((rows, BOX)), TensorType((rows, self.classes))


class OnAnchors(Decoder):
    """A decoder whose boxes are anchors moved and stretched."""

    anchors: Anchors
    unit: Unit = "pixel"

    def per_cell(self) -> int:
        return len(self.anchors)


def _refuse_channels(x: TensorType, wanted: int, why: str, argument: str, what: str = "") -> None:
    if x.channels != wanted:
        hint = f"give it {wanted}: `conv: {{out: {wanted}, kernel: 1}}` before it"
        raise OperatorError(f"{what}{why} make {wanted} channels, the map has {x.channels}: {x}", argument, hint)


@operator("yolo_boxes", main="anchors")
class YoloBoxes(OnAnchors):
    """Boxes of a YOLO head with anchors: a cell finds what has its centre in it.

    Input: a map of A·(5 + classes) channels for A anchors, and of an anchor in this order: x, y, w, h, objectness, a
    number for each class. Outputs: boxes (A·h·w, 4) and scores (A·h·w, classes), a bundle.

    With σ the logistic function, (i, j) the column and row of a cell, s the pixels to a cell along that axis (width of
    the image / width of the map) and (a, b) the anchor in pixels:

    x = (σ(tx) + i)·s, y = (σ(ty) + j)·s, w = a·exp(tw), h = b·exp(th)
    score of class c = σ(objectness)·p(c)

    `scores: sigmoid` has p(c) = σ(tc), each class a question of its own (YOLO v3); `softmax` makes them one (YOLO v2,
    trained on VOC or COCO). `clip` cuts boxes to the image.

    Elementwise, a box: 5 logistic functions at 4 operations each as `sigmoid` counts, exp 2, and 16 for place, size,
    corners and clipping; and a class: 4 and the product with the objectness, 1. Neither convolutions nor weights: the
    layer exists when the network answers, not while it trains.

    Redmon and Farhadi, arXiv:1612.08242, section 2 (equations on page 3); arXiv:1804.02767, section 2.1.

        - yolo_boxes: {anchors: [[10, 13], [16, 30], [33, 23]], classes: 80, image: input}
    """

    arity = (2, 2)
    shared = 5
    samples = (
        Sample({"anchors": [[116, 90], [156, 198], [373, 326]], "classes": 80}, ((255, 13, 13), (3, 416, 416)),
               ((507, 4), (507, 80))),
        Sample({"anchors": [[1, 2]], "classes": 3, "unit": "cell", "scores": "softmax"}, ((8, 2, 5), (1, 64, 160)),
               ((10, 4), (10, 3))),
        Sample({"anchors": [[0.5, 0.5]], "classes": 1, "unit": "image", "clip": False}, ((6, 1, 1), (3, 9, 9)),
               ((1, 4), (1, 1))),
    )  # fmt: skip

    scores: Annotated[
        Literal["sigmoid", "softmax"], Field(description="Whether an object may be of several classes, or is of one.")
    ] = "sigmoid"

    def infer(self, inputs: Types) -> Types:
        raw, image = inputs
        found = self._found(raw, image)
        anchors = len(self.anchors)
        why = f"{anchors} anchor{'s' if anchors > 1 else ''} × (5 + {self.classes} classes)"
        _refuse_channels(raw, anchors * (5 + self.classes), why, "anchors")
        return found

    def elementwise_ops(self, inputs: Types, outputs: Types) -> int:
        return outputs[0].channels * (5 * 4 + 2 + 16) + 5 * outputs[1].numel

    def label(self) -> str:
        return f"{len(self.anchors)} anchors, {self.classes} classes"


@operator("yolo_v1_boxes", main="boxes")
class YoloV1Boxes(Decoder):
    """Boxes of the first YOLO: each cell of a grid gives some boxes, and one answer to what they hold.

    Input: a map of 5·boxes + classes channels; first for each box x, y, √w, √h, confidence, then a number for each
    class. Outputs: boxes (boxes·h·w, 4) and scores (boxes·h·w, classes), a bundle. The numbers are taken as they are,
    as the paper's last layer is linear:

    x = (tx + i)·s, y = (ty + j)·s, w = tw²·W, h = th²·H
    score of class c = confidence·p(c)

    with (i, j) the column and row of the cell, s the pixels to a cell and W×H the image. `clip` cuts boxes to it.

    Elementwise, a box: 18 operations for place, size, corners and clipping; and a class, 1.

    Redmon et al., arXiv:1506.02640, sections 2 and 2.2: 7×7×30 for 20 classes and two boxes.

        - yolo_v1_boxes: {boxes: 2, classes: 20, image: input}
    """

    arity = (2, 2)
    shared, together = 5, True
    samples = (
        Sample({"boxes": 2, "classes": 20}, ((30, 7, 7), (3, 448, 448)), ((98, 4), (98, 20))),
        Sample({"boxes": 1, "classes": 1}, ((6, 2, 3), (1, 20, 30)), ((6, 4), (6, 1))),
    )

    boxes: Annotated[Count, Field(description="Boxes that a cell gives.")]

    def per_cell(self) -> int:
        return self.boxes

    def infer(self, inputs: Types) -> Types:
        raw, image = inputs
        found = self._found(raw, image)
        why = f"{self.boxes} box{'es' if self.boxes > 1 else ''} of 5 numbers and {self.classes} classes"
        _refuse_channels(raw, 5 * self.boxes + self.classes, why, "boxes")
        return found

    def elementwise_ops(self, inputs: Types, outputs: Types) -> int:
        return outputs[0].channels * 18 + outputs[1].numel

    def label(self) -> str:
        return f"{self.boxes} boxes, {self.classes} classes"


@operator("ssd_boxes", main="anchors")
class SsdBoxes(OnAnchors):
    """Boxes of an SSD head: default boxes of several shapes around the centre of each cell, moved and stretched.

    Inputs: a map of A·(classes + 1) channels for A anchors, for each the background and then the classes; and a map of
    4·A channels, for each x, y, w, h. Outputs: boxes (A·h·w, 4) and scores (A·h·w, classes), a bundle; the scores are a
    softmax over classes and background, which is left out.

    With (i, j) the column and row of a cell, s the pixels to a cell, (a, b) the anchor in pixels and v the variances:

    x = (i + ½)·s + a·v₁·tx, y = (j + ½)·s + b·v₁·ty, w = a·exp(v₂·tw), h = b·exp(v₂·th)

    `stride` is s where it is not the size of the image by that of the map: SSD300 has 64 pixels to a cell at 5×5, where
    the map says 60. `clip` cuts boxes to the image.

    Elementwise, a box: 2 exp at 2 operations and 24 for place, size, corners and clipping, 5 for the background; and a
    class, 5 for the softmax.

    Liu et al., arXiv:1512.02325, section 2.1 and equation 4.

        - ssd_boxes: {anchors: [[30, 30], [42, 21]], classes: 20, image: input}
    """

    arity = (3, 3)
    shared = 1
    samples = (
        Sample({"anchors": [[30, 30], [42.4, 21.2]], "classes": 20}, ((42, 38, 38), (8, 38, 38), (3, 300, 300)),
               ((2888, 4), (2888, 20))),
        Sample({"anchors": [[0.5, 0.25]], "unit": "image", "classes": 1, "stride": 64},
               ((2, 5, 5), (4, 5, 5), (3, 300, 300)), ((25, 4), (25, 1))),
    )  # fmt: skip

    stride: Annotated[
        float | None, Field(strict=True, gt=0, description="Pixels to a cell; without it, image by map.")
    ] = None
    variances: Annotated[
        tuple[float, float],
        PlainValidator(_two, json_schema_input_type=_Pair),
        Field(description="What is told is times these: places, then sizes."),
    ] = (0.1, 0.2)

    def infer(self, inputs: Types) -> Types:
        scores, boxes, image = inputs
        found = self._found(scores, image)
        anchors = len(self.anchors)
        each = f"{anchors} anchor{'s' if anchors > 1 else ''} × "
        _refuse_channels(
            scores, anchors * (self.classes + 1), f"{each}({self.classes} classes + 1)", "classes", "scores: "
        )
        _refuse_channels(boxes, anchors * BOX, f"{each}4", "anchors", "places: ")
        if scores.spatial != boxes.spatial:
            raise OperatorError(f"scores are {scores}, places are {boxes}: the maps are of one size")
        return found

    def elementwise_ops(self, inputs: Types, outputs: Types) -> int:
        return outputs[0].channels * (2 * 2 + 24 + 5) + 5 * outputs[1].numel

    def label(self) -> str:
        return f"{len(self.anchors)} anchors, {self.classes} classes"


@operator("multibox_boxes", main="boxes")
class MultiBoxBoxes(Decoder):
    """Boxes of MultiBox: some boxes of the whole image, each told outright with its confidence.

    Inputs: a vector of `boxes` confidences, and one of 4·boxes numbers, for each box x1, y1, x2, y2 in parts of the
    image. Outputs: boxes (boxes, 4) and scores (boxes, 1), a bundle. There is one kind of object: what is found is not
    named.

    With σ the logistic function and W×H the image: x1 = tx1·W, y1 = ty1·H, x2 = tx2·W, y2 = ty2·H, score = σ(c).

    `clip` cuts boxes to the image. Elementwise, a box: 4 products, 4 for clipping and a logistic function of 4.

    Erhan et al., arXiv:1312.2249, section 3.

        - multibox_boxes: {boxes: 100, image: input}
    """

    arity = (3, 3)
    samples = (
        Sample({"boxes": 100}, ((100,), (400,), (3, 220, 220)), ((100, 4), (100, 1))),
        Sample({"boxes": 1, "clip": False}, ((1,), (4,), (1, 20, 30)), ((1, 4), (1, 1))),
    )

    boxes: Annotated[Count, Field(description="Boxes of an image.")]
    classes: Annotated[Count, Field(le=1, description="Kinds of objects: one, whatever they are.")] = 1

    def per_cell(self) -> int:
        return self.boxes

    @classmethod
    def classes_in(cls, channels: int, per_cell: int) -> Fraction:
        return Fraction(1)

    def infer(self, inputs: Types) -> Types:
        confidence, places, image = inputs
        for x, wanted, what in (
            (confidence, self.boxes, "confidences"),
            (places, BOX * self.boxes, "numbers of places"),
        ):
            if x.rank != 0 or x.channels != wanted:
                count = f"{self.boxes} box{'es' if self.boxes > 1 else ''}"
                hint = f"`linear: {wanted}` before it"
                raise OperatorError(f"{count} have a vector of {wanted} {what}, and this is {x}", "boxes", hint)
        if image.rank != 2:
            message = f"takes an image of channels×height×width, and this is {image}"
            raise OperatorError(message, "image", "image: the name of an input")
        return TensorType((self.boxes, BOX)), TensorType((self.boxes, 1))

    def elementwise_ops(self, inputs: Types, outputs: Types) -> int:
        return self.boxes * (4 + 4 + 4)

    def label(self) -> str:
        return f"{self.boxes} boxes"


@operator("nms")
class Nms(Operator):
    """The best of many boxes: those that score enough, without the ones that a better one overlaps.

    Inputs: boxes (R, 4) and scores (R, classes). Output: (keep, 6), detections from the best on, each x1, y1, x2, y2,
    score, class (0 is the first); behind the last one rows of zeros whose class is −1.

    Of each class the `before` best that score more than `score` compete: from the best on, each takes away those whose
    intersection over union with it is above `iou`. `per_class: false` lets classes compete with each other. `soft`
    lowers their scores in place of taking them away: `linear` times 1 − IoU where that is above `iou`, `gaussian` times
    exp(−IoU² / sigma).

    Elementwise: nothing is counted, for what is compared depends on the image. At most it is each pair of boxes that
    compete, once: C·k·(k − 1)/2 of C classes, k the smaller of `before` and R; with `per_class: false` those of C·k.

    Soft: Bodla et al., arXiv:1704.04503, equations 2 and 3.

        - nms: {score: 0.05, iou: 0.5, keep: 100}
    """

    category = "detect"
    arity = (2, 2)
    autocast = "float32"
    answers = True
    samples = (
        Sample({}, ((8732, 4), (8732, 20)), ((100, 6),)),
        Sample({"keep": 5, "per_class": False, "soft": "gaussian"}, ((10, 4), (10, 1)), ((5, 6),)),
    )

    score: Annotated[Share, Field(description="What a box must score more than.")] = 0.05
    iou: Annotated[Share, Field(description="The overlap from which the worse of two boxes goes.")] = 0.5
    per_class: Annotated[Flag, Field(description="Whether only boxes of one class compete.")] = True
    before: Annotated[Count, Field(description="The best of each class that compete.")] = 400
    keep: Annotated[Count, Field(description="The most detections of an image.")] = 100
    soft: Annotated[
        Literal["none", "linear", "gaussian"], Field(description="Whether what overlaps loses score, not its place.")
    ] = "none"
    sigma: Annotated[Positive, Field(description="How soft `gaussian` is.")] = 0.5

    def infer(self, inputs: Types) -> Types:
        boxes, scores = inputs
        if boxes.rank != 1 or boxes.spatial != (BOX,):
            raise OperatorError(f"takes boxes of R×4, and its first input is {boxes}", hint="`from: [boxes, scores]`")
        if scores.rank != 1 or scores.channels != boxes.channels:
            raise OperatorError(
                f"takes a score for each class of {boxes.channels} boxes, and its second input is {scores}"
            )
        return (TensorType((self.keep, DETECTION)),)

    def most_pairs(self, boxes: int, classes: int) -> int:
        """How many pairs of boxes of an image are compared at most: where all that compete score enough, and none
        overlaps another."""
        each = min(self.before, boxes)
        groups, rivals = (classes, each) if self.per_class else (1, classes * each)
        return groups * rivals * (rivals - 1) // 2

    def label(self) -> str:
        return f"IoU {self.iou:g}, {self.keep} kept"
