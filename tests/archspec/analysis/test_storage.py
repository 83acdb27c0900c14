"""Which activations overwrite their input."""

from __future__ import annotations

import pytest

import archspec
from archspec.analysis.storage import in_place


@pytest.mark.parametrize(
    ("layers", "expected"),
    [
        pytest.param("- conv: 4\n- relu", {"relu1"}, id="after a convolution"),
        pytest.param("- conv_transpose: {out: 4, kernel: 2}\n- relu", {"relu1"}, id="after a transposed one"),
        pytest.param("- flatten\n- linear: 4\n- sigmoid", {"sigmoid1"}, id="after a linear layer"),
        pytest.param("- conv: 4\n- batch_norm\n- relu", {"relu1"}, id="after a norm"),
        pytest.param("- conv: 4\n- relu\n- sigmoid", {"relu1"}, id="not after an activation"),
        pytest.param("- conv: 4\n- max_pool: 2\n- relu", set(), id="not after a pool"),
        pytest.param("- relu", set(), id="not over the input"),
        pytest.param("- conv: 4\n- softmax", set(), id="not where torch cannot"),
        pytest.param("- residual:\n    - conv: 3\n- relu", set(), id="not over a sum"),
        pytest.param("- conv: 4\n  name: a\n- relu\n- add: [a, $prev]", set(), id="not over what another layer reads"),
        pytest.param("- conv: 4\n- flatten\n- relu", set(), id="not over a view"),
    ],
)
def test_in_place(write_spec, layers, expected):
    graph = archspec.load(write_spec(layers, input="[3, 8, 8]"))
    assert in_place(graph) == expected


def test_an_output_of_the_network_is_not_overwritten(write_spec):
    path = write_spec("- conv: 4\n  name: a\n- relu: {}\n  name: b", input="[3, 8, 8]", outputs="[a, b]")
    assert in_place(archspec.load(path)) == frozenset()


def test_a_training_head_holds_its_tensor_only_while_training(write_spec):
    from archspec.passes.deploy import deploy

    heads = "{aux: {from: a, only: train, layers: [global_avg_pool, linear: 2]}}"
    path = write_spec("- conv: 4\n  name: a\n- relu: {}\n  name: b", input="[3, 8, 8]", heads=heads)
    graph = archspec.load(path)
    assert in_place(graph) == frozenset()
    assert in_place(deploy(graph)) == {"b"}
