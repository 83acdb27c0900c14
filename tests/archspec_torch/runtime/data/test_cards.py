"""Digit cards: exact corners, splits of digits, the same for the same seed."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from matplotlib.path import Path as Polygon

from archspec.cli import main
from archspec.errors import SpecError
from archspec.run import load_run
from archspec_torch.runtime.data import Pointed, open_source
from archspec_torch.runtime.data.cards import CORNERS, Cards
from archspec_torch.runtime.images import Frame

FRAME = Frame(1, 64, 80)


def opened(**keys: object) -> Cards:
    data = {"kind": "digit_cards", "train": 12, "val": 4, "test": 4, **keys}
    run = load_run({"model": "lenet5", "data": data})
    found = open_source(run.run.data, lambda *loc: run.span("data", *loc))
    assert isinstance(found, Cards)
    return found


def made(frame: Frame = FRAME, **keys: object) -> Pointed:
    return opened(**keys).load("train", frame, lambda told: pytest.fail(str(told)))


def test_corners_bound_the_card_and_nothing_else() -> None:
    """Without noise what is more than a pixel outside the four corners is the ground's plane, and a rim more than a
    pixel inside is not."""
    part = made(noise=0.0, scale=[0.7, 0.9])
    y, x = np.mgrid[: FRAME.height, : FRAME.width] + 0.5
    middles = np.stack([x.ravel(), y.ravel()], 1)
    for image, points in zip(part.examples.images, part.labels, strict=True):
        corners, pixels = points[:, :2].numpy(), image[0].numpy().astype(float).ravel()
        centre = corners.mean(0)

        def grown(by: float, corners: np.ndarray = corners, centre: np.ndarray = centre) -> np.ndarray:
            away = corners - centre
            return Polygon(centre + away * (1 + by / np.linalg.norm(away, axis=1, keepdims=True))).contains_points(
                middles
            )

        outside = ~grown(3)  # 3 pixels at a corner are more than 1 at a side
        terms = np.stack([np.ones(len(middles)), *middles.T], 1)
        plane = terms @ np.linalg.lstsq(terms[outside], pixels[outside], rcond=None)[0]
        far = np.abs(pixels - plane)
        assert far[outside].max() <= 1
        rim = grown(-2) & ~grown(-4)
        assert far[rim].min() > 15
        assert points[:, 2].tolist() == [1.0] * 4 and (corners >= 0).all()
        assert (corners <= [FRAME.width, FRAME.height]).all()


def test_the_area_of_the_card_is_that_of_its_corners() -> None:
    """A card of full cover counts 1 a pixel: the sum is the area of the polygon by the shoelace formula."""
    from archspec_torch.runtime.data.cards import UNIT, _covered, _moved

    source = opened()
    for number in range(4):
        seen = source._seen(source._draws(("train", number)), FRAME)
        x, y = _moved(seen, UNIT).T
        area = abs(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2
        card, ink = _covered(seen, np.ones((8, 8), np.float32), FRAME)
        assert card.sum() == pytest.approx(area, rel=0.01)
        assert (ink <= card + 1e-6).all() and ink.sum() > 0.2 * area


def test_corners_are_named_as_the_reader_has_them() -> None:
    """Turned little, left is left and top is top; turned by half a circle they are on the other sides."""
    upright = made(turn=20).labels
    assert CORNERS == ("left top", "right top", "right bottom", "left bottom")
    assert (upright[:, 0, 0] < upright[:, 1, 0]).all() and (upright[:, 0, 1] < upright[:, 3, 1]).all()
    turned = made(turn=180, train=40).labels
    assert (turned[:, 0, 0] > turned[:, 1, 0]).any() and (turned[:, 0, 1] > turned[:, 3, 1]).any()


def test_canvases_follow_from_the_seed_and_digits_are_in_one_split() -> None:
    first, again, other = made(), made(), made(seed=1)
    assert torch.equal(first.examples.images, again.examples.images) and torch.equal(first.labels, again.labels)
    assert not torch.equal(first.labels, other.labels)
    images = {split: {ink.tobytes() for ink in digits} for split, (digits, _) in opened().digits.items()}
    assert not images["train"] & images["test"] and not images["train"] & images["val"]
    assert opened().labels_of("val").shape == (4, 4, 3)


def test_what_cannot_be_made_is_told(tmp_path, capsys) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(SpecError, match=r"E649.*digits of 4\.2 pixels"):
        made(Frame(1, 16, 16), scale=[0.5, 0.6])
    (tmp_path / "run.yaml").write_text("model: lenet5\ndata: {kind: digit_cards, scale: [0.9, 0.5]}\n")
    assert main(["data", "check", str(tmp_path / "run.yaml")]) == 1
    assert "scale goes from the least to the most, not from 0.9 to 0.5" in capsys.readouterr().err
