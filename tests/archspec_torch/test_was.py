"""`was`, with real checkpoints: saved, the layers renamed in the spec, loaded, and the outputs are the same."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

import archspec
from archspec import SpecError
from archspec_torch.checkpoint import write_checkpoint
from archspec_torch.compiler import compile
from archspec_torch.runtime import evaluate, train
from archspec_torch.runtime.weights import load_weights
from archspec_torch.weights import import_weights

FORMER = """
- conv: {out: 8, kernel: 3, padding: same, bias: false}
- batch_norm
- relu
- layers:
    - conv_bn: {out: $width, kernel: 3}
    - residual:
        - conv_bn: {out: $width, kernel: 3}
  each: {width: [8, 12]}
  name: layer
- global_avg_pool
- linear: 10
"""
PRESENT = """
- conv_bn: {out: 8, kernel: 3}
  name: stem
  was: {conv: conv1, norm: batch_norm1}
- layers:
    - conv_bn: {out: $width, kernel: 3}
      name: widen
      was: [expand, conv_bn1]
    - residual:
        - conv_bn: {out: $width, kernel: 3}
          name: refine
          was: conv_bn2
  each: {width: [8, 12]}
  name: stage
  was: layer
- global_avg_pool
- linear: 10
  name: scores
  was: linear1
"""
INPUT = "[3, 12, 12]"


@pytest.fixture
def present(write_spec: Callable[..., Path]) -> Path:
    return write_spec(PRESENT, INPUT, use="std", name="present")


@pytest.fixture
def former(write_spec: Callable[..., Path]) -> torch.nn.Module:
    """A network with weights and running statistics that no initialisation gives."""
    torch.manual_seed(0)
    model = compile(write_spec(FORMER, INPUT, use="std", name="former"))
    for _ in range(3):
        model(torch.randn(4, 3, 12, 12))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) / 4)
    return model.eval()


@pytest.fixture
def checkpoint(former: torch.nn.Module, tmp_path: Path) -> Path:
    path = tmp_path / "former.safetensors"
    save_file(former.state_dict(), path)
    return path


def test_an_import_gives_the_same_outputs(
    former: torch.nn.Module, present: Path, checkpoint: Path, tmp_path: Path
) -> None:
    out = tmp_path / "present.safetensors"
    report = import_weights(present, checkpoint, "identity", out)
    model = compile(present).eval()
    model.load_state_dict(load_file(out))
    x = torch.randn(2, 3, 12, 12)
    with torch.no_grad():
        assert torch.equal(model(x), former(x))
    assert len(report.transferred) == report.total == len(former.state_dict())
    assert report.renamed is not None
    assert len(report.renamed) == report.total, "every layer here has another name now"
    assert report.renamed["layer.1.conv_bn1.norm.running_var"] == "stage.1.widen.norm.running_var"
    shown = next(line for line in str(report).splitlines() if line.startswith("renamed"))
    assert shown.split()[1] == "11:", "by layer: two of the stem, eight of the stages, one of the scores"
    assert "conv1 → stem.conv" in shown


def test_a_checkpoint_from_between_two_renamings(present: Path, checkpoint: Path, tmp_path: Path) -> None:
    """Some layers under the oldest names, some under later ones, some under those of now."""
    steps = (("layer.0", "stage.0"), ("layer.1.conv_bn1", "stage.1.expand"), ("linear1", "scores"))
    mixed = {}
    for name, tensor in load_file(checkpoint).items():
        for old, new in steps:
            name = name.replace(old, new) if name.startswith(f"{old}.") else name
        mixed[name] = tensor
    path = tmp_path / "mixed.safetensors"
    save_file(mixed, path)
    outs = [tmp_path / f"{i}.safetensors" for i in range(2)]
    for source, out in zip((checkpoint, path), outs, strict=True):
        import_weights(present, source, "identity", out)
    first, second = (load_file(out) for out in outs)
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_a_file_with_names_of_now_is_read_as_before(present: Path, tmp_path: Path) -> None:
    path, out = tmp_path / "now.safetensors", tmp_path / "out.safetensors"
    save_file(compile(present).state_dict(), path)
    report = import_weights(present, path, "identity", out)
    assert not report.renamed
    assert "renamed" not in str(report)


def with_both(checkpoint: Path, **more: str) -> dict[str, Tensor]:
    tensors = load_file(checkpoint)
    return tensors | {new.replace("__", "."): tensors[old].clone() for new, old in more.items()}


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"scores__bias": "linear1.bias"}, "'scores.bias' and 'linear1.bias', and both are 'scores.bias'"),
        (
            {"stage__0__expand__conv__weight": "layer.0.conv_bn1.conv.weight"},
            "and both are 'stage.0.widen.conv.weight'",
        ),
    ],
)
def test_a_weight_under_two_of_its_names_is_refused(
    more: dict[str, str], said: str, present: Path, checkpoint: Path, tmp_path: Path
) -> None:
    path, out = tmp_path / "both.safetensors", tmp_path / "out.safetensors"
    save_file(with_both(checkpoint, **more), path)
    for read in (
        lambda: import_weights(present, path, "identity", out),
        lambda: load_weights(compile(present), path),
    ):
        with pytest.raises(SpecError) as caught:
            read()
        (found,) = caught.value.diagnostics
        assert found.code == "E714"
        assert said in found.message
    assert not out.exists()


def test_where_names_are_missing_the_hint_speaks_of_was(
    write_spec: Callable[..., Path], checkpoint: Path, tmp_path: Path
) -> None:
    silent = write_spec(PRESENT.replace("  was: linear1\n", ""), INPUT, use="std", name="silent")
    with pytest.raises(SpecError) as caught:
        import_weights(silent, checkpoint, "identity", tmp_path / "out.safetensors")
    (found,) = caught.value.diagnostics
    assert found.code == "E709"
    assert found.hint is not None
    assert "linear1.bias" in found.hint and "`was: NAME`" in found.hint


def test_weights_of_a_run_are_found_too(former: torch.nn.Module, present: Path, tmp_path: Path) -> None:
    path = tmp_path / "last.safetensors"
    write_checkpoint(former.state_dict(), path, {"epoch": 7})
    model = compile(present).eval()
    assert load_weights(model, path) == 7
    x = torch.randn(2, 3, 12, 12)
    with torch.no_grad():
        assert torch.equal(model(x), former(x))


def test_a_run_whose_spec_was_edited_measures_the_same(tmp_path: Path) -> None:
    run: dict[str, Any] = {"name": "t", "model": "lenet5", "train": {"epochs": 1, "batch": 64, "device": "cpu"}}
    done = train(run, tmp_path / "run", quiet=True)
    before = evaluate(done.dir, device="cpu")
    spec = done.dir / "spec.yaml"
    text = spec.read_text()
    assert text.count("{linear: $classes}") == 1
    spec.write_text(text.replace("{linear: $classes}", "{linear: $classes, name: scores, was: linear3}"))
    assert list(archspec.load(spec).nodes)[-1] == "scores"
    assert evaluate(done.dir, device="cpu") == before
