"""`data`: what a run is trained and measured on; one class a format."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, ValidationInfo, field_validator

from archspec.run.sections.base import PATH, Section, Seed, Share


class Split(Section):
    """Shares of the examples held out, drawn class by class with a seed."""

    val: Annotated[float, Field(gt=0, lt=1)] = 0.15
    test: Annotated[Share, Field(validate_default=True)] = 0.15
    seed: Seed = 0

    @field_validator("test")
    @classmethod
    def _leave_some(cls, test: float, info: ValidationInfo) -> float:
        val = info.data.get("val", 0.0)
        if val + test >= 1:
            raise ValueError(f"val {val:g} + test {test:g} = {val + test:g} leaves nothing to train on")
        return test


class HoldOut(Section):
    """The share of the training examples held out for validation, drawn class by class with a seed."""

    val: Annotated[float, Field(gt=0, lt=1)] = 0.1
    seed: Seed = 0


Fit = Literal["stretch", "crop", "letterbox", "center"]
"""How an image comes to the network's input size: `stretch` scales each axis; `crop` keeps proportions,
fills the input and cuts what is over; `letterbox` keeps proportions, shows all and fills with black;
`center` is letterbox that never enlarges."""


class Data(Section):
    """What all data have in common: `background` is what lies under transparent images, those that
    `archspec predict` is given too: `white`, `black` or [red, green, blue] of 0 … 255."""

    fit: Fit = "stretch"
    background: Literal["white", "black"] | list[int] = "white"

    @field_validator("background", mode="before")
    @classmethod
    def _a_color(cls, background: Any) -> Any:
        if background in ("white", "black"):
            return background
        numbers = background if isinstance(background, list) else []
        if len(numbers) == 3 and all(type(part) is int and 0 <= part <= 255 for part in numbers):
            return background
        raise ValueError("background must be white, black or [red, green, blue] of 0 to 255")


class Digits(Data):
    """The 1,797 handwritten digits of 8×8 pixels that scikit-learn bundles: no download.

    Source: E. Alpaydin, C. Kaynak, Optical Recognition of Handwritten Digits, UCI 1998 (its test part)."""

    kind: Literal["digits"] = "digits"
    split: Split = Split()


class Idx(Data):
    """Four files in MNIST's format (gzipped or not): by name, or found by their usual names in `root`."""

    kind: Literal["idx"] = "idx"
    root: Annotated[str | None, PATH] = None
    train_images: Annotated[str | None, PATH] = None
    train_labels: Annotated[str | None, PATH] = None
    test_images: Annotated[str | None, PATH] = None
    test_labels: Annotated[str | None, PATH] = None
    names: Annotated[list[str], Field(min_length=2)] | None = None
    split: HoldOut = HoldOut()


class Folder(Data):
    """A folder for each class, in `root` or in its `train`, `val` and `test`; what lacks is split off."""

    kind: Literal["folder"] = "folder"
    root: Annotated[str, PATH]
    split: Split = Split()
    in_memory: bool | Literal["auto"] = "auto"
