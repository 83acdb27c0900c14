"""The zoo against the implementations its weights come from: the names of all weights, costs, and outputs."""

from __future__ import annotations

import gc
from functools import cache
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("timm")
pytest.importorskip("torchvision")

from lively import difference  # noqa: E402
from references import FAMILIES, REFERENCES, of_timm, of_torchvision, seeded  # noqa: E402
from safetensors.torch import load_file  # noqa: E402
from torch import nn  # noqa: E402
from torch.utils.flop_counter import FlopCounterMode  # noqa: E402

import archspec  # noqa: E402
from archspec.ops import Weight  # noqa: E402
from archspec_torch.compiler import Network, compile  # noqa: E402
from archspec_torch.keymap import SHIPPED, key_map, read_maps  # noqa: E402
from archspec_torch.weights import import_weights  # noqa: E402


def test_every_network_that_a_shipped_map_names_is_compared() -> None:
    named = {
        network
        for source in ("torchvision", "timm")
        for file in (SHIPPED / source).glob("*.yaml")
        for one in read_maps(file)
        for network in one.networks
    }
    assert named == set(REFERENCES) | {"ssd300_vgg16", "ssd300_vgg16_voc"}  # those are in test_detectors


@pytest.mark.parametrize("name", REFERENCES)
def test_every_weight_of_the_reference_has_one_place_of_its_shape(name: str) -> None:
    theirs = {key: tuple(tensor.shape) for key, tensor in without_data(name).state_dict().items()}
    ours = {key: weight.shape for key, weight in weights(name).items()}
    keys = key_map(REFERENCES[name].source, name)
    places = {key: list(keys.targets(key, ours.keys())) for key in theirs}
    assert sorted(place for found in places.values() for place in found) == sorted(ours)
    assert {key: ours[found[0]] for key, found in places.items()} == theirs


@pytest.mark.parametrize("name", REFERENCES)
def test_costs_are_those_of_the_reference(name: str) -> None:
    summary = archspec.summarize(archspec.load(name))
    (image,) = summary.inputs.values()
    with torch.device("meta"), torch.inference_mode(), FlopCounterMode(display=False) as counter:
        network = without_data(name)
        network(torch.empty(1, *image.shape))
    assert counter.get_total_flops() == 2 * summary.totals.macs == summary.totals.flops
    whole = summary.totals.params if summary.params_with_aux is None else summary.params_with_aux
    assert whole == sum(p.numel() for p in network.parameters())
    buffers = sum(weight.numel for weight in weights(name).values() if weight.kind == "buffer")
    assert buffers == sum(b.numel() for b in network.buffers())


@pytest.mark.parametrize("name", REFERENCES)
def test_normalisations_and_dropouts_are_those_of_the_reference(name: str) -> None:
    theirs = list(without_data(name).modules())
    ours = [node.op for node in archspec.load(name).layers()]
    norms = [(float(op.eps), float(op.momentum)) for op in ours if op.word == "batch_norm"]
    assert norms == [(m.eps, m.momentum) for m in theirs if isinstance(m, nn.BatchNorm2d)]
    if REFERENCES[name].source == "torchvision":  # timm leaves dropout to whoever trains
        dropouts = [float(op.p) for op in ours if op.word == "dropout"]
        assert sorted(dropouts) == sorted(m.p for m in theirs if isinstance(m, nn.Dropout))


@cache
def without_data(name: str) -> nn.Module:
    """The reference's modules on torch's meta device, in evaluation mode."""
    with torch.device("meta"):
        return REFERENCES[name].make().eval()


def weights(name: str) -> dict[str, Weight]:
    """Every stored tensor of a network of the zoo."""
    graph = archspec.load(name)
    return {
        f"{node.name}.{key}": weight
        for node in graph.layers()
        for key, weight in node.op.weights(graph.input_types(node)).items()
    }


