"""Annotated boxes in files: read, converted, checked, clustered; and files that are wrong."""

from __future__ import annotations

import errno
import json
import os
import random
import signal
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from archspec.cli import main
from archspec.errors import SpecError
from archspec_torch.boxes import Annotated, formats
from archspec_torch.boxes import voc as voc_format
from archspec_torch.boxes.checking import check_boxes
from archspec_torch.boxes.clusters import anchors, cluster, overlaps
from archspec_torch.boxes.evaluating import evaluate_boxes

XML = """<annotation>
  <filename>a.jpg</filename>
  <size><width>40</width><height>30</height><depth>3</depth></size>
  <object>
    <name>cat</name>
    <difficult>1</difficult>
    <bndbox><xmin>1</xmin><ymin>2</ymin><xmax>10</xmax><ymax>30</ymax></bndbox>
  </object>
</annotation>
"""
COCO = {
    "images": [{"id": 7, "file_name": "a.jpg", "width": 40, "height": 30}, {"id": 9, "file_name": "b.jpg"}],
    "categories": [{"id": 3, "name": "cat"}, {"id": 5, "name": "dog"}],
    "annotations": [
        {"id": 1, "image_id": 7, "category_id": 3, "bbox": [0.5, 1, 9.25, 29], "area": 200.5, "iscrowd": 0},
        {"id": 2, "image_id": 7, "category_id": 5, "bbox": [5, 5, 10, 10], "iscrowd": 1},
    ],
}


def voc(folder: Path, text: str = XML) -> Path:
    (folder / "Annotations").mkdir(parents=True, exist_ok=True)
    (folder / "JPEGImages").mkdir(exist_ok=True)
    Image.new("RGB", (40, 30)).save(folder / "JPEGImages" / "a.jpg")
    (folder / "Annotations" / "a.xml").write_text(text)
    return folder


def coco(folder: Path) -> Path:
    for name in "ab":
        Image.new("RGB", (40, 30)).save(folder / f"{name}.jpg")
    (folder / "truth.json").write_text(json.dumps(COCO, indent=1))
    return folder / "truth.json"


def content(data: Annotated) -> list[tuple[str, list[tuple[str, tuple[float, ...], bool, bool]]]]:
    return [
        (entry.path.stem, [(o.label, tuple(round(v, 6) for v in o.box), o.difficult, o.crowd) for o in entry.objects])
        for entry in data.images
    ]


def test_vocs_pixels_from_one_to_the_last_are_read_half_open_from_zero(tmp_path: Path) -> None:
    data = formats.read(voc(tmp_path))
    (entry,) = data.images
    assert (entry.path, entry.width, entry.height) == (tmp_path / "JPEGImages" / "a.jpg", 40, 30)
    (one,) = entry.objects
    assert one.box == (0, 1, 10, 30) and one.difficult
    assert one.extent == (10, 29)  # pixels 1 to 10 are ten, 2 to 30 are 29
    assert one.source == f"{tmp_path / 'Annotations' / 'a.xml'}:7"


def test_coco_keeps_ids_areas_sizes_and_lines(tmp_path: Path) -> None:
    data = formats.read(coco(tmp_path))
    assert (data.classes, data.ids, [entry.id for entry in data.images]) == (("cat", "dog"), (3, 5), [7, 9])
    first, second = data.images[0].objects
    assert (first.box, first.area, first.extent) == ((0.5, 1, 9.75, 30), 200.5, (9.25, 29))
    assert second.crowd and not first.crowd and second.area is None
    line = int(second.source.rpartition(":")[2])
    assert (tmp_path / "truth.json").read_text().splitlines()[line] == '   "id": 2,'


def test_a_box_narrower_than_a_pixel_becomes_one_pixel_of_voc_which_reads_it_again(tmp_path: Path) -> None:
    # 0.4 wide: from pixel 11.2 VOC's last one would be 10.6; a width of 1 − 1e-9 is what shares of YOLO make of a pixel
    table = tmp_path / "thin.csv"
    rows = ("a.jpg,40,30,cat,10.2,3,10.6,20", "a.jpg,40,30,cat,5,5,5.999999999,6", "a.jpg,40,30,cat,2,2,2,2")
    table.write_text("\n".join(["image,width,height,label,x1,y1,x2,y2", *rows, ""]))
    Image.new("RGB", (40, 30)).save(tmp_path / "a.jpg")
    formats.convert(table, tmp_path / "made", "voc")
    boxes = [one.box for one in formats.read(tmp_path / "made").images[0].objects]
    assert np.allclose(boxes, [(10.2, 3, 11.2, 20), (5, 5, 6, 6), (2, 2, 3, 3)])


