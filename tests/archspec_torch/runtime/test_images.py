"""Images of every mode come to the same numbers; what cannot be read is refused with its reason."""

from __future__ import annotations

import os
import struct
import zlib
from pathlib import Path

import numpy
import pytest
import torch
from PIL import Image

from archspec.errors import SpecError
from archspec.tensor import TensorType
from archspec_torch.runtime.images import Frame, ImageProblem, frame_of, open_image, upright_size

RNG = numpy.random.default_rng(0)
COLOUR = RNG.integers(0, 256, (12, 20, 3), dtype=numpy.uint8)
GREY = RNG.integers(0, 256, (12, 20), dtype=numpy.uint8)


def saved(image: Image.Image, path: Path, **options: object) -> Path:
    image.save(path, **options)
    return path


def read(path: Path, channels: int = 3) -> numpy.ndarray:
    tensor = Frame(channels, 12, 20).read(path)
    assert tensor.dtype == torch.uint8 and tensor.shape == (channels, 12, 20)
    return tensor.permute(1, 2, 0).numpy()


def test_colour_is_taken_as_it_is(tmp_path: Path) -> None:
    assert (read(saved(Image.fromarray(COLOUR), tmp_path / "a.png")) == COLOUR).all()


def test_colour_becomes_grey_by_luminance(tmp_path: Path) -> None:
    grey = read(saved(Image.fromarray(COLOUR), tmp_path / "a.png"), channels=1)[..., 0]
    expected = COLOUR.astype(float) @ [0.299, 0.587, 0.114]  # ITU-R 601
    assert abs(grey - expected).max() <= 1


def test_grey_becomes_colour_by_repetition(tmp_path: Path) -> None:
    found = read(saved(Image.fromarray(GREY), tmp_path / "a.png"))
    assert (found == GREY[..., None]).all()


def test_sixteen_bits_are_scaled_to_eight(tmp_path: Path) -> None:
    wide = GREY.astype(numpy.uint16) * 257
    found = read(saved(Image.fromarray(wide), tmp_path / "a.png"), channels=1)[..., 0]
    assert (found == GREY).all()


