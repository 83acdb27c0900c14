"""Images that EXIF says are turned: which way round annotations are meant, and that all who look see the same."""

from __future__ import annotations

import json
from pathlib import Path

import numpy
import pytest
import torch
from PIL import ExifTags, Image, ImageOps

from archspec.errors import Diagnostic
from archspec.run import load_run
from archspec_torch.boxes import formats
from archspec_torch.boxes.checking import check_boxes
from archspec_torch.boxes.clusters import anchors
from archspec_torch.boxes.evaluating import evaluate_boxes
from archspec_torch.boxes.turned import stands
from archspec_torch.runtime.data import Boxed, open_source
from archspec_torch.runtime.images import Frame

STORED, BOX = (64, 48), (8, 4, 40, 20)
"""Width and height as stored; a white box there."""


def photo(path: Path, turn: int, **how: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    image, exif = Image.new("RGB", STORED), Image.Exif()
    image.paste((255, 255, 255), BOX)
    exif[ExifTags.Base.Orientation] = turn
    image.save(path, exif=exif, **how)  # type: ignore[arg-type]
    return path


def white(image: Image.Image) -> tuple[int, ...]:
    """Where the white box of an image lies."""
    rows, columns = numpy.nonzero(numpy.asarray(image.convert("L")) > 127)
    return int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1


def shown(path: Path) -> tuple[tuple[int, int], tuple[int, ...]]:
    """Size and white box as Pillow turns the image."""
    with Image.open(path) as image:
        upright = ImageOps.exif_transpose(image)
        return upright.size, white(upright)


def coco(folder: Path, size: tuple[int, int] | None, box: tuple[int, ...], name: str = "a.png") -> Path:
    x1, y1, x2, y2 = box
    sides = {} if size is None else {"width": size[0], "height": size[1]}
    truth = {
        "images": [{"id": 1, "file_name": name, **sides}],
        "categories": [{"id": 1, "name": "box"}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [x1, y1, x2 - x1, y2 - y1]}],
    }
    (folder / "truth.json").write_text(json.dumps(truth))
    return folder / "truth.json"


def trained_on(root: Path, told: list[Diagnostic]) -> tuple[Boxed, tuple[int, ...]]:
    """The one image as a network sees it: where it is white, and its part."""
    data = {"kind": "boxes", "root": str(root), "split": {"val_list": str(root.parent / "v.txt"), "test": 0}}
    run = load_run({"model": "lenet5", "data": data})
    copies = json.loads(root.read_text())
    copies["images"].append({**copies["images"][0], "id": 2, "file_name": f"../{root.parent.name}/a.png"})
    copies["annotations"].append({**copies["annotations"][0], "id": 2, "image_id": 2})
    root.write_text(json.dumps(copies))
    (root.parent / "v.txt").write_text(f"../{root.parent.name}/a.png\n")
    source = open_source(run.run.data, lambda *loc: run.span("data", *loc))
    part = source.load("train", Frame(3, 128, 128), told.append)
    assert isinstance(part, Boxed)
    return part, white(Image.fromarray(part.image(0).permute(1, 2, 0).numpy()))


@pytest.mark.parametrize("turn", range(1, 9))
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif"])
def test_boxes_of_the_image_as_stored_turn_with_it(turn: int, suffix: str, tmp_path: Path) -> None:
    """Against Pillow's own turning of the painted box."""
    path = photo(tmp_path / f"a{suffix}", turn, **({"quality": 95} if suffix == ".jpg" else {}))
    size, box = shown(path)
    entry = formats.read(coco(tmp_path, STORED, BOX, path.name)).images[0]
    found = stands(entry)
    if turn >= 5:
        assert (found.width, found.height) == size == STORED[::-1]
        assert found.objects[0].box == pytest.approx(box, abs=1 if suffix == ".jpg" else 0)
        assert found.objects[0].extent == (BOX[3] - BOX[1], BOX[2] - BOX[0])
    else:
        assert found == entry  # of one size either way: of the image upright


@pytest.mark.parametrize("turn", [1, 3, 5, 6, 7, 8])
@pytest.mark.parametrize("meant", ["stored", "upright", "unsaid"])
def test_training_sees_each_box_where_its_picture_shows_it(turn: int, meant: str, tmp_path: Path) -> None:
    size, box = shown(photo(tmp_path / "a.png", turn))
    if meant == "stored" and turn < 5:
        return
    root = coco(tmp_path, *{"stored": (STORED, BOX), "upright": (size, box), "unsaid": (None, box)}[meant])
    told: list[Diagnostic] = []
    part, seen = trained_on(root, told)
    assert part.labels[0, 0, :4].tolist() == pytest.approx(seen, abs=1)
    assert part.entries[0].objects[0].box == box and (part.entries[0].width, part.entries[0].height) == size
    assert [one.code for one in told] == (["W658"] if meant == "stored" else [])
    back = part.placements[0].to_image(part.labels[0, 0, :4])
    assert back.tolist() == pytest.approx(box)


