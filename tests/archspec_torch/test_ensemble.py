"""Networks of one class stacked and run as one; networks too large for memory."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path

import pytest
import torch

import archspec
from archspec.errors import SpecError


def test_two_networks_stacked_give_what_each_gives_alone() -> None:
    torch.manual_seed(0)
    models = [archspec.compile("lenet5").eval() for _ in range(2)]
    x = torch.randn(3, *models[0].graph.types[models[0].graph.inputs[0]][0].shape)
    parameters, buffers = torch.func.stack_module_state(models)
    base = copy.deepcopy(models[0])

    def call(p: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> torch.Tensor:
        return torch.func.functional_call(base, (p, b), (x,))

    together = torch.vmap(call)(parameters, buffers)
    for model, found in zip(models, together, strict=True):
        torch.testing.assert_close(found, model(x))
    assert base.graph is models[0].graph
    assert type(pickle.loads(pickle.dumps(base))) is type(base)


def test_weights_beyond_memory_name_the_layer_and_the_bytes(tmp_path: Path) -> None:
    path = tmp_path / "wide.yaml"
    path.write_text("archspec: 1\nname: wide\ninput: [1, 8, 8]\nlayers: [flatten, linear: 2147483647]\n")
    graph = archspec.load(path)
    with pytest.raises(SpecError) as caught:
        archspec.compile(graph)
    (found,) = caught.value.diagnostics
    assert (found.code, found.span is not None) == ("E713", True)
    assert f"{(64 + 1) * 2147483647 * 4:,} bytes" in found.message
