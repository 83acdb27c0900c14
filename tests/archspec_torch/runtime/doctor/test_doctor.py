"""`archspec doctor`: a few planted bugs are named by the check for them; benchmarks/planted.py has all."""

from __future__ import annotations

import json
import math
import os
import resource
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy
import pytest
import torch
from PIL import Image
from sklearn.datasets import load_digits

from archspec.cli import main
from archspec.run import load_run
from archspec_torch.runtime.doctor import Finding, examine, fits, rates, start
from archspec_torch.runtime.doctor import data as data_checks
from archspec_torch.runtime.doctor.subject import Subject, subject_of
from archspec_torch.runtime.train import prepare

LAYERS = "- flatten\n- linear: 32\n- relu\n- linear: 10"
Write = Callable[..., Path]


@pytest.fixture
def subject(write_spec: Write) -> Callable[..., Subject]:
    def make(layers: str = LAYERS, data: dict[str, Any] | None = None, **plan: Any) -> Subject:
        run = {"model": {"spec": str(write_spec(layers, "[1, 8, 8]"))}, "train": {"device": "cpu", **plan}}
        torch.manual_seed(0)
        return subject_of(prepare(load_run({**run, **({"data": data} if data else {})})))

    return make


def arrays(folder: Path, images: Any, labels: Any) -> dict[str, Any]:
    numpy.savez(folder / "data.npz", images=images, labels=labels)
    return {"kind": "numpy", "file": str(folder / "data.npz"), "split": {"val": 0.15}}


def digits() -> tuple[Any, Any]:
    found = load_digits()
    return (found.images * 15).astype(numpy.uint8), found.target


def only(findings: Any) -> Finding:
    (found,) = findings
    return found


