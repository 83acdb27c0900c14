"""The zoo against the implementations its weights come from: the names of all weights, and the outputs they give."""

from __future__ import annotations

import gc
from collections.abc import Callable
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
timm = pytest.importorskip("timm")
torchvision = pytest.importorskip("torchvision")

from safetensors.torch import load_file  # noqa: E402
from torch import nn  # noqa: E402

import archspec  # noqa: E402
from archspec_torch.compiler import compile  # noqa: E402
from archspec_torch.keymap import key_map  # noqa: E402
from archspec_torch.weights import import_weights  # noqa: E402

Make = Callable[[], nn.Module]


def of_torchvision(name: str) -> Make:
    return lambda: getattr(torchvision.models, name)(weights=None)


def of_timm(name: str) -> Make:
    return lambda: timm.create_model(name)


def fcn() -> nn.Module:
    return torchvision.models.segmentation.fcn_resnet50(weights=None, weights_backbone=None, num_classes=21)


REFERENCES: dict[str, tuple[str, Make]] = {
    **{
        name: ("torchvision", of_torchvision(name))
        for name in (
            *("resnext50_32x4d", "resnext101_32x8d", "densenet121", "densenet169", "densenet201"),
            *(f"efficientnet_b{i}" for i in range(8)),
        )
    },
    "fcn_resnet50": ("torchvision", fcn),
    **{
        name: ("timm", of_timm(theirs))
        for name, theirs in {
            "inception_v4": "inception_v4",
            "inception_resnet_v2": "inception_resnet_v2",
            "mobilenet_v1": "mobilenetv1_100",
            "se_resnet50": "legacy_seresnet50",
            "se_resnet101": "legacy_seresnet101",
            "se_resnet152": "legacy_seresnet152",
            "se_resnext50_32x4d": "legacy_seresnext50_32x4d",
            "se_resnext101_32x4d": "legacy_seresnext101_32x4d",
            "senet154": "legacy_senet154",
        }.items()
    },
}


@pytest.mark.parametrize("name", REFERENCES)
def test_every_weight_of_the_reference_has_one_place_of_its_shape(name: str) -> None:
    source, make = REFERENCES[name]
    with torch.device("meta"):
        theirs = {key: tuple(tensor.shape) for key, tensor in make().state_dict().items()}
    graph = archspec.load(name)
    ours = {
        f"{node.name}.{key}": weight.shape
        for node in graph.layers()
        for key, weight in node.op.weights(graph.input_types(node)).items()
    }
    keys = key_map(source, name)
    places = {key: list(keys.targets(key, ours.keys())) for key in theirs}
    assert sorted(place for found in places.values() for place in found) == sorted(ours)
    assert {key: ours[found[0]] for key, found in places.items()} == theirs


slow = pytest.mark.slow


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("densenet121", 64),
        ("efficientnet_b0", 64),
        ("mobilenet_v1", 64),
        ("resnext50_32x4d", 65),
        ("se_resnet50", 65),
        pytest.param("se_resnext50_32x4d", 65, marks=slow),
        pytest.param("efficientnet_b5", 64, marks=slow),  # from b5 on with another ε
        pytest.param("fcn_resnet50", 65, marks=slow),
        pytest.param("inception_v4", 139, marks=slow),
        pytest.param("inception_resnet_v2", 139, marks=slow),
        pytest.param("senet154", 64, marks=slow),
    ],
)
def test_the_references_weights_give_the_references_outputs(name: str, size: int, tmp_path: Path) -> None:
    source, make = REFERENCES[name]
    torch.manual_seed(0)
    expected = make().eval()
    for module in expected.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 1.5)
    torch.save(expected.state_dict(), tmp_path / "w.pth")
    report = import_weights(name, tmp_path / "w.pth", source, tmp_path / "w.safetensors")
    assert (len(report.transferred), report.left_over) == (report.total, ())
    model = compile(name).eval()
    model.load_state_dict(load_file(tmp_path / "w.safetensors"))
    x = torch.rand(1, 3, size, size)
    with torch.inference_mode():
        a, b = expected(x), model(x)
    a = a["out"] if isinstance(a, dict) else a
    assert a.std() > 0
    assert ((a - b).norm() / a.norm()).item() < 1e-5
    del expected, model
    gc.collect()


@pytest.mark.parametrize("name", ["efficientnet_b0", "efficientnet_b4", "efficientnet_b7"])
def test_what_efficientnet_drops_in_training_is_torchvisions(name: str) -> None:
    with torch.device("meta"):
        theirs = list(of_torchvision(name)().modules())
    ours = [node.op for node in archspec.load(name).layers()]
    blocks = [m for m in theirs if type(m).__name__ == "MBConv" and m.use_res_connect]
    drop_paths = [float(op.p) for op in ours if op.word == "drop_path"]
    assert drop_paths == pytest.approx([block.stochastic_depth.p for block in blocks])
    assert [float(op.p) for op in ours if op.word == "dropout"] == [m.p for m in theirs if isinstance(m, nn.Dropout)]
    norms = {(float(op.eps), float(op.momentum)) for op in ours if op.word == "batch_norm"}
    assert norms == {(m.eps, m.momentum) for m in theirs if isinstance(m, nn.BatchNorm2d)}


def test_the_width_multiplier_of_mobilenet_v1_is_timms() -> None:
    with torch.device("meta"):
        theirs = of_timm("mobilenetv1_125")().state_dict()
    graph = archspec.load("mobilenet_v1", width=1.25)
    ours = [w.shape for node in graph.layers() for w in node.op.weights(graph.input_types(node)).values()]
    assert sorted(ours) == sorted(tuple(tensor.shape) for tensor in theirs.values())


@pytest.mark.parametrize(("width", "millions"), [(1.0, 4.2), (0.75, 2.6), (0.5, 1.3), (0.25, 0.5)])
def test_the_width_multiplier_of_mobilenet_v1_is_the_papers(width: float, millions: float) -> None:
    graph = archspec.load("mobilenet_v1", width=width)  # arXiv:1704.04861, table 6
    params = archspec.summarize(graph).to_json()["totals"]["params"]
    assert round(params / 1e6, 1) == millions
