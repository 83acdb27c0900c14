"""Arguments and inputs for the operators that slide a window or see all, and what torch makes of them.

`STRATEGIES[word]` draws (arguments, input shapes without the batch axis), many to be refused.
`ORACLES[word](args, inputs, weights)` takes the arguments as written (defaults left out), tensors with their batch axis
and a `Weights`, and returns the output in evaluation mode; it raises, as torch does or by `Refused`, exactly where the
operator is to refuse. What torch does not have (unequal padding) it spells out.
`ELEMENTWISE[word](args, inputs, outputs)` counts the operations per example by brute force over windows.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F
from weights import Refused, Weights

Args = dict[str, Any]
Shape = tuple[int, ...]
Case = tuple[Args, tuple[Shape, ...]]
Oracle = Callable[[Mapping[str, Any], Sequence[Tensor], Weights], Tensor]

LARGEST_AXIS = {1: 14, 2: 9, 3: 6}
CONV = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}
TRANSPOSED = {1: F.conv_transpose1d, 2: F.conv_transpose2d, 3: F.conv_transpose3d}
MAX = {1: F.max_pool1d, 2: F.max_pool2d, 3: F.max_pool3d}
AVERAGE = {1: F.avg_pool1d, 2: F.avg_pool2d, 3: F.avg_pool3d}
ADAPTIVE_MAX = {1: F.adaptive_max_pool1d, 2: F.adaptive_max_pool2d, 3: F.adaptive_max_pool3d}
ADAPTIVE_AVERAGE = {1: F.adaptive_avg_pool1d, 2: F.adaptive_avg_pool2d, 3: F.adaptive_avg_pool3d}


# ---- drawing


def some(**options: st.SearchStrategy[Any]) -> st.SearchStrategy[Args]:
    """Some of the arguments; the others are left to their defaults."""
    return st.fixed_dictionaries({}, optional=options)


def images(channels: st.SearchStrategy[int]) -> st.SearchStrategy[Shape]:
    """(channels, *spatial) of rank 1 to 3, and now and then of a rank that slides nowhere."""

    def of_rank(rank: int) -> st.SearchStrategy[Shape]:
        sizes = st.integers(1, LARGEST_AXIS.get(rank, 2))
        return st.tuples(channels, *[sizes | sizes.map(lambda n: n + 2)] * rank)

    return st.sampled_from([1] * 5 + [2] * 8 + [3] * 5 + [0, 4]).flatmap(of_rank)


def per_axis(rank: int, low: int, high: int) -> st.SearchStrategy[int | list[int]]:
    """One number for all axes, or a list of one an axis; one time in twenty a list of any length."""
    one, entries = st.integers(low, high), min(max(rank, 1), 3)
    listed, loose = st.lists(one, min_size=entries, max_size=entries), st.lists(one, min_size=1, max_size=3)
    return st.sampled_from([one, listed] * 10 + [loose]).flatmap(lambda kind: kind)


def paddings(rank: int, most: int = 3) -> st.SearchStrategy[Any]:
    """A word every other time, else numbers, per axis or per side."""
    side, entries = st.lists(st.integers(0, most), min_size=2, max_size=2), min(max(rank, 1), 3)
    mixed = st.lists(st.integers(0, most) | side, min_size=entries, max_size=entries)
    words = st.sampled_from(["valid", "same", "full", "same_upper"])
    return st.sampled_from([words, words, mixed, per_axis(rank, 0, most)]).flatmap(lambda kind: kind)


channels = st.integers(1, 6)


# ---- windows by definition


def spread(name: str, value: int | Sequence[Any], rank: int) -> tuple[Any, ...]:
    """One entry an axis."""
    if isinstance(value, int):
        return (value,) * rank
    if len(value) != rank:
        raise Refused(f"{name} has {len(value)} entries, the image {rank} axes")
    return tuple(value)


def rank_of(x: Tensor) -> int:
    rank = x.ndim - 2
    if not 1 <= rank <= 3:
        raise Refused(f"{rank} axes")
    return rank


def sides(
    padding: Any, sizes: Sequence[int], kernel: Sequence[int], stride: Sequence[int], dilation: Sequence[int]
) -> list[tuple[int, int]]:
    """(before, after) an axis: words by the rules of torch (`same`) and TensorFlow (`same_upper`)."""
    found = []
    given = spread("padding", 0 if isinstance(padding, str) else padding, len(sizes))
    for n, k, s, d, pad in zip(sizes, kernel, stride, dilation, given, strict=True):
        taps = [i * d for i in range(k)]
        if padding == "same":
            found.append((math.floor(taps[-1] / 2), math.ceil(taps[-1] / 2)))
        elif padding == "full":
            found.append((taps[-1], taps[-1]))
        elif padding == "same_upper":
            # tensorflow.org, "padding": what the last window lacks
            lack = max(taps[-1] + 1 - (s if n % s == 0 else n % s), 0)
            found.append((math.floor(lack / 2), math.ceil(lack / 2)))
        elif isinstance(pad, int):
            found.append((pad, pad))
        else:
            found.append(tuple(pad))
    return found


def padded(x: Tensor, around: Sequence[tuple[int, int]], value: float = 0.0) -> Tensor:
    """The image with cells added, axis by axis."""
    for axis, (before, after) in enumerate(around, start=2):
        for count, first in ((before, True), (after, False)):
            shape = list(x.shape)
            shape[axis] = count
            cells = torch.full(shape, value, dtype=x.dtype, device=x.device)
            x = torch.cat([cells, x] if first else [x, cells], axis)
    return x


def starts(n: int, k: int, s: int, d: int, before: int, after: int, ceil: bool) -> list[int]:
    """Where the windows of an axis begin, cell 0 being the input's first.

    A window needs its last tap to be inside the padded input; with `ceil` it may reach out by less
    than a stride, if it begins in the input or before it.
    """
    last_tap = (k - 1) * d
    found = []
    for start in itertools.count(-before, s):
        end = start + last_tap
        if end < n + after or (ceil and end - s < n + after - 1 and start < n):
            found.append(start)
        else:
            return found
    raise AssertionError


# ---- convolutions


def conv(args: Mapping[str, Any], x: Sequence[Tensor], weights: Weights) -> Tensor:
    image, rank = x[0], rank_of(x[0])
    kernel, stride = (
        spread("kernel", args.get("kernel", 1), rank),
        spread("stride", args.get("stride", 1), rank),
    )
    dilation = spread("dilation", args.get("dilation", 1), rank)
    padding, groups, out = args.get("padding", "valid"), args.get("groups", 1), args["out"]
    count = image.shape[1]
    weight = weights("weight", out, count // groups, *kernel)
    bias = weights("bias", out) if args.get("bias", True) else None
    if padding == "same" and set(stride) == {1}:
        return CONV[rank](image, weight, bias, 1, "same", dilation, groups)
    if padding == "valid" or isinstance(padding, int):
        return CONV[rank](image, weight, bias, stride, 0 if padding == "valid" else padding, dilation, groups)
    around = sides(padding, image.shape[2:], kernel, stride, dilation)
    return CONV[rank](padded(image, around), weight, bias, stride, 0, dilation, groups)


def depthwise(args: Mapping[str, Any], x: Sequence[Tensor], weights: Weights) -> Tensor:
    """Every channel by itself, one after the other."""
    image, rank = x[0], rank_of(x[0])
    kernel, stride = (
        spread("kernel", args.get("kernel", 3), rank),
        spread("stride", args.get("stride", 1), rank),
    )
    dilation = spread("dilation", args.get("dilation", 1), rank)
    times, count = args.get("multiplier", 1), image.shape[1]
    weight = weights("weight", count * times, 1, *kernel)
    bias = weights("bias", count * times) if args.get("bias", True) else torch.zeros(count * times).to(image)
    around = sides(args.get("padding", 0), image.shape[2:], kernel, stride, dilation)
    if args.get("padding") == "valid":
        around = [(0, 0)] * rank
    wide = padded(image, around)
    own = [slice(c * times, (c + 1) * times) for c in range(count)]
    parts = [
        CONV[rank](wide[:, c : c + 1], weight[mine], bias[mine], stride, 0, dilation) for c, mine in enumerate(own)
    ]
    return torch.cat(parts, 1)


def conv_transpose(args: Mapping[str, Any], x: Sequence[Tensor], weights: Weights) -> Tensor:
    """The gradient of a convolution with respect to its input; torch's own where the sides are equal, too."""
    image, rank = x[0], rank_of(x[0])
    kernel, stride = spread("kernel", args["kernel"], rank), spread("stride", args.get("stride", 1), rank)
    dilation = spread("dilation", args.get("dilation", 1), rank)
    extra = spread("output_padding", args.get("output_padding", 0), rank)
    padding, groups, out = args.get("padding", "valid"), args.get("groups", 1), args["out"]
    if padding == "same_upper":
        raise Refused("depends on the size of the output")
    around = sides(0 if padding == "valid" else padding, image.shape[2:], kernel, stride, dilation)
    weight = weights("weight", image.shape[1], out // groups, *kernel)
    bias = weights("bias", out) if args.get("bias", True) else None
    if out % groups:
        raise Refused("torch would round the output channels down")
    if any(e >= max(s, d) for e, s, d in zip(extra, stride, dilation, strict=True)):
        raise Refused("output_padding")  # torch asks this of all axes together
    spans = [
        (n - 1) * s + (k - 1) * d + 1 + e
        for n, s, k, d, e in zip(image.shape[2:], stride, kernel, dilation, extra, strict=True)
    ]
    sizes = [span - lo - hi for span, (lo, hi) in zip(spans, around, strict=True)]
    if min(sizes) < 1 and any(lo != hi for lo, hi in around):
        raise Refused("nothing left")
    if all(lo == hi for lo, hi in around):
        low = [lo for lo, _ in around]
        return TRANSPOSED[rank](image, weight, bias, stride, low, extra, groups, dilation)
    with torch.enable_grad():
        below = torch.zeros(image.shape[0], out, *sizes, dtype=image.dtype, device=image.device, requires_grad=True)
        above = CONV[rank](padded(below, around), weight.detach(), None, stride, 0, dilation, groups)
        for axis, n in enumerate(image.shape[2:], start=2):
            above = above.narrow(axis, 0, n)
        (gradient,) = torch.autograd.grad(above, below, image)
    return gradient if bias is None else gradient + bias.reshape(-1, *[1] * rank)


def locally_connected(args: Mapping[str, Any], x: Sequence[Tensor], weights: Weights) -> Tensor:
    """A dot product at every position."""
    image, rank = x[0], rank_of(x[0])
    kernel, stride = (
        spread("kernel", args.get("kernel", 1), rank),
        spread("stride", args.get("stride", 1), rank),
    )
    padding, out = args.get("padding", "valid"), args["out"]
    ones = (1,) * rank
    around = sides(0 if padding == "valid" else padding, image.shape[2:], kernel, stride, ones)
    wide = padded(image, around)
    counts = [(n - k) // s + 1 for n, k, s in zip(wide.shape[2:], kernel, stride, strict=True)]
    if min(counts) < 1:
        raise Refused("the window does not fit")
    weight = weights("weight", out, image.shape[1], *kernel, *counts)
    y = torch.zeros(image.shape[0], out, *counts, dtype=image.dtype, device=image.device)
    for place in itertools.product(*map(range, counts)):
        patch = wide[(..., *(slice(p * s, p * s + k) for p, s, k in zip(place, stride, kernel, strict=True)))]
        y[(..., *place)] = patch.flatten(1) @ weight[(..., *place)].flatten(1).T
    return y + weights("bias", out, *counts) if args.get("bias", True) else y


@st.composite
def convs(draw: st.DrawFn) -> Case:
    shape = draw(images(channels))
    rank = len(shape) - 1
    args = {"out": draw(channels), "padding": draw(paddings(rank))} | draw(
        some(
            kernel=per_axis(rank, 1, 4),
            stride=per_axis(rank, 1, 3),
            dilation=per_axis(rank, 1, 3),
            groups=st.integers(1, 4),
            bias=st.booleans(),
        )
    )
    if "groups" in args and draw(st.booleans()):  # or almost nothing would be divisible
        shape, args["out"] = (
            (args["groups"] * draw(st.integers(1, 2)), *shape[1:]),
            args["groups"] * args["out"],
        )
    return args, (shape,)


@st.composite
def depthwises(draw: st.DrawFn) -> Case:
    shape = draw(images(channels))
    rank = len(shape) - 1
    options = some(
        kernel=per_axis(rank, 1, 4),
        stride=per_axis(rank, 1, 3),
        padding=paddings(rank),
        dilation=per_axis(rank, 1, 3),
        bias=st.booleans(),
        multiplier=st.integers(1, 3),
    )
    return draw(options), (shape,)


@st.composite
def conv_transposes(draw: st.DrawFn) -> Case:
    shape = draw(images(channels))
    rank = len(shape) - 1
    args = {"out": draw(channels), "kernel": draw(per_axis(rank, 1, 4))} | draw(
        some(
            stride=per_axis(rank, 1, 3),
            padding=paddings(rank, 2),
            output_padding=per_axis(rank, 0, 2),
            dilation=per_axis(rank, 1, 3),
            groups=st.integers(1, 3),
            bias=st.booleans(),
        )
    )
    if "groups" in args and draw(st.booleans()):
        shape, args["out"] = (
            (args["groups"] * draw(st.integers(1, 2)), *shape[1:]),
            args["groups"] * args["out"],
        )
    return args, (shape,)


@st.composite
def locals_(draw: st.DrawFn) -> Case:
    shape = draw(images(st.integers(1, 3)))
    rank = len(shape) - 1
    options = some(stride=per_axis(rank, 1, 3), padding=paddings(rank, 2), bias=st.booleans())
    return {"out": draw(st.integers(1, 3)), "kernel": draw(per_axis(rank, 1, 4))} | draw(options), (shape,)


# ---- fully connected


def linear(args: Mapping[str, Any], x: Sequence[Tensor], weights: Weights) -> Tensor:
    if "kernel" in args:
        kernel = spread("kernel", args["kernel"], rank := rank_of(x[0]))
        if any(k > n for k, n in zip(kernel, x[0].shape[2:], strict=True)):
            raise Refused("no window fits")
        weight = weights("weight", args["out"], x[0].shape[1] * math.prod(kernel))
        bias, places = weights("bias", args["out"]) if args.get("bias", True) else None, x[0]
        for axis, k in enumerate(kernel):
            places = places.unfold(axis + 2, k, 1)
        places = places.movedim(1, 1 + rank).flatten(1 + rank)  # (N, *places, C·∏kernel)
        return F.linear(places, weight, bias).movedim(-1, 1)
    if x[0].ndim != 2:
        raise Refused("write flatten")
    weight = weights("weight", args["out"], x[0].shape[1])
    return F.linear(x[0], weight, weights("bias", args["out"]) if args.get("bias", True) else None)


@st.composite
def linears(draw: st.DrawFn) -> Case:
    shape = draw(st.one_of(st.tuples(st.integers(1, 20)), images(channels)))
    args = {"out": draw(st.integers(1, 12))} | draw(some(bias=st.booleans()))
    if len(shape) > 1 and draw(st.booleans()):
        args["kernel"] = draw(per_axis(len(shape) - 1, 1, 4))
    return args, (shape,)


# ---- pooling


def _pool_window(args: Mapping[str, Any], image: Tensor) -> tuple[Any, ...]:
    rank = rank_of(image)
    kernel = spread("kernel", args["kernel"], rank)
    stride, dilation = (
        spread("stride", args.get("stride", kernel), rank),
        spread("d", args.get("dilation", 1), rank),
    )
    padding = args.get("padding", 0)
    around = sides(0 if padding == "valid" else padding, image.shape[2:], kernel, stride, dilation)
    ceil = args.get("ceil", False)
    windows = []
    for n, k, s, d, (lo, hi) in zip(image.shape[2:], kernel, stride, dilation, around, strict=True):
        # torch's rule, for each side
        if max(lo, hi) > ((k - 1) * d + 1) // 2:
            raise Refused("more than half a window of padding")
        windows.append([[start + i * d for i in range(k)] for start in starts(n, k, s, d, lo, hi, ceil)])
        if not windows[-1]:
            raise Refused("the window does not fit")
    return kernel, stride, dilation, around, ceil, windows


def _reduced(image: Tensor, windows: list[list[list[int]]], how: Callable[[Tensor, int], Tensor]) -> Tensor:
    """Each window of each axis in turn reduced to one cell, cells outside left out."""
    for axis, cells in enumerate(windows, start=2):
        inside = [[c for c in window if 0 <= c < image.shape[axis]] for window in cells]
        index = [torch.tensor(window, dtype=torch.long, device=image.device) for window in inside]
        image = torch.stack([how(image.index_select(axis, i), axis) for i in index], axis)
    return image


def _largest(cells: Tensor, axis: int) -> Tensor:
    if cells.shape[axis] == 0:
        return torch.full_like(cells.sum(axis), -math.inf)
    return cells.amax(axis)


def max_pool(args: Mapping[str, Any], x: Sequence[Tensor], weights: Weights) -> Tensor:
    kernel, stride, dilation, around, ceil, windows = _pool_window(args, x[0])
    y = _reduced(x[0], windows, _largest)
    # torch compares the padding with half of the kernel, dilation forgotten
    if all(lo == hi <= k // 2 for (lo, hi), k in zip(around, kernel, strict=True)):
        by_torch = MAX[len(kernel)](x[0], kernel, stride, [lo for lo, _ in around], dilation, ceil)
        assert x[0].is_meta or torch.equal(y, by_torch), "the definition is not torch's"
        return by_torch
    return y


def avg_pool(args: Mapping[str, Any], x: Sequence[Tensor], weights: Weights) -> Tensor:
    kernel, stride, _, around, ceil, windows = _pool_window(args, x[0])
    counted, total = args.get("count_padding", True), _reduced(x[0], windows, torch.sum)
    for axis, (cells, (lo, hi)) in enumerate(zip(windows, around, strict=True), start=2):
        n = x[0].shape[axis]
        first, last = (-lo, n + hi) if counted else (0, n)
        sizes = [sum(first <= c < last for c in window) for window in cells]
        divisor = torch.tensor(sizes, dtype=x[0].dtype, device=x[0].device)
        total = total / divisor.reshape([-1 if i == axis else 1 for i in range(total.ndim)])
    # torch's avg_pool3d refuses images smaller than the window, whatever their padding
    small = len(kernel) == 3 and any(n < k for n, k in zip(x[0].shape[2:], kernel, strict=True))
    if all(lo == hi for lo, hi in around) and not small:
        by_torch = AVERAGE[len(kernel)](x[0], kernel, stride, [lo for lo, _ in around], ceil, counted)
        assert x[0].is_meta or torch.allclose(total, by_torch), "the definition is not torch's"
        return by_torch
    return total


def adaptive(functions: Mapping[int, Callable[..., Tensor]]) -> Oracle:
    def oracle(args: Mapping[str, Any], x: Sequence[Tensor], weights: Weights) -> Tensor:
        rank = rank_of(x[0])
        return functions[rank](x[0], spread("size", args["size"], rank))

    return oracle


def global_pool(how: Callable[[Tensor], Tensor]) -> Oracle:
    def oracle(args: Mapping[str, Any], x: Sequence[Tensor], weights: Weights) -> Tensor:
        rank = rank_of(x[0])
        y = how(x[0].flatten(2))
        return y.reshape(*y.shape, *[1] * rank) if args.get("keep", False) else y

    return oracle


@st.composite
def pools(draw: st.DrawFn, **more: Any) -> Case:
    shape = draw(images(channels))
    rank = len(shape) - 1
    options = {
        "stride": per_axis(rank, 1, 3),
        "ceil": st.booleans(),
        **({"dilation": per_axis(rank, 1, 3)} if "dilation" in more else more),
    }
    args = {"kernel": draw(per_axis(rank, 1, 4)), "padding": draw(paddings(rank, 2))}
    return args | draw(some(**options)), (shape,)


@st.composite
def adaptives(draw: st.DrawFn) -> Case:
    shape = draw(images(channels))
    return {"size": draw(per_axis(len(shape) - 1, 1, 7))}, (shape,)


def globals_() -> st.SearchStrategy[Case]:
    return st.tuples(some(keep=st.booleans()), images(channels).map(lambda shape: (shape,)))


# ---- counting by brute force


def _cells(shape: Shape) -> int:
    return math.prod(shape)


def _biases(args: Mapping[str, Any], inputs: Sequence[Shape], outputs: Sequence[Shape]) -> int:
    return _cells(outputs[0]) if args.get("bias", True) else 0


def _taps(args: Mapping[str, Any], inputs: Sequence[Shape]) -> int:
    return math.prod(spread("kernel", args["kernel"], len(inputs[0]) - 1))


def _adaptive_taps(inputs: Sequence[Shape], outputs: Sequence[Shape], less: int) -> int:
    """Over all output cells: the cells of its window, `less` of them not counted."""
    axes = [
        [math.ceil((i + 1) * n / m) - math.floor(i * n / m) for i in range(m)]
        for n, m in zip(inputs[0][1:], outputs[0][1:], strict=True)
    ]
    return inputs[0][0] * sum(math.prod(lengths) - less for lengths in itertools.product(*axes))


Count = Callable[[Mapping[str, Any], Sequence[Shape], Sequence[Shape]], int]
ELEMENTWISE: dict[str, Count] = {
    "conv": _biases,
    "depthwise": _biases,
    "conv_transpose": _biases,
    "locally_connected": _biases,
    "linear": _biases,
    "max_pool": lambda args, x, y: _cells(y[0]) * (_taps(args, x) - 1),
    "avg_pool": lambda args, x, y: _cells(y[0]) * _taps(args, x),
    "adaptive_avg_pool": lambda args, x, y: _adaptive_taps(x, y, 0),
    "adaptive_max_pool": lambda args, x, y: _adaptive_taps(x, y, 1),
    "global_avg_pool": lambda args, x, y: _cells(x[0]),
    "global_max_pool": lambda args, x, y: x[0][0] * (_cells(x[0][1:]) - 1),
}

_ALL: dict[str, tuple[st.SearchStrategy[Case], Oracle]] = {
    "conv": (convs(), conv),
    "depthwise": (depthwises(), depthwise),
    "conv_transpose": (conv_transposes(), conv_transpose),
    "locally_connected": (locals_(), locally_connected),
    "linear": (linears(), linear),
    "max_pool": (pools(dilation=True), max_pool),
    "avg_pool": (pools(count_padding=st.booleans()), avg_pool),
    "adaptive_avg_pool": (adaptives(), adaptive(ADAPTIVE_AVERAGE)),
    "adaptive_max_pool": (adaptives(), adaptive(ADAPTIVE_MAX)),
    "global_avg_pool": (globals_(), global_pool(lambda cells: cells.mean(2))),
    "global_max_pool": (globals_(), global_pool(lambda cells: cells.sort(2).values[..., -1])),
}
STRATEGIES = {word: cases for word, (cases, _) in _ALL.items()}
ORACLES = {word: oracle for word, (_, oracle) in _ALL.items()}
