"""Networks that no library has, against the paper built by hand in torch: counts, sizes and outputs."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import pytest

torch = pytest.importorskip("torch")

from torch import Tensor, nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402

import archspec  # noqa: E402
from archspec_torch.compiler import compile  # noqa: E402


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

    def __init__(self, branches: list[list[tuple[int, int]]], pool: int):
        super().__init__()
        self.branches = nn.ModuleList(self._branch(branch) for branch in branches)
        self.pool = nn.Sequential(nn.MaxPool2d(3, 1, 1), *(self._branch([(pool, 1)]) if pool else ()))

    @staticmethod
    def _branch(sizes: list[tuple[int, int]]) -> nn.Sequential:
        before = [192, *(out for out, _ in sizes)]
        layers = (nn.Conv2d(c, out, k, padding=k // 2) for c, (out, k) in zip(before[:-1], sizes, strict=True))
        return nn.Sequential(*(part for layer in layers for part in (layer, nn.ReLU())))

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([*(branch(x) for branch in self.branches), self.pool(x)], 1)


def naive() -> nn.Module:
    return Inception([[(64, 1)], [(128, 3)], [(32, 5)]], pool=0)


def reduced() -> nn.Module:
    return Inception([[(64, 1)], [(96, 1), (128, 3)], [(16, 1), (32, 5)]], pool=32)


BY_HAND = {
    "unet": lambda: UNet(padding=0),
    "unet_same": lambda: UNet(padding=1),
    "zfnet": zfnet,
    "nin": nin,
    "inception_module_naive": naive,
    "inception_module_reduced": reduced,
}


def macs(network: nn.Module, x: Tensor) -> int:
    """Multiply-accumulates of one image, by hooks on the layers that have weights."""
    found: list[int] = []

    def count(layer: nn.Module, inputs: tuple[Tensor], output: Tensor) -> None:
        taps = layer.weight.numel() // (layer.in_channels if transposed(layer) else layer.weight.shape[0])
        found.append((inputs[0] if transposed(layer) else output).numel() * taps)

    def transposed(layer: nn.Module) -> bool:
        return isinstance(layer, nn.ConvTranspose2d)

    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            layer.register_forward_hook(count)
    network(x)
    return sum(found)


@pytest.mark.parametrize("name", BY_HAND)
def test_counts_are_those_of_the_paper_built_by_hand(name: str) -> None:
    graph = archspec.load(name)
    made = archspec.summarize(graph).to_json()
    with torch.device("meta"), torch.inference_mode():
        network = BY_HAND[name]()
        x = torch.empty(1, *graph.types["input"][0].shape)
        assert list(made["outputs"].values()) == [[*network(x).shape[1:]]]
        assert made["totals"]["macs"] == macs(network, x)
    assert made["totals"]["params"] == sum(p.numel() for p in network.parameters())


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("unet", (1, 188, 188)),  # the smallest image: 4×4 come out
        ("unet_same", (1, 32, 48)),
        ("zfnet", (3, 224, 224)),
        ("nin", (3, 32, 32)),
        ("inception_module_naive", (192, 9, 9)),
        ("inception_module_reduced", (192, 9, 9)),
    ],
)
def test_outputs_are_those_of_the_paper_built_by_hand(name: str, shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    expected, model = BY_HAND[name]().eval(), compile(name).eval()
    theirs = list(expected.state_dict().values())
    ours = model.state_dict()
    model.load_state_dict(dict(zip(ours, theirs, strict=True)))  # both in the order of the layers
    x = torch.rand(1, *shape)
    with torch.inference_mode():
        a, b = expected(x), model(x)
    assert a.std() > 0
    assert ((a - b).norm() / a.norm()).item() < 1e-5


def test_the_sizes_of_zfnet_are_those_of_its_figure() -> None:
    graph = archspec.load("zfnet")  # arXiv:1311.2901, figure 3
    shown = ("conv", "max_pool", "linear")
    sizes = [[*graph.types[node.name][0].shape][-1] for node in graph.layers() if node.op.word in shown]
    assert sizes == [110, 55, 26, 13, 13, 13, 13, 6, 4096, 4096, 1000]


def test_the_5x5_filters_of_an_inception_module_cost_a_tenth_behind_a_reduction() -> None:
    def cost(name: str) -> int:
        rows = archspec.summarize(archspec.load(name)).to_json()["layers"]
        return sum(row["macs"] for row in rows if row["name"].startswith("branch3."))

    assert cost("inception_module_naive") == 120_422_400  # "120 million"
    assert cost("inception_module_reduced") == 2_408_448 + 10_035_200  # "12.4 million"
