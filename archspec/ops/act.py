"""Activations: functions of one number applied to every element, and the few that look across channels."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from archspec.ops.arguments import Flag, Positive, Real
from archspec.ops.base import ActsOn, Operator, OperatorError, Sample, Saved, Storage, Types, Weight, operator
from archspec.ops.pool import shared_by_maxima
from archspec.tensor import TensorType

Slope = Annotated[float, Field(strict=True, ge=0)]


class Activation(Operator):
    """What all activations share: the shape stays, one operation an element, in place where torch can.

    One operation an element whatever the function: an exponential or a logarithm counts as a comparison does.
    """

    category = "activation"
    acts_on: ClassVar[ActsOn] = "number"
    storage: ClassVar[Storage] = "activation"
    keeps: ClassVar[Literal["input", "output", "either"]] = "input"
    """What torch keeps to differentiate it; `either`: the output in place, else the input. In place the input is
    gone, so what needs it keeps a copy."""

    def infer(self, inputs: Types) -> Types:
        return (inputs[0],)

    def saved(self, inputs: Types, outputs: Types, in_place: bool = False) -> Saved:
        if self.keeps == "output" or (self.keeps == "either" and in_place):
            return Saved(output=True)
        return Saved(own_bytes=outputs[0].nbytes) if in_place else Saved(inputs=(0,))

    def elementwise_ops(self, inputs: Types, outputs: Types) -> int:
        return outputs[0].numel


def _keeps(*shapes: tuple[int, ...]) -> tuple[Sample, ...]:
    """Samples of an operator without arguments that keeps the shape."""
    return tuple(Sample({}, (shape,), (shape,)) for shape in shapes)


@operator("relu")
class Relu(Activation):
    """Rectified linear unit: what is negative becomes 0.

    y = max(0, x)

    Nair and Hinton, "Rectified linear units improve restricted Boltzmann machines", 2010.

        - relu
    """

    kind = "rectifier"
    keeps = "output"
    samples = _keeps((64, 56, 56), (10,))

    def label(self) -> str:
        return "ReLU"


@operator("relu6")
class Relu6(Activation):
    """ReLU that saturates at 6, so that low precision holds its range (MobileNets).

    y = min(max(0, x), 6)

    Howard et al., arXiv:1704.04861.

        - relu6
    """

    kind = "rectifier"
    samples = _keeps((32, 112, 112), (8, 20))

    def label(self) -> str:
        return "ReLU6"


@operator("leaky_relu", main="slope")
class LeakyRelu(Activation):
    """ReLU that lets a fraction of what is negative through.

    y = x where x > 0, slope · x elsewhere

    The slope is 0.01 unless written (Maas, Hannun and Ng, "Rectifier nonlinearities improve neural network
    acoustic models", 2013); YOLO writes 0.1. It may not be negative.

        - leaky_relu: 0.1
    """

    kind = "rectifier"
    keeps = "either"
    tunable = frozenset({"slope"})
    samples = (
        Sample({}, ((32, 208, 208),), ((32, 208, 208),)),
        Sample({"slope": 0.1}, ((1024, 13, 13),), ((1024, 13, 13),)),
    )

    slope: Slope = Field(0.01, description="Factor of what is below zero.")

    def label(self) -> str:
        return f"leaky ReLU {self.slope:g}"


@operator("prelu")
class Prelu(Activation):
    """ReLU with a learned slope: one a channel, or one for all channels (`shared: true`).

    y = x where x > 0, a_c · x elsewhere

    `weight` holds the slopes a, shape (channels,) or (1,), begun at `slope`.
    He et al., arXiv:1502.01852.

        - prelu
        - prelu: {shared: true}
    """

    kind = "rectifier"
    acts_on = "place"
    storage = "new"
    tunable = frozenset({"slope"})
    samples = (
        Sample({}, ((64, 8, 8),), ((64, 8, 8),), params=64),
        Sample({"shared": True, "slope": 0.1}, ((64, 8, 8),), ((64, 8, 8),), params=1),
    )

    shared: Flag = Field(False, description="Whether all channels share one slope.")
    slope: Real = Field(0.25, description="Factor of what is below zero.")

    def weights(self, inputs: Types) -> dict[str, Weight]:
        return {"weight": Weight((1 if self.shared else inputs[0].channels,))}

    def backward_scratch(self, inputs: Types, outputs: Types, wanted: tuple[bool, ...]) -> int:
        """The gradient of the slopes at every element; that of the input is made too where it is not wanted."""
        return outputs[0].nbytes if wanted[0] else 2 * outputs[0].nbytes

    def label(self) -> str:
        return "PReLU"


@operator("elu", main="alpha")
class Elu(Activation):
    """Exponential linear unit: smooth, and negative down to −alpha.

    y = x where x > 0, alpha · (eˣ − 1) elsewhere

    Clevert, Unterthiner and Hochreiter, arXiv:1511.07289. alpha may not be negative.

        - elu
    """

    keeps = "either"
    tunable = frozenset({"alpha"})
    samples = (
        Sample({}, ((24, 31, 98),), ((24, 31, 98),)),
        Sample({"alpha": 0.5}, ((100,),), ((100,),)),
    )

    alpha: Slope = Field(1.0, description="How far below zero it goes.")

    def label(self) -> str:
        return "ELU" if self.alpha == 1 else f"ELU {self.alpha:g}"


@operator("selu")
class Selu(Activation):
    """Self-normalising ELU: its two constants keep activations near mean 0 and variance 1.

    y = λ · x where x > 0, λ · α · (eˣ − 1) elsewhere; λ ≈ 1.0507, α ≈ 1.6733

    Klambauer et al., arXiv:1706.02515.

        - selu
    """

    keeps = "either"
    samples = _keeps((100,), (16, 4, 4))

    def label(self) -> str:
        return "SELU"


@operator("silu")
class Silu(Activation):
    """Sigmoid-weighted linear unit, also called swish.

    y = x · σ(x) = x / (1 + e⁻ˣ)

    Elfwing, Uchibe and Doya, arXiv:1702.03118; Ramachandran, Zoph and Le, arXiv:1710.05941.

        - silu
    """

    samples = _keeps((32, 112, 112), (8, 20))

    def label(self) -> str:
        return "SiLU"


@operator("gelu", main="approximate")
class Gelu(Activation):
    """Gaussian error linear unit.

    y = x · Φ(x), Φ the distribution function of the standard normal;
    `approximate: tanh` uses 0.5 · x · (1 + tanh(√(2/π) · (x + 0.044715 · x³)))

    Hendrycks and Gimpel, arXiv:1606.08415.

        - gelu
    """

    storage = "new"
    samples = (
        Sample({}, ((384, 56, 56),), ((384, 56, 56),)),
        Sample({"approximate": "tanh"}, ((16,),), ((16,),)),
    )

    approximate: Literal["none", "tanh"] = Field(
        "none", description="Whether the function itself is computed, or its approximation by tanh."
    )

    def label(self) -> str:
        return "GELU"


@operator("mish")
class Mish(Activation):
    """A smooth relative of SiLU (YOLOv4's backbone).

    y = x · tanh(ln(1 + eˣ))

    Misra, arXiv:1908.08681.

        - mish
    """

    samples = _keeps((64, 304, 304), (5,))

    def label(self) -> str:
        return "Mish"


@operator("sigmoid")
class Sigmoid(Activation):
    """Logistic function: any number to between 0 and 1.

    y = σ(x) = 1 / (1 + e⁻ˣ)

        - sigmoid
    """

    keeps = "output"
    samples = _keeps((1,), (6, 28, 28))

    def label(self) -> str:
        return "σ"


@operator("tanh")
class Tanh(Activation):
    """Hyperbolic tangent: any number to between −1 and 1.

    y = (eˣ − e⁻ˣ) / (eˣ + e⁻ˣ)

    LeCun et al., "Gradient-based learning applied to document recognition", 1998 (LeNet-5, scaled there).

        - tanh
    """

    keeps = "output"
    samples = _keeps((6, 28, 28), (84,))

    def label(self) -> str:
        return "tanh"


@operator("hard_sigmoid")
class HardSigmoid(Activation):
    """Sigmoid in straight pieces.

    y = min(max(0, x + 3), 6) / 6

    Howard et al., arXiv:1905.02244 (the gates of MobileNetV3).

        - hard_sigmoid
    """

    kind = "rectifier"
    samples = _keeps((72, 1, 1), (3,))

    def label(self) -> str:
        return "hard σ"


@operator("hard_swish")
class HardSwish(Activation):
    """SiLU in straight pieces.

    y = x · min(max(0, x + 3), 6) / 6

    Howard et al., arXiv:1905.02244 (MobileNetV3).

        - hard_swish
    """

    kind = "rectifier"
    samples = _keeps((16, 112, 112), (1280,))

    def label(self) -> str:
        return "hard swish"


@operator("hard_tanh")
class HardTanh(Activation):
    """Tanh in straight pieces.

    y = min(max(−1, x), 1)

    Collobert, "Large scale machine learning", 2004.

        - hard_tanh
    """

    kind = "rectifier"
    samples = _keeps((6, 28, 28), (84,))

    def label(self) -> str:
        return "hard tanh"


@operator("abs")
class Abs(Activation):
    """Absolute value: what is negative changes its sign.

    y = |x|

    Jarrett et al., "What is the best multi-stage architecture for object recognition?", 2009.

        - subtract: [left, right]
        - abs
    """

    kind = "rectifier"
    samples = _keeps((6, 28, 28), (84,))

    def backward_scratch(self, inputs: Types, outputs: Types, wanted: tuple[bool, ...]) -> int:
        """The signs."""
        return outputs[0].nbytes

    def label(self) -> str:
        return "|x|"


@operator("softplus", main="beta")
class Softplus(Activation):
    """Smooth ReLU, always positive.

    y = ln(1 + e^(beta · x)) / beta; where beta · x > 20 it is x itself, to float32 precision

    Dugas et al., "Incorporating second-order functional knowledge for better option pricing", 2000.

        - softplus
    """

    storage = "new"
    tunable = frozenset({"beta"})
    samples = (
        Sample({}, ((8,),), ((8,),)),
        Sample({"beta": 2.0}, ((4, 6, 6),), ((4, 6, 6),)),
    )

    beta: Positive = Field(1.0, description="How sharp the bend at zero is.")

    def label(self) -> str:
        return "softplus"


@operator("threshold", main="at")
class Threshold(Activation):
    """Rectify at a fixed threshold: what does not exceed it becomes `value`.

    y = x where x > at, value elsewhere

    The learned threshold of DeepBind (Alipanahi et al., 2015), max(0, x − b_k), is the negated bias of the
    convolution before a `relu`: write `- conv: …` and `- relu`.

        - threshold: 0.1
    """

    kind = "rectifier"
    tunable = frozenset({"at", "value"})
    samples = (
        Sample({"at": 0.1}, ((16, 101),), ((16, 101),)),
        Sample({"at": -1, "value": -1.0}, ((5,),), ((5,),)),
    )

    at: Real = Field(description="The value up to which the output is replaced.")
    value: Real = Field(0.0, description="What stands in its place.")

    def label(self) -> str:
        return f"x > {self.at:g}"


class _OverChannels(Activation):
    acts_on = "place"
    storage = "new"

    def elementwise_ops(self, inputs: Types, outputs: Types) -> int:
        return 3 * outputs[0].numel


@operator("softmax")
class Softmax(_OverChannels):
    """Class probabilities: over the channels of every position, positive and summing to 1.

    y_c = e^(x_c) / Σ_k e^(x_k)

    Three operations an element: exponential, sum, division. Training with cross-entropy takes the logits
    before it, so a classifier that is to be trained ends without it.

        - softmax
    """

    keeps = "output"
    samples = _keeps((1000,), (21, 32, 32))

    def label(self) -> str:
        return "softmax"


@operator("log_softmax")
class LogSoftmax(_OverChannels):
    """Logarithm of softmax over the channels of every position.

    y_c = x_c − ln Σ_k e^(x_k)

    Three operations an element: exponential, sum, subtraction.

        - log_softmax
    """

    keeps = "output"
    samples = _keeps((1000,), (21, 32, 32))

    def label(self) -> str:
        return "log softmax"


@operator("maxout", main="pieces")
class Maxout(Operator):
    """The largest of every `pieces` channels that follow one another: channels are divided by `pieces`.

    y_k = max over j < pieces of x_(k · pieces + j)

    With the convolution or linear layer before it (of pieces × the units wanted) this is the maxout unit.
    Goodfellow et al., arXiv:1302.4389. pieces − 1 operations an output element.

        - linear: 480
        - maxout: 2            # 240 units
    """

    kind = "rectifier"
    acts_on = "place"
    category = "activation"
    samples = (
        Sample({}, ((480,),), ((240,),)),
        Sample({"pieces": 4}, ((96, 32, 32),), ((24, 32, 32),)),
    )

    pieces: Annotated[int, Field(strict=True, ge=2)] = Field(2, description="Channels of which the largest is taken.")

    def infer(self, inputs: Types) -> Types:
        x = inputs[0]
        if left := x.channels % self.pieces:
            more = x.channels - left + self.pieces
            hint = f"give the layer before a multiple of {self.pieces} channels: {more} would fit"
            raise OperatorError(f"{x.channels} channels do not divide into pieces of {self.pieces}", "pieces", hint)
        return (TensorType((x.channels // self.pieces, *x.spatial), x.dtype),)

    def saved(self, inputs: Types, outputs: Types, in_place: bool = False) -> Saved:
        return Saved(inputs=(0,), output=True)

    def backward_scratch(self, inputs: Types, outputs: Types, wanted: tuple[bool, ...]) -> int:
        return shared_by_maxima(inputs[0], outputs[0])

    def elementwise_ops(self, inputs: Types, outputs: Types) -> int:
        return (self.pieces - 1) * outputs[0].numel

    def label(self) -> str:
        return f"maxout {self.pieces}"


ACTIVATIONS: list[str] = [
    "relu", "relu6", "leaky_relu", "prelu", "elu", "selu", "silu", "gelu", "mish", "sigmoid", "tanh", "abs",
    "hard_sigmoid", "hard_swish", "hard_tanh", "softplus", "softmax", "log_softmax",
]  # fmt: skip
"""The words `act:` may take, besides `none`: those that keep the shape and need no argument. A plugin's join them."""
