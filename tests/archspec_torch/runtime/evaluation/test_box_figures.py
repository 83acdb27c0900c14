"""Figures of a detector on examples: boxes back in the files' pixels, kinds of mistakes, text, tables and pictures."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from archspec_torch.boxes import table
from archspec_torch.boxes.annotated import Annotated, ImageEntry, Object
from archspec_torch.boxes.evaluating import evaluate_boxes
from archspec_torch.runtime.data.boxed import Boxed
from archspec_torch.runtime.evaluation.boxes.figures import BoxFigures, box_figures, box_rows, in_files
from archspec_torch.runtime.evaluation.figures import Errors
from archspec_torch.runtime.evaluation.result import Evaluation
from archspec_torch.runtime.evaluation.text import evaluation
from archspec_torch.runtime.images import Frame, Placement

CLASSES = ("cat", "dog", "a class with a long name that must be cut")


@dataclass
class Lying:
    """Images as they are annotated and as they lie in a frame, without pixels."""

    entries: tuple[ImageEntry, ...]
    placements: tuple[Placement, ...]


def lying(entries: list[ImageEntry], frame: Frame) -> Boxed:
    return cast(Boxed, Lying(tuple(entries), tuple(frame.placement(one.width, one.height) for one in entries)))


def entry(number: int, objects: list[tuple[str, tuple[float, ...]]], size: tuple[int, int] = (200, 100)) -> ImageEntry:
    things = tuple(Object(label, cast(Any, box), False, False, f"a.csv:{n}") for n, (label, box) in enumerate(objects))
    return ImageEntry(Path(f"{number}.png"), *size, things, number, "a.csv:1")


def rows(images: list[list[list[float]]]) -> Tensor:
    """Rows of each image, filled up behind the last."""
    most = max(1, *(len(image) for image in images))
    empty = [0.0, 0, 0, 0, 0, -1]
    return torch.tensor([image + [empty] * (most - len(image)) for image in images])


def drawn(seed: int, fit: str) -> tuple[Tensor, Boxed]:
    """Objects in images of many sizes, and detections near them or anywhere, in the pixels of a frame of 96×128."""
    random, frame = np.random.default_rng(seed), Frame(3, 96, 128, fit)
    entries, found = [], []
    for n in range(1, 25):
        width, height = (int(v) for v in random.integers(40, 400, 2))
        place, objects, told = frame.placement(width, height), [], []
        for _ in range(random.integers(0, 6)):
            corner = random.uniform(0, 0.7, 2) * (width, height)
            box = (*corner, *(corner + random.uniform(0.1, 0.3, 2) * (width, height)))
            label = int(random.integers(3))
            objects.append((CLASSES[label], tuple(float(v) for v in box)))
            near = place.to_frame(torch.tensor(box)) + torch.from_numpy(random.normal(0, 1.5, 4))
            told.append([*near.tolist(), random.random(), label if random.random() < 0.8 else 0])
        told += [[10.0, 10, 40 + 9 * k, 60, random.random(), k] for k in range(3)]
        entries.append(entry(n, objects, (width, height)))
        found.append(told)
    return rows(found), lying(entries, frame)


@pytest.mark.parametrize("fit", ["stretch", "pad", "crop", "center"])
def test_the_figures_are_those_of_the_files(fit: str, tmp_path: Path) -> None:
    """Detections and objects written as files and scored by `evaluate_boxes`, which is held to pycocotools."""
    found, examples = drawn(0, fit)
    figures = box_figures(found, examples, CLASSES)
    table.write(Annotated(examples.entries, CLASSES, (1, 2, 3)), tmp_path / "truth.csv")
    listed = box_rows(found, examples, CLASSES)
    with (tmp_path / "found.csv").open("w") as file:
        csv.writer(file).writerows(listed)
    scored = evaluate_boxes(tmp_path / "truth.csv", tmp_path / "found.csv")
    by_name = scored.to_json()["classes"]
    assert 0.05 < figures.brief()["map"] < 0.95
    for name, value in scored.figures.items():
        assert figures.scores.figures[name] == pytest.approx(value, abs=1e-6), name
    assert {name: one["truths"] for name, one in by_name.items()} == {
        name: one["truths"] for name, one in figures.to_json()["classes"].items()
    }


@pytest.mark.parametrize("fit", ["stretch", "pad", "center"])
def test_boxes_come_back_to_where_they_were(fit: str) -> None:
    sizes = [(640, 480), (33, 97), (128, 96), (1, 500)]
    examples = lying([entry(n, [], size) for n, size in enumerate(sizes, 1)], Frame(3, 96, 128, fit))
    boxes = torch.tensor([[0.0, 0, w, h] for w, h in sizes], dtype=torch.float64)
    there = [place.to_frame(box) for place, box in zip(examples.placements, boxes, strict=True)]
    told = in_files(
        torch.cat([torch.stack(there), torch.tensor([[0.5, 0]]).expand(4, 2)], 1)[:, None], examples.placements
    )
    np.testing.assert_allclose(told.xywh, boxes.numpy(), rtol=0, atol=1e-9)


def test_boxes_are_cut_to_the_image_and_those_outside_are_left_out() -> None:
    examples = lying([entry(1, [])], Frame(3, 100, 100, "pad"))  # the image takes rows 25 to 75
    told = in_files(rows([[[-10, 20, 50, 50, 0.9, 0], [0, 0, 100, 24, 0.8, 1]]]), examples.placements)
    assert told.xywh.tolist() == [[0, 0, 100, 50]]
    assert told.labels.tolist() == [0]


def by_hand() -> BoxFigures:
    """Four objects: a cat found, a dog taken for a cat, a cat off its place, and a dog that nothing is near. Besides a
    second box of the first cat, and one where nothing is."""
    boxes = {name: (float(x), 0.0, float(x + 20), 20.0) for name, x in [("a", 0), ("b", 40), ("c", 80), ("d", 120)]}
    entries = [
        entry(1, [("cat", boxes["a"]), ("dog", boxes["b"])]),
        entry(2, [("cat", boxes["c"]), ("dog", boxes["d"])]),
    ]
    found = rows(
        [
            [[0, 0, 20, 20, 0.9, 0], [0, 0, 20, 19, 0.8, 0], [40, 0, 60, 20, 0.7, 0], [0, 60, 20, 80, 0.2, 0]],
            [[90, 0, 110, 20, 0.6, 0], [0, 60, 20, 80, 0.5, 1]],
        ]
    )
    return box_figures(found, lying(entries, Frame(3, 100, 200)), CLASSES)


def test_mistakes_worked_by_hand() -> None:
    figures = by_hand()
    told = [(one.example, one.kind, one.predicted, one.true) for one in figures.mistakes]
    assert told == [
        (0, "duplicate", "cat", "cat"),
        (0, "class", "cat", "dog"),
        (1, "place", "cat", "cat"),
        (1, "background", "dog", None),
        (1, "missed", None, "dog"),
    ]
    assert [one.score for one in figures.mistakes] == pytest.approx([0.8, 0.7, 0.6, 0.5, None])
    assert figures.mistakes[2].overlap == pytest.approx(1 / 3)
    assert figures.confusion == ((1, 0, 0, 1), (1, 0, 0, 1), (0, 0, 0, 0), (2, 1, 0, 0))
    assert figures.confused[-1] == "background"
    # cats: found 0.9, then wrong: an area of 1/2; dogs: none found; no object of the third class
    assert figures.brief() == {"map50": pytest.approx(0.25), "map": pytest.approx(51 / 101 / 2)}
    # wrong are four detections and three objects, of the four objects and four wrong detections
    assert (figures.errors.wrong, figures.errors.n) == (7, 8)


def test_errors_of_examples_with_one_answer_each_are_those_counted() -> None:
    assert Errors.of_each([1, 0, 0, 1, 1], [1] * 5) == pytest.approx(Errors.counted(3, 5))


def test_as_text_it_is_no_wider_than_the_terminal() -> None:
    found, examples = drawn(1, "pad")
    told = Evaluation("test", "best", 3, box_figures(found, examples, CLASSES))
    for width in (80, 120):
        lines = evaluation(told, width).splitlines()
        assert max(map(len, lines)) <= width
        assert any(line.startswith("a class wi") for line in lines)
    assert "  P@0.5" in evaluation(told, 160)
    assert "  P@0.5" not in evaluation(told, 80)


def test_the_keys_are_those_of_evaluate_boxes() -> None:
    figures = by_hand()
    told, scores = figures.to_json(), figures.scores.to_json()
    assert {name: told[name] for name in scores} == scores
    assert (told["task"], told["n"], told["sizes"]) == ("detect", 2, {"small": 4, "medium": 0, "large": 0})
    assert told["curves"]["cat"] == {"recall": [0.5], "precision": [1.0], "score": [0.9]}
    lines = list(csv.DictReader(io.StringIO(figures.to_csv())))
    assert [line["class"] for line in lines] == [*CLASSES, "mean"]
    assert (lines[0]["VOC_AP50"], lines[2]["VOC_AP50"]) == ("0.5", "")


def test_without_objects_or_detections_there_are_no_figures() -> None:
    figures = box_figures(rows([[], []]), lying([entry(1, []), entry(2, [])], Frame(3, 50, 50)), CLASSES)
    assert figures.brief() == {"map50": 0.0, "map": 0.0}
    assert figures.mistakes == ()
    assert "–" in evaluation(Evaluation("val", "last", None, figures), 80)


def test_a_mistake_is_drawn_where_it_is_and_padding_is_cut_off() -> None:
    examples = lying([entry(1, [])], Frame(3, 100, 100, "pad"))
    figures = box_figures(rows([[[20, 35, 80, 65, 0.9, 0]]]), examples, CLASSES)
    shown = figures.picture(figures.mistakes[0], Image.new("RGB", (100, 100), (90, 90, 90)))
    assert shown.size == (320, 160)
    pixels = np.asarray(shown)
    changed = np.argwhere((pixels != 90).any(2))
    (_, left), (bottom, right) = changed.min(0), changed.max(0)
    assert (left, right) == (pytest.approx(64, abs=4), pytest.approx(256, abs=4))  # 20 and 80 of 100, of 320 pixels
    assert bottom == pytest.approx(128, abs=4)  # 65 − 25 of 50, of 160
