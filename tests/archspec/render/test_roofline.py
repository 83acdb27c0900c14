"""The estimate as people and programs see it."""

from __future__ import annotations

import csv
import io
import json

import pytest

from archspec import load, roofline
from archspec.cli import main
from archspec.render.roofline import section
from archspec.render.units import duration


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0.00 µs"),
        (1.234e-6, "1.23 µs"),
        (5.87e-5, "58.7 µs"),
        (9.996e-4, "1.00 ms"),
        (0.1, "100 ms"),
        (12.34, "12.3 s"),
    ],
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def shown(capsys: pytest.CaptureFixture[str], *args: str) -> str:
    assert main(["summarize", *args]) == 0
    return capsys.readouterr().out


def test_a_section_below_the_table(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    plain = shown(capsys, "resnet18")
    text = shown(capsys, "resnet18", "--device", "h200", "--batch", "64", "--precision", "bfloat16")
    assert shown(capsys, "resnet18", "--device", "h200").startswith(plain.rstrip("\n"))
    section = text[text.index("time on ") :].splitlines()
    assert section[0] == "time on NVIDIA H200 SXM, bfloat16, batch 64; what operations reach is assumed"
    assert max(map(len, section)) <= 80
    titles = next(i for i, line in enumerate(section) if line.startswith("longest  "))
    first = section[titles + 1]  # four of 231 MFLOPs an image, at 60 % of 989.5 TFLOP/s
    assert first.split() == [
        "stage.0.block.0.conv_bn1.conv",
        "×4",
        "49.1",
        "MiB",
        "288",
        "compute",
        "99.7",
        "µs",
        "11",
        "%",
    ]


@pytest.mark.parametrize("width", [80, 200])
def test_layers_can_be_told_apart(width: int) -> None:
    found = section(roofline(load("resnet152"), "h200"), width).splitlines()
    titles = next(i for i, line in enumerate(found) if line.startswith("longest  "))
    names = [line.partition("  ")[0] for line in found[titles + 1 :]]
    assert len(names) == len(set(names)) == 10
    assert max(map(len, found)) <= width
    assert width < 200 or not [name for name in names if "…" in name]


def test_json_has_the_keys_of_the_summary_and_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    plain = json.loads(shown(capsys, "resnet18", "--format", "json"))
    found = json.loads(shown(capsys, "resnet18", "--format", "json", "--device", "a100"))
    device = found.pop("device")
    times = [
        {key: layer.pop(key) for key in ("kind", "bytes", "intensity", "bound", "seconds")} for layer in found["layers"]
    ]
    assert found == plain
    assert device["seconds"] == pytest.approx(sum(time["seconds"] for time in times))
    assert (device["precision"], device["shares"]) == ("float32", "assumed")


def test_csv_has_columns_behind_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    plain = list(csv.reader(io.StringIO(shown(capsys, "resnet18", "--format", "csv"))))
    found = list(csv.reader(io.StringIO(shown(capsys, "resnet18", "--format", "csv", "--device", "a100"))))
    assert [row[:-5] for row in found] == plain
    assert found[0][-5:] == ["kind", "bytes", "intensity", "bound", "seconds"]
    assert found[1][-5] == "conv" and float(found[1][-1]) > 0


def test_markdown_has_a_second_table(capsys: pytest.CaptureFixture[str]) -> None:
    text = shown(capsys, "resnet18", "--format", "markdown", "--device", "a100")
    assert "| longest | kind |" in text


def test_what_does_not_fit_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert "more than there is" in shown(capsys, "vgg16", "--device", "rtx4090", "--batch", "4000")
    assert "more than there is" not in shown(capsys, "vgg16", "--device", "rtx4090")


def test_no_framework_is_loaded() -> None:
    import subprocess
    import sys

    code = (
        "import sys; from archspec.cli import main; main(['summarize', 'lenet5', '--device', 'h200']);"
        "assert not {'torch', 'numpy', 'archspec_torch'} & set(sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=60).returncode == 0


def test_without_a_device_nothing_of_it_is_loaded() -> None:
    import subprocess
    import sys

    code = (
        "import sys; from archspec.cli import main; main(['summarize', 'lenet5']);"
        "assert not [m for m in sys.modules if 'roofline' in m or 'archspec.devices' in m]"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=60).returncode == 0
