"""Augmentation against torchvision's own transforms and numpy's covariance; where its random numbers come from."""

from __future__ import annotations

from typing import Any

import numpy
import pytest
import torch
from torch import Tensor
from torchvision.transforms import v2

from archspec.errors import SpecError
from archspec.run import load_run
from archspec_torch.runtime.augment import Augmented, augmented, components_of, kind_of
from archspec_torch.runtime.data import Draws, Examples, InMemory, Target
from archspec_torch.runtime.images import Frame

CPU = torch.device("cpu")
BILINEAR = v2.InterpolationMode.BILINEAR
EVERYTHING = [
    "mirror",
    {"random_crop": 2},
    "rotate",
    "zoom",
    "color_jitter",
    "pca_color",
    {"local_warp": {"alpha": 10, "sigma": 2}},
    "erase",
    "blur",
    "mixup",
    "cutmix",
]


def examples(n: int = 12, channels: int = 3, height: int = 16, width: int = 20) -> InMemory:
    generator = torch.Generator().manual_seed(n)
    images = torch.randint(0, 256, (n, channels, height, width), dtype=torch.uint8, generator=generator)
    return InMemory(images, torch.arange(n) % 4)


def changed(found: InMemory, *entries: Any) -> Examples:
    section = load_run({"model": "x", "augment": list(entries)}).run.augment
    _, channels, height, width = found.images.shape
    return augmented(found, section, Frame(channels, height, width), "abcd", kind_of(Target.CLASS, "abcd"))


def one(entry: Any, channels: int = 3) -> tuple[Tensor, Tensor, int]:
    """An image, what became of it, and the seed that was drawn for it."""
    found, draws = examples(channels=channels), Draws(0, 0)
    ((images, _),) = changed(found, entry).batches([torch.tensor([5])], CPU, 0, draws)
    return found.images[5], images[0], draws.example(5)


@pytest.mark.parametrize(
    ("entry", "theirs"),
    [
        ("mirror", v2.RandomHorizontalFlip(0.5)),
        ({"mirror": {"direction": "vertical", "p": 1}}, v2.RandomVerticalFlip(1.0)),
        ({"random_crop": 3}, v2.RandomCrop((16, 20), padding=3)),
        ({"random_crop": {"padding": 15, "mode": "reflect"}}, v2.RandomCrop((16, 20), 15, padding_mode="reflect")),
        ({"resized_crop": [0.2, 0.5]}, v2.RandomResizedCrop((16, 20), (0.2, 0.5))),
        ({"rotate": {"degrees": 30, "fill": 9}}, v2.RandomRotation(30, BILINEAR, fill=9)),
        ({"shear": 20}, v2.RandomAffine(0, shear=(-20, 20, -20, 20), interpolation=BILINEAR)),
        ({"zoom": [1.1, 1.4]}, v2.RandomAffine(0, scale=(1.1, 1.4), interpolation=BILINEAR)),
        ({"shift": 0.3}, v2.RandomAffine(0, translate=(0.3, 0.3), interpolation=BILINEAR)),
        ({"color_jitter": {"hue": 0.2}}, v2.ColorJitter(0.2, 0.2, 0.2, 0.2)),
        ({"local_warp": {"alpha": 20, "sigma": 2}}, v2.ElasticTransform(20.0, 2.0)),
        ({"erase": 1}, v2.RandomErasing(1.0)),
        ({"blur": {"sigma": [1, 2], "p": 1}}, v2.RandomApply([v2.GaussianBlur(13, (1.0, 2.0))], 1.0)),
    ],
    ids=str,
)
@pytest.mark.parametrize("channels", [1, 3])
def test_an_image_is_changed_as_torchvision_does(entry: Any, theirs: Any, channels: int) -> None:
    image, ours, seed = one(entry, channels)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        expected = theirs(image)
    assert ours.dtype == torch.uint8
    assert torch.equal(ours, expected)


