"""The digits are scikit-learn's."""

from __future__ import annotations

import numpy
import torch
from sklearn.datasets import load_digits

from archspec.errors import Span
from archspec.run import load_run
from archspec_torch.runtime.data import open_source
from archspec_torch.runtime.images import Frame

HERE = Span("run", 1, 1)


def test_all_of_them_with_their_labels() -> None:
    source = open_source(load_run({"model": "lenet5"}).run.data, lambda *_: HERE)
    assert source.sizes == {"train": 1257, "val": 270, "test": 270}
    assert source.classes == tuple("0123456789")
    parts = [source.load(split, Frame(1, 8, 8), lambda _: None) for split in source.sizes]
    ours = torch.cat([part.images for part in parts])[:, 0].numpy()
    labels = torch.cat([part.labels for part in parts]).numpy()
    theirs = load_digits()
    key = lambda image: image.tobytes()  # noqa: E731
    expected = sorted(
        zip(map(key, numpy.rint(theirs.images * 255 / 16).astype(numpy.uint8)), theirs.target, strict=True)
    )
    assert sorted(zip(map(key, ours), labels, strict=True)) == expected


def test_the_levels_of_ink_stay_apart() -> None:
    source = open_source(load_run({"model": "lenet5"}).run.data, lambda *_: HERE)
    images = source.load("train", Frame(1, 8, 8), lambda _: None).images
    assert sorted(images.unique().tolist()) == [round(level * 255 / 16) for level in range(17)]
