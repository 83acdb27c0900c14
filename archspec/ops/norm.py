"""Normalisation: over the batch, the channels, groups of them, each image, and the neighbouring channels."""

from typing import Annotated

from pydantic import Field

from archspec.ops.arguments import Count, Flag, Positive, Real, Share
from archspec.ops.base import Operator, OperatorError, Part, Sample, Saved, Types, Weight, operator
from archspec.ops.merge import Weighed
from archspec.ops.reach import Reach, whole
from archspec.ops.windows import refuse_undivided
from archspec.tensor import BYTES

Epsilon = Annotated[Positive, Field(description="ε: keeps a division from zero.")]
Affine = Annotated[Flag, Field(description="Whether a learned scale and shift follow, one of each for a channel.")]


@operator("batch_norm")
class BatchNorm(Operator):
    """Batch normalisation: each channel to mean 0 and variance 1 over the batch, then scaled and shifted.

    Output: as the input, (C,) or (C, *spatial). Parameters: 2·C (γ `weight`, β `bias`; none without
    `affine`); buffers: 2·C running statistics and a step counter. In evaluation the statistics are
    constants, folded into scale and shift: 2 operations per element. `momentum` is the share of the
    new batch in the running statistics. `frozen: true` keeps everything as it was loaded: γ and β
    become buffers too, and there is no counter.

    Ioffe and Szegedy 2015, arXiv:1502.03167.

        - batch_norm
        - batch_norm: {eps: 1e-3, momentum: 0.01}
    """

    category = "norm"
    acts_on = "place"
    tunable = frozenset({"eps", "momentum", "frozen"})
    samples = (
        Sample({}, ((64, 112, 112),), ((64, 112, 112),), params=128),
        Sample({"affine": False}, ((120,),), ((120,),), params=0),
        Sample({"frozen": True}, ((64, 8, 8),), ((64, 8, 8),), params=0),
    )

    eps: Epsilon = 1e-5
    momentum: Share = Field(0.1, description="Share of the new batch in the running statistics.")
    affine: Affine = True
    frozen: Flag = Field(False, description="Whether statistics, scale and shift stay as they are in training.")

    def infer(self, inputs: Types) -> Types:
        if inputs[0].rank > 3:
            raise OperatorError(f"batch_norm takes at most 3 spatial axes, and its input is {inputs[0]}")
        return inputs

    def weights(self, inputs: Types) -> dict[str, Weight]:
        each = (inputs[0].channels,)
        learned = Weight(each, "buffer" if self.frozen else "parameter")
        found = {"weight": learned, "bias": learned} if self.affine else {}
        found |= {"running_mean": Weight(each, "buffer"), "running_var": Weight(each, "buffer")}
        if not self.frozen:
            found["num_batches_tracked"] = Weight((), "buffer", "int64")
        return found

    def saved(self, inputs: Types, outputs: Types, in_place: bool = False) -> Saved:
        return (
            Saved(inputs=(0,))
            if self.frozen
            else Saved(inputs=(0,), fixed_bytes=2 * BYTES["float32"] * inputs[0].channels)
        )

    def backward_scratch(self, inputs: Types, outputs: Types, wanted: tuple[bool, ...]) -> int:
        """The gradient of the input where it is not wanted."""
        return 0 if wanted[0] or self.frozen else inputs[0].nbytes

    def elementwise_ops(self, inputs: Types, outputs: Types) -> int:
        return 2 * inputs[0].numel


