"""Fully connected layers."""

from pydantic import Field

from archspec.ops.arguments import Bias, Count, Init
from archspec.ops.base import Operator, OperatorError, Sample, Saved, Types, Weight, operator
from archspec.tensor import TensorType


@operator("linear", main="out")
class Linear(Operator):
    """Fully connected layer: every output is a weighted sum of all inputs.

    Input (features,), output (out,). An image is refused: write `flatten` or `global_avg_pool` first.
    Parameters: features·out, and `out` more with bias. MACs: features·out; elementwise: one
    addition of the bias per output.

    Rumelhart, Hinton and Williams 1986, "Learning representations by back-propagating errors".

        - flatten
        - linear: {out: 4096, init: {normal: 0.005}}
        - relu
        - linear: 1000
    """

    category = "linear"
    autocast = "lower"
    tunable = frozenset({"init"})
    samples = (
        # VGG-16's first: 7·7·512·4096 weights
        Sample({"out": 4096, "bias": False}, ((25_088,),), ((4096,),), params=102_760_448, macs=102_760_448),
        # a 200×200×3 image on 1,000 units: 120 million weights
        Sample({"out": 1000}, ((120_000,),), ((1000,),), params=120_001_000, macs=120_000_000),
        # 50 hidden units over CIFAR-10
        Sample({"out": 50}, ((3072,),), ((50,),), params=153_650, macs=153_600),
    )

    out: Count = Field(description="Features of the output.")
    bias: Bias = True
    init: Init = "default"

    def infer(self, inputs: Types) -> Types:
        x = inputs[0]
        if x.rank:
            raise OperatorError(
                f"linear takes features, and its input is {x}",
                hint=f"write flatten first ({x.numel} features), or global_avg_pool ({x.channels} features)",
            )
        return (TensorType((self.out,), x.dtype),)

    def weights(self, inputs: Types) -> dict[str, Weight]:
        found = {"weight": Weight((self.out, inputs[0].channels))}
        if self.bias:
            found["bias"] = Weight((self.out,), added=True)
        return found

    def saved(self, inputs: Types, outputs: Types, in_place: bool = False) -> Saved:
        return Saved(inputs=(0,))

    def macs(self, inputs: Types, outputs: Types) -> int:
        return inputs[0].numel * self.out

    def elementwise_ops(self, inputs: Types, outputs: Types) -> int:
        return outputs[0].numel if self.bias else 0

    def label(self) -> str:
        return str(self.out)
