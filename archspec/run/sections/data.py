"""`data`: what a run is trained and measured on; one class a format."""

from __future__ import annotations

from collections import Counter
from itertools import chain
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, field_validator, model_validator

from archspec.run.sections.base import PATH, Count, Section, Seed, Share, names_of


class HoldOut(Section):
    """What is held out of the training examples, drawn class by class with a seed: shares for `val` and `train_dev`,
    which is measured as `val` is but comes from where `train` does. `folds: 5, fold: 0` makes `val` the first fifth
    of five instead. `val_list` and the like name files with a name a line (a path as the data has it, or the
    example's number from 0): what is listed is in that split; `train_list` leaves out what is in no list."""

    val: Annotated[float, Field(gt=0, lt=1)] = 0.1
    train_dev: Share = 0.0
    seed: Seed = 0
    folds: Annotated[int, Field(ge=2)] | None = None
    fold: Annotated[int, Field(ge=0)] = 0
    train_list: Annotated[str | None, PATH] = None
    train_dev_list: Annotated[str | None, PATH] = None
    val_list: Annotated[str | None, PATH] = None

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        shares = {name: getattr(self, name, 0.0) for name in ("val", "test", "train_dev")}
        if sum(shares.values()) >= 1:
            terms = " + ".join(f"{name} {share:g}" for name, share in shares.items() if share)
            raise ValueError(f"{terms} = {sum(shares.values()):g} leaves nothing to train on")
        if self.folds is not None and self.fold >= self.folds:
            raise ValueError(f"{self.folds} folds are numbered from 0: fold {self.fold} is not one of them")
        if self.folds is not None and self.val_list is not None:
            raise ValueError("folds and val_list both say what val is: leave one out")
        if self.folds is not None and self.val != type(self).model_fields["val"].default:
            raise ValueError(f"folds: {self.folds} and val: {self.val:g} both say what val is: leave one out")
        return self


class Split(HoldOut):
    """As above, and a share for `test`, or the names in `test_list`.

    Shares are of all examples; with `folds`, of what `test` leaves."""

    val: Annotated[float, Field(gt=0, lt=1)] = 0.15
    test: Share = 0.15
    test_list: Annotated[str | None, PATH] = None


Fit = Literal["stretch", "crop", "letterbox", "center"]
"""How an image comes to the network's input size: `stretch` scales each axis; `crop` keeps proportions,
fills the input and cuts what is over; `letterbox` keeps proportions, shows all and fills with black;
`center` is letterbox that never enlarges."""


class Data(Section):
    """What all data have in common: `background` is what lies under transparent images, those that
    `archspec predict` is given too: `white`, `black` or [red, green, blue] of 0 … 255. Files that cannot be read are
    left out; with `strict`, or `archspec train --strict`, they stop a run before its first step."""

    fit: Fit = "stretch"
    strict: bool = False
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


class Cifar(Data):
    """CIFAR-10 or CIFAR-100 in `root`, as unpacked: the files for Python or the binary ones. CIFAR-100 has 100 `fine`
    or 20 `coarse` classes. Pickled files are read without running what is in them.

    Source: A. Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009."""

    kind: Literal["cifar"] = "cifar"
    root: Annotated[str, PATH]
    labels: Literal["fine", "coarse"] = "fine"
    split: HoldOut = HoldOut()


class Csv(Data):
    """A table with a line for each image: `file`, whose first line names the columns. Paths of images are relative to
    `root`, or to the table's folder. With `multi_label` an image has any number of labels, with `separator`
    between them. A `split_column` says which split an image is in; else `split` does. `names` are the classes
    in the order of their numbers; unwritten, the labels in order of the alphabet, or of numbers."""

    kind: Literal["csv"] = "csv"
    file: Annotated[str, PATH]
    root: Annotated[str | None, PATH] = None
    path_column: str = "path"
    label_column: str = "label"
    split_column: str | None = None
    multi_label: bool = False
    separator: Annotated[str, Field(min_length=1)] = ";"
    names: Annotated[list[str], Field(min_length=2)] | None = None
    split: Split = Split()
    in_memory: bool | Literal["auto"] = "auto"


