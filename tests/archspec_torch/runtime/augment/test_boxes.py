"""Targets go with their images: what a drawn rectangle's pixels show is where its box is said to be."""

from __future__ import annotations

from typing import Any

import numpy
import pytest
import torch
from torch import Tensor
from torchvision import tv_tensors
from torchvision.transforms import v2

from archspec.errors import SpecError
from archspec.run import load_run
from archspec_torch.runtime.augment import Augmented, augmented, kind_of
from archspec_torch.runtime.augment.targets import Boxes, Kind, Masks, Points, Still
from archspec_torch.runtime.data import Draws, Examples, InMemory, Target
from archspec_torch.runtime.images import Frame

CPU = torch.device("cpu")
HEIGHT, WIDTH = 72, 96
SEEDS = range(12)
NONE = [0.0, 0.0, 0.0, 0.0, -1.0, 0.0]


def scenes(n: int, seed: int = 0, most: int = 1) -> InMemory:
    """Black images, each with a rectangle of a value of its own, 40, 64, 88, …, and class 0, 1, 2, …"""
    rng = numpy.random.default_rng(seed)
    images = torch.zeros(n, 3, HEIGHT, WIDTH, dtype=torch.uint8)
    rows = torch.tensor(NONE).repeat(n, most, 1)
    for i in range(n):
        wide, high = rng.integers(14, 50), rng.integers(14, 40)
        x, y = rng.integers(0, WIDTH - wide + 1), rng.integers(0, HEIGHT - high + 1)
        images[i, :, y : y + high, x : x + wide] = 40 + 24 * i
        rows[i, 0] = torch.tensor([x, y, x + wide, y + high, i, 0])
    return InMemory(images, rows)


BOXES = Boxes()
KINDS: dict[str, Kind] = {"boxes": BOXES, "classes": Still(), "points": Points((0, 1, 2, 3)), "masks": Masks()}


def changed(found: InMemory, *entries: Any, kind: Kind = BOXES) -> Examples:
    section = load_run({"model": "x", "augment": list(entries)}).run.augment
    return augmented(found, section, Frame(3, HEIGHT, WIDTH), (), kind)


def drawn(found: InMemory, seed: int, *entries: Any, kind: Kind = BOXES) -> tuple[Tensor, Tensor]:
    """The first example after those entries."""
    ((images, rows),) = changed(found, *entries, kind=kind).batches([torch.tensor([0])], CPU, 0, Draws(seed, 0))
    return images[0], rows[0]


def around(bright: Tensor) -> Tensor:
    """The box around the pixels (h, w) that are true."""
    down, across = bright.any(1).nonzero()[:, 0], bright.any(0).nonzero()[:, 0]
    return torch.stack([across[0], down[0], across[-1] + 1, down[-1] + 1]).float()


def objects(rows: Tensor) -> Tensor:
    there = rows[:, 4] >= 0
    assert there.tolist() == sorted(there.tolist(), reverse=True)
    assert rows[~there].tolist() == [NONE] * int((~there).sum())
    return rows[there]


EXACT = [
    {"mirror": {"p": 1}},
    {"mirror": {"direction": "vertical", "p": 1}},
    {"random_crop": 20},
    {"resized_crop": [0.3, 1.0]},
    {"zoom": [0.6, 1.5]},
    {"shift": 0.4},
    {"local_warp": {"alpha": 40, "sigma": 4}},
    {"scale_jitter": {"scale": [0.4, 2.0], "fill": 0}},
    {"zoom_out": {"sides": [1.0, 2.5], "p": 1, "fill": 0}},
    "iou_crop",
    "color_jitter",
    {"blur": {"p": 1, "sigma": [0.1, 1.0]}},
]


@pytest.mark.parametrize("entry", EXACT, ids=lambda entry: entry if isinstance(entry, str) else next(iter(entry)))
def test_a_box_is_where_its_pixels_are(entry: Any) -> None:
    kept = 0
    for seed in SEEDS:
        found = scenes(1, seed)
        found.images[found.images > 0] = 200
        image, rows = drawn(found, seed, entry)
        assert image.shape == (3, HEIGHT, WIDTH) and rows.shape == (1, 6)
        for row in objects(rows):
            kept += 1
            assert abs(row[:4] - around(image[0] > 100)).max() <= 1.01, seed
    assert kept >= 8


@pytest.mark.parametrize("entry", [{"rotate": 40}, {"shear": 25}], ids=["rotate", "shear"])
def test_a_turned_box_is_that_around_the_turned_rectangle(entry: Any) -> None:
    inner = 0
    for seed in range(25):
        found = scenes(1, seed)
        found.images[found.images > 0] = 200
        image, rows = drawn(found, seed, entry)
        for row in objects(rows):
            seen = around(image[0] > 20)
            assert (row[:2] <= seen[:2] + 1.5).all() and (row[2:4] >= seen[2:] - 1.5).all()
            if seen.min() > 0 and seen[2] < WIDTH and seen[3] < HEIGHT:
                inner += 1
                assert abs(row[:4] - seen).max() <= 1.5
    assert inner >= 8


