"""Networks as their papers describe them, built by hand in torch where no library has them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def mlp() -> nn.Module:
    """Two layers on an image of 32×32 in three colours."""
    return nn.Sequential(nn.Flatten(), nn.Linear(3072, 50), nn.ReLU(), nn.Linear(50, 10))


def cifar_pattern() -> nn.Module:
    """INPUT, CONV, RELU, POOL, FC."""
    return nn.Sequential(nn.Conv2d(3, 12, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(3072, 10))


def lenet5() -> nn.Module:
    """LeCun et al. 1998, figure 2, every map of C3 seeing all of S2, the subsampling without weights."""
    return nn.Sequential(
        *(nn.Conv2d(1, 6, 5), nn.Tanh(), nn.AvgPool2d(2), nn.Conv2d(6, 16, 5), nn.Tanh(), nn.AvgPool2d(2)),
        *(nn.Flatten(), nn.Linear(400, 120), nn.Tanh(), nn.Linear(120, 84), nn.Tanh(), nn.Linear(84, 10)),
    )


def alexnet_2012() -> nn.Module:
    """Krizhevsky et al. 2012, section 3.5. torch divides α by the size: 1e-4 · 5."""
    norm = {"size": 5, "alpha": 5e-4, "beta": 0.75, "k": 2.0}
    return nn.Sequential(
        *(nn.Conv2d(3, 96, 11, 4), nn.ReLU(), nn.LocalResponseNorm(**norm), nn.MaxPool2d(3, 2)),
        *(nn.Conv2d(96, 256, 5, padding=2, groups=2), nn.ReLU(), nn.LocalResponseNorm(**norm), nn.MaxPool2d(3, 2)),
        *(nn.Conv2d(256, 384, 3, padding=1), nn.ReLU(), nn.Conv2d(384, 384, 3, padding=1, groups=2), nn.ReLU()),
        *(nn.Conv2d(384, 256, 3, padding=1, groups=2), nn.ReLU(), nn.MaxPool2d(3, 2), nn.Flatten()),
        *(nn.Linear(9216, 4096), nn.ReLU(), nn.Linear(4096, 4096), nn.ReLU(), nn.Linear(4096, 1000)),
    )


def zfnet() -> nn.Module:
    """Zeiler and Fergus 2013, figure 3. torch divides α by the size: 1e-4 · 5."""
    norm = {"size": 5, "alpha": 5e-4, "beta": 0.75, "k": 2.0}
    return nn.Sequential(
        *(nn.Conv2d(3, 96, 7, 2, 1), nn.ReLU(), nn.MaxPool2d(3, 2, ceil_mode=True), nn.LocalResponseNorm(**norm)),
        *(nn.Conv2d(96, 256, 5, 2), nn.ReLU(), nn.MaxPool2d(3, 2, ceil_mode=True), nn.LocalResponseNorm(**norm)),
        *(nn.Conv2d(256, 384, 3, padding=1), nn.ReLU(), nn.Conv2d(384, 384, 3, padding=1), nn.ReLU()),
        *(nn.Conv2d(384, 256, 3, padding=1), nn.ReLU(), nn.MaxPool2d(3, 2), nn.Flatten()),
        *(nn.Linear(9216, 4096), nn.ReLU(), nn.Linear(4096, 4096), nn.ReLU(), nn.Linear(4096, 1000)),
    )


def nin() -> nn.Module:
    """Lin, Chen and Yan 2014, section 3.1, with the widths published for CIFAR-10."""

    def mlpconv(channels: int, kernel: int, widths: Sequence[int]) -> list[nn.Module]:
        sizes = [channels, *widths]
        kernels = [kernel, 1, 1]
        layers = (nn.Conv2d(sizes[i], sizes[i + 1], k, padding=k // 2) for i, k in enumerate(kernels))
        return [part for layer in layers for part in (layer, nn.ReLU())]

    halve = nn.MaxPool2d(3, 2, ceil_mode=True)
    return nn.Sequential(
        *(*mlpconv(3, 5, [192, 160, 96]), halve, *mlpconv(96, 5, [192, 192, 192]), halve),
        *(*mlpconv(192, 3, [192, 192, 10]), nn.AdaptiveAvgPool2d(1), nn.Flatten()),
    )


class Inception(nn.Module):
    """Szegedy et al. 2014, figure 2: branches of convolutions by their channels and kernels."""

    def __init__(self, channels: int, branches: list[list[tuple[int, int]]], pool: int):
        super().__init__()
        self.branches = nn.ModuleList(self._branch(channels, branch) for branch in branches)
        self.pool = nn.Sequential(nn.MaxPool2d(3, 1, 1), *(self._branch(channels, [(pool, 1)]) if pool else ()))

    @staticmethod
    def _branch(channels: int, sizes: list[tuple[int, int]]) -> nn.Sequential:
        before = [channels, *(out for out, _ in sizes)]
        layers = (nn.Conv2d(c, out, k, padding=k // 2) for c, (out, k) in zip(before[:-1], sizes, strict=True))
        return nn.Sequential(*(part for layer in layers for part in (layer, nn.ReLU())))

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([*(branch(x) for branch in self.branches), self.pool(x)], 1)


def naive() -> nn.Module:
    return Inception(192, [[(64, 1)], [(128, 3)], [(32, 5)]], pool=0)


def reduced() -> nn.Module:
    return Inception(192, [[(64, 1)], [(96, 1), (128, 3)], [(16, 1), (32, 5)]], pool=32)


class GoogLeNet(nn.Module):
    """Szegedy et al. 2014, table 1 and section 5: 1×1 and 3×3 behind it, 5×5 behind its own, pooled; two heads."""

    TABLE = {
        "3a": (64, 96, 128, 16, 32, 32),
        "3b": (128, 128, 192, 32, 96, 64),
        "4a": (192, 96, 208, 16, 48, 64),
        "4b": (160, 112, 224, 24, 64, 64),
        "4c": (128, 128, 256, 24, 64, 64),
        "4d": (112, 144, 288, 32, 64, 64),
        "4e": (256, 160, 320, 32, 128, 128),
        "5a": (256, 160, 320, 32, 128, 128),
        "5b": (384, 192, 384, 48, 128, 128),
    }

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            *(nn.Conv2d(3, 64, 7, 2, 3), nn.ReLU(), nn.MaxPool2d(3, 2, ceil_mode=True), nn.LocalResponseNorm(5)),
            *(nn.Conv2d(64, 64, 1), nn.ReLU(), nn.Conv2d(64, 192, 3, padding=1), nn.ReLU()),
            *(nn.LocalResponseNorm(5), nn.MaxPool2d(3, 2, ceil_mode=True)),
        )
        channels = 192
        self.modules_ = nn.ModuleDict()
        for name, (b1, r3, b3, r5, b5, pool) in self.TABLE.items():
            branches = [[(b1, 1)], [(r3, 1), (b3, 3)], [(r5, 1), (b5, 5)]]
            self.modules_[name] = Inception(channels, branches, pool)
            channels = b1 + b3 + b5 + pool
        self.last = nn.Linear(1024, 1000)
        self.heads = nn.ModuleList(map(self._head, (512, 528)))

    @staticmethod
    def _head(channels: int) -> nn.Sequential:
        return nn.Sequential(
            *(nn.AvgPool2d(5, 3), nn.Conv2d(channels, 128, 1), nn.ReLU(), nn.Flatten()),
            *(nn.Linear(2048, 1024), nn.ReLU(), nn.Linear(1024, 1000)),
        )

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, Tensor, Tensor]:
        x = self.stem(x)
        tapped = []
        for name, module in self.modules_.items():
            x = module(x)
            if name in ("4a", "4d"):
                tapped.append(x)
            if name in ("3b", "4e"):
                x = F.max_pool2d(x, 3, 2, ceil_mode=True)
        logits = self.last(x.mean((2, 3)))
        if not self.training:
            return logits
        first, second = (head(y) for head, y in zip(self.heads, tapped, strict=True))
        return logits, first, second


class CifarResNet(nn.Module):
    """He et al. 2015, section 4.2: 6n + 2 layers; shortcuts of zeros where the width doubles (option A)."""

    def __init__(self, n: int):
        super().__init__()
        self.stem = self._conv(3, 16, 1)
        widths = [(16, 16, 1)] * n + [(16, 32, 2)] + [(32, 32, 1)] * (n - 1) + [(32, 64, 2)] + [(64, 64, 1)] * (n - 1)
        self.bodies = nn.ModuleList(
            nn.Sequential(self._conv(a, b, stride), nn.ReLU(), self._conv(b, b, 1)) for a, b, stride in widths
        )
        self.last = nn.Linear(64, 10)

    @staticmethod
    def _conv(channels: int, out: int, stride: int) -> nn.Sequential:
        return nn.Sequential(nn.Conv2d(channels, out, 3, stride, 1, bias=False), nn.BatchNorm2d(out))

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x).relu()
        for body in self.bodies:
            y = body(x)
            if y.shape != x.shape:
                new = (y.shape[1] - x.shape[1]) // 2
                x = F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, new, new))
            x = (x + y).relu()
        return self.last(x.mean((2, 3)))


class UNet(nn.Module):
    """Ronneberger et al. 2015, figure 1: the skips are cropped to the centre where the convolutions shrink."""

    def __init__(self, padding: int):
        super().__init__()
        widths = [1, 64, 128, 256, 512, 1024]
        pairs = list(pairwise(widths))
        self.down = nn.ModuleList(self._double(a, b, padding) for a, b in pairs)
        back = [(b, a) for a, b in reversed(pairs[1:])]
        self.up = nn.ModuleList(
            nn.ModuleList([nn.ConvTranspose2d(a, b, 2, 2), self._double(a, b, padding)]) for a, b in back
        )
        self.last = nn.Conv2d(64, 2, 1)

    @staticmethod
    def _double(a: int, b: int, padding: int) -> nn.Sequential:
        first, second = nn.Conv2d(a, b, 3, padding=padding), nn.Conv2d(b, b, 3, padding=padding)
        return nn.Sequential(first, nn.ReLU(), second, nn.ReLU())

    def forward(self, x: Tensor) -> Tensor:
        skips: list[Tensor] = []
        for i, double in enumerate(self.down):
            x = double(F.max_pool2d(x, 2) if i else x)
            skips.append(x)
        skips.pop()
        for enlarge, double in self.up:
            x = enlarge(x)
            skip = skips.pop()
            top, left = (skip.shape[2] - x.shape[2]) // 2, (skip.shape[3] - x.shape[3]) // 2
            cropped = skip[:, :, top : top + x.shape[2], left : left + x.shape[3]]
            x = double(torch.cat([cropped, x], 1))
        return self.last(x)


BY_HAND: dict[str, Callable[[], nn.Module]] = {
    "mlp": mlp,
    "cifar_pattern": cifar_pattern,
    "lenet5": lenet5,
    "alexnet_2012": alexnet_2012,
    "zfnet": zfnet,
    "nin": nin,
    "inception_module_naive": naive,
    "inception_module_reduced": reduced,
    "googlenet": GoogLeNet,
    **{f"resnet{6 * n + 2}_cifar": lambda n=n: CifarResNet(n) for n in (3, 5, 7, 9, 18)},
    "unet": lambda: UNet(padding=0),
    "unet_same": lambda: UNet(padding=1),
}
