"""Several networks together, views, averaged weights: against the same made by hand with torch."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from torch.optim.swa_utils import AveragedModel, update_bn

import archspec
from archspec.cli import main
from archspec.errors import SpecError
from archspec.run import load_run
from archspec_torch.compiler import compile
from archspec_torch.runtime import diagnose, evaluate, predict, train
from archspec_torch.runtime.data import open_source
from archspec_torch.runtime.inspecting import inspect
from archspec_torch.runtime.preprocess import Normalize, read_preprocessing

SPEC = """archspec: 1
name: tiny
input: [1, 8, 8]
vars: {classes: 10, width: 8}
layers:
  - conv: {out: $width, kernel: 3, padding: same, bias: false}
  - batch_norm
  - relu
  - max_pool: 2
  - flatten
  - linear: $classes
"""


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Two short trainings that differ in their seed, one of another width, one with another split."""
    folder = tmp_path_factory.mktemp("runs")
    (folder / "tiny.yaml").write_text(SPEC)
    run: dict[str, Any] = {"model": str(folder / "tiny.yaml"), "train": {"epochs": 2, "batch": 64, "device": "cpu"}}
    made = {
        "a": [],
        "b": ["train.seed=1"],
        "wide": ["model.set.vars.width=12", "train.epochs=1"],
        "other": ["data.split.seed=5", "train.epochs=1"],
    }
    return {name: train(run, folder / name, overrides, quiet=True).dir for name, overrides in made.items()}


def parts(directory: Path, split: str = "test") -> tuple[torch.nn.Module, torch.Tensor, torch.Tensor]:
    """The best network, the images as it takes them, and their labels: without the code under test."""
    run, preprocessing = load_run(directory / "run.yaml"), read_preprocessing(directory / "preprocessing.json")
    model = compile(archspec.load(directory / "spec.yaml"))
    model.load_state_dict(load_file(directory / "best.safetensors"))
    source = open_source(run.run.data, lambda *_: run.span("data"))
    examples = source.load(split, preprocessing.frame, lambda _: None)
    return model.eval(), Normalize(preprocessing, torch.device("cpu"))(examples.images), examples.labels


@torch.inference_mode()
def test_an_average_is_the_mean_of_the_probabilities(runs: dict[str, Path]) -> None:
    found = evaluate([runs["a"], runs["b"]], ensemble="average", device="cpu")
    each = []
    for name in "ab":
        model, images, labels = parts(runs[name])
        each.append(model(images).softmax(1))
    mean = torch.stack(each).mean(0)
    assert found.accuracy == pytest.approx(int((mean.argmax(1) == labels).sum()) / len(labels))
    assert found.loss == pytest.approx(float(torch.nn.functional.nll_loss(mean.log(), labels)), abs=1e-5)
    assert [one.figures["accuracy"] for one in found.members] == [
        evaluate(runs[name], device="cpu").accuracy for name in "ab"
    ]


@torch.inference_mode()
def test_mirrored_views_are_averaged(runs: dict[str, Path]) -> None:
    model, images, labels = parts(runs["a"])
    mean = (model(images).softmax(1) + model(images.flip(3)).softmax(1)) / 2
    found = evaluate(runs["a"], tta="mirror", device="cpu")
    assert found.loss == pytest.approx(float(torch.nn.functional.nll_loss(mean.log(), labels)), abs=1e-5)


def test_larger_views_can_be_taken(runs: dict[str, Path]) -> None:
    found = evaluate(runs["a"], tta="ten_crop", device="cpu")
    assert found.n == 270
    assert found.loss != evaluate(runs["a"], device="cpu").loss


def test_several_scales_are_the_network_at_several_sizes(tmp_path: Path) -> None:
    """The same weights in a network written with torch, on images of 7, 8 and 9 pixels as PIL resizes the digits."""
    spec = SPEC.replace("flatten", "global_avg_pool").replace("linear: $classes", "flatten\n  - linear: $classes")
    (tmp_path / "any.yaml").write_text(spec)
    run = {"model": str(tmp_path / "any.yaml"), "train": {"epochs": 1, "device": "cpu"}}
    out = train(run, tmp_path / "run", quiet=True).dir
    w = load_file(out / "best.safetensors")

    def network(images: torch.Tensor) -> torch.Tensor:
        x = torch.nn.functional.conv2d(images, w["conv1.weight"], padding=1)
        norm = (w[f"batch_norm1.{name}"] for name in ("running_mean", "running_var", "weight", "bias"))
        x = torch.nn.functional.batch_norm(x, *norm).relu()
        x = torch.nn.functional.max_pool2d(x, 2).mean((2, 3))
        return torch.nn.functional.linear(x, w["linear1.weight"], w["linear1.bias"])

    preprocessing = read_preprocessing(out / "preprocessing.json")
    loaded = load_run(out / "run.yaml")
    source = open_source(loaded.run.data, lambda *_: loaded.span("data"))
    found = []
    for side in (8, 7, 9):
        examples = source.load("test", replace(preprocessing.frame, height=side, width=side), lambda _: None)
        assert examples.images.shape[2:] == (side, side)
        found.append(network(Normalize(preprocessing, torch.device("cpu"))(examples.images)).softmax(1).detach())
    assert len({tuple(one[0].tolist()) for one in found}) == 3
    mean = torch.stack(found).mean(0)
    ours = evaluate(out, tta="multi_scale", device="cpu")
    assert ours.answers is not None
    assert torch.allclose(ours.answers.kept.exp(), mean, atol=1e-5)


