"""Fully connected layers slid over larger maps: shapes, names, notes, and what cannot be slid."""

from __future__ import annotations

from pathlib import Path

import pytest

import archspec
from archspec.analysis.windows import windows
from archspec.cli import main
from archspec.plugins import using

HEAD = "archspec: 1\ninput: [1, 20, 20]\nlayers:\n"
CONV = "  - conv: {out: 4, kernel: 5, stride: 2}\n  - relu\n"


def written(folder: Path, layers: str, head: str = HEAD) -> Path:
    path = folder / "net.yaml"
    path.write_text(head + layers)
    return path


def outputs(graph: archspec.TypedGraph) -> dict[str, tuple[int, ...]]:
    return {name: graph.type_of(tap).shape for name, tap in graph.outputs.items()}


def test_overfeat_gives_one_place_at_221_and_four_at_257() -> None:
    """Sermanet et al. 2014, section 3.5 and table 3: a stride of 2·3·2·3 pixels, a window is 5×5 cells of the map."""
    assert outputs(archspec.load("overfeat", dense=True)) == {"scores": (1000, 1, 1), "boxes": (4000, 1, 1)}
    graph = archspec.load("overfeat", input="3x257x257", dense=True)
    assert outputs(graph) == {"scores": (1000, 2, 2), "boxes": (4000, 2, 2)}
    assert graph.types["map"][0].shape == (1024, 6, 6)
    assert archspec.load("overfeat").types["map"][0].shape == (1024, 5, 5)
    found = windows(graph, "boxes")
    assert (found.size, found.step, found.count) == ((221, 221), (36, 36), (2, 2))
    assert found.boxes() == [(0, 0, 221, 221), (36, 0, 257, 221), (0, 36, 221, 257), (36, 36, 257, 257)]
    assert archspec.summarize(graph).totals.params == archspec.summarize(archspec.load("overfeat")).totals.params


def test_an_open_size_tells_the_windows_of_every_image() -> None:
    graph = archspec.load("lenet5", input="1xHxW", dense=True)
    (shape,) = outputs(graph).values()
    assert [str(n) for n in shape] == ["10", "⌊(H−28)/4⌋", "⌊(W−28)/4⌋"]
    assert graph.sizes["H"].first == 32


def test_layers_keep_their_names_and_the_shape_of_their_weights() -> None:
    plain, slid = archspec.load("alexnet"), archspec.load("alexnet", input="3x300x400", dense=True)
    held = [{name: weights for name, weights in graph.weights.items() if weights} for graph in (plain, slid)]
    assert held[0] == held[1]
    assert [name for name in plain.nodes if name not in slid.nodes] == ["flatten1"]
    assert plain.window == () and slid.window == (224, 224)


def test_a_written_out_network_is_that_which_slides(tmp_path: Path) -> None:
    path = tmp_path / "out.yaml"
    path.write_text(archspec.expand("lenet5", input=[1, 40, 48], dense=True))
    assert path.read_text().startswith("# Written out by `archspec expand lenet5 --input 1x40x48 --dense`.\n")
    again, slid = archspec.load(path), archspec.load("lenet5", input=[1, 40, 48], dense=True)
    assert {name: node.op for name, node in again.nodes.items()} == {name: node.op for name, node in slid.nodes.items()}
    assert again.types == slid.types


def test_what_stands_between_flatten_and_linear_may_be_elementwise(tmp_path: Path) -> None:
    layers = CONV + "  - flatten\n  - dropout: 0.5\n  - relu\n  - flatten\n  - linear: 6\n  - batch_norm\n  - flatten\n"
    graph = archspec.load(written(tmp_path, layers + "  - linear: 3\n  - softmax\n"), input=[1, 24, 26], dense=True)
    assert outputs(graph) == {"softmax1": (3, 3, 4)}
    (said,) = graph.notes
    assert said.endswith("each place of 'softmax1' answers for a window of 20×20 pixels, 2 from one to the next")


def test_two_heads_on_one_map_meet_again(tmp_path: Path) -> None:
    layers = CONV + "  - flatten\n  - branches: [[linear: 3], [linear: 4]]\n    join: concat\n"
    assert outputs(archspec.load(written(tmp_path, layers), input=[1, 22, 20], dense=True)) == {"concat1": (7, 2, 1)}


@pytest.mark.parametrize(
    ("layers", "said"),
    [
        ("  - flatten\n", "is a map laid flat, with no `linear` behind it"),
        ("  - flatten\n  - batch_norm\n  - linear: 3\n", "`batch_norm` takes the 256 numbers of a map laid flat"),
        ("  - flatten\n  - linear: 18\n  - reshape: [2, 3, 3]\n",
         "`reshape` takes the 18 numbers of one answer together"),
        ("  - flatten\n  - linear: 4\n  - global_avg_pool: {}\n    from: relu1\n  - add: [linear1, $prev]\n",
         "'linear1' has an answer for each window, and 'global_avg_pool1', which it meets, one in all"),
        ("  - locally_connected: {out: 2, kernel: 3}\n  - flatten\n  - linear: 2\n",
         "`locally_connected` has weights of its own at every place"),
    ],
)  # fmt: skip
def test_what_cannot_be_slid_is_told_at_its_layer(layers: str, said: str, tmp_path: Path) -> None:
    path = written(tmp_path, CONV + layers)
    archspec.load(path)
    with pytest.raises(archspec.SpecError) as caught:
        archspec.load(path, input=[1, 26, 26], dense=True)
    (d,) = caught.value.diagnostics
    assert d.code == "E176" and said in d.message
    assert d.span is not None and d.span.file == str(path)


