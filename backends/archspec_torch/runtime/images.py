"""From an image file to the numbers a network takes: the same way in training, evaluation and prediction."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy
import torch
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor

from archspec.errors import fail
from archspec.tensor import TensorType
from archspec_torch.boxes.turned import sizes

WHITE = (255, 255, 255)

MAX_PIXELS = 100_000_000
"""Images above this are refused by their header, before any memory is spent on decoding."""

FORMATS = ("PNG", "JPEG", "MPO", "GIF", "BMP", "TIFF", "WEBP", "AVIF", "PPM", "JPEG2000")
"""Formats that are read. Pillow knows more, among them some that start other programs (EPS)."""

ANIMATED = ("GIF", "PNG", "WEBP", "AVIF", "TIFF")
"""Those of them whose files may hold several pictures of equal standing."""

SUFFIXES = frozenset(
    f".{end}"
    for end in (
        *("png", "apng", "jpg", "jpeg", "jpe", "jfif", "mpo", "gif", "bmp", "dib", "tif", "tiff"),
        *("webp", "avif", "ppm", "pgm", "pbm", "pnm", "jp2", "j2k"),
    )
)


class ImageProblem(Exception):
    """A file that cannot be used as an image, and why."""


@dataclass(frozen=True, slots=True)
class Placement:
    """How an image of `width`×`height` pixels lies in a frame: each axis scaled, then shifted by the frame's pixels."""

    width: int
    height: int
    scale: tuple[float, float]
    shift: tuple[float, float]

    def to_frame(self, points: Tensor) -> Tensor:
        """Points (…, 2) or boxes (…, 4) in pixels of the image, in those of the frame: not cut where they leave it."""
        scale, shift = self._like(points)
        return points * scale + shift

    def to_image(self, points: Tensor) -> Tensor:
        """The inverse."""
        scale, shift = self._like(points)
        return (points - shift) / scale

    def _like(self, points: Tensor) -> tuple[Tensor, Tensor]:
        times = points.shape[-1] // 2
        return points.new_tensor(self.scale * times), points.new_tensor(self.shift * times)


@dataclass(frozen=True, slots=True)
class Frame:
    """The images a network takes: channels (1 or 3), height, width, and how an image comes to that size."""

    channels: int
    height: int
    width: int
    fit: str = "stretch"
    background: tuple[int, int, int] = WHITE
    """Red, green and blue (0 … 255) under what is transparent."""

    def read(self, path: Path) -> Tensor:
        """An image file as uint8 (channels, height, width). Raises ImageProblem."""
        return self._placed(open_image(path, edge=max(self.height, self.width)))

    def read_placed(self, path: Path) -> tuple[Tensor, Placement]:
        """The same, and how it lies in the frame. Raises ImageProblem."""
        width, height = upright_size(path)
        return self.read(path), self.placement(width, height)

    def placement(self, width: int, height: int) -> Placement:
        """How an upright image of that size lies in the frame."""
        (across, down), (left, top) = _fit(width, height, self.width, self.height, self.fit)
        if self.fit == "crop":
            scale = self.width / (width - 2 * left)
            return Placement(width, height, (scale, scale), (-left * scale, -top * scale))
        return Placement(width, height, (across / width, down / height), (left, top))

    def place(self, image: Image.Image) -> Tensor:
        """An image as uint8 (channels, height, width), turned upright as its EXIF orientation says.

        Colour becomes grey by luminance (ITU-R 601), grey becomes colour by repetition, what is transparent
        lies over the background. Sizes change by bilinear interpolation, antialiased where they shrink.
        Raises ImageProblem for values of unknown range, and for what turns out damaged only now.
        """
        return self._placed(upright(image))

    def _placed(self, image: Image.Image) -> Tensor:
        """An image that stands upright, as uint8 (channels, height, width)."""
        image = eight_bit(image, self.background)
        image = image.convert("L" if self.channels == 1 else "RGB")
        array = numpy.array(_fitted(image, self.width, self.height, self.fit))
        return torch.from_numpy(array.reshape(self.height, self.width, self.channels)).permute(2, 0, 1)

    def place_all(self, images: NDArray[numpy.uint8]) -> Tensor:
        """Grey images (n, h, w), or images in colour (n, h, w, 3), as uint8 (n, channels, height, width)."""
        fits, grey = images.shape[1:3] == (self.height, self.width), images.ndim == 3
        if fits and grey:
            return torch.from_numpy(images).unsqueeze(1).expand(-1, self.channels, -1, -1).contiguous()
        if fits and self.channels == 3:
            return torch.from_numpy(images).permute(0, 3, 1, 2).contiguous()
        out = torch.empty(len(images), self.channels, self.height, self.width, dtype=torch.uint8)
        for i, image in enumerate(images):
            out[i] = self._placed(Image.fromarray(image))
        return out

    def __str__(self) -> str:
        return f"{self.channels}×{self.height}×{self.width}"