def test_boxes_of_which_a_quarter_is_left_stay() -> None:
    found, gone = scenes(1, 3), 0
    area = int((found.images[0, 0] > 0).sum())
    for seed in range(60):
        image, rows = drawn(found, seed, {"random_crop": 60})
        share = int((image[0] > 0).sum()) / area
        gone += share < 0.25
        assert len(objects(rows)) == (share >= 0.25)
    assert 5 < gone < 55


def test_what_several_changes_leave_is_counted_together() -> None:
    """Half a box is left twice: a quarter of it, at the least share; a bit less is too little."""
    rows = torch.tensor([[[80.0, 0, 96, 72, 1, 0], [40, 0, 96, 72, 2, 1]]])
    found = InMemory(torch.zeros(1, 3, HEIGHT, WIDTH, dtype=torch.uint8), rows)
    for seed in range(20):
        _, once = drawn(found, seed, {"random_crop": 12})
        _, twice = drawn(found, seed, {"random_crop": 12}, {"random_crop": 12})
        assert len(objects(twice)) <= len(objects(once))
        if len(objects(twice)) == 2:
            assert objects(twice)[1, 4:].tolist() == [2, 1]  # class and mark go with the box


def test_rows_that_go_leave_empty_rows_behind() -> None:
    rows = torch.tensor([[[0.0, 0, 10, 10, 4, 0], [40, 30, 60, 50, 5, 1], NONE]])
    found = InMemory(torch.zeros(1, 3, HEIGHT, WIDTH, dtype=torch.uint8), rows)
    _, moved = drawn(found, 0, {"zoom": [1.8, 1.8]})
    assert moved.shape == (3, 6)
    (left,) = objects(moved)
    middle = torch.tensor([WIDTH / 2, HEIGHT / 2] * 2)
    assert torch.allclose(left[:4], (rows[0, 1, :4] - middle) * 1.8 + middle)
    assert left[4:].tolist() == [5, 1]


def test_images_without_objects_are_changed_too() -> None:
    found = scenes(2)
    found.labels[:] = torch.tensor(NONE)
    everything = [*EXACT, {"rotate": 40}, {"shear": 25}, {"mosaic": 1}, "mixup"]
    ((images, rows),) = changed(found, *everything).batches([torch.tensor([0, 1])], CPU, 0, Draws(0, 0))
    assert images.shape == (2, 3, HEIGHT, WIDTH)
    assert rows.tolist() == [[NONE], [NONE]]


def test_a_part_is_chosen_by_boxes_as_torchvision_does() -> None:
    found = scenes(1)
    theirs = v2.RandomIoUCrop(sampler_options=[0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 1.0])
    boxes = tv_tensors.BoundingBoxes(found.labels[0, :, :4], format="XYXY", canvas_size=(HEIGHT, WIDTH))
    for seed in SEEDS:
        image, rows = drawn(found, seed, "iou_crop")
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(Draws(seed, 0).example(0))
            cut, left = v2.Compose([theirs, v2.Resize((HEIGHT, WIDTH))])(tv_tensors.Image(found.images[0]), boxes)
        assert torch.equal(image, cut.as_subclass(Tensor))
        assert torch.allclose(objects(rows)[:, :4], left.as_subclass(Tensor), atol=1e-4)


def test_a_mosaic_shows_four_images_and_their_boxes() -> None:
    found, shown = scenes(8), 0
    for seed in SEEDS:
        image, rows = drawn(found, seed, {"mosaic": {"p": 1, "scale": [0.4, 1.0], "fill": 0}})
        rows = objects(rows)
        for number in rows[:, 4].unique():
            boxes = rows[rows[:, 4] == number, :4]
            whole = torch.cat([boxes[:, :2].amin(0), boxes[:, 2:].amax(0)])
            bright = (image[0].int() - (40 + 24 * int(number))).abs() < 9
            bright[:, : max(0, int(whole[0]) - 2)] = False  # what is left of boxes that went
            bright[:, int(whole[2]) + 2 :] = False
            bright[: max(0, int(whole[1]) - 2)] = False
            bright[int(whole[3]) + 2 :] = False
            assert abs(whole - around(bright)).max() <= 1.6, (seed, number)
            shown += 1
    assert shown > 20


