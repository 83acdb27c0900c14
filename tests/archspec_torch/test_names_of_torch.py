"""Layers called as torch calls its own: `half`, `type`, `forward`, `training`, and all the rest."""

from __future__ import annotations

import copy
import io
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import archspec
from archspec_torch.compiler import Network

OWN = sorted(dir(nn.Module()))
"""Everything that a module of torch has already."""

HEAD = "archspec: 1\nname: taken\ninput: [3, 8, 8]\nlayers:\n"
Change = Callable[[Network], nn.Module]


def network(folder: Path, layers: str) -> Network:
    path = folder / "network.yaml"
    path.write_text(HEAD + layers, encoding="utf-8")
    assert [str(d) for d in archspec.check(path) if d.severity == "error"] == []
    return archspec.compile(path)


def chain(names: list[str]) -> str:
    """A convolution of each name, half of them within a group."""
    cut = len(names) // 2
    flat = "".join(f"  - conv: 3\n    name: {name}\n" for name in names[:cut])
    inner = "".join(f"      - conv: 3\n        name: {name}\n" for name in names[cut:])
    return f"{flat}  - layers:\n{inner}    name: stage\n"


def by_hand(state: dict[str, Tensor], names: list[str], x: Tensor) -> Tensor:
    cut = len(names) // 2
    for name in [*names[:cut], *(f"stage.{name}" for name in names[cut:])]:
        x = nn.functional.conv2d(x, state[f"{name}.weight"], state[f"{name}.bias"])
    return x


def through_a_file(model: Network) -> nn.Module:
    """A fresh network with the weights that were saved."""
    file = io.BytesIO()
    torch.save(model.state_dict(), file)
    file.seek(0)
    fresh = archspec.compile(model._graph)
    fresh.load_state_dict(torch.load(file, weights_only=True), assign=True)
    return fresh


CHANGES: dict[str, Change] = {
    "as it is": lambda model: model,
    "in evaluation": lambda model: model.eval(),
    "in training again": lambda model: model.eval().train(),
    "saved and loaded": through_a_file,
    "copied": copy.deepcopy,
    "pickled": lambda model: pickle.loads(pickle.dumps(model)),
    "to double and back": lambda model: model.double().to(torch.float32),
    "by type": lambda model: model.type(torch.float64).float(),
    "frozen": lambda model: model.requires_grad_(False),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
@pytest.mark.parametrize("names", [OWN, OWN[::-1]], ids=["in order", "reversed"])
def test_every_name_of_torch_may_be_a_layers(change: Change, names: list[str], tmp_path: Path) -> None:
    model = network(tmp_path, chain(names))
    assert len(model.state_dict()) == 2 * len(names)
    x = torch.rand(1, 3, 8, 8)
    expected = by_hand(model.state_dict(), names, x)
    torch.testing.assert_close(change(model)(x), expected)


def test_the_layer_is_found_by_its_name_and_torchs_own_stays_torchs(tmp_path: Path) -> None:
    model = network(tmp_path, chain(["half", "type", "training", "forward", "train", "graph"]))
    half, train = model.get_submodule("half"), model.get_submodule("stage.train")
    assert isinstance(half, nn.Conv2d) and dict(model.named_modules())["half"] is half
    assert model.get_parameter("stage.train.weight") is train.weight
    assert model.get_submodule("") is model
    with pytest.raises(AttributeError, match=r"no module 'stage\.trane'"):
        model.get_submodule("stage.trane")
    assert model.training is True and model.eval().training is False and train.training is False
    assert next(model.half().parameters()).dtype is torch.float16


def test_compiled_by_torch_it_computes_the_same(tmp_path: Path) -> None:
    names = ["half", "type", "training", "forward", "_modules", "train", "state_dict", "parameters"]
    model = network(tmp_path, chain(names))
    x = torch.rand(1, 3, 8, 8)
    compiled = torch.compile(model, backend="eager", fullgraph=True)
    torch.testing.assert_close(compiled(x), by_hand(model.state_dict(), names, x))


def test_a_gradient_reaches_them(tmp_path: Path) -> None:
    model = network(tmp_path, chain(["half", "requires_grad_", "zero_grad", "parameters"]))
    model(torch.rand(1, 3, 8, 8)).sum().backward()
    assert all(weight.grad is not None for weight in model.parameters())
    model.zero_grad()
    assert all(weight.grad is None for weight in model.parameters())


def test_a_head_may_be_called_train(tmp_path: Path) -> None:
    text = "  - conv: 3\n    name: half\nheads: {train: {from: half, only: train, layers: [conv: 5]}}\n"
    model = network(tmp_path, text)
    assert model(torch.rand(1, 3, 8, 8))["train"].shape == (1, 5, 8, 8)
