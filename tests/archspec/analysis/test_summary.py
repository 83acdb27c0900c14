"""The summary: its JSON, its facts, the deployed graph and the training graph."""

from __future__ import annotations

import json

import pytest

import archspec
from archspec.analysis.facts import Facts

HEADS = "{aux: {from: a, only: train, weight: 0.3, layers: [global_avg_pool, linear: 2]}}"


@pytest.fixture
def with_head(write_spec):
    layers = "- conv: {out: 4, kernel: 3}\n  name: a\n- relu\n- global_avg_pool\n- linear: 5"
    return archspec.load(write_spec(layers, input="[3, 8, 8]", heads=HEADS))


def test_json_of_one_layer_and_of_the_whole(write_spec):
    path = write_spec("- conv: {out: 4, kernel: 3}\n- relu", input="[3, 8, 8]", name="tiny")
    found = archspec.summarize(archspec.load(path)).to_json()
    assert found["layers"][0] == {
        "name": "conv1",
        "op": "conv",
        "inputs": ["input"],
        "output": [4, 6, 6],
        "params": 112,
        "trainable_params": 112,
        "buffers": 0,
        "weight_bytes": 448,
        "gradient_bytes": 448,
        "macs": 36 * 108,
        "flops": 72 * 108,
        "elementwise_ops": 144,  # the bias
        "activation_bytes": 576,
        "saved_bytes": 576,
        "train_flops": 2 * 72 * 108,  # forward, and the gradient of the weights
        "receptive_field": [3, 3],
        "stride": [1, 1],
        "offset": [0, 0],
        "source": {"file": str(path), "line": 5, "column": 5},
        "trail": [],
    }
    assert found["layers"][1]["activation_bytes"] == 0
    del found["layers"]
    assert found == {
        "name": "tiny",
        "inputs": {"input": [3, 8, 8]},
        "outputs": {"relu1": [4, 6, 6]},
        "totals": {
            "params": 112,
            "trainable_params": 112,
            "buffers": 0,
            "macs": 3_888,
            "flops": 7_776,
            "elementwise_ops": 288,
            "activation_bytes": 768 + 576,
            "weight_bytes": 448,
            "weight_file_bytes": 8 + 144 + 448,
            "gradient_bytes": 448,
            "layers": 2,
            "depth": 1,
            "receptive_field": 3,
            "stride": 1,
            # a layer fed by data alone: forward, and the gradient of its weights
            "train_flops": 2 * 7_776,
            "saved_bytes": 576,
            "inference_peak_bytes": 448 + 768 + 576,
        },
    }


def test_heads_of_training_count_only_beside(with_head):
    summary = archspec.summarize(with_head)
    deployed = 4 * 28 + 25
    assert summary.totals.params == deployed
    assert summary.to_json()["totals"]["params_with_aux"] == deployed + 10
    assert Facts(summary)["params_with_aux"] == deployed + 10
    assert [row.name for row in summary.rows] == ["a", "relu1", "global_avg_pool1", "linear1"]
    assert list(summary.outputs) == ["linear1"]
    # without the head the activation overwrites the convolution's output
    assert next(row for row in summary.rows if row.name == "relu1").in_place


def test_without_training_heads_the_key_is_absent_and_the_fact_equal():
    summary = archspec.summarize(archspec.load("lenet5"))
    assert "params_with_aux" not in summary.to_json()["totals"]
    assert Facts(summary)["params_with_aux"] == summary.totals.params == 61_706


@pytest.mark.parametrize("name", ["lenet5", "googlenet", "resnet18", "mobilenet_v2", "inception_v3"])
def test_layers_and_input_add_up_to_the_totals(name):
    found = archspec.summarize(archspec.load(name), batch=3).to_json()
    totals, layers = found["totals"], found["layers"]
    inputs = sum(4 * shape[0] * shape[1] * shape[2] for shape in found["inputs"].values())
    for figure in ("params", "macs", "flops"):
        assert sum(layer[figure] for layer in layers) == totals[figure]
    assert sum(layer["activation_bytes"] for layer in layers) + 3 * inputs == totals["activation_bytes"]
    assert totals["flops"] == 2 * totals["macs"]


def test_facts_of_resnet50():
    facts = Facts(archspec.summarize(archspec.load("resnet50")))
    assert (facts["params"], facts["stride"], facts["depth"]) == (25_557_032, 32, 50)
    # 53 batch norms: 2 statistics a channel and a step counter
    assert facts["buffers"] == 53_173
    assert facts["weight_bytes"] == 4 * 25_557_032 + 4 * 53_120 + 8 * 53


def test_json_is_plain_data(with_head):
    found = archspec.summarize(with_head).to_json()
    assert json.loads(json.dumps(found)) == found


def test_a_batch_of_none_is_refused(with_head):
    with pytest.raises(archspec.SpecError, match="batch of 0"):
        archspec.summarize(with_head, batch=0)


def chain(write_spec, layers):
    return write_spec(
        f"- layers: [conv: {{out: 4, kernel: 3, padding: same}}, relu]\n  repeat: {layers // 2}\n  name: c",
        input="[4, 16, 16]",
        name=f"chain{layers}",
    )


