"""`augment`: what is changed at random about the images that a network is trained on; one class a change."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, Field, SerializerFunctionWrapHandler, model_serializer

from archspec.run.sections.base import Section


def _ascending(pair: list[float]) -> list[float]:
    if pair[0] > pair[1]:
        raise ValueError(f"a range goes from the smaller to the larger number: {pair[0]:g} is above {pair[1]:g}")
    return pair


Chance = Annotated[float, Field(ge=0, le=1)]
Amount = Annotated[float, Field(ge=0)]
Positive = Annotated[float, Field(gt=0)]
Range = Annotated[list[Positive], Field(min_length=2, max_length=2), AfterValidator(_ascending)]
Shares = Annotated[list[Annotated[float, Field(gt=0, le=1)]], Field(min_length=2, max_length=2)]
Sides = Annotated[list[Annotated[float, Field(ge=1)]], Field(min_length=2, max_length=2), AfterValidator(_ascending)]
ShareRange = Annotated[Shares, AfterValidator(_ascending)]
Degrees = Annotated[float, Field(ge=0, le=180)]
Value = Annotated[int, Field(ge=0, le=255)]


class Augment(Section):
    """One entry of `augment`: written as its name alone, or as its name with its numbers."""

    @model_serializer(mode="wrap")
    def _named(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        plain = handler(self)
        return {plain.pop("kind"): plain}


class Mirror(Augment):
    """Turned around, left to right (`horizontal`) or upside down (`vertical`), with the probability `p`."""

    short: ClassVar[str] = "direction"
    kind: Literal["mirror"] = "mirror"
    direction: Literal["horizontal", "vertical"] = "horizontal"
    p: Chance = 0.5


class RandomCrop(Augment):
    """A part of the image's own size, cut out of the image with `padding` pixels around it: filled with `fill`, or
    with the pixels at the edge, mirrored (`reflect`) or repeated (`edge`)."""

    short: ClassVar[str] = "padding"
    kind: Literal["random_crop"] = "random_crop"
    padding: Annotated[int, Field(ge=1)] = 4
    mode: Literal["constant", "reflect", "edge"] = "constant"
    fill: Value = 0


class ResizedCrop(Augment):
    """A part of the image, of a share of its area in `scale` and of width to height in `ratio`, brought to the
    image's size (Szegedy et al., 2015)."""

    short: ClassVar[str] = "scale"
    kind: Literal["resized_crop"] = "resized_crop"
    scale: ShareRange = [0.08, 1.0]
    ratio: Range = [0.75, 1.3333333333333333]


class Rotate(Augment):
    """Rotated by up to so many degrees either way; `fill` is the value of what comes from outside the image."""

    short: ClassVar[str] = "degrees"
    kind: Literal["rotate"] = "rotate"
    degrees: Degrees = 15.0
    fill: Value = 0


class Shear(Augment):
    """Sheared along both axes, each by up to so many degrees either way."""

    short: ClassVar[str] = "degrees"
    kind: Literal["shear"] = "shear"
    degrees: Annotated[float, Field(ge=0, lt=90)] = 10.0
    fill: Value = 0


class Zoom(Augment):
    """Enlarged by a factor in `scale`, below 1 made smaller, about the middle."""

    short: ClassVar[str] = "scale"
    kind: Literal["zoom"] = "zoom"
    scale: Range = [0.8, 1.2]
    fill: Value = 0


class Shift(Augment):
    """Moved along both axes, each by up to that share of the image's width and height either way."""

    short: ClassVar[str] = "share"
    kind: Literal["shift"] = "shift"
    share: Annotated[float, Field(ge=0, le=1)] = 0.1
    fill: Value = 0


class ScaleJitter(Augment):
    """Brought to another size by a factor drawn from `scale`: of one made larger a part is shown, one made smaller lies
    somewhere on `fill` (large-scale jitter: Ghiasi et al., 2021). Boxes of which less than the share `keep` of their
    area is left are no targets any more."""

    short: ClassVar[str] = "scale"
    kind: Literal["scale_jitter"] = "scale_jitter"
    scale: Range = [0.5, 1.5]
    fill: Value = 114
    keep: Chance = 0.25


class ZoomOut(Augment):
    """Put somewhere on a canvas of `fill`, its sides those of the image times a factor drawn from `sides`, and the
    canvas brought to the image's size; with the probability `p` (Liu et al., 2016)."""

    short: ClassVar[str] = "sides"
    kind: Literal["zoom_out"] = "zoom_out"
    sides: Sides = [1.0, 4.0]
    fill: Value = 114
    p: Chance = 0.5


