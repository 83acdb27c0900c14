"""The task of a detector: its loss from the maps of its heads, put together as torchvision puts them together."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor
from torchvision.models.detection import _utils as theirs
from torchvision.models.detection.anchor_utils import DefaultBoxGenerator
from torchvision.models.detection.image_list import ImageList
from torchvision.models.detection.ssd import SSD
from torchvision.ops import box_iou

import archspec
from archspec.errors import SpecError
from archspec.run import load_run
from archspec.run.sections import BCE, CrossEntropy
from archspec.run.sections import SSD as SsdLoss
from archspec.run.sections import YOLO as YoloLoss
from archspec_torch.detection.truth import rows_of
from archspec_torch.runtime.data import Source, open_source
from archspec_torch.runtime.processes import ALONE
from archspec_torch.runtime.tasks import Detect, class_count, task_of

LEVELS = {4: (38, 4), 7: (19, 6), 8: (10, 6), 9: (5, 6), 10: (3, 4), 11: (1, 4)}
NAMES = tuple(f"class{i}" for i in range(20))

SMALL = """
layers:
  - conv: {out: 8, kernel: 3, stride: 16, padding: 1}
  - relu
detect:
  anchors: {kind: grid, boxes: [[20, 20], [40, 12]], unit: pixel}
  heads:
    - layers: [conv: 2 * (5 + 3)]
      name: cells
  decode: yolo
"""


def small(tmp_path: Path, text: str = SMALL, input: str = "[3, 64, 96]") -> archspec.TypedGraph:
    path = tmp_path / "small.yaml"
    path.write_text(f"archspec: 1\ntask: detect\ninput: {input}\n{text}")
    return archspec.load(path)


def opened(kind: str, **keys: object) -> Source:
    run = load_run({"model": "mlp", "data": {"kind": kind, **keys}})
    return open_source(run.run.data, lambda *names: run.span("data", *names))


def test_the_loss_of_ssd300_is_torchvision_s() -> None:
    graph = archspec.load("ssd300_vgg16_voc")
    task = task_of(graph, NAMES)
    assert isinstance(task, Detect) and isinstance(task.criterion, SsdLoss)
    made = torch.Generator().manual_seed(0)
    outputs: dict[str, Tensor] = {}
    scores, places = [], []
    for level, (side, anchors) in LEVELS.items():
        for kind, width, parts in (("class", 21, scores), ("box", 4, places)):
            x = torch.randn(3, anchors * width, side, side, generator=made)
            outputs[f"on{level}.{kind}"] = x
            parts.append(x.unflatten(1, (-1, width)).permute(0, 3, 4, 1, 2).flatten(1, 3))
    generator = DefaultBoxGenerator(
        [[2], [2, 3], [2, 3], [2, 3], [2], [2]],
        scales=[0.07, 0.15, 0.33, 0.51, 0.69, 0.87, 1.05],
        steps=[8, 16, 32, 64, 100, 300],
    )
    features = [torch.zeros(3, 1, side, side) for side, _ in LEVELS.values()]
    defaults = generator(ImageList(torch.zeros(3, 3, 300, 300), [(300, 300)] * 3), features)
    low = torch.rand(3, 4, 2, generator=made) * 200
    boxes = torch.cat([low, low + 10 + torch.rand(3, 4, 2, generator=made) * 90], 2)
    labels = torch.randint(0, 20, (3, 4), generator=made)
    none = torch.zeros(4, dtype=torch.bool)
    targets = torch.stack([rows_of(b, k, none, 6) for b, k in zip(boxes, labels, strict=True)])
    matcher = theirs.SSDMatcher(0.5)
    expected = SSD.compute_loss(
        SimpleNamespace(box_coder=theirs.BoxCoder((10.0, 10.0, 5.0, 5.0)), neg_to_pos_ratio=3),
        [{"boxes": b, "labels": k + 1} for b, k in zip(boxes, labels, strict=True)],
        {"bbox_regression": torch.cat(places, 1), "cls_logits": torch.cat(scores, 1)},
        defaults,
        [matcher(box_iou(b, d)) for b, d in zip(boxes, defaults, strict=True)],
    )
    ours = task.parts(outputs, targets)
    torch.testing.assert_close(ours["class"], expected["classification"])
    torch.testing.assert_close(ours["box"], expected["bbox_regression"])
    torch.testing.assert_close(task.loss(outputs, targets), sum(expected.values()))


def test_a_cell_that_answers_for_an_object(tmp_path: Path) -> None:
    """Worked by hand: one object in the middle of the cell in row 1, column 2, of the first anchor's size."""
    graph = small(tmp_path)
    task = task_of(graph, ("a", "b", "c"), YoloLoss(empty=0.5, box=2.0))
    assert isinstance(task, Detect)
    raw = torch.zeros(1, 16, 4, 6)
    box = torch.tensor([[30.0, 14.0, 50.0, 34.0]])
    targets = rows_of(box, torch.tensor([1]), torch.tensor([False]), 3)[None]
    ln2 = 0.6931471805599453
    parts = task.parts({"cells": raw}, targets)
    # σ(0) = ½ is the very place in the cell, and its cross-entropy ln 2 an axis; the size is the anchor's: no error
    assert float(parts["box"]) == pytest.approx(2.0 * (2 - 400 / (64 * 96)) * 2 * ln2)
    assert float(parts["object"]) == pytest.approx(ln2)
    assert float(parts["class"]) == pytest.approx(3 * ln2)
    assert float(parts["empty"]) == pytest.approx(0.5 * (2 * 24 - 1) * ln2, rel=0.03)  # but for those that overlap it


