"""Where the images of annotations are found, and what conversion does without them; what it loses is counted."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from PIL import Image

from archspec.cli import main
from archspec.errors import Diagnostic, SpecError
from archspec.run import load_run
from archspec_torch.boxes import formats
from archspec_torch.boxes.checking import check_boxes
from archspec_torch.boxes.clusters import anchors
from archspec_torch.runtime.data import open_source
from archspec_torch.runtime.inventory import check_data

SIZE = (40, 30)


def published(folder: Path, at: str = "val2017", part: str = "val2017") -> Path:
    """COCO's own layout: two images, the second with a crowd; returns the file of annotations."""
    (folder / "annotations").mkdir(parents=True, exist_ok=True)
    (folder / at).mkdir(parents=True, exist_ok=True)
    outline = {"segmentation": [[1, 2, 9, 2, 9, 20]], "area": 72.0}
    truth = {
        "images": [{"id": n, "file_name": f"{part}-{n}.jpg", "width": 40, "height": 30} for n in (139, 285)],
        "categories": [{"id": 3, "name": "cat"}, {"id": 17, "name": "dog"}, {"id": 18, "name": "owl"}],
        "annotations": [
            {"id": 1, "image_id": 139, "category_id": 3, "bbox": [1, 2, 8, 18], "iscrowd": 0, **outline},
            {"id": 2, "image_id": 139, "category_id": 17, "bbox": [30, 5, 15, 10], "iscrowd": 0, "area": 150},
            {"id": 3, "image_id": 285, "category_id": 17, "bbox": [2, 2, 20, 20], "iscrowd": 1, "area": 400},
        ],
    }
    for number in (139, 285):
        Image.new("RGB", SIZE, (number % 256, len(part), 9)).save(folder / at / f"{part}-{number}.jpg")
    path = folder / "annotations" / f"instances_{part}.json"
    path.write_text(json.dumps(truth))
    return path


def codes(found: Any) -> list[str]:
    return [one.code for one in found.warnings]


@pytest.mark.parametrize(
    "at", ["val2017", "images/val2017", "images", ".", "annotations", "annotations/val2017", "annotations/images"]
)
def test_images_of_the_published_layout_are_found(at: str, tmp_path: Path) -> None:
    file = published(tmp_path / "coco set", at)
    assert codes(check_boxes(file)) == ["W651"]  # a box that does leave its image
    formats.convert(file, tmp_path / "yolo", "yolo")
    assert sorted(p.name for p in (tmp_path / "yolo" / "images").iterdir()) == ["val2017-139.jpg", "val2017-285.jpg"]
    again = check_boxes(tmp_path / "yolo")
    assert (again.images, again.counts, again.warnings) == (2, {"cat": 1, "dog": 2, "owl": 0}, ())
    formats.convert(file, tmp_path / "made" / "all.json", "coco")
    names = [one["file_name"] for one in json.loads((tmp_path / "made" / "all.json").read_text())["images"]]
    assert all((tmp_path / "made" / name).is_file() for name in names)


def test_a_run_finds_them_too_and_names_them_below_its_root(tmp_path: Path) -> None:
    published(tmp_path / "coco", "train2017", "train2017")
    published(tmp_path / "coco")
    files = {name: f"annotations/instances_{name}2017.json" for name in ("train", "val")}
    data = {"kind": "boxes", "root": str(tmp_path / "coco"), **files}
    run = load_run({"model": "small_yolo", "data": data})
    source = open_source(run.run.data, lambda *loc: run.span("data", *loc))
    assert source.names_of("train") == ["train2017/train2017-139.jpg", "train2017/train2017-285.jpg"]
    assert source.names_of("val") == ["val2017/val2017-139.jpg", "val2017/val2017-285.jpg"]
    found = check_data({"model": "small_yolo", "data": data})
    assert found.boxes is not None and found.boxes.images == {"train": 2, "val": 2}
    assert "W620" not in codes(found)
    beside = {"kind": "boxes", "root": str(tmp_path / "coco" / files["train"]), "val": "instances_val2017.json"}
    run = load_run({"model": "small_yolo", "data": beside})
    source = open_source(run.run.data, lambda *loc: run.span("data", *loc))
    assert source.names_of("val") == ["../val2017/val2017-139.jpg", "../val2017/val2017-285.jpg"]


def test_a_file_that_is_where_the_annotations_say_goes_before_others(tmp_path: Path) -> None:
    file = published(tmp_path)
    Image.new("RGB", (80, 60)).save(tmp_path / "annotations" / "val2017-139.jpg")
    told = [one for one in check_boxes(file).warnings if one.code == "W655"]
    assert len(told) == 1 and "80×60, annotated as 40×30" in told[0].message


def test_a_name_that_no_file_can_have_is_an_image_that_is_not_there(tmp_path: Path) -> None:
    file = published(tmp_path)
    file.write_text(file.read_text().replace("val2017-139.jpg", "a" * 300 + ".jpg"))
    assert codes(check_boxes(file)).count("W655") == 1
    with pytest.raises(SpecError, match="E740: 1 of 2 images is not there"):
        formats.convert(file, tmp_path / "made", "yolo")