def test_colours_are_shifted_along_numpy_s_components() -> None:
    found = examples()
    pixels = found.images.transpose(0, 1).reshape(3, -1).double().numpy() / 255
    covariance = numpy.cov(pixels, bias=True)
    components = components_of(found.histogram(), found.products())
    vectors, variances = components.vectors.numpy(), components.variances.numpy()
    assert numpy.allclose(vectors @ numpy.diag(variances) @ vectors.T, covariance, atol=1e-12)
    assert list(variances) == sorted(variances, reverse=True)
    image, ours, seed = one({"pca_color": 0.5})
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        alphas = 0.5 * torch.randn(3).numpy()
    shift = 255 * (vectors @ (alphas * variances))
    expected = numpy.clip(numpy.rint(image.numpy() + shift[:, None, None]), 0, 255)
    assert abs(ours.numpy() - expected).max() <= 1  # a sum in float32 may fall on the other side of a half
    assert (ours.numpy() == expected).mean() > 0.99
    assert abs(shift).max() > 1


@pytest.mark.parametrize(("word", "kind"), [("mixup", v2.MixUp), ("cutmix", v2.CutMix)])
def test_batches_are_mixed_as_torchvision_does(word: str, kind: Any) -> None:
    found, draws, group = examples(), Draws(3, 1), torch.tensor([7, 2, 4])
    ((images, labels),) = changed(found, {word: 0.7}).batches([group], CPU, 0, draws)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(draws.batch(7))
        torch.randint(1, ())  # which of the mixes it is
        expected, shares = kind(alpha=0.7, num_classes=4)(found.images[group].float(), found.labels[group])
    assert torch.equal(images, expected) and torch.equal(labels, shares)
    assert labels.shape == (3, 4) and torch.allclose(labels.sum(1), torch.ones(3))


def pictures(examples: Examples, groups: list[Tensor], workers: int, draws: Draws | None) -> list[tuple[bytes, bytes]]:
    found = examples.batches(groups, CPU, workers, draws)
    return [(images.numpy().tobytes(), labels.numpy().tobytes()) for images, labels in found]


def test_the_draw_follows_from_epoch_and_position_alone() -> None:
    found = changed(examples(), *EVERYTHING)
    groups = list(torch.randperm(12, generator=torch.Generator().manual_seed(1)).split(5))
    before = torch.default_generator.get_state()
    first = pictures(found, groups, 0, Draws(0, 0))
    assert torch.equal(torch.default_generator.get_state(), before)  # dropout goes on as if nothing had been drawn
    torch.rand(7)
    assert pictures(found, groups, 2, Draws(0, 0)) == first
    assert pictures(found, groups[1:], 0, Draws(0, 0)) == first[1:]  # a run that goes on in mid-epoch
    assert all(a != b for a, b in zip(pictures(found, groups, 0, Draws(0, 1)), first, strict=True))
    assert all(a != b for a, b in zip(pictures(found, groups, 0, Draws(1, 0)), first, strict=True))


def test_without_draws_nothing_is_changed() -> None:
    plain, groups = examples(), [torch.tensor([0, 1]), torch.tensor([2])]
    assert pictures(changed(plain, *EVERYTHING), groups, 0, None) == pictures(plain, groups, 0, None)
    assert changed(plain) is plain
    assert isinstance(changed(plain, "mirror"), Augmented)


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ({"random_crop": {"padding": 16, "mode": "reflect"}}, "cannot mirror 16 pixels at the edge of images of 16×20"),
        ({"random_crop": {"padding": 16}}, "a padding of 16 may show nothing of images of 16×20"),
        ({"local_warp": {"sigma": 4}}, "smooths over 16 pixels to each side, and images of 16 cannot"),
    ],
)
def test_images_that_are_too_small_are_told(entry: Any, told: str) -> None:
    with pytest.raises(SpecError, match="E638") as caught:
        changed(examples(), entry)
    assert told in str(caught.value)


def test_the_smallest_images_can_be_blurred_and_warped() -> None:
    small = InMemory(torch.zeros(2, 1, 2, 2, dtype=torch.uint8), torch.zeros(2, dtype=torch.int64))
    ((images, _),) = changed(small, "blur", {"local_warp": {"sigma": 0.2}}).batches(
        [torch.arange(2)], CPU, 0, Draws(0, 0)
    )
    assert images.shape == (2, 1, 2, 2)
