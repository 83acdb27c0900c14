"""Regularisers: layers that drop something at random in training and do nothing when deployed."""

from typing import Annotated

from pydantic import Field

from archspec.ops.base import Operator, OperatorError, Sample, Saved, Storage, Types, operator
from archspec.tensor import BYTES

Probability = Annotated[float, Field(strict=True, ge=0, lt=1, description="Probability of being dropped.")]


class _Drop(Operator):
    """Deployed, the output is the input itself: no memory, no operation."""

    category = "regularize"
    storage = "view"
    gradient = "same"
    p: float

    def training_storage(self) -> Storage:
        return "new" if self.p else "view"

    def infer(self, inputs: Types) -> Types:
        return (inputs[0],)

    def training_scratch(self, inputs: Types, outputs: Types, learns: bool) -> int:
        return 0 if learns else self.saved(inputs, outputs).own_bytes


@operator("dropout", main="p")
class Dropout(_Drop):
    """In training sets elements to 0 at random, so that no unit can rely on a single other one.

    Each element is 0 with probability p, and x / (1 − p) otherwise. Deployed it is the identity. p lies in
    [0, 1).

    Srivastava et al., "Dropout: a simple way to prevent neural networks from overfitting", 2014.

        - dropout: 0.5
    """

    acts_on = "number"
    samples = (
        Sample({}, ((4096,),), ((4096,),)),
        Sample({"p": 0.2}, ((256, 6, 6),), ((256, 6, 6),)),
    )

    p: Probability = 0.5

    def saved(self, inputs: Types, outputs: Types, in_place: bool = False) -> Saved:
        return Saved(own_bytes=outputs[0].nbytes if self.p else 0)

    def label(self) -> str:
        return f"dropout {self.p:.3g}"


@operator("spatial_dropout", main="p")
class SpatialDropout(_Drop):
    """Dropout of whole channels: in training sets feature maps to 0 at random.

    Each map is 0 with probability p, and x / (1 − p) otherwise.
    Neighbouring cells of a map are alike, so dropping single ones removes little. Deployed it is the
    identity. Needs a spatial axis; p lies in [0, 1).

    Tompson et al., arXiv:1411.4280.

        - spatial_dropout: 0.1
    """

    samples = (
        Sample({}, ((64, 30, 30),), ((64, 30, 30),)),
        Sample({"p": 0.1}, ((16, 101),), ((16, 101),)),
    )

    p: Probability = 0.5

    def infer(self, inputs: Types) -> Types:
        if inputs[0].rank == 0:
            raise OperatorError(f"a vector of {inputs[0]} features has no feature maps to drop", hint="use `dropout`")
        return (inputs[0],)

    def saved(self, inputs: Types, outputs: Types, in_place: bool = False) -> Saved:
        x = inputs[0]
        return Saved(own_bytes=x.channels * BYTES[x.dtype] if self.p else 0)

    def label(self) -> str:
        return f"spatial dropout {self.p:.3g}"


@operator("drop_path", main="p")
class DropPath(_Drop):
    """Stochastic depth: in training sets the whole tensor of an example to 0 at random.

    It is 0 with probability p, and x / (1 − p) otherwise, each example of a batch for itself. It ends the body
    of a `residual`, so that an example skips the body at random. Deployed it is the identity. p lies in [0, 1).

    Huang et al., arXiv:1603.09382; per example as in Larsson et al., arXiv:1605.07648.

        - residual:
            - conv_bn: {out: $in.channels, kernel: 3}
            - drop_path: 0.2
    """

    acts_on = "number"
    samples = (
        Sample({}, ((24, 56, 56),), ((24, 56, 56),)),
        Sample({"p": 0.2}, ((192,),), ((192,),)),
    )

    p: Probability = 0.0

    def saved(self, inputs: Types, outputs: Types, in_place: bool = False) -> Saved:
        return Saved(own_bytes=BYTES[inputs[0].dtype] if self.p else 0)

    def label(self) -> str:
        return f"drop path {self.p:.3g}" if self.p else ""
