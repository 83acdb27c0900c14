"""Runs side by side, from run directories written by hand: torch is not needed."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import archspec
from archspec.cli import main
from archspec.comparing import RunComparison, read_records
from archspec.errors import SpecError
from archspec.render.runs import runs_table

SPEC = """archspec: 1
name: tiny
input: [1, 8, 8]
vars: {{classes: 10, width: {width}}}
layers:
  - conv: {{out: $width, kernel: 3}}
  - relu
  - global_avg_pool
  - linear: $classes
"""
Make = Callable[..., Path]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    def made(name: str, lr: float = 0.1, width: int = 4, accuracies: tuple[float, ...] = (0.5, 0.9, 0.8)) -> Path:
        folder = tmp_path / name
        folder.mkdir(parents=True)
        (folder / "spec.yaml").write_text(SPEC.format(width=width))
        (folder / "run.yaml").write_text(f"model: {{spec: spec.yaml}}\ntrain: {{optimizer: {{kind: sgd, lr: {lr}}}}}\n")
        records = [
            {
                "epoch": i,
                "train_loss": 0.5,
                "val_loss": 0.4,
                "val_accuracy": a,
                "train_accuracy": 0.9,
                "seconds": 2.0 * i,
            }
            for i, a in enumerate(accuracies, start=1)
        ]
        (folder / "metrics.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
        (folder / "test.json").write_text(json.dumps({"accuracy": 0.875, "loss": 0.25}))
        return folder

    return made


def test_only_what_differs_is_told(make: Make) -> None:
    found = archspec.compare([make("a"), make("b", lr=0.2)])
    assert found.differences == {"train.optimizer.lr": (0.1, 0.2)}
    same = archspec.compare([make("c"), make("d")])
    assert same.differences == {}
    assert "the same in all settings" in str(same)


def test_figures_by_hand(make: Make) -> None:
    """9·1·4 + 4 weights of the convolution and 4·10 + 10 of the last; 6·6 positions of 9·4, then 40."""
    figures = archspec.compare([make("a")]).runs[0].figures
    assert (figures["best_epoch"], figures["epochs"], figures["val_accuracy"]) == (2, 3, 0.9)
    assert (figures["test_accuracy"], figures["seconds"]) == (0.875, 4.0)
    assert (figures["params"], figures["macs"]) == (40 + 50, 36 * 36 + 40)


def test_networks_are_compared_layer_by_layer(make: Make) -> None:
    found = archspec.compare([make("a"), make("b", width=6)])
    assert found.differences["network.vars.width"] == (4, 6)
    assert found.differences["network.layers"][0] == "4 layers"


def test_the_best_has_the_highest_accuracy(make: Make) -> None:
    found = archspec.compare([make("a"), make("b", accuracies=(0.95,)), make("c")])
    assert found.best is not None and found.best.name == "b"


def timed(found: RunComparison, budget: float, *latencies: float) -> RunComparison:
    from dataclasses import replace

    runs = [
        replace(run, figures={**run.figures, "latency_ms": ms}) for run, ms in zip(found.runs, latencies, strict=True)
    ]
    return replace(found, runs=tuple(runs), budget_ms=budget)


@pytest.mark.parametrize(("budget", "chosen"), [(30, "b"), (20, "a"), (7, "c"), (1, None)])
def test_the_most_accurate_within_the_budget_is_chosen(make: Make, budget: float, chosen: str | None) -> None:
    runs = [make("a", accuracies=(0.9,)), make("b", accuracies=(0.95,)), make("c", accuracies=(0.7,))]
    found = timed(archspec.compare(runs), budget, 10, 25, 5)
    assert (found.chosen.name if found.chosen else None) == chosen


def test_of_equals_the_faster_is_chosen(make: Make) -> None:
    found = timed(archspec.compare([make("a"), make("b")]), 100, 10, 8)
    assert found.chosen is not None and found.chosen.name == "b"


def test_directories_of_one_name_are_told_apart(make: Make) -> None:
    found = archspec.compare([make("x/run"), make("y/run")])
    assert [run.name for run in found.runs] == ["x/run", "y/run"]


def test_text_is_as_wide_as_the_terminal(make: Make) -> None:
    found = archspec.compare([make(f"a_run_with_a_long_name_{i}", lr=0.01 + i) for i in range(7)])
    lines = runs_table(found, width=80).splitlines()
    assert max(map(len, lines)) <= 80
    assert sum("what was reached" in line for line in lines) > 1


def test_csv_has_a_line_a_run(make: Make) -> None:
    found = archspec.compare([make("a"), make("b", lr=0.2)])
    rows = list(csv.DictReader(io.StringIO(runs_table(found, "csv"))))
    assert [row["train.optimizer.lr"] for row in rows] == ["0.1", "0.2"]
    assert [float(row["val_accuracy"]) for row in rows] == [0.9, 0.9]


def test_markdown_is_a_table(make: Make) -> None:
    lines = runs_table(archspec.compare([make("a"), make("b", lr=0.2)]), "markdown").splitlines()
    assert {line.count("|") for line in lines} == {4}
    assert "| train.optimizer.lr | 0.1 | 0.2 |" in lines


def test_json_has_the_same(make: Make, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", str(make("a")), str(make("b", lr=0.2)), "--format", "json"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert [run["differs"] for run in found["runs"]] == [{"train.optimizer.lr": 0.1}, {"train.optimizer.lr": 0.2}]
    assert found["best"] == "a"


def test_a_run_that_has_not_ended_an_epoch_is_compared_too(make: Make) -> None:
    folder = make("a")
    (folder / "metrics.jsonl").unlink()
    (folder / "test.json").unlink()
    found = archspec.compare([folder, make("b")])
    assert found.runs[0].figures["val_accuracy"] is None
    assert "–" in str(found)


def test_a_line_that_is_being_written_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"epoch": 1}\n{"epoch": 2, "val')
    assert read_records(path) == [{"epoch": 1}]
    path.write_text('{"epoch": 1}\n{"epoch": 2, "val\n{"epoch": 3}\n')
    with pytest.raises(SpecError, match="line 2"):
        read_records(path)


@pytest.mark.parametrize("line", ["[1]", "{}", '{"epoch": "x"}', '{"epoch": true}', '{"epoch": 2, "val_loss": null}'])
def test_a_line_that_is_no_record_is_refused(line: str, tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text(f'{{"epoch": 1, "val_loss": 0.5}}\n{line}\n')
    with pytest.raises(SpecError, match="line 2, cannot be used"):
        read_records(path)


def test_epochs_without_validation_are_compared_by_what_there_is(make: Make) -> None:
    folder = make("a")
    (folder / "metrics.jsonl").write_text('{"epoch": 1, "train_loss": 0.5, "seconds": 3}\n{"epoch": 2, "seconds": 5}\n')
    figures = archspec.compare([folder, make("b")]).runs[0].figures
    assert (figures["epochs"], figures["seconds"], figures["val_accuracy"]) == (2, 4.0, None)


def test_what_is_no_run_is_refused(make: Make, tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="E606"):
        archspec.compare([make("a"), tmp_path / "nothing"])
    with pytest.raises(SpecError, match="E606"):
        archspec.compare([])
