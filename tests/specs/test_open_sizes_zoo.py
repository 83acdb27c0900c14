"""The zoo with its image size left open, against torch: one module, many sizes, on tensors without data.

The module itself never hears of formulas: what it gives at a size, or that it cannot run there, is torch's word.
"""

from __future__ import annotations

import random

import pytest
import torch

import archspec
from archspec.close import close
from archspec.errors import SpecError
from archspec.infer import infer
from archspec.passes.deploy import deploy

QUICK = (
    "resnet18",
    "se_resnet50",
    "inception_v3",
    "densenet121",
    "efficientnet_b0",
    "unet",
    "unet_same",
    "fcn_resnet50",
)
MORE = (
    "blur_gaussian_5",
    "googlenet_bn",
    "inception_resnet_v2",
    "inception_v4",
    "mobilenet_v1",
    "mobilenet_v2",
    "nin",
    "resnet20_cifar",
    "resnext50_32x4d",
    "senet154",
    "sobel",
)


def run(model: torch.nn.Module, channels: int, height: int, width: int) -> tuple[int, ...] | None:
    """Shape of what the module gives, None where torch refuses; archspec's own check left out."""
    model.__dict__["_admission"] = lambda *_: None
    with torch.device("meta"), torch.no_grad():
        try:
            return tuple(model(torch.empty(1, channels, height, width)).shape[1:])
        except RuntimeError:
            return None


def agrees(name: str, tries: int) -> None:
    fixed = archspec.load(name)
    channels = fixed.types["input"][0].channels
    graph = archspec.load(name, input=f"{channels}xHxW")
    graph = infer(deploy(graph))  # training heads ask for more
    (tap,) = graph.outputs.values()
    output = graph.type_of(tap)
    with torch.device("meta"):
        model = archspec.compile(graph).eval()
    draw = random.Random(name)
    least = graph.sizes["H"].first
    sizes = [(least, least), (least, least + 7), (least + 5, least), (3 * least + 1, 2 * least + 33)]
    sizes += [(draw.randint(least, 4 * least + 70), draw.randint(least, 4 * least + 70)) for _ in range(tries)]
    for height, width in sizes:
        there = {"H": height, "W": width}
        expected = run(model, channels, height, width)
        fits = height in graph.sizes["H"] and width in graph.sizes["W"]
        assert fits == (expected is not None), there
        if fits:
            assert output.at(there).shape == expected, there
    for height, width in ((least - 1, least + 40), (least + 40, least - 1)) if least > 1 else ():
        assert run(model, channels, height, width) is None
        with pytest.raises(SpecError, match="E319"):
            close(graph, {"H": height, "W": width})
        with pytest.raises(SpecError, match="E31"):
            archspec.load(name, input=[channels, height, width])


@pytest.mark.parametrize("name", QUICK)
def test_at_every_size_torch_agrees(name: str) -> None:
    agrees(name, tries=4)


@pytest.mark.slow
@pytest.mark.parametrize("name", [*QUICK, *MORE])
def test_at_many_sizes_torch_agrees(name: str) -> None:
    agrees(name, tries=40)


def test_one_module_for_all_sizes_refuses_those_that_do_not_fit() -> None:
    model = archspec.compile(archspec.load("unet", input="1xHxW")).eval()
    with torch.no_grad():
        assert model(torch.zeros(1, 1, 188, 204)).shape == (1, 2, 4, 20)
    with pytest.raises(SpecError, match=r"E319: H = 187, W = 204 does not fit: .*kernel 3 does not fit height 2"):
        model(torch.zeros(1, 1, 187, 204))


def test_the_same_weights_at_every_size() -> None:
    fixed, left_open = archspec.load("resnet18"), archspec.load("resnet18", input="3xHxW")
    with torch.device("meta"):
        a, b = archspec.compile(fixed).state_dict(), archspec.compile(left_open).state_dict()
    assert {k: v.shape for k, v in a.items()} == {k: v.shape for k, v in b.items()}
