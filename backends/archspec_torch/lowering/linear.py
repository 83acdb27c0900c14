"""Fully connected layers as torch modules."""

from __future__ import annotations

from torch import nn

from archspec.ops.linear import Linear
from archspec_torch.lowering.base import Site, lowers
from archspec_torch.lowering.initial import initialise


@lowers(Linear)
def linear(site: Site[Linear]) -> nn.Module:
    """`nn.Linear`."""
    op, features = site.op, site.inputs[0].channels
    module = nn.Linear(features, op.out, op.bias)
    initialise(module, op.init, features, op.out)
    return module