def background_color(written: str | Sequence[int]) -> tuple[int, int, int]:
    """`white`, `black` or [r, g, b] as three numbers 0 … 255."""
    if isinstance(written, str):
        return (255, 255, 255) if written == "white" else (0, 0, 0)
    red, green, blue = written
    return red, green, blue


def frame_of(input_type: TensorType, fit: str, name: str, background: tuple[int, int, int] = WHITE) -> Frame:
    """The frame for a network's input. Raises SpecError E611 where that is no image of 1 or 3 channels."""
    if input_type.rank != 2 or input_type.channels not in (1, 3):
        raise fail(
            "E611",
            f"images have 1 or 3 channels, height and width; the network '{name}' takes {input_type}",
            hint="give the spec an image as input, as `input: [3, 32, 32]`; `flatten` makes it a vector",
        )
    return Frame(input_type.shape[0], input_type.shape[1], input_type.shape[2], fit, background)


def upright(image: Image.Image) -> Image.Image:
    """The image, decoded and turned as its EXIF orientation says. Raises ImageProblem for one that is damaged."""
    with _decoding():
        image.load()  # a TIFF turns itself when it is loaded, and says no more that it has to be turned
        return ImageOps.exif_transpose(image)


def open_image(path: Path, edge: int | None = None) -> Image.Image:
    """The first picture of a file, decoded and turned upright as its EXIF orientation says.

    `edge`: the longest side that will be needed; a JPEG much larger is decoded at an eighth, a quarter or
    half of its size. Raises ImageProblem for what is missing, is no image, is damaged or has over 100 million
    pixels.
    """
    with _opened(path) as image:
        width, height = image.size
        if width * height > MAX_PIXELS:
            raise ImageProblem(f"is {width}×{height} pixels; the limit is {MAX_PIXELS:,}")
        if edge is not None:
            image.draft(None, (2 * edge, 2 * edge))
        image.load()
        return ImageOps.exif_transpose(image)


def upright_size(path: Path) -> tuple[int, int]:
    """Width and height of a file's first picture as its EXIF orientation turns it, by the header. Raises ImageProblem
    for what is none."""
    with _opened(path) as image:
        return sizes(image)[1]


def frame_count(path: Path) -> int:
    """How many pictures a file holds: an animation's frames, a TIFF's pages; 1 of formats that have but one. Raises
    ImageProblem."""
    with _opened(path) as image:
        return getattr(image, "n_frames", 1) if image.format in ANIMATED else 1


