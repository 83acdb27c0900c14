"""What an operator is: arguments as fields, rules as methods, its page in the docstring.

Everything else (schema, reference page, conformance tests, diagram style, defaults) follows from
the registry, so adding an operator touches its family's file here and the same-named file in each
backend's `lowering/`, and nothing more.
"""

# Annotations are evaluated here, once: as text, pydantic would compile those of `Operator` again for every operator.

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, ClassVar, Literal, NamedTuple, TypeVar

from pydantic import BaseModel, ConfigDict

from archspec.ops.reach import Reach, same, slid, whole
from archspec.tensor import BYTES, TensorType

Category = Literal[
    "input", "conv", "linear", "pool", "norm", "activation", "merge", "shape", "regularize", "attention", "detect"
]
Storage = Literal["new", "view", "activation"]
ActsOn = Literal["number", "place", "map"]
Kind = Literal[
    "conv",
    "pointwise",
    "thin",
    "grouped",
    "depthwise",
    "transposed",
    "linear",
    "norm",
    "local_norm",
    "rectifier",
    "activation",
    "max_pool",
    "avg_pool",
    "global_pool",
    "elementwise",
    "copy",
    "view",
]
"""Classes of operations that a library runs by programs of one sort, so that one efficiency speaks for all of a class.

`conv` is dense with a kernel above 1; `pointwise` dense with a kernel of 1; `thin` with a kernel above 1 and fewer
than 8 channels out, too few for vector units; `grouped` and `depthwise` with groups of several channels and of one;
`rectifier` activations without an exponential and `activation` those with one; `elementwise` sums, products and the
like; `copy` what only moves numbers; `view` what does not even that, and costs no more than the call.
"""
Types = tuple[TensorType, ...]
_ONE = Fraction(1)
NO_STEP = Fraction(0)
"""The step of an axis whose size is given: how many cells of the input one stands for depends on the image."""


class OperatorError(ValueError):
    """An operator refuses its arguments or inputs: the numbers, the argument at fault, what would fit."""

    code = "E310"

    def __init__(self, message: str, argument: str | None = None, hint: str | None = None):
        self.message, self.argument, self.hint = message, argument, hint
        super().__init__(message)


class NeedsNumber(OperatorError):
    """An operator refuses an open size: what it stores or makes depends on the number."""

    code = "E315"


@dataclass(frozen=True, slots=True)
class Weight:
    """A stored tensor of an operator: a learned parameter, a frozen one, or a buffer."""

    shape: tuple[int, ...]
    kind: Literal["parameter", "frozen", "buffer"] = "parameter"
    dtype: str = "float32"
    added: bool = False
    """Whether it is only added to the result, as a bias: then the backward pass needs its gradient, not its value."""

    @property
    def numel(self) -> int:
        n = 1
        for size in self.shape:
            n *= size
        return n

    @property
    def nbytes(self) -> int:
        return self.numel * BYTES[self.dtype]


@dataclass(frozen=True, slots=True)
class Window:
    """A window slid over the spatial axes, one number an axis (`before`: padding at the low end)."""

    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    before: tuple[int, ...]
    after: tuple[int, ...]
    dilation: tuple[int, ...]
    ceil: bool = False


@dataclass(frozen=True, slots=True)
class Saved:
    """What torch keeps of a layer until its backward pass: which of its inputs, its output, and bytes of its own."""

    inputs: tuple[int, ...] = ()
    output: bool = False
    own_bytes: int = 0
    """Masks, indices, intermediate results: bytes per example (per region, where there are several)."""
    fixed_bytes: int = 0
    """Bytes whatever the batch: a batch's statistics."""
    mutual: bool = False
    """Whether an input is kept for the gradients of the others alone, as the factors of a product are."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A case worked by hand: arguments and input shapes, and what must come out of them."""

    args: Mapping[str, Any]
    inputs: tuple[tuple[int, ...], ...]
    outputs: tuple[tuple[int, ...], ...]
    params: int = 0
    macs: int = 0


