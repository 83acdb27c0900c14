"""Plugins on torch: the example against other people's arithmetic, runs that need a plugin, layers that fail."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from timm.layers.blur_pool import BlurPool2d
from torch.nn import functional as F

import archspec
from archspec import SpecError
from archspec.cli import main
from archspec.ops import REGISTRY
from archspec.plugins import load_plugin, using
from archspec.tensor import TensorType
from archspec_torch.lowering import Site, lower
from archspec_torch.runtime import evaluate, predict, train

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "plugin"
POOLING = EXAMPLE / "pooling.py"
HEAD = """
from archspec.plugins import *
@operator("double")
class Double(Operator):
    def infer(self, inputs): return inputs
"""
DOUBLE = (
    HEAD
    + """
@lowers(Double)
def double(site):
    from torch import nn
    class Twice(nn.Module):
        def forward(self, x):
            return 2 * x
    return Twice()
"""
)


@pytest.fixture(autouse=True)
def registry() -> Iterator[None]:
    """What a test loads is gone after it."""
    with using([]):
        yield


def layer(word: str, shape: tuple[int, ...], **args: Any) -> torch.nn.Module:
    op, inputs = REGISTRY[word](**args), (TensorType(shape),)
    return lower(Site(op, inputs, op.infer(inputs))).eval()


# ---- the example


@pytest.mark.parametrize(("size", "stride"), [(3, 2), (3, 1), (5, 1), (5, 2), (7, 2)])
def test_blur_pool_is_what_timm_makes_of_the_paper(size: int, stride: int) -> None:
    load_plugin(POOLING)
    x = torch.randn(2, 6, 13, 16)
    theirs = BlurPool2d(6, filt_size=size, stride=stride)
    torch.testing.assert_close(layer("blur_pool", (6, 13, 16), size=size, stride=stride)(x), theirs(x))


def test_blur_pool_does_what_it_is_for() -> None:
    """Shifting the image by its stride shifts the output by one cell, and by less changes it less than subsampling."""
    load_plugin(POOLING)
    wave = torch.cos(torch.arange(64) * 2.8).reshape(1, 1, 64)  # close to the highest frequency there is
    blur = layer("blur_pool", (1, 64))
    moved = (blur(wave) - blur(wave.roll(1, -1)))[..., 4:-4].abs().max()
    aliased = (wave[..., ::2] - wave.roll(1, -1)[..., ::2])[..., 4:-4].abs().max()
    assert moved < aliased / 10


def test_gem_pool_is_the_mean_at_1_and_a_norm_elsewhere() -> None:
    load_plugin(POOLING)
    x = torch.rand(3, 8, 5, 7) + 0.1
    torch.testing.assert_close(layer("gem_pool", (8, 5, 7), p=1.0)(x), x.mean((2, 3)))
    norm = F.lp_pool2d(x, 3.0, (5, 7)).flatten(1) / (5 * 7) ** (1 / 3)
    torch.testing.assert_close(layer("gem_pool", (8, 5, 7))(x), norm)


def test_the_example_conforms_in_torch() -> None:
    found = archspec.check_plugin(POOLING)
    assert found.problems == ()
    assert {check.word: check.cases for check in found.checks if check.about == "torch"} == {
        "blur_pool": 3,
        "gem_pool": 2,
    }


def test_what_acts_on_more_than_it_says_is_found_out(tmp_path: Path) -> None:
    """The mean over all places is none of a place alone."""
    text = DOUBLE.replace(
        "return 2 * x", "return x - x.flatten(2).mean(2)[(...,) + (None,) * (x.dim() - 2)] if x.dim() > 2 else x"
    )
    text = text.replace(
        "    def infer", '    acts_on = "place"\n    samples = (Sample({}, ((3, 4),), ((3, 4),)),)\n    def infer'
    )
    (tmp_path / "own.py").write_text(text)
    told = [problem.message for problem in archspec.check_plugin(tmp_path / "own.py").problems]
    assert any("gives something else for a map taken by places, and by `acts_on` it is place" in one for one in told)


def test_its_network_compiles_and_its_exponent_learns() -> None:
    load_plugin(POOLING)
    model = archspec.compile(archspec.load(EXAMPLE / "shift.yaml"))
    counted = archspec.summarize(archspec.load(EXAMPLE / "shift.yaml")).totals.params
    assert sum(p.numel() for p in model.parameters()) == counted
    assert "gem_pool1.p" in model.state_dict()
    assert not any("blur_pool" in name for name in model.state_dict())
    model(torch.rand(4, 1, 16, 16)).square().sum().backward()
    assert model.get_parameter("gem_pool1.p").grad.abs() > 0


# ---- runs


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run with the layers of the example, trained for an epoch; the plugin is unloaded again."""
    with using([POOLING]):
        train(EXAMPLE / "shift_digits.yaml", tmp_path / "run", ["train.epochs=1", "train.device=cpu"], quiet=True)
    return tmp_path / "run"