def test_entries_before_a_mosaic_change_each_of_its_images() -> None:
    found = scenes(8)
    found.images[:] = torch.arange(WIDTH, dtype=torch.uint8)
    image, _ = drawn(found, 1, {"mirror": {"p": 1}}, {"mosaic": {"p": 1, "scale": [1, 1], "fill": 200}})
    steps = image[0].int().diff(dim=1)
    assert (steps == -1).sum() > 0.95 * steps.numel()
    image, _ = drawn(found, 1, {"mosaic": {"p": 1, "scale": [1, 1], "fill": 200}})
    assert (image[0].int().diff(dim=1) == 1).sum() > 0.95 * steps.numel()


def test_mixup_joins_the_objects_of_two_images() -> None:
    found, group = scenes(6, most=2), torch.tensor([3, 1, 5])
    found.labels[1, 1] = torch.tensor([1.0, 2, 30, 40, 9, 1])
    ((images, rows),) = changed(found, "mixup").batches([group], CPU, 0, Draws(0, 0))
    plain, partners = found.images[group].double(), found.images[group.roll(1)].double()
    for image, own, other in zip(images.double(), plain, partners, strict=True):
        share = ((image - other) * (own - other)).sum() / (own - other).square().sum()
        assert 0 < share < 1
        assert torch.allclose(image, share * own + (1 - share) * other, atol=1e-3)
    assert [[int(row[4]) for row in one] for one in rows] == [[3, 5, -1], [1, 9, 3], [5, 1, 9]]
    assert torch.equal(rows[2, 1:], found.labels[1])
    ((images, rows),) = changed(found, {"mixup": {"p": 0}}).batches([group], CPU, 0, Draws(0, 0))
    assert torch.equal(images, found.images[group].float()) and torch.equal(rows, found.labels[group])
    ((images, rows),) = changed(found, "mixup").batches([group[:1]], CPU, 0, Draws(0, 0))
    assert torch.equal(images, found.images[group[:1]].float()) and len(objects(rows[0])) == 1


EVERYTHING = [
    "mirror",
    {"rotate": 10},
    "scale_jitter",
    "iou_crop",
    {"mosaic": 0.7},
    "zoom_out",
    "color_jitter",
    "mixup",
]


def bits(examples: Examples, groups: list[Tensor], workers: int, draws: Draws | None) -> list[tuple[bytes, bytes]]:
    found = examples.batches(groups, CPU, workers, draws)
    return [(images.numpy().tobytes(), rows.numpy().tobytes()) for images, rows in found]


def test_the_draw_follows_from_epoch_and_position_alone() -> None:
    found = changed(scenes(9), *EVERYTHING)
    assert isinstance(found, Augmented)
    groups = list(torch.randperm(9, generator=torch.Generator().manual_seed(1)).split(4))
    before = torch.default_generator.get_state()
    first = bits(found, groups, 0, Draws(0, 0))
    assert torch.equal(torch.default_generator.get_state(), before)
    torch.rand(7)
    assert bits(found, groups, 2, Draws(0, 0)) == first
    assert bits(found, groups[1:], 0, Draws(0, 0)) == first[1:]
    assert all(a != b for a, b in zip(bits(found, groups, 0, Draws(0, 1)), first, strict=True))
    assert bits(found, groups, 0, None) == bits(scenes(9), groups, 0, None)


def targets(kind: str) -> InMemory:
    """One image with targets of other kinds: all of them tell of the same rectangle."""
    found = scenes(1, 5)
    found.images[found.images > 0] = 200
    x1, y1, x2, y2 = found.labels[0, 0, :4].tolist()
    if kind == "points":
        return InMemory(found.images, torch.tensor([[[x1, y1, 7], [x2, y1, 8], [x2, y2, 9], [x1, y2, 10]]]))
    return InMemory(found.images, (found.images[:, 0] > 0).to(torch.uint8))


@pytest.mark.parametrize("entry", [*EXACT[:9], {"rotate": 40}, {"shear": 25}], ids=str)
def test_points_and_masks_go_the_same_way(entry: Any) -> None:
    if "iou_crop" in entry:
        return
    for seed in range(6):
        image, mask = drawn(targets("masks"), seed, entry, kind=KINDS["masks"])
        assert mask.dtype == torch.uint8 and set(mask.unique().tolist()) <= {0, 1, 255}
        differ = (mask == 1) != (image[0] > 100)
        assert differ.float().mean() < 0.03
        again, points = drawn(targets("points"), seed, entry, kind=KINDS["points"])
        assert torch.equal(again, image)
        inside = (points[:, :2] >= 0).all(1) & (points[:, :2] <= torch.tensor([WIDTH, HEIGHT])).all(1)
        assert points[:, 2].tolist() == (inside * torch.tensor([7, 8, 9, 10])).tolist()
        if (points[:, :2] > 3).all() and (points[:, :2] < torch.tensor([WIDTH - 3, HEIGHT - 3])).all():
            seen = around(image[0] > (20 if "rotate" in entry or "shear" in entry else 100))
            spread = torch.cat([points[:, :2].amin(0), points[:, :2].amax(0)])
            assert abs(spread - seen).max() <= (4 if "local_warp" in entry else 1.6)


