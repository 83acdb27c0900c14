"""Scores of detections, held to pycocotools, to published figures and to cases worked by hand."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from archspec_torch.boxes.evaluating import evaluate_boxes
from archspec_torch.boxes.formats import read
from archspec_torch.boxes.scoring import voc
from archspec_torch.boxes.scoring.arrays import Detections, Truths
from archspec_torch.boxes.scoring.mistakes import costs, mistakes

NAMES = ("AP", "AP50", "AP75", "APs", "APm", "APl", "AR1", "AR10", "AR100", "ARs", "ARm", "ARl")


def pycocotools(truth: Path, results: list[dict[str, Any]]) -> list[float]:
    coco = pytest.importorskip("pycocotools.coco")
    cocoeval = pytest.importorskip("pycocotools.cocoeval")
    with contextlib.redirect_stdout(io.StringIO()):
        data = coco.COCO(str(truth))
        evaluation = cocoeval.COCOeval(data, data.loadRes(json.loads(json.dumps(results))), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return [float(value) for value in evaluation.stats]


def data_set(seed: int, images: int, whole: bool) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Truth with crowds, areas other than the boxes', ties of scores, ids in disorder; boxes of whole numbers or
    not."""
    random = np.random.default_rng(seed)
    ids = [int(n) for n in random.permutation(images * 3)[:images] + 1]
    cats = [3, 17, 8, 90]
    annotations: list[dict[str, Any]] = []
    results = []
    for image in ids:
        for _ in range(int(random.integers(0, 9))):
            box = [*random.uniform(0, 300, 2), *random.lognormal(4, 1, 2)]
            box = [float(round(v)) if whole else round(float(v), 3) for v in box]
            crowd = int(random.random() < 0.1)
            annotations.append(
                {"id": len(annotations) + 1, "image_id": image, "category_id": int(random.choice(cats)), "bbox": box}
                | {"iscrowd": crowd, "area": box[2] * box[3] * (0.6 if random.random() < 0.5 else 1)}
            )
            for _ in range(int(random.integers(0, 4))):
                near = np.array(box) * random.normal(1, 0.08, 4)
                near = near.round() if whole else near.round(3)
                category = annotations[-1]["category_id"] if random.random() < 0.8 else int(random.choice(cats))
                results.append(
                    {"image_id": image, "category_id": category, "bbox": [abs(float(v)) for v in near]}
                    | {"score": round(float(random.random()), 1)}
                )
    results += [
        {"image_id": ids[0], "category_id": 3, "bbox": [1.0 * n, 1.0, 9.0, 9.0], "score": 0.5} for n in range(120)
    ]
    sizes = [{"id": n, "file_name": f"{n}.jpg", "width": 640, "height": 480} for n in ids]
    categories = [{"id": n, "name": f"c{n}"} for n in cats]
    return {"images": sizes, "categories": categories, "annotations": annotations}, results


@pytest.mark.parametrize(("seed", "whole"), [(seed, whole) for seed in range(6) for whole in (False, True)])
def test_the_twelve_are_those_of_pycocotools(seed: int, whole: bool, tmp_path: Path) -> None:
    truth, results = data_set(seed, 30, whole)
    (tmp_path / "truth.json").write_text(json.dumps(truth))
    (tmp_path / "found.json").write_text(json.dumps(results))
    found = evaluate_boxes(tmp_path / "truth.json", tmp_path / "found.json").figures
    assert [found[name] for name in NAMES] == pytest.approx(pycocotools(tmp_path / "truth.json", results), abs=1e-9)


def test_the_published_figures_of_coco_samples(data_dir: Path) -> None:
    folder = data_dir / "eval-fixtures" / "rodm-coco"
    if not folder.is_dir():
        pytest.skip(f"no {folder}")
    expected = json.loads((folder / "expected.json").read_text())
    truth, found = (next((folder / part).glob("*.json")) for part in ("gts", "dets"))
    figures = evaluate_boxes(truth, found).figures
    assert {n: figures[n] for n in NAMES} == pytest.approx(expected["pycocotools"], abs=1e-9)
    assert figures["AP"] == pytest.approx(0.503647, abs=1e-6)


