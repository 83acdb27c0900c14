"""Files of detections, read back by `evaluate-boxes`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")

import archspec  # noqa: E402
from archspec import SpecError  # noqa: E402

Picture = Callable[..., Path]
YELLOW, PINK = (255, 255, 0), (255, 0, 255)
WRITTEN = {"coco": "coco.json", "csv": "detections.csv", "voc": "voc", "yolo": "yolo"}


@pytest.mark.parametrize("kind", WRITTEN)
def test_what_is_written_scores_as_what_was_found(
    squares: dict[str, Any], picture: Picture, tmp_path: Path, kind: str
) -> None:
    """Two images whose every object is found where it is, and one without any: an AP of 1 at each overlap."""
    picture("in/a.png", (128, 96), {(32, 24, 64, 48): YELLOW, (96, 72, 128, 96): PINK})
    picture("in/b.png", (64, 64), {(0, 48, 16, 64): PINK})
    picture("in/c.png", (64, 64), {})
    boxes = [(1, 1, [32, 24, 32, 24]), (1, 2, [96, 72, 32, 24]), (2, 2, [0, 48, 16, 16])]
    truth = {
        "images": [
            {"id": n, "file_name": f"in/{name}.png", "width": w, "height": h}
            for n, name, w, h in ((1, "a", 128, 96), (2, "b", 64, 64), (3, "c", 64, 64))
        ],
        "categories": [{"id": 1, "name": "yellow"}, {"id": 2, "name": "pink"}],
        "annotations": [
            {"id": n, "image_id": image, "category_id": label, "bbox": box}
            for n, (image, label, box) in enumerate(boxes, 1)
        ],
    }
    (tmp_path / "truth.json").write_text(json.dumps(truth))
    found = archspec.detect(
        images=[tmp_path / "in"], out=tmp_path / "out", format=kind, pictures=False, **{**squares, "score": 0.01}
    )
    assert found.written == [tmp_path / "out" / WRITTEN[kind]]
    assert [path.name for path in (tmp_path / "out").iterdir()] == [WRITTEN[kind]]
    scores = archspec.evaluate_boxes(tmp_path / "truth.json", found.written[0])
    assert len(scores.found.scores) == 3
    assert (scores.figures["AP"], scores.figures["VOC_AP50"]) == (pytest.approx(1), pytest.approx(1))


@pytest.mark.parametrize(
    ("kind", "names", "told"),
    [
        ("yolo", ("x/a.png", "y/a.png"), "two are called 'a'"),
        ("voc", ("x/a.png", "y/a.jpg"), "two are called 'a'"),
        ("yolo", ("classes.png",), "an image called 'classes' would have too"),
        ("voc", ("my photo.png",), "'my photo' has one in its name"),
    ],
)
def test_names_that_a_format_cannot_tell_are_refused_at_once(
    squares: dict[str, Any], picture: Picture, tmp_path: Path, kind: str, names: tuple[str, ...], told: str
) -> None:
    paths = [picture(name, (64, 64), {}) for name in names]
    with pytest.raises(SpecError, match=f"E738.*{told}"):
        archspec.detect(images=paths, out=tmp_path / "out", format=kind, **squares)
    assert not (tmp_path / "out").exists()
    archspec.detect(images=paths, out=tmp_path / "out", format="coco", **squares)


def test_a_class_that_is_no_name_of_a_file(squares: dict[str, Any], picture: Picture, tmp_path: Path) -> None:
    squares["classes"] = ("red/blue", "b")
    with pytest.raises(SpecError, match=r"E738.*'red/blue' is no name of a file"):
        archspec.detect(images=[picture("a.png", (64, 64), {})], out=tmp_path / "out", format="voc", **squares)
