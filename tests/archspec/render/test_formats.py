"""Summaries for other programs: JSON, CSV, Markdown."""

from __future__ import annotations

import csv
import io
import json

import pytest

import archspec
from archspec.render.table import render


@pytest.fixture(scope="module")
def summary():
    return archspec.summarize(archspec.load("googlenet"))


def test_json_is_the_summary(summary):
    assert json.loads(render(summary, "json")) == summary.to_json()


def test_csv_has_every_layer_and_exact_figures(summary):
    rows = list(csv.DictReader(io.StringIO(render(summary, "csv", depth=1))))
    assert [row["name"] for row in rows] == [row.name for row in summary.rows]
    assert sum(int(row["macs"]) for row in rows) == summary.totals.macs
    assert sum(int(row["trainable_params"]) for row in rows) == summary.totals.params
    concat = next(row for row in rows if row["name"] == "inception_3a.concat1")
    assert concat["output"] == "256x28x28"
    assert len(concat["inputs"].split()) == 4
    assert rows[-1]["file"].endswith("googlenet.yaml")


def test_markdown_is_a_table_with_totals(summary):
    lines = render(summary, "markdown", depth=1).splitlines()
    assert len({line.count("|") for line in lines}) == 1
    assert lines[0].startswith("| layer | operation | output | params |")
    assert lines[2].startswith("| input 3×224×224 |")
    assert lines[-1].startswith("| **total** |")
    assert "6,998,552" in lines[-1]
    assert len(lines) == 3 + 21 + 1  # head, rule, input; one line a block; total
