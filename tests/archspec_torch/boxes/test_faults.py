"""Mistakes in COCO's files and in detections: each is told with its line and column; names that detections use."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from archspec.errors import SpecError
from archspec_torch.boxes import formats
from archspec_torch.boxes.checking import check_boxes
from archspec_torch.boxes.evaluating import evaluate_boxes

TRUTH: dict[str, Any] = {
    "images": [
        {"id": 139, "file_name": "x/a.jpg", "width": 64, "height": 48},
        {"id": 7, "file_name": "y/a.jpg", "width": 64, "height": 48},
        {"id": 8, "file_name": "y/b.jpg", "width": 64, "height": 48},
    ],
    "categories": [{"id": 18, "name": "dog"}, {"id": 3, "name": "cat"}],
    "annotations": [
        {"id": 1, "image_id": 139, "category_id": 18, "bbox": [4.0, 4.0, 20.0, 30.0]},
        {"id": 2, "image_id": 8, "category_id": 3, "bbox": [8.0, 8.0, 10.0, 10.0]},
    ],
}
FAULTY = """{"info": {"year": 2020},
 "images": [{"id": 1, "file_name": "a.jpg"}, {"id": "2", "file_name": "b.jpg"},
   {"id": 3, "file_name": "c.jpg", "width": NaN}],
 "categories": [{"id": 1, "name": "a NaN"}],
 "annotations": [
  {"image_id": 1, "category_id": 1, "bbox": [1, NaN, 3, -Infinity], "note": "\\"NaN"},
  {"image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4], "area": -1}, {"image_id": 9, "category_id": 1,
   "bbox": [1, 2, 3, 4]},
  {
    "image_id": 1,
    "category_id": 1,
    "bbox": [1, 2, -3, 4]
  }, 5, {"image_id": 1, "category_id": 2, "bbox": [1, 2, 3, 4]},
  {"image_id": 1, "bbox": [1, 2, 3, 4]}, {"image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 1e999]},
  {"image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4]}
 ]}
"""


def place(said: str, number: int = 1) -> tuple[int, int]:
    """Line and column of a piece of the faulty text, counted as an editor does."""
    at = -1
    for _ in range(number):
        at = FAULTY.index(said, at + 1)
    before = FAULTY[:at]
    return before.count("\n") + 1, at - before.rfind("\n")


@pytest.mark.parametrize("lines", [True, False], ids=["lines", "one line"])
def test_each_mistake_of_a_file_is_told_with_line_and_column(tmp_path: Path, lines: bool) -> None:
    text = FAULTY if lines else FAULTY.replace("\n", " ")
    (tmp_path / "truth.json").write_text(text)
    found = check_boxes(tmp_path / "truth.json")
    told = [(w.span.line, w.span.column) for w in found.warnings if w.code == "W650" and w.span]
    expected = [
        place('"2"'),
        place("NaN"),
        place("NaN", 3),
        place("-Infinity"),
        place("-1"),
        place("9, "),
        place("[1, 2, -3"),
        place("5, {"),
        place('2, "bbox"'),
        place('{"image_id": 1, "bbox"'),
        place("[1, 2, 3, 1e999"),
    ]
    if not lines:
        starts = [0]
        for line in FAULTY.splitlines():
            starts.append(starts[-1] + len(line) + 1)
        expected = [(1, starts[line - 1] + column) for line, column in expected]
    assert told == expected
    assert found.images == 1 and found.counts == {"a NaN": 1}


def test_boxes_of_a_file_without_line_breaks_are_told_by_column(tmp_path: Path) -> None:
    changed = json.loads(json.dumps(TRUTH))
    changed["annotations"] += [dict(changed["annotations"][1], id=3)]
    (tmp_path / "truth.json").write_text(text := json.dumps(changed))
    (told,) = [w for w in check_boxes(tmp_path / "truth.json").warnings if w.code == "W653"]
    assert told.span is not None and told.span.line == 1
    assert told.span.column == text.index('{"id": 3, "image_id"') + 1
    column = text.index('{"id": 2, "image_id"') + 1
    assert f"first in line 1, column {column}" in told.message


@pytest.mark.parametrize(
    ("text", "line", "column", "said"),
    [
        ('{"images": [],\n "a": NaN, "b": [1]}', 2, 7, "NaN is no number of JSON"),
        ('{"images": [],\n "images": []}', 2, 2, "stands twice"),
        ('{"images": [1,\n  2 3]}', 2, 5, "expected ',' or ']'"),
        ('{"images": [{"id": 1,}]}', 1, 22, "not JSON"),
        ('{"images": []}\n ]', 2, 2, "behind the document's end"),
        ('{"images": [\n  {"id": ' + "9" * 5000 + "}]}", 2, 10, "too many digits"),
    ],
)
def test_a_document_that_is_no_json_is_told_in_its_place(
    text: str, line: int, column: int, said: str, tmp_path: Path
) -> None:
    (tmp_path / "truth.json").write_text(text)
    with pytest.raises(SpecError) as caught:
        formats.read(tmp_path / "truth.json")
    (one,) = caught.value.diagnostics
    assert one.code == "E640" and said in one.message and one.span is not None
    assert (one.span.line, one.span.column) == (line, column)


def scored(tmp_path: Path, found: object, text: str | None = None) -> Any:
    (tmp_path / "truth.json").write_text(json.dumps(TRUTH))
    (tmp_path / "found.json").write_text(json.dumps(found) if text is None else text)
    return evaluate_boxes(tmp_path / "truth.json", tmp_path / "found.json")


def result(image: object, category: object, box: list[float], **more: object) -> dict[str, object]:
    return {"image_id": image, "category_id": category, "bbox": box, "score": 0.9, **more}


DOG, CAT = [4.0, 4.0, 20.0, 30.0], [8.0, 8.0, 10.0, 10.0]


@pytest.mark.parametrize(
    "found",
    [
        [result(139, 18, DOG), result(8, 3, CAT)],
        [result("x/a.jpg", "dog", DOG), result("b.jpg", "cat", CAT)],
        [result("/elsewhere/x/a", "18", DOG), result("b", "3", CAT)],
        [result("139", "dog", DOG), result("8", "cat", CAT)],
        [result(1, 1, DOG, file_name="photos/x/a.jpg", category_name="dog"), result(8, 2, CAT, category_name="cat")],
        [result(139, 18, DOG, file_name="a.jpg"), result(8, 3, CAT, file_name="b.jpg")],  # the number says which a.jpg
        {
            "classes": ["cat", "dog"],
            "images": [
                {"image": "x/a.jpg", "frame": None, "objects": [{"class": "dog", "score": 0.9, "box": [4, 4, 24, 34]}]},
                {"image": "none.jpg", "frame": None, "objects": []},
                {"image": "b.jpg", "frame": None, "objects": [{"class": "cat", "score": 0.9, "box": [8, 8, 18, 18]}]},
            ],
        },
        {"images": [], "annotations": [result(139, 18, DOG), result(8, 3, CAT)]},
    ],
    ids=["numbers", "names", "stems", "numbers as texts", "names beside", "both", "detect's json", "data set"],
)  # fmt: skip
def test_images_and_classes_by_number_or_by_name(found: object, tmp_path: Path) -> None:
    scores = scored(tmp_path, found)
    assert len(scores.found.scores) == 2
    assert scores.figures["AP"] == pytest.approx(1) == scores.figures["AR100"]


@pytest.mark.parametrize(
    ("more", "notes"),
    [
        ({"file_name": None, "category_name": None}, ()),
        (
            {"file_name": "0f3c.jpg"},
            ("2 of 2 detections have a 'file_name' that is none of the truth's: taken by their 'image_id'",),
        ),
        (
            {"category_name": "Tier"},
            ("2 of 2 detections have a 'category_name' that is none of the truth's: taken by their 'category_id'",),
        ),
    ],
    ids=["null", "renamed files", "classes in another language"],
)
def test_numbers_say_what_names_do_not(more: dict[str, object], notes: tuple[str, ...], tmp_path: Path) -> None:
    scores = scored(tmp_path, [result(139, 18, DOG, **more), result(8, 3, CAT, **more)])
    assert scores.figures["AP"] == pytest.approx(1) and scores.notes == notes


def test_a_strange_class_among_known_ones_is_left_out(tmp_path: Path) -> None:
    """`archspec detect` counts its own classes from 1 where nothing tells it the truth's numbers."""
    found = [result(139, 1, DOG, category_name="dog"), result(8, 3, CAT, category_name="horse")]
    scores = scored(tmp_path, found)
    assert scores.found.labels.tolist() == [0]
    assert scores.notes == ("1 of 2 detections are of classes that the truth does not have: left out",)


@pytest.mark.parametrize("kind", ["csv", "json", "voc"])
def test_a_number_in_the_place_of_a_classs_name_is_a_name(kind: str, tmp_path: Path) -> None:
    """Classes without names are called 0, 1 …: none of them is the one of COCO's number 1."""
    truth = {**TRUTH, "categories": [{"id": 1, "name": "dog"}, {"id": 2, "name": "cat"}]}
    truth["annotations"] = [dict(TRUTH["annotations"][0], category_id=1), dict(TRUTH["annotations"][1], category_id=2)]
    (tmp_path / "truth.json").write_text(json.dumps(truth))
    rows = [("x/a.jpg", "0", (4, 4, 24, 34)), ("b.jpg", "1", (8, 8, 18, 18))]
    path = tmp_path / ("found" if kind == "voc" else f"found.{kind}")
    if kind == "csv":
        lines = [f"{image},{label},0.9,{x1},{y1},{x2},{y2}" for image, label, (x1, y1, x2, y2) in rows]
        path.write_text("\n".join(["image,label,score,x1,y1,x2,y2", *lines]))
    elif kind == "json":
        images = [{"image": i, "objects": [{"class": c, "score": 0.9, "box": box}]} for i, c, box in rows]
        path.write_text(json.dumps({"classes": ["0", "1"], "images": images}))
    else:
        path.mkdir()
        for image, label, (x1, y1, x2, y2) in rows:
            row = f"{image} 0.9 {x1 + 1} {y1 + 1} {x2} {y2}\n"
            (path / f"comp4_det_test_{label}.txt").write_text(row)
    scores = evaluate_boxes(tmp_path / "truth.json", path)
    assert len(scores.found.scores) == 0
    assert scores.notes == ("2 of 2 detections are of classes that the truth does not have: left out",)


@pytest.mark.parametrize(
    ("found", "code", "said"),
    [
        ([result("a.jpg", 18, DOG)], "E642", "which 2 images of the truth are called"),
        ([result("z/a", 18, DOG)], "E642", "which 2 images of the truth are called"),
        ([result(139, 18, DOG), result(140, 18, DOG)], "E642", "image 140, which is none of the truth's 3"),
        ([result(None, 18, DOG, file_name="c.jpg")], "E642", "'c.jpg', which is none of the truth's 3"),
        ([result(140, 18, DOG, file_name="c.jpg")], "E642", "image 140, which is none of the truth's 3"),
        # one of several names is strange: what its number counts is not known
        ([result(8, 3, CAT, file_name="b.jpg"), result(139, 18, DOG, file_name="c.jpg")], "E642", "image 'c.jpg'"),
        ([result(8, 3, CAT, file_name="b.jpg"), result(139, 18, DOG, file_name=5)], "E640", "is 5, not a text"),
        ({"scores": []}, "E640", "no list of detections"),
        ({"classes": [], "images": [{"image": "b.jpg", "objects": [{"class": "cat"}]}]}, "E640", "has no 'box'"),
        ({"classes": [], "images": [{"image": "b.jpg", "objects": 3}]}, "E640", "'objects' of image 1 is 3"),
    ],
)
def test_what_names_no_image_is_told_and_so_are_the_formats(
    found: object, code: str, said: str, tmp_path: Path
) -> None:
    with pytest.raises(SpecError) as caught:
        scored(tmp_path, found)
    (one,) = caught.value.diagnostics
    assert one.code == code and said in one.message
    if said == "no list of detections":
        assert one.hint is not None and "archspec detect --format json" in one.hint and '"image_id"' in one.hint


def test_a_mistake_of_one_detection_is_told_with_line_and_column(tmp_path: Path) -> None:
    text = json.dumps([result(139, 18, DOG), result(8, 3, [1.0, 2.0, -3.0, 4.0])], indent=1)
    with pytest.raises(SpecError) as caught:
        scored(tmp_path, None, text)
    (one,) = caught.value.diagnostics
    assert one.span is not None and one.code == "E640" and "detection 2" in one.message
    at = text.index('"bbox"', text.index('"image_id": 8')) + len('"bbox": ')
    assert (one.span.line, one.span.column) == (text[:at].count("\n") + 1, at - text[:at].rfind("\n"))
    with pytest.raises(SpecError) as caught:
        scored(tmp_path, None, '[{"image_id": 8,\n "score": NaN, "bbox": [Infinity]}]')
    assert [(d.span.line, d.span.column) for d in caught.value.diagnostics if d.span] == [(2, 11), (2, 25)]