class IouCrop(Augment):
    """A part of the image, its sides shares of the image's in `scale`, its width to height in `ratio`, brought to the
    image's size. Chance has it whether the whole image is taken, any part with the middle of a box in it, or one
    whose overlap (IoU) with such a box reaches one of `overlaps`. Boxes whose middle is outside are no targets any
    more (Liu et al., 2016)."""

    short: ClassVar[str] = "overlaps"
    kind: Literal["iou_crop"] = "iou_crop"
    overlaps: Annotated[list[Annotated[float, Field(gt=0, lt=1)]], Field(min_length=1)] = [0.1, 0.3, 0.5, 0.7, 0.9]
    scale: ShareRange = [0.3, 1.0]
    ratio: Range = [0.5, 2.0]


class Mosaic(Augment):
    """Four examples in one, each with a corner at a point drawn from the shares `centre` of the image's sides, each at
    a size drawn from `scale`; `fill` where none of them is. With the probability `p`. Entries before it change each of
    the four, those behind it the whole. Boxes of which less than the share `keep` of their area is left are no targets
    any more (Bochkovskiy et al., 2020)."""

    short: ClassVar[str] = "p"
    kind: Literal["mosaic"] = "mosaic"
    p: Chance = 0.5
    scale: ShareRange = [0.5, 1.0]
    centre: ShareRange = [0.25, 0.75]
    fill: Value = 114
    keep: Chance = 0.25


class ColorJitter(Augment):
    """Brightness, contrast and saturation times a factor within 1 ± the number, the hue turned by up to that share
    of the colour circle, in an order drawn each time. Grey images have no saturation and no hue."""

    kind: Literal["color_jitter"] = "color_jitter"
    brightness: Amount = 0.2
    contrast: Amount = 0.2
    saturation: Amount = 0.2
    hue: Annotated[float, Field(ge=0, le=0.5)] = 0.0


class PcaColor(Augment):
    """All pixels shifted along the principal components of the training split's colours, each by a normal number of
    deviation `std` times the component's variance (Krizhevsky et al., 2012, section 4.1, on values 0 … 1)."""

    short: ClassVar[str] = "std"
    kind: Literal["pca_color"] = "pca_color"
    std: Amount = 0.1


class LocalWarp(Augment):
    """Pixels displaced as by a rubber sheet: displacements drawn for every pixel, smoothed by a Gaussian of deviation
    `sigma` pixels, times `alpha` (Simard et al., 2003)."""

    short: ClassVar[str] = "alpha"
    kind: Literal["local_warp"] = "local_warp"
    alpha: Amount = 50.0
    sigma: Positive = 5.0
    fill: Value = 0


class Erase(Augment):
    """A rectangle of a share of the area in `scale` and of height to width in `ratio` blacked out, with the probability
    `p` (Zhong et al., 2017)."""

    short: ClassVar[str] = "p"
    kind: Literal["erase"] = "erase"
    p: Chance = 0.5
    scale: ShareRange = [0.02, 0.33]
    ratio: Range = [0.3, 3.3]


class Blur(Augment):
    """Blurred by a Gaussian whose deviation in pixels is drawn from `sigma`, with the probability `p`."""

    short: ClassVar[str] = "sigma"
    kind: Literal["blur"] = "blur"
    sigma: Range = [0.1, 2.0]
    p: Chance = 0.5


class Mixup(Augment):
    """Each image of a batch mixed with another, and their labels in the same shares, drawn from Beta(`alpha`, `alpha`)
    once a batch (Zhang et al., 2018). With `cutmix` beside it, a batch gets the one or the other. A mixture has the
    boxes of both images, and shares are drawn for each (Zhang et al., 2019). Without `alpha` it is 0.2, and 1.5 for
    boxes; `p` is the probability that a batch, or an image with boxes, is mixed."""

    short: ClassVar[str] = "alpha"
    kind: Literal["mixup"] = "mixup"
    alpha: Positive | None = None
    p: Chance = 1.0


class Cutmix(Augment):
    """A rectangle of each image of a batch replaced by that of another, and the labels mixed by the areas; the share is
    drawn from Beta(`alpha`, `alpha`) once a batch (Yun et al., 2019)."""

    short: ClassVar[str] = "alpha"
    kind: Literal["cutmix"] = "cutmix"
    alpha: Positive = 1.0


Augmentation = (
    Mirror
    | RandomCrop
    | ResizedCrop
    | Rotate
    | Shear
    | Zoom
    | Shift
    | ScaleJitter
    | ZoomOut
    | IouCrop
    | Mosaic
    | ColorJitter
    | PcaColor
    | LocalWarp
    | Erase
    | Blur
    | Mixup
    | Cutmix
)
