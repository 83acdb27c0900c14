"""Budgets: what a spec may assert of the whole network and of its layers, and how mistakes in it are told."""

from __future__ import annotations

import pytest

import archspec
from archspec.analysis.receptive import fields

LAYERS = """
- layers:
  - conv: {out: 4, kernel: 3}
    name: first
  - relu
  - conv: {out: 8, kernel: 3, stride: 2}
    name: second
  name: stem
- flatten
- linear: 10
"""


@pytest.fixture
def told(write_spec):
    def check(*asserts: str) -> list[tuple[str, str | None]]:
        path = write_spec(LAYERS, input="[3, 11, 11]", **{"assert": f"[{', '.join(repr(a) for a in asserts)}]"})
        return [(d.code, d.hint) for d in archspec.check(path)]

    return check


FIRST, SECOND = 3 * 4 * 9 + 4, 4 * 8 * 9 + 8
FIRST_MACS, SECOND_MACS = 9 * 9 * 4 * 27, 4 * 4 * 8 * 36


@pytest.mark.parametrize(
    "fact",
    [
        f"layers.stem.first.params == {FIRST}",
        f"layers.stem.params == {FIRST + SECOND}",
        f"layers.stem.first.macs == {FIRST_MACS}",
        f"layers.stem.flops == {2 * (FIRST_MACS + SECOND_MACS)}",
        "layers.stem.second.receptive_field == 5",
        "layers.stem.second.stride == 2",
        "layers.stem.first.stride == 1",
        f"layers.linear1.weight_bytes == {4 * (128 * 10 + 10)}",
        "layers.stem.first.macs + layers.stem.second.macs < macs",
        "layers == 5",
        "layers.stem.first.saved_bytes == 4 * 4 * 9 * 9",
        "inference_peak_bytes < 16 * KiB and weight_file_bytes < 1 * MiB and weight_file_bytes > weight_bytes",
        "train_peak_bytes > weight_bytes and train_peak_bytes.8 > train_peak_bytes",
        "train_peak_bytes.adam.8 == train_peak_bytes.8.fp32.adam and train_peak_bytes.1.sgd == train_peak_bytes",
        "train_flops > 2 * flops and train_flops < 3 * flops",
    ],
)
def test_facts_hold(fact, told):
    assert told(fact) == []


def test_a_broken_budget_tells_the_figure(told):
    assert told("layers.stem.first.macs < 8_000") == [("E401", f"layers.stem.first.macs is {FIRST_MACS:,}")]
    assert told("weight_bytes < 2 * KiB") == [("E401", f"weight_bytes is {4 * (FIRST + SECOND + 1290):,}")]


@pytest.mark.parametrize(
    ("wrong", "code", "hint"),
    [
        ("parms < 10", "E208", "did you mean 'params'?"),
        ("layers.stem.frist.macs < 10", "E403", "did you mean 'stem.first'?"),
        ("layers.stem.first.mac < 10", "E404", "did you mean 'macs'?"),
        ("layers.stem.first < 10", "E404", "say which figure: layers.stem.first.params"),
        ("layers.stem < 10", "E404", "say which figure: layers.stem.params"),
        ("layers.stem.first.depth < 10", "E404", None),
        ("train_peak_bytes.adan < 10", "E586", None),
        ("train_peak_bytes.8.16 < 10", "E586", None),
        ("train_peak_bytes.0 < 10", "E586", None),
        ("stem.first.params < 10", "E403", "of a layer: layers.stem.first.params"),
        ("params < 5M", "E201", "'5M' is no number: write 5_000_000"),
        ("macs < 40k", "E201", "'40k' is no number: write 40_000"),
        ("weight_bytes < 8MiB", "E201", "'8MiB' is no number: bytes are written 8 * MiB"),
        ("params < 5xy", "E201", "'5xy' is no number; quote it for text"),
    ],
)
def test_what_is_unknown_gets_suggestions(wrong, code, hint, told):
    ((found, said),) = told(wrong)
    assert found == code
    assert said is not None and (hint is None or said == hint)


def test_every_fact_is_named_where_none_is_near(told):
    ((_, hint),) = told("zzzzzz < 1")
    assert hint.endswith("weight_file_bytes") and "…" not in hint and hint.count(",") > 15


def test_a_figure_is_the_same_of_a_layer_and_of_the_whole(told):
    assert told(f"layers.stem.first.train_flops == {2 * 2 * FIRST_MACS} and receptive_field == 5") == []
    assert told("layers.stem.buffers == 0 and layers.linear1.gradient_bytes == 5_160") == []


def test_a_formula_of_open_sizes_cannot_be_held_under_a_number(write_spec):
    layers = "- conv: {out: 4, kernel: 3}\n- global_avg_pool"
    for fact in ("layers.conv1.macs", "inference_peak_bytes", "train_peak_bytes", "train_peak_bytes.8", "macs"):
        path = write_spec(layers, input="[3, H, W]", **{"assert": f"[{fact} < 100]"})
        assert [d.code for d in archspec.check(path)] == ["E402"]
    path = write_spec(layers, input="[3, H, W]", **{"assert": "[layers.conv1.params == 112]"})
    assert archspec.check(path) == []


def test_receptive_fields_are_found_once_however_many_are_asserted(write_spec, monkeypatch):
    from archspec.analysis import summary

    calls = []
    monkeypatch.setattr(summary, "fields", lambda graph: calls.append(graph) or fields(graph))
    layers = "- conv: {out: 2, kernel: 3}\n  name: c\n  repeat: 4"
    asserted = [f"layers.c.{i}.receptive_field == {2 * i + 3}" for i in range(4)] + ["stride == layers.c.2.stride"]
    archspec.load(write_spec(layers, "[1, 16, 16]", **{"assert": f"[{', '.join(asserted)}]"}))
    assert len(calls) == 1
