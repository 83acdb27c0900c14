"""Pooling: over sliding windows, over a fixed number of windows, and over everything."""

import math
from fractions import Fraction

from pydantic import Field

from archspec.ops.arguments import Dilation, Flag, Kernel, Padding, Size, StrideOrNone
from archspec.ops.base import NO_STEP, Operator, Part, Sample, Saved, Types, Window, operator
from archspec.ops.shape import narrowed, padding_of
from archspec.ops.windows import (
    axes_label,
    dilation_label,
    output_sizes,
    padded,
    pads_first,
    per_axis,
    refuse_wide_padding,
    spatial_rank,
    stride_label,
    window_over,
)
from archspec.tensor import BYTES, TensorType, adaptive_extent, window_output


@operator("max_pool", main="kernel")
class MaxPool(Operator):
    """Largest value in each window.

    Output: (C, *spatial), each axis floor((size + before + after − d(k − 1) − 1) / stride) + 1. With
    `ceil` the quotient rounds up, but a window that would start in the padding after the input is
    dropped. `stride` is the kernel unless given. Padding never wins (it counts as −∞), and is at
    most half the kernel. Elementwise: ∏kernel − 1 comparisons per output element.

    Overlapping windows: Krizhevsky et al. 2012. `ceil: true` is what Caffe and GoogLeNet did.

        - max_pool: 2
        - max_pool: {kernel: 3, stride: 2, padding: 1}
        - max_pool: {kernel: 3, stride: 2, ceil: true}
    """

    category = "pool"
    kind = "max_pool"
    drops = True
    samples = (
        Sample({"kernel": 2}, ((64, 224, 224),), ((64, 112, 112),)),
        Sample({"kernel": 3, "stride": 2}, ((96, 55, 55),), ((96, 27, 27),)),
        Sample({"kernel": 3, "stride": 2, "padding": 1}, ((64, 112, 112),), ((64, 56, 56),)),
        # (112 − 3) / 2 = 54.5 rounds up to 55, and the window at 110 still starts inside
        Sample({"kernel": 3, "stride": 2, "ceil": True}, ((64, 112, 112),), ((64, 56, 56),)),
        # 5 / 3 rounds up to 2, but the third window would start at 8 − 1, behind the input
        Sample({"kernel": 4, "stride": 4, "padding": 2, "ceil": True}, ((1, 5),), ((1, 2),)),
        Sample({"kernel": 3, "stride": 1, "padding": "same"}, ((192, 28, 28),), ((192, 28, 28),)),
    )

    kernel: Kernel
    stride: StrideOrNone = None
    padding: Padding = 0
    dilation: Dilation = 1
    ceil: Flag = Field(False, description="Whether output sizes are rounded up instead of down.")

    def infer(self, inputs: Types) -> Types:
        return _pooled(inputs[0], self.window(inputs))

    def saved(self, inputs: Types, outputs: Types, in_place: bool = False) -> Saved:
        """Its input, or a padded copy; and where each largest value was, also of windows that `ceil` then drops."""
        x, window = inputs[0], self.window(inputs)
        if not self.pads_first(window):
            return Saved(inputs=(0,), own_bytes=BYTES["int64"] * outputs[0].numel)
        wide = padded(x, window)
        axes = zip(wide.spatial, window.kernel, window.stride, window.dilation, strict=True)
        places = math.prod(window_output(n, k, s, dilation=d, ceil=window.ceil) for n, k, s, d in axes)
        return Saved(own_bytes=wide.nbytes + BYTES["int64"] * x.channels * places)

    def made_of(self, inputs: Types) -> tuple[Part, ...]:
        window = self.window(inputs)
        return _padded_parts(self, inputs, window) if self.pads_first(window) else ()

    def pads_first(self, window: Window) -> bool:
        """Whether a padded copy is made: torch allows padding of half a kernel, dilation forgotten."""
        sides = zip(window.before, window.kernel, strict=True)
        return pads_first(self.padding, window) or any(n > k // 2 for n, k in sides)

    def elementwise_ops(self, inputs: Types, outputs: Types) -> int:
        return outputs[0].numel * (math.prod(per_axis("kernel", self.kernel, inputs[0])) - 1)

    def window(self, inputs: Types) -> Window:
        stride = self.kernel if self.stride is None else self.stride
        return window_over("max_pool", inputs[0], self.kernel, stride, self.padding, self.dilation, self.ceil)

    def label(self) -> str:
        stride = self.kernel if self.stride is None else self.stride
        return f"{axes_label(self.kernel)} max{stride_label(stride)}{dilation_label(self.dilation)}"


@operator("avg_pool", main="kernel")
class AvgPool(Operator):
    """Mean of each window.

    Output sizes as for `max_pool`. The mean is over the whole window, padding counted as zeros;
    with `count_padding: false` over the real cells alone. Cells beyond the padding, which `ceil`
    can reach, never count. Elementwise: ∏kernel operations per output element (additions and a division).

    LeCun et al. 1998 (as subsampling).

        - avg_pool: 2
        - avg_pool: {kernel: 3, stride: 1, padding: same, count_padding: false}
    """

    category = "pool"
    drops = True
    samples = (
        # LeNet-5's S2
        Sample({"kernel": 2}, ((6, 28, 28),), ((6, 14, 14),)),
        # GoogLeNet's auxiliary heads: floor((14 − 5) / 3) + 1
        Sample({"kernel": 5, "stride": 3}, ((512, 14, 14),), ((512, 4, 4),)),
        Sample({"kernel": 3, "stride": 1, "padding": 1}, ((288, 35, 35),), ((288, 35, 35),)),
    )

    kernel: Kernel
    stride: StrideOrNone = None
    padding: Padding = 0
    ceil: Flag = Field(False, description="Whether output sizes are rounded up instead of down.")
    count_padding: Flag = Field(True, description="Whether the mean counts the cells of the padding as zeros.")

    def infer(self, inputs: Types) -> Types:
        return _pooled(inputs[0], self.window(inputs))

    def saved(self, inputs: Types, outputs: Types, in_place: bool = False) -> Saved:
        """Its input, or a padded copy; then also what it divides by, where that is not the same everywhere.

        Of an image below the window also the means over planes, which torch needs before those over depth.
        """
        x, window = inputs[0], self.window(inputs)
        copied = pads_first(self.padding, window)
        wide = padded(x, window) if copied else x
        divisors = BYTES[x.dtype] * math.prod(outputs[0].spatial) if copied and not self.count_padding else 0
        planes = 0
        if self.by_planes(inputs):
            planes = BYTES[x.dtype] * x.channels * wide.spatial[0] * math.prod(outputs[0].spatial[1:])
        own = planes + (wide.nbytes if copied else 0)
        return Saved(inputs=() if copied else (0,), own_bytes=own, fixed_bytes=divisors)

    def made_of(self, inputs: Types) -> tuple[Part, ...]:
        window = self.window(inputs)
        simple = self.count_padding and not self.by_planes(inputs)
        return _padded_parts(self, inputs, window) if simple and pads_first(self.padding, window) else ()

    def by_planes(self, inputs: Types) -> bool:
        """Whether means are over planes first: torch refuses an image below the window. One of open size can be."""
        sizes = zip(inputs[0].spatial, self.window(inputs).kernel, strict=True)
        return inputs[0].rank == 3 and any(not isinstance(n, int) or n < kernel for n, kernel in sizes)

    def elementwise_ops(self, inputs: Types, outputs: Types) -> int:
        return outputs[0].numel * math.prod(per_axis("kernel", self.kernel, inputs[0]))

    def window(self, inputs: Types) -> Window:
        stride = self.kernel if self.stride is None else self.stride
        return window_over("avg_pool", inputs[0], self.kernel, stride, self.padding, 1, self.ceil)

    def label(self) -> str:
        stride = self.kernel if self.stride is None else self.stride
        return f"{axes_label(self.kernel)} avg{stride_label(stride)}"


@operator("adaptive_avg_pool", main="size")
class AdaptiveAvgPool(Operator):
    """Mean over as many windows as the output has cells, whatever the size of the image.

    Output: (C, *size). Along an axis of n cells with m outputs, window i covers the cells
    floor(i·n / m) to ceil((i + 1)·n / m) − 1. Elementwise: one operation per cell of every window
    (additions and a division).

    A bin of spatial pyramid pooling: He et al. 2014, arXiv:1406.4729.

        - adaptive_avg_pool: 7
    """

    category = "pool"
    samples = (
        Sample({"size": 6}, ((256, 6, 6),), ((256, 6, 6),)),
        Sample({"size": [2, 3]}, ((8, 5, 9),), ((8, 2, 3),)),
    )

    size: Size

    def infer(self, inputs: Types) -> Types:
        return _adapted("adaptive_avg_pool", inputs[0], self.size)

    def saved(self, inputs: Types, outputs: Types, in_place: bool = False) -> Saved:
        return Saved() if outputs[0].numel == outputs[0].channels else Saved(inputs=(0,))

    def elementwise_ops(self, inputs: Types, outputs: Types) -> int:
        return _window_cells(inputs[0], outputs[0])

    def window(self, inputs: Types) -> Window | None:
        return _adaptive_window(inputs[0], self.size)

    def steps(self, inputs: Types, outputs: Types) -> tuple[Fraction, ...]:
        return (NO_STEP,) * outputs[0].rank

    def label(self) -> str:
        return f"avg → {axes_label(self.size)}"


@operator("adaptive_max_pool", main="size")
class AdaptiveMaxPool(Operator):
    """Largest value of as many windows as the output has cells, whatever the size of the image.

    Output: (C, *size), windows as for `adaptive_avg_pool`. Elementwise: one comparison per cell of
    every window but its first.

    Spatial pyramid pooling: He et al. 2014, arXiv:1406.4729.

        - adaptive_max_pool: [4, 4]
    """

    category = "pool"
    kind = "max_pool"
    drops = True
    samples = (
        Sample({"size": 4}, ((256, 13, 13),), ((256, 4, 4),)),
        Sample({"size": [1]}, ((16, 78),), ((16, 1),)),
    )

    size: Size

    def infer(self, inputs: Types) -> Types:
        return _adapted("adaptive_max_pool", inputs[0], self.size)

    def saved(self, inputs: Types, outputs: Types, in_place: bool = False) -> Saved:
        return Saved(inputs=(0,), own_bytes=BYTES["int64"] * outputs[0].numel)

    def elementwise_ops(self, inputs: Types, outputs: Types) -> int:
        return _window_cells(inputs[0], outputs[0]) - outputs[0].numel

    def window(self, inputs: Types) -> Window | None:
        return _adaptive_window(inputs[0], self.size)

    def steps(self, inputs: Types, outputs: Types) -> tuple[Fraction, ...]:
        return (NO_STEP,) * outputs[0].rank

    def label(self) -> str:
        return f"max → {axes_label(self.size)}"


@operator("global_avg_pool")
class GlobalAvgPool(Operator):
    """Mean of every channel over all positions.

    Output: (C,), ready for `linear`; with `keep: true` (C, 1, 1). Elementwise: one operation per
    input element.

    Lin et al. 2014, "Network in network", arXiv:1312.4400.

        - global_avg_pool
        - linear: 1000
    """

    category = "pool"
    samples = (
        Sample({}, ((2048, 7, 7),), ((2048,),)),
        Sample({"keep": True}, ((64, 56, 56),), ((64, 1, 1),)),
    )

    keep: Flag = Field(False, description="Whether the spatial axes stay, with size 1.")

    def steps(self, inputs: Types, outputs: Types) -> tuple[Fraction, ...]:
        return (NO_STEP,) * outputs[0].rank

    def infer(self, inputs: Types) -> Types:
        return _reduced("global_avg_pool", inputs[0], self.keep)

    def elementwise_ops(self, inputs: Types, outputs: Types) -> int:
        return inputs[0].numel


@operator("global_max_pool")
class GlobalMaxPool(Operator):
    """Largest value of every channel over all positions.

    Output: (C,), ready for `linear`; with `keep: true` (C, 1, 1). Elementwise: one comparison per
    input element but the first of each channel.

    Oquab et al. 2015, "Is object localization for free?".

        - global_max_pool
        - linear: 32
    """

    category = "pool"
    kind = "max_pool"
    samples = (
        Sample({}, ((16, 78),), ((16,),)),
        Sample({"keep": True}, ((8, 4, 5, 6),), ((8, 1, 1, 1),)),
    )

    keep: Flag = Field(False, description="Whether the spatial axes stay, with size 1.")

    def steps(self, inputs: Types, outputs: Types) -> tuple[Fraction, ...]:
        return (NO_STEP,) * outputs[0].rank

    def infer(self, inputs: Types) -> Types:
        return _reduced("global_max_pool", inputs[0], self.keep)

    def saved(self, inputs: Types, outputs: Types, in_place: bool = False) -> Saved:
        return Saved(inputs=(0,), output=True)

    def backward_scratch(self, inputs: Types, outputs: Types, wanted: tuple[bool, ...]) -> int:
        return shared_by_maxima(inputs[0], outputs[0])

    def elementwise_ops(self, inputs: Types, outputs: Types) -> int:
        return inputs[0].numel - inputs[0].channels


def shared_by_maxima(x: TensorType, y: TensorType) -> int:
    """Bytes torch makes to share gradients among equal maxima: which they are, how many, and the share of each."""
    return x.numel + y.numel * BYTES["int64"] + y.nbytes


def _pooled(x: TensorType, window: Window) -> Types:
    refuse_wide_padding(x, window)
    return (TensorType((x.channels, *output_sizes(x, window)), x.dtype),)


def _padded_parts(op: MaxPool | AvgPool, inputs: Types, window: Window) -> tuple[Part, ...]:
    """The padding, the pool without it, and where `ceil` may begin a window behind the input the cut of those."""
    bare = op.model_copy(update={"padding": 0, "stride": window.stride, "kernel": window.kernel})
    first = Part(padding_of(window)), Part(bare, (1,))
    if not op.ceil:
        return first
    wide = bare.infer((padded(inputs[0], window),))[0].spatial
    return (*first, *narrowed(wide, output_sizes(inputs[0], window), takes=2, made=3))


def _adapted(word: str, x: TensorType, size: int | tuple[int, ...]) -> Types:
    spatial_rank(word, x)
    return (TensorType((x.channels, *per_axis("size", size, x)), x.dtype),)


def _reduced(word: str, x: TensorType, keep: bool) -> Types:
    rank = spatial_rank(word, x)
    return (TensorType((x.channels, *(1,) * rank) if keep else (x.channels,), x.dtype),)


def _window_cells(x: TensorType, y: TensorType) -> int:
    axes = zip(x.spatial, y.spatial, strict=True)
    return x.channels * math.prod(adaptive_extent(size, output) for size, output in axes)


def _adaptive_window(x: TensorType, size: int | tuple[int, ...]) -> Window | None:
    """Exact where windows tile the input, else the longest window and shortest step.

    None for all of it, and where the size of the input is open: then no step is longest in the long run.
    """
    outputs = per_axis("size", size, x)
    if max(outputs) == 1 or x.open:
        return None
    nothing = (0,) * x.rank
    kernel = tuple(_longest(n, cells) for n, cells in zip(x.spatial, outputs, strict=True))
    stride = tuple(max(1, n // cells) for n, cells in zip(x.spatial, outputs, strict=True))
    return Window(kernel, stride, nothing, nothing, (1,) * x.rank)


def _longest(size: int, output: int) -> int:
    period = output // math.gcd(size, output)
    return max(-(-(i + 1) * size // output) - i * size // output for i in range(min(period, size)))
