"""Localisers and networks of points, trained, measured and asked: from data to places in the image."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from PIL import Image  # noqa: E402
from safetensors.torch import load_file, save_file  # noqa: E402

import archspec  # noqa: E402
from archspec.cli import main  # noqa: E402
from archspec.run import load_run  # noqa: E402
from archspec.run.sections import Landmarks, Localisation  # noqa: E402
from archspec_torch.runtime.data import InMemory, Pointed, open_source  # noqa: E402
from archspec_torch.runtime.evaluation.places.localised import localised_figures  # noqa: E402
from archspec_torch.runtime.evaluation.places.points import point_figures  # noqa: E402
from archspec_torch.runtime.images import Frame  # noqa: E402
from archspec_torch.runtime.tasks import Localise, Points, task_of  # noqa: E402
from archspec_torch.runtime.tasks.localise import LocaliseTally  # noqa: E402
from archspec_torch.runtime.tasks.points import PointTally  # noqa: E402

CPU = torch.device("cpu")
ENDS = {
    "two": "  - linear: $classes\n    name: scores\n  - linear: 4\n    from: hidden\n    name: boxes\n"
    "outputs: [scores, boxes]\n",
    "per_class": "  - linear: $classes\n    name: scores\n  - linear: 4*$classes\n    from: hidden\n    name: boxes\n"
    "outputs: [scores, boxes]\n",
    "y": "  - linear: 5 + $classes\n",
    "points": "  - linear: 2*$points\n",
    "face": "  - linear: 1 + 2*$points\n",
    "three": "  - linear: 3\n    name: a\n  - linear: 5\n    from: hidden\n    name: b\noutputs: [a, b]\n",
}


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def spec(folder: Path, end: str, task: str = "localise") -> Path:
    path = folder / f"{end}.yaml"
    path.write_text(
        f"archspec: 1\nname: {end}\ntask: {task}\ninput: [1, 16, 24]\nvars: {{classes: 10, points: 2}}\nlayers:\n"
        "  - conv: {out: 8, kernel: 3, stride: 2}\n  - relu\n  - flatten\n  - linear: 16\n    name: hidden\n"
        + ENDS[end]
    )
    return path


def task(folder: Path, end: str, **loss: object) -> Localise | Points:
    kind = "localise" if end in ("two", "per_class", "y") else "regress"
    graph = archspec.load(spec(folder, end, kind), **({"points": 2} if kind == "regress" else {"classes": 3}))
    section = Localisation(**loss) if kind == "localise" else Landmarks(**loss)
    names = ("left", "right") if kind == "regress" else ("a", "b", "c")
    found = task_of(graph, names, section)
    assert isinstance(found, Localise | Points)
    return found


TARGETS = torch.tensor(
    [
        [[0.0, 0, 12, 8, 1, 0], [0, 0, 0, 0, -1, 0]],
        [[6, 4, 18, 12, 2, 0], [0, 0, 2, 2, 0, 0]],
        [[0, 0, 0, 0, -1, 0]] * 2,
    ]
)
"""Three images of 16×24: an object of class 1, one of class 2 with a smaller beside it, none."""


def test_answers_are_read_by_the_form_of_the_outputs(tmp_path: Path) -> None:
    """One box, a box a class, or y: the same numbers said in each form are the same detections."""
    scores, box = torch.tensor([[0.0, 4.0, 0.0]]), torch.tensor([[0.25, 0.25, 0.5, 0.5]])
    one = task(tmp_path, "two").scores({"scores": scores, "boxes": box})
    each = torch.cat([torch.rand(1, 4), box, torch.rand(1, 4)], 1)
    assert torch.equal(task(tmp_path, "per_class").scores({"scores": scores, "boxes": each}), one)
    assert one[0, 0, [0, 1, 2, 3, 5]].tolist() == [0, 0, 12, 8, 1]
    y = task(tmp_path, "y").scores(torch.cat([torch.tensor([[30.0]]), box, scores], 1))
    torch.testing.assert_close(y, one)


def test_the_parts_of_the_loss_are_weighted(tmp_path: Path) -> None:
    torch.manual_seed(0)
    y = torch.randn(3, 8)
    parts = [
        float(task(tmp_path, "y", box=box, present=present).loss(y, TARGETS))
        for box, present in ((0.0, 0.0), (1.0, 0.0), (0.0, 1.0), (3.0, 0.5))
    ]
    a, b, c, every = parts
    assert every == pytest.approx(a + 3 * (b - a) + 0.5 * (c - a), rel=1e-5)
    labels = torch.tensor([1, 2])
    expected = torch.nn.functional.cross_entropy(y[:2, 5:], labels, reduction="sum") / 3
    assert a == pytest.approx(float(expected), rel=1e-5)


@pytest.mark.parametrize("tells_nothing", [True, False])
def test_a_localiser_is_counted_by_hand(tells_nothing: bool) -> None:
    """Right; right class, overlap 1/3; nothing where nothing is: counted of networks that can say so."""
    said = torch.tensor([[[0.0, 0, 12, 8, 0.9, 1]], [[12, 4, 24, 12, 0.8, 2]], [[0, 0, 0, 0, 0, -1]]])
    tally = LocaliseTally((16, 24), tells_nothing, CPU)
    tally.add(torch.tensor(2.0), said[:2], TARGETS[:2])
    other = LocaliseTally((16, 24), tells_nothing, CPU)
    other.add(torch.tensor(5.0), said[2:], TARGETS[2:])
    tally.absorb(other.state())
    n = 3 if tells_nothing else 2
    expected = {"localised": (n - 1) / n, "accuracy": 1.0, "iou": (1 + 1 / 3) / 2}
    assert tally.figures() == pytest.approx(expected)
    assert tally.loss == pytest.approx((2 * 2 + 5) / 3)


def test_points_are_counted_by_hand() -> None:
    """Two points 20 apart: off by 1 (0.05) and 2.5 (0.125); of another image one alone, off by 4 of 24."""
    there = torch.tensor([[[2.0, 8, 1], [22, 8, 1]], [[10, 10, 1], [0, 0, 0]]])
    said = torch.tensor([[[3.0, 8, 1], [22, 10.5, 1]], [[10, 14, 1], [9, 9, 1]]])
    tally = PointTally((16, 24), (), CPU)
    tally.add(torch.tensor(1.0), said[:1], there[:1])
    other = PointTally((16, 24), (), CPU)
    other.add(torch.tensor(1.0), said[1:], there[1:])
    tally.absorb(other.state())
    assert tally.figures() == pytest.approx({"pck10": 1 / 3, "pck05": 1 / 3, "pck20": 1.0})


def test_images_without_the_two_points_of_the_length_are_not_counted() -> None:
    """20 apart: off by 1 and 2.5, 0.05 and 0.125 of it. The second image shows one of the two, and does not count."""
    there = torch.tensor([[[2.0, 8, 1], [22, 8, 1]], [[10, 10, 1], [0, 0, 0]]])
    said = torch.tensor([[[3.0, 8, 1], [22, 10.5, 1]], [[10, 10, 1], [9, 9, 1]]])
    tally = PointTally((16, 24), (0, 1), CPU)
    tally.add(torch.tensor(1.0), said, there)
    assert tally.figures() == pytest.approx({"pck10": 0.5, "pck05": 0.5, "pck20": 1.0})


def test_several_networks_say_one_thing(tmp_path: Path) -> None:
    """Two say class 1 with 0.6 and 0.3, one class 2 with 0.8: class 1, its box the mean by probability."""
    said = [[0.0, 0, 6, 6, 0.6, 1], [3, 3, 9, 9, 0.3, 1], [20, 10, 24, 16, 0.8, 2]]
    (row,) = task(tmp_path, "two").mean([torch.tensor([[one]]) for one in said])[0].tolist()
    assert row == pytest.approx([1, 1, 7, 7, 0.3, 1])
    points = [torch.full((1, 2, 3), float(v)) for v in (1, 2, 9)]
    assert task(tmp_path, "points").mean(points)[0, 0, 0] == 4
    assert task(tmp_path, "points").votes(points)[0, 0, 0] == 2


def test_votes_of_localisers_are_counted(tmp_path: Path) -> None:
    """Two of three say class 1, less probable together than the third: class 1, each side of its box their median. Of
    two that differ the more probable; of two that agree sides halfway."""
    said = [[0.0, 0, 6, 6, 0.3, 1], [3, 4, 9, 9, 0.2, 1], [20, 10, 24, 16, 0.9, 2]]
    vote = task(tmp_path, "two").votes
    (row,) = vote([torch.tensor([[one]]) for one in said])[0].tolist()
    assert row == pytest.approx([1.5, 2, 7.5, 7.5, 0.5 / 3, 1])
    (row,) = vote([torch.tensor([[one]]) for one in said[1:]])[0].tolist()
    assert row == pytest.approx([20, 10, 24, 16, 0.45, 2])
    nothing = [0.0, 0, 0, 0, 0, -1]
    (row,) = task(tmp_path, "y").votes([torch.tensor([[one]]) for one in (said[2], nothing, nothing)])[0].tolist()
    assert row == [0, 0, 0, 0, 0, -1]
    three = [[*said[0]], [*said[1]], [9.0, 8, 12, 12, 0.4, 1]]
    assert vote([torch.tensor([[one]]) for one in three])[0, 0, :4].tolist() == [3, 4, 9, 9]
    points = [torch.full((1, 2, 3), float(v)) for v in (1, 2, 4, 9)]
    assert task(tmp_path, "points").votes(points)[0, 0, 0] == 3


def test_mirror_images_are_turned_back(tmp_path: Path) -> None:
    """24 pixels wide: x becomes 24 − x, and what is left in the one image is right in the other."""
    said = torch.tensor([[[2.0, 5, 0.9], [20, 7, 0.9]]])
    assert task(tmp_path, "points").unflipped(said, 24)[0, :, :2].tolist() == [[4, 7], [22, 5]]
    boxes = torch.tensor([[[2.0, 3, 8, 9, 0.7, 1]], [[0, 0, 0, 0, 0, -1]]])
    turned = task(tmp_path, "y").unflipped(boxes, 24)
    assert turned[0, 0].tolist() == pytest.approx([16, 3, 22, 9, 0.7, 1])
    assert turned[1, 0, 5] == -1


def test_mirror_images_are_turned_back_by_the_pairs_of_the_data(tmp_path: Path) -> None:
    said = torch.tensor([[[2.0, 5, 0.9], [20, 7, 0.9]]])
    points = task(tmp_path, "points")
    assert points.paired([]).unflipped(said, 24)[0, :, :2].tolist() == [[22, 5], [4, 7]]
    named = replace(points, classes=("p1", "p2"))
    assert named.unflipped(said, 24)[0, :, :2].tolist() == [[22, 5], [4, 7]]
    assert named.paired([["p2", "p1"]]).unflipped(said, 24)[0, :, :2].tolist() == [[4, 7], [22, 5]]


def shown(points: list[list[float]]) -> Pointed:
    """Images of 100×200 in a frame of 16×24, each with one point, told in pixels of the frame."""
    placement = Frame(1, 16, 24).placement(200, 100)
    labels = torch.tensor(points)[:, None]
    labels[..., :2] = placement.to_frame(labels[..., :2])
    return Pointed(InMemory(torch.zeros(len(points), 1, 16, 24, dtype=torch.uint8), labels), (placement,) * len(points))


def test_a_single_point_is_measured_by_its_image() -> None:
    """15 and 30 of 200 pixels off: 0.075 and 0.15; the frame's 24 pixels have nothing to do with it."""
    examples = shown([[100.0, 50, 1], [100, 50, 1], [0, 0, 0]])
    said = shown([[115.0, 50, 1], [100, 80, 1], [9, 9, 1]]).labels
    found = point_figures(said, examples, ("nose",))
    assert found.brief() == pytest.approx({"pck10": 0.5, "pck05": 0.0, "pck20": 1.0})
    assert found.error == pytest.approx(0.1125)
    assert (found.errors.wrong, found.errors.n) == (1, 2)