class Numpy(Data):
    """Arrays of numpy: one .npz `file` with `images` and `labels`, with `test_images` and `test_labels` too where the
    test split is given; or an .npy file for each. Images are unsigned bytes (n, h, w), (n, h, w, 1 or 3) or
    (n, 1 or 3, h, w); labels whole numbers (n,), or 0 and 1 (n, classes) where an image may have several."""

    kind: Literal["numpy"] = "numpy"
    file: Annotated[str | None, PATH] = None
    images: Annotated[str | None, PATH] = None
    labels: Annotated[str | None, PATH] = None
    test_images: Annotated[str | None, PATH] = None
    test_labels: Annotated[str | None, PATH] = None
    names: Annotated[list[str], Field(min_length=2)] | None = None
    split: Split = Split()

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        apart = [name for name in ("images", "labels", "test_images", "test_labels") if getattr(self, name)]
        if self.file and apart:
            raise ValueError(f"file holds all arrays: {apart[0]} is not needed beside it")
        if not self.file and not (self.images and self.labels):
            raise ValueError("numpy data needs file, or images and labels")
        if bool(self.test_images) != bool(self.test_labels):
            raise ValueError("test_images and test_labels are needed together")
        return self


OneClass = Annotated[str, Field(min_length=1)]


class Boxes(Data):
    """Images with objects in boxes: `root` is a folder of VOC (Annotations/) or YOLO (labels/), a `data.yaml` of YOLO,
    a COCO .json or a .csv.

    `train`, `val` and `test` name annotations of their own: image sets of VOC (`train: trainval`), else files or
    folders below `root`, or beside it where it is a file; unwritten, they are the sets that a YOLO data set has of
    its own. What lacks is drawn from `train` as `split` says: images with each class in every part. Without
    `train`, that is all of `root`; a `test` is drawn only where no key names a set. `images`: a folder there, where
    the images are neither where the annotations say nor where COCO has them (`train2017` beside `annotations`);
    several are looked through in turn. `classes`: those that are kept, in the order of their numbers; names for them
    where YOLO's files have numbers alone. `one_class: NAME` has one class alone, of that name, for all objects that
    are kept: for detectors that do not name what they find. Images without objects are learned from. Difficult
    objects (VOC) and crowds (COCO) are neither right nor wrong."""

    kind: Literal["boxes"] = "boxes"
    root: Annotated[str, PATH]
    train: Annotated[str | None, Field(description="An image set of VOC, or annotations of its own.")] = None
    val: Annotated[str | None, Field(description="The same of what the best epoch is chosen by.")] = None
    test: Annotated[str | None, Field(description="The same of what the trained network is measured on.")] = None
    images: Annotated[
        str | list[str] | None,
        Field(description="Folders of the images, where neither annotations say nor COCO has them."),
    ] = None
    classes: Annotated[list[str], Field(min_length=1)] | None = None
    one_class: OneClass | None = None
    split: Split = Split()
    in_memory: bool | Literal["auto"] = "auto"

    @field_validator("classes")
    @classmethod
    def _each_once(cls, classes: list[str] | None) -> list[str] | None:
        if classes is not None and len(set(classes)) < len(classes):
            twice = next(name for name in classes if classes.count(name) > 1)
            raise ValueError(f"'{twice}' stands twice")
        return classes


