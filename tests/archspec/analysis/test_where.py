"""From a cell back to the pixels it sees, worked by hand."""

from __future__ import annotations

import json

import pytest

import archspec
from archspec.cli import main


def test_a_cell_of_lenet():
    view = archspec.where(archspec.load("lenet5"), "conv2", (4, 0))
    # conv 5 sees 5 of 1; pool 2/2 sees 6 of 2; conv 5 sees 6 + 4·2 = 14
    assert [(f.size, f.jump, f.start) for f in view.field] == [(14, 2, 0)] * 2
    assert view.inside == ((8, 21), (0, 13))
    assert [float(c) for c in view.center] == [14.5, 6.5]


def test_padding_is_seen_outside_the_image():
    view = archspec.where(archspec.load("resnet18"), "stage.3", (3, 3))
    assert view.layer == "stage.3.block.1.act1"
    assert (view.first, view.last) == ((-121, -121), (313, 313))
    assert view.inside == ((0, 223), (0, 223))


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["lenet5", "cnov2", "0", "0"], "E583"),
        (["lenet5", "linear1", "0", "0"], "E584"),
        (["lenet5", "conv2", "10", "0"], "E585"),
        (["lenet5", "conv2", "-1", "0"], "E585"),
        (["lenet5", "conv2", "3"], "E585"),
    ],
)
def test_mistakes_are_told(words, code, capsys):
    assert main(["where", *words]) == 1
    assert f"error {code}:" in capsys.readouterr().err


def test_the_command_prints_a_line_an_axis(capsys):
    assert main(["where", "lenet5", "conv2", "4", "0"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "cell (4, 0) of conv2, 10×10, in an image of 32×32"
    assert lines[3].split() == ["y", "8", "…", "21", "8", "…", "21", "14.5", "14", "2", "0"]
    assert main(["where", "lenet5", "conv2", "4", "0", "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["inside"] == [[8, 21], [0, 13]]


def test_an_open_size_is_taken_at_its_example():
    view = archspec.where(archspec.load("resnet18", input="3xHxW"), "stage.3", (3, 3))
    assert view.image == (224, 224)
