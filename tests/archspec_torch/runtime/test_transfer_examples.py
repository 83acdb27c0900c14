"""The run files in examples/transfer: what they bring, hold and let learn, with weights of the right names."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from archspec.run import load_run
from archspec_torch.compiler import compile
from archspec_torch.runtime import train
from archspec_torch.runtime.optimize import param_groups, thaw
from archspec_torch.runtime.train import prepare
from archspec_torch.runtime.transfer import transfer

Made = Callable[[str], list[str]]


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three grey images of each of eight kinds, in folders."""
    root = tmp_path_factory.mktemp("images")
    for label in range(8):
        (root / f"{label}").mkdir()
        for number in range(3):
            Image.new("RGB", (20, 24), (30 * label, 80 * number, 90)).save(root / f"{label}" / f"{number}.png")
    return root


@pytest.fixture(scope="module")
def weights(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """A file of weights by the names of torchvision, or of the network of examples/mnist_net.yaml."""
    folder = tmp_path_factory.mktemp("weights")

    def made(name: str) -> Path:
        torch.manual_seed(0)
        if name == "mnist_net":
            save_file(compile(root / "examples" / "mnist_net.yaml").state_dict(), folder / f"{name}.safetensors")
            return folder / f"{name}.safetensors"
        models = pytest.importorskip("torchvision").models
        options = {"init_weights": False} if name == "inception_v3" else {}
        torch.save(getattr(models, name)(weights=None, **options).state_dict(), folder / f"{name}.pth")
        return folder / f"{name}.pth"

    return made


@pytest.fixture
def overrides(weights: Callable[[str], Path], images: Path, request: pytest.FixtureRequest) -> Made:
    def chosen(name: str) -> list[str]:
        if name in ("small_similar", "large_similar"):
            return [f"model.weights={weights('mnist_net')}"]
        file = {"staged": "resnet18", "fish": "inception_v3"}.get(name)
        trained = "weights/resnet20_cifar10/resnet20-12fca82f.th"
        path = weights(file) if file else request.getfixturevalue("data_dir") / trained
        split = ["data.split={val: 0.34, test: 0}"]
        return [f"model.weights.path={path}", f"data.root={images}", *split, "train.batch=4"]

    return chosen


@pytest.mark.parametrize(
    ("name", "learning"),
    [
        # A new last layer of 64 inputs and 10 classes, before it the network's 72,666 in all.
        ("small_similar", [650]),
        ("large_similar", [72_666]),
        # Stage 2: 3×3 convolutions 32·64 + 5·64·64, six batch norms of 2·64; then 64·8 + 8.
        ("small_different", [9 * (32 * 64 + 5 * 64 * 64) + 6 * 128 + 520]),
        ("large_different", [269_722 - 2 * 65]),
        # torchvision's counts of layer4 and layer3 of ResNet-18: 8,393,728 and 2,099,712; 512·8 + 8.
        ("staged", [4_104, 4_104, 8_393_728 + 4_104, 8_393_728 + 4_104, 8_393_728 + 2_099_712 + 4_104]),
        # 27,161,264 for 1,000 classes: 992 fewer of 2,048 + 1 and of 768 + 1.
        ("fish", [27_161_264 - 992 * (2_049 + 769)]),
    ],
)
def test_what_learns_and_when(name: str, learning: list[int], root: Path, overrides: Made) -> None:
    job = prepare(load_run(root / "examples" / "transfer" / f"{name}.yaml", overrides(name)))
    network, plan = compile(job.graph), job.run.run.train
    before = {key: tensor.clone() for key, tensor in network.state_dict().items()}
    moved = transfer(network, job.run, job.task.classes)
    assert moved is not None and moved.left_over == 0
    for epoch, count in enumerate(learning):
        thaw(network, plan, epoch)
        assert sum(p.numel() for p in network.parameters() if p.requires_grad) == count, epoch
    head = [key for key in before if key.startswith("linear1.")]
    assert head and all(torch.equal(before[key], network.state_dict()[key]) for key in head)
    assert not torch.equal(before[next(iter(before))], network.state_dict()[next(iter(before))])


def test_rates_of_the_stages(root: Path, overrides: Made) -> None:
    """What lies deeper learns more slowly: 3e-3 of the last layer, a tenth, and three hundredths."""
    job = prepare(load_run(root / "examples" / "transfer" / "staged.yaml", overrides("staged")))
    groups = param_groups(compile(job.graph), job.run.run.train)
    found = {round(group["lr"], 12): sum(p.numel() for p in group["params"]) for group in groups if group["params"]}
    assert {rate for rate in found if rate < 3e-3} == {3e-4, 9e-5}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["small_similar", "small_different", "staged", "fish"])
def test_they_train(name: str, root: Path, overrides: Made, tmp_path: Path) -> None:
    settings = [*overrides(name), "train.epochs=1", "train.device=cpu"]
    result = train(root / "examples" / "transfer" / f"{name}.yaml", tmp_path / "run", settings, quiet=True)
    assert len(result.epochs) == 1 and math.isfinite(result.val_loss)
