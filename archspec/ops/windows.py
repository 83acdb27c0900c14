"""From the arguments of a sliding operator to its window and output sizes, refusing what does not fit."""

import math
from collections.abc import Sequence
from typing import cast

from archspec.ops.arguments import as_written
from archspec.ops.base import OperatorError, Window
from archspec.tensor import PaddingWord, TensorType, extent, larger, pad_word, window_output

AXES = {1: ("length",), 2: ("height", "width"), 3: ("depth", "height", "width")}
"""Names of the spatial axes by their number."""


def spatial_rank(word: str, x: TensorType) -> int:
    """Number of spatial axes of an input, refused where it is not 1, 2 or 3."""
    if x.rank not in AXES:
        what = f"{x.shape[0]} features without spatial axes" if x.rank == 0 else f"{x}, {x.rank} spatial axes"
        hint = "use it before flatten or global_avg_pool" if x.rank == 0 else None
        raise OperatorError(f"{word} slides over 1 to 3 spatial axes, and its input is {what}", hint=hint)
    return x.rank


def per_axis(name: str, value: int | tuple[int, ...], x: TensorType) -> tuple[int, ...]:
    """One number an axis, from one for all or from as many as there are axes."""
    if isinstance(value, int):
        return (value,) * x.rank
    _same_length(name, value, x)
    return value


def _same_length(name: str, value: tuple[int | tuple[int, ...], ...], x: TensorType) -> None:
    if len(value) != x.rank:
        axes = AXES[x.rank]
        one, more = ("number", "numbers") if all(isinstance(n, int) for n in value) else ("entry", "entries")
        raise OperatorError(
            f"{name} {as_written(value)} has {len(value)} {one if len(value) == 1 else more}, but the input {x} has "
            f"{len(axes)} spatial {'axis' if len(axes) == 1 else 'axes'}",
            name,
            f"write one number for all axes, or {len(axes)}: {', '.join(axes)}",
        )


def window_over(
    word: str,
    x: TensorType,
    kernel: int | tuple[int, ...],
    stride: int | tuple[int, ...],
    padding: int | str | tuple[int | tuple[int, ...], ...],
    dilation: int | tuple[int, ...] = 1,
    ceil: bool = False,
) -> Window:
    """The window over an input, its padding in numbers. Whether it fits is asked by `output_sizes`."""
    spatial_rank(word, x)
    kernels, strides = per_axis("kernel", kernel, x), per_axis("stride", stride, x)
    dilations = per_axis("dilation", dilation, x)
    if isinstance(padding, str):
        sides = [
            pad_word(cast(PaddingWord, padding), *axis)
            for axis in zip(x.spatial, kernels, strides, dilations, strict=True)
        ]
    elif isinstance(padding, int):
        sides = [(padding, padding)] * x.rank
    else:
        _same_length("padding", padding, x)
        sides = [(side, side) if isinstance(side, int) else (side[0], side[1]) for side in padding]
    before, after = zip(*sides, strict=True)
    return Window(kernels, strides, before, after, dilations, ceil)


def output_sizes(x: TensorType, window: Window) -> tuple[int, ...]:
    """Sizes of the spatial axes after the window has slid over them, each at least 1."""
    found = []
    for axis, name in enumerate(AXES[x.rank]):
        k, s, d = window.kernel[axis], window.stride[axis], window.dilation[axis]
        lo, hi, size = window.before[axis], window.after[axis], x.spatial[axis]
        positions = window_output(size, k, s, lo, hi, d, window.ceil)
        if positions < 1:
            span = extent(k, d)
            taps = f"kernel {k}" if d == 1 else f"kernel {k} with dilation {d} spans {span} and"
            sides = f"{lo}" if lo == hi else f"{lo} before and {hi} after"
            least = span - (s - 1 if window.ceil else 0)
            raise OperatorError(
                f"{taps} does not fit {name} {size} with padding {sides}; "
                f"needs padding ≥ {-(-(least - size) // 2)} or an input of at least {least - lo - hi}",
                "kernel",
                f"input {x}",
            )
        found.append(positions)
    return tuple(found)


