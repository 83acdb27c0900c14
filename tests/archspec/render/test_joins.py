"""Networks whose tensors meet in every way there is, the shallowest U, signals and solids, as pictures."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

import archspec
from archspec.render.draw import draw

TWINS = """
- layers:
    - conv: {out: WIDTH, kernel: 3}
    - relu
  from: left
  name: encoder
- share: encoder
  from: right
  name: twin
- JOIN: [encoder, twin]
- abs
- flatten
- linear: 2
"""
ONE_LEVEL = """
- conv: {out: 8, kernel: 3, padding: same}
  name: enc
- max_pool: 2
- conv: {out: 16, kernel: 3, padding: same}
- upsample: 2
- concat: [enc, $prev]
- conv: 2
"""


@pytest.fixture
def twins(write_spec):
    def write(join: str, width: int = 8) -> archspec.TypedGraph:
        layers = TWINS.replace("JOIN", join).replace("WIDTH", str(width))
        path = write_spec(layers, "null", name=f"twins{width}", inputs="{left: [1, 8, 8], right: [1, 8, 8]}")
        path.write_text(path.read_text().replace("input: null\n", ""))
        return archspec.load(path)

    return write


@pytest.mark.parametrize("join", ["add", "subtract", "multiply", "concat", "mean", "max", "weighted_add", "magnitude"])
def test_two_branches_are_drawn_however_they_meet(join, twins, tmp_path):
    for style in ("blocks", "layers", "paper"):
        page = draw(twins(join), tmp_path / f"{style}.svg", style=style).read_text()
        assert ET.fromstring(page).tag.endswith("svg")


def test_twins_are_coloured_by_what_differs_in_the_style_of_papers(twins, tmp_path):
    page = draw(twins("subtract", 16), tmp_path / "a.svg", style="paper", against=twins("subtract", 8)).read_text()
    assert "changed" in page and "difference" in page


def test_one_level_down_and_up_is_drawn_as_a_u_where_that_is_asked(write_spec, tmp_path):
    graph = archspec.load(write_spec(ONE_LEVEL, "[1, 32, 32]", task="segment"))
    assert "copy, crop where larger" in draw(graph, tmp_path / "u.svg", style="unet").read_text()
    assert "copy, crop where larger" not in draw(graph, tmp_path / "blocks.svg").read_text()


def test_what_has_no_way_up_is_no_encoder_decoder(tmp_path):
    with pytest.raises(archspec.SpecError) as refused:
        draw(archspec.load("lenet5"), tmp_path / "u.svg", style="unet")
    assert refused.value.diagnostics[0].code == "E574"
    assert "`concat` or `add`" in str(refused.value)


@pytest.mark.parametrize(
    ("input", "written"),
    [
        ("[4, 20]", "C@L: channels, length; edges"),
        ("[1, 20, 20]", "C@H×W: channels, height, width; edges"),
        ("[1, 8, 20, 20]", "C@D×H×W: channels, depth (not drawn), height, width; edges"),
    ],
)
def test_volumes_say_what_is_written_above_them(input, written, write_spec, tmp_path):
    graph = archspec.load(write_spec("- conv: {out: 8, kernel: 3}\n- flatten\n- linear: 2", input))
    assert written in draw(graph, tmp_path / "volumes.svg", style="volumes").read_text()