def test_where_nothing_counts_there_is_no_error() -> None:
    points = shown([[0.0, 0, 0]] * 2)
    assert point_figures(points.labels, points, ("nose",)).errors.share == 0
    nothing = torch.tensor([[[0.0, 0, 0, 0, -1, 0]]])
    pixels = torch.zeros(1, 1, 16, 24, dtype=torch.uint8)
    found = localised_figures(nothing, InMemory(pixels, nothing), ("a",), (16, 24), tells_nothing=False)
    assert found.n == 0 and found.errors.share == 0


@pytest.mark.parametrize(
    ("end", "kind", "loss", "code", "said"),
    [
        ("three", "localise", None, "E613", "a localiser gives scores (C) and boxes (4 or 4·C)"),
        ("three", "regress", None, "E613", "K points are one output of 2·K numbers, or 1 + 2·K"),
        ("two", "localise", Landmarks(), "E614", "'two' is trained with the loss 'localisation', not with 'landmarks'"),
        ("points", "regress", Landmarks(between=["left", "rigth"]), "E669", "the data has no point 'rigth'"),
        ("face", "regress", None, "E610", "tells 2 points, and the data has 3"),
    ],
)
def test_what_does_not_fit_is_told(
    end: str, kind: str, loss: Landmarks | None, code: str, said: str, tmp_path: Path
) -> None:
    names = ("left", "right", "nose") if code == "E610" else ("left", "right")
    with pytest.raises(archspec.SpecError) as caught:
        task_of(archspec.load(spec(tmp_path, end, kind)), names, loss)
    (d,) = caught.value.diagnostics
    assert d.code == code and said in d.message