def test_a_task_of_the_wrong_kind(tmp_path: Path) -> None:
    graph, lenet, names = small(tmp_path), archspec.load("lenet5"), ("a", "b", "c")
    table = tmp_path / "points.csv"
    table.write_text("path,nose x,nose y\n" + "".join(f"{i}.png,1,2\n" for i in range(12)))
    assert class_count(graph) == 3
    cases: list[tuple[Callable[[], object], str]] = [
        (
            lambda: task_of(graph, names, CrossEntropy()),
            r"E614.*trained with the loss 'yolo', not with 'cross_entropy'",
        ),
        (lambda: task_of(graph, names, SsdLoss()), r"E614.*'yolo', not with 'ssd'"),
        (lambda: task_of(lenet, names, YoloLoss()), r"E614.*'yolo' is for detectors"),
        (lambda: task_of(graph, ("a", "b")), r"E610.*tells 3 classes apart, and the data has 2"),
        (lambda: task_of(graph, names, None, opened("digits")), r"E614.*classes of whole images"),
        (lambda: task_of(graph, names, None, opened("points", file=str(table))), r"E614.*and the data has points"),
        (lambda: task_of(lenet, names, BCE(), opened("scattered_digits")), r"E668.*objects in boxes"),
        (lambda: task_of(lenet, names, None, opened("points", file=str(table))), r"E668.*is of points.*cross_entropy"),
    ]
    for make, told in cases:
        with pytest.raises(SpecError, match=told):
            make()


def test_a_network_for_detection_without_a_detector(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"E613.*gives no detections"):
        task_of(small(tmp_path, "layers: [conv: 8]\n"), ("a", "b"))


def test_the_loss_of_ssd_in_parts_is_that_of_the_whole_batch() -> None:
    """As several processes and accumulated batches compute it: parts count by their matches."""
    graph = archspec.load("small_ssd")
    task = task_of(graph, ("a", "b", "c"))
    made = torch.Generator().manual_seed(1)
    outputs = {
        name: torch.randn(6, *graph.type_of(graph.outputs[name]).shape, generator=made) for name in task.learned_from
    }
    low = torch.rand(6, 5, 2, generator=made) * 150
    boxes = torch.cat([low, low + 15 + torch.rand(6, 5, 2, generator=made) * 80], 2)
    counts = [5, 1, 0, 3, 0, 0]
    none = torch.zeros(5, dtype=torch.bool)
    targets = torch.stack(
        [rows_of(b[:n], torch.arange(n) % 3, none[:n], 5) for b, n in zip(boxes, counts, strict=True)]
    )
    groups = [torch.arange(0, 2), torch.arange(2, 4), torch.arange(4, 6)]
    weighed = ALONE.weighed(task.mass, [targets[group] for group in groups], groups)
    losses = [task.loss({k: v[group] for k, v in outputs.items()}, targets[group]) for group in groups]
    whole = task.loss(outputs, targets)
    assert float(sum(weighed.part(loss, i) for i, loss in enumerate(losses))) == pytest.approx(float(whole), rel=1e-5)
    tally, found = task.tally(torch.device("cpu")), torch.zeros(2, 1, 6)
    for group, loss in zip(groups, losses, strict=True):
        tally.add(loss, found, targets[group])
    assert tally.loss == pytest.approx(float(whole), rel=1e-5)