def both(name: str, folder: Path) -> tuple[nn.Module, Network]:
    """The reference with random weights, and the compiled spec with those weights, imported."""
    reference = REFERENCES[name]
    theirs = seeded(reference)
    torch.save(theirs.state_dict(), folder / "w.pth")
    report = import_weights(name, folder / "w.pth", reference.source, folder / "w.safetensors")
    assert (len(report.transferred), report.left_over) == (report.total, ())
    ours = compile(name).eval()
    ours.load_state_dict(load_file(folder / "w.safetensors"))
    for file in folder.iterdir():
        file.unlink()
    return theirs, ours


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name in FAMILIES else pytest.mark.slow) for name in REFERENCES]
)
def test_the_references_weights_give_the_references_outputs(name: str, tmp_path: Path) -> None:
    theirs, ours = both(name, tmp_path)
    images = torch.rand(2, 3, *[REFERENCES[name].size] * 2, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        a, b = theirs(images), ours(images)
    measured = difference(a["out"] if isinstance(a, dict) else a, b)
    print(f"{name}: {measured:.1e}")
    assert measured < 1e-5
    del theirs, ours
    gc.collect()


@pytest.mark.parametrize(
    ("name", "outputs"),
    [
        ("googlenet_bn", ("logits", "aux_logits1", "aux_logits2")),
        pytest.param("inception_v3", ("logits", "aux_logits"), marks=pytest.mark.slow),
    ],
)
def test_heads_for_training_give_the_references_outputs(name: str, outputs: tuple[str, ...], tmp_path: Path) -> None:
    theirs, ours = both(name, tmp_path)
    size = REFERENCES[name].in_training
    assert size is not None
    images = torch.rand(2, 3, size, size, generator=torch.Generator().manual_seed(1))
    theirs.training = ours.training = True  # heads are used, and all layers are still in evaluation mode
    with torch.inference_mode():
        a, b = theirs(images), ours(images)
    for output, (head, found) in zip(outputs, b.items(), strict=True):
        measured = difference(getattr(a, output), found)
        print(f"{name} {head}: {measured:.1e}")
        assert measured < 1e-5


@pytest.mark.parametrize("name", [f"efficientnet_b{i}" for i in range(8)])
def test_what_efficientnet_drops_in_training_is_torchvisions(name: str) -> None:
    theirs = list(without_data(name).modules())
    blocks = [m for m in theirs if type(m).__name__ == "MBConv" and m.use_res_connect]
    drop_paths = [float(node.op.p) for node in archspec.load(name).layers() if node.op.word == "drop_path"]
    assert drop_paths == pytest.approx([block.stochastic_depth.p for block in blocks])


@pytest.mark.parametrize("width", [0.35, 0.5, 0.75, 1.3, 1.4])
def test_the_width_multiplier_of_mobilenet_v2_is_torchvisions(width: float) -> None:
    with torch.device("meta"):
        theirs = of_torchvision("mobilenet_v2", 64, width_mult=width).make().state_dict()
    graph = archspec.load("mobilenet_v2", width=width)
    ours = [w.shape for node in graph.layers() for w in node.op.weights(graph.input_types(node)).values()]
    assert ours == [tuple(tensor.shape) for tensor in theirs.values()]


def test_the_width_multiplier_of_mobilenet_v1_is_timms() -> None:
    with torch.device("meta"):
        theirs = of_timm("mobilenetv1_125", 64).make().state_dict()
    graph = archspec.load("mobilenet_v1", width=1.25)
    ours = [w.shape for node in graph.layers() for w in node.op.weights(graph.input_types(node)).values()]
    assert sorted(ours) == sorted(tuple(tensor.shape) for tensor in theirs.values())


@pytest.mark.parametrize(("width", "millions"), [(1.0, 4.2), (0.75, 2.6), (0.5, 1.3), (0.25, 0.5)])
def test_the_width_multiplier_of_mobilenet_v1_is_the_papers(width: float, millions: float) -> None:
    graph = archspec.load("mobilenet_v1", width=width)  # arXiv:1704.04861, table 6
    params = archspec.summarize(graph).to_json()["totals"]["params"]
    assert round(params / 1e6, 1) == millions