def test_classes_and_places_need_data_of_their_kind(tmp_path: Path) -> None:
    graph = archspec.load(spec(tmp_path, "two"))
    run = load_run({"model": "mlp", "data": "digits"})
    digits = open_source(run.run.data, lambda *keys: run.span("data", *keys))
    with pytest.raises(
        archspec.SpecError, match="'two' is trained with where objects are, and the data does not tell it"
    ):
        task_of(graph, tuple("0123456789"), None, digits)


def blobs(folder: Path, n: int = 48) -> Path:
    """Images of 32×20 with a bright square, whose left upper and right lower corners are points; some without."""
    generator = np.random.default_rng(0)
    lines = ["path,left x,left y,right x,right y,right seen"]
    for i in range(n):
        pixels = generator.integers(0, 60, (20, 32)).astype(np.uint8)
        x, y = generator.integers(0, 20), generator.integers(0, 10)
        pixels[y : y + 8, x : x + 10] += 150
        Image.fromarray(pixels).save(folder / f"{i}.png")
        lines.append(f"{i}.png,{x},{y},{x + 10},{y + 8},{int(i % 5 > 0)}" if i else "0.png,,,,,")
    path = folder / "points.csv"
    path.write_text("\n".join(lines))
    return path


def run(folder: Path, model: Path, data: dict[str, object], **train: object) -> Any:
    plan = {"epochs": 2, "batch": 8, "device": "cpu", "watch": "off"} | train
    said = {"model": {"spec": str(model)}, "data": data, "train": plan}
    return archspec.train(said, folder / "run", quiet=True)


