"""Networks of torchvision and timm by the names that the zoo gives them, and sizes of images they can be tried on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import timm
import torch
import torchvision
from lively import enliven
from torch import nn


@dataclass(frozen=True)
class Reference:
    """Whose network it is (the name of the shipped key map), how it is made, and a small image for it."""

    source: str
    make: Callable[[], nn.Module]
    size: int
    in_training: int | None = None
    """An image that the heads used only in training take; None where there are none."""


def of_torchvision(name: str, size: int, in_training: int | None = None, **options: object) -> Reference:
    return Reference(
        "torchvision", lambda: torchvision.models.get_model(name, weights=None, **options), size, in_training
    )


def of_timm(name: str, size: int) -> Reference:
    return Reference("timm", lambda: timm.create_model(name), size)


VGG = ("vgg11", "vgg13", "vgg16", "vgg19", "vgg11_bn", "vgg13_bn", "vgg16_bn", "vgg19_bn")
RESNETS = ("resnet18", "resnet34", "resnet50", "resnet101", "resnet152", "resnext50_32x4d", "resnext101_32x8d")
SE = {
    "se_resnet50": "legacy_seresnet50",
    "se_resnet101": "legacy_seresnet101",
    "se_resnet152": "legacy_seresnet152",
    "se_resnext50_32x4d": "legacy_seresnext50_32x4d",
    "se_resnext101_32x4d": "legacy_seresnext101_32x4d",
    "senet154": "legacy_senet154",
}

REFERENCES: dict[str, Reference] = {
    "alexnet": of_torchvision("alexnet", 224),
    **{name: of_torchvision(name, 224) for name in VGG},
    "googlenet_bn": of_torchvision("googlenet", 96, 96, init_weights=False),
    "inception_v3": of_torchvision("inception_v3", 139, 299, init_weights=False),
    **{name: of_torchvision(name, 65) for name in RESNETS},
    **{name: of_torchvision(name, 64) for name in ("densenet121", "densenet169", "densenet201")},
    "mobilenet_v2": of_torchvision("mobilenet_v2", 64),
    **{f"efficientnet_b{i}": of_torchvision(f"efficientnet_b{i}", 64) for i in range(8)},
    "fcn_resnet50": of_torchvision("fcn_resnet50", 65, weights_backbone=None, num_classes=21),
    "inception_v4": of_timm("inception_v4", 139),
    "inception_resnet_v2": of_timm("inception_resnet_v2", 139),
    "mobilenet_v1": of_timm("mobilenetv1_100", 64),
    **{name: of_timm(theirs, 65) for name, theirs in SE.items()},
}

FAMILIES = (
    *("alexnet", "vgg11_bn", "googlenet_bn", "resnet18", "resnet50", "resnext50_32x4d", "densenet121"),
    *("mobilenet_v1", "mobilenet_v2", "efficientnet_b0", "se_resnet50"),
)
"""One of each kind, tried whenever the tests run; the others are slow."""


def seeded(reference: Reference) -> nn.Module:
    """The network with random weights in every layer, those of the heads for training too, in evaluation mode."""
    size = reference.in_training or reference.size
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = reference.make().eval()
        network.training = reference.in_training is not None
        enliven(network, torch.rand(4 if size < 200 else 2, 3, size, size))
    return network.eval()