@pytest.mark.parametrize("path", [("coco", "csv"), ("csv", "coco"), ("voc", "csv", "voc")], ids="-".join)
def test_there_and_back_nothing_is_lost(path: tuple[str, ...], tmp_path: Path) -> None:
    at = voc(tmp_path / "source") if path[0] == "voc" else coco(tmp_path)
    before = content(formats.read(at))
    for number, kind in enumerate(path):
        suffix = {"coco": ".json", "csv": ".csv"}.get(kind, "")
        formats.convert(at, tmp_path / f"made{number}{suffix}", kind)  # type: ignore[arg-type]
        at = tmp_path / f"made{number}{suffix}"
    after = content(formats.read(at))
    assert after == before
    assert formats.read(at).images[0].path.resolve().is_file()


def test_through_yolo_boxes_return_to_a_millionth_of_a_pixel(data_dir: Path, tmp_path: Path) -> None:
    bccd = data_dir / "bccd"
    if not bccd.is_dir():
        pytest.skip(f"no {bccd}")
    before = formats.convert(bccd, tmp_path / "yolo", "yolo", split="test")
    after = formats.read(tmp_path / "yolo")
    assert after.classes == before.classes == ("Platelets", "RBC", "WBC")
    assert len(list((tmp_path / "yolo" / "images").iterdir())) == len(before.images) == 72
    for one, other in zip(sorted(before.images, key=lambda e: e.path.stem), after.images, strict=True):
        assert [o.label for o in one.objects] == [o.label for o in other.objects]
        assert np.allclose([o.box for o in one.objects], [o.box for o in other.objects], atol=1e-6)


def test_the_boxes_of_bccd_that_have_no_area_are_listed(data_dir: Path) -> None:
    bccd = data_dir / "bccd"
    if not bccd.is_dir():
        pytest.skip(f"no {bccd}")
    found = check_boxes(bccd)
    assert found.counts == {"Platelets": 361, "RBC": 4155, "WBC": 372}
    assert (found.images, found.sizes) == (364, {(640, 480): 364})
    assert [one.code for one in found.warnings] == ["W652", "W652"]
    for one, stem, corner in zip(found.warnings, ("00338", "00343"), ("504", "181"), strict=True):
        assert one.span is not None
        lines = Path(one.span.file).read_text().splitlines()
        assert stem in one.span.file and lines[one.span.line - 1].strip() == "<bndbox>"
        assert corner in lines[one.span.line] and corner in lines[one.span.line + 2]


