"""The weights that `diff` says load are those that torch loads."""

from __future__ import annotations

import pytest

import archspec


@pytest.mark.parametrize(
    ("one", "other"), [("resnet18", "resnet34"), ("vgg11", "vgg13"), ("googlenet", "googlenet_bn")]
)
def test_the_tensors_that_load_are_those_that_torch_takes(one, other):
    before, after = archspec.load(one), archspec.load(other)
    theirs, ours = (archspec.compile(graph).state_dict() for graph in (before, after))
    found = archspec.diff(before, after).loading
    assert set(found.fits) == {key for key in theirs if key in ours and theirs[key].shape == ours[key].shape}
    assert {key for key, _, _ in found.misfits} == {
        key for key in theirs if key in ours and theirs[key].shape != ours[key].shape
    }
    assert {*found.unused, *(old for old, _ in found.renamed)} == theirs.keys() - ours.keys()
    assert found.values == sum(tensor.numel() for tensor in ours.values())
