"""Layers that change the shape and no value: identity, flatten and reshape, pad and crop."""

import math
from fractions import Fraction
from typing import Annotated, Any, Literal, cast

from pydantic import Field, PlainValidator
from pydantic_core import PydanticCustomError

from archspec.ops.arguments import LARGEST, AxesFromZero, Count, SizeOrNone, as_written, whole_numbers
from archspec.ops.base import (
    NO_STEP,
    NeedsNumber,
    Operator,
    OperatorError,
    Part,
    Reference,
    Sample,
    Saved,
    Types,
    Window,
    operator,
)
from archspec.ops.reach import Outside, Reach, slid
from archspec.ops.windows import AXES, axes_label, ones, per_axis, refuse_without_axes, wanted_size
from archspec.tensor import TensorType


def _axis(value: Any) -> Any:
    if type(value) is int and 1 <= value <= LARGEST:
        return value
    if not isinstance(value, int | str):
        from archspec.sizes import Open

        if isinstance(value, Open):
            return value
    raise PydanticCustomError("argument_size", "a size is a whole number, or open, not {shown}", {"shown": str(value)})


Axis = Annotated[int, PlainValidator(_axis, json_schema_input_type=Count)]


class Input(Operator):
    """A tensor that comes from outside: (channels, *spatial) or (features,), without the batch axis.

    A spatial size may be open (`archspec.sizes`). No layer a spec may write: the keys `input` and `inputs` make it.
    """

    word = "input"
    category = "input"
    arity = (0, 0)
    samples = (Sample({"shape": [3, 224, 224]}, (), ((3, 224, 224),)),)

    shape: Annotated[tuple[Axis, ...], Field(min_length=1, max_length=4)]
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

    acts_on = "number"
    storage = "view"
    gradient = "same"
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
    gradient = "same"
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
    sizes = tuple(value) if isinstance(value, list | tuple) else ()
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
    gradient = "same"
    samples = (
        Sample({"shape": [128, 7, 7]}, ((6272,),), ((128, 7, 7),)),
        Sample({"shape": [10, -1]}, ((20, 3, 4),), ((10, 24),)),
    )

    shape: Annotated[tuple[int, ...], PlainValidator(_shape, json_schema_input_type=_Sizes)] = Field(
        description="Sizes of the output; one may be -1 and takes what is left."
    )

    def infer(self, inputs: Types) -> Types:
        x = inputs[0]
        known = math.prod(n for n in self.shape if n != -1)
        if x.open:
            raise NeedsNumber(
                f"the input {x} has {x.numel} values, as many as the image is large, "
                f"and {as_written(self.shape)} is one number",
                "shape",
                "`adaptive_avg_pool` before it makes one size of all, or write the numbers: --input 3x224x224",
            )
        fits = x.numel % known == 0 if -1 in self.shape else x.numel == known
        if not fits:
            raise OperatorError(
                f"the input {x} has {x.numel} values, the shape {as_written(self.shape)} "
                + (f"{known}" if -1 not in self.shape else f"a multiple of {known}"),
                "shape",
            )
        return (TensorType(tuple(x.numel // known if n == -1 else n for n in self.shape), x.dtype),)

    def steps(self, inputs: Types, outputs: Types) -> tuple[Fraction, ...]:
        return (NO_STEP,) * outputs[0].rank

    def label(self) -> str:
        return f"reshape {axes_label(self.shape)}"


def _is_whole(value: Any) -> bool:
    return type(value) is int and 0 <= value <= LARGEST


def _is_pair(value: Any) -> bool:
    return isinstance(value, list | tuple) and len(value) == 2 and all(_is_whole(n) for n in value)


def _pair(value: Any) -> Any:
    if _is_pair(value):
        return tuple(value)
    raise PydanticCustomError(
        "argument_pair",
        "two, each {expected}, are expected, not {shown}",
        {"expected": whole_numbers(0, value), "shown": str(value)[:60]},
    )


def _sides(value: Any) -> Any:
    if _is_whole(value):
        return value
    axes = tuple(value) if isinstance(value, list | tuple) else ()
    if 1 <= len(axes) <= 3 and all(_is_whole(n) or _is_pair(n) for n in axes):
        return tuple(n if isinstance(n, int) else tuple(n) for n in axes)
    raise PydanticCustomError(
        "argument_sides",
        "{expected} is expected, or one for each axis, or [before, after] for each axis, not {shown}",
        {"expected": whole_numbers(0, value), "shown": str(value)[:60]},
    )


_AtLeast0 = Annotated[int, Field(ge=0)]
_PairSchema = Annotated[list[_AtLeast0], Field(min_length=2, max_length=2)]
Pair = Annotated[tuple[int, int], PlainValidator(_pair, json_schema_input_type=_PairSchema)]
Sides = Annotated[
    int | tuple[int | tuple[int, int], ...],
    PlainValidator(_sides, json_schema_input_type=_AtLeast0 | list[_AtLeast0 | _PairSchema]),
]


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

    size: Sides = Field(
        0, description="Cells added: one number for every side, one an axis, or [before, after] an axis."
    )
    mode: Literal["zeros", "reflect", "replicate"] = Field(
        "zeros", description="What the cells hold: zeros, the image mirrored, or its border repeated."
    )
    channels: Pair = Field((0, 0), description="Channels of zeros before the first and behind the last.")

    def sides(self, x: TensorType) -> tuple[tuple[int, int], ...]:
        """(before, after) for each spatial axis. Raises OperatorError where the list has another length."""
        size = self.size
        if size == 0:
            return ((0, 0),) * x.rank
        refuse_without_axes(x)
        if isinstance(size, int):
            return ((size, size),) * x.rank
        per_axis("size", cast("tuple[int, ...]", size), x)  # refuses another number of axes
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
        return Window(ones(x), ones(x), before, after, ones(x))

    def reach(self, inputs: Types, outputs: Types, position: int = 0) -> tuple[Reach, ...]:
        outside: Outside = "nothing" if self.mode == "zeros" else self.mode
        return tuple(slid(1, before=before, outside=outside) for before, _ in self.sides(inputs[0]))

    def saved(self, inputs: Types, outputs: Types, in_place: bool = False) -> Saved:
        mirrored = self.mode != "zeros" and any(map(any, self.sides(inputs[0])))
        return Saved(inputs=(0,)) if mirrored else Saved()

    def label(self) -> str:
        shown = [] if self.size == 0 else [f"pad {as_written(self.size)}"]
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
    sized_by = "to"
    storage = "view"
    samples = (
        Sample({"size": 224}, ((3, 256, 256),), ((3, 224, 224),)),
        Sample({"size": [5, 7], "offset": [0, 3]}, ((8, 6, 10),), ((8, 5, 7),)),
        Sample({}, ((64, 64, 64), (128, 56, 55)), ((64, 56, 55),)),
    )

    size: SizeOrNone = None
    to: Reference = Field(None, description="A layer, by name, whose height and width the output takes.")
    offset: AxesFromZero | None = Field(None, description="First cell that is kept along each axis.")

    def infer(self, inputs: Types) -> Types:
        x = inputs[0]
        spatial = wanted_size(self.size, inputs)
        if spatial is None or (self.size is not None and len(inputs) == 2):
            raise OperatorError(
                f"needs one of `size` and `to`, not {(self.size is not None) + len(inputs) - 1}",
                "size",
                "crop: 224, or crop: {to: …}, the name of a layer",
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
        spatial = wanted_size(self.size, inputs) or x.spatial  # `infer` has refused neither
        begin = self.begin(x, spatial)
        rest = (n - lo - wanted for n, lo, wanted in zip(x.spatial, begin, spatial, strict=True))
        return Window(ones(x), ones(x), tuple(-lo for lo in begin), tuple(-n for n in rest), ones(x))

    def made_of(self, inputs: Types) -> tuple[Part, ...]:
        return narrowed(inputs[0].spatial, self.infer(inputs)[0].spatial, made=len(inputs))

    def label(self) -> str:
        return "crop" if self.size is None else f"crop {axes_label(self.size)}"


class Narrowed(Operator):
    """The cells of one axis after the other, as torch takes them: a view. No layer a spec may write."""

    word = "narrowed"
    storage = "view"
    spatial: tuple[int, ...]

    def infer(self, inputs: Types) -> Types:
        return (TensorType((inputs[0].channels, *self.spatial), inputs[0].dtype),)


def narrowed(old: tuple[int, ...], new: tuple[int, ...], takes: int = 0, made: int = 1) -> tuple[Part, ...]:
    """From sizes to smaller ones, an axis a step. `takes`: position of the first input, `made`: of the first result."""
    shapes = [new[: i + 1] + old[i + 1 :] for i in range(len(new))]
    return tuple(Part(Narrowed(spatial=shape), (made + i - 1 if i else takes,)) for i, shape in enumerate(shapes))


def padding_of(window: Window) -> Pad:
    """The cells around the input of a window, as a layer of their own."""
    return Pad(size=tuple(zip(window.before, window.after, strict=True)), mode="zeros", channels=(0, 0))
