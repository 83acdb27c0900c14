"""Counts against hand-worked numbers and torchvision's modules."""

from __future__ import annotations

from dataclasses import replace

import pytest

import archspec
from archspec.analysis.counts import Counts, count, count_params, depth, total


def counts_of(path, batch=1):
    return count(archspec.load(path), batch)


def test_ten_filters_with_biases_are_280_parameters(write_spec):
    c = counts_of(write_spec("- conv: {out: 10, kernel: 3}", input="[3, 32, 32]"))["conv1"]
    assert (c.params, c.trainable_params, c.weight_bytes) == (280, 280, 1120)
    # 30·30 positions of 10 filters of 27 taps; biases are element-wise
    assert (c.macs, c.flops, c.elementwise_ops) == (243_000, 486_000, 9_000)
    assert c.activation_bytes == 10 * 30 * 30 * 4


def test_batch_scales_costs_and_activations_but_not_parameters(write_spec):
    path = write_spec("- conv: {out: 10, kernel: 3}\n- batch_norm", input="[3, 32, 32]")
    one, many = total(counts_of(path).values()), total(counts_of(path, batch=7).values())
    assert (many.params, many.buffers, many.weight_bytes) == (one.params, one.buffers, one.weight_bytes)
    assert (many.macs, many.elementwise_ops) == (7 * one.macs, 7 * one.elementwise_ops)
    assert many.activation_bytes == 7 * one.activation_bytes


def test_views_and_results_in_place_take_no_memory(write_spec):
    c = counts_of(write_spec("- conv: 2\n- relu\n- flatten\n- dropout: 0.5\n- linear: 3", input="[1, 4, 4]"))
    assert {name: each.activation_bytes for name, each in c.items()} == {
        "input": 64,
        "conv1": 128,
        "relu1": 0,
        "flatten1": 0,
        "dropout1": 0,
        "linear1": 12,
    }


def test_batch_norm_has_buffers_and_a_frozen_one_only_buffers(write_spec):
    c = counts_of(write_spec("- batch_norm\n- batch_norm: {frozen: true}", input="[6, 4, 4]"))
    assert (c["batch_norm1"].params, c["batch_norm1"].buffers) == (12, 13)
    # the step counter is an int64
    assert c["batch_norm1"].weight_bytes == 24 * 4 + 8
    assert (c["batch_norm2"].params, c["batch_norm2"].buffers) == (0, 24)


def test_shared_weights_count_once_but_cost_twice(write_spec):
    layers = "- conv: {out: 3, kernel: 3, padding: same}\n  repeat: 2\n  name: c"
    graph = archspec.load(write_spec(layers, input="[3, 8, 8]"))
    shared = replace(graph.nodes["c.1"], shares="c.0")
    graph = replace(graph, nodes={**graph.nodes, "c.1": shared})
    c = count(graph)
    assert (c["c.0"].params, c["c.1"].params, c["c.1"].weight_bytes) == (84, 0, 0)
    assert c["c.0"].macs == c["c.1"].macs == 64 * 81
    assert count_params(graph) == 84


def test_depth_is_the_number_the_papers_give():
    for name, layers in {"vgg16": 16, "vgg19": 19, "resnet18": 18, "resnet50": 50, "resnet152": 152}.items():
        assert depth(archspec.load(name)) == layers, name
    from archspec.passes.deploy import deploy

    assert depth(deploy(archspec.load("googlenet"))) == 22


def test_vgg16_activations_are_the_notes_sum():
    # the notes' table, values of input, convolution, pool and fully connected outputs
    table = {
        "input": 150_528,
        "64": 2 * 3_211_264 + 802_816,
        "128": 2 * 1_605_632 + 401_408,
        "256": 3 * 802_816 + 200_704,
        "512": 3 * 401_408 + 100_352 + 3 * 100_352 + 25_088,
        "fc": 4096 + 4096 + 1000,
    }
    assert sum(table.values()) == 15_237_608
    assert total(count(archspec.load("vgg16")).values()).activation_bytes == 4 * 15_237_608


def test_resnet18_activations_are_those_of_torchvisions_modules():
    torch = pytest.importorskip("torch")
    models = pytest.importorskip("torchvision.models")
    with torch.device("meta"):
        module = models.resnet18()
    values = [3 * 224 * 224]
    fresh = (torch.nn.Conv2d, torch.nn.BatchNorm2d, torch.nn.MaxPool2d, torch.nn.AdaptiveAvgPool2d, torch.nn.Linear)
    for part in module.modules():
        if isinstance(part, fresh):
            part.register_forward_hook(lambda _, __, out: values.append(out.numel()))
        if isinstance(part, models.resnet.BasicBlock):  # the sum, and the ReLU of the sum
            part.register_forward_hook(lambda _, __, out: values.append(2 * out.numel()))
    module(torch.empty(1, 3, 224, 224, device="meta"))
    assert total(count(archspec.load("resnet18")).values()).activation_bytes == 4 * sum(values)


def test_counts_add_up():
    a, b = Counts(params=1, macs=2, weight_bytes=4), Counts(params=10, macs=20, buffers=3)
    assert total([a, b]) == Counts(params=11, macs=22, weight_bytes=4, buffers=3)
