"""Two ways of pooling, as operators of one's own: a plugin for archspec, in one file.

archspec plugin examples/plugin/pooling.py
archspec summarize examples/plugin/shift.yaml --plugin examples/plugin/pooling.py
"""

import math

from pydantic import Field

from archspec.plugins import (
    Count,
    Operator,
    OperatorError,
    Positive,
    Reach,
    Sample,
    Saved,
    TensorType,
    Types,
    Weight,
    Window,
    lowers,
    operator,
    output_sizes,
    slid,
    spatial_rank,
)


@operator("blur_pool", main="stride")
class BlurPool(Operator):
    """Subsampling behind a blur, so that shifting the image does not change which of its cells are seen.

    Each channel is blurred with the binomial kernel of `size` taps an axis (1 2 1, 1 4 6 4 1, …; their sum is 1) and
    every `stride`th cell is kept. The image is reflected at its border, (size − 1) / 2 cells on each side. Output:
    (C, *spatial), each axis ceil(n / stride). `max_pool: {kernel: 2, stride: 1}` before it is the paper's
    MaxBlurPool. MACs: size to the power of the axes, per output element.

    Zhang 2019, "Making Convolutional Networks Shift-Invariant Again", arXiv:1904.11486.

        - blur_pool
        - blur_pool: {stride: 2, size: 5}
    """

    category = "pool"
    samples = (
        Sample({}, ((64, 56, 56),), ((64, 28, 28),), macs=64 * 28 * 28 * 9),
        Sample({"size": 5}, ((3, 7, 7),), ((3, 4, 4),), macs=3 * 4 * 4 * 25),
        # along one axis; ceil(10 / 3)
        Sample({"stride": 3}, ((2, 10),), ((2, 4),), macs=2 * 4 * 3),
    )

    stride: Count = Field(2, description="Of every so many cells one is kept.")
    size: Count = Field(3, description="Taps of the blur along each axis: an odd number.")

    def infer(self, inputs: Types) -> Types:
        x = inputs[0]
        if self.size % 2 == 0:
            raise OperatorError(f"the blur is as wide on both sides, and its size is {self.size}", "size", "3 or 5")
        spatial_rank("blur_pool", x)
        short = [n for n in x.spatial if n <= self.size // 2]
        if short:
            message = f"reflecting {self.size // 2} cells needs more than {self.size // 2}, and the input is {x}"
            raise OperatorError(message, "size", f"size {2 * short[0] - 1} fits")
        return (TensorType((x.channels, *output_sizes(x, self.window(inputs))), x.dtype),)

    def macs(self, inputs: Types, outputs: Types) -> int:
        return outputs[0].numel * self.size ** inputs[0].rank

    def window(self, inputs: Types) -> Window:
        rank = inputs[0].rank
        half = (self.size // 2,) * rank
        return Window((self.size,) * rank, (self.stride,) * rank, half, half, (1,) * rank)

    def reach(self, inputs: Types, outputs: Types, position: int = 0) -> tuple[Reach, ...]:
        return (slid(self.size, self.stride, self.size // 2, outside="reflect"),) * inputs[0].rank

    def saved(self, inputs: Types, outputs: Types, in_place: bool = False) -> Saved:
        """Its input, for the reflection, and the reflected copy that is convolved."""
        x = inputs[0]
        wide = TensorType((x.channels, *(n + 2 * (self.size // 2) for n in x.spatial)), x.dtype)
        return Saved(inputs=(0,), own_bytes=wide.nbytes)

    def label(self) -> str:
        return f"blur {self.size}, /{self.stride}"


@lowers(BlurPool)
def blur_pool(site):
    """A depthwise convolution with a kernel that does not learn."""
    from torch import nn, tensor
    from torch.nn import functional as F

    op, (channels, *axes) = site.op, site.inputs[0].shape
    rank, half = len(axes), op.size // 2
    row = tensor([float(math.comb(op.size - 1, i)) for i in range(op.size)]) / 2 ** (op.size - 1)
    kernel = row
    for _ in range(rank - 1):
        kernel = kernel.unsqueeze(-1) * row
    convolve = (F.conv1d, F.conv2d, F.conv3d)[rank - 1]

    class Blur(nn.Module):
        def __init__(self):
            super().__init__()
            # not persistent: it follows from the arguments, and so is no weight of a checkpoint
            self.register_buffer("kernel", kernel.expand(channels, 1, *kernel.shape).clone(), persistent=False)

        def forward(self, x):
            x = F.pad(x, (half, half) * rank, mode="reflect")
            return convolve(x, self.kernel.to(x.dtype), stride=op.stride, groups=channels)

    return Blur()


@operator("gem_pool", main="p")
class GemPool(Operator):
    """Generalised mean of each channel over all cells, with an exponent that is learned.

    (mean of max(x, eps)^p)^(1/p): the mean at p = 1, and nearer the largest value the larger p. Input
    (C, *spatial), output (C,). Parameters: 1. Elementwise: four operations per input element (maximum, power, sum
    and division) and one per output.

    Radenović, Tolias and Chum 2017, "Fine-tuning CNN Image Retrieval with No Human Annotation", arXiv:1711.02512.

        - gem_pool
        - gem_pool: {p: 4.0, eps: 1e-3}
    """

    category = "pool"
    tunable = frozenset({"eps"})
    samples = (
        Sample({}, ((2048, 7, 7),), ((2048,),), params=1),
        Sample({"p": 1.5}, ((8, 16),), ((8,),), params=1),
    )

    p: Positive = Field(3.0, description="The exponent that training begins with.")
    eps: Positive = Field(1e-6, description="Values below it count as it: a power needs something above zero.")

    def infer(self, inputs: Types) -> Types:
        x = inputs[0]
        if x.rank == 0:
            raise OperatorError(f"a vector of {x} features has no cells to pool", hint="leave gem_pool out")
        return (TensorType((x.channels,), x.dtype),)

    def weights(self, inputs: Types) -> dict[str, Weight]:
        return {"p": Weight((1,))}

    def elementwise_ops(self, inputs: Types, outputs: Types) -> int:
        return 4 * inputs[0].numel + outputs[0].numel

    def saved(self, inputs: Types, outputs: Types, in_place: bool = False) -> Saved:
        """What every step is differentiated from: the maxima and their powers, the means, and 1/p twice."""
        x, y = inputs[0], outputs[0]
        return Saved(inputs=(0,), output=True, own_bytes=2 * x.nbytes + y.nbytes, fixed_bytes=8)

    def label(self) -> str:
        return f"GeM {self.p:g}"


@lowers(GemPool)
def gem_pool(site):
    """Its one weight is the exponent."""
    from torch import full, nn

    class Gem(nn.Module):
        def __init__(self, p, eps):
            super().__init__()
            self.p, self.eps = nn.Parameter(full((1,), p)), eps

        def forward(self, x):
            return x.clamp(min=self.eps).pow(self.p).flatten(2).mean(2).pow(1 / self.p)

    return Gem(site.op.p, site.op.eps)