def test_points_train_and_come_back_in_pixels_of_the_image(tmp_path: Path) -> None:
    """Letterboxed, so that the frame's pixels are not the image's: 16×24 holds 15×24 of an image of 20×32."""
    table = blobs(tmp_path)
    data = {"kind": "points", "file": str(table), "fit": "letterbox"}
    run(tmp_path, spec(tmp_path, "face", "regress"), data, epochs=12, batch=4, optimizer={"kind": "adam", "lr": 0.01})
    record = json.loads((tmp_path / "run" / "metrics.jsonl").read_text().splitlines()[-1])
    assert {"val_pck10", "val_pck05", "val_pck20"} <= record.keys()
    measured = archspec.evaluate(tmp_path / "run", split="train")
    assert measured.metrics.names == ("left", "right")
    assert measured.metrics.brief()["pck20"] > 0.5
    (told,) = archspec.predict(tmp_path / "run", [tmp_path / "7.png"])
    row = table.read_text().splitlines()[8].split(",")
    assert told.points is not None and told.seen is not None
    for name, x, y in (("left", *row[1:3]), ("right", *row[3:5])):
        assert told.points[name] == pytest.approx((float(x), float(y)), abs=5)
    assert told.to_json()["points"].keys() == {"left", "right"}
    assert str(told).startswith(f"{tmp_path / '7.png'}  left (")
    assert main(["predict", str(tmp_path / "run"), str(tmp_path / "7.png"), "-o", str(tmp_path / "drawn")]) == 0
    (drawn,) = (tmp_path / "drawn").iterdir()
    pixels = np.asarray(Image.open(drawn).convert("RGB"))
    assert drawn.name == "7.png" and pixels.shape == (200, 320, 3)  # ten times as large
    x, y = (min(int(10 * v), most) for v, most in zip(told.points["left"], (319, 199), strict=True))
    about = pixels[max(0, y - 2) : y + 3, max(0, x - 2) : x + 3]
    assert (about != about[..., :1]).any()  # the image is grey, the disc is not
    assert main(["predict", str(tmp_path / "run"), str(tmp_path / "7.png"), "-o", str(tmp_path / "drawn")]) == 1
    folder = tmp_path / "told"
    archspec.evaluate(tmp_path / "run", split="val").write(folder)
    assert (folder / "predictions.csv").read_text().startswith("example,image,x left,y left,x right,y right\n")
    assert (folder / "mistakes.png").exists() or not measured.metrics.worst
    with pytest.raises(archspec.SpecError) as caught:
        archspec.evaluate(tmp_path / "run", tta="multi_scale")
    (d,) = caught.value.diagnostics
    assert d.code == "E692" and str(d.hint).endswith("for others there is mirror")


