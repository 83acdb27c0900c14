"""Scattered digits: exact boxes, splits of digits, the same for the same seed."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from torchvision.ops import box_iou

from archspec.cli import main
from archspec.errors import SpecError
from archspec.run import load_run
from archspec_torch.runtime.data import Boxed, Draws, open_source
from archspec_torch.runtime.data.scattered import Scattered
from archspec_torch.runtime.images import Frame

FRAME = Frame(1, 64, 96)


def opened(**keys: object) -> Scattered:
    data = {"kind": "scattered_digits", "train": 30, "val": 10, "test": 10, **keys}
    run = load_run({"model": "lenet5", "data": data})
    found = open_source(run.run.data, lambda *loc: run.span("data", *loc))
    assert isinstance(found, Scattered)
    return found


def made(split: str = "train", frame: Frame = FRAME, **keys: object) -> Boxed:
    return opened(**keys).load(split, frame, lambda told: pytest.fail(str(told)))


def test_boxes_hold_the_ink_and_nothing_else() -> None:
    """Without noise and with one digit, what is far from the ground's plane is ink: its bounds are the box."""
    part = made(objects=[1, 1], noise=0.0)
    for image, rows, entry in zip(part.examples.images, part.labels, part.entries, strict=True):
        pixels = image[0].numpy().astype(float)
        y, x = np.mgrid[: FRAME.height, : FRAME.width]
        x1, y1, x2, y2 = (int(v) for v in rows[0, :4])
        outside = np.ones_like(pixels, bool)
        outside[y1:y2, x1:x2] = False
        terms = np.stack([np.ones_like(pixels), x, y], -1)
        plane = terms @ np.linalg.lstsq(terms[outside], pixels[outside], rcond=None)[0]
        far = np.abs(pixels - plane)
        assert far[outside].max() <= 1  # rounded to a whole number, no more
        inked = far > 10  # a quarter of the least contrast is 17
        assert inked[y1].any() and inked[y2 - 1].any() and inked[:, x1].any() and inked[:, x2 - 1].any()
        assert entry.objects[0].box == (x1, y1, x2, y2) and entry.objects[0].label == str(int(rows[0, 4]))


def test_no_digit_is_in_two_splits_and_all_are_in_one() -> None:
    source = opened()
    images = {split: {ink.tobytes() for ink in digits} for split, (digits, _) in source.digits.items()}
    assert sum(len(labels) for _, labels in source.digits.values()) == 1797
    assert not images["train"] & images["test"] and not images["train"] & images["val"]
    assert not images["val"] & images["test"]
    for split, (digits, labels) in source.digits.items():
        known = {image.tobytes(): n for image, n in zip(load_digits().images, load_digits().target, strict=True)}
        back = (np.rint(digits / 255 * 16)).astype(float)
        assert [known[image.tobytes()] for image in back] == labels.tolist(), split


def test_overlap_number_and_sides_are_as_asked_for() -> None:
    part = made(objects=[2, 5], scale=[0.2, 0.35], overlap=0.05, train=40)
    numbers = set()
    for rows in part.labels:
        boxes = rows[rows[:, 4] >= 0, :4]
        numbers.add(len(boxes))
        assert (boxes >= 0).all() and (boxes[:, 2] <= 96).all() and (boxes[:, 3] <= 64).all()
        assert float((boxes[:, 2:] - boxes[:, :2]).max()) <= 22
        assert float((box_iou(boxes, boxes) - torch.eye(len(boxes))).max()) <= 0.05
    assert numbers == {2, 3, 4, 5}
    crowded = made(objects=[30, 30], train=2)  # more than there is room for: all are there
    assert (crowded.labels[..., 4] >= 0).sum(1).tolist() == [30, 30]


def test_canvases_follow_from_the_seed_alone() -> None:
    one, same, other = made(), made(train=40), made(seed=1)
    assert torch.equal(one.examples.images, same.examples.images[:30])
    assert not torch.equal(one.labels, other.labels)
    assert not torch.equal(made("val").examples.images[0], one.examples.images[0])
    source = opened()
    again = source.regrouped({"train": [("train", 3), ("val", 2)], "val": [("val", 0)]}).load("train", FRAME, print)
    assert torch.equal(again.examples.images[0], one.examples.images[3])
    assert torch.equal(again.examples.images[1], made("val").examples.images[2])
    assert torch.equal(opened().labels_of("train")[..., 4], one.labels[..., 4])


def test_colour_and_empty_canvases() -> None:
    part = made(frame=Frame(3, 48, 48), objects=[0, 1])
    assert part.examples.images.shape == (30, 3, 48, 48) and part.labels.shape == (30, 1, 6)
    assert 0 < int((part.labels[..., 4] < 0).sum()) < 30
    assert not torch.equal(part.examples.images[:, 0], part.examples.images[:, 1])


