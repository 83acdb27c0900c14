"""Test-time augmentation against torchvision's crops."""

from __future__ import annotations

import pytest
import torch
from torchvision.transforms.v2 import functional as tv

from archspec.errors import SpecError
from archspec_torch.runtime.evaluation.together import mean_probabilities, votes
from archspec_torch.runtime.evaluation.views import centre, passes, ten
from archspec_torch.runtime.images import Frame

IMAGES = torch.arange(2 * 3 * 16 * 18, dtype=torch.uint8).view(2, 3, 16, 18)


def test_ten_crops_are_torchvision_s() -> None:
    ours = {tuple(crop.flatten().tolist()) for crop in ten(IMAGES, 14, 16)}
    theirs = {tuple(crop.flatten().tolist()) for crop in tv.ten_crop(IMAGES, [14, 16])}
    assert len(ours) == 10
    assert ours == theirs


def test_the_centre_is_torchvision_s() -> None:
    assert torch.equal(centre(IMAGES, 14, 16)[0], tv.center_crop(IMAGES, [14, 16]))


def test_crops_come_from_larger_images() -> None:
    frame = Frame(3, 224, 224)
    assert [one.frame(frame).height for one in passes("ten_crop")] == [256]
    assert [one.frame(frame).height for one in passes("multi_scale")] == [224, 192, 256]
    assert [one.frame(frame) for one in passes("none")] == [frame]
    assert passes("multi_scale")[1].frame(Frame(1, 1, 3)) == Frame(1, 1, 2), "a pixel smaller, where there is one"
    tiny = passes("ten_crop")[0].frame(Frame(1, 3, 5))
    assert (tiny.height, tiny.width) == (4, 6), "a pixel larger at least"


def test_an_unknown_augmentation_is_told() -> None:
    with pytest.raises(SpecError, match="ten_crop"):
        passes("tencrop")


def test_probabilities_are_averaged_not_their_logarithms() -> None:
    a, b = torch.tensor([[0.9, 0.1]]), torch.tensor([[0.2, 0.8]])
    assert torch.allclose(mean_probabilities([a.log(), b.log()]).exp(), torch.tensor([[0.55, 0.45]]))


def test_votes_count_before_probabilities() -> None:
    """Two of three are for the second class, though the mean probability is for the first."""
    p = torch.tensor([[[0.98, 0.01, 0.01]], [[0.4, 0.5, 0.1]], [[0.4, 0.5, 0.1]]])
    assert int(mean_probabilities(list(p.log())).argmax()) == 0
    found = votes(list(p.log())).exp()
    assert int(found.argmax()) == 1
    assert torch.allclose(found, torch.tensor([[1.593333, 2.336667, 0.07]]) / 4, atol=1e-5)


def test_probabilities_decide_where_votes_are_even() -> None:
    p = torch.tensor([[[0.6, 0.4]], [[0.1, 0.9]]])
    assert int(votes(list(p.log())).argmax()) == 1