def test_points_of_the_table_lie_in_the_frame_by_the_placement(tmp_path: Path) -> None:
    from archspec.run import load_run
    from archspec_torch.runtime.data import open_source

    section = {"kind": "points", "file": str(blobs(tmp_path)), "fit": "letterbox"}
    loaded = load_run({"model": {"spec": str(spec(tmp_path, "points", "regress"))}, "data": section})
    source = open_source(loaded.run.data, lambda *keys: loaded.span("data", *keys))
    assert source.classes == ("left", "right")
    assert sum(source.sizes.values()) == 48
    examples = source.load("train", Frame(1, 16, 24, "letterbox"), lambda _: None)
    for split_row, label in zip(source.labels_of("train"), examples.labels, strict=True):
        torch.testing.assert_close(label[:, :2], split_row[:, :2] * 0.75)  # 20 rows become the first 15 of 16
        assert torch.equal(label[:, 2], split_row[:, 2])


@pytest.mark.parametrize("end", ["two", "y"])
def test_a_localiser_trains_on_scattered_digits(end: str, tmp_path: Path) -> None:
    least = 0 if end == "y" else 1
    data = {"kind": "scattered_digits", "train": 40, "val": 12, "test": 12, "objects": [least, 1], "scale": [0.5, 0.8]}
    found = run(tmp_path, spec(tmp_path, end), data)
    assert found.test is not None
    told = found.test.metrics
    assert archspec.evaluate(tmp_path / "run", tta="mirror").metrics.n == 12
    assert {"localised", "accuracy", "iou"} <= told.brief().keys()
    assert sum(map(sum, told.confusion)) == told.n == 12
    lines = (tmp_path / "run" / "metrics.csv").read_text().splitlines()
    assert {"val_localised", "val_accuracy", "val_iou"} <= set(lines[0].split(","))
    image = Image.fromarray(np.zeros((32, 48), np.uint8))
    (said,) = archspec.predict(tmp_path / "run", [image], out=tmp_path / "drawn")
    page = np.asarray(Image.open(tmp_path / "drawn" / "image-0.png").convert("RGB"))
    assert (said.box is None) == (not page.any())
    assert (said.box is None) == (not said.classes)
    if said.box is not None:  # what it says may lie anywhere, and is told as far as the image goes
        assert 0 <= said.box[0] <= said.box[2] <= 48 and 0 <= said.box[1] <= said.box[3] <= 32


