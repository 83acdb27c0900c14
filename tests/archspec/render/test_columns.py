"""The columns of a table, chosen."""

from __future__ import annotations

import csv
import io

import pytest

import archspec
from archspec.cli import main
from archspec.render.columns import KNOWN
from archspec.render.table import render
from archspec.render.units import cells_wide


def body(text: str) -> list[str]:
    lines = text.splitlines()
    first, last = [i for i, line in enumerate(lines) if set(line) == {"─"}]
    return [lines[first - 1], *lines[first + 1 : last]]


def test_the_columns_asked_for_in_their_order():
    text = render(archspec.summarize(archspec.load("resnet18")), width=120, columns=["field", "stride", "params"])
    head, stem, *_ = body(text)
    assert head.split() == ["layer", "field", "stride", "params"]
    assert stem.split() == ["stem", "7", "2", "9,536"]
    assert body(text)[9].split()[:3] == ["stage.3.block.1", "435", "32"]
    assert body(text)[-1].split()[:3] == ["linear1", "–", "–"]


def test_what_is_saved_adds_up():
    summary = archspec.summarize(archspec.load("lenet5"))
    cells = [line.split()[-2:] for line in body(render(summary, width=120, depth=9, columns=["saved"]))[1:]]
    by_hand = {"conv1": 6 * 28 * 28 * 4, "avg_pool1": 6 * 14 * 14 * 4}
    assert all(summary.saved[name] == size for name, size in by_hand.items())
    assert len(cells) == len(summary.rows)


@pytest.mark.parametrize("name", KNOWN)
@pytest.mark.parametrize("input", [None, "3xHxW"])
def test_every_column_is_aligned(name, input):
    summary = archspec.summarize(archspec.load("resnet18", input=input), device="h200")
    found = body(render(summary, width=120, columns=[name]).partition("\n\ntime on ")[0])
    if name not in ("operation", "from", "kind", "bound"):
        assert len({cells_wide(line) for line in found}) == 1


CONV = 3 * 2 * 64 * 56 * 56 * 64 * 9  # forward, and the gradients of weights and input


@pytest.mark.parametrize(
    ("sort", "first"),
    [
        ("saved", ("stem.norm", 4 * 64 * 112 * 112 + 2 * 4 * 64)),  # and the statistics of its channels
        ("train_flops", ("stage.0.block.0.conv_bn1.conv", CONV)),
        ("field", ("stage.3.block.1.conv_bn2.conv", "435x435")),
    ],
)
def test_layers_are_sorted_by_any_figure(sort, first):
    _, line, *_ = render(archspec.summarize(archspec.load("resnet18")), "csv", sort=sort, columns=[sort]).splitlines()
    assert line == ",".join(map(str, first))


def test_times_of_layers_add_up_to_that_of_a_pass():
    summary = archspec.summarize(archspec.load("resnet18"), device="h200")
    rows = list(csv.DictReader(io.StringIO(render(summary, "csv", columns=["time", "bound", "moves"]))))
    assert [*rows[0]] == ["name", "seconds", "bound", "bytes"]
    assert sum(float(row["seconds"]) for row in rows) == pytest.approx(archspec.roofline(summary.graph, "h200").seconds)
    (total,) = [line for line in render(summary, "markdown", columns=["time"]).splitlines() if "**total**" in line]
    assert total == "| **total** | 351 µs |"


def test_a_figure_of_a_device_asks_for_one(capsys):
    assert main(["summarize", "lenet5", "--columns", "time"]) == 1
    assert "error E591" in capsys.readouterr().err
    assert main(["summarize", "lenet5", "vgg16", "--sort", "time"]) == 1
    assert "error E591" in capsys.readouterr().err


def test_an_unknown_column_is_told_the_nearest():
    with pytest.raises(archspec.SpecError) as raised:
        render(archspec.summarize(archspec.load("lenet5")), columns=["parms"])
    (one,) = raised.value.diagnostics
    assert (one.code, one.hint) == ("E579", "did you mean 'params'?")


LENET = {  # conv1 reads data alone: forward and the gradient of its weights; the others a third time as much
    "conv1": {"gradient_bytes": 4 * (6 * 25 + 6), "train_flops": 2 * 2 * 6 * 28 * 28 * 25, "receptive_field": "5x5"},
    "conv2": {"gradient_bytes": 4 * 2416, "train_flops": 3 * 2 * 16 * 10 * 10 * 150, "receptive_field": "14x14"},
    "linear2": {"gradient_bytes": 4 * (120 * 84 + 84), "train_flops": 3 * 2 * 120 * 84, "receptive_field": ""},
}


def test_csv_has_the_columns_asked_for_in_exact_figures(capsys):
    assert main(["summarize", "lenet5", "--format", "csv", "--columns", "gradients,train_flops,field,saved"]) == 0
    text = capsys.readouterr().out
    assert text.splitlines()[0] == "name,gradient_bytes,train_flops,receptive_field,saved_bytes"
    rows = {row["name"]: row for row in csv.DictReader(io.StringIO(text))}
    for name, figures in LENET.items():
        assert {key: rows[name][key] for key in figures} == {key: str(value) for key, value in figures.items()}
    assert rows["conv1"]["saved_bytes"] == str(4 * 6 * 28 * 28)


def test_markdown_and_latex_have_the_columns_asked_for():
    summary = archspec.summarize(archspec.load("resnet18"))
    wanted = ["params", "gradients", "field"]
    found = render(summary, "markdown", depth=1, columns=wanted).splitlines()
    assert found[0] == "| layer | params | gradients | field |"
    assert "| stage.3 | 8,393,728 | 32.0 MiB | 435 |" in found  # torchvision's layer4
    assert found[-1] == "| **total** | 11,689,512 | 44.59 MiB |  |"
    text = render(summary, "latex", depth=1, columns=wanted)
    assert "\\begin{tabular}{lrrr}" in text and "stage.3 & 8,393,728 & 32.0 MiB & 435 \\\\" in text


@pytest.mark.parametrize("depth", [1, 2, 3, 9])
@pytest.mark.parametrize(("column", "total"), [("params", 11_689_512), ("buffers", 9_620)])
def test_blocks_of_any_depth_add_up(depth, column, total):
    """torchvision's resnet18; of its buffers the means and variances, and a counter a norm."""
    text = render(archspec.summarize(archspec.load("resnet18")), "markdown", depth=depth, columns=[column])
    *lines, last = (line.split(" | ")[-1].strip(" |").replace(",", "") for line in text.splitlines()[3:])
    assert sum(int(cell) for cell in lines if cell.isdigit()) == int(last) == total


@pytest.mark.parametrize("format", ["csv", "markdown", "latex"])
def test_an_unknown_column_is_told_in_every_format(format):
    with pytest.raises(archspec.SpecError) as raised:
        render(archspec.summarize(archspec.load("lenet5")), format, columns=["parms"])
    assert [one.code for one in raised.value.diagnostics] == ["E579"]


def test_the_offset_is_a_column_where_the_first_cell_begins():
    text = render(archspec.summarize(archspec.load("resnet18")), "csv", columns=["field", "stride", "offset"])
    found = {line.split(",")[0]: line.split(",")[1:] for line in text.splitlines()}
    assert found["stem.conv"] == ["7x7", "2x2", "-3x-3"]  # padding 3
    assert found["max_pool1"] == ["11x11", "4x4", "-5x-5"]  # padding 1 of cells 2 apart
    assert found["linear1"] == ["", "", ""]