def test_work_grows_linearly_with_layers(write_spec, calls, seconds):
    graphs = {n: archspec.load(chain(write_spec, n)) for n in (100, 1_000, 10_000)}

    def work(layers, measured):
        return measured(lambda: Facts(archspec.summarize(graphs[layers])))

    work(100, calls)  # what is imported and cached
    assert work(10_000, calls) < min(700_000, 11 * work(1_000, calls))  # a quadratic step would take a hundred times
    assert work(10_000, seconds) < 25 * work(1_000, seconds)


def test_json_of_a_layer_of_a_standard_block_tells_who_called_it(write_spec):
    path = write_spec("- conv_bn: 4\n  repeat: 2", input="[3, 8, 8]", use="std")
    first = archspec.summarize(archspec.load(path)).to_json()["layers"][3]
    assert (first["name"], first["source"]["file"].endswith("std.yaml")) == ("conv_bn1.1.conv", True)
    called = {"file": str(path), "line": 6, "column": 5}
    assert first["trail"] == [
        {"label": "block 'conv_bn' as conv_bn1.1", **called},
        {"label": "instance 1 of 'conv_bn'", **called},
    ]


def test_training_joins_the_totals_where_it_is_asked_for(write_spec):
    path = write_spec("- conv: {out: 4, kernel: 3}\n- relu", input="[3, 8, 8]", name="tiny", task="regress")
    graph = archspec.load(path)
    assert "train_peak_bytes" not in archspec.summarize(graph).to_json()["totals"]
    found = archspec.summarize(graph, 2, optimizer="adam").to_json()["totals"]
    # at rest: weights 448, two moments and two step counters, input, targets
    rest = 448 + 2 * 448 + 8 + 2 * 768 + 2 * 576
    # most while the convolution goes backward: its output and the loss's gradient, that of relu, those of weights
    assert found["train_peak_bytes"] > rest + 2 * 576
    assert found["train_workspace_bytes"] == 8_519_680
    assert "largest_batch" not in found
    assert archspec.summarize(graph, optimizer="sgd", workspace="cpu").to_json()["totals"]["train_workspace_bytes"] == 0


@pytest.mark.parametrize("name", ["lenet5", "resnet18", "googlenet", "densenet121"])
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_the_largest_batch_fits_and_one_more_does_not(name, optimizer):
    graph, budget = archspec.load(name), 2**30
    found = archspec.summarize(graph, optimizer=optimizer, workspace="cpu", fit=budget).training
    assert found.largest > 1

    def peak(batch):
        return archspec.summarize(graph, batch, optimizer=optimizer).training.memory.peak.bytes

    assert peak(found.largest) <= budget < peak(found.largest + 1)


def test_nothing_fits_where_the_weights_do_not():
    found = archspec.summarize(archspec.load("vgg16"), fit=2**20).to_json()["totals"]
    assert (found["fit_bytes"], found["largest_batch"]) == (2**20, 0)


def test_training_wants_numbers_for_open_sizes():
    graph = archspec.load("resnet18", input="3xHxW")
    found = archspec.summarize(graph).to_json()
    assert found["totals"]["saved_bytes"].startswith("512*ceil(H/2)*ceil(W/2)+")
    assert "inference_peak_bytes" not in found["totals"]
    closed = archspec.summarize(archspec.load("resnet18")).to_json()
    assert found["open"]["example"]["inference_peak_bytes"] == closed["totals"]["inference_peak_bytes"]
    with pytest.raises(archspec.SpecError) as raised:
        archspec.summarize(graph, optimizer="sgd")
    (one,) = raised.value.diagnostics
    assert (one.code, one.hint) == ("E581", "give the size of the images: --input 3x224x224")


@pytest.mark.parametrize(
    "wrong", [{"optimizer": "adan"}, {"optimizer": "sgd", "workspace": "cude"}, {"precision": "bf15"}]
)
def test_unknown_optimisers_devices_and_precisions_are_told_the_known(wrong):
    with pytest.raises(archspec.SpecError) as raised:
        archspec.summarize(archspec.load("lenet5"), **wrong)
    (one,) = raised.value.diagnostics
    assert one.code == "E582"
    assert one.hint.startswith("did you mean")


def test_everything_about_ten_thousand_layers_takes_work_linear_in_them(write_spec, calls, seconds):
    def work(layers):
        body = f"- layers: [conv_bn: {{out: 8, kernel: 3, padding: same}}, relu]\n  repeat: {layers // 3}"
        graph = archspec.load(write_spec(body, input="[8, 8, 8]", use="std", name=f"chain{layers}"))

        def summarized():
            archspec.summarize(graph, optimizer="adam", fit=2**36).to_json()

        return calls(summarized), seconds(summarized)

    work(100)  # what is imported and cached
    few, many = work(1_000), work(10_000)
    assert many[0] < 11 * few[0]
    assert many[0] < 10_000_000  # about a second and a half
    assert many[1] < 25 * few[1]