def test_palettes_are_looked_up(tmp_path: Path) -> None:
    flat = Image.fromarray(COLOUR // 64 * 64).convert("P", palette=Image.Palette.ADAPTIVE, colors=256)
    found = read(saved(flat, tmp_path / "a.png"))
    assert (found == numpy.array(flat.convert("RGB"))).all()


def test_black_and_white(tmp_path: Path) -> None:
    bits = Image.fromarray(GREY > 127)
    assert (read(saved(bits, tmp_path / "a.png"), channels=1)[..., 0] == 255 * (GREY > 127)).all()


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_transparent_is_white(tmp_path: Path, mode: str) -> None:
    alpha = numpy.where(numpy.arange(20) < 10, 0, 255).astype(numpy.uint8) * numpy.ones((12, 1), numpy.uint8)
    if mode == "RGBA":
        image = Image.fromarray(numpy.dstack([COLOUR, alpha]))
        opaque = COLOUR
    elif mode == "LA":
        image = Image.merge("LA", [Image.fromarray(GREY), Image.fromarray(alpha)])
        opaque = GREY[..., None].repeat(3, 2)
    else:
        image = Image.fromarray(
            numpy.where(numpy.arange(20) < 10, 0, 1).astype(numpy.uint8) * numpy.ones((12, 1), numpy.uint8)
        )
        image = image.convert("P")
        image.putpalette([9, 9, 9, 10, 20, 30])
        opaque = numpy.broadcast_to(numpy.array([10, 20, 30], numpy.uint8), (12, 20, 3))
    options = {"transparency": 0} if mode == "P" else {}
    found = read(saved(image, tmp_path / "a.png", **options))
    assert (found[:, :10] == 255).all()
    assert (found[:, 10:] == opaque[:, 10:]).all()


def test_half_transparent_is_mixed_with_white(tmp_path: Path) -> None:
    image = Image.new("RGBA", (20, 12), (0, 100, 200, 51))  # a fifth
    found = read(saved(image, tmp_path / "a.png"))
    assert abs(found.astype(int) - [204, 224, 244]).max() <= 1


def test_cmyk(tmp_path: Path) -> None:
    flat = Image.new("RGB", (20, 12), (200, 60, 20)).convert("CMYK")
    found = read(saved(flat, tmp_path / "a.jpg", quality=100))
    assert abs(found.astype(int) - [200, 60, 20]).max() <= 8


@pytest.mark.parametrize("suffix", ["png", "tiff"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_rotated_images_are_turned_upright(tmp_path: Path, orientation: int, suffix: str) -> None:
    turn = {
        1: None, 2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM, 5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE, 8: Image.Transpose.ROTATE_270,
    }[orientation]  # fmt: skip
    upright = Image.fromarray(COLOUR)
    stored = upright if turn is None else upright.transpose(turn)
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = saved(stored, tmp_path / f"a.{suffix}", exif=exif)
    assert (read(path) == COLOUR).all()
    assert upright_size(path) == (20, 12)
    with Image.open(path) as image:  # one that is handed over open is the same image
        assert torch.equal(Frame(3, 12, 20).place(image), Frame(3, 12, 20).read(path))
        if suffix != "tiff":  # Pillow turns these itself when it loads them
            assert image.size == stored.size and image.getexif().get(0x0112, 1) == orientation, "it was changed"


def test_an_open_image_that_turns_out_damaged_is_a_problem_too(tmp_path: Path) -> None:
    path = saved(Image.fromarray(RNG.integers(0, 256, (200, 200, 3), dtype=numpy.uint8)), tmp_path / "a.jpg")
    path.write_bytes(path.read_bytes()[:5000])
    with Image.open(path) as image, pytest.raises(ImageProblem, match="damaged"):
        Frame(3, 8, 8).place(image)


def test_the_first_picture_of_several(tmp_path: Path) -> None:
    first, second = Image.fromarray(COLOUR), Image.new("RGB", (20, 12))
    path = saved(first, tmp_path / "a.png", save_all=True, append_images=[second])
    assert (read(path) == COLOUR).all()


@pytest.mark.parametrize(
    ("fit", "inside"),
    [("stretch", (0, 12, 0, 12)), ("letterbox", (3, 9, 0, 12)), ("center", (4, 8, 2, 10))],
)
def test_fits(fit: str, inside: tuple[int, int, int, int]) -> None:
    """A white image 8 wide and 4 high on 12×12: rows and columns that end up white."""
    frame = Frame(1, 12, 12, fit)
    expected = torch.zeros(12, 12, dtype=torch.uint8)
    top, bottom, left, right = inside
    expected[top:bottom, left:right] = 255
    assert torch.equal(frame.place(Image.new("L", (8, 4), 255))[0], expected)


def test_crop_keeps_the_middle() -> None:
    bands = numpy.zeros((4, 8), numpy.uint8)
    bands[:, 2:6] = 255
    assert (Frame(1, 4, 4, "crop").place(Image.fromarray(bands)) == 255).all()
    assert (Frame(1, 4, 4, "crop").place(Image.fromarray(bands.T.copy())) == 255).all()


@pytest.mark.parametrize("fit", ["stretch", "crop", "letterbox", "center"])
@pytest.mark.parametrize(("width", "height"), [(300, 200), (90, 310), (64, 48), (401, 133)])
def test_a_box_lies_where_its_pixels_come_to_lie(fit: str, width: int, height: int) -> None:
    """A bright box drawn into a dark image: the centre of what is bright in the frame."""
    x, y, w, h = 0.45 * width, 0.45 * height, 0.12 * width, 0.12 * height
    box = torch.tensor([x, y, x + w, y + h]).round().double()
    pixels = numpy.zeros((height, width), numpy.uint8)
    left, top, right, bottom = (int(v) for v in box)
    pixels[top:bottom, left:right] = 255
    frame = Frame(1, 160, 224, fit)
    found = frame.place(Image.fromarray(pixels))[0].double()
    place = frame.placement(width, height)
    there = place.to_frame(box)
    assert torch.allclose(place.to_image(there), box, atol=1e-9, rtol=0)
    rows, columns = torch.meshgrid(torch.arange(160.0) + 0.5, torch.arange(224.0) + 0.5, indexing="ij")
    centre = torch.stack([(found * columns).sum(), (found * rows).sum()]) / found.sum()
    assert (centre - (there[:2] + there[2:]) / 2).abs().max() < 0.5
    assert abs(float(found.sum() / 255) / float((there[2:] - there[:2]).prod()) - 1) < 0.1


@pytest.mark.parametrize("fit", ["stretch", "crop", "letterbox", "center"])
@pytest.mark.parametrize("size", [(1, 1), (1, 300), (300, 1), (33, 17), (7, 7)])
def test_every_size_fits(fit: str, size: tuple[int, int]) -> None:
    assert Frame(3, 9, 7, fit).place(Image.new("RGB", size)).shape == (3, 9, 7)


def test_shrinking_averages() -> None:
    checkered = numpy.indices((64, 64)).sum(0) % 2 * numpy.uint8(255)
    small = Frame(1, 8, 8).place(Image.fromarray(checkered.astype(numpy.uint8)))
    assert abs(small.float() - 127.5).max() < 2


def test_many_at_once_are_as_one_by_one() -> None:
    images = RNG.integers(0, 256, (5, 8, 8), dtype=numpy.uint8)
    for frame in (Frame(1, 8, 8), Frame(3, 8, 8), Frame(3, 32, 32), Frame(1, 32, 32, "center")):
        singly = torch.stack([frame.place(Image.fromarray(image)) for image in images])
        assert torch.equal(frame.place_all(images), singly)


def test_a_large_jpeg_decoded_small_looks_the_same(tmp_path: Path) -> None:
    smooth = numpy.linspace(0, 255, 1600)[None, :, None] * numpy.ones((1200, 1, 3))
    path = saved(Image.fromarray(smooth.astype(numpy.uint8)), tmp_path / "a.jpg", quality=95)
    quick = Frame(3, 32, 32).read(path)
    slow = Frame(3, 32, 32).place(open_image(path))
    assert (quick.int() - slow.int()).abs().max() <= 3


def png_header(width: int, height: int) -> bytes:
    body = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    start = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + body + struct.pack(">I", zlib.crc32(body))
    return start + struct.pack(">I", 1000) + b"IDAT" + b"x" * 20


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "not an image of a known format"),
        (b"just text", "not an image of a known format"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not an image of a known format"),
        (png_header(20_000, 20_000), "pixels"),
        (png_header(11_000, 10_000), "is 11000×10000 pixels; the limit is 100,000,000"),
        (png_header(20, 20), "damaged"),
    ],
)
@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_what_is_no_whole_image(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(content)
    with pytest.raises(ImageProblem, match=reason):
        Frame(3, 8, 8).read(path)


def test_a_jpeg_cut_off(tmp_path: Path) -> None:
    path = saved(Image.fromarray(RNG.integers(0, 256, (200, 200, 3), dtype=numpy.uint8)), tmp_path / "a.jpg")
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(ImageProblem, match="damaged"):
        Frame(3, 8, 8).read(path)


def test_what_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path, reason in [("none.png", "is not there"), (".", "is a folder"), ("pipe", "not a regular file")]:
        with pytest.raises(ImageProblem, match=reason):
            Frame(3, 8, 8).read(tmp_path / path)


def test_numbers_of_unknown_range(tmp_path: Path) -> None:
    with pytest.raises(ImageProblem, match="unknown range"):
        Frame(1, 8, 8).read(saved(Image.new("F", (9, 9)), tmp_path / "a.tiff"))


@pytest.mark.parametrize("shape", [(784,), (2, 8, 8), (3, 8), (1, 4, 8, 8)])
def test_a_network_must_take_images(shape: tuple[int, ...]) -> None:
    with pytest.raises(SpecError, match="E611") as caught:
        frame_of(TensorType(shape), "stretch", "net")
    assert "×".join(map(str, shape)) in str(caught.value)