def test_a_run_says_what_it_was_made_with_and_asks_for_it(run: Path, tmp_path: Path) -> None:
    (entry,) = json.loads((run / "plugins.json").read_text())
    assert (entry["plugin"], entry["words"]) == ("pooling.py", ["blur_pool", "gem_pool"])
    copy = run / "plugins" / entry["copy"]
    assert copy.read_bytes() == POOLING.read_bytes()
    for use in (lambda: evaluate(run), lambda: predict(run, [run / "curves.png"])):
        with pytest.raises(SpecError) as caught:
            use()
        (found,) = caught.value.diagnostics
        assert found.code == "E557"
        assert "'blur_pool', 'gem_pool'" in found.message
        assert found.hint is not None and f"--plugin {copy}" in found.hint
    with using([POOLING]):
        first = evaluate(run, device="cpu")
    assert first.warnings == ()
    with using([copy]):
        assert evaluate(run, device="cpu") == first
        assert predict(run, [run / "curves.png"])[0].problem is None
    assert main(["evaluate", str(run), "--plugin", str(copy), "--device", "cpu"]) == 0
    assert main(["evaluate", str(run), "--device", "cpu"]) == 1


def test_another_version_of_its_plugin_is_a_warning(run: Path, tmp_path: Path) -> None:
    edited = tmp_path / "pooling.py"
    edited.write_text(POOLING.read_text() + "\n# edited\n")
    with using([edited]):
        (warning,) = evaluate(run, device="cpu").warnings
    assert (warning.code, warning.severity) == ("W550", "warning")


def test_a_damaged_record_is_told(run: Path) -> None:
    for text in ("{", "[1]", '[{"plugin": "x"}]', "[[]]"):
        (run / "plugins.json").write_text(text)
        with using([POOLING]), pytest.raises(SpecError, match="E557"):
            evaluate(run)


def test_runs_without_plugins_keep_no_record(tmp_path: Path) -> None:
    settings = {"name": "t", "model": "mlp", "train": {"epochs": 1, "device": "cpu"}}
    with using([POOLING]):
        train(settings, tmp_path / "run", quiet=True)
    assert not list((tmp_path / "run").glob("plugins*"))


# ---- layers that fail


def plugin(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "mine.py"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("lowering", "said", "line"),
    [
        ("    return 1 / 0", "`double` raised ZeroDivisionError: division by zero", 8),
        ("    import torch\n    return torch.nn.Conv2d(3)", "`double` raised TypeError", 9),
        ("    pass", "`double` returned nothing, not an nn.Module", 6),
        ("    return lambda x: x", "`double` returned a function, not an nn.Module", 6),
    ],
)
def test_a_layer_that_cannot_be_made_is_told_in_the_plugins_line(
    lowering: str, said: str, line: int, tmp_path: Path, write_spec: Callable[..., Path]
) -> None:
    load_plugin(plugin(tmp_path, f"{HEAD}@lowers(Double)\ndef double(site):\n{lowering}\n"))
    with pytest.raises(SpecError) as caught:
        archspec.compile(write_spec("- {layers: [double], repeat: 3, name: g}", "[1, 4, 4]"))
    (found,) = caught.value.diagnostics
    assert found.code == "E556"
    assert said in found.message
    assert found.span is not None and (Path(found.span.file).name, found.span.line) == ("mine.py", line)
    assert found.related[0].label == "for the layer 'g.0.double1'"