@pytest.mark.parametrize(
    "keys, said",
    [
        ({"scale": [0.05, 0.5]}, "digits of 3.2 pixels on a canvas of 1×64×96"),
        ({"train": 2_000_000}, "2,000,000 canvases of 1×64×96 take 11.4 GiB"),
    ],
)
def test_canvases_that_cannot_be(keys: dict[str, object], said: str) -> None:
    with pytest.raises(SpecError, match=said):
        opened(**keys).load("train", FRAME, print)


@pytest.mark.parametrize("keys", [{"objects": [3, 2]}, {"objects": [0, 0]}, {"scale": [0.4, 0.2]}, {"overlap": 1}])
def test_sections_that_say_nothing_possible(keys: dict[str, object]) -> None:
    with pytest.raises(SpecError, match=r"goes from|nothing to find|less than 1"):
        opened(**keys)


def test_commands_show_and_check_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    data = "{kind: scattered_digits, train: 24, val: 8, test: 8, scale: [0.2, 0.5]}"
    (tmp_path / "run.yaml").write_text(f"model: {{spec: mlp, input: [1, 48, 48]}}\ndata: {data}\n")
    assert main(["data", "show", "run.yaml", "-o", "sheet.png", "--n", "4"]) == 0
    assert (tmp_path / "sheet.png").is_file()
    capsys.readouterr()
    assert main(["data", "check", "run.yaml", "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    every = made("train", Frame(1, 48, 48), train=24, scale=[0.2, 0.5])
    numbers = torch.bincount(every.labels[..., 4][every.labels[..., 4] >= 0].long(), minlength=10)
    assert [found["counts"][str(n)]["train"] for n in range(10)] == numbers.tolist()
    assert found["boxes"]["images"] == {"train": 24, "val": 8, "test": 8}


@pytest.mark.parametrize("workers", [0, 2])
def test_each_epoch_trains_on_other_canvases_whatever_the_order_and_the_workers(workers: int) -> None:
    """The first epoch's are those that are measured; whoever asks for an epoch's canvas gets the same one."""
    part, device = made(train=12, objects=[1, 3]), torch.device("cpu")
    groups = [torch.tensor([5, 2, 7]), torch.tensor([0, 11])]
    first, second, third = (list(part.batches(groups, device, workers, Draws(9, epoch))) for epoch in range(3))
    for (images, labels), group in zip(first, groups, strict=True):
        assert torch.equal(images, part.examples.images[group]) and torch.equal(labels, part.labels[group])
    assert not torch.equal(first[0][0], second[0][0]) and not torch.equal(second[0][0], third[0][0])
    alone = list(part.batches([torch.tensor([11])], device, 0, Draws(4, 2)))  # the run's seed has no part in them
    assert torch.equal(alone[0][0][0], third[1][0][1]) and torch.equal(alone[0][1][0], third[1][1][1])
    image, label = part.example(7, Draws(0, 1))
    assert torch.equal(image, second[0][0][2]) and torch.equal(label, second[0][1][2])
    held = made("val")
    again = list(held.batches([torch.arange(10)], device, workers, Draws(9, 2)))
    assert torch.equal(again[0][0], held.examples.images)


def test_boxes_of_later_epochs_are_exact_too() -> None:
    part = made(objects=[1, 1], noise=0.0)
    for position in range(10):
        image, rows = part.example(position, Draws(0, 3))
        x1, y1, x2, y2 = (int(v) for v in rows[0, :4])
        pixels = image[0].numpy().astype(float)
        y, x = np.mgrid[: FRAME.height, : FRAME.width]
        outside = np.ones_like(pixels, bool)
        outside[y1:y2, x1:x2] = False
        terms = np.stack([np.ones_like(pixels), x, y], -1)
        plane = terms @ np.linalg.lstsq(terms[outside], pixels[outside], rcond=None)[0]
        inked = np.abs(pixels - plane) > 10
        assert not inked[outside].any()
        assert inked[y1].any() and inked[y2 - 1].any() and inked[:, x1].any() and inked[:, x2 - 1].any()


def test_one_class_is_made_of_all_digits_on_the_same_canvases() -> None:
    several, one = made(), made(one_class="digit")
    assert opened(one_class="digit").classes == ("digit",)
    assert torch.equal(several.examples.images, one.examples.images)
    assert torch.equal(one.labels[..., :4], several.labels[..., :4])
    assert torch.equal(one.labels[..., 4], several.labels[..., 4].clamp(max=0))
    assert {thing.label for entry in one.entries for thing in entry.objects} == {"digit"}
