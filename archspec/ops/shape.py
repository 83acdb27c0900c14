"""Layers that rearrange: flatten and reshape, pad and crop, up- and subsample, pick and shuffle channels."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal, cast

from pydantic import Field, PlainValidator
from pydantic_core import PydanticCustomError

from archspec.ops.arguments import LARGEST, Axes, AxesFromZero, AxesOrNone, Count, Flag
from archspec.ops.base import Operator, OperatorError, Reference, Sample, Types, Window, operator
from archspec.ops.windows import AXES, axes_label, per_axis
from archspec.tensor import TensorType


class Input(Operator):
    """A tensor that comes from outside: (channels, *spatial) or (features,), without the batch axis.

    No layer a spec may write: the keys `input` and `inputs` make it.
    """

    word = "input"
    category = "input"
    arity = (0, 0)
    samples = (Sample({"shape": [3, 224, 224]}, (), ((3, 224, 224),)),)

    shape: Annotated[tuple[Count, ...], Field(min_length=1, max_length=4)]
    dtype: Literal["float32", "float16", "bfloat16", "float64", "int64", "uint8", "bool"] = "float32"

    def infer(self, inputs: Types) -> Types:
        return (TensorType(self.shape, self.dtype),)

    def label(self) -> str:
        return "×".join(str(n) for n in self.shape)


@operator("identity")
class Identity(Operator):
    """Passes its input on unchanged: a place to hang a name on.

    No operations, and no memory of its own.

        - identity: {}
          from: td3
          name: out3
    """

    storage = "view"
    samples = (Sample({}, ((64, 8, 8),), ((64, 8, 8),)), Sample({}, ((10,),), ((10,),)))

    def infer(self, inputs: Types) -> Types:
        return (inputs[0],)


@operator("flatten")
class Flatten(Operator):
    """All axes in one: C×H×W becomes a vector of C·H·W features, the channel axis slowest.

    No operations, and no memory of its own. A `linear` layer after convolutions needs it.

        - flatten
    """

    storage = "view"
    samples = (
        Sample({}, ((256, 6, 6),), ((9216,),)),
        Sample({}, ((16, 5),), ((80,),)),
        Sample({}, ((10,),), ((10,),)),
    )

    def infer(self, inputs: Types) -> Types:
        return (TensorType((inputs[0].numel,), inputs[0].dtype),)

    def label(self) -> str:
        return "flatten"


def _shape(value: Any) -> Any:
    sizes = list(value) if isinstance(value, list | tuple) else []
    whole = all(type(n) is int and (n == -1 or 1 <= n <= LARGEST) for n in sizes)
    if whole and 1 <= len(sizes) <= 4 and sizes.count(-1) <= 1:
        return sizes
    raise PydanticCustomError(
        "argument_shape",
        "a list of 1 to 4 sizes is expected, of which one may be -1, not {shown}",
        {"shown": str(value)[:60]},
    )


_Sizes = Annotated[list[Annotated[int, Field(ge=-1)]], Field(min_length=1, max_length=4)]


@operator("reshape", main="shape")
class Reshape(Operator):
    """The same numbers in the same order under another shape, (channels, *spatial), without the batch axis.

    One size may be -1: what is left over. No operations, and no memory of its own.

        - reshape: [128, 7, 7]
    """

    storage = "view"
    samples = (
        Sample({"shape": [128, 7, 7]}, ((6272,),), ((128, 7, 7),)),
        Sample({"shape": [10, -1]}, ((20, 3, 4),), ((10, 24),)),
    )

    shape: Annotated[list[int], PlainValidator(_shape, json_schema_input_type=_Sizes)]

    def infer(self, inputs: Types) -> Types:
        x = inputs[0]
        known = math.prod(n for n in self.shape if n != -1)
        fits = x.numel % known == 0 if -1 in self.shape else x.numel == known
        if not fits:
            raise OperatorError(
                f"the input {x} has {x.numel} values, the shape {self.shape} "
                + (f"{known}" if -1 not in self.shape else f"a multiple of {known}"),
                "shape",
            )
        return (TensorType(tuple(x.numel // known if n == -1 else n for n in self.shape), x.dtype),)

    def label(self) -> str:
        return f"reshape {axes_label(self.shape)}"


def _is_whole(value: Any) -> bool:
    return type(value) is int and 0 <= value <= LARGEST


def _is_pair(value: Any) -> bool:
    return isinstance(value, list | tuple) and len(value) == 2 and all(_is_whole(n) for n in value)


def _pair(value: Any) -> Any:
    if _is_pair(value):
        return list(value)
    raise PydanticCustomError(
        "argument_pair",
        "two whole numbers of at least 0 are expected, not {shown}",
        {"shown": str(value)[:60]},
    )


def _sides(value: Any) -> Any:
    if _is_whole(value):
        return value
    axes = list(value) if isinstance(value, list | tuple) else []
    if 1 <= len(axes) <= 3 and all(_is_whole(n) or _is_pair(n) for n in axes):
        return [n if isinstance(n, int) else list(n) for n in axes]
    raise PydanticCustomError(
        "argument_sides",
        "a whole number of at least 0 is expected, or one for each axis, or [before, after] for each axis, not {shown}",
        {"shown": str(value)[:60]},
    )


_AtLeast0 = Annotated[int, Field(ge=0)]
_PairSchema = Annotated[list[_AtLeast0], Field(min_length=2, max_length=2)]
Pair = Annotated[list[int], PlainValidator(_pair, json_schema_input_type=_PairSchema)]
Sides = Annotated[
    int | list[int | list[int]],
    PlainValidator(_sides, json_schema_input_type=_AtLeast0 | list[_AtLeast0 | _PairSchema]),
]


def _refuse_without_axes(x: TensorType) -> None:
    if x.rank not in AXES:
        what = f"a vector of {x} features" if x.rank == 0 else f"{x}"
        hint = "use it before flatten or global_avg_pool" if x.rank == 0 else None
        raise OperatorError(f"needs 1 to 3 spatial axes, and its input is {what}", hint=hint)


def _ones(x: TensorType) -> tuple[int, ...]:
    return (1,) * x.rank


@operator("pad", main="size")
class Pad(Operator):
    """Adds cells around the spatial axes: zeros, the image mirrored, or its border repeated.

    `size` is one number for every side, one an axis, or [before, after] an axis. `mode: reflect` mirrors
    without repeating the border cell and so pads by less than the size of the axis; `replicate` repeats the
    border. `channels: [before, after]` adds channels of zeros in any mode: with `subsample` the shortcut
    without weights of residual networks (option A, He et al., arXiv:1512.03385). No operations.

        - pad: 3
        - pad: {size: [[0, 1], [0, 1]], mode: reflect}
        - pad: {channels: [8, 8]}
    """

    samples = (
        Sample({"size": 3}, ((3, 224, 224),), ((3, 230, 230),)),
        Sample({"size": [[0, 1], 2], "mode": "reflect"}, ((8, 10, 12),), ((8, 11, 16),)),
        Sample({"channels": [8, 8]}, ((16, 16, 16),), ((32, 16, 16),)),
        Sample({"size": [2], "mode": "replicate"}, ((4, 101),), ((4, 105),)),
        Sample({"channels": [0, 2]}, ((10,),), ((12,),)),
    )

    size: Sides = 0
    mode: Literal["zeros", "reflect", "replicate"] = "zeros"
    channels: Pair = [0, 0]

    def sides(self, x: TensorType) -> tuple[tuple[int, int], ...]:
        """(before, after) for each spatial axis. Raises OperatorError where the list has another length."""
        size = self.size
        if size == 0:
            return ((0, 0),) * x.rank
        _refuse_without_axes(x)
        if isinstance(size, int):
            return ((size, size),) * x.rank
        per_axis("size", cast("list[int]", size), x)  # refuses a list of another length
        return tuple((n, n) if isinstance(n, int) else (n[0], n[1]) for n in size)

    def infer(self, inputs: Types) -> Types:
        x = inputs[0]
        sides = self.sides(x)
        if self.mode == "reflect":
            for n, side, axis in zip(x.spatial, sides, AXES.get(x.rank, ()), strict=True):
                if max(side) >= n:
                    raise OperatorError(
                        f"reflecting {max(side)} cells needs more than as many, and {axis} is {n}",
                        "size",
                        f"at most {n - 1} fits, or `mode: replicate`",
                    )
        spatial = (n + lo + hi for n, (lo, hi) in zip(x.spatial, sides, strict=True))
        return (TensorType((x.channels + sum(self.channels), *spatial), x.dtype),)

    def window(self, inputs: Types) -> Window | None:
        x = inputs[0]
        if x.rank == 0:
            return None
        before, after = (tuple(side[end] for side in self.sides(x)) for end in (0, 1))
        return Window(_ones(x), _ones(x), before, after, _ones(x))

    def label(self) -> str:
        shown = [] if self.size == 0 else [f"pad {self.size}"]
        if any(self.channels):
            shown.append(f"+{sum(self.channels)} channels")
        return ", ".join(shown) or "pad 0"


@operator("crop", main="size")
class Crop(Operator):
    """Cuts the spatial axes to `size`, or to the size of another layer (`to`).

    `size` is what is left, one number or one an axis. The cut is centred, the odd cell falling at the far end,
    unless `offset` says where it begins, one number or one an axis. No operations, and no memory of its own.

        - crop: 224
        - crop: {to: conv3, offset: 9}
    """

    arity = (1, 2)
    references = {"to": "extra"}
    storage = "view"
    samples = (
        Sample({"size": 224}, ((3, 256, 256),), ((3, 224, 224),)),
        Sample({"size": [5, 7], "offset": [0, 3]}, ((8, 6, 10),), ((8, 5, 7),)),
        Sample({}, ((64, 64, 64), (128, 56, 55)), ((64, 56, 55),)),
    )

    size: AxesOrNone = None
    to: Reference = None
    offset: AxesFromZero | None = None

    def infer(self, inputs: Types) -> Types:
        x = inputs[0]
        spatial = _wanted_size(self.size, inputs)
        if spatial is None or (self.size is not None and len(inputs) == 2):
            raise OperatorError(
                f"needs one of `size` and `to`, not {(self.size is not None) + len(inputs) - 1}",
                "size",
                "crop: 224, or crop: {to: conv3}",
            )
        for n, wanted, lo, axis in zip(x.spatial, spatial, self.begin(x, spatial), AXES[x.rank], strict=True):
            if wanted > n:
                raise OperatorError(f"cannot cut {axis} {n} to {wanted}", "size", "`pad` or `upsample` makes it larger")
            if lo + wanted > n:
                raise OperatorError(
                    f"{axis} {n} holds no {wanted} cells from {lo} on", "offset", f"at most {n - wanted} fits"
                )
        return (TensorType((x.channels, *spatial), x.dtype),)

    def begin(self, x: TensorType, spatial: tuple[int, ...]) -> tuple[int, ...]:
        """First cell kept along each axis."""
        if self.offset is None:
            return tuple((n - wanted) // 2 for n, wanted in zip(x.spatial, spatial, strict=True))
        return per_axis("offset", self.offset, x)

    def window(self, inputs: Types) -> Window | None:
        x = inputs[0]
        spatial = self.infer(inputs)[0].spatial
        begin = self.begin(x, spatial)
        rest = (n - lo - wanted for n, lo, wanted in zip(x.spatial, begin, spatial, strict=True))
        return Window(_ones(x), _ones(x), tuple(-lo for lo in begin), tuple(-n for n in rest), _ones(x))

    def label(self) -> str:
        return "crop" if self.size is None else f"crop {axes_label(self.size)}"


def _wanted_size(size: int | list[int] | None, inputs: Types) -> tuple[int, ...] | None:
    """The spatial size asked for by `size`, or by the second input that `to` brings, or None by neither."""
    x = inputs[0]
    _refuse_without_axes(x)
    if size is not None:
        return per_axis("size", size, x)
    if len(inputs) == 1:
        return None
    if inputs[1].rank != x.rank:
        raise OperatorError(
            f"the input {x} has {x.rank} spatial axes, the layer it is to match ({inputs[1]}) has {inputs[1].rank}",
            "to",
        )
    return inputs[1].spatial


LINEAR = {1: "linear", 2: "bilinear", 3: "trilinear"}


@operator("upsample", main="scale")
class Upsample(Operator):
    """Makes the spatial axes larger: `scale` times, to `size`, or to the size of another layer (`to`).

    `scale` and `size` are whole numbers, one for all axes or one an axis. With input size n and output size
    m, `mode: nearest` (the default) copies cell floor(i · n / m) into cell i, without operations. `linear`
    (`bilinear` in 2-D, `trilinear` in 3-D) weighs the 2^r cells around the point (i + ½) · n / m − ½, or
    i · (n − 1) / (m − 1) with `align_corners: true`: 2^r products and 2^r − 1 sums an output element over
    r axes, 7 in 2-D. It does not make anything smaller.

        - upsample: 2
        - upsample: {to: lateral4, mode: bilinear}
    """

    arity = (1, 2)
    references = {"to": "extra"}
    samples = (
        Sample({"scale": 2}, ((256, 13, 13),), ((256, 26, 26),)),
        Sample({"scale": [1, 3], "mode": "bilinear"}, ((8, 5, 5),), ((8, 5, 15),)),
        Sample({"size": [9, 7]}, ((8, 5, 5),), ((8, 9, 7),)),
        Sample({"mode": "linear"}, ((64, 10), (32, 25)), ((64, 25),)),
    )

    scale: AxesOrNone = None
    size: AxesOrNone = None
    to: Reference = None
    mode: Literal["nearest", "linear", "bilinear", "trilinear"] = "nearest"
    align_corners: Flag = False

    def infer(self, inputs: Types) -> Types:
        x = inputs[0]
        given = (self.scale is not None) + (self.size is not None) + len(inputs) - 1
        if given != 1:
            raise OperatorError(
                f"needs one of `scale`, `size` and `to`, not {given}",
                "scale",
                "upsample: 2, or upsample: {to: conv3}",
            )
        spatial = _wanted_size(self.size, inputs)
        if spatial is None:
            scales = per_axis("scale", self.scale or 1, x)
            spatial = tuple(n * by for n, by in zip(x.spatial, scales, strict=True))
        if self.mode not in ("nearest", "linear", LINEAR[x.rank]):
            raise OperatorError(
                f"mode {self.mode} is not for {x.rank} spatial axes", "mode", f"nearest or {LINEAR[x.rank]}"
            )
        if self.align_corners and self.mode == "nearest":
            raise OperatorError(
                "align_corners has no meaning with mode nearest", "align_corners", f"mode: {LINEAR[x.rank]}"
            )
        for n, wanted, axis in zip(x.spatial, spatial, AXES[x.rank], strict=True):
            if wanted < n:
                raise OperatorError(
                    f"would make {axis} smaller, {n} to {wanted}",
                    "to" if len(inputs) == 2 else "size",
                    "a stride or a pooling layer makes it smaller, `crop` cuts it",
                )
        return (TensorType((x.channels, *spatial), x.dtype),)

    def elementwise_ops(self, inputs: Types, outputs: Types) -> int:
        return 0 if self.mode == "nearest" else (2 ** (inputs[0].rank + 1) - 1) * outputs[0].numel

    def label(self) -> str:
        if self.scale is not None:
            factor = axes_label(self.scale, 1)
            return f"×{factor}" if isinstance(self.scale, int) else f"× {factor}"
        return "upsample" if self.size is None else f"to {axes_label(self.size)}"


@operator("subsample", main="stride")
class Subsample(Operator):
    """Takes every stride-th position of each spatial axis, from the first: n cells become ceil(n / stride).

    With `pad: {channels: …}` the shortcut without weights of residual networks (option A, He et al.,
    arXiv:1512.03385). No operations, and no memory of its own.

        - subsample: 2
    """

    storage = "view"
    samples = (
        Sample({"stride": 2}, ((16, 32, 32),), ((16, 16, 16),)),
        Sample({"stride": [2, 3]}, ((4, 7, 7),), ((4, 4, 3),)),
    )

    stride: Axes

    def window(self, inputs: Types) -> Window | None:
        x = inputs[0]
        zeros = (0,) * x.rank
        return Window(_ones(x), per_axis("stride", self.stride, x), zeros, zeros, _ones(x))

    def infer(self, inputs: Types) -> Types:
        x = inputs[0]
        _refuse_without_axes(x)
        strides = per_axis("stride", self.stride, x)
        spatial = (-(-n // s) for n, s in zip(x.spatial, strides, strict=True))
        return (TensorType((x.channels, *spatial), x.dtype),)

    def label(self) -> str:
        return f"/{axes_label(self.stride, 1)}"


def _plane(x: TensorType) -> None:
    if x.rank != 2:
        raise OperatorError(f"takes channels×height×width, and its input is {x}")


@operator("pixel_shuffle", main="scale")
class PixelShuffle(Operator):
    """Spreads channels over space: (C·s²)×H×W becomes C×(s·H)×(s·W), sub-pixel upsampling.

    y[c, s·h + i, s·w + j] = x[c·s² + i·s + j, h, w]

    No operations. Shi et al., arXiv:1609.05158.

        - conv: {out: 3 * 4, kernel: 3, padding: same}
        - pixel_shuffle: 2
    """

    samples = (
        Sample({"scale": 2}, ((12, 16, 16),), ((3, 32, 32),)),
        Sample({"scale": 3}, ((9, 4, 5),), ((1, 12, 15),)),
    )

    scale: Count

    def infer(self, inputs: Types) -> Types:
        x = inputs[0]
        _plane(x)
        square = self.scale**2
        if x.channels % square:
            raise OperatorError(
                f"{x.channels} channels are no multiple of {square} = {self.scale}²",
                "scale",
                f"{-(-x.channels // square) * square} channels would fit",
            )
        return (TensorType((x.channels // square, *(n * self.scale for n in x.spatial)), x.dtype),)

    def label(self) -> str:
        return f"pixel shuffle ×{self.scale}"


@operator("space_to_depth", main="block")
class SpaceToDepth(Operator):
    """Stacks the cells of b×b blocks as channels: C×H×W becomes (C·b²)×(H/b)×(W/b).

    y[c·b² + i·b + j, h, w] = x[c, b·h + i, b·w + j], the inverse of `pixel_shuffle`. (TensorFlow's operation
    of this name orders the channels by (i, j) first.) No operations.

    Shi et al., arXiv:1609.05158; Sajjadi et al., arXiv:1801.04590.

        - space_to_depth: 2
    """

    samples = (
        Sample({"block": 2}, ((64, 26, 26),), ((256, 13, 13),)),
        Sample({"block": 4}, ((3, 8, 12),), ((48, 2, 3),)),
    )

    block: Count

    def infer(self, inputs: Types) -> Types:
        x = inputs[0]
        _plane(x)
        for n, axis in zip(x.spatial, AXES[2], strict=True):
            if n % self.block:
                raise OperatorError(
                    f"{axis} {n} does not divide into blocks of {self.block}",
                    "block",
                    f"`pad` it to {-(-n // self.block) * self.block}",
                )
        return (TensorType((x.channels * self.block**2, *(n // self.block for n in x.spatial)), x.dtype),)

    def window(self, inputs: Types) -> Window | None:
        sides = (self.block, self.block)
        return Window(sides, sides, (0, 0), (0, 0), (1, 1))

    def label(self) -> str:
        return f"space to depth /{self.block}"
