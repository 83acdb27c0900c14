"""Classifiers and localisers slid over images: windows placed by hand, and against the network on each cut out."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")

import numpy as np  # noqa: E402
from PIL import Image  # noqa: E402
from safetensors.torch import save_file  # noqa: E402
from torch import Tensor  # noqa: E402

import archspec  # noqa: E402
from archspec import SpecError  # noqa: E402
from archspec.cli import main  # noqa: E402
from archspec_torch.compiler import Network  # noqa: E402

YELLOW, PINK = (255, 255, 0), (255, 0, 255)
HEAD = "archspec: 1\nname: cells\ntask: localise\ninput: [3, 32, 32]\nlayers:\n  - avg_pool: 16\n  - flatten\n"
VECTOR = HEAD + "  - linear: 5 + 2\n    name: told\n"
TWO = (
    HEAD
    + """  - linear: 2
    name: scores
  - linear: {out}
    from: flatten1
    name: boxes
outputs: [scores, boxes]
"""
)
SIDE = 16
"""Pixels of a cell: a window is 2×2 of them, and moves by one."""


def seen(rows: dict[int, tuple[dict[int, float], float]], count: int) -> dict[str, Tensor]:
    """A `linear` over 3×2×2 numbers, colours slowest: what each row takes of a colour in any cell, and its bias."""
    weight, bias = torch.zeros(count, 3, 2, 2), torch.zeros(count)
    for row, (colors, constant) in rows.items():
        for color, factor in colors.items():
            weight[row, color] = factor
        bias[row] = constant
    return {"weight": weight.flatten(1), "bias": bias}


def centre(layer: dict[str, Tensor], x: int, y: int) -> None:
    """Rows of a layer that tell the centre of the red cell, in parts of the window."""
    middle = torch.tensor([0.25, 0.75])
    layer["weight"].unflatten(1, (3, 2, 2))[x, 0] = middle.expand(2, 2)
    layer["weight"].unflatten(1, (3, 2, 2))[y, 0] = middle[:, None].expand(2, 2)


def told(folder: Path, spec: str, layers: dict[str, dict[str, Tensor]]) -> dict[str, Any]:
    """What `detect` is called with besides images."""
    (folder / "cells.yaml").write_text(spec)
    save_file({f"{name}.{key}": t for name, one in layers.items() for key, t in one.items()}, folder / "c.safetensors")
    known = {"mean": (0.0,), "std": (1.0,), "classes": ("yellow", "pink"), "device": "cpu", "dense": True}
    return {"target": folder / "cells.yaml", "weights": str(folder / "c.safetensors"), **known}


@pytest.fixture
def vector(tmp_path: Path) -> dict[str, Any]:
    """y = [pc, bx, by, bh, bw, yellow, pink]: there is something where a cell is red; its box is that cell."""
    rows = {0: ({0: 2.0}, -1.0), 3: ({}, 0.5), 4: ({}, 0.5), 5: ({1: 2.0}, 0.0), 6: ({2: 2.0}, 0.0)}
    layer = seen(rows, 7)
    centre(layer, 1, 2)
    return told(tmp_path, VECTOR, {"told": layer})


def cells(rows: int, columns: int, colors: dict[tuple[int, int], tuple[int, int, int]]) -> Image.Image:
    image = Image.new("RGB", (SIDE * columns, SIDE * rows))
    for (row, column), color in colors.items():
        image.paste(color, (SIDE * column, SIDE * row, SIDE * column + SIDE, SIDE * row + SIDE))
    return image


ONE = 1 / (1 + math.exp(-1)) * math.e**2 / (math.e**2 + 1)
"""What a window tells that sees one cell: σ(2 − 1) times the softmax of 2 against 0."""


def test_each_window_s_box_is_put_into_the_image_and_they_become_one(vector: dict[str, Any]) -> None:
    """3×5 cells have 2×4 windows: the cell 0, 0 is in one of them, 2, 2 in two, beside the first of no other."""
    image = cells(3, 5, {(0, 0): YELLOW, (2, 3): PINK})
    (one,) = archspec.detect(images=[image], **vector).images
    assert [thing.label for thing in one.objects] == ["pink", "yellow"]
    boxes = torch.tensor([thing.box for thing in one.objects])
    torch.testing.assert_close(boxes, torch.tensor([[48.0, 32, 64, 48], [0, 0, 16, 16]]), rtol=0, atol=1e-4)
    assert one.objects[0].score == pytest.approx(2 * ONE, rel=1e-5)
    assert one.objects[1].score == pytest.approx(ONE, rel=1e-5)
    (one,) = archspec.detect(images=[cells(4, 5, {(1, 2): PINK})], **vector).images
    assert [thing.score for thing in one.objects] == [pytest.approx(4 * ONE, rel=1e-5)]
    (one,) = archspec.detect(images=[image], **vector, keep=1).images
    assert [thing.label for thing in one.objects] == ["pink"]
    (one,) = archspec.detect(images=[image], **vector, score=0.7).images
    assert one.objects == ()  # none of the windows alone tells as much
    (one,) = archspec.detect(images=[cells(3, 5, {})], **vector, score=None).images
    assert one.objects == ()  # nothing is there, whatever its classes' scores


def test_boxes_of_one_class_each_and_the_class_that_most_windows_tell(tmp_path: Path) -> None:
    """Boxes a class: that of pink is the cell's middle, half as high and wide, that of yellow the cell."""
    scores = seen({0: ({1: 4.0}, 0.0), 1: ({2: 4.0}, 0.0)}, 2)
    boxes = seen({2: ({}, 0.5), 3: ({}, 0.5), 6: ({}, 0.25), 7: ({}, 0.25)}, 8)
    centre(boxes, 0, 1), centre(boxes, 4, 5)
    how = told(tmp_path, TWO.format(out=8), {"scores": scores, "boxes": boxes})
    (one,) = archspec.detect(images=[cells(2, 3, {(0, 1): PINK})], **how, score=0.9).images
    (thing,) = one.objects
    assert (thing.label, [round(v, 3) for v in thing.box]) == ("pink", [20, 4, 28, 12])
    share = math.e**4 / (math.e**4 + 1)
    assert thing.score == pytest.approx(2 * share, rel=1e-5)