def voc_layout(fixture: Path, truths: str, found: str, folder: Path) -> tuple[Path, Path]:
    """Those files' `class x y w h` and `class score x y w h`, whose last pixel is x + w, as VOC's files."""
    (folder / "Annotations").mkdir(parents=True)
    (folder / "found").mkdir()
    rows: dict[str, list[str]] = {}
    for file in sorted((fixture / truths).glob("*.txt")):
        objects = []
        for line in file.read_text().splitlines():
            name, *numbers = line.split()
            x, y, w, h = map(float, numbers)
            corners = zip(("xmin", "ymin", "xmax", "ymax"), (x, y, x + w, y + h), strict=True)
            box = "".join(f"<{tag}>{v}</{tag}>" for tag, v in corners)
            objects.append(f"<object><name>{name}</name><bndbox>{box}</bndbox></object>")
        text = f"<annotation><filename>{file.stem}.jpg</filename>{''.join(objects)}</annotation>"
        (folder / "Annotations" / f"{file.stem}.xml").write_text(text)
    for file in sorted((fixture / found).glob("*.txt")):
        for line in file.read_text().splitlines():
            name, score, *numbers = line.split()
            x, y, w, h = map(float, numbers)
            rows.setdefault(name, []).append(f"{file.stem} {score} {x} {y} {x + w} {y + h}")
    for name, lines in rows.items():
        (folder / "found" / f"comp4_det_test_{name}.txt").write_text("\n".join(lines) + "\n")
    return folder, folder / "found"


@pytest.mark.parametrize(
    ("name", "truths", "found"),
    [("rodm-voc-case1", "gts", "dets"), ("odm-voc-sample2", "groundtruths", "detections")],
)
def test_the_published_precision_of_voc_samples(
    name: str, truths: str, found: str, data_dir: Path, tmp_path: Path
) -> None:
    from archspec_torch.boxes import detections
    from archspec_torch.boxes.scoring import arrays

    fixture = data_dir / "eval-fixtures" / name
    if not fixture.is_dir():
        pytest.skip(f"no {fixture}")
    given = json.loads((fixture / "expected.json").read_text())
    expected = {
        float(least): (given["EVERY_POINT"][least], given["ELEVEN_POINT"][least])
        for least in given.get("EVERY_POINT", ())
    } or {0.3: (given["computed"]["EVERY_POINT_INTERPOLATION"], given["computed"]["ELEVEN_POINT_INTERPOLATION"])}
    truth, detected = voc_layout(fixture, truths, found, tmp_path)
    data = read(truth)
    boxes, notes = detections.read(detected, data)
    assert notes == () and len(boxes.scores) == 24
    true = arrays.truths(data)
    for least, figures in expected.items():
        (curve,) = voc.curves(true, boxes, 1, voc.match(true, boxes, least))
        assert (curve.area, curve.eleven) == pytest.approx(figures, abs=1e-9)
    if 0.5 in expected:
        found_all = evaluate_boxes(truth, detected).figures
        assert (found_all["VOC_AP50"], found_all["VOC_AP50_11"]) == pytest.approx(expected[0.5], abs=1e-9)


def arrays_of(truth: list[tuple[Any, ...]], found: list[tuple[Any, ...]]) -> tuple[Truths, Detections]:
    """Truths (box, label, difficult) and detections (box, label, score) on one image."""
    boxes = np.array([t[0] for t in truth], float).reshape(-1, 4)
    labels, images = np.array([t[1] for t in truth], int), np.zeros(len(truth), int)
    difficult = np.array([t[2] for t in truth], bool)
    true = Truths(boxes, labels, images, boxes[:, 2:].prod(1), np.zeros(len(truth), bool), difficult)
    told = np.array([f[0] for f in found], float).reshape(-1, 4)
    scores, classes = np.array([f[2] for f in found], float), np.array([f[1] for f in found], int)
    return true, Detections(told, scores, classes, np.zeros(len(found), int))