def test_views_of_other_sizes_say_where_it_is_in_one_frame(tmp_path: Path) -> None:
    """A network whose box is the middle half of any image says the same with every view."""
    model = tmp_path / "pooled.yaml"
    model.write_text(
        "archspec: 1\nname: pooled\ntask: localise\ninput: [1, 16, 24]\nvars: {classes: 10}\nlayers:\n"
        "  - conv: {out: 4, kernel: 3}\n  - global_avg_pool: {}\n    name: hidden\n" + ENDS["two"]
    )
    data = {"kind": "scattered_digits", "train": 16, "val": 12, "test": 12, "objects": [1, 1], "scale": [0.5, 0.8]}
    run(tmp_path, model, data, epochs=1)
    weights = load_file(tmp_path / "run" / "best.safetensors")
    for name in ("scores.weight", "boxes.weight"):
        weights[name].zero_()
    weights["boxes.bias"].fill_(0.5)
    save_file(weights, tmp_path / "middle.safetensors")
    one, several = (
        archspec.evaluate(tmp_path / "run", weights=str(tmp_path / "middle.safetensors"), tta=tta)
        for tta in ("none", "multi_scale")
    )
    assert several.metrics.brief() == pytest.approx(one.metrics.brief(), abs=1e-5)
    assert one.metrics.brief()["iou"] > 0.1


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("path,a x\n0.png,1\n", 1, "there is no column 'a y'"),
        ("path,label\n0.png,1\n", 1, "'label' is no column of points"),
        ("path,a x,a y\n0.png,1\n", 2, "2 values in a table of 3 columns"),
        ("path,a x,a y\n0.png,1,nan\n", 2, "'a' is at (1, nan), seen 1: no three numbers"),
        ("path,a x,a y\n0.png,,2\n", 2, "'a' is at (, 2), seen 1: no three numbers"),
        ("path,split,a x,a y\n0.png,tset,1,2\n", 2, "there is no split 'tset'"),
        ("path,a x,a y\n,1,2\n", 2, "there is no path"),
    ],
)
def test_a_table_s_mistakes_are_told_in_their_line(text: str, line: int, said: str, tmp_path: Path) -> None:
    from archspec.run import load_run
    from archspec_torch.runtime.data import open_source

    (tmp_path / "points.csv").write_text(text)
    section = {"kind": "points", "file": str(tmp_path / "points.csv")}
    loaded = load_run({"model": {"spec": "face_points"}, "data": section})
    with pytest.raises(archspec.SpecError) as caught:
        open_source(loaded.run.data, lambda *keys: loaded.span("data", *keys))
    (d,) = caught.value.diagnostics
    assert d.code == "E631" and said in d.message
    assert d.span is not None and d.span.line == line
