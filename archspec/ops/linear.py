"""Fully connected layers."""

import math

from pydantic import Field

from archspec.ops.arguments import AxesOrNone, Bias, Count, Init
from archspec.ops.base import Operator, OperatorError, Sample, Saved, Types, Weight, Window, operator
from archspec.ops.windows import axes_label, output_sizes, window_over
from archspec.tensor import TensorType


@operator("linear", main="out")
class Linear(Operator):
    """Fully connected layer: every output is a weighted sum of all inputs.

    Input (features,), output (out,). An image is refused: write `flatten` or `global_avg_pool` first.
    Parameters: features·out, and `out` more with bias. MACs: features·out; elementwise: one
    addition of the bias per output.

    With `kernel` it is slid over a map (C, *spatial): at each place it takes the C·∏kernel features of a window,
    channels slowest, as `flatten` would order them, and gives (out, *spatial − kernel + 1). Its weights are the same,
    of the same shape, as without: features are C·∏kernel. `--dense` makes such layers of those behind a `flatten`.

    Rumelhart, Hinton and Williams 1986, "Learning representations by back-propagating errors"; slid over a map:
    Sermanet et al. 2014, arXiv:1312.6229.

        - flatten
        - linear: {out: 4096, init: {normal: 0.005}}
        - relu
        - linear: 1000

        - linear: {out: 4096, kernel: 5}
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
        # OverFeat's first on a map of 6×6: four windows of 5×5, 25·1024·4096 weights
        Sample(
            {"out": 4096, "kernel": 5},
            ((1024, 6, 6),),
            ((4096, 2, 2),),
            params=104_861_696,
            macs=4 * 104_857_600,
        ),
    )

    out: Count = Field(description="Features of the output.")
    kernel: AxesOrNone = Field(
        None, description="Cells of the window that it is slid over a map with: one number, or one an axis."
    )
    bias: Bias = True
    init: Init = "default"

    def infer(self, inputs: Types) -> Types:
        x, window = inputs[0], self.window(inputs)
        if window is not None:
            return (TensorType((self.out, *output_sizes(x, window)), x.dtype),)
        if x.rank:
            raise OperatorError(
                f"linear takes features, and its input is {x}",
                hint=f"write flatten first ({x.numel} features), or global_avg_pool ({x.channels} features)",
            )
        return (TensorType((self.out,), x.dtype),)

    def weights(self, inputs: Types) -> dict[str, Weight]:
        found = {"weight": Weight((self.out, self.features(inputs)))}
        if self.bias:
            found["bias"] = Weight((self.out,), added=True)
        return found

    def weight_product(self, inputs: Types) -> tuple[tuple[int, ...], tuple[int, ...]]:
        window = self.window(inputs)
        return (*(window.kernel if window is not None else ()), inputs[0].channels), (self.out,)

    def features(self, inputs: Types) -> int:
        """How many numbers each output is a sum of."""
        window = self.window(inputs)
        return inputs[0].channels * (1 if window is None else math.prod(window.kernel))

    def window(self, inputs: Types) -> Window | None:
        return None if self.kernel is None else window_over("linear", inputs[0], self.kernel, 1, 0)

    def slid_over(self, cells: tuple[int, ...]) -> Operator | None:
        return self.model_copy(update={"kernel": cells if len(set(cells)) > 1 else cells[0]})

    def saved(self, inputs: Types, outputs: Types, in_place: bool = False) -> Saved:
        return Saved(inputs=(0,))

    def macs(self, inputs: Types, outputs: Types) -> int:
        return self.features(inputs) * outputs[0].numel

    def elementwise_ops(self, inputs: Types, outputs: Types) -> int:
        return outputs[0].numel if self.bias else 0

    def label(self) -> str:
        return str(self.out) if self.kernel is None else f"{axes_label(self.kernel)}, {self.out}"
