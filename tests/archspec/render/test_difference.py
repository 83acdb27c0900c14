"""What `diff` prints."""

from __future__ import annotations

import json

import archspec
from archspec.cli import main
from archspec.render.difference import difference


def shown(one: str, other: str) -> list[str]:
    return difference(archspec.diff(archspec.load(one), archspec.load(other))).splitlines()


def test_repeats_are_told_as_a_range():
    lines = shown("resnet50", "resnet152")
    assert lines[0] == "resnet50 → resnet152"
    assert "  + stage.1.block.4–7  40 layers" in lines
    assert "  + stage.2.block.6–35  300 layers" in lines
    assert lines[-2].startswith("weights: 320 of 320 tensors load")


def test_no_word_is_told_twice(write_spec):
    before = archspec.load(write_spec("- conv: 4", "[3, 8, 8]", name="before"))
    layers = "- conv: 4\n- silu\n- drop_path: 0.003636363\n- dropout: 0.5\n- flatten\n- linear: 2"
    lines = difference(archspec.diff(before, archspec.load(write_spec(layers, "[3, 8, 8]", name="after")))).splitlines()
    assert [line.partition("  + ")[2] for line in lines if "  + " in line] == [
        "silu1  silu",
        "drop_path1  drop_path 0.00364",
        "dropout1  dropout 0.5",
        "flatten1  flatten",
        "linear1  linear 2",
    ]


def test_the_same_network_is_told_so():
    lines = shown("lenet5", "lenet5")
    assert "the layers are the same" in lines and "all counts are the same" in lines
    assert lines[-1] == "weights: 10 of 10 tensors load, 100 % of the values of lenet5"


def test_counts_are_aligned_and_signed():
    lines = shown("resnet50", "resnet18")
    params = next(line for line in lines if line.startswith("params "))
    assert params.split() == ["params", "25,557,032", "11,689,512", "−13,867,520", "−54", "%"]
    rows = lines[2 : lines.index("the same: stride")]
    head = rows[0]
    for name in ("resnet50", "resnet18", "change"):
        assert all(row[head.index(name) + len(name) - 1] != " " for row in rows)


def test_the_command_gives_text_and_json(capsys):
    assert main(["diff", "lenet5", "alexnet"]) == 0
    assert capsys.readouterr().out.startswith("lenet5 → alexnet\n")
    assert main(["diff", "lenet5", "alexnet", "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["before"] == "lenet5"
    assert main(["diff", "lenet5", "alexnett"]) == 1
    assert "did you mean 'alexnet'" in capsys.readouterr().err
