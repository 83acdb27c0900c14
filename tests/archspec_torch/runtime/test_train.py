"""Whole runs: what the directory holds, and what evaluate and predict make of it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from sklearn.metrics import accuracy_score, recall_score

import archspec
from archspec.errors import SpecError
from archspec.run import load_run
from archspec.run.sections import CrossEntropy
from archspec_torch.compiler import compile
from archspec_torch.runtime import RunResult, evaluate, predict, train
from archspec_torch.runtime.data import open_source
from archspec_torch.runtime.preprocess import Normalize, read_preprocessing

RUN: dict[str, Any] = {
    "name": "try",
    "model": "lenet5",
    "train": {"epochs": 3, "batch": 32, "optimizer": {"kind": "adamw", "lr": 3e-3}, "device": "cpu"},
}
FILES = {
    *("run.yaml", "spec.yaml", "preprocessing.json", "metrics.jsonl", "metrics.csv", "test.json", "curves.png"),
    *("best.safetensors", "last.safetensors", "checkpoints", "report.html", "split.json"),
}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    return train(RUN, tmp_path_factory.mktemp("runs") / "first", quiet=True)


def error(run: dict[str, Any], *overrides: str, out: Path | None = None) -> str:
    with pytest.raises(SpecError) as caught:
        train(run, out, overrides, quiet=True)
    return str(caught.value)


def test_the_directory_holds_all_and_nothing_else(finished: RunResult) -> None:
    assert {path.name for path in finished.dir.iterdir()} == FILES
    assert Image.open(finished.dir / "curves.png").size == (2100, 840)


def test_metrics_have_a_line_an_epoch(finished: RunResult) -> None:
    lines = (finished.dir / "metrics.jsonl").read_text().splitlines()
    records = [json.loads(line) for line in lines]
    assert [record["epoch"] for record in records] == [1, 2, 3]
    assert tuple(records) == finished.epochs
    for record in records:
        assert {"train_loss", "val_loss", "val_accuracy", "train_accuracy", "lr", "seconds"} <= record.keys()
    best = max(records, key=lambda r: (r["val_accuracy"], -r["val_loss"]))
    assert (finished.best_epoch, finished.val_accuracy) == (best["epoch"], best["val_accuracy"])
    assert finished.val_accuracy > 0.85


def test_weights_have_the_layers_names(finished: RunResult) -> None:
    expected = {name: tensor.shape for name, tensor in archspec.compile("lenet5").state_dict().items()}
    for name in ("best", "last"):
        found = load_file(finished.dir / f"{name}.safetensors")
        assert {key: tensor.shape for key, tensor in found.items()} == expected


def test_the_stored_spec_is_the_network(finished: RunResult) -> None:
    stored, shipped = archspec.load(finished.dir / "spec.yaml"), archspec.load("lenet5")
    assert list(stored.nodes) == list(shipped.nodes)
    assert stored.types == shipped.types
    assert [node.op for node in stored.layers()] == [node.op for node in shipped.layers()]


def test_the_stored_run_gives_the_same_bits(finished: RunResult, tmp_path: Path) -> None:
    again = train(finished.dir / "run.yaml", tmp_path / "again", quiet=True)
    for name in ("last.safetensors", "best.safetensors", "preprocessing.json", "spec.yaml", "test.json"):
        assert (again.dir / name).read_bytes() == (finished.dir / name).read_bytes(), name
    clock = ("seconds",)
    stripped = [[{k: v for k, v in r.items() if k not in clock} for r in run.epochs] for run in (finished, again)]
    assert stripped[0] == stripped[1]
    written, kept = (load_run(file).run.train for file in (RUN, again.dir / "run.yaml"))
    assert written.loss is None and kept == written.model_copy(update={"loss": CrossEntropy()})


def test_torch_s_own_generator_is_given_back(tmp_path: Path) -> None:
    torch.manual_seed(4)
    expected = torch.rand(3)
    torch.manual_seed(4)
    train(RUN, tmp_path / "run", ["train.epochs=1"], quiet=True)
    assert torch.equal(torch.rand(3), expected)


def test_statistics_are_of_the_training_images_alone(finished: RunResult) -> None:
    preprocessing = read_preprocessing(finished.dir / "preprocessing.json")
    run = load_run(finished.dir / "run.yaml")
    source = open_source(run.run.data, lambda *_: run.span("data"))
    values = source.load("train", preprocessing.frame, lambda _: None).images.numpy() / 255
    assert preprocessing.mean == pytest.approx((values.mean(),))
    assert preprocessing.std == pytest.approx((values.std(),))


@pytest.mark.parametrize("split", ["test", "val", "train"])
@pytest.mark.parametrize("weights", ["best", "last"])
def test_evaluation_is_scikit_learn_s(finished: RunResult, split: str, weights: str) -> None:
    found = evaluate(finished.dir, split, weights, device="cpu")
    model = compile(archspec.load("lenet5"))
    model.load_state_dict(load_file(finished.dir / f"{weights}.safetensors"))
    run = load_run(finished.dir / "run.yaml")
    preprocessing = read_preprocessing(finished.dir / "preprocessing.json")
    source = open_source(run.run.data, lambda *_: run.span("data"))
    examples = source.load(split, preprocessing.frame, lambda _: None)
    with torch.inference_mode():
        scores = model.eval()(Normalize(preprocessing, torch.device("cpu"))(examples.images))
    assert found.n == source.sizes[split]
    assert found.accuracy == accuracy_score(examples.labels, scores.argmax(1))
    recalls = recall_score(examples.labels, scores.argmax(1), average=None)
    assert [one.recall for one in found.metrics.classes] == pytest.approx(recalls.tolist())
    assert json.loads(json.dumps(found.to_json()))["accuracy"] == found.accuracy
    assert f"{100 * found.accuracy:.2f} %" in str(found)


def test_evaluation_is_of_the_test_images_unless_said(finished: RunResult) -> None:
    found = evaluate(finished.dir)
    assert found.split == "test"
    assert finished.test is not None
    assert found.to_json() == finished.test.to_json() == json.loads((finished.dir / "test.json").read_text())


def test_without_test_images_it_is_of_the_validation_images(tmp_path: Path) -> None:
    run = {**RUN, "data": {"kind": "digits", "split": {"test": 0.0}}}
    result = train(run, tmp_path / "run", ["train.epochs=1"], quiet=True)
    assert result.test is None
    assert evaluate(result.dir).split == "val"
    with pytest.raises(SpecError, match="E627"):
        evaluate(result.dir, "test")


def digit(finished: RunResult) -> tuple[Image.Image, int]:
    """A test digit that the network is sure of, as a grey image of 32×32, and its class."""
    run = load_run(finished.dir / "run.yaml")
    preprocessing = read_preprocessing(finished.dir / "preprocessing.json")
    source = open_source(run.run.data, lambda *_: run.span("data"))
    examples = source.load("test", preprocessing.frame, lambda _: None)
    images = [Image.fromarray(image[0].numpy()) for image in examples.images[:40]]
    found = predict(finished.dir, images, top=1)
    sure = max(
        range(40), key=lambda i: found[i].classes[0][1] * (found[i].classes[0][0] == str(int(examples.labels[i])))
    )
    return images[sure], int(examples.labels[sure])


def test_a_digit_is_told_in_every_mode(finished: RunResult, tmp_path: Path) -> None:
    image, label = digit(finished)
    exif = Image.Exif()
    exif[0x0112] = 6
    wide = Image.fromarray(numpy.asarray(image).astype(numpy.uint16) * 257)
    kinds: dict[str, tuple[Image.Image, dict[str, Any]]] = {
        "grey.png": (image, {}),
        "colour.png": (image.convert("RGB"), {}),
        "palette.png": (image.convert("P"), {}),
        "opaque.png": (image.convert("RGBA"), {}),
        "wide.png": (wide, {}),
        "large.jpg": (image.resize((500, 500)), {"quality": 95}),
        "cmyk.jpg": (image.convert("RGB").convert("CMYK"), {"quality": 95}),
        "rotated.png": (image.transpose(Image.Transpose.ROTATE_90), {"exif": exif}),
    }
    for name, (kind, options) in kinds.items():
        kind.save(tmp_path / name, **options)
    found = predict(finished.dir, [tmp_path / name for name in kinds], top=3)
    plain = dict(found[0].classes)[str(label)]
    for prediction, name in zip(found, kinds, strict=True):
        assert prediction.image == str(tmp_path / name)
        assert len(prediction.classes) == 3
        assert prediction.classes[0][0] == str(label), name
        tolerance = 0.15 if name.endswith("jpg") else 0.01
        assert prediction.classes[0][1] == pytest.approx(plain, abs=tolerance), name
    for name in kinds:  # handed over open, they are the same images
        with Image.open(tmp_path / name) as opened:
            (again,) = predict(finished.dir, [opened], top=3)
        assert again.classes[0][0] == str(label), name
    (clear,) = predict(finished.dir, [Image.new("RGBA", (9, 9), (0, 0, 0, 0))])
    (white,) = predict(finished.dir, [Image.new("L", (9, 9), 255)])
    assert clear.classes == white.classes


def test_a_bad_image_does_not_stop_the_others(finished: RunResult, tmp_path: Path) -> None:
    image, label = digit(finished)
    image.save(tmp_path / "good.png")
    (tmp_path / "bad.png").write_bytes(b"nothing")
    names = ["bad.png", "good.png", "none.png"]
    bad, good, none = predict(finished.dir, [tmp_path / name for name in names])
    assert good.classes[0][0] == str(label) and good.problem is None
    assert bad.problem is not None and bad.problem.code == "E624" and not bad.classes
    assert bad.to_json()["error"] == f"{tmp_path / 'bad.png'} is not an image of a known format"
    assert none.to_json()["error"] == f"{tmp_path / 'none.png'} is not there"
    assert predict(finished.dir, []) == []


def test_a_used_directory_is_refused(finished: RunResult, tmp_path: Path) -> None:
    before = {path: path.read_bytes() for path in finished.dir.rglob("*") if path.is_file()}
    refused = error(RUN, out=finished.dir)
    assert f"E605: {finished.dir} is not empty" in refused and "go on with --resume" in refused
    assert {path: path.read_bytes() for path in before} == before
    (tmp_path / "file").write_text("")
    assert "is a file" in error(RUN, out=tmp_path / "file")
    (tmp_path / "empty").mkdir()
    assert train(RUN, tmp_path / "empty", ["train.epochs=1"], quiet=True).dir == tmp_path / "empty"


def test_directories_are_numbered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    found = [str(train(RUN, overrides=["train.epochs=1"], quiet=True).dir) for _ in range(2)]
    assert found == [os.path.join("runs", "try-1"), os.path.join("runs", "try-2")]


def test_a_run_that_cannot_start_leaves_no_directory(tmp_path: Path) -> None:
    out = tmp_path / "run"
    assert "E501" in error({**RUN, "model": "lenet6"}, out=out)
    assert "E612: there is no device 'cuda:99' here" in error(RUN, "train.device=cuda:99", out=out)
    assert "E620" in error({**RUN, "data": {"kind": "folder", "root": str(tmp_path / "none")}}, out=out)
    assert "E512" in error(RUN, "model.set.vars.clases=10", out=out)
    assert "E611" in error({**RUN, "model": {"spec": "cifar_pattern", "input": [4, 32, 32]}}, out=out)
    assert "E610" in error({**RUN, "model": {"spec": "lenet5", "set": {"vars.classes": 7}}}, out=out)
    assert not out.exists()


def test_the_network_gets_as_many_classes_as_the_data_has(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], write_spec: Callable[..., Path]
) -> None:
    spec = write_spec(
        "- flatten\n- linear: $classes", input="[1, 8, 8]", vars="{classes: 3}", **{"assert": "[params == 195]"}
    )
    result = train({**RUN, "model": str(spec)}, tmp_path / "run", ["train.epochs=1"])
    assert "classes: 10, as the data has (3 in the spec)" in capsys.readouterr().err
    graph = archspec.load(result.dir / "spec.yaml")
    assert graph.type_of(next(iter(graph.outputs.values()))).shape == (10,)
    assert evaluate(result.dir).n == 270
    (other,) = [write_spec("- flatten\n- linear: 3", input="[1, 8, 8]", name="fixed")]
    assert "gives 3 scores, and the data has 10 classes" in error({**RUN, "model": str(other)})


def test_what_is_said_is_said_on_stderr(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    train(RUN, tmp_path / "run", ["train.epochs=2"])
    out, err = capsys.readouterr()
    assert out == ""
    said = (
        "lenet5: 61,706 parameters, input 1×32×32",
        "1,257 train, 270 val, 270 test; 10 classes",
        "2 epochs of 40 steps of 32, adamw lr 0.003, cosine, seed 0, on cpu",
        *("epoch 1/2", "epoch 2/2"),
    )
    for text in said:
        assert text in err
    train(RUN, tmp_path / "silent", ["train.epochs=1"], quiet=True)
    assert capsys.readouterr() == ("", "")


def test_a_loss_that_is_no_number_keeps_the_last_good_weights(tmp_path: Path) -> None:
    """The rate goes up at the second epoch: the weights of the first are kept."""
    run = {
        **RUN,
        "model": "cifar_pattern",
        "train": {"epochs": 2, "optimizer": {"kind": "sgd", "lr": 1e12}, "schedule": "constant"},
    }
    found = error(run, out=tmp_path / "run")
    assert "E650" in found and "loss became" in found
    weights = load_file(tmp_path / "run" / "last.safetensors")
    assert all(tensor.isfinite().all() for tensor in weights.values())


def images(root: Path) -> None:
    """Two classes told apart by their colour; one file is damaged."""
    generator = numpy.random.default_rng(0)
    for name, colour in (("red", (200, 30, 30)), ("blue", (30, 30, 200))):
        (root / name).mkdir(parents=True)
        for i in range(20):
            noise = generator.integers(-25, 25, (10, 14, 3))
            Image.fromarray((noise + colour).astype(numpy.uint8)).save(root / name / f"{i:02}.png")
    (root / "red" / "07.png").write_bytes(b"damaged")


@pytest.mark.parametrize("in_memory", [True, False])
def test_a_folder_of_images(tmp_path: Path, in_memory: bool, capsys: pytest.CaptureFixture[str]) -> None:
    images(tmp_path / "colours")
    run = {
        "model": "cifar_pattern",
        "data": {"kind": "folder", "root": str(tmp_path / "colours"), "in_memory": in_memory},
        "train": {"epochs": 4, "batch": 8},
    }
    result = train(run, tmp_path / "run")
    listed = (tmp_path / "run" / "left_out.txt").read_text()
    assert listed == f"{tmp_path / 'colours' / 'red' / '07.png'} is not an image of a known format: left out\n"
    assert "warning W620" in capsys.readouterr().err
    assert result.test is not None and result.test.accuracy == 1.0
    (found,) = predict(result.dir, [Image.new("RGB", (50, 20), (30, 30, 200))])
    assert found.classes[0][0] == "blue"
    (tmp_path / "colours" / "green").mkdir()
    (tmp_path / "colours" / "green" / "1.png").write_bytes(b"")
    with pytest.raises(SpecError, match="E622") as caught:
        evaluate(result.dir)
    assert "trained on 2 classes (blue, red); the data has 3 classes (blue, green, red)" in str(caught.value)


def test_damaged_files_of_every_split_are_listed_and_not_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """20, 6 and 4 images in folders of their own; in each one cannot be read."""
    images(tmp_path / "all")
    for name in ("red", "blue"):
        for split, numbers in (("train", range(8, 18)), ("val", range(2, 5)), ("test", range(5, 7))):
            (tmp_path / "data" / split / name).mkdir(parents=True)
            for i in numbers:
                (tmp_path / "all" / name / f"{i:02}.png").rename(tmp_path / "data" / split / name / f"{i:02}.png")
    lost = [Path(name) for name in ("train/red/08.png", "val/blue/03.png", "test/red/05.png")]
    for name in lost:
        (tmp_path / "data" / name).write_bytes(b"damaged")
    data = {"kind": "folder", "root": str(tmp_path / "data")}
    result = train({"model": "cifar_pattern", "data": data, "train": {"epochs": 1, "batch": 8}}, tmp_path / "run")
    listed = (tmp_path / "run" / "left_out.txt").read_text().splitlines()
    assert [line.split(" is not an image")[0] for line in listed] == [str(tmp_path / "data" / name) for name in lost]
    assert ": 19 train, 5 val, 3 test; 2 classes" in capsys.readouterr().err
    assert result.test is not None and result.test.n == 3


def test_in_memory_and_on_disk_give_the_same_bits(tmp_path: Path) -> None:
    images(tmp_path / "colours")
    found = []
    for in_memory in (True, False):
        data = {"kind": "folder", "root": str(tmp_path / "colours"), "in_memory": in_memory}
        run = {"model": "cifar_pattern", "data": data, "train": {"epochs": 2, "batch": 8}}
        found.append(train(run, tmp_path / f"run{in_memory}", quiet=True).dir)
    assert (found[0] / "last.safetensors").read_bytes() == (found[1] / "last.safetensors").read_bytes()


@pytest.mark.parametrize(
    ("damage", "code"),
    [
        (lambda run: (run / "best.safetensors").write_bytes(b"\xff" * 40), "E701"),
        (lambda run: (run / "best.safetensors").unlink(), "E701"),
        (lambda run: save_file({"x": torch.zeros(1)}, run / "best.safetensors"), "E708"),
        (lambda run: (run / "preprocessing.json").write_text("{"), "E607"),
        (lambda run: (run / "preprocessing.json").unlink(), "E607"),
        (lambda run: (run / "run.yaml").unlink(), "E606"),
        (lambda run: (run / "run.yaml").write_text("model: {spec: spec.yaml}\nepochs: 3\n"), "E601"),
    ],
)
def test_a_damaged_run_is_refused(finished: RunResult, tmp_path: Path, damage: Any, code: str) -> None:
    run = tmp_path / "run"
    shutil.copytree(finished.dir, run)
    damage(run)
    for use in (lambda: evaluate(run), lambda: predict(run, [Image.new("L", (9, 9))])):
        with pytest.raises(SpecError, match=code):
            use()


def test_what_is_no_run(tmp_path: Path, finished: RunResult) -> None:
    for path, reason in [(tmp_path, "it holds no run.yaml"), (tmp_path / "none", "it is not there")]:
        with pytest.raises(SpecError, match="E606") as caught:
            evaluate(path)
        assert reason in str(caught.value)
    with pytest.raises(SpecError, match="E608") as caught:
        evaluate(finished.dir, weights="bset")
    assert "did you mean 'best'?" in str(caught.value)
    with pytest.raises(SpecError, match="E627") as caught:
        evaluate(finished.dir, split="tset")
    assert "did you mean 'test'?" in str(caught.value)


def test_a_signal_ends_the_run_with_its_weights_saved(tmp_path: Path) -> None:
    """SIGTERM and Ctrl-C, in two runs at once."""
    run = tmp_path / "long.yaml"
    run.write_text("model: lenet5\ntrain: {epochs: 10000, device: cpu}\n")
    command = [sys.executable, "-m", "archspec", "train", str(run), "--out"]
    options: dict[str, Any] = {"cwd": tmp_path, "stderr": subprocess.PIPE, "text": True}
    options["env"] = {**os.environ, "OMP_NUM_THREADS": "1"}
    # what runs in the background is deaf to Ctrl-C, and hands that down
    options["preexec_fn"] = lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)
    cases = [(signal.SIGTERM, 143, tmp_path / "terminated"), (signal.SIGINT, 130, tmp_path / "interrupted")]
    children = [subprocess.Popen([*command, str(out)], **options) for _, _, out in cases]
    deadline = time.monotonic() + 100
    for child, (number, _, out) in zip(children, cases, strict=True):
        while not (out / "metrics.jsonl").is_file() and time.monotonic() < deadline and child.poll() is None:
            time.sleep(0.05)
        child.send_signal(number)
    for child, (_, status, out) in zip(children, cases, strict=True):
        _, err = child.communicate(timeout=100)
        assert child.returncode == status
        assert "weights saved in" in err and "Traceback" not in err
        assert FILES - {"test.json", "report.html"} == {path.name for path in out.iterdir()}
        epochs = len((out / "metrics.jsonl").read_text().splitlines())
        assert evaluate(out, weights="last", device="cpu").epoch == epochs


def test_training_works_in_a_thread(tmp_path: Path) -> None:
    found: list[RunResult] = []
    work = threading.Thread(target=lambda: found.append(train(RUN, tmp_path / "run", ["train.epochs=1"], quiet=True)))
    work.start()
    work.join()
    assert found[0].best_epoch == 1


def test_signal_handlers_are_given_back(tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    train(RUN, tmp_path / "run", ["train.epochs=1"], quiet=True)
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


@pytest.mark.slow
def test_digits_reach_their_measure(root: Path, tmp_path: Path) -> None:
    """lenet5 on five splits of the digits: 97.5 % on average on images never seen."""
    found = []
    for seed in range(5):
        overrides = [f"data.split.seed={seed}", f"train.seed={seed}"]
        result = train(root / "examples" / "digits.yaml", tmp_path / f"run{seed}", overrides, quiet=True)
        assert result.test is not None
        found.append(result.test.accuracy)
    assert sum(found) / 5 >= 0.975


@pytest.mark.slow
def test_mnist_reaches_its_measure(root: Path, data_dir: Path, tmp_path: Path) -> None:
    overrides = [f"data.root={data_dir / 'mnist'}"]
    result = train(root / "examples" / "mnist.yaml", tmp_path / "run", overrides, quiet=True)
    assert result.test is not None and result.test.accuracy >= 0.988
