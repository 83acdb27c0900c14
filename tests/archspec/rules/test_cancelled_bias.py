"""W317: a bias that the normalisation behind it cancels, held against torch."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from archspec.errors import Diagnostic

Told = Callable[[str], list[Diagnostic]]

CASES = [
    pytest.param("conv: 8", "batch_norm", True, id="conv, batch_norm"),
    pytest.param("depthwise: 3", "batch_norm", True, id="depthwise"),
    pytest.param("conv_transpose: {out: 8, kernel: 2}", "batch_norm", True, id="conv_transpose"),
    pytest.param("conv: 8", "batch_norm: {affine: false}", True, id="no shift of its own"),
    pytest.param("conv: 8", "instance_norm", True, id="instance_norm"),
    pytest.param("conv: 8", "group_norm: 8", True, id="a group a channel"),
    pytest.param("conv: 8", "group_norm: 4", False, id="two channels a group: they differ by their biases"),
    pytest.param("conv: 8", "layer_norm", False, id="layer_norm is over the channels"),
    pytest.param("conv: 8", "lrn", False, id="no mean is subtracted"),
    pytest.param("locally_connected: {out: 8, kernel: 3}", "batch_norm", False, id="a bias a position"),
]


@pytest.mark.parametrize(("layer", "norm", "cancelled"), CASES)
def test_a_bias_is_cancelled_where_torch_gives_it_no_gradient(
    told: Told, layer: str, norm: str, cancelled: bool
) -> None:
    text = f"input: [6, 8, 8]\nlayers: [{layer}, {norm}, relu, global_avg_pool, linear: 3]\n"
    assert [d.code for d in told(text)] == (["W317"] if cancelled else [])


@pytest.mark.parametrize(("layer", "norm", "cancelled"), CASES)
def test_the_gradients_of_torch(layer: str, norm: str, cancelled: bool, write_spec: Callable[..., object]) -> None:
    torch = pytest.importorskip("torch")
    import archspec

    model = archspec.compile(write_spec(f"- {layer}\n- {norm}", "[6, 8, 8]")).double().train()
    torch.manual_seed(0)
    made = model(torch.randn(4, 6, 8, 8, dtype=torch.float64))
    (made * torch.randn(made.shape, dtype=torch.float64)).sum().backward()
    bias = next(p for name, p in model.named_parameters() if name.endswith(".bias"))
    assert (bias.grad.abs().max().item() < 1e-10) is cancelled


def test_the_parameters_of_all_instances_are_summed(told: Told) -> None:
    text = """
    input: [3, 8, 8]
    layers:
      - layers: [conv: $width, batch_norm, relu]
        each: {width: [16, 32, 64]}
      - global_avg_pool
      - linear: 10
    """
    (found,) = told(text)
    assert found.message == (
        "layers1.0.conv1 (and 2 more like it): batch_norm layers1.0.batch_norm1 subtracts the mean of each channel, "
        "and its bias with it: 112 parameters for nothing"
    )


@pytest.mark.parametrize(
    "layers",
    [
        pytest.param("[conv: {out: 8, bias: false}, batch_norm, relu]", id="no bias"),
        pytest.param("[conv: 8, relu, batch_norm]", id="something between"),
        pytest.param("[{conv: 8, name: a}, batch_norm, add: [a, $prev], relu]", id="another reader"),
        pytest.param("[conv: 8, batch_norm: {frozen: true}, relu]", id="a frozen norm subtracts a constant"),
        pytest.param("[{conv: 3, name: a}, batch_norm, relu, share: a, relu]", id="shared with a layer that needs it"),
    ],
)
def test_a_bias_that_does_something(told: Told, layers: str) -> None:
    assert told(f"input: [3, 8, 8]\ntask: embed\nlayers: {layers}\n") == []