@pytest.mark.parametrize("kind", ["yolo", "voc"])
def test_no_folder_is_made_without_its_images(kind: Any, tmp_path: Path) -> None:
    file = published(tmp_path / "coco", "../elsewhere")
    looked = (
        f"{tmp_path}/coco and {tmp_path}/coco/annotations, there or in val2017, images/val2017, images; --images DIR"
    )
    said = r"E740: 2 of 2 images are not there: the first is .*annotations/val2017-139\.jpg"
    with pytest.raises(SpecError, match=rf"{said}\n.*and in {looked}"):
        formats.convert(file, tmp_path / "made", kind)
    assert not (tmp_path / "made").exists()
    (told,) = (one for one in check_boxes(file).warnings if one.code == "W655")
    assert "none of the 2 images is there" in told.message and looked in str(told.hint)
    formats.convert(file, tmp_path / "made", kind, images=[tmp_path / "elsewhere"])
    again = check_boxes(tmp_path / "made")
    assert (again.images, sum(again.counts.values())) == (2, 3) and "W655" not in codes(again)
    (tmp_path / "elsewhere" / "val2017-285.jpg").unlink()
    with pytest.raises(SpecError, match=r"1 of 2 images is not there: the first is .*elsewhere/val2017-285\.jpg"):
        formats.convert(file, tmp_path / "other", kind, images=[tmp_path / "elsewhere"])
    with pytest.raises(SpecError, match=r"E641: there is no folder '.*nowhere' of images"):
        check_boxes(file, images=[tmp_path / "nowhere"])


def test_annotations_alone_are_written_where_that_is_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, made = published(tmp_path / "coco", "../elsewhere"), tmp_path / "made"
    assert main(["data", "convert", str(file), str(made), "--to", "yolo", "--annotations-only"]) == 0
    said = capsys.readouterr()
    assert said.out == f"{made}: 2 images, 3 boxes, 3 classes; no images, which belong in {made / 'images'}\n"
    assert "W660: YOLO keeps no crowds: 1 is written" in said.err
    assert (made / "labels" / "val2017-285.txt").read_text() == "1 0.3 0.4 0.5 0.6666666667\n"  # (2…22)/40, (2…22)/30
    assert not list((made / "images").iterdir())
    for path in (tmp_path / "elsewhere").iterdir():
        path.rename(made / "images" / path.name)
    assert check_boxes(made).counts == {"cat": 1, "dog": 2, "owl": 0}


def test_the_command_line_looks_in_folders_that_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = published(tmp_path / "coco", "../elsewhere")
    named = ["--images", str(tmp_path), "--images", str(tmp_path / "elsewhere")]
    assert main(["data", "check", str(file), "--format", "json", *named]) == 0
    assert [one["code"] for one in json.loads(capsys.readouterr().out)["warnings"]] == ["W651"]
    assert main(["data", "convert", str(file), str(tmp_path / "made"), "--to", "voc", *named]) == 0
    assert len(list((tmp_path / "made" / "JPEGImages").iterdir())) == 2
    capsys.readouterr()
    assert main(["data", "check", str(tmp_path / "made"), "--images", str(tmp_path / "elsewhere")]) == 0
    assert "W655" not in capsys.readouterr().out
    formats.convert(tmp_path / "made", tmp_path / "yolo", "yolo")
    assert main(["data", "check", str(tmp_path / "yolo"), *named]) == 1
    assert "E641: the labels of" in capsys.readouterr().err


def plain(folder: Path) -> Path:
    """A table without sizes, of an image that EXIF turns to 30×40 and one that is 40×30."""
    turned = Image.Exif()
    turned[274] = 6
    Image.new("RGB", SIZE).save(folder / "a.jpg", exif=turned)
    Image.new("RGB", SIZE).save(folder / "b.png")
    rows = ("a.jpg,cat,3,4,27,36", "b.png,,,,,")
    (folder / "boxes.csv").write_text("\n".join(["image,label,x1,y1,x2,y2", *rows, ""]))
    return folder / "boxes.csv"


def test_sizes_that_are_not_annotated_are_those_of_the_images(tmp_path: Path) -> None:
    file = plain(tmp_path)
    formats.convert(file, tmp_path / "made.json", "coco")
    images = json.loads((tmp_path / "made.json").read_text())["images"]
    assert [(one["width"], one["height"]) for one in images] == [(30, 40), (40, 30)]
    formats.convert(file, tmp_path / "made.csv", "csv")
    with (tmp_path / "made.csv").open() as table:
        assert [(row["width"], row["height"]) for row in csv.DictReader(table)] == [("30", "40"), ("40", "30")]
    formats.convert(file, tmp_path / "voc", "voc")
    size = ElementTree.parse(tmp_path / "voc" / "Annotations" / "a.xml").find("size")
    assert size is not None and [one.text for one in size] == ["30", "40", "3"]
    formats.convert(file, tmp_path / "yolo", "yolo")
    assert (tmp_path / "yolo" / "labels" / "a.txt").read_text() == "0 0.5 0.5 0.8 0.8\n"
    assert anchors(file, 1, size=(60, 60)).sizes.tolist() == [[48, 48]]  # 24×32 of 30×40


