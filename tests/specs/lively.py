"""Random weights under which outputs depend on the image: with most others hardly a trace of it reaches the end of a
deep network, and equal outputs would say nothing of the layers before them."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def enliven(network: nn.Module, images: Tensor) -> nn.Module:
    """Random weights and statistics for every normalisation, near those of what it sees of the images (N, C, H, W)."""
    hooks = [m.register_forward_pre_hook(_settle) for m in network.modules() if isinstance(m, nn.BatchNorm2d)]
    with torch.inference_mode():
        network(images)
    for hook in hooks:
        hook.remove()
    return network


def _settle(norm: nn.BatchNorm2d, inputs: tuple[Tensor, ...]) -> None:
    variance, mean = torch.var_mean(inputs[0], (0, 2, 3))
    with torch.no_grad():
        norm.running_mean.copy_(mean + variance.sqrt() * torch.randn_like(mean) / 3)
        norm.running_var.copy_(variance * torch.empty_like(variance).uniform_(0.5, 1.5) + 1e-4)
        norm.weight.uniform_(0.5, 1.5)
        norm.bias.normal_(0, 0.3)


def difference(expected: Tensor, found: Tensor) -> float:
    """The largest difference of two outputs (N, …), as a share of the largest value expected.

    Raises AssertionError where the first two images give nearly equal outputs.
    """
    assert expected.shape == found.shape
    largest = expected.abs().max()
    assert (expected[0] - expected[1]).abs().max() > 1e-3 * largest, "the image is hardly seen"
    return float((expected - found).abs().max() / largest)
