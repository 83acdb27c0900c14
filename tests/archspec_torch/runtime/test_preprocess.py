"""Mean and deviation against numpy; what is stored is what is read."""

from __future__ import annotations

import json
from pathlib import Path

import numpy
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from archspec.errors import SpecError
from archspec_torch.runtime.data import InMemory
from archspec_torch.runtime.images import Frame
from archspec_torch.runtime.preprocess import Normalize, Preprocessing, read_preprocessing, statistics


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 6), st.sampled_from([1, 3]))
def test_statistics_are_numpy_s(seed: int, n: int, channels: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    images = torch.randint(0, 256, (n, channels, 5, 4), generator=generator, dtype=torch.uint8)
    mean, std = statistics(InMemory(images, torch.zeros(n, dtype=torch.int64)).histogram())
    values = images.numpy().astype(float) / 255
    assert numpy.allclose(mean, values.mean((0, 2, 3)), rtol=1e-12)
    assert numpy.allclose(std, values.std((0, 2, 3)), rtol=1e-9)


def test_a_channel_that_never_changes_is_only_shifted() -> None:
    images = torch.full((3, 1, 4, 4), 51, dtype=torch.uint8)
    mean, std = statistics(InMemory(images, torch.zeros(3, dtype=torch.int64)).histogram())
    assert (mean, std) == ((0.2,), (1.0,))
    normalize = Normalize(Preprocessing(Frame(1, 4, 4), mean, std, ("a", "b")), torch.device("cpu"))
    assert normalize(images).abs().max() < 1e-6


def test_normalized_training_images_have_mean_0_and_deviation_1() -> None:
    images = torch.randint(0, 200, (50, 3, 6, 6), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    found = statistics(InMemory(images, torch.zeros(50, dtype=torch.int64)).histogram())
    normalized = Normalize(Preprocessing(Frame(3, 6, 6), *found, ("a", "b")), torch.device("cpu"))(images)
    assert normalized.dtype == torch.float32
    assert normalized.mean((0, 2, 3)).abs().max() < 1e-5
    assert (normalized.std((0, 2, 3), correction=0) - 1).abs().max() < 1e-5


def test_stored_and_read(tmp_path: Path) -> None:
    written = Preprocessing(Frame(3, 6, 7, "crop"), (0.1, 0.2, 1 / 3), (0.5, 0.25, 0.125), ("é", "b"))
    written.write(tmp_path / "p.json")
    assert read_preprocessing(tmp_path / "p.json") == written
    assert [path.name for path in tmp_path.iterdir()] == ["p.json"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"std": [0.5, 0.0, 0.1]}, "std.1: Input should be greater than 0"),
        ({"mean": [0.1]}, "1 means and 3 deviations for 3 channels"),
        ({"channels": 2}, "channels: Input should be 1 or 3"),
        ({"classes": []}, "classes: List should have at least 1 item"),
        ({"more": 1}, "more: Extra inputs"),
        ("not json", "Expecting value"),
        (b"\xff\xfe", "codec can't decode"),
    ],
)
def test_a_damaged_file_is_refused(tmp_path: Path, change: object, reason: str) -> None:
    path = tmp_path / "p.json"
    Preprocessing(Frame(3, 6, 7), (0.1,) * 3, (0.5,) * 3, ("a", "b")).write(path)
    if isinstance(change, dict):
        path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    else:
        path.write_bytes(change if isinstance(change, bytes) else str(change).encode())
    with pytest.raises(SpecError, match="E607") as caught:
        read_preprocessing(path)
    assert reason in str(caught.value)
