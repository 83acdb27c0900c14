"""What a run file may say: one class a section, the default of every key.

A section with a `kind` is a choice: which class checks it is looked up first (see `reading`).
"""

from __future__ import annotations

import json
import re
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

PATH = "a path, relative to the run file"
AS_TEXT = "text, where a number is taken as it is written"
NAME_OR_PATH = "a network of the zoo, or a path"
Rate = Annotated[float, Field(gt=0)]
Share = Annotated[float, Field(ge=0, lt=1)]
Momentum = Annotated[float, Field(ge=0, lt=1)]
Decay = Annotated[float, Field(ge=0)]
Count = Annotated[int, Field(ge=1)]
Seed = Annotated[int, Field(ge=0, lt=2**63)]


class Section(BaseModel):
    """A part of a run file. `short` is the key that a value standing alone is given to: `model: lenet5`."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)
    short: ClassVar[str] = "kind"


class Model(Section):
    """The network: the name of one of the zoo or a spec file, its variant, and `path: value` overrides."""

    short: ClassVar[str] = "spec"
    spec: Annotated[str, NAME_OR_PATH, Field(min_length=1)]
    variant: Annotated[str | None, AS_TEXT] = None
    set: dict[str, Any] = {}
    input: Annotated[list[Count], Field(min_length=1, max_length=4)] | None = None

    def overrides(self) -> list[str]:
        """`set` as `--set` writes it: `vars.classes=10`. Nested mappings are paths too."""

        def flat(prefix: str, value: Any) -> list[str]:
            if isinstance(value, dict):
                return [o for key, inner in value.items() for o in flat(f"{prefix}.{key}", inner)]
            return [f"{prefix}={json.dumps(value)}"]

        return [o for key, value in self.set.items() for o in flat(key, value)]


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


class Adam(Section):
    """Adam (Kingma and Ba, 2015)."""

    kind: Literal["adam"] = "adam"
    lr: Rate = 1e-3
    weight_decay: Decay = 0.0


class AdamW(Section):
    """Adam with decoupled weight decay (Loshchilov and Hutter, 2019)."""

    kind: Literal["adamw"] = "adamw"
    lr: Rate = 1e-3
    weight_decay: Decay = 1e-2


class SGD(Section):
    """Stochastic gradient descent with momentum."""

    kind: Literal["sgd"] = "sgd"
    lr: Rate = 1e-2
    momentum: Momentum = 0.9
    weight_decay: Decay = 0.0
    nesterov: bool = False

    @field_validator("nesterov")
    @classmethod
    def _needs_momentum(cls, nesterov: bool, info: ValidationInfo) -> bool:
        if nesterov and info.data.get("momentum") == 0:
            raise ValueError("nesterov needs a momentum above 0")
        return nesterov


class Constant(Section):
    """The same rate throughout."""

    kind: Literal["constant"] = "constant"


class Cosine(Section):
    """Half a cosine from the rate to `final` times the rate, a little lower at every step."""

    kind: Literal["cosine"] = "cosine"
    final: Annotated[float, Field(ge=0, le=1)] = 0.0


class Step(Section):
    """The rate times `factor` every so many epochs."""

    kind: Literal["step"] = "step"
    every: Count
    factor: Annotated[float, Field(gt=0, le=1)] = 0.1


class Exponential(Section):
    """The rate times `factor` after each epoch."""

    kind: Literal["exponential"] = "exponential"
    factor: Annotated[float, Field(gt=0, le=1)] = 0.95


class Train(Section):
    """How to train. `workers` are processes that decode images where these are not kept in memory."""

    epochs: Count = 20
    batch: Count = 64
    optimizer: Adam | AdamW | SGD = Adam()
    schedule: Constant | Cosine | Step | Exponential = Cosine()
    seed: Seed = 0
    device: str = "auto"
    workers: Annotated[int, Field(ge=0, le=128)] = 0

    @field_validator("device")
    @classmethod
    def _known_device(cls, device: str) -> str:
        if not re.fullmatch(r"auto|cpu|mps|cuda(:[0-9]{1,3})?", device):
            raise ValueError("device must be auto, cpu, cuda, cuda:0, cuda:1, … or mps")
        return device


class Run(Section):
    """A run file, whole. `name` is that of the run directory; without it, the file's own."""

    name: Annotated[str | None, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.+-]*$")] = None
    model: Model
    data: Digits | Idx | Folder = Digits()
    train: Train = Train()
