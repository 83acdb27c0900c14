"""Several networks in one table; LaTeX; the layout of lecture notes; lines sorted."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace

import pytest

import archspec
from archspec.cli import main
from archspec.render.comparison import comparison
from archspec.render.notes import notes
from archspec.render.table import render
from archspec.render.units import cells_wide

NAMES = ("lenet5", "resnet50", "vgg16")


@pytest.fixture(scope="module")
def summaries():
    return [archspec.summarize(archspec.load(name)) for name in NAMES]


def test_a_line_a_network_in_the_order_given(summaries):
    lines = comparison(summaries, width=120).splitlines()
    assert [line.split()[0] for line in lines[2:]] == list(NAMES)
    assert lines[3].split()[1:4] == ["3×224×224", "25,557,032", "50"]
    assert len({cells_wide(line) for line in lines}) == 1


def test_sorted_by_a_figure(summaries):
    lines = comparison(summaries, sort="params", width=120).splitlines()
    assert [line.split()[0] for line in lines[2:]] == ["vgg16", "resnet50", "lenet5"]
    lines = comparison(summaries, sort="memory", width=120).splitlines()
    assert [line.split()[0] for line in lines[2:]] == ["resnet50", "vgg16", "lenet5"]


@pytest.mark.parametrize("width", [60, 80, 120, 200])
def test_a_table_fits_its_page(width):
    found = [archspec.summarize(archspec.load(name), 8, optimizer="adam", fit=2**34) for name in NAMES]
    lines = comparison(found, width=width).splitlines()
    assert max(map(cells_wide, lines)) <= width
    assert lines[0].endswith("training  largest batch")


def test_csv_and_json_have_exact_figures(summaries, capsys):
    rows = list(csv.DictReader(io.StringIO(comparison(summaries, "csv"))))
    assert [int(row["params"]) for row in rows] == [61_706, 25_557_032, 138_357_544]
    assert main(["summarize", *NAMES, "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [one["totals"]["params"] for one in found] == [61_706, 25_557_032, 138_357_544]


def test_csv_of_two_inputs_has_as_many_cells_a_line(tmp_path):
    """An input of commas is one cell; in Markdown a bar is no cell."""
    path = tmp_path / "two.yaml"
    path.write_text("archspec: 1\ninputs: {a: [3, 8, 8], b: [5, 8, 8]}\nlayers: [concat: [a, b]]\n")
    summary = archspec.summarize(archspec.load(path))
    (row,) = csv.DictReader(io.StringIO(comparison([summary], "csv")))
    assert row["input"] == "3x8x8, 5x8x8" and row["activation_bytes"] == str(4 * 2 * 8 * 64)
    table = comparison([replace(summary, graph=replace(summary.graph, name="a|b"))], "markdown").splitlines()
    assert table[-1].startswith(r"| a\|b | 3×8×8, 5×8×8 |")


def test_the_columns_asked_for_of_each_network(summaries):
    lines = comparison(summaries, columns=["layers", "field", "file"], sort="field").splitlines()
    assert lines[0].split() == ["network", "input", "layers", "field", "weight", "file"]
    assert [line.split()[0] for line in lines[2:]] == [
        "resnet50",
        "vgg16",
        "lenet5",
    ]  # strides in the 3×3 convolutions: 427 pixels
    assert [line.split()[3] for line in lines[2:]] == ["427", "212", "16"]
    with pytest.raises(archspec.SpecError, match="E579"):
        comparison(summaries, columns=["fields"])


def test_networks_of_one_name_are_called_as_they_were_asked_for(write_spec, tmp_path, capsys):
    paths = []
    for folder, kernel in (("a", 1), ("b", 3)):
        path = write_spec(f"- conv: {{out: 2, kernel: {kernel}}}", input="[3, 8, 8]", name="two")
        paths.append(str(path.rename(tmp_path / f"{folder}.yaml")))
    assert main(["summarize", *paths, "--columns", "params"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()[2:]] == paths
    assert main(["diff", *paths]) == 0
    assert capsys.readouterr().out.startswith(f"{paths[0]} → {paths[1]}\n")


@pytest.mark.parametrize("edits", [(), ("--dense", "--input", "3x256x256")])
def test_diff_takes_the_edits_of_any_command(edits, capsys):
    assert main(["diff", "vgg11", "vgg13", *edits]) == 0
    assert "vgg11 → vgg13" in capsys.readouterr().out


@pytest.mark.parametrize("specs", [["lenet5"], ["lenet5", "vgg16"]])
def test_columns_are_names_between_commas(specs, capsys):
    assert main(["summarize", *specs, "--columns", "macs, params"]) == 0
    assert main(["summarize", *specs, "--columns", "macs,,params"]) == 1
    assert "error E579" in capsys.readouterr().err


@pytest.mark.parametrize(
    "args",
    [
        ["lenet5", "--format", "csv", "--depth", "1"],
        ["lenet5", "--format", "csv", "--train"],
        ["lenet5", "--format", "json", "--depth", "1"],
        ["lenet5", "--format", "json", "--columns", "macs"],
        ["lenet5", "--format", "latex", "--fit", "1GiB"],
        ["lenet5", "--format", "latex", "--device", "h200"],
        ["vgg16", "--format", "notes", "--device", "h200"],
        ["vgg16", "--format", "notes", "--batch", "2"],
        ["lenet5", "--workspace", "hopper"],
        ["lenet5", "vgg16", "--depth", "2"],
        ["lenet5", "vgg16", "--format", "json", "--columns", "macs"],
    ],
)
def test_an_option_that_would_change_nothing_is_told(args, capsys):
    assert main(["summarize", *args]) == 1
    said = capsys.readouterr().err
    assert "error E592" in said and any(arg in said for arg in args if arg.startswith("--"))


def test_markdown_has_what_training_takes():
    text = render(archspec.summarize(archspec.load("lenet5"), 8, optimizer="adam"), "markdown")
    assert "\n- training: " in text and "state of adam" in text


def test_an_open_size_stands_in_the_line():
    found = [archspec.summarize(archspec.load("resnet18", input=size)) for size in ("3xHxW", "3x224x224")]
    open_line, closed, _, example = comparison(found, width=120).splitlines()[2:]
    assert example == "resnet18 at H = W = 224"
    assert open_line.split()[1] == "3×H×W"
    assert open_line.split()[2:] == closed.split()[2:]


@pytest.mark.parametrize("sort", ["macs", "params", "memory", "flops"])
def test_layers_sorted_by_a_figure_are_the_same_lines(sort):
    summary = archspec.summarize(archspec.load("resnet50"))
    text = render(summary, width=120, color=False, sort=sort)
    rule = [i for i, line in enumerate(text.splitlines()) if set(line) == {"─"}]
    body = text.splitlines()[rule[0] + 1 : rule[1]]
    plain = render(summary, width=120, color=False).splitlines()
    assert sorted(line.split()[0] for line in body) == sorted(line.split()[0] for line in plain[rule[0] + 1 : rule[1]])
    assert body[0].split()[0] == {"memory": "stage.0.block.1–2", "params": "stage.3.block.1–2"}.get(
        sort, "stage.2.block.1–5"
    )


def test_latex_is_a_tabular_of_as_many_cells_a_line():
    text = render(archspec.summarize(archspec.load("resnet18")), "latex", depth=1)
    lines = text.splitlines()
    assert lines[0] == r"\begin{tabular}{llrrrr}"
    assert lines[-1] == r"\end{tabular}"
    rows = [line for line in lines if line.endswith(r"\\")]
    assert {row.count(" & ") for row in rows} == {5}
    assert r"max\_pool1" in text and "×" not in text
    assert rows[-1].startswith("total & ") and "11,689,512" in rows[-1]


def test_the_notes_table_of_vgg16_has_the_right_total():
    lines = notes(archspec.summarize(archspec.load("vgg16"))).splitlines()
    assert len(lines) == 1 + 13 + 5 + 3 + 3
    assert lines[0].split() == ["INPUT:", "[224x224x3]", *["memory:", "224*224*3", "=", "150,528", "weights:", "0"]]
    assert lines[2].endswith("weights: (3*3*64)*64 = 36,864")
    assert lines[19].endswith("weights: 7*7*512*4096 = 102,760,448")
    assert lines[-2].startswith("TOTAL memory: 15,237,608 values * 4 bytes = 58.1 MiB / image")
    assert lines[-1] == "TOTAL params: 138,357,544 with biases"


def test_the_notes_write_out_what_each_value_of_an_output_reads(write_spec):
    """A transposed convolution's weight begins with its input's channels; a locally connected one has a place each."""
    layers = (
        "- conv_transpose: {out: 8, kernel: 2, stride: 2}\n- conv: {out: 8, kernel: 3, groups: 2}\n"
        "- locally_connected: {out: 16, kernel: 3}"
    )
    lines = notes(archspec.summarize(archspec.load(write_spec(layers, "[16, 8, 8]")))).splitlines()
    assert [line.partition("weights: ")[2] for line in lines[1:4]] == [
        "(2*2*16)*8 = 512",
        "(3*3*4)*8 = 288",
        "(3*3*8)*(12*12*16) = 165,888",
    ]


def test_heads_of_training_are_not_in_what_is_compared():
    text = comparison([archspec.summarize(archspec.load("googlenet"))])
    assert text.splitlines()[-1] == "googlenet as deployed, without aux1, aux2"


def test_other_figures_and_networks_are_refused(capsys):
    assert main(["summarize", "lenet5", "--sort", "mcs"]) == 1
    assert "error E577" in capsys.readouterr().err
    assert main(["summarize", "lenet5", "vgg16", "--sort", "mcs"]) == 1
    assert "did you mean 'macs'" in capsys.readouterr().err
    assert main(["summarize", "resnet18", "--format", "notes"]) == 1
    assert "error E578" in capsys.readouterr().err
    assert main(["summarize", "lenet5", "vgg16", "--format", "notes"]) == 1
    assert "error E571" in capsys.readouterr().err
