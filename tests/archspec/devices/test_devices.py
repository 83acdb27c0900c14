"""Device files: those that come with archspec, what is wrong in others, and back again."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

import archspec
from archspec.devices import device_names, load_device, written
from archspec.errors import Diagnostic, SpecError

GOOD = """\
name: a small board
source: its data sheet
shares: assumed
peak_tflops: {float32: 0.5}
bandwidth_gb_per_s: 25
memory_gb: 8
overlap: false
otherwise: {compute: 0.5, memory: 0.7, overhead_us: 10}
operations: {depthwise: {compute: 0.2, overhead_us: 0}}
"""


def told(path: Path, text: str) -> list[Diagnostic]:
    file = path / "mine.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(SpecError) as error:
        load_device(file)
    return list(error.value.diagnostics)


def test_those_that_come_with_archspec() -> None:
    assert device_names() == ["a100", "h200", "rtx4090", "ryzen7840u"]
    for name in device_names():
        device = archspec.load_device(name)
        assert device.shares == "assumed"
        assert "float32" in device.peak_tflops


@pytest.mark.parametrize(
    ("name", "bfloat16", "bandwidth", "memory"),
    [("h200", 989.5, 4800, 141), ("a100", 312, 2039, 80), ("rtx4090", 165.2, 1008, 24)],
)
def test_published_figures(name: str, bfloat16: float, bandwidth: float, memory: float) -> None:
    device = load_device(name)
    assert (device.peak_tflops["bfloat16"], device.bandwidth_gb_per_s, device.memory_gb) == (
        bfloat16,
        bandwidth,
        memory,
    )


def test_rates_by_hand(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(GOOD, encoding="utf-8")
    device = load_device(tmp_path / "mine.yaml")
    plain, depthwise = device.rates("conv", "float32"), device.rates("depthwise", "float32")
    assert (plain.compute, plain.memory, plain.weights, plain.overhead) == pytest.approx(
        (0.25e12, 17.5e9, 17.5e9, 1e-5)
    )
    assert (depthwise.compute, depthwise.memory, depthwise.overhead) == pytest.approx((0.1e12, 17.5e9, 0))


def test_written_and_read_again(tmp_path: Path) -> None:
    for name in device_names():
        device = load_device(name)
        (tmp_path / "again.yaml").write_text(written(device, "as it was"), encoding="utf-8")
        assert load_device(tmp_path / "again.yaml") == device
    assert yaml.safe_load((tmp_path / "again.yaml").read_text(encoding="utf-8"))["memory_gb"] == 32


@pytest.mark.parametrize(
    ("old", "new", "code", "line", "column", "hint"),
    [
        ("memory_gb", "memori_gb", "E561", 6, 1, "did you mean 'memory_gb'?"),
        ("{float32", "{int8: 3, float32", "E561", 4, 15, "keys there: bfloat16, float16, float32, tf32"),
        ("{depthwise", "{depthwize", "E561", 9, 14, "did you mean 'depthwise'?"),
        ("{compute: 0.2", "{computes: 0.2", "E561", 9, 26, "did you mean 'compute'?"),
        ("overlap: false\n", "", "E562", 1, 1, "write overlap: …"),
        ("memory: 0.7, ", "", "E562", 8, 12, "write memory: …"),
        ("compute: 0.5", "compute: 1.5", "E563", 8, 22, None),
        ("25", "0", "E563", 5, 21, None),
        ("assumed", "guessed", "E563", 3, 9, None),
        ("false", "0", "E563", 7, 10, None),
        ("0.5}", "true}", "E563", 4, 24, None),
    ],
)
def test_mistakes_in_their_place(
    old: str, new: str, code: str, line: int, column: int, hint: str | None, tmp_path: Path
) -> None:
    found = told(tmp_path, GOOD.replace(old, new, 1))
    assert code in {d.code for d in found}
    one = next(d for d in found if d.code == code)
    assert one.span is not None
    assert (one.span.line, one.span.column, one.hint) == (line, column, hint)


def test_all_mistakes_at_once_in_the_order_of_the_text(tmp_path: Path) -> None:
    text = GOOD.replace("source", "sauce").replace("25", "-25").replace("compute: 0.2", "compute: 2")
    found = told(tmp_path, text)
    assert [d.code for d in found] == ["E562", "E561", "E563", "E563"]
    assert "not -25" in found[2].message


@pytest.mark.parametrize("text", ["- 1\n", "a text\n"])
def test_a_file_that_is_no_mapping(text: str, tmp_path: Path) -> None:
    assert [d.code for d in told(tmp_path, text)] == ["E563"]


@pytest.mark.parametrize("name", ["h201", "nowhere.yaml", "a/b", "", "x" * 5000, "a\0b", "."])
def test_no_such_device(name: str) -> None:
    with pytest.raises(SpecError) as error:
        load_device(name)
    assert [d.code for d in error.value.diagnostics] == ["E560"]


def test_the_nearest_name() -> None:
    with pytest.raises(SpecError, match="did you mean 'h200'"):
        load_device("h20")