@pytest.mark.parametrize("direction", ["horizontal", "vertical"])
def test_a_mirrored_left_eye_is_a_right_one(direction: str) -> None:
    plain = torch.tensor([[[10.0, 20, 1], [60, 30, 1], [40, 50, 0], [90, 9, 1]]])
    found = InMemory(torch.zeros(1, 3, HEIGHT, WIDTH, dtype=torch.uint8), plain)
    names = ["left_eye", "right_eye", "nose", "left_ear"]
    for p in (1, 0):
        examples = changed(found, {"mirror": {"direction": direction, "p": p}}, kind=kind_of(Target.POINTS, names))
        ((_, points),) = examples.batches([torch.tensor([0])], CPU, 0, Draws(0, 0))
        wanted = plain[0].clone()
        if p:
            axis = 0 if direction == "horizontal" else 1
            wanted[:, axis] = (WIDTH, HEIGHT)[axis] - wanted[:, axis]
            wanted = wanted[[1, 0, 2, 3]]
        assert torch.equal(points[0], wanted)


@pytest.mark.parametrize(
    ("entry", "kind", "told"),
    [
        ("cutmix", "boxes", "cutmix mixes classes by their areas, and this data has boxes as targets"),
        ({"random_crop": {"padding": 4, "mode": "reflect"}}, "boxes", "mirror things at the edge without their boxes"),
        ({"mosaic": 1}, "classes", "mosaic joins the boxes of four images, and this data has classes as targets"),
        ("iou_crop", "points", "chooses a part of an image by its boxes, and this data has points"),
        ("mixup", "masks", "and this data has masks as targets"),
    ],
    ids=str,
)
def test_what_targets_cannot_go_with_is_told_at_its_place(entry: Any, kind: str, told: str) -> None:
    found = scenes(1) if kind == "boxes" else targets(kind)
    if kind == "classes":
        found = InMemory(found.images, torch.zeros(1, dtype=torch.int64))
    with pytest.raises(SpecError, match="E639") as caught:
        changed(found, "mirror", entry, kind=KINDS[kind])
    assert told in str(caught.value)


def test_a_mosaic_of_mosaics_is_told() -> None:
    with pytest.raises(SpecError, match="E639") as caught:
        changed(scenes(2), "mosaic", "mirror", "mosaic")
    assert "a second mosaic would take 16 images for one" in str(caught.value)


def test_edges_are_repeated_around_boxes() -> None:
    found = scenes(1, 2)
    found.images[found.images > 0] = 200
    image, rows = drawn(found, 1, {"random_crop": {"padding": 6, "mode": "edge"}})
    (row,) = objects(rows)
    assert abs(row[:4] - around(image[0] > 100)).max() <= 6
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(Draws(1, 0).example(0))
        assert torch.equal(image, v2.RandomCrop((HEIGHT, WIDTH), 6, padding_mode="edge")(found.images[0]))


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 7), (3, 2), (5, 40)])
def test_the_smallest_images_can_be_changed(height: int, width: int) -> None:
    rng = torch.Generator().manual_seed(0)
    corners = torch.rand(4, 3, 2, 2, generator=rng) * torch.tensor([width, height])
    rows = torch.cat([corners.amin(2), corners.amax(2), torch.ones(4, 3, 1), torch.zeros(4, 3, 1)], dim=2)
    found = InMemory(torch.zeros(4, 3, height, width, dtype=torch.uint8), rows)
    entries = ["resized_crop", "rotate", "shear", "zoom", "shift", "scale_jitter", "iou_crop"]
    section = [*entries, {"mosaic": 1}, {"zoom_out": {"p": 1}}, "mirror", "color_jitter", "erase", "blur", "mixup"]
    made = load_run({"model": "x", "augment": section}).run.augment
    for entry in [[one] for one in made[:-5]] + [made]:
        for seed in range(8):
            examples = augmented(found, entry, Frame(3, height, width), "ab", BOXES)
            ((images, moved),) = examples.batches([torch.arange(4)], CPU, 0, Draws(seed, 0))
            assert images.shape == (4, 3, height, width)
            left = moved[moved[..., 4] >= 0]
            assert (left[:, :2] >= 0).all() and (left[:, 2:4] <= torch.tensor([width, height])).all()
            assert (left[:, 2:4] - left[:, :2] >= 1 - 1e-5).all()
