"""The command line as a user meets it: a process, its two streams, its exit status."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

from archspec.cli import main

Run = Callable[..., "CompletedProcess[str]"]
Write = Callable[..., Path]

BROKEN = """\
archspec: 1
input: [3, 32, 32]
layers:
  - conv: {out: 8, kernal: 3}
  - rellu
"""


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    path = tmp_path / "broken.yaml"
    path.write_text(BROKEN, encoding="utf-8")
    return path


# Exit status


@pytest.mark.parametrize(
    "args",
    [
        [],
        ["summarise"],
        ["summarize"],
        ["summarize", "lenet5", "--bogus"],
        ["summarize", "lenet5", "--form", "json"],
        ["summarize", "lenet5", "--format", "xml"],
        ["summarize", "lenet5", "--batch", "0"],
        ["draw", "lenet5"],
        ["weights"],
        ["weights", "import", "lenet5", "--map", "torchvision"],
    ],
    ids=" ".join,
)
def test_a_wrong_command_line_exits_with_2(args: list[str], run_archspec: Run) -> None:
    done = run_archspec(*args)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("usage: archspec")


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (["summarize", "resnet51"], "resnet50"),
        (["summarize", "no/such/file.yaml"], "no/such/file.yaml"),
        (["summarize", "resnet50@51"], "51"),
        (["summarize", "lenet5", "--set", "vars.clases=3"], "classes"),
        (["summarize", "lenet5", "--set", "vars.classes"], "path=value"),
        (["summarize", "lenet5", "--set", "vars.classes=[1"], "--set"),
        (["summarize", "lenet5", "--input", "1x2"], "input"),
        (["summarize", "lenet5", "--input", "1x8x8"], "does not fit"),
        (["check", "lenet5", "resnet51"], "resnet50"),
        (["draw", "lenet5", "-o", "picture.docx"], "docx"),
        (["train", "no_such_run.yaml"], "no_such_run.yaml"),
        (["evaluate", "no_such_run"], "no_such_run"),
        (["predict", "no_such_run", "image.png"], "no_such_run"),
        (["weights", "import", "vgg11", "--from", "no.pth", "--map", "torchvision", "-o", "o.safetensors"], "no.pth"),
        (["weights", "import", "lenet5", "--from", "no.pth", "--map", "torchvision", "-o", "o.safetensors"], "lenet5"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)  # fmt: skip
def test_wrong_input_exits_with_1_and_says_what_on_stderr(args: list[str], told: str, run_archspec: Run) -> None:
    done = run_archspec(*args)
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    assert told in done.stderr


def test_all_errors_at_once_with_place_caret_and_suggestion(broken: Path, run_archspec: Run) -> None:
    done = run_archspec("check", broken)
    assert done.returncode == 1
    assert f"{broken}:4:20: error E" in done.stderr
    assert f"{broken}:5:5: error E" in done.stderr
    assert "  - conv: {out: 8, kernal: 3}\n    |                    ^^^^^^" in done.stderr
    assert "did you mean 'kernel'?" in done.stderr
    assert "did you mean 'relu'?" in done.stderr
    assert "2 errors" in done.stdout


def test_check_as_json_is_json_alone_on_stdout(broken: Path, run_archspec: Run) -> None:
    done = run_archspec("check", broken, "lenet5", "--format", "json")
    assert (done.returncode, done.stderr) == (1, "")
    found = json.loads(done.stdout)
    assert [(d["line"], d["column"], d["severity"]) for d in found] == [(4, 20, "error"), (5, 5, "error")]
    assert {d["spec"] for d in found} == {str(broken)}
    assert all(d["file"] == str(broken) and d["code"].startswith("E") for d in found)


def test_check_of_good_specs(run_archspec: Run) -> None:
    done = run_archspec("check", "lenet5", "resnet50@152", "--strict")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "lenet5: ok\nresnet50@152: ok\n"
    done = run_archspec("check", "lenet5", "--format", "json")
    assert (done.returncode, json.loads(done.stdout)) == (0, [])


def test_warnings_fail_only_under_strict(write_spec: Write, run_archspec: Run) -> None:
    path = write_spec("- conv: {out: 6, kernel: 5, stride: 2}", "[3, 32, 32]")
    lenient, strict = run_archspec("check", path), run_archspec("check", path, "--strict")
    assert (lenient.returncode, strict.returncode) == (0, 1)
    assert "warning W301" in lenient.stderr
    assert "14.5" in lenient.stderr
    assert "1 warning" in lenient.stdout
    assert "error W301" in strict.stderr


# Commands


def test_version_and_help(run_archspec: Run) -> None:
    version = run_archspec("--version")
    assert (version.returncode, version.stdout) == (0, "archspec 0.1.0\n")
    shown = run_archspec("--help")
    assert shown.returncode == 0
    for command in ("check", "list", "summarize", "draw", "train", "evaluate", "predict", "weights"):
        assert f"    {command}" in shown.stdout
        assert run_archspec(command, "--help").returncode == 0


def test_list_names_what_can_be_summarized(run_archspec: Run) -> None:
    done = run_archspec("list", "--format", "json")
    names = [entry["name"] for entry in json.loads(done.stdout)]
    assert names == sorted(names)
    assert {"lenet5", "resnet152", "vgg16_bn"} <= set(names)
    lines = run_archspec("list").stdout.splitlines()
    assert [line.split()[0] for line in lines] == names


def test_summarize_as_json(run_archspec: Run) -> None:
    done = run_archspec("summarize", "lenet5", "--format", "json")
    assert done.returncode == 0
    made = json.loads(done.stdout)
    assert list(made) == ["name", "inputs", "outputs", "totals", "layers"]
    assert (made["name"], made["inputs"], made["outputs"]) == ("lenet5", {"input": [1, 32, 32]}, {"linear3": [10]})
    assert set(made["totals"]) == {
        "params", "trainable_params", "buffers", "macs", "flops", "elementwise_ops", "activation_bytes",
        "weight_bytes", "weight_file_bytes", "train_flops", "saved_bytes", "inference_peak_bytes",
        "gradient_bytes", "layers", "depth", "receptive_field", "stride",
    }  # fmt: skip
    assert made["totals"]["params"] == 61_706
    assert made["totals"]["flops"] == 2 * made["totals"]["macs"] == 2 * 416_520
    first = made["layers"][0]
    assert list(first) == [
        "name", "op", "inputs", "output", "params", "trainable_params", "buffers", "weight_bytes", "gradient_bytes",
        "macs", "flops", "elementwise_ops", "activation_bytes", "saved_bytes", "train_flops",
        "receptive_field", "stride", "offset", "source", "trail",
    ]  # fmt: skip
    assert (first["name"], first["inputs"], first["output"], first["params"]) == ("conv1", ["input"], [6, 28, 28], 156)
    text = Path(first["source"]["file"]).read_text(encoding="utf-8").splitlines()
    assert text[first["source"]["line"] - 1][first["source"]["column"] - 1 :].startswith("conv:")


def test_summarize_in_other_formats(run_archspec: Run) -> None:
    table = run_archspec("summarize", "lenet5")
    assert table.returncode == 0
    assert "61,706" in table.stdout
    markdown = run_archspec("summarize", "lenet5", "--format", "markdown").stdout
    assert markdown.count("\n|") > 12
    rows = run_archspec("summarize", "lenet5", "--format", "csv").stdout.splitlines()
    layers = json.loads(run_archspec("summarize", "lenet5", "--format", "json").stdout)["layers"]
    assert len(rows) >= 1 + len(layers)


def test_batch_scales_costs_and_not_weights(run_archspec: Run) -> None:
    one = json.loads(run_archspec("summarize", "lenet5", "--format", "json").stdout)["totals"]
    ten = json.loads(run_archspec("summarize", "lenet5", "--batch", 10, "--format", "json").stdout)["totals"]
    for key in ("macs", "flops", "elementwise_ops", "activation_bytes"):
        assert ten[key] == 10 * one[key]
    assert (ten["params"], ten["buffers"]) == (one["params"], one["buffers"])


def test_depth_folds_the_table_and_is_refused_for_json(run_archspec: Run) -> None:
    whole, folded = run_archspec("summarize", "resnet18"), run_archspec("summarize", "resnet18", "--depth", 1)
    assert len(folded.stdout.splitlines()) < len(whole.stdout.splitlines()) or "stage.0.block" not in folded.stdout
    refused = run_archspec("summarize", "resnet18", "--depth", 1, "--format", "json")
    assert (refused.returncode, refused.stdout) == (1, "") and "error E592" in refused.stderr


def test_settings_variants_and_input_size(run_archspec: Run) -> None:
    def totals(*args: str) -> dict[str, Any]:
        done = run_archspec("summarize", *args, "--format", "json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    assert totals("resnet50@152")["totals"] == totals("resnet152")["totals"]
    ten = totals("resnet50", "--set", "vars.classes=10")
    assert (ten["outputs"], ten["totals"]["params"]) == ({"linear1": [10]}, 25_557_032 - 990 * 2_049)
    larger = totals("resnet18", "--input", "3x448x448", "--set", "vars.classes=2", "--set", "vars.depths=[1,1,1,1]")
    assert larger["inputs"] == {"input": [3, 448, 448]}


def test_an_override_says_that_assertions_were_skipped(run_archspec: Run) -> None:
    done = run_archspec("summarize", "lenet5", "--set", "vars.classes=3", "--format", "json")
    assert json.loads(done.stdout)["outputs"] == {"linear3": [3]}
    assert "skipped" in done.stderr


def test_draw_writes_the_file_it_names(run_archspec: Run, tmp_path: Path) -> None:
    done = run_archspec("draw", "lenet5", "-o", "lenet5.dot")
    assert (done.returncode, done.stdout) == (0, "lenet5.dot\n")
    assert (tmp_path / "lenet5.dot").read_text(encoding="utf-8").startswith("digraph")
    assert [path.name for path in tmp_path.iterdir()] == ["lenet5.dot"]


def test_without_graphviz_draw_writes_the_svg_and_says_what_is_missing(run_archspec: Run, tmp_path: Path) -> None:
    nowhere = {**os.environ, "PATH": str(tmp_path / "empty")}
    done = run_archspec("draw", "lenet5", "-o", "lenet5.png", env=nowhere)
    assert done.returncode == 1
    assert "`dot`, which is not installed" in done.stderr
    assert "install graphviz" in done.stderr
    assert (tmp_path / "lenet5.svg").exists()
    assert not (tmp_path / "lenet5.png").exists()


def test_draw_highlights_what_another_spec_has_not(run_archspec: Run, tmp_path: Path) -> None:
    done = run_archspec("draw", "se_resnet50", "--highlight-diff", "resnet50", "--theme", "dark", "-o", "diff.svg")
    assert (done.returncode, done.stdout) == (0, "diff.svg\n")
    assert "added to resnet50" in (tmp_path / "diff.svg").read_text(encoding="utf-8")


def test_commands_that_need_torch_say_how_to_get_it(run_archspec: Run, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import sys\n"
        "class NoTorch:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'torch': raise ModuleNotFoundError('no torch', name=name)\n"
        "sys.meta_path.insert(0, NoTorch())\n"
    )
    run_file = Path(__file__).resolve().parents[2] / "examples" / "digits.yaml"
    done = run_archspec("train", run_file, env={**os.environ, "PYTHONPATH": str(tmp_path)})
    assert done.returncode == 1
    assert "pip install 'archspec-nn[torch]'" in done.stderr
    assert "Traceback" not in done.stderr


# What happens around a command


def test_an_unwritable_output_is_told_without_a_traceback(run_archspec: Run) -> None:
    done = run_archspec("draw", "lenet5", "-o", "no/such/folder/lenet5.dot")
    assert done.returncode == 1
    assert "no/such/folder" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("command", [("expand", "lenet5"), ("schema",)])
@pytest.mark.parametrize("output", [".", "..", "/"])
def test_a_folder_is_no_file_to_write(command: tuple[str, ...], output: str, run_archspec: Run) -> None:
    done = run_archspec(*command, "-o", output)
    assert done.returncode == 1
    assert f"E505: cannot write '{output}': it is a folder" in done.stderr


def test_a_reader_that_goes_away_is_no_fault(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "archspec", "summarize", "resnet152", "--format", "json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=tmp_path) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(30) == 141


@pytest.mark.parametrize(("sent", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signals(sent: signal.Signals, status: int) -> None:
    # a pipe that nobody writes to holds the command in the middle of reading its spec
    command = [sys.executable, "-m", "archspec", "check", "/dev/stdin"]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        # a shell's background jobs are deaf to Ctrl-C, and the tests may run in one
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as process:
        time.sleep(1.5)
        process.send_signal(sent)
        try:
            _, told = process.communicate(timeout=30)
        finally:
            process.kill()
    assert process.returncode == status
    assert b"Traceback" not in told


def test_an_internal_error_asks_for_a_report(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    import archspec.zoo

    def fails() -> None:
        raise ZeroDivisionError("by design")

    monkeypatch.setattr(archspec.zoo, "entries", fails)
    monkeypatch.delenv("ARCHSPEC_DEBUG", raising=False)
    assert main(["list"]) == 70
    told = capsys.readouterr().err
    assert "internal error: ZeroDivisionError: by design" in told
    assert "report" in told
    monkeypatch.setenv("ARCHSPEC_DEBUG", "1")
    with pytest.raises(ZeroDivisionError):
        main(["list"])


def test_an_ascii_terminal_gets_a_stand_in(run_archspec: Run) -> None:
    done = run_archspec("summarize", "lenet5", env={**os.environ, "PYTHONIOENCODING": "ascii"})
    assert done.returncode == 0
    assert "61,706" in done.stdout


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
def test_a_full_disk_is_told(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "archspec", "list"]
    with open("/dev/full", "w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, cwd=tmp_path, timeout=30)
    assert done.returncode == 1
    assert "No space left" in done.stderr
    assert "Traceback" not in done.stderr
