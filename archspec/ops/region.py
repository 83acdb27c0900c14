"""Regions of an image, each cut out of its features at one size: what a region network's head takes."""

from fractions import Fraction

from pydantic import Field

from archspec.ops.arguments import Count, Flag, Positive, Size
from archspec.ops.base import Operator, OperatorError, Reference, Sample, Saved, Types, operator
from archspec.ops.reach import Reach, whole
from archspec.ops.windows import axes_label, per_axis
from archspec.tensor import BYTES, TensorType

_PLACE = 4
"""Bytes of the number of a cell: torchvision's kernels write it as an int32."""


class RegionOperator(Operator):
    """Features (C, H, W) and boxes (R, 4) of an image to (C, *size), R of them.

    A box is x1, y1, x2, y2 in pixels of the input. `regions` names the boxes, an input of the network or a layer.
    """

    category = "pool"
    arity = (2, 2)
    references = {"regions": "extra"}

    regions: Reference = Field(None, description="The boxes, R×4, by name: x1, y1, x2, y2 in pixels of the input.")
    size: Size
    stride: Positive = Field(description="Pixels of the input to a cell of the features.")

    def infer(self, inputs: Types) -> Types:
        x, boxes = inputs
        if x.rank != 2:
            hint = "use it before flatten or global_avg_pool" if x.rank == 0 else None
            raise OperatorError(f"takes features of channels×height×width, and its input is {x}", hint=hint)
        if boxes.rank != 1 or boxes.spatial != (4,):
            message = f"takes boxes of R×4 (x1, y1, x2, y2), and `regions` is {boxes}"
            hint = "`inputs: {image: [3, 224, 224], regions: [300, 4]}` has 300 for each image"
            raise OperatorError(message, "regions", hint)
        return (TensorType((x.channels, *per_axis("size", self.size, x)), x.dtype, regions=boxes.channels),)

    def steps(self, inputs: Types, outputs: Types) -> tuple[Fraction, ...]:
        """None that is the same for all boxes: the stride of the features is left as it is."""
        return (Fraction(1),) * 2

    def reach(self, inputs: Types, outputs: Types, position: int = 0) -> tuple[Reach, ...]:
        """Everything: a region may lie anywhere."""
        return tuple(whole(n) for n in inputs[position].spatial)


@operator("roi_align")
class RoiAlign(RegionOperator):
    """Features inside each box, sampled between cells: the head's input in Mask R-CNN.

    Output: (C, *size) for each of the R boxes (R, 4) that `regions` names; they lie along the batch axis, N·R in
    all, image after image, and layers behind cost R times what they cost once. Boxes are x1, y1, x2, y2 in pixels
    of the input, `stride` of which make a cell of the features: `$prev.stride` where nothing but the layers
    before made them smaller.

    A box divided by `stride` is cut into `size` bins; y is the mean of `sampling` × `sampling` points spread evenly
    in a bin, each computed from the four cells around it in proportion to nearness. No coordinate is rounded.
    Points up to a cell outside the features take the value at the edge, those farther off 0.

    `aligned: false`, as in torchvision and its trained weights: cell i has its centre at i, and a box is at least a
    cell wide and high. `aligned: true`, as in Detectron2: it has it at i + ½, so that boxes move half a cell back,
    and nothing is widened.

    Elementwise: 8 · sampling² operations an output element: 4 products and 3 sums a point, then the mean. What is
    computed once a box and not for each channel (the points, the four weights) is not counted.

    He et al., arXiv:1703.06870.

        - roi_align: {regions: regions, size: 7, sampling: 2, stride: 16}
        - roi_align: {regions: proposals, size: 14, stride: $prev.stride, aligned: true}
    """

    drops = True
    samples = (
        Sample({"size": 7, "stride": 16}, ((256, 14, 14), (300, 4)), ((256, 7, 7),)),
        Sample({"size": 14, "stride": 4, "sampling": 4, "aligned": True}, ((8, 50, 68), (100, 4)), ((8, 14, 14),)),
        Sample({"size": [2, 3], "stride": 0.5, "sampling": 1}, ((4, 5, 6), (1, 4)), ((4, 2, 3),)),
    )

    sampling: Count = Field(2, description="Points along each side of a bin.")
    aligned: Flag = Field(False, description="Whether the centre of cell i is at i + ½, or at i.")

    def elementwise_ops(self, inputs: Types, outputs: Types) -> int:
        return 8 * self.sampling**2 * outputs[0].numel

    def saved(self, inputs: Types, outputs: Types, in_place: bool = False) -> Saved:
        return Saved(own_bytes=_box_bytes(inputs))

    def label(self) -> str:
        return f"{axes_label(self.size)} RoI align"


@operator("roi_pool")
class RoiPool(RegionOperator):
    """Largest feature in each part of each box: the head's input in Fast R-CNN.

    Output: (C, *size) for each of the R boxes (R, 4) that `regions` names; they lie along the batch axis, N·R in
    all, image after image, and layers behind cost R times what they cost once. Boxes are x1, y1, x2, y2 in pixels
    of the input, `stride` of which make a cell of the features: `$prev.stride` where nothing but the layers
    before made them smaller.

    A box divided by `stride` is rounded to whole cells, first and last included, at least one a side: h cells
    high, say. Bin i of m covers those from floor(i·h / m) to ceil((i + 1)·h / m) − 1, as in `adaptive_max_pool`;
    what of it lies outside the features is left out, and a bin with nothing inside is 0.

    Elementwise: nothing is counted. The comparisons depend on how large the boxes are, which no spec says.

    Girshick, arXiv:1504.08083.

        - roi_pool: {regions: regions, size: 7, stride: 16}
    """

    drops = True
    samples = (
        Sample({"size": 7, "stride": 16}, ((512, 14, 14), (300, 4)), ((512, 7, 7),)),
        Sample({"size": 6, "stride": 16}, ((256, 37, 50), (2000, 4)), ((256, 6, 6),)),
        Sample({"size": [2, 3], "stride": 0.5}, ((4, 5, 6), (1, 4)), ((4, 2, 3),)),
    )

    def saved(self, inputs: Types, outputs: Types, in_place: bool = False) -> Saved:
        """The box, and for every number of the output which cell it came from."""
        return Saved(own_bytes=_box_bytes(inputs) + _PLACE * outputs[0].numel)

    def backward_scratch(self, inputs: Types, outputs: Types, wanted: tuple[bool, ...]) -> int:
        return outputs[0].nbytes

    def label(self) -> str:
        return f"{axes_label(self.size)} RoI pool"


def _box_bytes(inputs: Types) -> int:
    """A box with the number of its image, in the wider of the two types."""
    return 5 * max(BYTES[x.dtype] for x in inputs)