def test_a_network_of_one_size_has_no_several_scales(runs: dict[str, Path]) -> None:
    told = r"E692: tiny does not take images of 7×7, .*'linear1\.weight' would be 10×72, and 10×128 was trained"
    with pytest.raises(SpecError, match=told):
        evaluate(runs["a"], tta="multi_scale", device="cpu")


def test_averaged_weights_are_torch_s(runs: dict[str, Path], tmp_path: Path) -> None:
    """Against torch.optim.swa_utils, batch norm's statistics estimated anew too."""
    found = evaluate([runs["a"], runs["b"]], average_weights=True, device="cpu")
    found.write(tmp_path)
    first, images, _ = parts(runs["a"], "train")
    swa = AveragedModel(first)
    swa.update_parameters(first)
    swa.update_parameters(parts(runs["b"])[0])
    update_bn(list(images.split(64)), swa)
    ours, theirs = load_file(tmp_path / "averaged.safetensors"), swa.module.state_dict()
    assert ours.keys() == theirs.keys()
    for name, tensor in theirs.items():
        assert torch.allclose(ours[name].float(), tensor.float(), atol=1e-4), name
    assert "batch norm's statistics estimated anew on 1,257 training images" in found.notes


def test_snapshots_of_one_run_answer_together(runs: dict[str, Path]) -> None:
    found = evaluate(runs["a"], weights=["best", str(runs["a"] / "last.safetensors")], ensemble="vote", device="cpu")
    assert [one.weights for one in found.members] == ["best", "last"]
    assert found.members[1].figures["accuracy"] == evaluate(runs["a"], weights="last", device="cpu").accuracy


def test_another_split_is_warned_of(runs: dict[str, Path]) -> None:
    found = evaluate([runs["a"], runs["other"]], ensemble="average", device="cpu")
    assert [one.code for one in found.warnings] == ["W635"]
    assert evaluate([runs["a"], runs["b"]], ensemble="average", device="cpu").warnings == ()


def test_weights_of_other_layers_have_no_mean(runs: dict[str, Path]) -> None:
    with pytest.raises(SpecError, match=r"E675.*conv1.*8×1×3×3 and 12×1×3×3"):
        evaluate([runs["a"], runs["wide"]], average_weights=True, device="cpu")
    assert evaluate([runs["a"], runs["wide"]], ensemble="average", device="cpu").n == 270


@pytest.mark.parametrize(
    ("names", "options", "told"),
    [
        ("ab", {}, "how shall 2"),
        ("a", {"ensemble": "vote"}, "one network alone"),
        ("ab", {"ensemble": "votes"}, "did you mean 'vote'"),
        ("ab", {"ensemble": "vote", "average_weights": True}, "two things"),
        ("a", {"tta": "twelve"}, "E673"),
    ],
)
def test_what_does_not_go_together_is_refused(
    runs: dict[str, Path], names: str, options: dict[str, Any], told: str
) -> None:
    with pytest.raises(SpecError, match=told):
        evaluate([runs[name] for name in names], device="cpu", **options)


def test_the_diagnosis_counts_every_split(runs: dict[str, Path]) -> None:
    found = diagnose(runs["a"], human=0.01, device="cpu")
    for split, one in found.errors.items():
        assert one.share == pytest.approx(1 - evaluate(runs["a"], split, device="cpu").accuracy)
    assert [(split, one.n) for split, one in found.errors.items()] == [("train", 1257), ("val", 270), ("test", 270)]


def test_the_diagnosis_takes_no_least_score(runs: dict[str, Path], capsys: pytest.CaptureFixture[str]) -> None:
    """No error depends on it, of whatever network."""
    assert main(["evaluate", str(runs["a"]), "--bias-variance", "--score", "0.5", "--device", "cpu"]) == 1
    assert "error E673: --score is for the mistakes of a detector" in capsys.readouterr().err
    with pytest.raises(TypeError, match="unexpected keyword argument 'score'"):
        diagnose(runs["a"], score=0.5)  # type: ignore[call-arg]


