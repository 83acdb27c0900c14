"""Layers where tensors meet (sums, products, concatenation) or part along their channels."""

from functools import reduce
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from archspec.ops.arguments import MAX_PARTS, Count, Parts, Range, Real, as_written
from archspec.ops.base import Operator, OperatorError, Reference, Sample, Saved, Types, Weight, operator
from archspec.ops.reach import Reach, same, whole
from archspec.ops.windows import refuse_undivided
from archspec.tensor import BYTES, TensorType, larger, smaller

Crop = Annotated[
    Literal["none", "center"], Field(description="`center` cuts larger maps to the smallest; `none` refuses them.")
]


def _conflict(
    inputs: Types, i: int, j: int, *, crop: bool = False, channels: bool = True, stretch: bool = False
) -> OperatorError:
    """The refusal of two inputs that do not meet, with what would make them.

    `crop`: `crop: center` is an argument; `channels`: they must be equal; `stretch`: axes of size 1 fit any.
    """
    a, b = inputs[min(i, j)], inputs[max(i, j)]
    first, second = min(i, j) + 1, max(i, j) + 1
    message = f"input {first} is {a}, input {second} is {b}"
    if a.rank != b.rank:
        return OperatorError(message, hint=_on_axes(a, b))
    if a.open or b.open:
        return OperatorError(message, hint="`padding: same` in the convolutions before them")
    hints = []
    pairs = list(zip(a.spatial, b.spatial, strict=True))
    sizes_differ = any(p != q and not (stretch and 1 in (p, q)) for p, q in pairs)
    if sizes_differ:
        (big, large), (small, little) = sorted(((first, a), (second, b)), key=lambda x: x[1].spatial, reverse=True)
        pairs = list(zip(large.spatial, little.spatial, strict=True))
        factors = {p / q for p, q in pairs} if all(little.spatial) else set()
        if len(factors) == 1 and (factor := factors.pop()).is_integer():
            up = f"`upsample: {factor:g}` on input {small}"
            hints.append(f"a stride of {factor:g} on the way to input {big}, or {up}")
        else:
            cut = "`crop: center` here" if crop else f"`crop: {{to: …}}` on input {big}"
            hints.append(f"`padding: same` in the convolutions before them, or {cut}")
    if channels and a.channels != b.channels:
        hints.append(f"`conv: {a.channels}` on input {second}, which has {b.channels} channels")
        if sizes_differ:
            hints.append("around a residual body, `shortcut: project` does both")
    return OperatorError(message, hint="; ".join(hints))


def _on_axes(a: TensorType, b: TensorType) -> str:
    flat = a if a.rank < b.rank else b
    if flat.rank:
        return "they need the same number of axes"
    ones = ", 1" * max(a.rank, b.rank)
    return (
        f"{flat} features are not stretched over positions: `global_avg_pool: {{keep: true}}` keeps the "
        f"axes, `reshape: [{flat}{ones}]` brings them back"
    )


def _same_dtype(inputs: Types) -> None:
    for i, x in enumerate(inputs):
        if x.dtype != inputs[0].dtype:
            raise OperatorError(f"input 1 holds {inputs[0].dtype}, input {i + 1} holds {x.dtype}")


def _centred(inputs: Types, crop: str) -> Types:
    """The inputs cut to the smallest of them along each spatial axis, where `crop: center` asks for it."""
    if crop == "none" or len({x.rank for x in inputs}) > 1:
        return inputs
    smallest = tuple(reduce(smaller, sizes) for sizes in zip(*(x.spatial for x in inputs), strict=True))
    return tuple(TensorType((x.channels, *smallest), x.dtype) for x in inputs)


def _stretch(a: tuple[int, ...], b: tuple[int, ...]) -> bool:
    """Whether two shapes are one once their axes of size 1 are stretched."""
    return len(a) == len(b) and all(_fits(p, q) for p, q in zip(a, b, strict=True))