class Operator(BaseModel):
    """Base of all operators. Fields are the arguments a spec may write; instances are immutable."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True, allow_inf_nan=False)

    word: ClassVar[str]
    main: ClassVar[str | None] = None
    """The argument that may stand alone: `- linear: 10`."""
    category: ClassVar[Category] = "shape"
    arity: ClassVar[tuple[int, int | None]] = (1, 1)
    """Fewest and most input tensors; None where there is no bound."""
    references: ClassVar[Mapping[str, Literal["inputs", "extra"]]] = {}
    """Arguments that name layers: `inputs` replaces what flows in, `extra` is appended to it.
    They are fields of type `Reference`, resolved to edges before the operator is made: always None here."""
    sized_by: ClassVar[str | None] = None
    """The reference of which nothing is read but the size, where there is one: the last of the inputs."""
    tunable: ClassVar[frozenset[str]] = frozenset()
    """Arguments that `defaults:` may fill, because they do not change the structure."""
    storage: ClassVar[Storage] = "new"
    """Whether the output needs memory of its own at inference: `view` never, `activation` not
    where it can run in place on the output of a weighted or normalising layer."""
    gradient: ClassVar[Literal["new", "same", "part"]] = "new"
    """Where the gradients of inputs lie: in memory of their own, or in that of the output's gradient, of which
    they are all (sums, views) or a part (concatenation). One of another size than the output's is always new."""
    overwrites: ClassVar[bool] = False
    """Whether it may write its result over its first input, fresh from a weighted or normalising layer, and an
    activation over that: its backward pass needs neither, as that of a sum."""
    autocast: ClassVar[Literal["lower", "float32", "widest", "promote"]] = "widest"
    """What torch's autocast computes it in: the lower precision, float32, or the widest of its inputs', which it
    takes as they are (`widest`), or of which copies are made where they differ (`promote`)."""
    kind: ClassVar[Kind | None] = None
    """Which kind of work it is, for estimates of time; None where its category, weights and sizes say so."""
    drops: ClassVar[bool] = False
    """Whether it makes without gradients too what by `saved` it keeps of its own, and drops it at once."""
    acts_on: ClassVar[ActsOn] = "map"
    """What of its inputs one number of the output depends on, in the same way wherever it stands: the `number` at the
    same place alone; all channels of that `place`, by weights that are the same at every place, and of a vector as of a
    map of one place; or more, or otherwise (`map`). `passes.dense` slides only the first two behind a `flatten`."""
    answers: ClassVar[bool] = False
    """Whether it is there only when the network answers, not while it trains; so is what takes from it."""
    samples: ClassVar[tuple[Sample, ...]] = ()

    def infer(self, inputs: Types) -> Types:
        """Output types from input types. Raises OperatorError with the numbers and what would fit.

        Regions are none of its business: `typed` passes them on. Ask that function, not this rule.
        """
        raise NotImplementedError

    def weights(self, inputs: Types) -> dict[str, Weight]:
        """Stored tensors by the name they have in a checkpoint (`weight`, `bias`, `running_mean` …)."""
        return {}

    def weight_product(self, inputs: Types) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """How many values `weight` has, as a product: the sizes of what one output value reads, and those of the
        outputs that have values of their own. Asked where there is a `weight`, as a convolution's (out, in, kernel).
        """
        outputs, channels, *kernel = self.weights(inputs)["weight"].shape
        return (*kernel, channels), (outputs,)

    def macs(self, inputs: Types, outputs: Types) -> int:
        """Multiply-accumulates per example (per region, where there are several): convolutions and matrix products
        alone, no bias.
        """
        return 0

    def elementwise_ops(self, inputs: Types, outputs: Types) -> int:
        """Scalar operations per example (per region, where there are several) that `macs` leaves out, deployed
        (evaluation mode).
        """
        return 0

    def window(self, inputs: Types) -> Window | None:
        """The window slid over the input, or None where a cell sees its own position (or everything)."""
        return None

    def slid_over(self, cells: tuple[int, ...]) -> "Operator | None":
        """The operator over every window of so many cells of a map, with the weights that it has for the numbers of one
        such window laid flat, channels slowest: what answered once then answers for each window. None where it takes no
        numbers laid flat, or nothing says how."""
        return None

    def steps(self, inputs: Types, outputs: Types) -> tuple[Fraction, ...]:
        """Input cells that one step along each spatial axis of the output takes: below 1 where it enlarges.

        It follows from the arguments alone, never from the size of the image, since shortcuts and conditions
        look at it; 0 where it cannot, as in a pool to 7×7 cells.
        """
        window = self.window(inputs)
        if window is not None:
            return tuple(_ONE if stride == 1 else Fraction(stride) for stride in window.stride)
        return (_ONE,) * outputs[0].rank

    def reach(self, inputs: Types, outputs: Types, position: int = 0) -> tuple[Reach, ...]:
        """Which cells of the input at that position a cell of the output reads, an entry a spatial axis.

        Unless an operator says otherwise: those in its window; without one that at the same place, and where the
        size of an axis changes all along it. Asked where both have as many axes, and of sizes that are numbers.
        """
        window = self.window(inputs)
        if window is not None:
            parts = zip(window.kernel, window.stride, window.before, window.dilation, strict=True)
            return tuple(slid(*part) for part in parts)
        sizes = zip(inputs[position].spatial, outputs[0].spatial, strict=True)
        return tuple(same() if old == new else whole(old) for old, new in sizes)

    def saved(self, inputs: Types, outputs: Types, in_place: bool = False) -> Saved:
        """What torch keeps for the backward pass; `in_place`: where the layer overwrites its first input."""
        return Saved()

    def training_storage(self) -> Storage:
        """`storage` as it is in training."""
        return self.storage

    def scratch(self, inputs: Types, outputs: Types) -> int:
        """Bytes per example that it makes and drops again while it computes, without gradients: beside its inputs and
        outputs, at the moment when there is most."""
        return self.saved(inputs, outputs).own_bytes if self.drops else 0

    def made_of(self, inputs: Types) -> "tuple[Part, ...]":
        """What torch runs one after the other in its place while it trains; nothing where that is one step.

        Each part gives one tensor, the last of them the output. Their weights are those of the whole.
        """
        return ()

    def training_scratch(self, inputs: Types, outputs: Types, learns: bool) -> int:
        """`scratch` while it trains. Where it `learns`, what it keeps for its backward pass is not in it."""
        return 0 if learns else self.scratch(inputs, outputs)

    def backward_scratch(self, inputs: Types, outputs: Types, wanted: tuple[bool, ...]) -> int:
        """Bytes per example that the backward pass makes and drops again, at the moment when there is most.

        Beside the gradient it is given, what is kept, and the gradients of the weights and of the inputs that are
        `wanted`: not those of the network's own inputs.
        """
        return 0

    def copied_gradients(self, inputs: Types) -> int:
        """Bytes of the gradients of weights that come in another order than the weights, so that torch copies them."""
        return 0

    def gradient_of(self, position: int) -> Literal["new", "same", "part"]:
        """`gradient` of the input at that position."""
        return self.gradient

    def label(self) -> str:
        """A few characters for a diagram: `3×3, 64, /2`."""
        return ""


