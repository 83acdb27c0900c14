"""Labels that cannot be meant, and what lies under transparent images."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from PIL import Image

from archspec.errors import Span, SpecError
from archspec_torch.runtime.data import Target
from archspec_torch.runtime.images import Frame
from archspec_torch.runtime.labels import check_labels, lacking
from archspec_torch.runtime.preprocess import Preprocessing, read_preprocessing

SPAN = Span("run.yaml", 1, 1)


@dataclass(frozen=True)
class Labelled:
    """Data of which only the labels matter."""

    train: list[int]
    val: list[int]
    name: str = "data"
    target: Target = Target.CLASS

    @property
    def classes(self) -> tuple[str, ...]:
        return tuple(str(n) for n in range(max(self.train) + 1))

    @property
    def sizes(self) -> dict[str, int]:
        return {"train": len(self.train), "val": len(self.val)}

    def labels_of(self, split: str) -> torch.Tensor:
        return torch.tensor(getattr(self, split))

    def load(self, *_: object) -> None:
        raise AssertionError("no image is needed")


def test_one_label_far_beyond_the_others_is_an_error() -> None:
    with pytest.raises(SpecError, match="1 of 21 labels lies") as caught:
        check_labels(Labelled([*range(10), 200], list(range(10))), 10, SPAN)  # type: ignore[arg-type]
    (found,) = caught.value.diagnostics
    assert found.code == "E628" and "190 of 201 classes would have no example" in found.message
    check_labels(Labelled(list(range(12)), [0]), 10, SPAN)  # type: ignore[arg-type]


def test_classes_without_examples_are_named() -> None:
    found = list(lacking(Labelled([0, 1, 3], [0, 1, 2, 3]), SPAN))  # type: ignore[arg-type]
    assert [(d.code, d.message) for d in found] == [("W621", "one class has no example in 'train': 2")]


def test_the_background_of_transparent_images_is_kept_with_the_run(tmp_path: Path) -> None:
    clear = Image.new("RGBA", (4, 4), (9, 9, 9, 0))
    for color in ((255, 255, 255), (0, 0, 0), (10, 20, 30)):
        Preprocessing(Frame(3, 4, 4, background=color), (0.5,) * 3, (0.5,) * 3, ("a", "b")).write(tmp_path / "p.json")
        frame = read_preprocessing(tmp_path / "p.json").frame
        assert frame.background == color
        assert frame.place(clear)[:, 0, 0].tolist() == list(color)