def test_precision_worked_by_hand() -> None:
    """Three objects, one of them difficult. By falling score: right, difficult (not counted), again the first
    (wrong), right:
    precision 1, 1/2, 2/3 at recall 1/2, 1/2, 1. Area: 1/2 · 1 + 1/2 · 2/3; eleven points: 6 of 1 (0 to 0.5) and 5 of
    2/3."""
    a, b, c = (0, 0, 10, 10), (20, 0, 10, 10), (40, 0, 10, 10)
    true, found = arrays_of(
        [(a, 0, False), (b, 0, True), (c, 0, False)], [(a, 0, 0.9), (b, 0, 0.8), (a, 0, 0.7), (c, 0, 0.6)]
    )
    (curve,) = voc.curves(true, found, 1, voc.match(true, found))
    assert curve.precision.tolist() == pytest.approx([1, 1 / 2, 2 / 3])
    assert curve.area == pytest.approx(5 / 6)
    assert curve.eleven == pytest.approx((6 + 5 * 2 / 3) / 11)


def test_an_overlap_of_exactly_a_half_is_enough() -> None:
    """(0, 0, 10, 5) within (0, 0, 10, 10) overlaps by 1/2. Four right of ten reach recall 0.4: 5 of 11 points."""
    truth = [((20 * n, 0, 10, 10), 0, False) for n in range(10)]
    true, found = arrays_of(truth, [((20 * n, 0, 10, 5), 0, 0.9) for n in range(4)])
    (curve,) = voc.curves(true, found, 1, voc.match(true, found))
    assert (curve.area, curve.eleven) == pytest.approx((0.4, 5 / 11))


def test_each_kind_of_mistake() -> None:
    truth = [((20 * n, 0, 10, 10), n % 2, False) for n in range(6)]
    found = [
        ((0, 0, 10, 10), 0, 0.9),  # right
        ((0, 0, 10, 9), 0, 0.8),  # again
        ((20, 0, 10, 10), 0, 0.9),  # of class 1
        ((40, 0, 10, 3), 0, 0.9),  # overlaps by 0.3
        ((60, 0, 10, 3), 0, 0.9),  # of class 1, by 0.3
        ((200, 200, 5, 5), 1, 0.9),  # nothing there
        ((80, 0, 10, 10), 0, 0.1),  # right, but below the score that counts
    ]
    made = mistakes(*arrays_of(truth, found), classes=2, score=0.25)
    assert made.right == 1
    assert made.kinds == {"class": 1, "place": 1, "both": 1, "duplicate": 1, "background": 1, "missed": 3}
    # rows: truth 0, 1, background. Found: 0 as 0, 1 as 0; missed two of each; four boxes meet the background
    assert made.confusion.tolist() == [[1, 0, 2], [1, 0, 2], [3, 1, 0]]