def pads_first(padding: object, window: Window) -> bool:
    """Whether torch's own layers cannot pad so, and a padded copy of the input is made before them.

    Their sides are equal and fixed; those of `same_upper` with a stride follow the size of the image.
    """
    return window.before != window.after or follows_size(padding, window)


def follows_size(padding: object, window: Window) -> bool:
    """Whether the sides depend on the size of the image."""
    return padding == "same_upper" and max(window.stride) > 1


def padded(x: TensorType, window: Window) -> TensorType:
    """The input with the padding of its window around it."""
    sides = zip(x.spatial, window.before, window.after, strict=True)
    return TensorType((x.channels, *(n + lo + hi for n, lo, hi in sides)), x.dtype)


def refuse_wide_padding(x: TensorType, window: Window) -> None:
    """Pooling takes at most half a window of padding, so that no window lies in padding alone."""
    for axis, name in enumerate(AXES[x.rank]):
        span = extent(window.kernel[axis], window.dilation[axis])
        widest = larger(window.before[axis], window.after[axis])
        if widest > span // 2:
            raise OperatorError(
                f"padding {widest} is more than half of a window of {span} along {name}: "
                f"a window could lie in padding alone; at most {span // 2} fits",
                "padding",
            )


def refuse_undivided(groups: int, channels: int, what: str, beside: int = 0, idle: tuple[int, ...] = ()) -> None:
    """Groups must divide the channels; the message lists the nearest numbers that do.

    beside: other channels that the listed numbers divide too; idle: numbers that would divide and do nothing.
    """
    if channels % groups:
        common = math.gcd(channels, beside)
        low = [n for n in range(1, math.isqrt(common) + 1) if common % n == 0]
        fit = {*low, *(common // n for n in low)}.difference(idle)
        near = sorted(sorted(fit, key=lambda n: abs(n - groups))[:4])
        both = " for input and output" if beside else ""
        hint = f"nearest that do{both}: {', '.join(map(str, near))}" if near else None
        raise OperatorError(f"groups {groups} does not divide {channels} {what}", "groups", hint)


def axes_label(value: int | Sequence[int], all_axes: int = 2) -> str:
    """`3×3`: an argument of one number an axis, for a diagram. A lone number stands for a plane's two."""
    return "×".join(str(n) for n in ((value,) * all_axes if isinstance(value, int) else value))


def stride_label(stride: int | tuple[int, ...]) -> str:
    """`, /2` where a window steps by more than one, else nothing."""
    sizes = (stride,) if isinstance(stride, int) else stride
    if max(sizes) == 1:
        return ""
    return f", /{sizes[0]}" if len(set(sizes)) == 1 else f", /{axes_label(sizes)}"


def dilation_label(dilation: int | tuple[int, ...]) -> str:
    """`, d=2` where the taps of a window lie apart, else nothing."""
    sizes = (dilation,) if isinstance(dilation, int) else dilation
    if max(sizes) == 1:
        return ""
    return f", d={sizes[0]}" if len(set(sizes)) == 1 else f", d={axes_label(sizes)}"


def refuse_without_axes(x: TensorType) -> None:
    if x.rank not in AXES:
        what = f"a vector of {x} features" if x.rank == 0 else f"{x}"
        hint = "use it before flatten or global_avg_pool" if x.rank == 0 else None
        raise OperatorError(f"needs 1 to 3 spatial axes, and its input is {what}", hint=hint)


def ones(x: TensorType) -> tuple[int, ...]:
    return (1,) * x.rank


def wanted_size(size: int | tuple[int, ...] | None, inputs: tuple[TensorType, ...]) -> tuple[int, ...] | None:
    """The spatial size asked for by `size`, or by the second input that `to` brings, or None by neither."""
    x = inputs[0]
    refuse_without_axes(x)
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
