"""numpy's files: what was saved is what is read; anything else is told."""

from __future__ import annotations

from pathlib import Path

import numpy
import pytest
import torch

from archspec.errors import SpecError
from archspec.run import load_run
from archspec_torch.runtime.data import Source, open_source
from archspec_torch.runtime.images import Frame

IMAGES = numpy.random.default_rng(0).integers(0, 256, (40, 6, 5, 3), dtype=numpy.uint8)
LABELS = numpy.arange(40) % 4


def opened(**keys: object) -> Source:
    run = load_run({"model": "lenet5", "data": {"kind": "numpy", **keys}})
    return open_source(run.run.data, lambda *loc: run.span("data", *loc))


@pytest.mark.parametrize("shape", ["nhwc", "nchw", "nhw", "nhw1"])
@pytest.mark.parametrize(
    "names", [("images", "labels", "test_images", "test_labels"), ("x_train", "y_train", "x_test", "y_test")]
)
def test_what_was_saved_is_read(shape: str, names: tuple[str, ...], tmp_path: Path) -> None:
    views = {"nhwc": IMAGES, "nchw": IMAGES.transpose(0, 3, 1, 2), "nhw": IMAGES[..., 0], "nhw1": IMAGES[..., :1]}
    images, grey = views[shape], shape.startswith("nhw") and shape != "nhwc"
    arrays = dict(zip(names, (images, LABELS, images[:8], LABELS[:8, None]), strict=True))
    numpy.savez(tmp_path / "data.npz", **arrays)
    source = opened(file=str(tmp_path / "data.npz"))
    assert source.sizes == {"train": 34, "val": 6, "test": 8}
    test = source.load("test", Frame(1 if grey else 3, 6, 5), lambda _: None)
    expected = IMAGES[:8, None, ..., 0] if grey else IMAGES[:8].transpose(0, 3, 1, 2)
    assert numpy.array_equal(test.images.numpy(), expected)
    assert numpy.array_equal(test.labels.numpy(), LABELS[:8])


def test_several_files_and_several_labels(tmp_path: Path) -> None:
    many = numpy.eye(4, dtype=bool)[LABELS]
    numpy.save(tmp_path / "i.npy", IMAGES)
    numpy.save(tmp_path / "l.npy", many)
    source = opened(images=str(tmp_path / "i.npy"), labels=str(tmp_path / "l.npy"), names=list("abcd"))
    labels = torch.cat([source.labels_of(split) for split in source.sizes])
    assert labels.dtype == torch.float32 and labels.sum(0).tolist() == many.sum(0).tolist()


@pytest.mark.parametrize(
    ("arrays", "told"),
    [
        ({"images": IMAGES, "labels": numpy.array([print] * 40, dtype=object)}, "only arrays of numbers are read"),
        ({"images": IMAGES / 255, "labels": LABELS}, "images are float64; images are unsigned bytes"),
        ({"images": IMAGES[0], "labels": LABELS}, None),
        ({"images": IMAGES[:, :, :, :2], "labels": LABELS}, "images are 40×6×5×2"),
        ({"images": IMAGES, "labels": LABELS[:39]}, "there are 40 images and 39 labels"),
        ({"images": IMAGES, "labels": LABELS - 1}, "labels go from -1 to 2"),
        ({"images": IMAGES, "labels": LABELS / 2}, "labels are float64"),
        ({"pictures": IMAGES, "labels": LABELS}, "has no array 'images'; it holds pictures, labels"),
        ({"images": IMAGES, "labels": LABELS, "test_images": IMAGES}, "has no array 'test_labels'"),
    ],
)
def test_other_arrays_are_told(arrays: dict[str, numpy.ndarray], told: str | None, tmp_path: Path) -> None:
    numpy.savez(tmp_path / "data.npz", **arrays)
    with pytest.raises(SpecError) as caught:
        opened(file=str(tmp_path / "data.npz"))
    assert told is None or told in str(caught.value)


def test_damaged_archives_are_told(tmp_path: Path) -> None:
    numpy.savez_compressed(tmp_path / "data.npz", images=IMAGES, labels=LABELS)
    whole = (tmp_path / "data.npz").read_bytes()
    for damaged in (b"", whole[:100], whole[:-30], whole[:60] + bytes(40) + whole[100:]):
        (tmp_path / "data.npz").write_bytes(damaged)
        with pytest.raises(SpecError, match="E632"):
            opened(file=str(tmp_path / "data.npz"))
    with pytest.raises(SpecError, match=r"E603.*needs file, or images and labels"):
        opened()
