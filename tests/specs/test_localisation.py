"""Localisation networks against the papers built by hand in torch: counts, sizes, and what the smallest computes."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

import pytest

torch = pytest.importorskip("torch")


from torch import Tensor, nn  # noqa: E402
from torch.utils.flop_counter import FlopCounterMode  # noqa: E402

import archspec  # noqa: E402
from archspec_torch.compiler import compile  # noqa: E402


class Forked(nn.Module):
    """Heads on one trunk."""

    def __init__(self, trunk: nn.Module, **heads: nn.Module) -> None:
        super().__init__()
        self.trunk, self.heads = trunk, nn.ModuleDict(heads)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        features = self.trunk(x)
        return {name: head(features) for name, head in self.heads.items()}


class Kept(nn.Module):
    """What is kept of as many boxes: detections of 6 numbers, without weights or products."""

    def __init__(self, boxes: int) -> None:
        super().__init__()
        self.boxes = boxes

    def forward(self, x: Tensor) -> Tensor:
        return x.new_empty(len(x), self.boxes, 6)


def hidden(*widths: int) -> list[nn.Module]:
    """Fully connected layers, an activation behind each but the last."""
    layers: list[nn.Module] = []
    for before, after in itertools.pairwise(widths):
        layers += [nn.Linear(before, after), nn.ReLU()]
    return layers[:-1]


def overfeat(fast: bool) -> list[nn.Module]:
    """The trunks of tables 1 and 3: 5×5 (at 221) or 6×6 (at 231) cells of 1024 maps."""
    first = [nn.Conv2d(3, 96, 11, 4), nn.ReLU(), nn.MaxPool2d(2)]
    second = [nn.Conv2d(96, 256, 5), nn.ReLU(), nn.MaxPool2d(2)]
    rest = [256, 512, 1024, 1024]
    if not fast:
        first = [nn.Conv2d(3, 96, 7, 2), nn.ReLU(), nn.MaxPool2d(3)]
        second = [nn.Conv2d(96, 256, 7), nn.ReLU(), nn.MaxPool2d(2)]
        rest = [256, 512, 512, 1024, 1024]
    third = [layer for a, b in itertools.pairwise(rest) for layer in (nn.Conv2d(a, b, 3, 1, 1), nn.ReLU())]
    return [*first, *second, *third, nn.MaxPool2d(2 if fast else 3), nn.Flatten()]


def vgg(**heads: nn.Module) -> nn.Module:
    layers, before = [], 3
    for depth, width in zip((2, 2, 3, 3, 3), (64, 128, 256, 512, 512), strict=True):
        for _ in range(depth):
            layers += [nn.Conv2d(before, width, 3, padding=1), nn.ReLU()]
            before = width
        layers.append(nn.MaxPool2d(2))
    return Forked(nn.Sequential(*layers, nn.Flatten(), *hidden(25_088, 4096, 4096), nn.ReLU()), **heads)


def toshev(last: Callable[[], nn.Module]) -> nn.Module:
    """Figure 2 of DeepPose: maps of 55, 27 and 13."""
    norm = {"size": 5, "alpha": 5e-4, "beta": 0.75, "k": 2.0}
    return nn.Sequential(
        *(nn.ZeroPad2d((3, 4, 3, 4)), nn.Conv2d(3, 96, 11, 4), nn.ReLU(), nn.LocalResponseNorm(**norm)),
        *(nn.MaxPool2d(3, 2), nn.Conv2d(96, 256, 5, padding=2), nn.ReLU(), nn.LocalResponseNorm(**norm)),
        *(nn.MaxPool2d(3, 2), nn.Conv2d(256, 384, 3, padding=1), nn.ReLU(), nn.Conv2d(384, 384, 3, padding=1)),
        *(nn.ReLU(), nn.Conv2d(384, 256, 3, padding=1), nn.ReLU(), nn.MaxPool2d(3, 2), nn.Flatten()),
        *(*hidden(9216, 4096, 4096), nn.ReLU(), last()),
    )


def face_points(widths: Sequence[int] = (3, 32, 64, 128, 256)) -> nn.Module:
    layers = []
    for a, b in itertools.pairwise(widths):
        layers += [nn.Conv2d(a, b, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(9216, 512), nn.ReLU(), nn.Dropout(), nn.Linear(512, 129))


BY_HAND: dict[str, Callable[[], nn.Module]] = {
    "overfeat": lambda: Forked(
        nn.Sequential(*overfeat(fast=False)),
        scores=nn.Sequential(*hidden(25_600, 4096, 4096, 1000)),
        boxes=nn.Sequential(*hidden(25_600, 4096, 1024, 4000)),
    ),
    "overfeat_accurate": lambda: nn.Sequential(*overfeat(fast=False), *hidden(25_600, 4096, 4096, 1000)),
    "overfeat_fast": lambda: nn.Sequential(*overfeat(fast=True), *hidden(36_864, 3072, 4096, 1000)),
    "vgg16_localiser": lambda: vgg(scores=nn.Linear(4096, 1000), boxes=nn.Linear(4096, 4)),
    "vgg16_localiser_per_class": lambda: vgg(scores=nn.Linear(4096, 1000), boxes=nn.Linear(4096, 4000)),
    "vgg16_localiser_y": lambda: vgg(y=nn.Linear(4096, 8)),
    "multibox": lambda: toshev(
        lambda: Forked(nn.Identity(), confidence=nn.Linear(4096, 100), boxes=nn.Linear(4096, 400), kept=Kept(100))
    ),
    "deeppose": lambda: toshev(lambda: nn.Linear(4096, 28)),
    "deeppose_flic": lambda: toshev(lambda: nn.Linear(4096, 20)),
    "face_points": face_points,
}


@pytest.mark.parametrize("name", BY_HAND)
def test_counts_and_sizes_are_those_of_the_paper_built_by_hand(name: str) -> None:
    graph = archspec.load(name)
    made = archspec.summarize(graph).to_json()
    with torch.device("meta"), torch.inference_mode(), FlopCounterMode(display=False) as counter:
        network = BY_HAND[name]().eval()
        output = network(torch.empty(1, *graph.types["input"][0].shape))
    outputs = list(output.values()) if isinstance(output, dict) else [output]
    assert list(made["outputs"].values()) == [[*one.shape[1:]] for one in outputs]
    assert 2 * made["totals"]["macs"] == counter.get_total_flops()
    assert made["totals"]["params"] == sum(p.numel() for p in network.parameters())


def test_connections_are_those_the_paper_counts() -> None:
    """Sermanet et al. 2014, table 4: 145 and 144 million parameters, 2.8 and 5.4 billion connections."""
    totals = [archspec.summarize(archspec.load(f"overfeat_{name}")).totals for name in ("fast", "accurate")]
    assert [int(t.params / 1e6) for t in totals] == [145, 144]
    assert [round(t.macs / 1e9, 1) for t in totals] == [2.8, 5.4]


def test_sizes_of_the_maps_of_deeppose() -> None:
    graph = archspec.load("deeppose")
    convolutions = [graph.types[node.name][0].spatial for node in graph.layers() if node.op.word == "conv"]
    assert convolutions == [(55, 55), (27, 27), (13, 13), (13, 13), (13, 13)]


@torch.inference_mode()
def test_what_the_face_network_computes_is_what_torch_computes() -> None:
    torch.manual_seed(0)
    expected, model = face_points().eval(), compile("face_points").eval()
    theirs, ours = expected.state_dict().values(), model.state_dict()
    model.load_state_dict(dict(zip(ours, theirs, strict=True)))
    images = torch.rand(2, 3, 96, 96)
    torch.testing.assert_close(model(images), expected(images))
