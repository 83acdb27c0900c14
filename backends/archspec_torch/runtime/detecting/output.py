"""What is written while pictures are looked at: each with its boxes as soon as it is done, files of detections at the
end."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType

from PIL import Image

from archspec.files import check_new_folder, make_folder, replacing
from archspec_torch.runtime.detecting import formats
from archspec_torch.runtime.detecting.found import Detected, Detections
from archspec_torch.runtime.detecting.pictures import Picture
from archspec_torch.runtime.drawn import draw_boxes
from archspec_torch.runtime.images import eight_bit

QUALITY = 92


class Output:
    """A folder that was empty. Leaving the block writes the file of detections, of what was found until then: after
    Ctrl-C too."""

    def __init__(self, out: Path | None, kind: str | None, draws: bool, found: Detections):
        self.out, self.kind, self.found = out, kind, found
        self.draws = draws and out is not None
        if out is None:
            return
        new_folder(out)

    def __enter__(self) -> Output:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.out is not None and self.kind is not None and self.found.images:
            self.found.written.append(formats.write(self.kind, self.found, self.out))

    def draw(self, picture: Picture, image: Image.Image, one: Detected, background: tuple[int, int, int]) -> None:
        """The picture with its boxes. Raises ImageProblem, SpecError E505."""
        if self.out is None:
            return
        things = one.objects
        drawn = draw_boxes(
            eight_bit(image, background),
            [thing.box for thing in things],
            [thing.number for thing in things],
            [thing.score for thing in things],
            self.found.classes,
        )
        save(drawn, self.out / picture.place)


def new_folder(out: Path) -> None:
    """Makes a folder that is not there, or takes one that is empty. Raises SpecError E738, E505."""
    check_new_folder(out, "E738", "-o")
    make_folder(out)


def save(picture: Image.Image, path: Path) -> None:
    """The picture as a file, PNG or JPEG by its end. Raises SpecError E505."""
    make_folder(path.parent)
    with replacing(path) as written:
        kind = "PNG" if path.suffix.lower() == ".png" else "JPEG"
        picture.save(written, format=kind, **({} if kind == "PNG" else {"quality": QUALITY}))