def test_weights_shared_between_maps_of_two_sizes_are_told(tmp_path: Path) -> None:
    layers = "  - flatten\n  - linear: 3\n    name: first\n  - reshape: [4, 5, 5]\n    from: small\n"
    head = "archspec: 1\ninputs: {image: [1, 10, 10], small: [100]}\nlayers:\n"
    path = written(tmp_path, layers + "  - flatten\n  - share: first\n", head)
    with pytest.raises(archspec.SpecError, match="it has the weights of 'first', which takes a map of another size"):
        archspec.load(path, dense=True)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("resnet18", "no `linear` stands behind a `flatten`"),
        ("googlenet", "only what exists in training alone has a `linear` behind a `flatten`"),
        ("googlenet_bn", "what aux1.aux1.flatten1 lays flat has one size whatever the image's"),
    ],
)
def test_global_pools_answer_once_for_images_of_any_size(name: str, why: str) -> None:
    graph = archspec.load(name, input=[3, 288, 288], dense=True)
    assert outputs(graph)["linear1"] == (1000,)
    (note,) = graph.notes
    assert note == f"nothing slides in '{name}': {why}; it takes images of other sizes as it is"
    with pytest.raises(archspec.SpecError, match=f"'{name}' does not slide"):
        windows(graph)


def test_padding_and_pools_of_the_whole_image_are_told(tmp_path: Path) -> None:
    gate = "  - layers: [global_avg_pool: {keep: true}, sigmoid]\n    name: gate\n  - multiply: [gate, relu1]\n"
    layers = CONV + gate + "  - conv: {out: 4, kernel: 3, padding: same}\n  - flatten\n  - linear: 2\n"
    _, border, whole = archspec.load(written(tmp_path, layers), dense=True).notes
    assert border.endswith("for its window cut out: the image goes on where it ended for conv2")
    assert whole.endswith("for its window cut out: the whole image is seen by gate.global_avg_pool1")


def test_an_image_smaller_than_the_window_is_refused() -> None:
    with pytest.raises(archspec.SpecError) as caught:
        archspec.load("lenet5", input=[1, 31, 40], dense=True)
    (d,) = caught.value.diagnostics
    assert (d.code, d.hint) == ("E311", "an image is at least 32×32 pixels large")
    assert d.message == "an input of 1×31×40 is smaller than the window of 32×32 that 'lenet5' answers for"


PLUGIN = """
from archspec.plugins import *

@operator("half")
class Half(Operator):
    acts_on = "number"
    def infer(self, inputs): return inputs

@operator("whole")
class Whole(Operator):
    def infer(self, inputs): return inputs

@operator("seen", main="out")
class Seen(Operator):
    out: Count
    cells: tuple[int, ...] = ()
    def infer(self, inputs):
        (x,) = inputs
        if not self.cells and x.rank:
            raise OperatorError(f"takes a vector, and its input is {x}", hint="flatten")
        sizes = (n - cell + 1 for n, cell in zip(x.spatial, self.cells))
        return (TensorType((self.out, *sizes)),)
    def weights(self, inputs):
        cells = 1
        for n in self.cells:
            cells *= n
        return {"weight": Weight((self.out, inputs[0].channels * cells))}
    def slid_over(self, cells):
        return self.model_copy(update={"cells": cells})
"""


@pytest.mark.parametrize(
    ("size", "said"), [("1x64", "1×64 has 1 spatial axis,"), ("1x8x64x64", "1×8×64×64 has 3 spatial axes,")]
)
def test_an_input_of_other_axes_is_told(size: str, said: str) -> None:
    with pytest.raises(archspec.SpecError, match=said) as caught:
        archspec.load("lenet5", input=size, dense=True)
    assert caught.value.diagnostics[0].code == "E176"


def test_a_plugin_s_operators_slide_where_they_say_that_they_can(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(PLUGIN)
    with using([tmp_path / "own.py"]):
        layers = CONV + "  - flatten\n  - half\n  - seen: 6\n  - half\n  - seen: 3\n"
        path = written(tmp_path, layers)
        graph = archspec.load(path, input=[1, 24, 26], dense=True)
        assert outputs(graph) == {"seen2": (3, 3, 4)}
        assert graph.weights["seen1"] == archspec.load(path).weights["seen1"]
        for layers in (
            CONV + "  - flatten\n  - whole\n  - linear: 3\n",
            CONV + "  - flatten\n  - seen: 6\n  - whole\n",
        ):
            with pytest.raises(archspec.SpecError, match=r"E176.*`whole` takes the"):
                archspec.load(written(tmp_path, layers), dense=True)


def test_a_sum_of_maps_laid_flat_slides(tmp_path: Path) -> None:
    layers = CONV + "  - flatten\n  - branches: [[relu], [dropout: 0.5]]\n    join: add\n  - linear: 3\n"
    assert outputs(archspec.load(written(tmp_path, layers), input=[1, 22, 20], dense=True)) == {"linear1": (3, 2, 1)}


def test_check_tells_what_cannot_be_slid_of_each_variant(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    layers = CONV + "  - flatten\n  - linear: 18\n  - reshape: [2, 3, 3]\n    when: $shaped\n"
    head = HEAD.replace("layers:", "vars: {shaped: false}\nvariants:\n  grid: {shaped: true}\nlayers:")
    path = written(tmp_path, layers, head)
    assert [d.code for d in archspec.check(path)] == ["W301"]  # a stride that leaves the last cell unread
    d, _ = archspec.check(path, dense=True)
    assert d.code == "E176" and d.span is not None and d.span.line == 11
    assert main(["check", f"{path}@grid", "--dense"]) == 1
    assert "cannot be slid over a larger image" in capsys.readouterr().err
    assert main(["check", "lenet5", "--dense", "--input", "1x40x40"]) == 0
    assert main(["check", "lenet5", "--dense", "--input", "1x30x40"]) == 1
    assert "E311" in capsys.readouterr().err
