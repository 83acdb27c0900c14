"""The type of a tensor, and the arithmetic of sliding windows that every spatial operator shares.

A size is an `int`, or where the spec leaves it open an `archspec.sizes.Open`, which takes part in the same arithmetic.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

BYTES = {"float32": 4, "float16": 2, "bfloat16": 2, "float64": 8, "int64": 8, "uint8": 1, "bool": 1}


@dataclass(frozen=True, slots=True)
class TensorType:
    """Shape and dtype of a tensor without its batch axis: (channels, *spatial) or (features,).

    `regions`: how many such tensors there are of one example, where a layer takes regions out of an image. They lie
    along the batch axis, N·regions in all, so that the layers behind need not know of them.
    """

    shape: tuple[int, ...]
    dtype: str = "float32"
    regions: int = 1

    @property
    def channels(self) -> int:
        """Size of the first axis: channels of an image, features of a vector."""
        return self.shape[0]

    @property
    def spatial(self) -> tuple[int, ...]:
        """Sizes of the axes after channels: (), (L,), (H, W) or (D, H, W)."""
        return self.shape[1:]

    @property
    def rank(self) -> int:
        """Number of spatial axes."""
        return len(self.shape) - 1

    @property
    def numel(self) -> int:
        """Elements per example, of one region where there are several."""
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        """Bytes per example, of all its regions."""
        return self.regions * self.numel * BYTES[self.dtype]

    @property
    def open(self) -> bool:
        """Whether the spec leaves a size of it open."""
        return any(not isinstance(n, int) for n in self.shape)

    def at(self, sizes: Mapping[str, int]) -> TensorType:
        """The type where the open sizes have those numbers."""
        return TensorType(tuple(at(n, sizes) for n in self.shape), self.dtype, self.regions)

    def __str__(self) -> str:
        shape = "×".join(str(n) for n in self.shape)
        return shape if self.regions == 1 else f"{self.regions} × {shape}"


# Sizes that may be open. What needs `archspec.sizes` imports it only then.


def at(value: int, sizes: Mapping[str, int]) -> int:
    """A size or a count where the open sizes have those numbers."""
    if isinstance(value, int):
        return value
    found: int = value.at(sizes)
    return found


def larger(a: int, b: int) -> int:
    """The larger of two sizes."""
    if isinstance(a, int) and isinstance(b, int):
        return max(a, b)
    from archspec import sizes

    return sizes.larger(a, b)


def smaller(a: int, b: int) -> int:
    """The smaller of two sizes."""
    return min(a, b) if isinstance(a, int) and isinstance(b, int) else -larger(-a, -b)


# Window arithmetic, one axis at a time. Sizes meet only +, -, *, // and `larger`, so that a size may
# be open. Nothing here refuses: a result below 1 means that the window does not fit.

PaddingWord = Literal["valid", "same", "full", "same_upper"]


def extent(kernel: int, dilation: int = 1) -> int:
    """Cells from the first to the last tap of a dilated kernel: d(k − 1) + 1."""
    return dilation * (kernel - 1) + 1


def window_output(
    size: int,
    kernel: int,
    stride: int = 1,
    before: int = 0,
    after: int = 0,
    dilation: int = 1,
    ceil: bool = False,
) -> int:
    """Positions of a window: floor((size + before + after − extent) / stride) + 1.

    With `ceil` the quotient rounds up, but the last window must start inside the input or the
    padding before it (torch's rule for pooling).
    """
    room = size + before + after - extent(kernel, dilation)
    if not ceil:
        return room // stride + 1
    starts_inside = (size + before - 1) // stride + 1
    return smaller(-(-room // stride) + 1, starts_inside)


def transposed_output(
    size: int,
    kernel: int,
    stride: int = 1,
    before: int = 0,
    after: int = 0,
    output_padding: int = 0,
    dilation: int = 1,
) -> int:
    """Output of a transposed convolution: (size − 1)·stride − before − after + extent + output_padding."""
    return (size - 1) * stride - before - after + extent(kernel, dilation) + output_padding


def pad_word(word: PaddingWord, size: int, kernel: int, stride: int = 1, dilation: int = 1) -> tuple[int, int]:
    """Padding (before, after) that a word stands for.

    `valid` none; `same` the extent less one, halved, the odd cell after; `full` the extent less
    one on both sides; `same_upper` what makes the output ceil(size / stride), the odd cell after
    (TensorFlow's SAME): the only one that depends on the size of the input and on the stride.
    """
    reach = extent(kernel, dilation) - 1
    if word == "valid":
        return 0, 0
    if word == "full":
        return reach, reach
    if word == "same":
        return reach // 2, reach - reach // 2
    positions = -(-size // stride)
    total = larger(0, (positions - 1) * stride + reach + 1 - size)
    return total // 2, total - total // 2


def adaptive_extent(size: int, output: int) -> int:
    """Sum of the lengths of an adaptive pool's windows: size + output − gcd, as neighbours share a cell.

    Window i covers the cells floor(i·size / output) to ceil((i + 1)·size / output) − 1.
    """
    if isinstance(size, int):
        return size + output - math.gcd(size, output)
    from archspec import sizes

    return size + output - sizes.common_divisor(size, output)