def test_a_plugin_that_fails_behind_the_backends_import_takes_no_layer_along(tmp_path: Path) -> None:
    path = plugin(tmp_path, "import archspec_torch.lowering\n1 / 0\n")
    code = f"""
import archspec
try:
    archspec.load_plugin({str(path)!r})
except archspec.SpecError:
    print(sum(weight.numel() for weight in archspec.compile("lenet5").parameters()))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.stdout == "61706\n", done.stderr


def test_an_operator_without_a_layer_is_told(tmp_path: Path, write_spec: Callable[..., Path]) -> None:
    load_plugin(plugin(tmp_path, HEAD))
    with pytest.raises(SpecError) as caught:
        archspec.compile(write_spec("- double", "[1, 4, 4]"))
    (found,) = caught.value.diagnostics
    assert (found.code, found.hint) == ("E711", "its plugin needs a function under `@lowers(Double)`")


def test_a_layer_that_fails_while_training_is_told_without_a_traceback(
    tmp_path: Path, write_spec: Callable[..., Path], run_archspec: Callable[..., Any]
) -> None:
    file = plugin(tmp_path, DOUBLE.replace("return 2 * x", "return x.nothing"))
    write_spec("- double\n- flatten\n- linear: 10", "[1, 8, 8]", name="net")
    (tmp_path / "run.yaml").write_text("model: net.yaml\ntrain: {epochs: 1, device: cpu}\n")
    done = run_archspec("train", "run.yaml", "--plugin", file)
    assert done.returncode == 1
    assert "mine.py:12:20: error E556: the plugin raised AttributeError: 'Tensor' object has no" in done.stderr
    assert "Traceback" not in done.stderr and "internal error" not in done.stderr


# ---- testing plugins

LAYER = """
from archspec.plugins import *
@operator("double")
class Double(Operator):
    \"\"\"Every number twice.

        - double
    \"\"\"
    samples = (Sample({{}}, ((4, 6, 6),), ((4, 6, 6),), params={params}),)
    def infer(self, inputs): return inputs
    def weights(self, inputs): return {weights}
@lowers(Double)
def double(site):
    import torch
    from torch import nn
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            {stored}
        def forward(self, x):
            {body}
    return Twice()
"""


def problems(tmp_path: Path, body: str, weights: str = "{}", stored: str = "pass") -> str:
    """What is found in a layer, all of it about torch."""
    text = LAYER.format(body=body, weights=weights, stored=stored, params=4 if "Weight" in weights else 0)
    found = archspec.check_plugin(plugin(tmp_path, text))
    assert {check.about for check in found.checks if check.problems} <= {"torch"}
    return "\n".join(problem.message for problem in found.problems)


def test_a_layer_that_is_what_it_says_has_nothing_to_be_found(tmp_path: Path) -> None:
    stored = "self.w = nn.Parameter(torch.ones(4))"
    assert problems(tmp_path, "return x + self.w.reshape(4, 1, 1)", "{'w': Weight((4,))}", stored) == ""


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("return 2 * x[..., 1:]", "gives 2×4×6×5 for a batch of 2, and by `infer` it is 2×4×6×6"),
        ("return x @ x", "multiplies 864 times by torch's count, and by `macs` it is 0"),
        ("return x.mul_(2)", "overwrites its input"),
        ("return x.exp()", "keeps for its backward pass its output, and by `saved` it is nothing"),
        ("return x - x.mean(0)", "another result in a batch than alone"),
        ("return 2 * x.detach()", "has no gradient"),
        ("return (x * 0).abs().sqrt()", "a gradient that is not finite"),
        ("return {'y': x}", "forward returns a tensor"),
        ("return x.nothing", "raised AttributeError"),
    ],
)
def test_what_a_layer_does_otherwise_is_found(body: str, said: str, tmp_path: Path) -> None:
    assert said in problems(tmp_path, body)


@pytest.mark.parametrize(
    ("weights", "stored", "said"),
    [
        ("{}", "self.w = nn.Parameter(torch.ones(4))", "stores 'w', which `weights` does not have"),
        ("{'w': Weight((4,))}", "pass", "does not store 'w', which `weights` has"),
        ("{'w': Weight((4,))}", "self.w = nn.Parameter(torch.ones(1))", "stores 'w' as 1 float32, and by `weights`"),
        (
            "{'w': Weight((4,))}",
            "self.register_buffer('w', torch.ones(4))",
            "as a buffer, and by `weights` it is a par",
        ),
        (
            "{'w': Weight((4,), 'frozen')}",
            "self.w = nn.Parameter(torch.ones(4))",
            "a parameter that learns, and by `weights` it is a parameter that does not learn",
        ),
        ("{'w': Weight((4,))}", "self.w = nn.Parameter(torch.ones(4))", "gives its weight 'w' no gradient"),
    ],
)
def test_what_a_layer_stores_otherwise_is_found(weights: str, stored: str, said: str, tmp_path: Path) -> None:
    assert said in problems(tmp_path, "return 2 * x", weights, stored)


@pytest.mark.parametrize("word", ["conv", "batch_norm", "prelu", "linear", "max_pool", "dropout", "flatten", "concat"])
def test_archspecs_own_layers_have_nothing_to_be_found(word: str) -> None:
    from archspec.conformance import check_operator
    from archspec_torch.conformance import disagreements

    checks = {check.about: check for check in check_operator(REGISTRY[word], disagreements)}
    assert checks["torch"].problems == ()
    assert checks["torch"].cases == len(REGISTRY[word].samples)
