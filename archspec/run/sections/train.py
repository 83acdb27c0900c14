"""`train`: how the network is trained."""

from __future__ import annotations

import re
from typing import Annotated, ClassVar, Literal

from pydantic import Field, ValidationInfo, field_validator

from archspec.run.figures import Held, Told, measured, measures, what_instead
from archspec.run.sections.base import Count, Decay, Rate, Section, Seed
from archspec.run.sections.initial import AsWritten, Init
from archspec.run.sections.losses import Loss
from archspec.run.sections.optimizers import Adam, Optimizer
from archspec.run.sections.schedules import Cosine, Schedule, Warmup

Pattern = Annotated[str, Field(min_length=1)]
Epoch = Annotated[int, Field(ge=2, strict=False)]


class Clip(Section):
    """Gradients cut before a step: to `norm`, the length of all of them together (Pascanu et al., 2013), or each
    number to ± `value`. `clip: 1.0` is the norm."""

    short: ClassVar[str] = "norm"
    norm: Rate | None = None
    value: Annotated[Rate | None, Field(validate_default=True)] = None

    @field_validator("value")
    @classmethod
    def _one_of_both(cls, value: float | None, info: ValidationInfo) -> float | None:
        if "norm" in info.data and (value is None) == (info.data["norm"] is None):
            raise ValueError("gradients are clipped by norm or by value: write one of both")
        return value


class EarlyStop(Section):
    """Training ends once `on` was not better than before for `patience` epochs: the figure that tells the best epoch,
    unless it is another. `early_stop: 10` is the patience."""

    short: ClassVar[str] = "patience"
    patience: Count = 10
    on: Told | None = None


class Saving(Section):
    """When checkpoints are saved, beside each epoch's end: every so many seconds, and every so many `steps`.

    Saving takes at most a twentieth of the time: where it is slow, `every` counts for more. The newest `keep` stay.
    """

    short: ClassVar[str] = "every"
    every: Annotated[float, Field(gt=0)] = 60.0
    steps: Count | None = None
    keep: Annotated[int, Field(ge=1, le=1000)] = 2


class Train(Section):
    """How to train. `workers` are processes that decode images where these are not kept in memory.

    `accumulate`: a step is taken on the gradients of that many batches, so `batch: 32` with `accumulate: 4` is a batch
    of 128 in the memory of 32. `ema`: a moving average of the weights, which is then what is measured and kept as best
    and last. `tensorboard`: event files in the run directory's `tensorboard`.

    `l1` adds Σ|w| times that number to the loss, `l2` half of Σw² (its gradient is that of weight decay): over the
    weights that learn and that weight decay concerns. Figures of the loss are told without them.

    `freeze`, `unfreeze` and `rates` name layers by patterns: `stem`, `stage.1` (all in it), `stage.1.*`,
    `*.norm`. Layers in `freeze` keep their weights, and batch norms among them their running statistics;
    `unfreeze` says from which epoch on (counted from 1) some of them learn: {5: [stage.3]}. `rates` multiplies
    the learning rate of layers; where several patterns match one, the last counts.

    `loss` unwritten is cross-entropy; of a detector, the loss of the family that its `decode` names; `localisation` and
    `landmarks` of networks for the tasks `localise` and `regress`. Keys without a `kind` are those of cross-entropy.

    `best` is the figure that tells the best epoch, whose weights are kept: `val_accuracy`; with `loss: bce`, `val_map`,
    the mean average precision over the classes; of a detector `val_map50`, that at an overlap of 0.5; of a localiser
    `val_localised`, the share of images with the right class and an overlap of 0.5; of points `val_pck10`, the share
    told within a tenth of the length. Of equals, the epoch with the lower validation loss.

    `watch`: what is done where the loss rises threefold, hardly moves or swings, or where ReLUs are dead: `warn` says
    so, `stop` ends the run, its last good weights kept. Neither costs a step any time to speak of.

    `precision`, `memory_format` and `compile` say how a step is computed: with autocast to bf16 or fp16, images
    and weights with channels last, through torch.compile. `auto` is settled by a short timed trial before the first
    step, on one batch of the data; the choice is kept in the run directory's run.yaml.

    Under torchrun, `batch` is what all processes take at once, each its share. `sync_batchnorm: true` normalises over
    all of it; else batch norm sees the share of its process. `workers` are for each process.
    """

    epochs: Count = 20
    batch: Count = 64
    accumulate: Count = 1
    loss: Loss | None = None
    optimizer: Optimizer = Adam()
    schedule: Schedule = Cosine()
    warmup: Warmup | None = None
    l1: Decay = 0.0
    l2: Decay = 0.0
    clip: Clip | None = None
    ema: Annotated[float, Field(gt=0, lt=1)] | None = None
    sync_batchnorm: bool = False
    init: Init = AsWritten()
    freeze: list[Pattern] = []
    unfreeze: dict[Epoch, list[Pattern]] = {}
    rates: dict[Pattern, Rate] = {}
    best: Held | None = None
    early_stop: EarlyStop | None = None
    checkpoint: Saving = Saving()
    seed: Seed = 0
    watch: Literal["warn", "stop", "off"] = "warn"
    device: str = "auto"
    precision: Literal["fp32", "bf16", "fp16", "auto"] = "fp32"
    memory_format: Literal["contiguous", "channels_last", "auto"] = "contiguous"
    compile: bool | Literal["auto"] = False
    workers: Annotated[int, Field(ge=0, le=128)] = 0
    tensorboard: bool = False

    @field_validator("device")
    @classmethod
    def _known_device(cls, device: str) -> str:
        if not re.fullmatch(r"auto|cpu|mps|cuda(:[0-9]{1,3})?", device):
            raise ValueError("device must be auto, cpu, cuda, cuda:0, cuda:1, … or mps")
        return device

    @field_validator("best")
    @classmethod
    def _measured(cls, best: Held | None, info: ValidationInfo) -> Held | None:
        _check_measured("best", best, info)
        return best

    @field_validator("early_stop")
    @classmethod
    def _measured_too(cls, rule: EarlyStop | None, info: ValidationInfo) -> EarlyStop | None:
        _check_measured("early_stop.on", rule.on if rule else None, info)
        return rule

    @property
    def loss_kind(self) -> str:
        """The loss by its word; of a run that names none, that of classes."""
        return self.loss.kind if self.loss else "cross_entropy"

    @property
    def merit(self) -> str:
        """The figure that tells the best epoch."""
        return self.best or f"val_{measured(self.loss_kind)[0]}"

    def measures(self, figure: str) -> bool:
        """Whether epochs of the run have that figure; where it names no loss, that is seen with the network."""
        return self.loss is None or measures(self.loss.kind, figure)

    @property
    def patient_on(self) -> str:
        """The figure that early stopping goes by."""
        return (self.early_stop.on if self.early_stop else None) or self.merit


def _check_measured(key: str, figure: str | None, info: ValidationInfo) -> None:
    """Raises ValueError for a figure that the loss has none of; where none is named, that is seen with the network."""
    loss = info.data.get("loss")
    if figure and loss is not None and not measures(loss.kind, figure):
        raise ValueError(f"{key}: {figure} {what_instead(loss.kind, figure)}")
