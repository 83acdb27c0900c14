"""Beginning with trained weights: what moves, what begins anew, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

import archspec
from archspec.errors import SpecError
from archspec.run import load_run
from archspec_torch.compiler import compile
from archspec_torch.runtime import train
from archspec_torch.runtime.layers import check_patterns, matches, with_init
from archspec_torch.runtime.transfer import transfer


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """lenet5 with a head of 4 classes."""
    torch.manual_seed(1)
    path = tmp_path_factory.mktemp("weights") / "lenet5.safetensors"
    save_file(compile(archspec.load("lenet5", classes=4)).state_dict(), path)
    return path


def moved(**model: Any) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor], str]:
    run = load_run({"model": {"spec": "lenet5", **model}})
    torch.manual_seed(2)
    network = compile(archspec.load("lenet5"))
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    return before, network.state_dict(), str(transfer(network, run))


def codes(run: dict[str, Any]) -> dict[str, tuple[str, str]]:
    with pytest.raises(SpecError) as caught:
        found = load_run(run)
        graph = archspec.load(found.run.model.spec)
        check_patterns(found, graph)
        transfer(compile(graph), found)
    return {d.code: (d.message, d.hint or "") for d in caught.value.diagnostics}


def test_another_head_is_refused_with_the_line_that_replaces_it(file: Path) -> None:
    found = codes({"model": {"spec": "lenet5", "weights": str(file)}})
    message, hint = found["E666"]
    head = list(archspec.load("lenet5").layers())[-1].name
    assert f"'{head}" in message and "has 4 in the file, 10 in the network" in message
    assert hint == f"to let them begin anew, write model.replace: [{head}]"


def test_what_is_replaced_begins_anew_and_the_rest_is_the_file_s(file: Path) -> None:
    head = list(archspec.load("lenet5").layers())[-1].name
    before, after, said = moved(weights=str(file), replace=[head])
    stored = load_file(file)
    assert said == f"transferred {len(stored) - 2} of {len(after)} tensors from {file}; anew: '{head}'"
    for name, tensor in after.items():
        assert torch.equal(tensor, before[name] if name.startswith(f"{head}.") else stored[name]), name


def test_a_file_that_lacks_layers_names_them(file: Path, tmp_path: Path) -> None:
    stored = {name: tensor for name, tensor in load_file(file).items() if not name.startswith("conv1.")}
    save_file(stored, tmp_path / "less.safetensors")
    found = codes({"model": {"spec": "lenet5", "weights": str(tmp_path / "less.safetensors")}})
    assert "has no weights of 'conv1'" in found["E667"][0]
    save_file({"other.weight": torch.zeros(2)}, tmp_path / "other.safetensors")
    found = codes({"model": {"spec": "lenet5", "weights": str(tmp_path / "other.safetensors")}})
    assert "its first is 'other.weight'" in found["E667"][0]


def test_a_shipped_map_brings_torchvision_s_weights(tmp_path: Path) -> None:
    torchvision = pytest.importorskip("torchvision")
    theirs = torchvision.models.resnet18(num_classes=3)
    torch.save(theirs.state_dict(), tmp_path / "resnet18.pth")
    weights = {"path": str(tmp_path / "resnet18.pth"), "map": "torchvision"}
    run = load_run({"model": {"spec": "resnet", "variant": 18, "weights": weights, "replace": ["linear1"]}})
    network = compile(archspec.load("resnet18"))
    found = transfer(network, run)
    assert found is not None and (found.count, found.total) == (len(theirs.state_dict()) - 2, len(theirs.state_dict()))
    images = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        ours = network.eval().get_submodule("stem.conv")(images)
        assert torch.equal(ours, theirs.eval().conv1(images))


def test_a_run_goes_on_from_another_run_s_directory(tmp_path: Path) -> None:
    first = train({"model": "lenet5", "train": {"epochs": 1, "device": "cpu"}}, tmp_path / "first", quiet=True)
    section = {"epochs": 1, "device": "cpu", "freeze": ["conv*"], "optimizer": {"kind": "sgd", "lr": 0.01}}
    again = {"model": {"spec": "lenet5", "weights": str(first.dir)}, "train": section}
    second = train(again, tmp_path / "second", quiet=True)
    before, after = (load_file(run.dir / "best.safetensors") for run in (first, second))
    same = {name for name in after if torch.equal(before[name], after[name])}
    assert same == {name for name in after if name.startswith("conv")} != set()
    assert load_run(second.dir / "run.yaml").run.model.weights is not None


@pytest.mark.parametrize(
    ("section", "code", "said"),
    [
        ({"freeze": ["conv9"]}, "E663", "'conv9' means no layer of 'lenet5'"),
        ({"rates": {"line*.x": 2}}, "E663", "'line*.x' means no layer of 'lenet5'"),
        ({"init": {"kind": "he", "layers": ["convs"]}}, "E663", "'convs' means no layer of 'lenet5'"),
        ({"freeze": ["conv1"], "unfreeze": {2: ["conv2"]}}, "E664", "'conv2' is to learn from epoch 2 on"),
        ({"freeze": ["*"], "unfreeze": {2: ["*"]}}, "E665", "with weights are frozen"),
    ],
)
def test_patterns_that_cannot_be_meant(section: dict[str, Any], code: str, said: str) -> None:
    assert said in codes({"model": "lenet5", "train": section})[code][0]


def test_a_near_miss_is_suggested() -> None:
    found = codes({"model": "lenet5", "train": {"freeze": ["convl"]}})
    assert "'conv1'" in found["E663"][1]


def test_what_a_pattern_means() -> None:
    assert matches("stage.1.conv", "stage.1")
    assert matches("stage.1.conv", "stage.1.*")
    assert matches("stage.1.block.0.norm", "*.norm")
    assert not matches("stage.10.conv", "stage.1")
    assert not matches("stem", "stem.*")


def test_initial_weights_of_some_layers() -> None:
    graph = archspec.load("lenet5")
    init = load_run({"model": "lenet5", "train": {"init": {"kind": "constant", "value": 0.5, "layers": ["conv*"]}}})
    network = compile(with_init(graph, init.run.train.init))
    for name, parameter in network.named_parameters():
        if name.endswith("weight"):
            assert bool((parameter == 0.5).all()) == name.startswith("conv"), name
