"""Layers where tensors meet (sums, products, concatenation) or part along their channels."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from archspec.ops.arguments import MAX_PARTS, Count, Parts, Range, Real, as_written
from archspec.ops.base import ActsOn, Operator, OperatorError, Part, Reference, Sample, Saved, Types, Weight, operator
from archspec.ops.meeting import before_summed, centred, conflict, cuts_of, in_turn, same_dtype, stretched
from archspec.ops.reach import Reach, same, whole
from archspec.ops.windows import refuse_undivided
from archspec.tensor import BYTES, TensorType

Crop = Annotated[
    Literal["none", "center"], Field(description="`center` cuts larger maps to the smallest; `none` refuses them.")
]


class Merge(Operator):
    """Two or more tensors of one shape, elementwise: n − 1 operations an output element."""

    category = "merge"
    acts_on: ClassVar[ActsOn] = "number"
    arity: ClassVar[tuple[int, int | None]] = (2, None)
    references = {"of": "inputs"}

    of: Reference = Field(None, description="The layers that are taken, by name, in place of what flows in.")

    def infer(self, inputs: Types) -> Types:
        same_dtype(inputs)
        for i, x in enumerate(inputs):
            if x.shape != inputs[0].shape:
                raise conflict(inputs, 0, i)
        return (inputs[0],)

    def elementwise_ops(self, inputs: Types, outputs: Types) -> int:
        return (len(inputs) - 1) * outputs[0].numel

    def scratch(self, inputs: Types, outputs: Types) -> int:
        return outputs[0].nbytes if len(inputs) > 2 and self.gradient != "part" else 0

    def reach(self, inputs: Types, outputs: Types, position: int = 0) -> tuple[Reach, ...]:
        """The same place; one cell stretched is at all, and what is too large is cut as much at both ends."""
        sizes = zip(inputs[position].spatial, outputs[0].spatial, strict=True)
        return tuple(whole(old) if new > old else same((old - new) // 2) for old, new in sizes)


class Weighed(Operator):
    """A tensor times numbers that learn: one for all of it, or one a channel. No layer a spec may write."""

    word = "weighed"
    shape: tuple[int, ...]

    def infer(self, inputs: Types) -> Types:
        return inputs

    def weights(self, inputs: Types) -> dict[str, Weight]:
        return {"weight": Weight(self.shape)}

    def saved(self, inputs: Types, outputs: Types, in_place: bool = False) -> Saved:
        return Saved(inputs=(0,))

    def backward_scratch(self, inputs: Types, outputs: Types, wanted: tuple[bool, ...]) -> int:
        """What is summed to the gradient of the numbers."""
        return outputs[0].nbytes


class _OneByOne(Merge):
    """A merge that takes its tensors in one after the other, and keeps all of them, and each result but the last."""

    mutual: ClassVar[bool] = False
    """Whether each is kept for the gradients of the others alone."""

    def made_of(self, inputs: Types) -> tuple[Part, ...]:
        whole = self.model_copy(update={"of": None})
        return tuple(in_turn(whole, range(len(inputs)), len(inputs))) if len(inputs) > 2 else ()

    def saved(self, inputs: Types, outputs: Types, in_place: bool = False) -> Saved:
        between = (self.infer(inputs[:count])[0] for count in range(2, len(inputs)))
        own = sum(result.nbytes for result in between)
        return Saved(inputs=tuple(range(len(inputs))), own_bytes=own, mutual=self.mutual)


@operator("add", main="of")
class Add(Merge):
    """Sum of two or more tensors: the end of a residual body, the merge of a feature pyramid.

    y = x₁ + x₂ + … + xₙ

    Shapes are equal, or some inputs are C×1×1 and are added at every position. A vector (C,) is not
    stretched over positions. `crop: center` first cuts the spatial axes of all inputs to the smallest,
    as much at both ends (the odd one at the far end). n − 1 operations an output element.

    He et al., arXiv:1512.03385.

        - add: [lateral4, $prev]
    """

    gradient = "same"
    overwrites = True
    samples = (
        Sample({}, ((64, 56, 56), (64, 56, 56)), ((64, 56, 56),)),
        Sample({}, ((64, 1, 1), (64, 7, 5), (64, 7, 5)), ((64, 7, 5),)),
        Sample({"crop": "center"}, ((8, 10, 10), (8, 6, 7)), ((8, 6, 7),)),
        Sample({}, ((100,), (100,)), ((100,),)),
    )

    crop: Crop = "none"

    def infer(self, inputs: Types) -> Types:
        same_dtype(inputs)
        shown = centred(inputs, self.crop)
        gates = [all(isinstance(n, int) and n == 1 for n in x.spatial) for x in shown]
        largest = max(range(len(shown)), key=lambda i: (shown[i].rank, not gates[i], shown[i].spatial))
        whole = shown[largest]
        for i, x in enumerate(shown):
            fits = x.spatial == whole.spatial or (x.rank == whole.rank and all(n == 1 for n in x.spatial))
            if x.channels != whole.channels or not fits:
                raise conflict(inputs, i, largest, crop=self.crop == "none", stretch=True)
        return (whole,)

    def made_of(self, inputs: Types) -> tuple[Part, ...]:
        cuts, left = cuts_of(inputs, self.crop)
        return (*cuts, *in_turn(Add(of=None), left, len(inputs) + len(cuts))) if cuts or len(inputs) > 2 else ()

    def label(self) -> str:
        return "+"


@operator("concat", main="of")
class Concat(Merge):
    """Tensors one after the other along the channels; the channels add up, spatial sizes are equal.

    y = [x₁; x₂; …; xₙ]

    `crop: center` first cuts the spatial axes of all inputs to the smallest, as much at both ends (the odd
    one at the far end): the copy-and-crop of U-Net. No operations.

    Szegedy et al., arXiv:1409.4842; Huang et al., arXiv:1608.06993; Ronneberger et al., arXiv:1505.04597.

        - concat: {of: [enc.3.skip, $prev], crop: center}
    """

    acts_on = "place"
    gradient = "part"
    autocast = "promote"
    kind = "copy"
    samples = (
        Sample({}, ((64, 28, 28), (128, 28, 28), (32, 28, 28), (32, 28, 28)), ((256, 28, 28),)),
        Sample({"crop": "center"}, ((512, 64, 64), (512, 56, 56)), ((1024, 56, 56),)),
        Sample({}, ((100,), (20,)), ((120,),)),
    )

    crop: Crop = "none"

    def infer(self, inputs: Types) -> Types:
        same_dtype(inputs)
        shown = centred(inputs, self.crop)
        for i, x in enumerate(shown):
            if x.shape[1:] != shown[0].shape[1:] or x.rank != shown[0].rank:
                raise conflict(inputs, 0, i, crop=self.crop == "none", channels=False)
        channels = sum(x.channels for x in shown)
        return (TensorType((channels, *shown[0].spatial), shown[0].dtype),)

    def made_of(self, inputs: Types) -> tuple[Part, ...]:
        cuts, left = cuts_of(inputs, self.crop)
        return (*cuts, Part(Concat(of=None), tuple(left))) if cuts else ()

    def elementwise_ops(self, inputs: Types, outputs: Types) -> int:
        return 0

    def label(self) -> str:
        return "‖"


@operator("multiply", main="of")
class Multiply(_OneByOne):
    """Product of two or more tensors: gates.

    y = x₁ · x₂ · … · xₙ

    Tensors have the same number of axes; an axis of size 1 is stretched to that of the others, so that
    C×1×1 gates channels (squeeze-and-excitation) and 1×H×W gates positions. A vector (C,) is not stretched
    over positions. n − 1 operations an output element.

    Hu et al., arXiv:1709.01507; Woo et al., arXiv:1807.06521.

        - multiply: [features, gate]
    """

    mutual = True
    samples = (
        Sample({}, ((64, 56, 56), (64, 1, 1)), ((64, 56, 56),)),
        Sample({}, ((1, 7, 7), (512, 7, 7)), ((512, 7, 7),)),
        Sample({}, ((10,), (10,), (10,)), ((10,),)),
    )

    def infer(self, inputs: Types) -> Types:
        return stretched(inputs)

    def backward_scratch(self, inputs: Types, outputs: Types, wanted: tuple[bool, ...]) -> int:
        return before_summed(inputs, outputs, wanted)

    def label(self) -> str:
        return "×"


@operator("subtract", main="of")
class Subtract(Merge):
    """Difference of two tensors: the first less the second.

    y = x₁ − x₂

    Axes of size 1 are stretched as those of `multiply`. One operation an output element. With `abs` behind it, what
    a siamese network compares two encodings by (Koch, Zemel and Salakhutdinov, "Siamese neural networks", 2015).

        - subtract: [left, right]
    """

    arity = (2, 2)
    samples = (Sample({}, ((10,), (10,)), ((10,),)), Sample({}, ((8, 4, 6), (8, 1, 1)), ((8, 4, 6),)))

    def infer(self, inputs: Types) -> Types:
        return stretched(inputs)

    def gradient_of(self, position: int) -> Literal["new", "same", "part"]:
        """Of the first the one it was given, of the second its negative."""
        return "new" if position else "same"

    def backward_scratch(self, inputs: Types, outputs: Types, wanted: tuple[bool, ...]) -> int:
        return before_summed(inputs[1:], outputs, wanted[1:])

    def label(self) -> str:
        return "−"


@operator("mean", main="of")
class Mean(Merge):
    """Mean of two or more tensors of one shape.

    y = (x₁ + x₂ + … + xₙ) / n

    n operations an output element: n − 1 additions and a division.

        - mean: [left, right]
    """

    samples = (
        Sample({}, ((8, 4, 4), (8, 4, 4)), ((8, 4, 4),)),
        Sample({}, ((10,), (10,), (10,)), ((10,),)),
    )

    def scratch(self, inputs: Types, outputs: Types) -> int:
        """The sum."""
        return outputs[0].nbytes

    def made_of(self, inputs: Types) -> tuple[Part, ...]:
        count = len(inputs)
        sums = in_turn(Add(of=None), range(count), count)
        return (*sums, Part(Scale(factor=1 / count), (count + len(sums) - 1,)))

    def elementwise_ops(self, inputs: Types, outputs: Types) -> int:
        return len(inputs) * outputs[0].numel

    def label(self) -> str:
        return "mean"


@operator("max", main="of")
class Max(_OneByOne):
    """Elementwise maximum of two or more tensors of one shape.

    y = max(x₁, x₂, …, xₙ)

    n − 1 operations an output element.

        - max: [left, right]
    """

    samples = (
        Sample({}, ((8, 4, 4), (8, 4, 4)), ((8, 4, 4),)),
        Sample({}, ((10,), (10,), (10,)), ((10,),)),
    )

    def backward_scratch(self, inputs: Types, outputs: Types, wanted: tuple[bool, ...]) -> int:
        """Half the gradient for where both are equal, the whole of it masked, and two masks."""
        return 2 * (outputs[0].nbytes + outputs[0].numel)

    def label(self) -> str:
        return "max"


@operator("weighted_add", main="of")
class WeightedAdd(Merge):
    """Sum of two or more tensors of one shape, each with a learned weight.

    y = Σᵢ vᵢ · xᵢ, where v is computed from the learned w (`weight`, one number an input, begun at 1):
    `normalize: relu`: vᵢ = max(0, wᵢ) / (eps + Σⱼ max(0, wⱼ)), the fast normalised fusion of BiFPN;
    `normalize: softmax`: vᵢ = e^(wᵢ) / Σⱼ e^(wⱼ);
    `normalize: none`: vᵢ = wᵢ

    2n − 1 operations an output element; the few on the weights themselves are not counted.

    Tan, Pang and Le, arXiv:1911.09070.

        - weighted_add: {of: [p4, td4, $prev], normalize: relu}
    """

    tunable = frozenset({"eps"})
    samples = (
        Sample({}, ((64, 32, 32), (64, 32, 32)), ((64, 32, 32),), params=2),
        Sample({"normalize": "softmax"}, ((64, 8, 8), (64, 8, 8), (64, 8, 8)), ((64, 8, 8),), params=3),
        Sample({"normalize": "none"}, ((10,), (10,)), ((10,),), params=2),
    )

    normalize: Literal["relu", "softmax", "none"] = Field("relu", description="What keeps the weights positive.")
    eps: Annotated[float, Field(strict=True, ge=0)] = Field(1e-4, description="ε: keeps a division from zero.")

    def weights(self, inputs: Types) -> dict[str, Weight]:
        return {"weight": Weight((len(inputs),))}

    def saved(self, inputs: Types, outputs: Types, in_place: bool = False) -> Saved:
        """The tensors, and the weights on the way to what they are multiplied with."""
        numbers = {"relu": 2 * len(inputs) + 1, "softmax": len(inputs), "none": 0}[self.normalize]
        return Saved(inputs=tuple(range(len(inputs))), fixed_bytes=numbers * BYTES["float32"])

    def scratch(self, inputs: Types, outputs: Types) -> int:
        """A product, and the sum of those before."""
        return 2 * outputs[0].nbytes

    def made_of(self, inputs: Types) -> tuple[Part, ...]:
        """The first product; then each further one and its sum with what came before."""
        count, weighed = len(inputs), Weighed(shape=(len(inputs),))
        steps = [Part(weighed, (0,))]
        for i in range(1, count):
            total = count + len(steps) - 1
            steps += [Part(weighed, (i,)), Part(Add(of=None), (total, total + 1))]
        return tuple(steps)

    def elementwise_ops(self, inputs: Types, outputs: Types) -> int:
        return (2 * len(inputs) - 1) * outputs[0].numel

    def label(self) -> str:
        return "w+"


@operator("scale", main="factor")
class Scale(Operator):
    """Multiplies by a constant that is not learned: residual scaling ends a body with it.

    y = factor · x

    Szegedy et al., arXiv:1602.07261 (0.1 to 0.3). One operation an element.

        - scale: 0.17
    """

    category = "merge"
    acts_on = "number"
    samples = (
        Sample({"factor": 0.17}, ((256, 35, 35),), ((256, 35, 35),)),
        Sample({"factor": 2}, ((10,),), ((10,),)),
    )

    factor: Real = Field(description="What every element is multiplied with.")

    def infer(self, inputs: Types) -> Types:
        return (inputs[0],)

    def elementwise_ops(self, inputs: Types, outputs: Types) -> int:
        return outputs[0].numel

    def label(self) -> str:
        return f"× {self.factor:g}"


def _bounded(parts: int) -> None:
    """Raises OperatorError where a tensor falls into more parts than any network has use for."""
    if parts > MAX_PARTS:
        raise OperatorError(f"{parts:,} parts are more than the {MAX_PARTS:,} that one layer may give", "parts")


@operator("split", main="parts")
class Split(Operator):
    """Parts a tensor along its channels into several: a bundle, of which `$prev:0` is the first.

    `parts` is how many equal ones, or a list with the channels of each, which add up to those of the input.
    No operations, and no memory of its own.

        - split: 2
        - split: [16, 48]
    """

    category = "merge"
    acts_on = "place"
    storage = "view"
    samples = (
        Sample({"parts": 2}, ((116, 28, 28),), ((58, 28, 28), (58, 28, 28))),
        Sample({"parts": [16, 48]}, ((64, 7),), ((16, 7), (48, 7))),
        Sample({"parts": [3, 3, 4]}, ((10,),), ((3,), (3,), (4,))),
    )

    parts: Parts = Field(description="How many equal parts, or a list with the channels of each.")

    def infer(self, inputs: Types) -> Types:
        x = inputs[0]
        return tuple(TensorType((c, *x.spatial), x.dtype) for c in self.sizes(x.channels))

    def sizes(self, channels: int) -> tuple[int, ...]:
        """Channels of each part. Raises OperatorError where the parts do not make up the input."""
        if isinstance(self.parts, tuple):
            if sum(self.parts) != channels:
                raise OperatorError(
                    f"the parts {as_written(self.parts)} add up to {sum(self.parts)} channels, "
                    f"the input has {channels}",
                    "parts",
                    "write `slice` to leave channels out",
                )
            _bounded(len(self.parts))
            return self.parts
        if channels % self.parts:
            raise OperatorError(
                f"{channels} channels do not divide into {self.parts} equal parts",
                "parts",
                f"list the channels of each: {[channels - channels // 2, channels // 2]}"
                if self.parts == 2 and channels > 1
                else "list the channels of each part",
            )
        _bounded(self.parts)
        return (channels // self.parts,) * self.parts

    def label(self) -> str:
        sizes = self.parts if isinstance(self.parts, tuple) else (self.parts,)
        return f"split {'+'.join(map(str, sizes))}"


@operator("slice", main="channels")
class Slice(Operator):
    """Takes channels [first, end] of its input, counted from 0, `end` itself not included.

    No operations, and no memory of its own.

        - slice: [0, 64]
    """

    category = "merge"
    acts_on = "place"
    storage = "view"
    samples = (
        Sample({"channels": [0, 64]}, ((192, 14, 14),), ((64, 14, 14),)),
        Sample({"channels": [3, 10]}, ((10,),), ((7,),)),
    )

    channels: Range = Field(description="Channels: from the first number on, up to the second.")

    def infer(self, inputs: Types) -> Types:
        x = inputs[0]
        first, end = self.channels
        if not first < end <= x.channels:
            raise OperatorError(
                f"there are no channels {first} up to {end} in {x}, which has {x.channels}",
                "channels",
                f"0 ≤ first < end ≤ {x.channels}",
            )
        return (TensorType((end - first, *x.spatial), x.dtype),)

    def label(self) -> str:
        return f"channels {self.channels[0]}:{self.channels[1]}"


@operator("channel_shuffle", main="groups")
class ChannelShuffle(Operator):
    """Mixes the channels of groups: channel j of group i goes to place j · groups + i.

    After a convolution in groups it lets the next one see all of them. No operations.

    Zhang et al., arXiv:1707.01083.

        - channel_shuffle: 2
    """

    category = "merge"
    acts_on = "place"
    kind = "copy"
    samples = (
        Sample({"groups": 2}, ((116, 28, 28),), ((116, 28, 28),)),
        Sample({"groups": 3}, ((12,),), ((12,),)),
    )

    groups: Count = Field(description="Groups that the channels are dealt from.")

    def infer(self, inputs: Types) -> Types:
        channels = inputs[0].channels
        refuse_undivided(self.groups, channels, "channels", idle=(1, channels))
        return (inputs[0],)

    def label(self) -> str:
        return f"shuffle {self.groups}"
