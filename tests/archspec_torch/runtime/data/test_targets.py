from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy
import pytest
import torch

from archspec.run import load_run
from archspec_torch.runtime.data import Target, open_source


def test_counts_by_hand_of_every_kind_of_target() -> None:
    assert Target.CLASS.counts(torch.tensor([2, 0]), 3).tolist() == [[0, 0, 1], [1, 0, 0]]
    tags = torch.tensor([[0.0, 1, 1], [0, 0, 0]])
    assert Target.TAGS.counts(tags, 3).tolist() == [[0, 1, 1], [0, 0, 0]]
    rows = torch.zeros(3, 4, 6)
    rows[..., 4] = torch.tensor([[2, 2, 0, -1], [1, -1, -1, -1], [-1, -1, -1, -1]])
    rows[0, 0, 5] = 1  # an ignored object is there all the same
    assert Target.BOXES.counts(rows, 3).tolist() == [[1, 0, 2], [0, 1, 0], [0, 0, 0]]
    points = torch.tensor([[[4.0, 5, 1], [0, 0, 0]], [[1, 1, 1], [2, 2, 1]]])
    assert Target.POINTS.counts(points, 2).tolist() == [[1, 0], [1, 1]]
    assert Target.CLASS.totals(torch.tensor([2, 0, 2]), 4).tolist() == [1, 0, 2, 0]
    assert Target.BOXES.totals(rows, 3).tolist() == [1, 1, 2]


def written(kind: str, folder: Path) -> dict[str, Any]:
    """The `data` section of a few black images of 8×8 pixels."""
    images = numpy.zeros((12, 8, 8), numpy.uint8)
    several = numpy.arange(24).reshape(12, 2) % 2
    numpy.savez(folder / "classes.npz", images=images, labels=numpy.arange(12) % 2)
    numpy.savez(folder / "tags.npz", images=images, labels=several)
    lines = [f"{i}.png,{'cat' if i % 2 else 'dog'}" for i in range(12)]
    (folder / "table.csv").write_text("\n".join(["path,label", *lines]))
    lines = [f"{i}.png,1,2" for i in range(12)]
    (folder / "points.csv").write_text("\n".join(["path,eye x,eye y", *lines]))
    return {
        "digits": {"kind": "digits"},
        "classes": {"kind": "numpy", "file": str(folder / "classes.npz")},
        "tags": {"kind": "numpy", "file": str(folder / "tags.npz")},
        "table": {"kind": "csv", "file": str(folder / "table.csv")},
        "tagged": {"kind": "csv", "file": str(folder / "table.csv"), "multi_label": True},
        "scattered": {"kind": "scattered_digits", "train": 2, "val": 2, "test": 2},
        "points": {"kind": "points", "file": str(folder / "points.csv")},
    }[kind]


@pytest.mark.parametrize(
    ("kind", "target", "rank"),
    [
        ("digits", Target.CLASS, 1),
        ("classes", Target.CLASS, 1),
        ("tags", Target.TAGS, 2),
        ("table", Target.CLASS, 1),
        ("tagged", Target.TAGS, 2),
        ("scattered", Target.BOXES, 3),
        ("points", Target.POINTS, 3),
    ],
)
def test_data_says_what_it_is_labelled_with(kind: str, target: Target, rank: int, tmp_path: Path) -> None:
    run = load_run({"model": "mlp", "data": written(kind, tmp_path)})
    source = open_source(run.run.data, lambda *keys: run.span("data", *keys))
    assert source.target is target
    moved = source.regrouped({"train": [("val", 0)], "val": [("train", 0)]})
    assert moved.target is target and moved.labels_of("val").ndim == rank
