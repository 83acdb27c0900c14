"""Fixed kernels: convolutions whose numbers the spec gives, and the length of a gradient that they measure."""

import math
from typing import Annotated, Any

from pydantic import Field, PlainValidator

from archspec.ops.arguments import Dilation, Padding, Real, Stride
from archspec.ops.base import Operator, OperatorError, Part, Sample, Saved, Types, Weight, Window, operator
from archspec.ops.conv import padded_parts
from archspec.ops.merge import Merge
from archspec.ops.windows import (
    axes_label,
    dilation_label,
    output_sizes,
    padded,
    pads_first,
    spatial_rank,
    stride_label,
    window_over,
)
from archspec.tensor import TensorType

DEEPEST = 4
"""Lists in lists of a kernel: three spatial axes, and the channels around them."""


def extents(kernel: tuple[Any, ...]) -> tuple[int, ...]:
    """Lengths of nested lists from the outside in; the kernel is regular."""
    sizes = []
    level: Any = kernel
    while isinstance(level, tuple):
        sizes.append(len(level))
        level = level[0]
    return tuple(sizes)


def _kernel(value: Any) -> Any:
    """Numbers in tuples as deep as the kernel has axes. Raises OperatorError with what is uneven or no number."""
    if not isinstance(value, list | tuple):
        hint = "kernel: [[1, 0, -1], [1, 0, -1], [1, 0, -1]] is 3×3"
        raise OperatorError("a kernel is a list of numbers, or a list of its rows", "kernel", hint)
    level: list[Any] = [value]
    for _ in range(DEEPEST):
        lengths = {len(items) for items in level}
        if 0 in lengths:
            raise OperatorError("a list of the kernel is empty", "kernel")
        if len(lengths) > 1:
            told = " and ".join(str(n) for n in sorted(lengths))
            raise OperatorError(f"the rows of a kernel have one length, here {told} numbers", "kernel")
        level = [item for items in level for item in items]
        if not any(isinstance(item, list | tuple) for item in level):
            break
        if not all(isinstance(item, list | tuple) for item in level):
            raise OperatorError("the kernel mixes numbers and lists of numbers", "kernel")
    else:
        message = f"the lists of a kernel go at most {DEEPEST} deep: channels, depth, rows, numbers of a row"
        raise OperatorError(message, "kernel")
    for item in level:
        if type(item) not in (int, float) or not math.isfinite(item):
            raise OperatorError(f"a kernel holds numbers, and '{item}' is none", "kernel")
    return _fixed(value)


def _fixed(value: Any) -> Any:
    return tuple(map(_fixed, value)) if isinstance(value, list | tuple) else value


_Row = list[float]
Kernel = Annotated[
    tuple[Any, ...],
    PlainValidator(_kernel, json_schema_input_type=_Row | list[_Row] | list[list[_Row]] | list[list[list[_Row]]]),
]
"""Numbers in tuples as deep as the axes the kernel has, from the outside in."""


