"""Files of detections, read back by `evaluate-boxes`."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from PIL import Image  # noqa: E402

import archspec  # noqa: E402
from archspec import SpecError  # noqa: E402
from archspec.cli import main  # noqa: E402
from archspec_torch.runtime.detecting import formats  # noqa: E402

Picture = Callable[..., Path]
YELLOW, PINK, BLACK = (255, 255, 0), (255, 0, 255), (0, 0, 0)
WRITTEN = {"json": "detections.json", "coco": "coco.json", "csv": "detections.csv", "voc": "voc", "yolo": "yolo"}


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


def marked(picture: Picture, tmp_path: Path) -> Path:
    """Two images with objects and one without, and COCO's annotations of them with numbers in no order."""
    picture("in/a.png", (128, 96), {(32, 24, 64, 48): YELLOW, (96, 72, 128, 96): PINK})
    picture("in/b.png", (64, 64), {(0, 48, 16, 64): PINK})
    picture("in/c.png", (64, 64), {})
    boxes = [(70, 9, [32, 24, 32, 24]), (70, 4, [96, 72, 32, 24]), (12, 4, [0, 48, 16, 16])]
    truth = {
        "images": [
            {"id": n, "file_name": f"in/{name}.png", "width": w, "height": h}
            for n, name, w, h in ((12, "b", 64, 64), (70, "a", 128, 96), (3, "c", 64, 64))
        ],
        "categories": [{"id": 4, "name": "pink"}, {"id": 9, "name": "yellow"}],
        "annotations": [
            {"id": n, "image_id": image, "category_id": label, "bbox": box, "area": box[2] * box[3], "iscrowd": 0}
            for n, (image, label, box) in enumerate(boxes, 1)
        ],
    }
    (tmp_path / "truth.json").write_text(json.dumps(truth))
    return tmp_path / "truth.json"


def test_cocos_results_with_a_truths_numbers_are_loaded_by_pycocotools(
    squares: dict[str, Any], picture: Picture, tmp_path: Path
) -> None:
    coco, evaluation = pytest.importorskip("pycocotools.coco"), pytest.importorskip("pycocotools.cocoeval")
    truth = marked(picture, tmp_path)
    settings = {**squares, "score": 0.01}
    found = archspec.detect(
        images=[tmp_path / "in"], out=tmp_path / "out", format="coco", truth=truth, pictures=False, **settings
    )
    rows = json.loads(found.written[0].read_text())
    assert {(row["image_id"], Path(row["file_name"]).name) for row in rows} == {(70, "a.png"), (12, "b.png")}
    assert {(row["category_id"], row["category_name"]) for row in rows} == {(9, "yellow"), (4, "pink")}
    with contextlib.redirect_stdout(io.StringIO()):
        data = coco.COCO(str(truth))
        scored = evaluation.COCOeval(data, data.loadRes(str(found.written[0])), "bbox")
        scored.evaluate()
        scored.accumulate()
        scored.summarize()
    assert scored.stats[0] == pytest.approx(1) == archspec.evaluate_boxes(truth, found.written[0]).figures["AP"]


def test_without_a_truth_numbers_are_those_of_data_convert_and_names_go_before_them(
    squares: dict[str, Any], picture: Picture, tmp_path: Path
) -> None:
    coco = pytest.importorskip("pycocotools.coco")
    truth = marked(picture, tmp_path)
    found = archspec.detect(
        images=[tmp_path / "in"], out=tmp_path / "out", format="coco", pictures=False, **{**squares, "score": 0.01}
    )
    rows = json.loads(found.written[0].read_text())
    assert {(row["image_id"], row["category_id"]) for row in rows} == {(1, 1), (1, 2), (2, 2)}
    assert archspec.evaluate_boxes(truth, found.written[0]).figures["AP"] == pytest.approx(1)  # by the names
    numbered = {
        "images": [{"id": n, "file_name": f"in/{name}.png"} for n, name in enumerate("abc", 1)],
        "categories": [{"id": 1, "name": "yellow"}, {"id": 2, "name": "pink"}],
        "annotations": [],
    }
    (tmp_path / "numbered.json").write_text(json.dumps(numbered))
    with contextlib.redirect_stdout(io.StringIO()):
        loaded = coco.COCO(str(tmp_path / "numbered.json")).loadRes(str(found.written[0]))
    assert len(loaded.getAnnIds(imgIds=[1])) == 2 and len(loaded.getAnnIds(catIds=[2])) == 2