def _fits(p: int, q: int) -> bool:
    """Whether two sizes are equal or one of them is 1; of open sizes that is asked last."""
    return any(isinstance(n, int) and n == 1 for n in (p, q)) or p == q or 1 in (p, q)


def _stretched(inputs: Types) -> Types:
    """What tensors give whose axes of size 1 are stretched to those of the others."""
    _same_dtype(inputs)
    shape = inputs[0].shape
    for i, x in enumerate(inputs):
        if not _stretch(shape, x.shape):
            j = next(j for j in range(i) if not _stretch(inputs[j].shape, x.shape))
            raise _conflict(inputs, j, i, stretch=True)
        shape = tuple(larger(p, q) for p, q in zip(shape, x.shape, strict=True))
    return (TensorType(shape, inputs[0].dtype),)


class Merge(Operator):
    """Two or more tensors of one shape, elementwise: n − 1 operations an output element."""

    category = "merge"
    arity: ClassVar[tuple[int, int | None]] = (2, None)
    references = {"of": "inputs"}

    of: Reference = Field(None, description="The layers that are taken, by name, in place of what flows in.")

    def infer(self, inputs: Types) -> Types:
        _same_dtype(inputs)
        for i, x in enumerate(inputs):
            if x.shape != inputs[0].shape:
                raise _conflict(inputs, 0, i)
        return (inputs[0],)

    def elementwise_ops(self, inputs: Types, outputs: Types) -> int:
        return (len(inputs) - 1) * outputs[0].numel

    def scratch(self, inputs: Types, outputs: Types) -> int:
        return outputs[0].nbytes if len(inputs) > 2 and self.gradient != "part" else 0

    def reach(self, inputs: Types, outputs: Types, position: int = 0) -> tuple[Reach, ...]:
        """The same place; one cell stretched is at all, and what is too large is cut as much at both ends."""
        sizes = zip(inputs[position].spatial, outputs[0].spatial, strict=True)
        return tuple(whole(old) if new > old else same((old - new) // 2) for old, new in sizes)


class _OneByOne(Merge):
    """A merge that takes its tensors in one after the other, and keeps all of them, and each result but the last."""

    def saved(self, inputs: Types, outputs: Types, in_place: bool = False) -> Saved:
        between = (self.infer(inputs[:count])[0] for count in range(2, len(inputs)))
        return Saved(inputs=tuple(range(len(inputs))), own_bytes=sum(result.nbytes for result in between))


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
        _same_dtype(inputs)
        shown = _centred(inputs, self.crop)
        gates = [all(isinstance(n, int) and n == 1 for n in x.spatial) for x in shown]
        largest = max(range(len(shown)), key=lambda i: (shown[i].rank, not gates[i], shown[i].spatial))
        whole = shown[largest]
        for i, x in enumerate(shown):
            fits = x.spatial == whole.spatial or (x.rank == whole.rank and all(n == 1 for n in x.spatial))
            if x.channels != whole.channels or not fits:
                raise _conflict(inputs, i, largest, crop=self.crop == "none", stretch=True)
        return (whole,)

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
        _same_dtype(inputs)
        shown = _centred(inputs, self.crop)
        for i, x in enumerate(shown):
            if x.shape[1:] != shown[0].shape[1:] or x.rank != shown[0].rank:
                raise _conflict(inputs, 0, i, crop=self.crop == "none", channels=False)
        channels = sum(x.channels for x in shown)
        return (TensorType((channels, *shown[0].spatial), shown[0].dtype),)

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

    samples = (
        Sample({}, ((64, 56, 56), (64, 1, 1)), ((64, 56, 56),)),
        Sample({}, ((1, 7, 7), (512, 7, 7)), ((512, 7, 7),)),
        Sample({}, ((10,), (10,), (10,)), ((10,),)),
    )

    def infer(self, inputs: Types) -> Types:
        return _stretched(inputs)

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
        return _stretched(inputs)

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