class ScatteredDigits(Data):
    """Digits of scikit-learn on canvases of the network's size, made as they are needed: no download.

    The 1,797 digits are split first, so that no digit is in two splits; then `train`, `val` and `test` canvases are
    made with `objects` digits each, at least and at most. Each epoch trains on other canvases, which follow from
    `seed` and the epoch; those of `val` and `test` stay. `scale`: sides of a digit, shares of the canvas's shorter
    side. `overlap`: what two boxes may have in common, as intersection over union, where there is room. `noise`: its
    standard deviation, of 255. A box holds the pixels with at least a quarter of full ink, exactly. `one_class: digit`
    makes one class of them all, of that name."""

    kind: Literal["scattered_digits"] = "scattered_digits"
    train: Annotated[Count, Field(description="Canvases to train on.")] = 1000
    val: Annotated[Count, Field(description="Canvases to choose the best epoch by.")] = 200
    test: Annotated[Count, Field(description="Canvases to measure the trained network on.")] = 200
    objects: Annotated[list[Annotated[int, Field(ge=0, le=100)]], Field(min_length=2, max_length=2)] = [1, 6]
    scale: Annotated[
        list[Annotated[float, Field(gt=0, le=1)]],
        Field(min_length=2, max_length=2, description="The least and the greatest side of a digit, of the canvas's."),
    ] = [0.15, 0.4]
    overlap: Share = 0.1
    noise: Annotated[float, Field(ge=0, le=64)] = 8.0
    one_class: OneClass | None = None
    seed: Seed = 0

    @model_validator(mode="after")
    def _ascending(self) -> Self:
        for name, pair in (("objects", self.objects), ("scale", self.scale)):
            if pair[0] > pair[1]:
                raise ValueError(f"{name} goes from the least to the most, not from {pair[0]:g} to {pair[1]:g}")
        if self.objects[1] == 0:
            raise ValueError("objects: [0, 0] leaves nothing to find")
        return self


def _pairs(value: Any) -> Any:
    pairs = [names_of(pair) for pair in value] if isinstance(value, list) else [None]
    found = [pair for pair in pairs if pair is not None and len(pair) == 2]
    if len(found) < len(pairs):
        raise ValueError("pairs must be a list of pairs of names, as in [[p1, p17], [p2, p16]]")
    if twice := [name for name, count in Counter(chain(*found)).items() if count > 1]:
        raise ValueError(f"'{twice[0]}' stands twice in pairs: a point has one other side")
    return found


class Points(Data):
    """Images with points: `file` is a table whose first line names its columns: `path`, and of each point `NAME x` and
    `NAME y` in pixels of the image, from its left upper corner. A point without numbers, or with 0 under `NAME seen`,
    is not learned, nor is one outside the image. A column `split` says which split an image is in; else `split` does.
    Paths are relative to `root`, or to the table's folder.

    In a mirrored image left and right change places: `left_eye` and `right_eye`, `Ear (L)` and `Ear (R)`, by the words
    of their names. `pairs` names them where names do not say it, and then all of them: [[p1, p17], [p2, p16]]; none of
    what has no sides: []."""

    kind: Literal["points"] = "points"
    file: Annotated[str, PATH]
    root: Annotated[str | None, PATH] = None
    pairs: Annotated[list[list[str]], BeforeValidator(_pairs)] | None = None
    split: Split = Split()
    in_memory: bool | Literal["auto"] = "auto"


class DigitCards(Data):
    """Cards with a handwritten digit of scikit-learn, seen askew on canvases of the network's size: no download. The
    points are the four corners of the card, as whoever reads the digit has them, exactly: `left top`, `right top`,
    `right bottom`, `left bottom`.

    The 1,797 digits are split first, so that no digit is in two splits; then `train`, `val` and `test` canvases are
    made. `scale`: a card's longer extent, a share of the canvas's shorter side. `turn`: degrees that it is turned in
    the picture, either way at most; `tilt`: the same out of the picture, about both of its axes. `noise`: its standard
    deviation, of 255."""

    kind: Literal["digit_cards"] = "digit_cards"
    train: Annotated[Count, Field(description="Canvases to train on.")] = 2000
    val: Annotated[Count, Field(description="Canvases to choose the best epoch by.")] = 300
    test: Annotated[Count, Field(description="Canvases to measure the trained network on.")] = 300
    scale: Annotated[
        list[Annotated[float, Field(gt=0, le=1)]],
        Field(min_length=2, max_length=2, description="The least and the greatest extent of a card, of the canvas's."),
    ] = [0.5, 0.9]
    turn: Annotated[float, Field(ge=0, le=180)] = 45.0
    tilt: Annotated[float, Field(ge=0, le=60)] = 40.0
    noise: Annotated[float, Field(ge=0, le=64)] = 8.0
    seed: Seed = 0

    @model_validator(mode="after")
    def _ascending(self) -> Self:
        if self.scale[0] > self.scale[1]:
            raise ValueError(f"scale goes from the least to the most, not from {self.scale[0]:g} to {self.scale[1]:g}")
        return self