def test_sizes_that_nobody_knows_are_not_made_up(tmp_path: Path) -> None:
    file = plain(tmp_path)
    (tmp_path / "b.png").unlink()
    with pytest.raises(SpecError, match=r"E740: 1 of 2 images is not there, and of no known size: .*b\.png") as told:
        formats.convert(file, tmp_path / "made.json", "coco")
    assert told.value.diagnostics[0].span is not None and told.value.diagnostics[0].span.line == 3
    with pytest.raises(SpecError, match="E740"):
        formats.convert(file, tmp_path / "yolo", "yolo", annotations_only=True)
    formats.convert(file, tmp_path / "made.json", "coco", annotations_only=True)
    assert json.loads((tmp_path / "made.json").read_text())["images"][1] == {"id": 2, "file_name": "b.png"}
    formats.convert(file, tmp_path / "made.csv", "csv", annotations_only=True)
    assert (tmp_path / "made.csv").read_text().splitlines()[2] == "b.png,,,,,,,,,,"
    formats.convert(file, tmp_path / "voc", "voc", annotations_only=True)
    assert "<size>" not in (tmp_path / "voc" / "Annotations" / "b.xml").read_text()
    (tmp_path / "a.jpg").unlink()
    with pytest.raises(SpecError, match=r"E646: the size of .*a\.jpg is not annotated, and it is not there"):
        anchors(file, 1, size=(60, 60))


@pytest.mark.parametrize(
    ("kind", "wanted"),
    [
        (
            "yolo",
            [
                "YOLO keeps no crowds: 1 is written as any object",
                "YOLO keeps no areas but those of boxes: 1 is left out",
                "YOLO keeps no boxes beyond their images: 1 is cut to them",
                "YOLO keeps no numbers of images: 2 are left out",
                "YOLO keeps no numbers of classes: 3 are left out",
                "outlines (`segmentation`) are not read: 1 is left out",
            ],
        ),
        (
            "voc",
            [
                "VOC keeps no crowds: 1 is written as if difficult",
                "VOC keeps no areas but those of boxes: 1 is left out",
                "VOC keeps no numbers of images: 2 are left out",
                "VOC keeps no numbers of classes: 3 are left out",
                "VOC keeps no classes without objects: 1 is left out: owl",
                "outlines (`segmentation`) are not read: 1 is left out",
            ],
        ),
        ("coco", ["outlines (`segmentation`) are not read: 1 is left out"]),
    ],
)
def test_what_is_lost_is_counted(kind: Any, wanted: list[str], tmp_path: Path) -> None:
    told: list[Diagnostic] = []
    target = tmp_path / ("made.json" if kind == "coco" else "made")
    formats.convert(published(tmp_path), target, kind, told=told.append)
    assert [(one.code, one.message) for one in told] == [("W660", message) for message in wanted]


def test_what_is_lost_of_voc_and_yolo(tmp_path: Path) -> None:
    mark = "<truncated>1</truncated><pose>Unspecified</pose>"
    box = "<bndbox><xmin>1</xmin><ymin>1</ymin><xmax>9</xmax><ymax>9</ymax></bndbox>"
    one = f"<object><name>cat</name><difficult>1</difficult>{mark}{box}</object>"
    (tmp_path / "voc" / "Annotations").mkdir(parents=True)
    (tmp_path / "voc" / "ImageSets" / "Main").mkdir(parents=True)
    for name in "ab":
        Image.new("RGB", SIZE).save(tmp_path / "voc" / "Annotations" / f"{name}.jpg")
        size = "<size><width>40</width><height>30</height></size>"
        (tmp_path / "voc" / "Annotations" / f"{name}.xml").write_text(f"<annotation>{size}{one}</annotation>")
        (tmp_path / "voc" / "ImageSets" / "Main" / f"{'train' if name == 'a' else 'val'}.txt").write_text(f"{name}\n")

    def lost(source: str, target: str, kind: Any) -> list[str]:
        told: list[Diagnostic] = []
        formats.convert(tmp_path / source, tmp_path / target, kind, told=told.append)
        return [one.message for one in told]

    marks = "marks (<truncated>) are not read: 2 are left out"
    assert lost("voc", "yolo", "yolo") == ["YOLO keeps no difficult objects: 2 are written as any object", marks]
    sets = "keeps no sets: 2 are left out: train (1), val (1)"
    assert lost("voc", "voc.csv", "csv") == [f"CSV {sets}", marks]
    assert lost("yolo", "yolo.json", "coco") == [f"COCO {sets}"]
    assert lost("yolo.json", "back", "yolo") == []
    (tmp_path / "yolo" / "labels" / "a.txt").write_text("0 0.1 0.1 0.5 0.1 0.5 0.6\n")
    assert lost("yolo", "outlines", "yolo") == ["outlines are not read: 1 is left out"]


def test_the_folder_of_a_data_set_leads_to_its_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = published(tmp_path)
    assert main(["data", "check", str(tmp_path)]) == 1
    assert f"COCO's are named by their file, as {file}" in capsys.readouterr().err
