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
    once a batch (Zhang et al., 2018). With `cutmix` beside it, a batch gets the one or the other."""

    short: ClassVar[str] = "alpha"
    kind: Literal["mixup"] = "mixup"
    alpha: Positive = 0.2


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
    | ColorJitter
    | PcaColor
    | LocalWarp
    | Erase
    | Blur
    | Mixup
    | Cutmix
)