def test_an_image_smaller_than_a_window_is_enlarged_and_boxes_are_in_its_pixels(vector: dict[str, Any]) -> None:
    small = cells(2, 3, {(1, 2): YELLOW}).resize((24, 16), Image.Resampling.NEAREST)
    (one,) = archspec.detect(images=[small], **vector).images
    assert list(one.objects[0].box) == pytest.approx([16, 8, 24, 16], abs=0.3)  # pixels between were interpolated
    assert (one.width, one.height) == (24, 16)


def test_images_brought_to_one_size(vector: dict[str, Any]) -> None:
    """96×48 stretched to 48×48, three by three cells of 32×16 pixels of the image; several images at once."""
    wide = cells(3, 3, {(0, 2): PINK}).resize((96, 48), Image.Resampling.NEAREST)
    found = archspec.detect(images=[wide, cells(3, 3, {(1, 1): YELLOW})], **vector, input="3x48x48")
    (first,), (second,) = (one.objects for one in found.images)
    assert list(first.box) == pytest.approx([64, 0, 96, 16], abs=0.3)  # pixels between were interpolated
    assert list(second.box) == pytest.approx([16, 16, 32, 32], abs=1e-3)
    assert "1 fully connected layer slides" in found.notes[0]


@pytest.mark.parametrize("kind", ["json", "coco", "csv", "voc", "yolo"])
def test_all_formats_and_pictures(
    kind: str, vector: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cells(3, 5, {(0, 0): YELLOW, (2, 3): PINK}).save(tmp_path / "a.png")
    said = ["--weights", vector["weights"], "--mean", "0", "--std", "1", "--classes", "yellow,pink", "--device", "cpu"]
    said += ["-o", str(tmp_path / "out"), "--format", kind]
    assert main(["detect", str(vector["target"]), str(tmp_path / "a.png"), "--dense", *said]) == 0
    out, err = capsys.readouterr()
    assert "pink ×1" in out and "note: 1 fully connected layer slides" in err
    drawn = np.asarray(Image.open(tmp_path / "out" / "a.png").convert("RGB"))
    assert drawn.shape == (48, 80, 3) and (drawn != np.asarray(Image.open(tmp_path / "a.png"))).any()
    (file,) = (tmp_path / "out").rglob(WRITTEN[kind])
    score = 2 * ONE
    written = file.read_text()
    if kind == "json":
        (thing, _) = json.loads(written)["images"][0]["objects"]
        assert thing == {"class": "pink", "score": pytest.approx(score, abs=1e-5), "box": [48, 32, 64, 48]}
    elif kind == "coco":
        row = json.loads(written)[0]
        assert (row["category_name"], row["bbox"], row["score"]) == (
            "pink",
            [48, 32, 16, 16],
            pytest.approx(score, abs=1e-5),
        )
    else:
        line = next(line for line in written.splitlines() if "pink" in line or kind != "csv")
        numbers = [float(part) for part in line.replace(",", " ").split()[{"csv": 2, "voc": 1, "yolo": 1}[kind] :]]
        box = [(48 + 8) / 80, (32 + 8) / 48, 16 / 80, 16 / 48] if kind == "yolo" else [48, 32, 64, 48]
        wanted = [*box, score] if kind == "yolo" else [score, *box]
        if kind == "voc":
            wanted[1:3] = [49, 33]  # VOC counts pixels from 1, both ends among them
        assert numbers == pytest.approx(wanted, abs=1e-4)


WRITTEN = {"json": "detections.json", "coco": "coco.json", "csv": "*.csv", "voc": "*_pink.txt", "yolo": "a.txt"}


def test_what_does_not_fit_into_memory_is_told_of_its_image(
    vector: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any, **__: Any) -> Tensor:
        raise RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes")

    monkeypatch.setattr(Network, "__call__", full)
    (one,) = archspec.detect(images=[cells(3, 5, {})], **vector).images
    assert one.problem is not None and one.problem.code == "E624"
    assert "is 48×80 pixels where the network slides" in one.problem.message and "--input" in one.problem.message


@pytest.mark.parametrize("most", [1, 3])
def test_a_batch_that_does_not_fit_into_memory_is_looked_at_in_parts(
    most: int, vector: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Images that fit one by one are found as they are alone."""
    images = [cells(3, 3, {(n // 3, n % 3): YELLOW if n % 2 else PINK}) for n in range(5)]
    wanted = [archspec.detect(images=[image], **vector, input="3x48x48").images[0].objects for image in images]
    whole = Network.__call__

    def narrow(network: Network, images: Tensor) -> Any:
        if len(images) > most:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes")
        return whole(network, images)

    monkeypatch.setattr(Network, "__call__", narrow)
    found = archspec.detect(images=images, **vector, input="3x48x48").images
    assert [one.problem for one in found] == [None] * 5 and all(wanted)
    for one, alone in zip(found, wanted, strict=True):
        assert [(t.label, t.box) for t in one.objects] == [(t.label, pytest.approx(t.box)) for t in alone]


def test_an_image_too_thin_to_be_enlarged_does_not_stop_the_others(vector: dict[str, Any]) -> None:
    """100,000×1 pixels would be 3,200,000×32: 102,400,000."""
    thin, good = Image.new("RGB", (100_000, 1)), cells(3, 5, {(2, 3): PINK})
    first, second = archspec.detect(images=[thin, good], **vector).images
    assert first.problem is not None and first.problem.code == "E624"
    for said in ("is 100000×1 pixels", "a window of 32×32 needs 3200000×32", "100,000,000", "--input CxHxW"):
        assert said in first.problem.message
    assert [thing.label for thing in second.objects] == ["pink"]
    (one,) = archspec.detect(images=[thin], **vector, input="3x48x48").images
    assert one.problem is None


# ---- against the network on every window cut out

RANDOM = """archspec: 1
name: random
{task}input: [1, 30, 34]
layers:
  - conv: {{out: 6, kernel: 5}}
  - batch_norm
  - relu
  - max_pool: 2
  - conv: {{out: 8, kernel: 4}}
  - leaky_relu: 0.1
  - avg_pool: 2
  - flatten
  - layers: [linear: 24, batch_norm, relu]
    name: fc
  - linear: 3
    name: scores
"""
LOCALISER = """  - linear: {out}
    from: fc
    name: boxes
outputs: [scores, boxes]
"""


def random_network(folder: Path, spec: str) -> tuple[Path, torch.nn.Module]:
    """A spec with random weights, saved, and the network as it is without sliding."""
    torch.manual_seed(0)
    path = folder / "random.yaml"
    path.write_text(spec)
    model = archspec.compile(path).eval()
    for name, tensor in model.state_dict().items():
        if tensor.is_floating_point():
            torch.nn.init.uniform_(tensor, -0.5, 0.5)
        if name.endswith("running_var"):
            torch.nn.init.uniform_(tensor, 0.5, 2)
    save_file(model.state_dict(), folder / "random.safetensors")
    return path, model


def noise(folder: Path) -> tuple[Path, Tensor]:
    """A picture of 48×54 pixels, and what the network is given of it: (1, 1, 48, 54)."""
    pixels = np.random.default_rng(0).integers(0, 256, (48, 54), dtype=np.uint8)
    Image.fromarray(pixels).save(folder / "noise.png")
    return folder / "noise.png", (torch.from_numpy(pixels)[None, None] / 255 - 0.4) / 0.3


CORNERS = [(y, x) for y in range(0, 48 - 30 + 1, 4) for x in range(0, 54 - 34 + 1, 4)]
"""Of windows of 30×34 pixels, 4 apart."""


def one_by_one(boxes: list[list[float]], apart: float = 1.0) -> list[tuple[list[float], list[int]]]:
    """OverFeat's merge as it is written in the paper, pair by pair, with plain numbers: each box and what it is of.

    Of pairs that are as alike, to a millionth, the first."""

    def unlike(a: list[float], b: list[float]) -> float:
        across, down = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
        shared = max(across, 0) * max(down, 0)
        union = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared
        off = math.hypot((a[0] + a[2] - b[0] - b[2]) / 2, (a[1] + a[3] - b[1] - b[3]) / 2)
        around = math.hypot(max(a[2], b[2]) - min(a[0], b[0]), max(a[3], b[3]) - min(a[1], b[1]))
        return round((off / around + 1 - shared / union) * 2**20)

    found = [(box, [i]) for i, box in enumerate(boxes)]
    while len(found) > 1:
        pairs = [(i, j) for i in range(len(found)) for j in range(i + 1, len(found))]
        i, j = min(pairs, key=lambda pair: unlike(found[pair[0]][0], found[pair[1]][0]))
        if unlike(found[i][0], found[j][0]) > apart * 2**20:
            break
        (one, mine), (other, theirs) = found[i], found.pop(j)
        n, m = len(mine), len(theirs)
        found[i] = ([(a * n + b * m) / (n + m) for a, b in zip(one, other, strict=True)], mine + theirs)
    return found


@pytest.mark.parametrize("out", [4, 12])
def test_a_localiser_tells_of_an_image_what_it_tells_of_its_windows_cut_out(out: int, tmp_path: Path) -> None:
    """Class-agnostic and a box a class: crops by slicing, corners and merging with plain numbers."""
    spec = RANDOM.format(task="task: localise\n") + LOCALISER.format(out=out)
    path, model = random_network(tmp_path, spec)
    weights = {name: t.clone() for name, t in model.state_dict().items()}
    weights["boxes.weight"] /= 20
    weights["boxes.bias"] = torch.tensor([0.5, 0.5, 0.4, 0.3] * (out // 4)) + 0.02 * torch.arange(out)
    model.load_state_dict(weights)
    save_file(weights, tmp_path / "random.safetensors")
    file, image = noise(tmp_path)
    boxes, shares = [], []
    with torch.no_grad():
        for y, x in CORNERS:
            answer = model(image[:, :, y : y + 30, x : x + 34])
            share = answer["scores"][0].double().softmax(0)
            label = int(share.argmax()) if out > 4 else 0
            bx, by, bh, bw = answer["boxes"][0, 4 * label : 4 * label + 4].tolist()
            boxes.append(
                [x + 34 * (bx - bw / 2), y + 30 * (by - bh / 2), x + 34 * (bx + bw / 2), y + 30 * (by + bh / 2)]
            )
            shares.append(share.tolist())
    wanted = []
    for box, of in one_by_one(boxes):
        sums = [sum(shares[i][c] for i in of) for c in range(3)]
        label = sums.index(max(sums))
        wanted.append((max(sums), label, box))
    wanted.sort(key=lambda one: -one[0])
    how = {"mean": (0.4,), "std": (0.3,), "device": "cpu", "dense": True, "score": None}
    (one,) = archspec.detect(path, [file], weights=str(tmp_path / "random.safetensors"), **how).images
    assert len(wanted) > 1
    assert sorted(thing.number for thing in one.objects) == sorted(label for _, label, _ in wanted)
    for thing in one.objects:
        score, label, box = min(wanted, key=lambda w: sum(abs(a - b) for a, b in zip(w[2], thing.box, strict=True)))
        clipped = [max(0, min(v, side)) for v, side in zip(box, (54, 48, 54, 48), strict=True)]
        assert list(thing.box) == pytest.approx(clipped, abs=1e-3)
        assert (thing.number, thing.score) == (label, pytest.approx(score, abs=1e-5))


def test_a_classifier_answers_by_class_where_its_windows_do(tmp_path: Path) -> None:
    """Windows are merged that tell one class, and no others."""
    path, model = random_network(tmp_path, RANDOM.format(task=""))
    file, image = noise(tmp_path)
    with torch.no_grad():
        shares = [model(image[:, :, y : y + 30, x : x + 34])[0].double().softmax(0).tolist() for y, x in CORNERS]
    least = sorted(share[c] for share in shares for c in range(3))[len(shares) * 3 // 2]
    wanted = []
    for label in range(3):
        here = [i for i, share in enumerate(shares) if share[label] >= least]
        places = [[x, y, x + 34, y + 30] for y, x in (CORNERS[i] for i in here)]
        for box, of in one_by_one([[float(v) for v in place] for place in places]):
            wanted.append((sum(shares[here[i]][label] for i in of), label, box))
    how = {"mean": (0.4,), "std": (0.3,), "device": "cpu", "dense": True, "score": least - 1e-6}
    (one,) = archspec.detect(path, [file], weights=str(tmp_path / "random.safetensors"), **how).images
    assert len(one.objects) == len(wanted) > 1
    for thing, (score, label, box) in zip(one.objects, sorted(wanted, reverse=True), strict=True):
        assert (thing.number, thing.score) == (label, pytest.approx(score, abs=1e-5))
        assert list(thing.box) == pytest.approx(box, abs=1e-3)


# ---- runs


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A classifier trained on 8×8 digits, without a thought of sliding; grey."""
    spec = (
        "archspec: 1\nname: small\ninput: [1, 8, 8]\nlayers: [conv: {out: 6, kernel: 3}, relu, flatten, linear: 10]\n"
    )
    (tmp_path / "small.yaml").write_text(spec)
    train = {"epochs": 1, "device": "cpu"}
    archspec.train({"model": str(tmp_path / "small.yaml"), "train": train}, tmp_path / "run", quiet=True)
    return tmp_path / "run"


def test_predict_tells_what_every_window_shows(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Against the run's own predictions for crops."""
    pixels = np.random.default_rng(1).integers(0, 256, (10, 9), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "larger.png")
    crops = [Image.fromarray(pixels[y : y + 8, x : x + 8]) for y in range(3) for x in range(2)]
    wanted = archspec.predict(run, crops, top=3, device="cpu")
    (found,) = archspec.predict(run, [tmp_path / "larger.png"], top=3, device="cpu", dense=True)
    assert found.windows is not None and (found.windows.rows, found.windows.columns) == (3, 2)
    for n, ((box, classes), one) in enumerate(zip(found.windows.places, wanted, strict=True)):
        y, x = divmod(n, 2)
        assert box == (x, y, x + 8, y + 8)
        assert [name for name, _ in classes] == [name for name, _ in one.classes]
        assert [p for _, p in classes] == pytest.approx([p for _, p in one.classes], abs=1e-5)
    name, share = found.classes[0]
    best = max(wanted, key=lambda one: one.classes[0][1])
    assert (name, share) == (best.classes[0][0], pytest.approx(best.classes[0][1], abs=1e-5))
    assert main(["predict", str(run), str(tmp_path / "larger.png"), "--dense", "--top", "2", "--format", "json"]) == 0
    (told,) = json.loads(capsys.readouterr().out)
    assert len(told["windows"]["places"]) == 6 and len(told["windows"]["places"][0]["classes"]) == 2
    assert told["classes"][0]["box"] == list(found.windows.best[0])
    assert main(["predict", str(run), str(tmp_path / "larger.png"), str(run), "--dense", "--input", "1x20x18"]) == 1
    out, err = capsys.readouterr()
    assert f"{tmp_path / 'larger.png'}  13×11 windows" in out and "E624" in err


def test_predict_goes_on_behind_an_image_too_thin_to_be_enlarged(run: Path) -> None:
    images = [Image.new("L", (1, 2_000_000)), Image.new("L", (9, 9))]  # the first would be 8×16,000,000
    first, second = archspec.predict(run, images, device="cpu", dense=True)
    assert first.problem is not None and "a window of 8×8 needs 8×16000000" in first.problem.message
    assert second.problem is None and second.windows is not None


def test_a_run_s_classes_are_found_in_a_larger_image(run: Path) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (12, 12), dtype=np.uint8)
    found = archspec.detect(run, [Image.fromarray(pixels)], device="cpu", dense=True, score=0.05, keep=7)
    assert 0 < len(found.images[0].objects) <= 7


def test_tags_of_windows_are_those_of_crops(run: Path, tmp_path: Path) -> None:
    """With `loss: bce` a window tells any number of classes, each by a logistic function of its own."""
    train = {"epochs": 1, "device": "cpu", "loss": {"kind": "bce", "threshold": 0.3}}
    archspec.train({"model": str(tmp_path / "small.yaml"), "train": train}, tmp_path / "tags", quiet=True)
    pixels = np.random.default_rng(1).integers(0, 256, (10, 9), dtype=np.uint8)
    crops = [Image.fromarray(pixels[y : y + 8, x : x + 8]) for y in range(3) for x in range(2)]
    wanted = [one.classes for one in archspec.predict(tmp_path / "tags", crops, top=10, device="cpu")]
    assert len({len(one) for one in wanted}) > 1  # not always one, nor all
    (found,) = archspec.predict(tmp_path / "tags", [Image.fromarray(pixels)], top=10, device="cpu", dense=True)
    assert found.windows is not None
    for (_, classes), one in zip(found.windows.places, wanted, strict=True):
        assert dict(classes) == pytest.approx(dict(one), abs=1e-5)
    best = {name: max(dict(one).get(name, 0.0) for one in wanted) for one in wanted for name, _ in one}
    assert dict(found.classes) == pytest.approx(best, abs=1e-5)
    (told,) = archspec.detect(tmp_path / "tags", [Image.fromarray(pixels)], device="cpu", dense=True, score=0.3).images
    sums = {name: sum(dict(one).get(name, 0.0) for one in wanted) for name in best}
    held = dict.fromkeys(sums, 0.0)
    for thing in told.objects:
        held[thing.label] += thing.score
    assert held == pytest.approx(sums, abs=1e-4)


# ---- what does not go


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        ({"iou": 0.5}, "E739.*boxes of windows are merged"),
        ({"tile": 64}, "E739.*--tile cuts images"),
        ({"score": 2.0}, "E739.*--score is a number"),
        ({"input": "3x20x40"}, "E311.*is smaller than the window of"),
        ({"classes": "a,b,c"}, "E739.*names 3 classes"),
        ({"weights": "best"}, "E721"),
        ({"target": "resnet18"}, "E176.*nothing slides in 'resnet18'"),
        ({"target": "deeppose"}, "E176.*'regress', whose answers for windows are not merged"),
        ({"target": "ssd300_vgg16"}, "E176.*--tile looks at large images"),
        ({"dense": False}, "E735.*--dense asks every window"),
    ],
)  # fmt: skip
def test_mistakes_are_told(vector: dict[str, Any], options: dict[str, Any], wanted: str) -> None:
    if "target" in options:
        options = {**options, "classes": None}
    with pytest.raises(SpecError, match=f"(?s){wanted}"):
        archspec.detect(**{"images": [cells(3, 3, {})], **vector, **options})


def test_an_output_that_answers_once_for_the_image_is_told(tmp_path: Path) -> None:
    spec = (
        HEAD + "  - linear: 4\n    name: boxes\n"
        "  - global_max_pool: {}\n    from: avg_pool1\n  - linear: 2\n    name: scores\n"
    )
    (tmp_path / "cells.yaml").write_text(spec + "outputs: [scores, boxes]\n")
    with pytest.raises(SpecError, match=r"E176.*output 'scores' answers once for an image"):
        archspec.detect(tmp_path / "cells.yaml", [cells(3, 3, {})], weights="no.safetensors", dense=True)


def test_predict_takes_a_size_of_images_to_slide_over_alone(run: Path) -> None:
    with pytest.raises(SpecError, match=r"E739.*--input is for --dense"):
        archspec.predict(run, ["a.png"], input="1x20x20")