def test_a_sound_run_has_no_fault(write_spec: Write, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec = write_spec(LAYERS, "[1, 8, 8]")
    path = tmp_path / "run.yaml"
    path.write_text(f"model: {spec}\ntrain: {{epochs: 5, device: cpu, optimizer: {{kind: adam, lr: 3e-3}}}}\n")
    before = sorted(tmp_path.iterdir())
    assert main(["doctor", str(path), "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["sound"] and {f["verdict"] for f in found["findings"]} <= {"ok", "doubt"}
    assert len(found["findings"]) == 15
    assert sorted(tmp_path.iterdir()) == before
    assert main(["doctor", str(path), "--set", "train.optimizer.lr=30", "-o", str(tmp_path / "out")]) == 1
    assert "fault  learning rate" in capsys.readouterr().out
    assert Image.open(tmp_path / "out" / "rates.png").size == (1500, 960)


def test_the_first_loss_is_held_against_ln_c(subject: Callable[..., Subject]) -> None:
    found = only(start.first_loss(subject()))
    assert found.verdict == "ok" and found.figures["expected"] == pytest.approx(math.log(10))
    large = only(start.first_loss(subject(init={"kind": "normal", "std": 3.0})))
    assert large.verdict == "fault" and large.figures["loss"] > 10


def test_l2_adds_half_the_squares_of_the_weights(subject: Callable[..., Subject]) -> None:
    sample = subject()
    squares = sum(
        float(p.detach().square().sum()) for n, p in sample.network.named_parameters() if n.endswith("weight")
    )
    found = only(start.regularisation(sample))
    assert found.figures["l2=0.001"] == pytest.approx(0.001 / 2 * squares, rel=1e-5)
    assert only(start.regularisation(subject(l2=1000.0))).verdict == "fault"


def test_weights_that_begin_at_0_get_no_gradient(subject: Callable[..., Subject]) -> None:
    sample = subject(init={"kind": "constant", "value": 0})
    for check in (start.weights, start.units, start.gradients, fits.overfit):
        assert only(check(sample)).verdict == "fault", check


def test_relus_behind_a_bias_of_minus_10_are_dead(subject: Callable[..., Subject]) -> None:
    sample = subject()
    with torch.no_grad():
        next(p for n, p in sample.network.named_parameters() if n.endswith("bias")).fill_(-100.0)
    found = only(start.units(sample))
    assert found.verdict == "fault" and list(found.figures.values()) == [[32, 32]]


def test_shuffled_labels_are_not_learned(subject: Callable[..., Subject], tmp_path: Path) -> None:
    images, labels = digits()
    shuffled = numpy.random.default_rng(0).permutation(labels)
    sample = subject(data=arrays(tmp_path, images, shuffled))
    assert only(fits.generalises(sample)).verdict == "fault"
    assert only(data_checks.neighbours(sample)).verdict == "doubt"
    sound = subject(data=arrays(tmp_path, images, labels))
    assert only(fits.generalises(sound)).verdict == only(data_checks.neighbours(sound)).verdict == "ok"


def test_images_in_both_splits_are_counted(subject: Callable[..., Subject], tmp_path: Path) -> None:
    images, labels = digits()
    doubled = arrays(tmp_path, numpy.concatenate([images, images]), numpy.concatenate([labels, labels]))
    sample = subject(data=doubled)
    trained = {image.numpy().tobytes() for image in sample.job.train.images}  # type: ignore[attr-defined]
    both = sum(image.numpy().tobytes() in trained for image in sample.job.val.images)  # type: ignore[attr-defined]
    found = only(data_checks.leak(sample))
    assert found.verdict == "fault" and found.figures["in_both"]["val"] == both > 100


def test_test_images_that_are_trained_on_are_counted(subject: Callable[..., Subject], tmp_path: Path) -> None:
    """Five of the test images are the last five of the other 60, of which some are trained on; none of val is."""
    images = numpy.random.default_rng(0).integers(0, 256, (80, 8, 8), dtype=numpy.uint8)
    labels = numpy.arange(80) % 10
    kept = {"images": images[:60], "labels": labels[:60], "test_images": images[55:], "test_labels": labels[55:]}
    numpy.savez(tmp_path / "data.npz", **kept)
    sample = subject(data={"kind": "numpy", "file": str(tmp_path / "data.npz"), "split": {"val": 0.15}})
    trained = {image.numpy().tobytes() for image in sample.job.train.images}  # type: ignore[attr-defined]
    both = sum(image.tobytes() in trained for image in images[55:60])
    found = only(data_checks.leak(sample))
    assert found.verdict == "fault" and both > 2
    assert found.figures["in_both"] == {"val": 0, "test": both} and found.figures["held"] == {"val": 9, "test": 25}


@dataclass(frozen=True)
class Drawn:
    """Images of 224×224 that are made when they are asked for: 90 MB of 600."""

    labels: torch.Tensor

    def batches(self, groups: Sequence[torch.Tensor], *_: object) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        for group in groups:
            yield group.to(torch.uint8)[:, None, None, None].repeat(1, 3, 224, 224), self.labels[group]


def test_the_images_looked_through_for_doubles_are_not_kept(subject: Callable[..., Subject]) -> None:
    torch.set_num_threads(1)
    sample = subject()
    drawn = Drawn(torch.zeros(600, dtype=torch.int64))
    sources = SimpleNamespace(sizes={"train": 600, "val": 600})
    sample = replace(sample, job=replace(sample.job, train=drawn, val=drawn, source=sources))  # type: ignore[arg-type]
    child = os.fork()
    if child == 0:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        found = only(data_checks.leak(sample))
        more = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before  # KiB, on macOS bytes
        os._exit(0 if found.verdict == "fault" and more < (60 << 20 if sys.platform == "darwin" else 60 << 10) else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_a_file_in_place_of_the_folder_is_told_before_the_work(
    write_spec: Write, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "run.yaml").write_text(f"model: {write_spec(LAYERS, '[1, 8, 8]')}\ntrain: {{device: cpu}}\n")
    (tmp_path / "afile").write_text("")
    monkeypatch.setattr("archspec_torch.runtime.doctor.subject_of", lambda job: pytest.fail("work was begun"))
    assert main(["doctor", str(tmp_path / "run.yaml"), "-o", str(tmp_path / "afile")]) == 1
    assert "error E505: the folder" in (told := capsys.readouterr().err) and "cannot be made: it is a file" in told


def test_labels_that_count_from_1_and_inputs_that_are_not_normalised(
    subject: Callable[..., Subject], tmp_path: Path
) -> None:
    images, labels = digits()
    layers = LAYERS.replace("10", "11")
    assert only(data_checks.labels(subject(layers, arrays(tmp_path, images, labels + 1)))).verdict == "fault"
    sample = subject()
    raw = replace(sample.job, normalize=lambda images: images.float())  # type: ignore[arg-type]
    assert only(data_checks.inputs(replace(sample, job=raw))).verdict == "fault"
    assert only(data_checks.inputs(subject(data=arrays(tmp_path, images * 0 + 9, labels)))).verdict == "fault"


def test_the_range_test_suggests_a_tenth_of_the_best_rate() -> None:
    line = [10.0**-i for i in (5, 4, 3, 2, 1)]
    test = rates.RateTest(line, [2.3, 2.2, 1.0, 0.5, 9.0], [2.3, 2.2, 1.0, 0.5, 9.0], 2.3)
    assert (test.lowest, test.suggested, test.diverged) == (pytest.approx(0.01), pytest.approx(0.001), 0.1)


def test_an_examination_is_the_same_twice_and_leaves_the_generators_alone(subject: Callable[..., Subject]) -> None:
    job = subject().job
    before = torch.get_rng_state()
    first, second = examine(job), examine(job)
    assert first == second
    assert torch.equal(before, torch.get_rng_state())


def test_a_plan_that_outlasts_the_run_is_doubted(subject: Callable[..., Subject]) -> None:
    """1,257 images are 20 steps of 64 an epoch."""
    late, long = start.plan(subject(epochs=2, early_stop=5, warmup={"steps": 40}))
    assert (late.verdict, late.figures["code"], long.figures["code"]) == ("doubt", "W644", "W646")
    assert "40 steps" in late.text and late.advice
    assert only(start.plan(subject(epochs=2, warmup={"steps": 39}))).verdict == "ok"
