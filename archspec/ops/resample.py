"""Layers that change the resolution: up- and subsample, channels into space and back."""

from fractions import Fraction
from typing import Literal

from pydantic import Field

from archspec.ops.arguments import AxesOrNone, Count, Flag, SizeOrNone, Stride
from archspec.ops.base import NO_STEP, Operator, OperatorError, Part, Reference, Sample, Types, Window, operator
from archspec.ops.reach import Reach, interpolated, nearest
from archspec.ops.shape import narrowed
from archspec.ops.windows import AXES, axes_label, ones, per_axis, refuse_without_axes, wanted_size
from archspec.tensor import TensorType

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
    sized_by = "to"
    samples = (
        Sample({"scale": 2}, ((256, 13, 13),), ((256, 26, 26),)),
        Sample({"scale": [1, 3], "mode": "bilinear"}, ((8, 5, 5),), ((8, 5, 15),)),
        Sample({"size": [9, 7]}, ((8, 5, 5),), ((8, 9, 7),)),
        Sample({"mode": "linear"}, ((64, 10), (32, 25)), ((64, 25),)),
    )

    scale: AxesOrNone = Field(None, description="How many times larger each axis becomes.")
    size: SizeOrNone = None
    to: Reference = Field(None, description="A layer, by name, whose height and width the output takes.")
    mode: Literal["nearest", "linear", "bilinear", "trilinear"] = Field(
        "nearest", description="How the cells in between are made."
    )
    align_corners: Flag = Field(False, description="Whether the corner cells of input and output lie on one another.")

    def infer(self, inputs: Types) -> Types:
        x = inputs[0]
        given = (self.scale is not None) + (self.size is not None) + len(inputs) - 1
        if given != 1:
            raise OperatorError(
                f"needs one of `scale`, `size` and `to`, not {given}",
                "scale",
                "upsample: 2, or upsample: {to: …}, the name of a layer",
            )
        spatial = wanted_size(self.size, inputs)
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

    def steps(self, inputs: Types, outputs: Types) -> tuple[Fraction, ...]:
        if self.scale is None:
            return (NO_STEP,) * outputs[0].rank
        return tuple(Fraction(1, by) for by in per_axis("scale", self.scale, inputs[0]))

    def reach(self, inputs: Types, outputs: Types, position: int = 0) -> tuple[Reach, ...]:
        sizes = zip(inputs[0].spatial, outputs[0].spatial, strict=True)
        if self.mode == "nearest":
            return tuple(nearest(old, new) for old, new in sizes)
        return tuple(interpolated(old, new, self.align_corners) for old, new in sizes)

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

    stride: Stride

    def window(self, inputs: Types) -> Window | None:
        x = inputs[0]
        zeros = (0,) * x.rank
        return Window(ones(x), per_axis("stride", self.stride, x), zeros, zeros, ones(x))

    def made_of(self, inputs: Types) -> tuple[Part, ...]:
        return narrowed(inputs[0].spatial, self.infer(inputs)[0].spatial)

    def infer(self, inputs: Types) -> Types:
        x = inputs[0]
        refuse_without_axes(x)
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

    scale: Count = Field(description="How many times larger each axis becomes.")

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

    def steps(self, inputs: Types, outputs: Types) -> tuple[Fraction, ...]:
        return (Fraction(1, self.scale),) * 2

    def reach(self, inputs: Types, outputs: Types, position: int = 0) -> tuple[Reach, ...]:
        return tuple(nearest(n, self.scale * n) for n in inputs[0].spatial)

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

    block: Count = Field(description="Side of the squares of cells that move into channels.")

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
