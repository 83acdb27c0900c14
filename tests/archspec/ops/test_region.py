"""Regions: what is refused, how their number goes from layer to layer, and what they cost."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import archspec
from archspec.analysis.receptive import fields
from archspec.errors import SpecError
from archspec.ops import REGISTRY, Operator, OperatorError
from archspec.ops.base import Types, typed
from archspec.tensor import TensorType

TRUNK = "  - conv: {out: 8, kernel: 3, stride: 4, padding: 1}\n    name: trunk\n"
ALIGN = "  - roi_align: {regions: boxes, size: 7, stride: $prev.stride}\n    name: crop\n"
HEAD = "  - conv: {out: 4, kernel: 3}\n  - relu\n  - flatten\n  - linear: 10\n    name: scores\n"


def written(tmp_path: Path, layers: str, inputs: str = "{image: [3, 32, 32], boxes: [30, 4]}") -> Path:
    path = tmp_path / "net.yaml"
    path.write_text(f"archspec: 1\nname: net\ninputs: {inputs}\nlayers:\n{layers}")
    return path


def refusal(op: Operator, *inputs: TensorType) -> OperatorError:
    with pytest.raises(OperatorError) as caught:
        typed(op, inputs)
    return caught.value


def pool(word: str = "roi_pool", **args: Any) -> Operator:
    return REGISTRY[word](**{"size": 7, "stride": 16, **args})


@pytest.mark.parametrize("word", ["roi_align", "roi_pool"])
def test_features_are_a_plane_and_boxes_four_numbers(word: str) -> None:
    boxes = TensorType((300, 4))
    for shape in ((256,), (256, 7), (8, 4, 7, 7)):
        error = refusal(pool(word), TensorType(shape), boxes)
        assert str(TensorType(shape)) in error.message and "height×width" in error.message
    for wrong in ((300, 5), (4,), (300, 4, 1)):
        error = refusal(pool(word), TensorType((256, 14, 14)), TensorType(wrong))
        assert error.argument == "regions" and error.message.endswith(str(TensorType(wrong)))
    error = refusal(pool(word, size=[7, 7, 7]), TensorType((256, 14, 14)), boxes)
    assert error.argument == "size"


def test_a_tensor_of_regions_counts_them_in_bytes_and_not_in_its_shape() -> None:
    (crops,) = typed(pool(), (TensorType((256, 14, 14)), TensorType((300, 4))))
    assert crops == TensorType((256, 7, 7), regions=300)
    assert (crops.numel, crops.nbytes) == (12_544, 300 * 12_544 * 4)
    assert str(crops) == "300 × 256×7×7"
    assert crops.at({}) == crops


def test_what_comes_of_regions_is_there_as_often() -> None:
    crops = TensorType((8, 7, 7), regions=30)
    for word, args, shape in (
        ("conv", {"out": 4, "kernel": 3}, (4, 5, 5)),
        ("flatten", {}, (392,)),
        ("global_avg_pool", {}, (8,)),
    ):
        assert typed(REGISTRY[word](**args), (crops,)) == (TensorType(shape, regions=30),)
    halves: Types = typed(REGISTRY["split"](parts=2), (crops,))
    assert halves == (TensorType((4, 7, 7), regions=30),) * 2
    assert typed(REGISTRY["add"](), (crops, crops)) == (crops,)


@pytest.mark.parametrize("word", ["add", "concat", "multiply"])
def test_regions_do_not_meet_the_whole_image_nor_other_regions(word: str) -> None:
    crops, op = TensorType((8, 7, 7), regions=30), REGISTRY[word]()
    error = refusal(op, crops, TensorType((8, 7, 7)))
    assert error.message == "input 1 is 30 × 8×7×7, for each of its 30 regions, input 2 is 8×7×7, once an image"
    error = refusal(op, crops, crops, TensorType((8, 7, 7), regions=20))
    assert error.message.startswith("input 1 is 30 × 8×7×7") and "input 3 is 20 × 8×7×7" in error.message


def test_a_spec_that_mixes_them_is_told_where(tmp_path: Path) -> None:
    layers = TRUNK + ALIGN + "  - add: [crop, trunk]\n"
    with pytest.raises(SpecError) as raised:
        archspec.load(written(tmp_path, layers))
    (found,) = raised.value.diagnostics
    assert found.code == "E310" and found.span is not None and found.span.line == 9
    assert "one is there for each of its 30 regions, the other once an image" in found.message


def test_regions_of_regions_are_refused(tmp_path: Path) -> None:
    again = "  - roi_pool: {regions: boxes, size: 3, stride: 4}\n"
    with pytest.raises(SpecError, match="30 × 8×7×7, for each of its 30 regions, input 2 is 30×4, once an image"):
        archspec.load(written(tmp_path, TRUNK + ALIGN + again))


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        ("{size: 7, stride: 4}", "E306", "`- roi_align: {regions: …}`"),
        ("{regions: boxes, size: 7}", "E303", "'stride' is missing"),
        ("{regions: boxes, size: 7, stride: 0}", "E303", "stride"),
        ("{regions: nobody, size: 7, stride: 4}", "E121", "nobody"),
    ],
)
def test_what_is_missing_is_named(args: str, code: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(SpecError) as raised:
        archspec.load(written(tmp_path, f"{TRUNK}  - roi_align: {args}\n"))
    (found,) = raised.value.diagnostics
    assert found.code == code and said in f"{found.message} {found.hint}"


def test_costs_are_those_of_the_trunk_and_of_the_head_once_a_region(tmp_path: Path) -> None:
    def counted(layers: str, inputs: str) -> Any:
        return archspec.summarize(archspec.load(written(tmp_path, layers, inputs))).totals

    image = counted(TRUNK, "{image: [3, 32, 32]}")
    head = counted(HEAD, "{crop: [8, 7, 7]}")
    assert (image.macs, head.macs) == (64 * 8 * 27, 25 * 4 * 72 + 100 * 10)  # by hand: 8×8 cells, then 5×5, then 100→10
    for count in (1, 2, 300):
        whole = counted(TRUNK + ALIGN + HEAD, f"{{image: [3, 32, 32], boxes: [{count}, 4]}}")
        assert whole.macs == image.macs + count * head.macs
        assert whole.params == image.params + head.params
        assert whole.elementwise_ops == image.elementwise_ops + count * (head.elementwise_ops + 32 * 8 * 49)
        # the head's own input is the crop
        assert whole.activation_bytes == image.activation_bytes + count * (head.activation_bytes + 4 * 4)


def test_batches_multiply_what_regions_multiply(tmp_path: Path) -> None:
    graph = archspec.load(written(tmp_path, TRUNK + ALIGN + HEAD))
    one, three = archspec.summarize(graph).totals, archspec.summarize(graph, batch=3).totals
    assert (three.macs, three.activation_bytes) == (3 * one.macs, 3 * one.activation_bytes)
    assert three.params == one.params


def test_a_summary_shows_them(tmp_path: Path) -> None:
    graph = archspec.load(written(tmp_path, TRUNK + ALIGN + HEAD))
    summary = archspec.summarize(graph)
    data = summary.to_json()
    rows = {row["name"]: row for row in data["layers"]}
    assert (rows["crop"]["output"], rows["crop"]["regions"]) == ([8, 7, 7], 30)
    assert "regions" not in rows["trunk"]
    assert data["outputs"] == {"scores": [10]} and data["regions"] == {"scores": 30}
    json.dumps(data)

    from archspec.render import formats, table

    assert "30*8x7x7" in formats.csv(summary)
    shown = table.table(summary)
    assert "30 × 8×7×7" in shown and "image 3×32×32, boxes 30×4 → 30 × 10" in shown


def test_a_cell_of_a_region_may_see_the_whole_image(tmp_path: Path) -> None:
    found = fields(archspec.load(written(tmp_path, TRUNK + ALIGN)))
    assert [axis.size for axis in found["crop"]] == [3 + 7 * 4] * 2


def test_the_image_may_be_open_and_the_number_of_regions_may_not(tmp_path: Path) -> None:
    graph = archspec.load(written(tmp_path, TRUNK + ALIGN + HEAD, "{image: [3, H, W], boxes: [30, 4]}"))
    assert graph.types["crop"] == (TensorType((8, 7, 7), regions=30),)
    totals = archspec.summarize(graph).totals
    closed = archspec.summarize(archspec.load(written(tmp_path, TRUNK + ALIGN + HEAD))).totals
    assert totals.at({"H": 32, "W": 32}) == closed
    with pytest.raises(SpecError) as raised:
        archspec.load(written(tmp_path, TRUNK + ALIGN, "{image: [3, 32, 32], boxes: [R, 4]}"))
    assert raised.value.diagnostics[0].code == "E316"
