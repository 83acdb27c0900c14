"""Run files: what is filled in, what is refused, and where the error is shown."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from archspec import source
from archspec.errors import Diagnostic, SpecError
from archspec.run import load_run

Write = Callable[[str], Path]


ROOT_HINT = "'root' belongs in 'data' of kind idx or cifar or folder or csv or boxes or points"


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def written(text: str) -> Path:
        path = tmp_path / "try.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    return written


def errors(run: object, *overrides: str) -> list[Diagnostic]:
    with pytest.raises(SpecError) as caught:
        load_run(run, overrides)  # type: ignore[arg-type]
    return list(caught.value.diagnostics)


def test_every_default_is_written_into_the_resolved_run(write: Write) -> None:
    assert load_run(write("model: lenet5\n")).resolved() == {
        "name": "try",
        "model": {"spec": "lenet5", "set": {}, "replace": []},
        "data": {
            "kind": "digits",
            "split": {"val": 0.15, "test": 0.15, "train_dev": 0.0, "seed": 0, "fold": 0},
            "fit": "stretch",
            "strict": False,
            "background": "white",
        },
        "augment": [],
        "train": {
            "epochs": 20,
            "batch": 64,
            "accumulate": 1,
            "optimizer": {
                "kind": "adam",
                "lr": 1e-3,
                "weight_decay": 0.0,
                "decay_norm_and_bias": False,
                "betas": [0.9, 0.999],
                "eps": 1e-8,
                "amsgrad": False,
            },
            "schedule": {"kind": "cosine", "final": 0.0, "cycles": 1, "snapshots": False},
            "l1": 0.0,
            "l2": 0.0,
            "init": {"kind": "spec"},
            "freeze": [],
            "unfreeze": {},
            "rates": {},
            "checkpoint": {"every": 60.0, "keep": 2},
            "sync_batchnorm": False,
            "tensorboard": False,
            "seed": 0,
            "watch": "warn",
            "device": "auto",
            "precision": "fp32",
            "memory_format": "contiguous",
            "compile": False,
            "workers": 0,
        },
    }


def test_a_resolved_run_reads_back_to_itself(write: Write) -> None:
    first = load_run(
        write(
            "model: {spec: lenet5, set: {vars: {classes: 7}}}\ndata: {kind: folder, root: pics}\n"
            "train: {optimizer: {kind: sgd, nesterov: true}, schedule: {kind: step, every: 5}}\n"
        )
    )
    again = load_run(write(source.dump(first.resolved())))
    assert again.run == first.run.model_copy(update={"name": "try"})
    assert again.resolved() == first.resolved()


@pytest.mark.parametrize(
    ("short", "long"),
    [
        ("model: lenet5", "model: {spec: lenet5}"),
        ("model: x\ndata: digits", "model: x\ndata: {kind: digits}"),
        ("model: x\ntrain: {optimizer: sgd}", "model: x\ntrain: {optimizer: {kind: sgd}}"),
        ("model: x\ntrain: {schedule: constant}", "model: x\ntrain: {schedule: {kind: constant}}"),
        ("model: x\ntrain: {optimizer: {lr: 0.5}}", "model: x\ntrain: {optimizer: {kind: adam, lr: 0.5}}"),
        (
            "model: x\ntrain: {loss: {class_weights: balanced}}",
            "model: x\ntrain: {loss: {kind: cross_entropy, class_weights: balanced}}",
        ),
    ],
)
def test_a_value_that_stands_alone_means_the_main_key(write: Write, short: str, long: str) -> None:
    assert load_run(write(short)).run == load_run(write(long)).run


def test_all_errors_come_at_once_with_place_and_suggestion(write: Write) -> None:
    path = write(
        "modle: lenet5\n"
        "data: {kind: digit}\n"
        "train:\n"
        "  epochs: 0\n"
        "  lr: 0.1\n"
        "  momentum: 0.9\n"
        "  batch: many\n"
        "  device: gpu\n"
        "  optimizer: {kind: sgd, momentun: 0.9, momentum: 0, nesterov: true}\n"
        "  schedule: {kind: step}\n"
    )
    found = {(d.code, d.span.line, d.span.column): d for d in errors(path) if d.span}
    expected = {
        ("E601", 1, 1): ("a run has no key 'modle'", "did you mean 'model'?"),
        ("E602", 1, 1): ("'model' is missing", "write model: …"),
        ("E604", 2, 14): (
            "data has no kind 'digit': there are digits, idx, cifar, folder, csv, numpy, boxes, scattered_digits, "
            "points, digit_cards",
            "did you mean 'digits'?",
        ),
        ("E603", 4, 11): ("'train.epochs' should be greater than or equal to 1, not 0", None),
        ("E601", 5, 3): ("train has no key 'lr'", "'lr' belongs in 'train.optimizer'"),
        ("E601", 6, 3): (
            "train has no key 'momentum'",
            "'momentum' belongs in 'train.optimizer' of kind sgd or rmsprop",
        ),
        ("E603", 7, 10): ("'train.batch' should be a valid integer, not \"many\"", None),
        ("E603", 8, 11): ('device must be auto, cpu, cuda, cuda:0, cuda:1, … or mps, not "gpu"', None),
        ("E601", 9, 26): ("train.optimizer has no key 'momentun'", "did you mean 'momentum'?"),
        ("E603", 9, 64): ("nesterov needs a momentum above 0", None),
        ("E602", 10, 13): ("'train.schedule.every' is missing", "write every: …"),
    }
    assert {key: (d.message, d.hint) for key, d in found.items()} == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[model, lenet5]", "a run is a mapping"),
        ("model: [lenet5]", "model is a mapping, not a list"),
        ("model: 5", "'model.spec' should be a valid string, not 5"),
        ("model: x\ntrain: {seed: true}", "'train.seed' should be a valid integer, not true"),
        ("model: x\ntrain: {epochs: 3.5}", "'train.epochs' should be a valid integer"),
        ("model: x\ndata: {kind: digits, split: {val: 0.5, test: 0.5}}", "leaves nothing to train on"),
        ("model: x\ndata: {kind: digits, split: {val: 0}}", "'data.split.val' should be greater than 0"),
        ("model: x\ndata: folder", "'data.root' is missing"),
        (
            "model: x\ndata: {kind: scattered_digits, objects: [1, 2, 3]}",
            "'data.objects' should have at most 2 items, not [1, 2, 3]",
        ),
        ("model: x\ndata: {kind: idx, fit: squeeze}", "'data.fit' should be 'stretch', 'crop'"),
        ("model: x\nname: a/b", "'name' should match pattern"),
        ("model: x\ntrain: 3", "train is a mapping, not 3"),
        ("model: x\ntrain: {unfreeze: {1.5: [a]}}", "the key 1.5 of 'train.unfreeze' should be a valid integer"),
        ("model: x\ndata: {kind: digits, split: {folds: 5, val: 0.3}}", "folds: 5 and val: 0.3 both say what val is"),
        ("model: x\ntrain: {optimizer: {lr: 0}}", "'train.optimizer.lr' should be greater than 0"),
    ],
)
def test_wrong_values_are_named(write: Write, text: str, message: str) -> None:
    found = errors(write(text))
    assert len(found) == 1
    assert message in found[0].message
    assert found[0].span is not None and found[0].span.file.endswith("try.yaml")


def test_overrides_reach_keys_that_are_not_written(write: Write) -> None:
    path = write("model: lenet5\ntrain: {optimizer: sgd}\n")
    run = load_run(
        path,
        ["train.epochs=3", "train.optimizer.lr=1e-2", "data.split.seed=4", "model.set.vars.classes=7",
         "train.schedule=constant", "model.input=[1, 28, 28]"],
    ).run  # fmt: skip
    assert run.train.epochs == 3
    assert (run.train.optimizer.kind, run.train.optimizer.lr) == ("sgd", 0.01)
    assert run.train.schedule.kind == "constant"
    assert run.model.overrides() == ["vars.classes=7"]
    assert run.model.input == [1, 28, 28]
    assert run.data.split.seed == 4


def test_a_key_that_is_no_number_is_underlined_itself(write: Write) -> None:
    (found,) = errors(write("model: x\ntrain:\n  unfreeze: {1.5: [a]}\n"))
    assert found.span is not None and (found.span.line, found.span.column, found.span.length) == (3, 14, 3)


def test_folds_as_a_resolved_run_has_them_are_read_again(write: Write) -> None:
    first = load_run(write("model: lenet5\ndata: {kind: digits, split: {folds: 5}}\n"))
    assert load_run(first.resolved()).run.data == first.run.data


def test_paths_are_written_without_detours(tmp_path: Path) -> None:
    """Unless the detour goes through a link, behind which `..` is another folder."""
    (tmp_path / "runs").mkdir()
    (tmp_path / "far" / "away").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "far" / "away")
    for folder in (tmp_path / "runs", tmp_path / "far" / "away"):
        (folder / "run.yaml").write_text("model: ../net.yaml\n")
    assert load_run(tmp_path / "runs" / "run.yaml").run.model.spec == str(tmp_path / "net.yaml")
    linked = load_run(tmp_path / "link" / "run.yaml").run.model.spec
    assert linked == str(tmp_path / "link" / ".." / "net.yaml") and Path(linked).resolve().parent.name == "far"


def test_an_override_can_replace_a_whole_section(write: Write) -> None:
    run = load_run(write("model: lenet5\ndata: digits\n"), ["data={kind: idx, root: /data}"]).run
    assert run.data.kind == "idx"


def test_loss_of_a_run_that_names_none_is_set_key_by_key(write: Write) -> None:
    path = write("model: lenet5\n")
    assert load_run(path).run.train.loss is None
    smooth = load_run(path, ["train.loss.label_smoothing=0.1"]).run.train.loss
    assert smooth == load_run(path, ["train.loss={kind: cross_entropy, label_smoothing: 0.1}"]).run.train.loss
    hinge = load_run(path, ["train.loss.kind=hinge", "train.loss.margin=2"]).run.train.loss
    assert hinge == load_run(path, ["train.loss={kind: hinge, margin: 2}"]).run.train.loss
    with pytest.raises(SpecError, match="'loss' has no key 'box'") as caught:
        load_run(path, ["train.loss.box=4"])
    kinds = "ssd or yolo or yolo_v1 or multibox or localisation"
    assert caught.value.diagnostics[0].hint == f"'box' belongs in 'train.loss' of kind {kinds}"
    (here,) = errors(path, "train.loss.overlap=giou")  # a key of scattered_digits too, which is elsewhere
    assert here.hint == "'overlap' belongs in 'train.loss' of kind yolo"


@pytest.mark.parametrize(
    ("override", "code", "column", "message", "hint"),
    [
        ("train.epoch=3", "E512", 1, "'train' has no key 'epoch'", "did you mean 'epochs'?"),
        ("trian.epochs=3", "E512", 1, "a run has no key 'trian'", "did you mean 'train'?"),
        ("train.epochs.x=3", "E512", 1, "'epochs' is a single value", None),
        ("train.lr=3", "E512", 1, "'train' has no key 'lr'", "'lr' belongs in 'train.optimizer'"),
        (
            "data.root=x",
            "E512",
            1,
            "'data' has no key 'root'",
            ROOT_HINT,
        ),
        ("train.epochs", "E513", 1, "'train.epochs' sets nothing", None),
        ("train.epochs=many", "E603", 14, "should be a valid integer", None),
    ],
)
def test_wrong_overrides_are_placed_in_themselves(
    write: Write, override: str, code: str, column: int, message: str, hint: str | None
) -> None:
    (found,) = errors(write("model: lenet5\n"), override)
    assert found.span is not None
    assert (found.code, found.span.file, found.span.column) == (code, f"--set {override}", column)
    assert message in found.message
    assert hint is None or found.hint == hint


def test_paths_are_relative_to_whoever_wrote_them(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    path = write("model: nets/mine.yaml\ndata: {kind: folder, root: pics}\n")
    run = load_run(path).run
    assert Path(run.model.spec) == tmp_path / "nets" / "mine.yaml"
    assert Path(run.data.root) == tmp_path / "pics"
    assert Path(load_run(path, ["data.root=pics"]).run.data.root) == here / "pics"
    plain = load_run({"model": "mine.yaml@small", "data": {"kind": "idx", "root": "a"}}).run
    assert Path(plain.model.spec) == here / "mine.yaml@small"
    assert Path(plain.data.root) == here / "a"
    assert load_run({"model": "resnet50@152"}).run.model.spec == "resnet50@152"


def test_the_place_of_a_key_is_the_deepest_that_was_written(write: Write) -> None:
    run = load_run(write("model: lenet5\ntrain:\n  seed: 1\n"), ["train.batch=8"])
    assert (run.span("train", "seed").line, run.span("train", "seed").column) == (3, 9)
    assert run.span("train", "batch").file == "--set train.batch=8"
    assert run.span("train", "device").line == 3
    assert run.span("data", "root").line == 1


def test_the_name_is_the_file_s_unless_written(write: Write) -> None:
    assert load_run(write("model: lenet5")).name == "try"
    assert load_run(write("model: lenet5\nname: other")).name == "other"
    assert load_run({"model": "nets/mine.yaml"}).name == "mine"


def test_reading_a_run_needs_no_torch() -> None:
    code = "import sys, archspec.run; archspec.run.load_run({'model': 'lenet5'}); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_a_key_that_is_too_small_a_number_is_told_as_a_key(write: Write) -> None:
    (found,) = errors(write("model: x\ntrain: {freeze: [a], unfreeze: {1: [a]}}"))
    assert found.message == "the key 1 of 'train.unfreeze' should be greater than or equal to 2"
    assert found.span is not None and (found.code, found.span.line, found.span.column) == ("E603", 2, 33)


def test_the_examples_are_sound(root: Path) -> None:
    files = sorted((root / "examples").rglob("*.yaml"))
    runs = [path for path in files if "model:" in path.read_text(encoding="utf-8")]
    assert {path.stem for path in runs} >= {"digits", "mnist", "folder"}
    for path in runs:
        assert load_run(path).name == path.stem


def test_a_spec_is_not_a_run(write: Write) -> None:
    (found,) = errors(write("archspec: 1\ninput: [1, 8, 8]\nlayers: [flatten]\n"))
    assert found.message == "this is a spec, not a run file"


def test_entries_of_a_list_are_words_and_mappings_of_one_key(write: Write) -> None:
    text = "model: x\naugment:\n  - mirror\n  - rotate: 10\n  - {zoom: [0.9, 1]}\n  - {erase: {p: 0.1}}\n"
    augment = load_run(write(text)).resolved()["augment"]
    assert augment == [
        {"mirror": {"direction": "horizontal", "p": 0.5}},
        {"rotate": {"degrees": 10.0, "fill": 0}},
        {"zoom": {"scale": [0.9, 1.0], "fill": 0}},
        {"erase": {"p": 0.1, "scale": [0.02, 0.33], "ratio": [0.3, 3.3]}},
    ]
    assert load_run({"model": "x", "augment": augment}).resolved()["augment"] == augment
    assert load_run(write("model: x"), ["augment=[mirror]"]).resolved()["augment"] == augment[:1]


def test_errors_in_a_list_are_placed(write: Write) -> None:
    lines = [
        "model: x",
        "augment:",
        "  - miror",
        "  - {rotate: {degres: 3}}",
        "  - {mirror: vertical, zoom: 1}",
        "  - color_jitter: 3",
        "  - {erase: {p: 2}}",
        "  - {zoom: [2, 1]}",
        "  - {rotate: {kind: mirror}}",
        "  - [mirror]",
    ]
    found = {
        (d.code, d.span.line, d.span.column): (d.message, d.hint) for d in errors(write("\n".join(lines))) if d.span
    }
    assert found == {
        ("E604", 3, 5): (
            "augment has no kind 'miror': there are mirror, random_crop, resized_crop, rotate, shear, zoom, shift, "
            "scale_jitter, zoom_out, iou_crop, mosaic, color_jitter, pca_color, local_warp, erase, blur, mixup, cutmix",
            "did you mean 'mirror'?",
        ),
        ("E601", 4, 15): ("augment.rotate has no key 'degres'", "did you mean 'degrees'?"),
        ("E603", 5, 5): (
            "an entry of augment is a word, or a mapping of one key; this one has 2",
            "begin an entry of its own for each, with a dash",
        ),
        ("E603", 6, 19): ("augment.color_jitter is a mapping", "its keys: brightness, contrast, saturation, hue"),
        ("E603", 7, 17): ("'augment.erase.p' should be less than or equal to 1, not 2", None),
        ("E603", 8, 12): ("a range goes from the smaller to the larger number: 2 is above 1", None),
        ("E601", 9, 15): ("augment.rotate has no key 'kind'", "'rotate' is the kind already"),
        ("E603", 10, 5): (
            "an entry of augment is a word, or a mapping of one key",
            "begin an entry of its own for each, with a dash",
        ),
    }


@pytest.mark.parametrize(
    ("override", "message"),
    [("augment.rotate=3", "'augment' is a list, and is set as a whole"), ("augment=mirror", "augment is a list")],
)
def test_a_list_is_set_as_a_whole(write: Write, override: str, message: str) -> None:
    (error,) = errors(write("model: x\naugment: [mirror]"), override)
    assert message in error.message


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("data: {kind: WORD}", "digits"),
        ("data: {kind: folder, root: x, fit: WORD}", "stretch"),
        ("data: {kind: folder, root: x, background: WORD}", "white"),
        ("data: {kind: folder, root: x, in_memory: WORD}", "auto"),
        ("data: {kind: cifar, root: x, labels: WORD}", "coarse"),
        ("augment: [WORD]", "mirror"),
        ("augment: [mirror: {direction: WORD}]", "vertical"),
        ("augment: [random_crop: {mode: WORD}]", "reflect"),
        ("train: {optimizer: WORD}", "adagrad"),
        ("train: {optimizer: {kind: WORD}}", "rmsprop"),
        ("train: {schedule: WORD}", "cosine"),
        ("train: {schedule: {kind: inverse_time, by: WORD}}", "epoch"),
        ("train: {loss: WORD}", "focal"),
        ("train: {loss: {kind: focal, class_weights: WORD}}", "balanced"),
        ("train: {init: WORD}", "xavier"),
        ("train: {init: {kind: he, distribution: WORD}}", "uniform"),
        ("train: {early_stop: {on: WORD}}", "val_loss"),
        ("train: {watch: WORD}", "warn"),
        ("train: {precision: WORD}", "bf16"),
        ("train: {memory_format: WORD}", "channels_last"),
        ("train: {compile: WORD}", "auto"),
        ("train: {compile: WORD}", "false"),
    ],
)
def test_a_word_that_lacks_a_letter_is_known_again(text: str, word: str, write: Write) -> None:
    written = f"model: x\n{text.replace('WORD', word[:1] + word[2:])}\n"
    (told,) = errors(write(written))
    assert told.hint == f"did you mean '{word}'?"
    assert word in told.message, "the words that may stand there are listed"
    (fix,) = told.fixes
    load_run(write(fix.applied(written)))