@operator("layer_norm")
class LayerNorm(Operator):
    """Layer normalisation over the channels, at each position apart.

    Output: as the input. Parameters: 2·C (`weight`, `bias`; none without `affine`). Elementwise, the
    statistics being computed anew: 5 operations per element (sum, difference, square and sum,
    scaling), 2 more with `affine`.

    Ba, Kiros and Hinton 2016, arXiv:1607.06450; over the channels of an image: Liu et al. 2022,
    arXiv:2201.03545.

        - layer_norm: {eps: 1e-6}
    """

    category = "norm"
    acts_on = "place"
    tunable = frozenset({"eps"})
    drops = True
    samples = (
        Sample({}, ((96, 56, 56),), ((96, 56, 56),), params=192),
        Sample({}, ((768,),), ((768,),), params=1536),
    )

    eps: Epsilon = 1e-5
    affine: Affine = True

    def infer(self, inputs: Types) -> Types:
        return inputs

    def weights(self, inputs: Types) -> dict[str, Weight]:
        return _scale_and_shift(inputs, self.affine)

    def saved(self, inputs: Types, outputs: Types, in_place: bool = False) -> Saved:
        return Saved(inputs=(0,), own_bytes=2 * inputs[0].nbytes // inputs[0].channels)

    def elementwise_ops(self, inputs: Types, outputs: Types) -> int:
        return _statistics_ops(inputs, self.affine)


@operator("group_norm", main="groups")
class GroupNorm(Operator):
    """Group normalisation: over the positions and channels of each group, for each image apart.

    Output: as the input. Parameters: 2·C (`weight`, `bias`; none without `affine`). `groups` divides
    the channels, and a group holds more than one value. Elementwise: 5 operations per element, 2 more
    with `affine`.

    Wu and He 2018, arXiv:1803.08494.

        - group_norm: 32
    """

    category = "norm"
    tunable = frozenset({"eps"})
    drops = True
    samples = (
        Sample({}, ((64, 56, 56),), ((64, 56, 56),), params=128),
        Sample({"groups": 1, "affine": False}, ((6, 10),), ((6, 10),), params=0),
    )

    groups: Count = Field(32, description="Groups of channels that are normalised together.")
    eps: Epsilon = 1e-5
    affine: Affine = True

    def infer(self, inputs: Types) -> Types:
        x = inputs[0]
        refuse_undivided(self.groups, x.channels, "channels")
        if x.numel == self.groups:
            raise OperatorError(
                f"groups {self.groups} of {x} hold one value each, and one value minus its mean is 0",
                "groups",
                "fewer groups, or group_norm before the spatial axes are gone",
            )
        return inputs

    def weights(self, inputs: Types) -> dict[str, Weight]:
        return _scale_and_shift(inputs, self.affine)

    def reach(self, inputs: Types, outputs: Types, position: int = 0) -> tuple[Reach, ...]:
        """Everything: mean and deviation are over all positions, in evaluation too."""
        return tuple(whole(n) for n in inputs[0].spatial)

    def saved(self, inputs: Types, outputs: Types, in_place: bool = False) -> Saved:
        return Saved(inputs=(0,), own_bytes=2 * BYTES["float32"] * self.groups)

    def elementwise_ops(self, inputs: Types, outputs: Types) -> int:
        return _statistics_ops(inputs, self.affine)

    def label(self) -> str:
        return f"{self.groups} groups"


@operator("instance_norm")
class InstanceNorm(Operator):
    """Instance normalisation: each channel of each image over its positions.

    Output: as the input, which has more than one position. It does the same in training and in
    evaluation. Parameters: none, or 2·C (`weight`, `bias`) with `affine`. Elementwise: 5 operations
    per element, 2 more with `affine`.

    Ulyanov, Vedaldi and Lempitsky 2016, arXiv:1607.08022.

        - instance_norm: {affine: true}
    """

    category = "norm"
    tunable = frozenset({"eps"})
    drops = True
    samples = (
        Sample({}, ((32, 64, 64),), ((32, 64, 64),), params=0),
        Sample({"affine": True}, ((32, 100),), ((32, 100),), params=64),
    )

    eps: Epsilon = 1e-5
    affine: Affine = False

    def infer(self, inputs: Types) -> Types:
        x = inputs[0]
        if not 1 <= x.rank <= 3:
            raise OperatorError(f"instance_norm takes 1 to 3 spatial axes, and its input is {x}")
        if x.numel == x.channels:
            raise OperatorError(
                f"instance_norm of {x} sees one value a channel, and one value minus its mean is 0",
                hint="use it where the image still has an extent",
            )
        return inputs

    def weights(self, inputs: Types) -> dict[str, Weight]:
        return _scale_and_shift(inputs, self.affine)

    def reach(self, inputs: Types, outputs: Types, position: int = 0) -> tuple[Reach, ...]:
        """Everything: mean and deviation are over all positions, in evaluation too."""
        return tuple(whole(n) for n in inputs[0].spatial)

    def saved(self, inputs: Types, outputs: Types, in_place: bool = False) -> Saved:
        """Mean and deviation of each channel, and its weight written out for each image."""
        return Saved(inputs=(0,), own_bytes=(2 + self.affine) * BYTES["float32"] * inputs[0].channels)

    def scratch(self, inputs: Types, outputs: Types) -> int:
        """What it keeps in training, and its bias written out for each image."""
        return self.saved(inputs, outputs).own_bytes + self.training_scratch(inputs, outputs, True)

    def training_scratch(self, inputs: Types, outputs: Types, learns: bool) -> int:
        bias = BYTES["float32"] * inputs[0].channels if self.affine else 0
        return bias if learns else self.scratch(inputs, outputs)

    def backward_scratch(self, inputs: Types, outputs: Types, wanted: tuple[bool, ...]) -> int:
        """Gradients of the weights written out, and that of the input where it is not wanted."""
        written = 2 * BYTES["float32"] * inputs[0].channels if self.affine else 0
        return written if wanted[0] else written + inputs[0].nbytes

    def elementwise_ops(self, inputs: Types, outputs: Types) -> int:
        return _statistics_ops(inputs, self.affine)


@operator("l2_norm", main="scale")
class L2Norm(Operator):
    """L2 normalisation: the channels of each position, or the features of a vector, to length 1.

    y = γ · x / max(‖x‖₂, ε)

    Output: as the input. Without `scale` there is no γ: what an embedding ends in. With it γ has C learned numbers
    (`weight`), all of which begin at `scale`: what joins maps of other magnitudes. Elementwise: 3 operations per
    element (square and sum, division), 1 more with `scale`.

    Liu, Rabinovich and Berg, arXiv:1506.04579, section 3.3; Schroff et al., arXiv:1503.03832, section 3.

        - l2_norm
        - l2_norm: {scale: 20}
    """

    category = "norm"
    acts_on = "place"
    tunable = frozenset({"eps"})
    samples = (
        Sample({}, ((128,),), ((128,),)),
        Sample({"scale": 20.0}, ((512, 38, 38),), ((512, 38, 38),), params=512),
    )

    scale: Annotated[float | None, Field(strict=True, description="What γ begins at; without it there is none.")] = None
    eps: Epsilon = 1e-12

    def infer(self, inputs: Types) -> Types:
        return inputs

    def weights(self, inputs: Types) -> dict[str, Weight]:
        return {} if self.scale is None else {"weight": Weight((inputs[0].channels,))}

    def saved(self, inputs: Types, outputs: Types, in_place: bool = False) -> Saved:
        positions = inputs[0].nbytes // inputs[0].channels  # the length of each, before and after ε
        scaled = 0 if self.scale is None else inputs[0].nbytes
        return Saved(inputs=(0,), own_bytes=2 * positions + scaled)

    def scratch(self, inputs: Types, outputs: Types) -> int:
        return inputs[0].nbytes // inputs[0].channels if self.scale is None else inputs[0].nbytes

    def made_of(self, inputs: Types) -> tuple[Part, ...]:
        if self.scale is None:
            return ()
        return Part(self.model_copy(update={"scale": None})), Part(Weighed(shape=(inputs[0].channels,)), (1,))

    def backward_scratch(self, inputs: Types, outputs: Types, wanted: tuple[bool, ...]) -> int:
        """Three products on the way to how the lengths change."""
        return 3 * inputs[0].nbytes

    def elementwise_ops(self, inputs: Types, outputs: Types) -> int:
        return (3 if self.scale is None else 4) * outputs[0].numel

    def label(self) -> str:
        return "L2"


@operator("lrn")
class LocalResponseNorm(Operator):
    """Local response normalisation: each value divided by a power of the energy of its neighbouring channels.

    Output: as the input; y_c = x_c / (k + alpha / size · Σ x²)^beta, the sum over `size` channels
    around c (floor(size / 2) before it). The paper's formula has no division of α by the
    size: its α = 1e-4 with n = 5 is `alpha: 5e-4` here. No parameters. Elementwise: 2·size + 3 per
    element (size squares, size − 1 additions, α, k, the power, the division).

    Krizhevsky et al. 2012, "ImageNet classification with deep convolutional neural networks", section 3.3.

        - lrn: {size: 5, alpha: 1e-4, beta: 0.75, k: 2}
    """

    category = "norm"
    kind = "local_norm"
    autocast = "float32"
    tunable = frozenset({"alpha", "beta", "k"})
    samples = (Sample({}, ((96, 55, 55),), ((96, 55, 55),)),)

    size: Count = Field(5, description="Neighbouring channels that are summed over.")
    alpha: Real = Field(1e-4, description="Weight of the sum of squares, which is divided by `size`.")
    beta: Real = Field(0.75, description="Power of what every value is divided by.")
    k: Real = Field(1.0, description="What the sum of squares is added to.")

    def infer(self, inputs: Types) -> Types:
        if inputs[0].rank == 0:
            raise OperatorError(
                f"lrn takes channels with spatial axes, and its input is {inputs[0]} features",
                hint="use it before flatten",
            )
        return inputs

    def saved(self, inputs: Types, outputs: Types, in_place: bool = False) -> Saved:
        """The squares with `size − 1` channels of padding, their scaled mean, and its power."""
        x = outputs[0]  # in float32 where autocast gives the input in less
        padded = x.nbytes + (self.size - 1) * x.nbytes // x.channels
        return Saved(inputs=(0,), own_bytes=padded + 2 * x.nbytes)

    def backward_scratch(self, inputs: Types, outputs: Types, wanted: tuple[bool, ...]) -> int:
        """Gradients of the three."""
        return 3 * outputs[0].nbytes

    def scratch(self, inputs: Types, outputs: Types) -> int:
        """Two results on the way to the power; or the padded squares, where those are more."""
        x = outputs[0]
        return max(2 * x.nbytes, x.nbytes + (self.size - 1) * x.nbytes // x.channels)

    def elementwise_ops(self, inputs: Types, outputs: Types) -> int:
        return (2 * self.size + 3) * inputs[0].numel

    def label(self) -> str:
        return f"n={self.size}"


def _scale_and_shift(inputs: Types, affine: bool) -> dict[str, Weight]:
    each = Weight((inputs[0].channels,))
    return {"weight": each, "bias": each} if affine else {}


def _statistics_ops(inputs: Types, affine: bool) -> int:
    return (7 if affine else 5) * inputs[0].numel
