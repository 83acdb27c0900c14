"""Runs of any number of classes an image, from a table of files to figures, pages and predictions."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from sklearn.datasets import load_digits
from sklearn.metrics import average_precision_score, f1_score

import archspec
from archspec.cli import main
from archspec.errors import SpecError
from archspec.run import load_run
from archspec_torch.compiler import compile
from archspec_torch.runtime import diagnose, evaluate, predict, train
from archspec_torch.runtime.data import open_source
from archspec_torch.runtime.preprocess import Normalize, read_preprocessing

SPEC = """archspec: 1
name: tiny
input: [1, 8, 8]
vars: {classes: 3}
layers:
  - conv: {out: 12, kernel: 3, padding: same, bias: false}
  - batch_norm
  - relu
  - max_pool: 2
  - flatten
  - linear: $classes
"""
TAGS = {"even": (0, 2, 4, 6, 8), "prime": (2, 3, 5, 7), "round": (0, 6, 8, 9)}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """600 digits as files, in a table with what is true of each; two runs on them, and one of one class an image."""
    torch.set_num_threads(1)
    made = tmp_path_factory.mktemp("tags")
    digits = load_digits()
    (made / "images").mkdir()
    with (made / "labels.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["path", "label", "odd"])
        for i, (image, digit) in enumerate(zip(digits.images[:600], digits.target[:600], strict=True)):
            Image.fromarray((image * 15).astype("uint8")).save(made / "images" / f"{i}.png")
            row = [f"images/{i}.png", ";".join(tag for tag, those in TAGS.items() if digit in those)]
            table.writerow([*row, ("round" if digit in TAGS["round"] else "even" if digit % 2 == 0 else "prime")])
    (made / "tiny.yaml").write_text(SPEC)
    data = {"kind": "csv", "file": str(made / "labels.csv"), "names": list(TAGS)}
    section = {"epochs": 3, "batch": 32, "device": "cpu", "loss": "bce", "optimizer": {"lr": 0.01}}
    run: dict[str, Any] = {"model": str(made / "tiny.yaml"), "train": section, "data": {**data, "multi_label": True}}
    train(run, made / "a", quiet=True)
    train(run, made / "b", ["train.seed=1", "train.best=val_loss"], quiet=True)
    one = {**run, "train": {**section, "epochs": 1, "loss": "cross_entropy"}, "data": {**data, "label_column": "odd"}}
    train(one, made / "one", quiet=True)
    return made


def scores(directory: Path, split: str = "test", weights: str = "best") -> tuple[torch.Tensor, torch.Tensor]:
    """Log-odds of a run and the labels, without the code under test."""
    run, preprocessing = load_run(directory / "run.yaml"), read_preprocessing(directory / "preprocessing.json")
    model = compile(archspec.load(directory / "spec.yaml"))
    model.load_state_dict(load_file(directory / f"{weights}.safetensors"))
    source = open_source(run.run.data, lambda *_: run.span("data"))
    examples = source.load(split, preprocessing.frame, lambda _: None)
    with torch.inference_mode():
        odds = model.eval()(Normalize(preprocessing, torch.device("cpu"))(examples.images))
    return odds, examples.labels


def records(directory: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (directory / "metrics.jsonl").read_text().splitlines()]


def test_the_best_epoch_is_told_by_map_or_as_the_run_says(folder: Path) -> None:
    best = max(records(folder / "a"), key=lambda r: (r["val_map"], -r["val_loss"]))
    found = evaluate(folder / "a", "val", device="cpu")
    assert found.epoch == best["epoch"]
    odds, labels = scores(folder / "a", "val")
    assert best["val_map"] == pytest.approx(average_precision_score(labels, odds, average="macro"))
    assert found.metrics.brief() == pytest.approx({name: best[f"val_{name}"] for name in found.metrics.brief()})
    least = min(records(folder / "b"), key=lambda r: r["val_loss"])
    assert evaluate(folder / "b", "val", device="cpu").epoch == least["epoch"]


def test_on_the_command_line(folder: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    run, out = str(folder / "a"), tmp_path / "out"
    assert main(["evaluate", run, "--format", "json", "--out", str(out)]) == 0
    found = json.loads(capsys.readouterr().out)
    odds, labels = scores(folder / "a")
    assert found["map"] == pytest.approx(average_precision_score(labels, odds, average="macro"))
    assert found["macro"]["f1"] == pytest.approx(f1_score(labels, odds >= 0, average="macro"))
    assert json.loads((out / "evaluation.json").read_text()) == found
    assert json.loads((folder / "a" / "test.json").read_text()) == found
    rows = list(csv.DictReader(io.StringIO((out / "predictions.csv").read_text())))
    assert [float(row["prime"]) for row in rows] == pytest.approx(odds[:, 1].sigmoid().tolist(), abs=1e-5)
    for name in ("confusion.png", "reliability.svg", "mistakes.png", "per_class.csv", "confusion.csv"):
        assert (out / name).stat().st_size > 0
    assert main(["evaluate", run, "--format", "csv"]) == 0
    assert capsys.readouterr().out == (out / "per_class.csv").read_text()
    assert main(["evaluate", run]) == 0
    text = capsys.readouterr().out
    assert f"mAP           {100 * found['map']:.2f} %" in text
    assert max(map(len, text.splitlines())) <= 80


def test_another_threshold(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", str(folder / "a"), "--threshold", "0.2", "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    odds, labels = scores(folder / "a")
    assert found["threshold"] == 0.2
    assert found["micro"]["f1"] == pytest.approx(f1_score(labels, odds.sigmoid() >= 0.2, average="micro"))
    image = str(folder / "images" / "0.png")
    (every,) = predict(folder / "a", [image], threshold=1e-6, device="cpu")
    assert {name for name, _ in every.classes} == set(TAGS)
    assert main(["predict", str(folder / "a"), image, "--threshold", "0.999999"]) == 0
    assert "no class reaches the threshold" in capsys.readouterr().out


@pytest.mark.parametrize("value", ["0", "1", "1.5", "-0.5", "nan", "inf"])
def test_a_threshold_that_is_no_probability(folder: Path, value: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", str(folder / "a"), f"--threshold={value}"]) == 1
    assert "E687: a threshold is a probability between 0 and 1" in capsys.readouterr().err


def test_a_threshold_is_for_tags(folder: Path) -> None:
    with pytest.raises(SpecError, match=r"E687.*the run's loss is cross_entropy"):
        evaluate(folder / "one", threshold=0.4, device="cpu")
    with pytest.raises(SpecError, match=r"E687: a least score is for detectors, and the run's loss is cross_entropy"):
        evaluate(folder / "one", score=0.4, device="cpu")


def test_networks_answer_together(folder: Path) -> None:
    runs = [folder / "a", folder / "b"]
    each = torch.stack([scores(run)[0].sigmoid() for run in runs])
    labels = scores(runs[0])[1].numpy()
    mean = evaluate(runs, ensemble="average", device="cpu")
    assert mean.metrics.brief()["map"] == pytest.approx(average_precision_score(labels, each.mean(0), average="macro"))
    said = ((each >= 0.5).sum(0) + each.mean(0)) >= 1.5
    vote = evaluate(runs, ensemble="vote", device="cpu")
    assert vote.metrics.brief()["f1"] == pytest.approx(f1_score(labels, said, average="micro"))
    assert [one.figures for one in vote.members] == [evaluate(run, device="cpu").metrics.brief() for run in runs]
    assert evaluate(runs, average_weights=True, device="cpu").n == len(labels)


def test_views_are_averaged(folder: Path) -> None:
    directory = folder / "a"
    run, preprocessing = load_run(directory / "run.yaml"), read_preprocessing(directory / "preprocessing.json")
    model = compile(archspec.load(directory / "spec.yaml"))
    model.load_state_dict(load_file(directory / "best.safetensors"))
    examples = open_source(run.run.data, lambda *_: run.span("data")).load("test", preprocessing.frame, lambda _: None)
    images = Normalize(preprocessing, torch.device("cpu"))(examples.images)
    with torch.inference_mode():
        mean = (model.eval()(images).sigmoid() + model(images.flip(3)).sigmoid()) / 2
    found = evaluate(directory, tta="mirror", device="cpu").metrics.brief()
    assert found["loss"] == pytest.approx(
        float(torch.nn.functional.binary_cross_entropy(mean, examples.labels, reduction="sum")) / len(mean), rel=1e-5
    )


@pytest.mark.parametrize("name", ["a", "one"])
def test_scores_that_are_no_numbers(folder: Path, name: str, tmp_path: Path) -> None:
    weights = load_file(folder / name / "best.safetensors")
    save_file({**weights, "linear1.bias": torch.full((3,), float("nan"))}, tmp_path / "nan.safetensors")
    with pytest.raises(SpecError, match=r"E650.*no finite numbers, of 90 of 90 images"):
        evaluate(folder / name, weights=str(tmp_path / "nan.safetensors"), device="cpu")


def test_tasks_do_not_mix(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runs = [str(folder / "a"), str(folder / "one")]
    assert main(["evaluate", *runs, "--ensemble", "average"]) == 1
    assert "E688: a gives an image any number of classes and one gives an image one class" in capsys.readouterr().err
    assert main(["compare", *runs]) == 0
    told = capsys.readouterr().out
    assert "val mAP" in told and "best by" not in told
    assert main(["compare", *runs, "--latency-ms", "1000"]) == 1
    assert "E689" in capsys.readouterr().err


def test_runs_are_compared_by_map(folder: Path) -> None:
    found = archspec.compare([folder / "a", folder / "a"])
    assert found.merit == "val_map" and found.best is not None
    assert found.runs[0].figures["val_map"] == max(r["val_map"] for r in records(folder / "a"))
    assert found.runs[0].figures["test_map"] == json.loads((folder / "a" / "test.json").read_text())["map"]
    assert "best by val mAP: a" in str(found)


def test_the_diagnosis_counts_answers(folder: Path) -> None:
    found = diagnose(folder / "a", device="cpu")
    assert {split: one.n for split, one in found.errors.items()} == {"train": 3 * 420, "val": 3 * 90, "test": 3 * 90}
    odds, labels = scores(folder / "a")
    assert found.errors["test"].wrong == int(((odds >= 0) != labels.bool()).sum())


def test_the_page_has_figures_and_gallery(folder: Path) -> None:
    text = (folder / "a" / "report.html").read_text("utf-8")
    data = re.search(r'<script type="application/json" id="data">(.*?)</script', text, re.S)
    assert data
    run = json.loads(data[1])["run"]
    assert run["evaluation"] == json.loads((folder / "a" / "test.json").read_text())
    facts = dict(run["facts"])
    assert facts["test mAP"] == f"{100 * run['evaluation']['map']:.2f} %" and "val mAP" in facts
    assert [one["example"] for one in run["gallery"]] == [one["example"] for one in run["evaluation"]["mistakes"]]
    assert all(one["image"].startswith("data:image/png") for one in run["gallery"])


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("train.best=mAP", "did you mean 'val_map'"),
        ("train.early_stop.on=map", "did you mean 'val_map'"),
        ("train.metrics=[f1]", "which of them tells the best epoch is `best` in 'train'"),
        ("train.loss=binary_cross_entropy", "did you mean 'bce'"),
        ("train.loss.pos_weight=balanced", "did you mean 'positive_weights'"),
    ],
)
def test_misspelt_figures_and_losses(folder: Path, override: str, told: str) -> None:
    with pytest.raises(SpecError) as caught:
        load_run(folder / "a" / "run.yaml", [override])
    assert told in str(caught.value)


@pytest.mark.parametrize("override", ["train.best=val_map", "train.early_stop.on=val_macro_f1"])
def test_figures_of_tags_need_their_loss(folder: Path, override: str) -> None:
    with pytest.raises(SpecError, match=r"E603.*not measured with loss: cross_entropy; val_accuracy and val_loss"):
        load_run(folder / "one" / "run.yaml", [override])


def test_a_search_goes_by_what_tells_the_best_epoch(folder: Path) -> None:
    from archspec.run.search import check_paths, load_search

    ranges = {"search": {"train.optimizer.lr": {"log": [1e-4, 1e-2]}}}
    assert load_search(ranges).of(load_run(folder / "a" / "run.yaml")).on == "val_map"
    assert load_search(ranges).of(load_run(folder / "one" / "run.yaml")).on == "val_accuracy"
    asked = load_search({**ranges, "on": "val_map"})
    with pytest.raises(SpecError, match=r"E696.*val_map is not measured with loss: cross_entropy"):
        check_paths(folder / "one" / "run.yaml", [], asked)
    losses = load_search({"search": {"train.loss": {"choice": ["bce", "cross_entropy"]}}, "on": "val_map"})
    with pytest.raises(SpecError, match=r"E696.*val_map is not measured with loss: cross_entropy"):
        check_paths(folder / "a" / "run.yaml", [], losses)