def test_all_that_is_wrong_is_listed_with_its_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Image.new("RGB", (20, 20)).save(tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes((tmp_path / "a.png").read_bytes()[:40])
    rows = [
        "image,width,height,label,x1,y1,x2,y2",
        "a.png,20,20,cat,0,0,25,10",  # outside
        "a.png,20,20,cat,5,5,5,9",  # no area
        "a.png,20,20,dog,1,1,9,9",
        "a.png,20,20,dog,1,1,9,9",  # twice
        "a.png,20,20,cow,1,1,9,9",  # no such class
        "a.png,20,20,cat,nan,1,9,9",  # no number
        "b.png,20,20,,,,,",  # damaged
        "c.png,20,20,,,,,",  # missing
    ]
    (tmp_path / "boxes.csv").write_text("\n".join(rows))
    found = check_boxes(tmp_path / "boxes.csv", ["cat", "dog"])
    told = [(one.span.line, one.code) for one in found.warnings if one.span]
    assert told == [(2, "W651"), (3, "W652"), (5, "W653"), (6, "W654"), (7, "W650"), (8, "W655"), (9, "W655")]
    assert main(["data", "check", str(tmp_path / "boxes.csv")]) == 0
    assert capsys.readouterr().err.count("warning W6") == 6
    assert main(["data", "check", str(tmp_path / "boxes.csv"), "--strict"]) == 1
    assert "E645" in capsys.readouterr().err


def test_clusters_worked_by_hand() -> None:
    """Four small boxes of one size and two large ones: the anchors are those. Of 10×10 and 10×20 alone, a single
    anchor 10×20
    overlaps them by 1/2 and 1, 10×15 by 2/3 and 3/4 (mean 17/24); the best mean is that of either box: 3/4."""
    sizes = np.array([[10.0, 10]] * 4 + [[50, 40], [50, 40]])
    assert cluster(sizes, 2).tolist() == [[10, 10], [50, 40]]
    two = np.array([[10.0, 10], [10, 20]])
    assert overlaps(two, np.array([[10.0, 15]])).tolist() == [[pytest.approx(2 / 3)], [pytest.approx(3 / 4)]]
    assert overlaps(two, cluster(two, 1)).mean() == pytest.approx(3 / 4)


def test_anchors_overlap_no_less_than_those_of_euclidean_k_means(data_dir: Path) -> None:
    KMeans = pytest.importorskip("sklearn.cluster").KMeans
    bccd = data_dir / "bccd"
    if not bccd.is_dir():
        pytest.skip(f"no {bccd}")
    data = formats.read(bccd)
    sizes = np.array([o.extent for entry in data.images for o in entry.objects if min(o.extent) > 1])
    for k in (3, 5, 9):
        made = anchors(bccd, k)
        assert made.mean_iou == pytest.approx(overlaps(sizes, made.sizes).max(1).mean())
        assert made.sizes.tolist() == anchors(bccd, k).sizes.tolist()
        theirs = KMeans(k, n_init=10, random_state=0).fit(sizes).cluster_centers_
        assert made.mean_iou >= overlaps(sizes, theirs).max(1).mean()


def test_anchors_are_scaled_as_images_are(tmp_path: Path) -> None:
    text = XML.replace("<difficult>1</difficult>", "")
    assert anchors(voc(tmp_path, text), 1, size=(80, 30)).sizes.tolist() == [[20, 29]]
    with pytest.raises(SpecError, match="E646"):
        anchors(tmp_path, 2)


def damaged(text: str, dice: random.Random) -> str:
    """A text with a piece lost, doubled or replaced by something hostile, or cut off."""
    hostile = [
        "NaN",
        "-Infinity",
        "1e999",
        "9" * 5000,
        "null",
        "true",
        '"',
        "[" * 3000,
        "{}",
        "<",
        "&x;",
        "]]>",
        "\0",
        "-5",
        ",",
    ]
    at, end = dice.randrange(len(text)), dice.randrange(1, 30)
    kind = dice.randrange(5)
    if kind == 0:
        return text[:at]
    if kind == 1:
        return text[:at] + text[at + end :]
    if kind == 2:
        return text[:at] + text[at : at + end] * 2 + text[at + end :]
    words = [i for i in range(len(text)) if text[i].isdigit() and not text[i - 1].isalnum()]
    at = dice.choice(words) if kind == 3 else at
    return text[:at] + dice.choice(hostile) + text[at + 1 :]


@pytest.mark.parametrize("kind", ["voc", "coco", "csv", "yolo", "results"])
def test_hostile_files_get_one_clear_message_and_no_traceback(kind: str, tmp_path: Path) -> None:
    from archspec_torch.boxes import detections

    dice = random.Random(kind)
    source = coco(tmp_path)
    truth = formats.read(source)
    result = [
        {"image_id": 7, "category_id": 3, "bbox": [1.5, 2.5, 3.5, 4.5], "score": 0.5},
        {"image_id": 7, "category_id": 5},
    ]
    result[1] |= {"bbox": [1, 2, 3, 4], "score": 1}
    results = at = tmp_path / "results.json"
    at.write_text(json.dumps(result))
    if kind == "voc":
        at = voc(tmp_path / "voc") / "Annotations" / "a.xml"
    elif kind == "coco":
        at = source
    elif kind == "csv":
        formats.convert(source, tmp_path / "made.csv", "csv")
        at = tmp_path / "made.csv"
    elif kind == "yolo":
        formats.convert(voc(tmp_path / "voc"), tmp_path / "yolo", "yolo")
        at = tmp_path / "yolo" / "labels" / "a.txt"
    whole = at.read_text()
    refused = 0
    for number in range(250):
        at.write_text(damaged(whole, dice), encoding="utf-8")
        path = {"voc": tmp_path / "voc", "yolo": tmp_path / "yolo"}.get(kind, at)
        try:
            if kind == "results":
                detections.read(path, truth)
            elif kind == "coco" and not number % 25:
                evaluate_boxes(path, results)
            else:
                formats.read(path)
        except SpecError as error:
            refused += 1
            (one,) = error.diagnostics
            assert one.code in ("E640", "E641", "E642") and len(str(one)) < 1500
            assert one.span is None or one.span.file.startswith(str(tmp_path))
        if kind != "results":
            check_boxes_quietly(path)
    assert refused > 60


def check_boxes_quietly(path: Path) -> None:
    """Checking never fails on an annotation; on a whole document that cannot be read it says so."""
    try:
        for one in check_boxes(path).warnings:
            assert one.code.startswith("W65")
    except SpecError as error:
        assert {one.code for one in error.diagnostics} <= {"E640", "E641"}


@pytest.mark.parametrize(
    "head",
    [
        '<!DOCTYPE a [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;&a;">]>',
        '<!DOCTYPE annotation SYSTEM "file:///etc/passwd">',
    ],
)
def test_entities_of_xml_are_refused(head: str, tmp_path: Path) -> None:
    folder = voc(tmp_path, head + XML.replace("cat", "&b;" * 10))
    with pytest.raises(SpecError, match="has a DOCTYPE"):
        formats.read(folder)


def test_a_killed_conversion_leaves_no_folder(tmp_path: Path) -> None:
    """Killed while it writes; the next one takes away what is left, and writes the whole."""
    source, made = coco(tmp_path), tmp_path / "made"
    made.mkdir()
    child = os.fork()
    if child == 0:
        voc_format.write = lambda *_: os.kill(os.getpid(), signal.SIGKILL)  # type: ignore[assignment]
        formats.convert(source, made, "voc")
        os._exit(99)
    assert os.waitpid(child, 0)[1] == signal.SIGKILL
    assert not any(made.iterdir()) and len(list(tmp_path.glob(".made.*"))) == 1
    formats.convert(source, made, "voc")
    assert (made / "ImageSets" / "Main" / "all.txt").is_file() and not list(tmp_path.glob(".made.*"))


def test_a_failed_conversion_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    source = coco(tmp_path)
    monkeypatch.setattr(voc_format, "write", full)
    with pytest.raises(SpecError, match=r"E644: cannot write .*made': No space left"):
        formats.convert(source, tmp_path / "new" / "made", "voc")
    assert list((tmp_path / "new").iterdir()) == []


def test_a_target_that_is_there_is_never_written(tmp_path: Path) -> None:
    source = coco(tmp_path)
    for name, kind in (("truth.json", "coco"), (".", "yolo")):
        with pytest.raises(SpecError, match="E644"):
            formats.convert(source, tmp_path / name, kind)  # type: ignore[arg-type]
    assert json.loads(source.read_text()) == COCO


@pytest.mark.parametrize(("named", "found"), [("dog\ncat\n", [1, 0]), ("dog\nbird\n", [1]), (None, [0, 1])])
def test_classes_of_yolo_s_detections_are_those_beside_them(
    named: str | None, found: list[int], tmp_path: Path
) -> None:
    """A network counts its classes in an order of its own: 0 is its dog, where the truth's first is the cat."""
    size = {"width": 40, "height": 30}
    truth = {**COCO, "images": [{"id": 7, "file_name": "a.jpg", **size}], "annotations": []}
    (tmp_path / "truth.json").write_text(json.dumps(truth))
    (tmp_path / "found").mkdir()
    (tmp_path / "found" / "a.txt").write_text("0 0.5 0.5 0.2 0.2 0.9\n1 0.2 0.2 0.1 0.1 0.8\n")
    if named is not None:
        (tmp_path / "found" / "classes.txt").write_text(named)
    scores = evaluate_boxes(tmp_path / "truth.json", tmp_path / "found")
    assert scores.found.labels.tolist() == found


@pytest.mark.parametrize(("said", "meant"), [("Crowd", "crowd"), ("dificult", "difficult"), ("Area", "area")])
def test_a_column_that_is_misspelt_is_not_read_over(said: str, meant: str, tmp_path: Path) -> None:
    """Columns of other names are: `weight` is not `height`."""
    path = tmp_path / "boxes.csv"
    path.write_text(f"image,label,x1,y1,x2,y2,{said},weight,by\na.png,cat,0,0,4,4,1,3,me\n")
    with pytest.raises(SpecError, match=f"a column '{said}' is not read") as caught:
        formats.read(path)
    assert caught.value.diagnostics[0].hint == f"did you mean '{meant}'?"
    path.write_text(path.read_text().replace(said, "note"))
    assert len(formats.read(path).images[0].objects) == 1
