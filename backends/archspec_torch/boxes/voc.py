"""Pascal VOC: a folder `Annotations` of an XML file an image, `JPEGImages` beside it, and `ImageSets/Main`
(Everingham et al. 2010).

VOC counts pixels from 1 and `xmax`, `ymax` are the last pixels of the object. A box read here is (xmin − 1, ymin − 1,
xmax, ymax): the
same pixels, counted from 0 and half open. Its width is xmax − xmin + 1, as in VOC's own arithmetic.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NoReturn
from xml.parsers import expat
from xml.sax.saxutils import escape

from archspec.files import write_text
from archspec_torch.boxes.annotated import Annotated, ImageEntry, Object, Told, left_out, wrong
from archspec_torch.boxes.coco import plain
from archspec_torch.boxes.reading import DEEPEST, folded, from_text, shown, text_of
from archspec_torch.boxes.yolo_sets import SETS

CORNERS = ("xmin", "ymin", "xmax", "ymax")
UNREAD = ("truncated", "occluded", "pose", "part", "actions")
"""What else an object may have."""
NOTHING = ("", "0", "Unspecified")
"""What stands there where nothing is meant."""


@dataclass(slots=True)
class Element:
    """An element of XML: its text, what is in it, and the line where it begins."""

    tag: str
    line: int
    text: str = ""
    inside: list[Element] = field(default_factory=list)

    def first(self, tag: str) -> Element | None:
        return next((one for one in self.inside if one.tag == tag), None)


def read(folder: Path, told: Told | None = None, split: str | None = None) -> Annotated:
    """The data set of a folder, or those images of it that `ImageSets/Main/<split>.txt` names. Raises SpecError
    E640."""
    annotations = folder / "Annotations" if (folder / "Annotations").is_dir() else folder
    files = sorted(annotations.glob("*.xml"))
    if split is not None:
        files = [annotations / f"{name}.xml" for name in _names(folder, split)]
    images: list[ImageEntry] = []
    unread: Counter[str] = Counter()
    for path in files:
        with left_out(told):
            images.append(_entry(path, folder, len(images) + 1, told, unread))
    classes = tuple(sorted({one.label for image in images for one in image.objects}))
    return Annotated(tuple(images), classes, tuple(range(1, len(classes) + 1)), least=1, unread=unread)


def with_sets(data: Annotated, folder: Path) -> Annotated:
    """The data with what the lists `train`, `val` and `test` of its folder name; `trainval` where there is no `train`.
    Raises SpecError E640."""
    places = {Path(entry.source.rpartition(":")[0]).stem: n for n, entry in enumerate(data.images)}
    lists = folder / "ImageSets" / "Main"
    sets = {name: name for name in SETS if (lists / f"{name}.txt").is_file()}
    if "train" not in sets and "val" not in sets and (lists / "trainval.txt").is_file():
        sets = {"train": "trainval", **sets}
    found = {name: tuple(places[one] for one in _names(folder, at) if one in places) for name, at in sets.items()}
    return replace(data, sets=found)


def _names(folder: Path, split: str) -> list[str]:
    path = folder / "ImageSets" / "Main" / f"{split}.txt"
    names = []
    for number, line in enumerate(text_of(path).splitlines(), 1):
        if words := line.split():
            if len(words) > 2 or "/" in words[0] or "\\" in words[0]:
                raise wrong(path, number, f"{shown(line)} is not the name of an image")
            if words[-1] != "-1" or len(words) == 1:  # '-1' in the list of a class: no object of that class
                names.append(words[0])
    return names


def _entry(path: Path, folder: Path, number: int, told: Told | None, unread: Counter[str]) -> ImageEntry:
    root = parse(path)
    if root.tag != "annotation":
        raise wrong(path, root.line, f"the document is <{root.tag[:40]}>, not <annotation>")
    name = root.first("filename")
    file = folded(name.text.strip()).rpartition("/")[2] if name and name.text.strip() else f"{path.stem}.jpg"
    images = folder / "JPEGImages"
    size = root.first("size")
    width, height = (int(_number(path, size, side, 0.0)) if size else 0 for side in ("width", "height"))
    if width < 0 or height < 0:
        raise wrong(path, root.line, f"the image is {width}×{height} pixels")
    objects = []
    for element in root.inside:
        if element.tag == "object":
            with left_out(told):
                objects.append(_object(path, element))
                said = {one.tag for one in element.inside if one.inside or one.text.strip() not in NOTHING}
                unread.update(f"marks (<{tag}>)" for tag in UNREAD if tag in said)
    at = (images if images.is_dir() else path.parent) / file
    return ImageEntry(at, width, height, tuple(objects), number, f"{path}:{root.line}")


def _object(path: Path, element: Element) -> Object:
    name, box = element.first("name"), element.first("bndbox")
    if name is None or not name.text.strip():
        raise wrong(path, element.line, "an object has no <name>")
    if box is None:
        raise wrong(path, element.line, "an object has no <bndbox>")
    xmin, ymin, xmax, ymax = (_number(path, box, corner) for corner in CORNERS)
    if xmax < xmin or ymax < ymin:
        said = " ".join(f"{plain(v)}" for v in (xmin, ymin, xmax, ymax))
        raise wrong(path, box.line, f"the box {said} ends before it begins", "its corners are xmin ≤ xmax, ymin ≤ ymax")
    difficult = bool(_number(path, element, "difficult", 0.0))
    return Object(name.text.strip(), (xmin - 1, ymin - 1, xmax, ymax), difficult, False, f"{path}:{box.line}")


def _number(path: Path, parent: Element, tag: str, default: float | None = None) -> float:
    found = parent.first(tag)
    if found is None and default is not None:
        return default
    if found is None:
        raise wrong(path, parent.line, f"<{parent.tag}> has no <{tag}>")
    line, text = found.line, found.text.strip()
    return from_text(text, lambda _: wrong(path, line, f"<{tag}> holds {shown(text)}, not a number of pixels"))


def parse(path: Path) -> Element:
    """The document's element. A DOCTYPE is refused: entities declared there can grow without bound or name other
    files."""
    stack: list[Element] = [Element("", 1)]
    parser = expat.ParserCreate()
    parser.buffer_text = True

    def begun(tag: str, attributes: dict[str, str]) -> None:
        one = Element(tag, parser.CurrentLineNumber)
        if len(stack) > DEEPEST:
            raise wrong(path, one.line, f"elements are nested more than {DEEPEST} deep")
        stack[-1].inside.append(one)
        stack.append(one)

    def ended(tag: str) -> None:
        stack.pop()

    def said(text: str) -> None:
        stack[-1].text += text

    def doctype(*_: object) -> NoReturn:
        raise wrong(path, parser.CurrentLineNumber, "the file has a DOCTYPE, which is not read", "remove that line")

    parser.StartElementHandler, parser.EndElementHandler = begun, ended
    parser.CharacterDataHandler, parser.StartDoctypeDeclHandler = said, doctype
    try:
        parser.Parse(text_of(path).encode(), True)
    except expat.ExpatError as error:
        raise wrong(path, error.lineno, f"not XML: {expat.ErrorString(error.code)}") from None
    return stack[0].inside[0]


def write(data: Annotated, folder: Path) -> None:
    """A file an image in `Annotations`, and in `ImageSets/Main` lists of the sets and of all. COCO's crowds are written
    as difficult; a box narrower or lower than a pixel as one of a pixel, since VOC names the last pixel of each."""
    (folder / "Annotations").mkdir(parents=True, exist_ok=True)
    (folder / "ImageSets" / "Main").mkdir(parents=True, exist_ok=True)
    for entry in data.images:
        write_text(folder / "Annotations" / f"{entry.path.stem}.xml", _xml(entry))
    for name, places in {**data.sets, "all": range(len(data.images))}.items():
        names = "".join(f"{data.images[n].path.stem}\n" for n in places)
        write_text(folder / "ImageSets" / "Main" / f"{name}.txt", names)


def _xml(entry: ImageEntry) -> str:
    size = f"<size><width>{entry.width}</width><height>{entry.height}</height><depth>3</depth></size>"
    sized = [f"  {size}"] if entry.width and entry.height else []
    lines = ["<annotation>", f"  <filename>{escape(entry.path.name)}</filename>", *sized]
    for one in entry.objects:
        x1, y1, x2, y2 = one.box
        corners = zip(CORNERS, (x1 + 1, y1 + 1, max(x1 + 1, x2), max(y1 + 1, y2)), strict=True)
        lines += [
            "  <object>",
            f"    <name>{escape(one.label)}</name>",
            f"    <difficult>{int(one.difficult or one.crowd)}</difficult>",
            "    <bndbox>" + "".join(f"<{tag}>{plain(v)}</{tag}>" for tag, v in corners) + "</bndbox>",
            "  </object>",
        ]
    return "\n".join([*lines, "</annotation>", ""])