def test_what_each_kind_of_mistake_costs() -> None:
    """By falling score class 0 (three objects) is told right, wrong five times, right; class 1 (four) wrong, right. So
    the areas are (1 + 2/7)/3 = 3/7 and 1/2/4 = 1/8. With the class put right they are (1 + 2/6)/3 = 4/9 and
    (1 + 2/3)/4 = 5/12; with the place (1 + 2/3 + 3/6)/3 = 13/18 and 1/8, for the surer of the two whose place is wrong;
    without `both` or the duplicate 4/9 and 1/8; without what the background has 3/7 and 1/4; and with the two that are
    missed left out 3/7 and 1/2/2 = 1/4."""
    truth = [((20 * n, 0, 10, 10), label, False) for n, label in enumerate((0, 1, 0, 1, 0, 1, 1))]
    found = [
        ((0, 0, 10, 10), 0, 0.95),  # right
        ((0, 0, 10, 9), 0, 0.5),  # again
        ((20, 0, 10, 10), 0, 0.9),  # of class 1
        ((40, 0, 10, 3), 0, 0.85),  # overlaps by 0.3
        ((40, 0, 10, 4), 0, 0.3),  # the same object by 0.4
        ((60, 0, 10, 3), 0, 0.8),  # of class 1, by 0.3
        ((200, 200, 5, 5), 1, 0.7),  # nothing there
        ((120, 0, 10, 10), 1, 0.6),  # right
        ((80, 0, 10, 10), 0, 0.1),  # right
    ]
    before = (3 / 7 + 1 / 8) / 2
    after = {
        "class": (4 / 9 + 5 / 12) / 2,
        "place": (13 / 18 + 1 / 8) / 2,
        "both": (4 / 9 + 1 / 8) / 2,
        "duplicate": (4 / 9 + 1 / 8) / 2,
        "background": (3 / 7 + 1 / 4) / 2,
        "missed": (3 / 7 + 1 / 4) / 2,
    }
    true, told = arrays_of(truth, found)
    assert voc.mean([c.area for c in voc.curves(true, told, 2, voc.match(true, told))]) == pytest.approx(before)
    assert costs(true, told, 2) == pytest.approx({kind: value - before for kind, value in after.items()})


def test_nothing_found_is_all_missed() -> None:
    """Both objects left out, nothing is wrong; and where there is no object nothing can be lost."""
    true, told = arrays_of([((0, 0, 10, 10), 0, False), ((20, 0, 10, 10), 1, False)], [])
    assert costs(true, told, 2) == {
        **dict.fromkeys(("class", "place", "both", "duplicate", "background"), 0.0),
        "missed": 1.0,
    }
    true, told = arrays_of([], [((0, 0, 10, 10), 0, 0.9)])
    assert set(costs(true, told, 2).values()) == {0.0}


def test_truth_from_voc_and_from_coco_score_alike(data_dir: Path, tmp_path: Path) -> None:
    """BCCD's test images with the truth itself as detections, moved a little."""
    from archspec_torch.boxes.formats import convert

    bccd = data_dir / "bccd"
    if not bccd.is_dir():
        pytest.skip(f"no {bccd}")
    data = convert(bccd, tmp_path / "truth.json", "coco", split="test")
    random = np.random.default_rng(0)
    lines = ["image,label,score,x1,y1,x2,y2"]
    for entry in data.images:
        for one in entry.objects:
            x1, y1, x2, y2 = np.array(one.box) + random.normal(0, 4, 4)
            lines.append(f"{entry.path.stem},{one.label},{random.random():.3f},{x1},{y1},{max(x1, x2)},{max(y1, y2)}")
    (tmp_path / "found.csv").write_text("\n".join(lines))
    one = evaluate_boxes(bccd, tmp_path / "found.csv", split="test").figures
    other = evaluate_boxes(tmp_path / "truth.json", tmp_path / "found.csv").figures
    assert one == pytest.approx(other, abs=1e-12)
    assert 0.5 < one["AP50"] < 1 and abs(one["VOC_AP50"] - one["AP50"]) < 0.01


def test_no_detections_and_no_objects(tmp_path: Path) -> None:
    truth, _ = data_set(0, 3, True)
    (tmp_path / "found.json").write_text("[]")
    (tmp_path / "truth.json").write_text(json.dumps(truth))
    figures = evaluate_boxes(tmp_path / "truth.json", tmp_path / "found.json").figures
    assert (figures["AP"], figures["VOC_AP50"], figures["AR100"]) == (0, 0, 0)
    (tmp_path / "truth.json").write_text(json.dumps(truth | {"annotations": []}))
    found = evaluate_boxes(tmp_path / "truth.json", tmp_path / "found.json")
    assert set(found.figures.values()) == {-1.0}
    assert "0 detections" in str(found)