class Part(NamedTuple):
    """A step of those that an operator is made of: what it does, and to which tensors."""

    op: Operator
    takes: tuple[int, ...] = (0,)
    """Positions among the inputs of the whole, and behind them the results of the parts before."""


def typed(op: Operator, inputs: Types) -> Types:
    """The types that an operator gives: what its `infer` says, as many times an example as its inputs are there.

    Raises OperatorError of `infer`, and where a tensor for each region meets one of the whole image, or of other
    regions: the batch axis of one is longer.
    """
    regions = {x.regions: i for i, x in reversed([*enumerate(inputs)])}  # the first input of each number
    if regions.keys() <= {1}:
        return op.infer(inputs)
    if len(regions) > 1:
        first, second = sorted(regions.values())[:2]
        told = (f"input {i + 1} is {inputs[i]}, {per_image(inputs[i])}" for i in (first, second))
        hint = "what is taken out of an image by regions meets only what was taken by as many, in the same order"
        raise OperatorError(", ".join(told), hint=hint)
    (count,) = regions
    return tuple(replace(y, regions=count) for y in op.infer(inputs))


def per_image(x: TensorType) -> str:
    """How often a tensor is there: `once an image`, `for each of its 300 regions`."""
    return "once an image" if x.regions == 1 else f"for each of its {x.regions} regions"


Reference = str | list[str] | None
"""Type of an argument that names layers."""

REGISTRY: dict[str, type[Operator]] = {}
Op = TypeVar("Op", bound=type[Operator])


def operator(word: str, main: str | None = None) -> Callable[[Op], Op]:
    """Class decorator: enter an operator into the registry under the word a spec writes."""

    def enter(cls: Op) -> Op:
        if word in REGISTRY:
            raise ValueError(f"two operators are called '{word}': {REGISTRY[word].__name__} and {cls.__name__}")
        cls.word, cls.main = word, main
        REGISTRY[word] = cls
        return cls

    return enter