@operator("filter", main="kernel")
class Filter(Operator):
    """Convolution with the numbers that are written, which training leaves as they are.

    A kernel as deep as the input has spatial axes (`[[1, 0, -1], …]` on an image) is slid over every channel by
    itself. One level deeper it has a kernel for each channel, and their answers are summed to one map.

    Output: (C, *spatial) or (1, *spatial), sizes as for `conv`; no bias. `scale` multiplies every number:
    `scale: 1/9`. Like any convolution of a network it is not turned round: the first number of a row meets the
    pixel on the left. Parameters, none of them trainable: ∏kernel, kept once for all channels; or C·∏kernel.
    MACs: output elements times ∏kernel, or times C·∏kernel. The numbers are `weight` in a state dict.

    `use: kernels` brings the usual ones as blocks: `sobel_x`, `scharr_y`, `box_blur`, `gaussian_blur`, `sharpen`, …

        - filter: [[1, 0, -1], [1, 0, -1], [1, 0, -1]]          # vertical edges, channel by channel
        - filter: {kernel: [[1, 2, 1], [2, 4, 2], [1, 2, 1]], scale: 1/16, padding: same}
        - filter: [[[0.299]], [[0.587]], [[0.114]]]             # red, green and blue to brightness
    """

    category = "conv"
    autocast = "lower"
    samples = (
        # vertical edges of a 6×6 image: 4·4 places, 9 numbers
        Sample({"kernel": [[1, 0, -1]] * 3}, ((1, 6, 6),), ((1, 4, 4),), params=9, macs=144),
        # one kernel for three channels: 3·64·9
        Sample({"kernel": [[1, 1, 1]] * 3, "scale": 1 / 9, "padding": "same"}, ((3, 8, 8),), ((3, 8, 8),), 9, 1_728),
        # one number for each channel: 64·3
        Sample({"kernel": [[[0.299]], [[0.587]], [[0.114]]]}, ((3, 8, 8),), ((1, 8, 8),), params=3, macs=192),
        # differences along a signal, every second: (10 − 2) / 2 + 1 = 5, two channels
        Sample({"kernel": [-1, 1], "stride": 2}, ((2, 10),), ((2, 5),), params=2, macs=20),
    )

    kernel: Kernel = Field(description="The numbers: a list of rows, or one level deeper such a list for each channel.")
    scale: Real = Field(1.0, description="What every number of the kernel is multiplied with.")
    stride: Stride = 1
    padding: Padding = "valid"
    dilation: Dilation = 1

    def infer(self, inputs: Types) -> Types:
        x = inputs[0]
        window = self.window(inputs)
        channels = 1 if self.sums(x) else x.channels
        return (TensorType((channels, *output_sizes(x, window)), x.dtype),)

    def sums(self, x: TensorType) -> bool:
        """Whether there is a kernel for each channel, their answers summed. Raises OperatorError for other depths."""
        rank, sizes = spatial_rank("filter", x), extents(self.kernel)
        if len(sizes) == rank:
            return False
        shape = axes_label(sizes)
        if len(sizes) != rank + 1:
            axes = f"{rank} spatial {'axis' if rank == 1 else 'axes'}"
            raise OperatorError(
                f"the kernel is {shape}, {len(sizes)} lists deep, and the input {x} has {axes}",
                "kernel",
                f"{rank} deep it meets every channel by itself, {rank + 1} deep all channels together",
            )
        if sizes[0] != x.channels:
            raise OperatorError(
                f"the kernel is {shape}, for {sizes[0]} channels, and the input {x} has {x.channels}",
                "kernel",
                f"{rank} lists deep it meets every channel by itself",
            )
        return True

    def weights(self, inputs: Types) -> dict[str, Weight]:
        sizes = extents(self.kernel)
        return {"weight": Weight((1, *sizes) if self.sums(inputs[0]) else (1, 1, *sizes), "frozen")}

    def saved(self, inputs: Types, outputs: Types, in_place: bool = False) -> Saved:
        """As any convolution, though its weight does not learn."""
        window = self.window(inputs)
        if pads_first(self.padding, window):
            return Saved(own_bytes=padded(inputs[0], window).nbytes)
        return Saved(inputs=(0,))

    def made_of(self, inputs: Types) -> tuple[Part, ...]:
        return padded_parts(self, self.padding, self.window(inputs))

    def macs(self, inputs: Types, outputs: Types) -> int:
        return outputs[0].numel * math.prod(extents(self.kernel))

    def window(self, inputs: Types) -> Window:
        x = inputs[0]
        sizes = extents(self.kernel)
        spatial = sizes[1:] if self.sums(x) else sizes
        return window_over("filter", x, spatial, self.stride, self.padding, self.dilation)

    def label(self) -> str:
        return f"{axes_label(extents(self.kernel))} filter{stride_label(self.stride)}{dilation_label(self.dilation)}"


@operator("magnitude", main="of")
class Magnitude(Merge):
    """Length of the vector that tensors of one shape make at each position; of one tensor, its absolute value.

    y = √(x₁² + x₂² + … + xₙ²)

    How steep an image is, from how it changes across and down. 2n operations an output element.

        - magnitude: [across, down]
    """

    arity = (1, None)
    samples = (
        Sample({}, ((1, 4, 4), (1, 4, 4)), ((1, 4, 4),)),
        Sample({}, ((10,),), ((10,),)),
    )

    def saved(self, inputs: Types, outputs: Types, in_place: bool = False) -> Saved:
        """The tensors stacked, and their length."""
        return Saved(output=True, own_bytes=sum(x.nbytes for x in inputs))

    def scratch(self, inputs: Types, outputs: Types) -> int:
        return sum(x.nbytes for x in inputs)

    def backward_scratch(self, inputs: Types, outputs: Types, wanted: tuple[bool, ...]) -> int:
        """The gradient of the stack once more, where the length is 0, and the gradients that are not wanted."""
        unwanted = sum(x.nbytes for x, taken in zip(inputs, wanted, strict=True) if not taken)
        return sum(x.nbytes for x in inputs) + unwanted + outputs[0].numel

    def elementwise_ops(self, inputs: Types, outputs: Types) -> int:
        return 2 * len(inputs) * outputs[0].numel