def test_nothing_is_written_over(
    runs: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "confusion.csv").write_text("mine")
    monkeypatch.setattr("archspec.evaluate", lambda *_, **__: pytest.fail("measured first"))
    for out, told in (("data", "is not empty"), ("data/confusion.csv", "is a file")):
        assert main(["evaluate", str(runs["a"]), "--out", str(tmp_path / out)]) == 1
        assert f"error E676: '{tmp_path / out}' {told}" in capsys.readouterr().err
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["confusion.csv"]
    assert (tmp_path / "data" / "confusion.csv").read_text() == "mine"


def test_files_hold_all_of_it(runs: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", str(runs["a"]), "--out", str(tmp_path / "out"), "--format", "json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    out = tmp_path / "out"
    assert json.loads((out / "evaluation.json").read_text()) == printed
    assert len((out / "predictions.csv").read_text().splitlines()) == 271
    wrong = [row.split(",") for row in (out / "predictions.csv").read_text().splitlines()[1:]]
    assert sum(row[1] == row[2] for row in wrong) / 270 == pytest.approx(printed["accuracy"])
    rows = [line.split(",")[1:] for line in (out / "confusion.csv").read_text().splitlines()[1:]]
    assert [[int(n) for n in row] for row in rows] == printed["confusion"]
    for name in ("confusion.png", "reliability.png", "mistakes.png"):
        assert Image.open(out / name).size[0] > 400


def test_the_loss_of_an_evaluation_is_not_that_of_training(tmp_path: Path) -> None:
    """A run that makes the hinge loss small: what is measured of it is −ln p, under a name of its own."""
    (tmp_path / "tiny.yaml").write_text(SPEC)
    plan = {"epochs": 1, "batch": 64, "device": "cpu", "loss": "hinge"}
    result = train({"model": str(tmp_path / "tiny.yaml"), "train": plan}, tmp_path / "run", quiet=True)
    validation, test = (next(line for line in str(result).splitlines() if line.startswith(w)) for w in ("val", "test"))
    assert ", loss " in validation and ", log loss " in test
    model, images, labels = parts(result.dir)
    with torch.inference_mode():
        expected = float(torch.nn.functional.cross_entropy(model.eval()(images), labels))
    found = evaluate(result.dir, device="cpu")
    assert found.to_json()["loss"] == pytest.approx(expected, rel=1e-5)
    assert f"log loss     {expected:.4f}" in str(found) and f"log loss {expected:.4f}" in test
    assert "test log loss" in str(archspec.compare([result.dir]))


def test_a_file_of_weights_is_the_run_s_own_wherever_one_stands(
    runs: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a directory that holds another run's files of the same names: `snapshots`, and a name beside run.yaml."""
    a, b = (shutil.copytree(runs[name], tmp_path / name) for name in "ab")
    for run in (a, b):
        (run / "snapshots").mkdir()
        for cycle, kept in enumerate(("best", "last"), 1):
            shutil.copy(run / f"{kept}.safetensors", run / "snapshots" / f"cycle-{cycle:02}.safetensors")
        shutil.copy(run / "last.safetensors", run / "kept.safetensors")
    image = tmp_path / "digit.png"
    Image.fromarray(parts(a)[1][0, 0].mul(40).clamp(0, 255).to(torch.uint8).numpy()).save(image)
    monkeypatch.chdir(b)
    found = evaluate(a, weights="snapshots", ensemble="average", device="cpu")
    own = evaluate(a, weights=["best", "last"], ensemble="average", device="cpu")
    assert [one.figures for one in found.members] == [one.figures for one in own.members]
    other = evaluate(b, weights=["best", "last"], ensemble="average", device="cpu")
    assert [one.figures for one in found.members] != [one.figures for one in other.members]

    asked: list[Callable[[], object]] = [
        lambda: evaluate(a, weights="kept.safetensors", device="cpu"),
        lambda: predict(a, [image], weights="kept.safetensors", device="cpu"),
        lambda: inspect(a, tmp_path / "seen", weights="kept.safetensors", device="cpu"),
    ]
    for ask in asked:
        with pytest.raises(SpecError, match="E608") as caught:
            ask()
        assert f"{a / 'kept.safetensors'}, or {b / 'kept.safetensors'}" in str(caught.value)
    (b / "kept.safetensors").unlink()
    asked[2]()
    last = predict(a, [image], weights="last", device="cpu")
    assert predict(a, [image], weights="kept.safetensors", device="cpu") == last
    assert predict(a, [image], weights="../a/kept.safetensors", device="cpu") == last
    assert evaluate(a, weights="kept.safetensors", device="cpu").metrics == evaluate(a, weights="last").metrics
