"""Several networks in one table; LaTeX; the layout of lecture notes; lines sorted."""

from __future__ import annotations

import csv
import io
import json

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


def test_an_open_size_stands_in_the_line():
    found = [archspec.summarize(archspec.load("resnet18", input=size)) for size in ("3xHxW", "3x224x224")]
    open_line, closed = comparison(found, width=120).splitlines()[2:]
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


def test_other_figures_and_networks_are_refused(capsys):
    assert main(["summarize", "lenet5", "--sort", "mcs"]) == 1
    assert "error E577" in capsys.readouterr().err
    assert main(["summarize", "lenet5", "vgg16", "--sort", "mcs"]) == 1
    assert "did you mean 'macs'" in capsys.readouterr().err
    assert main(["summarize", "resnet18", "--format", "notes"]) == 1
    assert "error E578" in capsys.readouterr().err
    assert main(["summarize", "lenet5", "vgg16", "--format", "notes"]) == 1
    assert "error E571" in capsys.readouterr().err