@pytest.mark.parametrize(
    ("size", "codes"), [(STORED, ["W658"]), (STORED[::-1], []), (None, []), ((60, 40), ["W655"])], ids=str
)
def test_check_tells_of_images_annotated_as_stored_and_of_other_sizes(
    size: tuple[int, int] | None, codes: list[str], tmp_path: Path
) -> None:
    photo(tmp_path / "a.png", 6)
    found = check_boxes(coco(tmp_path, size, (30, 4, 46, 30)))
    assert [one.code for one in found.warnings] == codes


def test_voc_says_its_size_too(tmp_path: Path) -> None:
    path = photo(tmp_path / "JPEGImages" / "a.png", 8)
    (tmp_path / "Annotations").mkdir()
    corners = "<xmin>9</xmin><ymin>5</ymin><xmax>40</xmax><ymax>20</ymax>"  # VOC counts from 1, the last included
    (tmp_path / "Annotations" / "a.xml").write_text(
        "<annotation><filename>a.png</filename><size><width>64</width><height>48</height></size>"
        f"<object><name>box</name><bndbox>{corners}</bndbox></object></annotation>"
    )
    assert stands(formats.read(tmp_path).images[0]).objects[0].box == shown(path)[1]


@pytest.mark.parametrize("turn", [1, 3, 6, 8])
@pytest.mark.parametrize("meant", ["stored", "upright"])
def test_yolos_shares_are_of_the_image_upright(turn: int, meant: str, tmp_path: Path) -> None:
    size, box = shown(photo(tmp_path / "a.png", turn))
    if meant == "stored" and turn < 5:
        return
    root = coco(tmp_path, *((STORED, BOX) if meant == "stored" else (size, box)))
    formats.convert(root, tmp_path / "made", "yolo")
    x, y, w, h = (float(word) for word in (tmp_path / "made/labels/a.txt").read_text().split()[1:])
    pixels = ((x - w / 2) * size[0], (y - h / 2) * size[1], (x + w / 2) * size[0], (y + h / 2) * size[1])
    assert pixels == pytest.approx(box)
    again = formats.read(tmp_path / "made").images[0]
    assert (again.width, again.height) == size and again.objects[0].box == pytest.approx(box)
    assert torch.tensor(again.objects[0].extent).tolist() == pytest.approx([box[2] - box[0], box[3] - box[1]])


@pytest.mark.parametrize("turn", [1, 3, 5, 6, 7, 8])
@pytest.mark.parametrize("meant", ["stored", "upright"])
def test_yolos_detections_come_to_the_frame_of_the_truth(turn: int, meant: str, tmp_path: Path) -> None:
    """What lies where Pillow shows the white box is found, whichever way round the truth is."""
    size, shows = shown(photo(tmp_path / "a.png", turn))
    if meant == "stored" and turn < 5:
        return
    box = BOX if meant == "stored" else shows
    truth = coco(tmp_path, STORED if meant == "stored" else size, box)
    x1, y1, x2, y2 = shows
    shares = (x1 + x2) / 2 / size[0], (y1 + y2) / 2 / size[1], (x2 - x1) / size[0], (y2 - y1) / size[1]
    (tmp_path / "found").mkdir()
    (tmp_path / "found" / "a.txt").write_text(" ".join(map(str, (0, *shares, 0.9))))
    scores = evaluate_boxes(truth, tmp_path / "found")
    assert scores.found.xywh[0] == pytest.approx([box[0], box[1], box[2] - box[0], box[3] - box[1]])
    assert scores.figures["AP"] == pytest.approx(1)


@pytest.mark.parametrize("turn", [6, 8])
def test_anchors_are_of_images_upright(turn: int, tmp_path: Path) -> None:
    """A box of 32×16 in 64×48 as stored: 16×32 in 48×64 as training sees it, and twice that in 96×128."""
    photo(tmp_path / "a.png", turn)
    truth = coco(tmp_path, STORED, BOX)
    assert anchors(truth, 1).sizes.tolist() == [[16, 32]]
    assert anchors(truth, 1, size=(96, 128)).sizes.tolist() == [[32, 64]]
    assert anchors(coco(tmp_path, STORED[::-1], BOX), 1).sizes.tolist() == [[32, 16]]


def test_turned_images_are_found_where_data_sets_have_them(tmp_path: Path) -> None:
    """In COCO's own layout, and in a folder that is named."""
    (tmp_path / "annotations").mkdir()
    _, shows = shown(photo(tmp_path / "val2017" / "a.png", 6))
    truth = coco(tmp_path / "annotations", STORED, BOX).rename(tmp_path / "annotations" / "instances_val2017.json")
    (tmp_path / "found").mkdir()
    x1, y1, x2, y2 = shows
    row = f"0 {(x1 + x2) / 96} {(y1 + y2) / 128} {(x2 - x1) / 48} {(y2 - y1) / 64} 0.9"
    (tmp_path / "found" / "a.txt").write_text(row)
    assert evaluate_boxes(truth, tmp_path / "found").figures["AP"] == pytest.approx(1)
    assert anchors(truth, 1).sizes.tolist() == [[16, 32]]
    (tmp_path / "val2017").rename(tmp_path / "elsewhere")
    assert anchors(truth, 1).sizes.tolist() == [[32, 16]]
    assert anchors(truth, 1, images=[tmp_path / "elsewhere"]).sizes.tolist() == [[16, 32]]