def frames_of(path: Path) -> Iterator[Image.Image]:
    """These pictures, one after another, each upright. Raises ImageProblem at the one that is damaged."""
    with _opened(path) as image:
        for number in range(getattr(image, "n_frames", 1)):
            image.seek(number)
            width, height = image.size
            if width * height > MAX_PIXELS:
                raise ImageProblem(f"is {width}×{height} pixels; the limit is {MAX_PIXELS:,}")
            image.load()
            yield ImageOps.exif_transpose(image)


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    """A file of a format that is read here, its header looked at. Raises ImageProblem, of what is done inside too."""
    if not path.exists():
        raise ImageProblem("is not there")
    if not path.is_file():
        raise ImageProblem("is a folder, not an image" if path.is_dir() else "is not a regular file")
    Image.init()
    with _decoding(), Image.open(path, formats=[f for f in FORMATS if f in Image.OPEN]) as image:
        yield image


@contextlib.contextmanager
def _decoding() -> Iterator[None]:
    """Makes an ImageProblem of whatever the decoders raise."""
    try:
        yield
    except ImageProblem:
        raise
    except Image.DecompressionBombError as error:
        raise ImageProblem(f"has more pixels than the limit of {MAX_PIXELS:,}") from error
    except UnidentifiedImageError as error:
        raise ImageProblem("is not an image of a known format") from error
    except MemoryError as error:
        raise ImageProblem("does not fit into memory") from error
    except Exception as error:
        # Damaged files make the decoders raise nearly anything: OSError, SyntaxError, struct.error, …
        raise ImageProblem(f"is damaged: {_one_line(error)}") from error


@contextlib.contextmanager
def large_images_allowed() -> Iterator[None]:
    """Silences Pillow's own warning for images it finds large; ours is an error with a fixed limit."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        yield


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:120] or type(error).__name__


def eight_bit(image: Image.Image, background: tuple[int, int, int]) -> Image.Image:
    """The image with 8 bits a channel and nothing transparent. Raises ImageProblem for unknown ranges."""
    if image.mode.startswith("I"):
        wide: NDArray[Any] = numpy.asarray(image).astype(numpy.int64)
        if wide.min(initial=0) < 0 or wide.max(initial=0) > 65535:
            raise ImageProblem("has values beyond 16 bits")
        return Image.fromarray(((wide * 255 + 32767) // 65535).astype(numpy.uint8))
    if image.mode == "F":
        raise ImageProblem("holds decimal numbers of unknown range; save it with 8 or 16 bits")
    if "transparency" in image.info or image.mode in ("LA", "La", "PA", "RGBA", "RGBa"):
        rgba = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", rgba.size, (*background, 255)), rgba).convert("RGB")
    return image if image.mode in ("L", "RGB") else image.convert("L" if image.mode == "1" else "RGB")


def _fitted(image: Image.Image, width: int, height: int, fit: str) -> Image.Image:
    """The image at the size asked for: see `Fit` in `archspec.run.sections`."""
    size, (left, top) = _fit(image.width, image.height, width, height, fit)
    if fit == "crop":
        box = (left, top, image.width - left, image.height - top)
        return image.resize((width, height), Image.Resampling.BILINEAR, box=box)
    inner = image if size == image.size else image.resize(size, Image.Resampling.BILINEAR)
    if fit == "stretch":
        return inner
    framed = Image.new(image.mode, (width, height))
    framed.paste(inner, (int(left), int(top)))
    return framed


def _fit(width: int, height: int, across: int, down: int, fit: str) -> tuple[tuple[int, int], tuple[float, float]]:
    """An image of width×height in a frame of across×down: its size there, and the pixels of the frame left and above.

    `crop`: the pixels of the image that are cut off left and above.
    """
    if fit == "stretch":
        return (across, down), (0.0, 0.0)
    if fit == "crop":
        scale = max(across / width, down / height)
        return (across, down), (max(0.0, (width - across / scale) / 2), max(0.0, (height - down / scale) / 2))
    scale = min(across / width, down / height)
    if fit == "center":
        scale = min(1.0, scale)
    size = (min(across, max(1, round(width * scale))), min(down, max(1, round(height * scale))))
    return size, ((across - size[0]) // 2, (down - size[1]) // 2)