def test_images_called_by_numbers_keep_these(squares: dict[str, Any], picture: Picture, tmp_path: Path) -> None:
    for name in ("000000000139.png", "000000000285.png"):
        picture(f"val2017/{name}", (64, 64), {(0, 48, 16, 64): PINK})
    found = archspec.detect(images=[tmp_path / "val2017"], format="coco", **{**squares, "score": 0.01})
    assert [row["image_id"] for row in json.loads(found.text("coco"))] == [139, 285]


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"format": "csv"}, r"E738: --truth gives COCO's results their numbers"),
        ({"images": "more"}, r"E642.*more/d.*, which is none of the truth's 3"),
        ({"classes": ("red", "blue")}, r"E738: no class of the network is one of the annotations': red, blue"),
    ],
)
def test_a_truth_that_does_not_fit_is_told_at_once(
    squares: dict[str, Any], picture: Picture, tmp_path: Path, changed: dict[str, Any], told: str
) -> None:
    truth = marked(picture, tmp_path)
    picture("more/d.png", (64, 64), {})
    settings = {"format": "coco", **squares, **changed}
    with pytest.raises(SpecError, match=told):
        archspec.detect(
            **{**settings, "images": [tmp_path / changed.get("images", "in")]}, out=tmp_path / "out", truth=truth
        )
    assert not (tmp_path / "out").exists()


def test_images_beside_those_of_the_truth_are_looked_at_too(
    squares: dict[str, Any], picture: Picture, tmp_path: Path
) -> None:
    truth = marked(picture, tmp_path)
    picture("more/d.png", (64, 64), {(0, 48, 16, 64): PINK})
    found = archspec.detect(
        images=[tmp_path / "in", tmp_path / "more"], format="coco", truth=truth, **{**squares, "score": 0.01}
    )
    assert found.images[-1].name.endswith("d.png") and found.images[-1].objects
    assert {Path(row["file_name"]).name for row in json.loads(found.text("coco"))} == {"a.png", "b.png"}
    assert any("on images that are none of the truth's" in note for note in formats.left_out(found))


def test_what_a_truth_has_no_number_for_is_told(
    squares: dict[str, Any], picture: Picture, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Three objects, of which one is on a frame and one of a class that the truth does not have."""
    truth = marked(picture, tmp_path)
    changed = json.loads(truth.read_text())
    changed["categories"] = [{"id": 9, "name": "yellow"}]
    changed["annotations"] = [one for one in changed["annotations"] if one["category_id"] == 9]
    truth.write_text(json.dumps(changed))
    frames = [picture(f"frames/{n}.png", (64, 64), {(0, 0, 16, 16): color}) for n, color in enumerate((YELLOW, BLACK))]
    first, second = (Image.open(path) for path in frames)
    first.save(tmp_path / "moves.png", save_all=True, append_images=[second])
    images = [str(tmp_path / "in" / "a.png"), str(tmp_path / "moves.png")]
    said = ["--weights", squares["weights"], "--mean", "0", "--std", "1", "--device", "cpu", "--truth", str(truth)]
    said += ["--format", "coco", "--classes", "yellow,pink"]
    assert main(["detect", str(squares["target"]), *images, *said]) == 0
    out, err = capsys.readouterr()
    assert [(row["image_id"], row["category_id"]) for row in json.loads(out)] == [(70, 9)]
    name = tmp_path / "moves-000000"
    where = "on images that are none of the truth's, or may be several of them"
    assert f"note: 1 of 3 detections are {where} ({name}): left out" in err
    assert "note: 1 of 3 detections are of classes that the truth does not have (pink): left out" in err


def test_classes_without_names_are_none_of_a_truths(squares: dict[str, Any], picture: Picture, tmp_path: Path) -> None:
    """They are called 0 and 1; 1 is the number of one of these."""
    truth = marked(picture, tmp_path)
    changed = truth.read_text().replace('"id": 4', '"id": 1').replace('"category_id": 4', '"category_id": 1')
    truth.write_text(changed)
    with pytest.raises(SpecError, match=r"E738.*: 0, 1\n.*have pink, yellow; --classes names those of a spec"):
        archspec.detect(images=[tmp_path / "in"], format="coco", truth=truth, **{**squares, "classes": None})
