"""Convolutions: plain, depthwise, transposed, and with weights of their own at every position."""

import math
from fractions import Fraction

from pydantic import Field

from archspec.ops.arguments import (
    AxesFromZero,
    Bias,
    Count,
    Dilation,
    Groups,
    Init,
    Kernel,
    Padding,
    Stride,
)
from archspec.ops.base import NeedsNumber, Operator, OperatorError, Part, Sample, Saved, Types, Weight, Window, operator
from archspec.ops.reach import Reach, spread
from archspec.ops.shape import narrowed, padding_of
from archspec.ops.windows import (
    AXES,
    axes_label,
    dilation_label,
    output_sizes,
    padded,
    pads_first,
    per_axis,
    refuse_undivided,
    spatial_rank,
    stride_label,
    window_over,
)
from archspec.tensor import BYTES, TensorType, extent, pad_word, transposed_output


@operator("conv", main="out")
class Conv(Operator):
    """Convolution over one, two or three spatial axes, as many as the input has.

    Output: (out, *spatial), each axis floor((size + before + after − d(k − 1) − 1) / stride) + 1.
    Parameters: out·(Cin / groups)·∏kernel, and `out` more with bias. MACs: output elements times
    (Cin / groups)·∏kernel, taps on padding counted; elementwise: one addition of the bias per output element.

    `padding` is a number, one an axis, [before, after] an axis, or a word: `valid` none; `same`
    floor(d(k − 1) / 2) before and the rest after, whatever the stride; `full` d(k − 1) on both sides;
    `same_upper` TensorFlow's SAME, whose output is ceil(size / stride).

    LeCun et al. 1998, "Gradient-based learning applied to document recognition"; groups from
    Krizhevsky et al. 2012; dilation from Yu and Koltun 2016, arXiv:1511.07122.

        - conv: 64
        - conv: {out: 64, kernel: 7, stride: 2, padding: same, bias: false}
        - conv: {out: 128, kernel: [1, 7], padding: same, init: he}
    """

    category = "conv"
    autocast = "lower"
    tunable = frozenset({"init"})
    drops = True
    samples = (
        # 10 filters of 3×3×3 with biases: 10·(27 + 1)
        Sample({"out": 10, "kernel": 3}, ((3, 32, 32),), ((10, 30, 30),), params=280, macs=10 * 30 * 30 * 27),
        # AlexNet's first layer: (227 − 11) / 4 + 1 = 55; 96·363 = 34,848 weights and 96 biases
        Sample(
            {"out": 96, "kernel": 11, "stride": 4},
            ((3, 227, 227),),
            ((96, 55, 55),),
            params=34_944,
            macs=105_415_200,
        ),
        # the normal convolution that a separable one replaces: 4·4·5·(3·3·3)
        Sample({"out": 5, "kernel": 3, "bias": False}, ((3, 6, 6),), ((5, 4, 4),), params=135, macs=2_160),
        # its pointwise half: 4·4·5·3
        Sample({"out": 5, "bias": False}, ((3, 4, 4),), ((5, 4, 4),), params=15, macs=240),
        # 10 maps of 3×3 over depth 20
        Sample(
            {"out": 10, "kernel": 3, "padding": "same", "bias": False},
            ((20, 8, 8),),
            ((10, 8, 8),),
            params=1_800,
            macs=115_200,
        ),
        # AlexNet's second layer on two GPUs: 256·48·25 weights
        Sample(
            {"out": 256, "kernel": 5, "padding": 2, "groups": 2, "bias": False},
            ((96, 27, 27),),
            ((256, 27, 27),),
            params=307_200,
            macs=223_948_800,
        ),
        # 24 motif detectors over one-hot DNA
        Sample({"out": 16, "kernel": 24}, ((4, 101),), ((16, 78),), params=1_552, macs=16 * 78 * 96),
        # (5 + 1 − 2) / 2 + 1 = 3: one row more above, none below
        Sample(
            {"out": 1, "kernel": 2, "stride": 2, "padding": [[1, 0], [1, 0]], "bias": False},
            ((1, 5, 5),),
            ((1, 3, 3),),
            params=4,
            macs=36,
        ),
    )

    out: Count = Field(description="Channels of the output.")
    kernel: Kernel = 1
    stride: Stride = 1
    padding: Padding = "valid"
    dilation: Dilation = 1
    groups: Groups = 1
    bias: Bias = True
    init: Init = "default"

    def infer(self, inputs: Types) -> Types:
        x = inputs[0]
        window = self.window(inputs)
        refuse_undivided(self.groups, x.channels, "input channels", self.out)
        refuse_undivided(self.groups, self.out, "output channels (out)", x.channels)
        return (TensorType((self.out, *output_sizes(x, window)), x.dtype),)

    def weights(self, inputs: Types) -> dict[str, Weight]:
        x = inputs[0]
        shape = (self.out, x.channels // self.groups, *per_axis("kernel", self.kernel, x))
        return _weight_and_bias(shape, self.out, self.bias)

    def saved(self, inputs: Types, outputs: Types, in_place: bool = False) -> Saved:
        return _input_or_padded(inputs[0], self.padding, self.window(inputs))

    def made_of(self, inputs: Types) -> tuple[Part, ...]:
        return padded_parts(self, self.padding, self.window(inputs))

    def macs(self, inputs: Types, outputs: Types) -> int:
        x = inputs[0]
        taps = math.prod(per_axis("kernel", self.kernel, x))
        return outputs[0].numel * (x.channels // self.groups) * taps

    def elementwise_ops(self, inputs: Types, outputs: Types) -> int:
        return outputs[0].numel if self.bias else 0

    def window(self, inputs: Types) -> Window:
        return window_over("conv", inputs[0], self.kernel, self.stride, self.padding, self.dilation)

    def label(self) -> str:
        groups = f", g={self.groups}" if self.groups > 1 else ""
        steps = stride_label(self.stride) + dilation_label(self.dilation)
        return f"{axes_label(self.kernel)}, {self.out}{groups}{steps}"


@operator("depthwise", main="kernel")
class Depthwise(Operator):
    """Convolution of every channel by itself: a `conv` with as many groups as its input has channels.

    Output: (Cin·multiplier, *spatial), sizes as for `conv`. Parameters: Cin·multiplier·∏kernel, and
    Cin·multiplier more with bias. MACs: output elements times ∏kernel; elementwise: the bias.

    Sifre 2014, "Rigid-motion scattering for image classification"; Howard et al. 2017, arXiv:1704.04861.

        - depthwise: {kernel: 3, padding: same, bias: false}
        - conv: 128              # the pointwise half of a separable convolution
    """

    category = "conv"
    autocast = "lower"
    tunable = frozenset({"init"})
    drops = True
    samples = (
        # the depthwise half of a separable convolution: 4·4·3·(3·3)
        Sample({"kernel": 3, "bias": False}, ((3, 6, 6),), ((3, 4, 4),), params=27, macs=432),
        # two filters a channel: 6·9 weights and 6 biases
        Sample({"kernel": 3, "multiplier": 2}, ((3, 6, 6),), ((6, 4, 4),), params=60, macs=864),
        # MobileNet's first, stride 2: 112 → 56
        Sample(
            {"kernel": 3, "stride": 2, "padding": "same", "bias": False},
            ((64, 112, 112),),
            ((64, 56, 56),),
            params=576,
            macs=1_806_336,
        ),
    )

    kernel: Kernel = 3
    stride: Stride = 1
    padding: Padding = "valid"
    dilation: Dilation = 1
    bias: Bias = True
    multiplier: Count = Field(1, description="Filters for each input channel.")
    init: Init = "default"

    def infer(self, inputs: Types) -> Types:
        x = inputs[0]
        return (TensorType((x.channels * self.multiplier, *output_sizes(x, self.window(inputs))), x.dtype),)

    def weights(self, inputs: Types) -> dict[str, Weight]:
        x = inputs[0]
        out = x.channels * self.multiplier
        return _weight_and_bias((out, 1, *per_axis("kernel", self.kernel, x)), out, self.bias)

    def saved(self, inputs: Types, outputs: Types, in_place: bool = False) -> Saved:
        return _input_or_padded(inputs[0], self.padding, self.window(inputs))

    def made_of(self, inputs: Types) -> tuple[Part, ...]:
        return padded_parts(self, self.padding, self.window(inputs))

    def macs(self, inputs: Types, outputs: Types) -> int:
        return outputs[0].numel * math.prod(per_axis("kernel", self.kernel, inputs[0]))

    def elementwise_ops(self, inputs: Types, outputs: Types) -> int:
        return outputs[0].numel if self.bias else 0

    def window(self, inputs: Types) -> Window:
        return window_over("depthwise", inputs[0], self.kernel, self.stride, self.padding, self.dilation)

    def label(self) -> str:
        times = f", ×{self.multiplier}" if self.multiplier > 1 else ""
        return f"{axes_label(self.kernel)} dw{times}{stride_label(self.stride)}{dilation_label(self.dilation)}"


@operator("conv_transpose", main="out")
class ConvTranspose(Operator):
    """Transposed convolution: enlarges by its stride; the gradient of a `conv` with respect to its input.

    Output: (out, *spatial), each axis (size − 1)·stride − before − after + d(k − 1) + 1 + output_padding.
    Parameters: Cin·(out / groups)·∏kernel, and `out` more with bias. MACs: input elements times
    (out / groups)·∏kernel; elementwise: one addition of the bias per output element.

    `padding` cuts the output, as it would have widened the input of the `conv` this one turns round:
    a number, one an axis, [before, after] an axis, or `valid`, `same`, `full`. `output_padding`
    adds cells after the last, fewer than the stride or the dilation.

    Zeiler et al. 2010, "Deconvolutional networks"; Long et al. 2015, arXiv:1411.4038.

        - conv_transpose: {out: 64, kernel: 2, stride: 2}
        - conv_transpose: {out: 64, kernel: 3, stride: 2, padding: 1, output_padding: 1}
    """

    category = "conv"
    kind = "transposed"
    autocast = "lower"
    tunable = frozenset({"init"})
    samples = (
        # U-Net's first way up: (28 − 1)·2 + 2 = 56; 1024·512·4 weights and 512 biases
        Sample(
            {"out": 512, "kernel": 2, "stride": 2},
            ((1024, 28, 28),),
            ((512, 56, 56),),
            params=2_097_664,
            macs=28 * 28 * 2_097_152,
        ),
        # doubles a side exactly: (4 − 1)·2 − 2 + 3 + 1 = 8
        Sample(
            {"out": 2, "kernel": 3, "stride": 2, "padding": 1, "output_padding": 1, "bias": False},
            ((3, 4, 4),),
            ((2, 8, 8),),
            params=54,
            macs=864,
        ),
        # FCN-32s: (16 − 1)·32 + 64 = 544
        Sample(
            {"out": 21, "kernel": 64, "stride": 32, "bias": False},
            ((21, 16, 16),),
            ((21, 544, 544),),
            params=1_806_336,
            macs=256 * 1_806_336,
        ),
    )

    out: Count = Field(description="Channels of the output.")
    kernel: Kernel
    stride: Stride = 1
    padding: Padding = Field(
        "valid", description="Cells cut from the output: a number, one an axis, [before, after] an axis, or a word."
    )
    output_padding: AxesFromZero = Field(0, description="Cells added after the last along each axis.")
    dilation: Dilation = 1
    groups: Groups = 1
    bias: Bias = True
    init: Init = "default"

    def infer(self, inputs: Types) -> Types:
        x = inputs[0]
        spatial_rank("conv_transpose", x)
        sides = self.cuts(x)
        refuse_undivided(self.groups, x.channels, "input channels", self.out)
        refuse_undivided(self.groups, self.out, "output channels (out)", x.channels)
        kernels, strides = per_axis("kernel", self.kernel, x), per_axis("stride", self.stride, x)
        dilations = per_axis("dilation", self.dilation, x)
        extras = per_axis("output_padding", self.output_padding, x)
        sizes = []
        axes = zip(AXES[x.rank], x.spatial, kernels, strides, dilations, extras, sides, strict=True)
        for name, size, k, s, d, extra, (lo, hi) in axes:
            if extra >= max(s, d):
                raise OperatorError(
                    f"output_padding {extra} along {name} must be smaller than the stride {s} "
                    f"or the dilation {d}; at most {max(s, d) - 1} fits",
                    "output_padding",
                )
            length = transposed_output(size, k, s, lo, hi, extra, d)
            if length < 1:
                whole = (size - 1) * s + extent(k, d) + extra
                raise OperatorError(
                    f"padding {lo} before and {hi} after leaves nothing of {name} {whole}; "
                    f"together they may be at most {whole - 1}",
                    "padding",
                )
            sizes.append(length)
        return (TensorType((self.out, *sizes), x.dtype),)

    def cuts(self, x: TensorType) -> tuple[tuple[int, int], ...]:
        """Cells cut from the output before and after, by axis."""
        if self.padding == "same_upper":
            raise OperatorError(
                "padding same_upper depends on the size of the output, which a transposed convolution makes",
                "padding",
                "write how much to cut from each side: [[before, after], …]",
            )
        if isinstance(self.padding, str):
            kernels, dilations = per_axis("kernel", self.kernel, x), per_axis("dilation", self.dilation, x)
            word = self.padding
            return tuple(
                pad_word(word, 0, k, 1, d)  # type: ignore[arg-type]
                for k, d in zip(kernels, dilations, strict=True)
            )
        window = window_over("conv_transpose", x, self.kernel, self.stride, self.padding, self.dilation)
        return tuple(zip(window.before, window.after, strict=True))

    def weights(self, inputs: Types) -> dict[str, Weight]:
        x = inputs[0]
        shape = (x.channels, self.out // self.groups, *per_axis("kernel", self.kernel, x))
        return _weight_and_bias(shape, self.out, self.bias)

    def weight_product(self, inputs: Types) -> tuple[tuple[int, ...], tuple[int, ...]]:
        channels, _, *kernel = self.weights(inputs)["weight"].shape
        return (*kernel, channels // self.groups), (self.out,)

    def saved(self, inputs: Types, outputs: Types, in_place: bool = False) -> Saved:
        return Saved(inputs=(0,))

    def made_of(self, inputs: Types) -> tuple[Part, ...]:
        """Where the cuts of the two sides differ: all of the output, and the cut."""
        cuts = self.cuts(inputs[0])
        if all(before == after for before, after in cuts):
            return ()
        whole = self.model_copy(update={"padding": 0})
        before, after = (op.infer(inputs)[0].spatial for op in (whole, self))
        return Part(whole), *narrowed(before, after, takes=1, made=2)

    def macs(self, inputs: Types, outputs: Types) -> int:
        x = inputs[0]
        return x.numel * (self.out // self.groups) * math.prod(per_axis("kernel", self.kernel, x))

    def elementwise_ops(self, inputs: Types, outputs: Types) -> int:
        return outputs[0].numel if self.bias else 0

    def steps(self, inputs: Types, outputs: Types) -> tuple[Fraction, ...]:
        return tuple(Fraction(1, stride) for stride in per_axis("stride", self.stride, inputs[0]))

    def reach(self, inputs: Types, outputs: Types, position: int = 0) -> tuple[Reach, ...]:
        x = inputs[0]
        kernels, strides = per_axis("kernel", self.kernel, x), per_axis("stride", self.stride, x)
        axes = zip(kernels, strides, per_axis("dilation", self.dilation, x), self.cuts(x), strict=True)
        return tuple(spread(kernel, stride, dilation, cut) for kernel, stride, dilation, (cut, _) in axes)

    def label(self) -> str:
        larger = stride_label(self.stride).replace("/", "×")
        return f"{axes_label(self.kernel)}, {self.out}{larger}{dilation_label(self.dilation)}"


@operator("locally_connected", main="out")
class LocallyConnected(Operator):
    """A convolution whose filters are not shared: every position has weights and biases of its own.

    Output: (out, *spatial), sizes as for `conv`. Parameters: positions·out·Cin·∏kernel, and
    positions·out more with bias. MACs: positions·out·Cin·∏kernel; elementwise: the bias.
    The weights fix the size of the image.

    LeCun 1989, "Generalization and network design strategies"; Taigman et al. 2014, "DeepFace".

        - locally_connected: {out: 16, kernel: 9}
    """

    category = "conv"
    autocast = "lower"
    tunable = frozenset({"init"})
    samples = (
        # 40,000 units, each looking at 10×10 of a 200×200 image
        Sample(
            {"out": 1, "kernel": 10, "padding": "same", "bias": False},
            ((1, 200, 200),),
            ((1, 200, 200),),
            params=4_000_000,
            macs=4_000_000,
        ),
        # DeepFace L4: 9×9×16 filters at each of 55×55 places
        Sample(
            {"out": 16, "kernel": 9, "bias": False},
            ((16, 63, 63),),
            ((16, 55, 55),),
            params=62_726_400,
            macs=62_726_400,
        ),
        Sample({"out": 2, "kernel": 3}, ((4, 8),), ((2, 6),), params=6 * 2 * 12 + 12, macs=144),
    )

    out: Count = Field(description="Channels of the output.")
    kernel: Kernel
    stride: Stride = 1
    padding: Padding = "valid"
    bias: Bias = True
    init: Init = "default"

    def infer(self, inputs: Types) -> Types:
        x = inputs[0]
        if x.open:
            raise NeedsNumber(
                f"it has weights of its own at every position, and {x} leaves open how many there are",
                hint="`conv` has the same weights everywhere; or write the image's size, as `--input 3x224x224`",
            )
        return (TensorType((self.out, *output_sizes(x, self.window(inputs))), x.dtype),)

    def weights(self, inputs: Types) -> dict[str, Weight]:
        x = inputs[0]
        window = self.window(inputs)
        positions = output_sizes(x, window)
        found = {"weight": Weight((self.out, x.channels, *window.kernel, *positions))}
        if self.bias:
            found["bias"] = Weight((self.out, *positions), added=True)
        return found

    def weight_product(self, inputs: Types) -> tuple[tuple[int, ...], tuple[int, ...]]:
        x = inputs[0]
        window = self.window(inputs)
        return (*window.kernel, x.channels), (*output_sizes(x, window), self.out)

    def saved(self, inputs: Types, outputs: Types, in_place: bool = False) -> Saved:
        """Every window written out."""
        taps = inputs[0].channels * math.prod(per_axis("kernel", self.kernel, inputs[0]))
        positions = math.prod(outputs[0].spatial)
        return Saved(own_bytes=positions * taps * BYTES[inputs[0].dtype])

    def made_of(self, inputs: Types) -> tuple[Part, ...]:
        window = self.window(inputs)
        return padded_parts(self, self.padding, window, any(window.before + window.after))

    def scratch(self, inputs: Types, outputs: Types) -> int:
        """Every window written out, the padded input, and what the bias is then added to."""
        wide = sum(part.op.infer(inputs)[0].nbytes for part in self.made_of(inputs)[:1])
        return self.saved(inputs, outputs).own_bytes + wide + self.training_scratch(inputs, outputs, True)

    def training_scratch(self, inputs: Types, outputs: Types, learns: bool) -> int:
        return outputs[0].nbytes if self.bias else 0

    def backward_scratch(self, inputs: Types, outputs: Types, wanted: tuple[bool, ...]) -> int:
        """The gradient of every window, before that of the input is made of it."""
        return max(0, self.saved(inputs, outputs).own_bytes - inputs[0].nbytes) if wanted[0] else 0

    def copied_gradients(self, inputs: Types) -> int:
        return self.weights(inputs)["weight"].nbytes

    def macs(self, inputs: Types, outputs: Types) -> int:
        x = inputs[0]
        return outputs[0].numel * x.channels * math.prod(per_axis("kernel", self.kernel, x))

    def elementwise_ops(self, inputs: Types, outputs: Types) -> int:
        return outputs[0].numel if self.bias else 0

    def window(self, inputs: Types) -> Window:
        return window_over("locally_connected", inputs[0], self.kernel, self.stride, self.padding)

    def label(self) -> str:
        return f"{axes_label(self.kernel)} local, {self.out}{stride_label(self.stride)}"


def _weight_and_bias(shape: tuple[int, ...], out: int, bias: bool) -> dict[str, Weight]:
    return {"weight": Weight(shape), "bias": Weight((out,), added=True)} if bias else {"weight": Weight(shape)}


def padded_parts(op: Operator, padding: object, window: Window, own: bool = False) -> tuple[Part, ...]:
    """The padding and the convolution without it, where torch's layers cannot pad so, or the layer is not torch's."""
    if not own and not pads_first(padding, window):
        return ()
    pad = padding_of(window)
    return Part(pad), Part(op.model_copy(update={"padding": 0}), (1,))


def _input_or_padded(x: TensorType, padding: object, window: Window) -> Saved:
    """What a convolution keeps: its input, or the padded copy of it that was made first."""
    return Saved(own_bytes=padded(x, window).nbytes) if pads_first(padding, window) else Saved(inputs=(0,))
