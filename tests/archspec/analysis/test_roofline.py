"""Bytes, intensities and times against numbers worked by hand."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path

import pytest

import archspec
from archspec.analysis.roofline import Roofline, roofline
from archspec.analysis.work import Work, work
from archspec.devices import Device
from archspec.errors import SpecError

Write = Callable[..., Path]

DEVICE = {
    "name": "a round device",
    "source": "this test",
    "shares": "assumed",
    "peak_tflops": {"float32": 1.0, "bfloat16": 4.0},
    "bandwidth_gb_per_s": 100.0,
    "memory_gb": 1.0,
    "overlap": False,
    "otherwise": {"compute": 0.5, "memory": 0.8, "overhead_us": 2.0},
    "operations": {"conv": {"compute": 0.8, "memory": 0.5, "weights": 0.25, "overhead_us": 10.0}},
}


def device(**changes: object) -> Device:
    return Device.model_validate({**DEVICE, **changes})


def works(path: Path, batch: int = 1, precision: str = "float32") -> dict[str, Work]:
    return {one.name: one for one in work(archspec.load(path), batch, precision)}


def layers(found: Roofline) -> dict[str, tuple[float, str]]:
    return {layer.name: (layer.seconds, layer.bound) for layer in found.layers}


def test_a_convolution_by_hand(write_spec: Write) -> None:
    """8×32×32 → 16×32×32 by 3×3: 8·9 MACs for each of 16·1024 outputs; tensors of 4 bytes."""
    spec = "- conv: {out: 16, kernel: 3, padding: same, bias: false}\n  name: c\n- relu: {}\n  name: r"
    found = works(write_spec(spec, "[8, 32, 32]"))
    conv = found["c"]
    assert conv.flops == 2 * 72 * 16 * 1024 == 2_359_296
    assert (conv.read_bytes, conv.written_bytes, conv.weight_bytes) == (32_768, 65_536, 4 * 8 * 16 * 9)
    assert conv.bytes == 102_912
    assert conv.intensity == pytest.approx(2_359_296 / 102_912)
    relu = found["r"]  # in place, and yet it reads and writes all
    assert (relu.flops, relu.elementwise_ops, relu.bytes) == (0, 16_384, 2 * 65_536)
    assert (conv.allocated_bytes, relu.allocated_bytes) == (65_536, 0)


def test_its_time_by_hand(write_spec: Write) -> None:
    """Peak 1 TFLOP/s · 0.8, 100 GB/s · 0.5 for tensors and · 0.25 for weights, 10 µs a call."""
    graph = archspec.load(write_spec("- conv: {out: 16, kernel: 3, padding: same, bias: false}", "[8, 32, 32]"))
    computing, moving = 2_359_296 / 0.8e12, 98_304 / 50e9 + 4_608 / 25e9
    (one,) = roofline(graph, device()).layers
    assert (one.computing, one.moving, one.calling) == pytest.approx((computing, moving, 1e-5))
    assert one.seconds == pytest.approx(computing + moving + 1e-5)
    assert one.bound == "overhead"
    (one,) = roofline(graph, device(overlap=True)).layers
    assert one.seconds == pytest.approx(1e-5)
    (one,) = roofline(graph, device(overlap=True), batch=64).layers
    assert one.seconds == pytest.approx(64 * computing)
    assert one.bound == "compute"


def test_half_the_bytes_and_the_peak_of_the_precision(write_spec: Write) -> None:
    graph = archspec.load(write_spec("- conv: {out: 16, kernel: 3, padding: same, bias: false}", "[8, 32, 32]"))
    single, half = (roofline(graph, device(), precision=p).layers[0] for p in ("float32", "bfloat16"))
    assert half.computing == pytest.approx(single.computing / 4)
    assert half.moving == pytest.approx(single.moving / 2)


def test_what_has_no_matrix_unit_computes_at_the_rate_of_float32(write_spec: Write) -> None:
    graph = archspec.load(write_spec("- depthwise: {kernel: 3, padding: same}", "[8, 32, 32]"))
    single, half = (roofline(graph, device(), precision=p).layers[0] for p in ("float32", "bfloat16"))
    assert half.computing == single.computing
    assert half.moving == pytest.approx(single.moving / 2)


def test_a_linear_layer_reads_its_weights_once_a_batch(write_spec: Write) -> None:
    """1000 → 100: at batch 1 half an operation a byte, at batch 64 thirty times that."""
    path = write_spec("- linear: {out: 100, bias: false}\n  name: l", "[1000]")
    one, many = works(path)["l"], works(path, batch=64)["l"]
    assert one.weight_bytes == many.weight_bytes == 400_000
    assert one.intensity == pytest.approx(200_000 / (400_000 + 4_400))
    assert many.intensity == pytest.approx(64 * 200_000 / (400_000 + 64 * 4_400))


def test_views_and_sums(write_spec: Write) -> None:
    """A sum reads both and writes one; flattening moves nothing and costs a call."""
    path = write_spec("- residual: [{conv: {out: 8, kernel: 1, bias: false}}]\n- flatten", "[8, 4, 4]")
    found = {one.kind: one for one in works(path).values()}
    assert (found["elementwise"].read_bytes, found["elementwise"].written_bytes) == (2 * 512, 512)
    assert (found["view"].bytes, found["view"].operations) == (0, 0)
    assert found["view"].intensity == 0
    times = {layer.work.kind: layer.seconds for layer in roofline(archspec.load(path), device()).layers}
    assert times["view"] == pytest.approx(2e-6)


def test_behind_regions_work_is_that_of_all(write_spec: Write) -> None:
    """5 boxes of 4 numbers out of 8×4×4; 32 numbers of each to 10 by 320 multiplications. Three images."""
    layers = "- roi_pool: {regions: boxes, size: 2, stride: 1}\n- flatten\n- linear: {out: 10, bias: false}"
    path = write_spec(layers, "null", inputs="{image: [8, 4, 4], boxes: [5, 4]}")
    path.write_text(path.read_text().replace("input: null\n", ""))
    pool, _, linear = works(path, batch=3).values()
    assert (pool.read_bytes, pool.written_bytes) == (3 * 4 * (128 + 20), 3 * 4 * 5 * 32)
    assert linear.flops == 2 * 3 * 5 * 320
    assert (linear.read_bytes, linear.written_bytes, linear.weight_bytes) == (3 * 4 * 5 * 32, 3 * 4 * 5 * 10, 4 * 320)


def test_shared_weights_are_read_by_each_layer_that_uses_them(write_spec: Write) -> None:
    path = write_spec(
        "- conv: {out: 8, kernel: 3, padding: same, bias: false}\n  name: a\n- share: a\n  name: b", "[8, 4, 4]"
    )
    assert [one.weight_bytes for one in works(path).values()] == [4 * 576, 4 * 576]


def test_large_outputs_cost_more_where_memory_is_asked_for_anew(write_spec: Write) -> None:
    """64×512×512 floats are 67 MB: above 33.6, at 0.1 of 100 GB/s."""
    spec = "- batch_norm\n- relu"
    graph = archspec.load(write_spec(spec, "[64, 512, 512]"))
    plain = roofline(graph, device()).layers
    otherwise = {"compute": 0.5, "memory": 0.8, "overhead_us": 2.0, "fresh": 0.1}
    fresh = roofline(graph, device(fresh_above_mb=33.6, otherwise=otherwise)).layers
    assert fresh[0].seconds - plain[0].seconds == pytest.approx(4 * 64 * 512 * 512 / 10e9)
    assert fresh[1].seconds == plain[1].seconds  # in place


@pytest.mark.parametrize(
    ("layer", "kind"),
    [
        ("conv: {out: 16, kernel: 3}", "conv"),
        ("conv: {out: 16, kernel: 1}", "pointwise"),
        ("conv: {out: 2, kernel: 1}", "pointwise"),
        ("conv: {out: 2, kernel: 3}", "thin"),
        ("conv: {out: 16, kernel: 3, groups: 4}", "grouped"),
        ("conv: {out: 16, kernel: 3, groups: 16}", "depthwise"),
        ("depthwise: 3", "depthwise"),
        ("conv_transpose: {out: 8, kernel: 2, stride: 2}", "transposed"),
        ("batch_norm", "norm"),
        ("lrn", "local_norm"),
        ("max_pool: 2", "max_pool"),
        ("avg_pool: 2", "avg_pool"),
        ("adaptive_max_pool: 4", "max_pool"),
        ("adaptive_avg_pool: 4", "avg_pool"),
        ("channel_shuffle: 4", "copy"),
        ("hard_swish", "rectifier"),
        ("magnitude", "elementwise"),
        ("global_avg_pool", "global_pool"),
        ("relu", "rectifier"),
        ("silu", "activation"),
        ("upsample: 2", "copy"),
        ("dropout: 0.5", "view"),
    ],
)
def test_kinds_of_operations(layer: str, kind: str, write_spec: Write) -> None:
    (found,) = works(write_spec(f"- {layer}", "[16, 8, 8]")).values()
    assert found.kind == kind


def test_totals_are_sums_and_heads_of_training_take_no_time() -> None:
    graph = archspec.load("googlenet")
    found = roofline(graph, "h200", batch=4)
    summary = archspec.summarize(graph, batch=4)
    assert found.flops == summary.totals.flops
    assert {layer.name for layer in found.layers} == {row.name for row in summary.rows}
    assert found.seconds == pytest.approx(sum(found.bound_seconds().values()))


def test_memory_is_that_of_inference() -> None:
    from archspec.analysis.memory import inference_memory

    graph = archspec.load("resnet18")
    assert roofline(graph, "h200").peak_bytes == inference_memory(graph).peak.bytes


def test_memory_of_half_precision_is_torch_s_weights_and_half_the_tensors() -> None:
    """Batch normalisations count their batches in int64, which `half` leaves alone."""
    torch = pytest.importorskip("torch")
    graph = archspec.load("resnet18")
    with torch.device("meta"):
        network = archspec.compile(graph)
    single, half = (sum(t.nbytes for t in n.state_dict().values()) for n in (network, copy.deepcopy(network).half()))
    assert 2 * half > single
    tensors = roofline(graph, "h200").peak_bytes - single
    found = roofline(graph, "h200", precision="float16")
    assert found.peak_bytes == half + tensors // 2
    assert (found.to_json()["peak_bytes"], found.to_json()["capacity_bytes"]) == (found.peak_bytes, 141 * 10**9)


def test_open_sizes_are_taken_at_their_example() -> None:
    opened = archspec.load("resnet18", input="3xHxW")
    fixed = archspec.load("resnet18", input="3x224x224")
    assert dict(opened.example) == {"H": 224, "W": 224}
    assert roofline(opened, "a100").seconds == pytest.approx(roofline(fixed, "a100").seconds)
    assert roofline(opened, "a100").peak_bytes is None


def test_an_unknown_precision_and_a_batch_of_none() -> None:
    graph = archspec.load("lenet5")
    with pytest.raises(SpecError) as error:
        roofline(graph, "h200", precision="bfloat")
    (told,) = error.value.diagnostics
    assert (told.code, told.hint) == ("E564", "did you mean 'bfloat16'?")
    with pytest.raises(SpecError, match="E580"):
        roofline(graph, "h200", batch=0)
