"""Networks that no library has, against the paper built by hand in torch: counts, sizes and outputs."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from lively import difference, enliven  # noqa: E402
from papers import BY_HAND  # noqa: E402
from torch import nn  # noqa: E402
from torch.utils.flop_counter import FlopCounterMode  # noqa: E402

import archspec  # noqa: E402
from archspec_torch.compiler import compile  # noqa: E402


@pytest.mark.parametrize("name", BY_HAND)
def test_counts_are_those_of_the_paper_built_by_hand(name: str) -> None:
    graph = archspec.load(name)
    made = archspec.summarize(graph).to_json()
    with torch.device("meta"), torch.inference_mode(), FlopCounterMode(display=False) as counter:
        network = BY_HAND[name]().eval()
        output = network(torch.empty(1, *graph.types["input"][0].shape))
    assert list(made["outputs"].values()) == [[*output.shape[1:]]]
    assert 2 * made["totals"]["macs"] == counter.get_total_flops()
    learned = sum(p.numel() for p in network.parameters())
    assert made["totals"].get("params_with_aux", made["totals"]["params"]) == learned


SMALLER = {
    "googlenet": (3, 224, 224),  # whose heads need their 14×14
    "unet": (1, 188, 188),  # the smallest image: 4×4 come out
    "unet_same": (1, 32, 48),
    "inception_module_naive": (192, 9, 9),
    "inception_module_reduced": (192, 9, 9),
}
"""Images of another size than the spec's."""


@pytest.mark.parametrize("name", BY_HAND)
def test_outputs_are_those_of_the_paper_built_by_hand(name: str) -> None:
    shape = SMALLER.get(name, archspec.load(name).types["input"][0].shape)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        images = torch.rand(2, *shape)
        expected, model = BY_HAND[name]().eval(), compile(name).eval()
        for layer in expected.modules():
            if isinstance(layer, nn.Conv2d | nn.Linear):
                nn.init.kaiming_normal_(layer.weight)
        enliven(expected, images)
    theirs, ours = expected.state_dict().values(), model.state_dict()
    model.load_state_dict(dict(zip(ours, theirs, strict=True)))  # both in the order of the layers
    expected.training = model.training = name == "googlenet"  # its heads too, all layers in evaluation mode
    with torch.inference_mode():
        a, b = expected(images), model(images)
    pairs = list(zip(a, b.values(), strict=True)) if isinstance(a, tuple) else [(a, b)]
    assert len(pairs) == (3 if name == "googlenet" else 1)
    assert max(difference(y, z) for y, z in pairs) < 1e-5
