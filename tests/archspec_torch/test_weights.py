"""Weights brought in from elsewhere: renamed, checked, reported, written; torchvision's own outputs are the proof."""

from __future__ import annotations

import csv
import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torchvision
from PIL import Image
from safetensors import safe_open
from safetensors.torch import load_file
from torch import Tensor, nn

from archspec import SpecError
from archspec_torch.compiler import compile
from archspec_torch.weights import import_weights

SMALL = """
- conv_bn: {out: 4, kernel: 3}
  name: stem
- conv_bn: {out: 4, kernel: 3, act: none}
  repeat: 2
  name: stage
- global_avg_pool
- linear: 3
"""
MAP = """
map:
  conv0: stem.conv
  bn0: stem.norm
  "blocks.{i+1}.conv": "stage.{i}.conv"
  "blocks.{i+1}.bn": "stage.{i}.norm"
  head: linear1
"""


@pytest.fixture
def spec(write_spec: Callable[..., Path]) -> Path:
    return write_spec(SMALL, input="[3, 8, 8]", use="std", name="small")


@pytest.fixture
def theirs(spec: Path) -> dict[str, Tensor]:
    """Random weights under the names of MAP's left side."""
    torch.manual_seed(1)
    found = {}
    for name, tensor in compile(spec).state_dict().items():
        for a, b in (("stem.conv", "conv0"), ("stem.norm", "bn0"), ("linear1", "head"),
                     ("stage.0", "blocks.1"), ("stage.1", "blocks.2"), (".norm.", ".bn.")):  # fmt: skip
            name = name.replace(a, b)
        found[name] = torch.rand(tensor.shape) if tensor.is_floating_point() else tensor + 7
    return found


@pytest.fixture
def run(spec: Path, tmp_path: Path) -> Callable[..., Any]:
    """Imports tensors through the map of the text; gives the report."""

    def run(tensors: dict[str, Any], text: str = MAP, suffix: str = "pth") -> Any:
        torch.save(tensors, tmp_path / f"theirs.{suffix}")
        (tmp_path / "map.yaml").write_text(text, encoding="utf-8")
        return import_weights(spec, tmp_path / f"theirs.{suffix}", tmp_path / "map.yaml", tmp_path / "out.safetensors")

    return run


def diagnostics(run: Callable[..., Any], *args: Any) -> list[tuple[str, str]]:
    with pytest.raises(SpecError) as caught:
        run(*args)
    return [(d.code, d.message) for d in caught.value.diagnostics]


def test_tensors_are_renamed_and_written_with_their_origin(
    run: Callable[..., Any], theirs: dict[str, Tensor], spec: Path, tmp_path: Path
) -> None:
    report = run({"state_dict": theirs, "epoch": 90})
    model = compile(spec)
    written = load_file(tmp_path / "out.safetensors")
    assert list(written) and written.keys() == model.state_dict().keys()
    torch.testing.assert_close(written["stage.1.norm.running_var"], theirs["blocks.2.bn.running_var"])
    torch.testing.assert_close(written["linear1.bias"], theirs["head.bias"])
    assert len(report.transferred) == report.total == len(theirs)
    assert report.parameters == sum(p.numel() for p in model.parameters())
    assert (report.left_over, dict(report.missing), report.others) == ((), {}, ("epoch",))
    with safe_open(tmp_path / "out.safetensors", "pt") as file:
        origin = json.loads(file.metadata()["archspec"])
    assert (origin["network"], origin["source"]) == ("small", "theirs.pth")
    assert origin["sha256"] == hashlib.sha256((tmp_path / "theirs.pth").read_bytes()).hexdigest()
    assert sorted(p.name for p in tmp_path.iterdir() if p.suffix != ".yaml") == ["out.safetensors", "theirs.pth"]


def test_the_report_tells_what_was_left_over_and_not_there(run: Callable[..., Any], theirs: dict[str, Tensor]) -> None:
    for name in [name for name in theirs if name.endswith("num_batches_tracked")]:
        del theirs[name]
    text = str(run({**theirs, "ema.decay": torch.tensor(0.9)}))
    assert "transferred  17 of 20 tensors, 435 parameters" in text
    assert "left over    1: ema.decay" in text
    assert "counters of batches seen, set to 0: 3: stem.norm.num_batches_tracked" in text


def test_missing_and_misshapen_weights_are_all_told_and_nothing_is_written(
    run: Callable[..., Any], theirs: dict[str, Tensor], tmp_path: Path
) -> None:
    theirs["head.weight"] = torch.rand(10, 4)
    theirs["bn0.weight"] = torch.ones(4, dtype=torch.int64)
    theirs["blocks.3.conv.weight"] = theirs.pop("blocks.2.conv.weight")
    assert diagnostics(run, theirs) == [
        ("E708", "'bn0.weight' does not fit 'stem.norm.weight': int64 in the file, float32 in the network"),
        ("E708", "'head.weight' does not fit 'linear1.weight': 10×4 in the file, 3×4 in the network"),
        ("E709", f"1 weight of 'small' not in '{tmp_path / 'theirs.pth'}': 'stage.1.conv.weight'"),
    ]
    assert not (tmp_path / "out.safetensors").exists()


def test_another_networks_file_is_told_in_a_screenful(tmp_path: Path) -> None:
    torch.save(torchvision.models.resnet18().state_dict(), tmp_path / "w.pth")
    with pytest.raises(SpecError) as caught:
        import_weights("resnet50", tmp_path / "w.pth", "torchvision", tmp_path / "w.safetensors")
    *shapes, more, missing = caught.value.diagnostics
    assert len(shapes) == 20 and {d.code for d in shapes} == {"E708"}
    assert more.message == "4 more tensors do not fit: is this another network's file?"
    assert missing.code == "E709" and missing.message.endswith("and 157 more")


def test_a_key_that_becomes_two_and_two_that_become_one(run: Callable[..., Any], theirs: dict[str, Tensor]) -> None:
    found = diagnostics(run, theirs, MAP + '  "blocks.{i}.conv": "stage.{i}.conv"\n')
    assert found[0] == ("E707", "'blocks.1.conv.weight' becomes 'stage.0.conv.weight' and 'stage.1.conv.weight'")
    found = diagnostics(run, {**theirs, "conv.weight": theirs["conv0.weight"]}, MAP + "  conv: stem.conv\n")
    assert found == [("E707", "both 'conv0.weight' and 'conv.weight' become 'stem.conv.weight'")]


def test_half_precision_is_widened(run: Callable[..., Any], theirs: dict[str, Tensor], tmp_path: Path) -> None:
    run({name: t.half() if t.is_floating_point() else t for name, t in theirs.items()})
    written = load_file(tmp_path / "out.safetensors")
    assert written["linear1.weight"].dtype == torch.float32
    torch.testing.assert_close(written["linear1.weight"], theirs["head.weight"].half().float())


def test_equal_files_become_equal_files(spec: Path, tmp_path: Path) -> None:
    torch.save(compile(spec).state_dict(), tmp_path / "own.pth")
    written = set()
    for i in range(8):  # with three entries of metadata in an order of chance, all alike is one time in 6⁷
        import_weights(spec, tmp_path / "own.pth", "identity", tmp_path / f"{i}.safetensors")
        written.add((tmp_path / f"{i}.safetensors").read_bytes())
    assert len(written) == 1


def test_an_import_leaves_torchs_generators_alone(spec: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.save(compile(spec).state_dict(), tmp_path / "own.pth")
    seeds: list[int] = []
    monkeypatch.setattr(torch.cuda, "manual_seed_all", seeds.append)
    before = torch.get_rng_state()
    import_weights(spec, tmp_path / "own.pth", "identity", tmp_path / "out.safetensors")
    assert torch.equal(torch.get_rng_state(), before)
    assert seeds == []


def test_double_precision_is_narrowed_where_float32_can_hold_it(
    run: Callable[..., Any], theirs: dict[str, Tensor], tmp_path: Path
) -> None:
    double = {name: t.double() if t.is_floating_point() else t for name, t in theirs.items()}
    double["head.bias"] = torch.tensor([1e-300, -float("inf"), float("nan")], dtype=torch.float64)
    run(double)
    written = load_file(tmp_path / "out.safetensors")
    torch.testing.assert_close(written["linear1.weight"], theirs["head.weight"], rtol=0, atol=0)
    assert str(written["linear1.bias"].tolist()) == "[0.0, -inf, nan]"  # infinite and undefined before as well
    (tmp_path / "out.safetensors").unlink()
    double["head.bias"] = torch.tensor([1.0, -1e39, 1e300], dtype=torch.float64)
    message = "'head.bias' does not fit 'linear1.bias': 2 of its values are beyond float32, the largest 1e+300"
    assert diagnostics(run, double) == [("E708", message)]
    assert not (tmp_path / "out.safetensors").exists()


def test_own_names_go_through_identity(spec: Path, tmp_path: Path) -> None:
    model = compile(spec)
    torch.save(nn.DataParallel(model).state_dict(), tmp_path / "own.pth")
    import_weights(spec, tmp_path / "own.pth", "identity", tmp_path / "out.safetensors")
    torch.testing.assert_close(load_file(tmp_path / "out.safetensors"), dict(model.state_dict()))


def test_what_cannot_be_written_is_told(spec: Path, tmp_path: Path) -> None:
    torch.save(compile(spec).state_dict(), tmp_path / "own.pth")
    for out in (tmp_path, tmp_path / "none" / "out.safetensors"):
        with pytest.raises(SpecError) as caught:
            import_weights(spec, tmp_path / "own.pth", "identity", out)
        assert [d.code for d in caught.value.diagnostics] == ["E712"]


@pytest.mark.parametrize("link", [None, os.symlink, os.link])
@pytest.mark.parametrize("onto", ["file", "link"])
def test_the_file_to_import_is_never_overwritten(
    spec: Path, tmp_path: Path, link: Callable[[Path, Path], None] | None, onto: str
) -> None:
    file, other = tmp_path / "own.pth", tmp_path / "other.pth"
    torch.save(compile(spec).state_dict(), file)
    if link is None:
        (tmp_path / "folder").mkdir()
        other = tmp_path / "folder" / ".." / "own.pth"
    else:
        link(file, other)
    content, names = file.read_bytes(), sorted(tmp_path.iterdir())
    source, out = (other, file) if onto == "file" else (file, other)
    with pytest.raises(SpecError) as caught:
        import_weights(spec, source, "identity", out)
    assert [(d.code, d.message) for d in caught.value.diagnostics] == [
        ("E712", f"cannot write '{out}': it is the file to import")
    ]
    assert file.read_bytes() == content and sorted(tmp_path.iterdir()) == names


def test_a_full_disk_is_told_and_a_fault_is_not_called_one(
    spec: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    def faulty(*_: object, **__: object) -> None:
        raise TypeError("a fault")

    torch.save(compile(spec).state_dict(), tmp_path / "own.pth")
    (tmp_path / "out.safetensors").write_bytes(b"old")
    with monkeypatch.context() as patch, pytest.raises(SpecError, match=r"E712.*No space left on device"):
        patch.setattr(os, "replace", full)
        import_weights(spec, tmp_path / "own.pth", "identity", tmp_path / "out.safetensors")
    with monkeypatch.context() as patch, pytest.raises(TypeError, match="a fault"):
        patch.setattr("archspec_torch.checkpoint.save_file", faulty)
        import_weights(spec, tmp_path / "own.pth", "identity", tmp_path / "out.safetensors")
    assert (tmp_path / "out.safetensors").read_bytes() == b"old"
    assert {path.name for path in tmp_path.iterdir()} == {"small.yaml", "own.pth", "out.safetensors"}


def test_training_heads_may_be_missing_and_are_filled(tmp_path: Path, write_spec: Callable[..., Path]) -> None:
    spec = write_spec(
        "- conv: 4\n  name: stem\n- global_avg_pool\n- linear: 3",
        input="[3, 8, 8]",
        heads="{aux: {from: stem, only: train, layers: [global_avg_pool, linear: 3]}}",
    )
    state = {name: t for name, t in compile(spec).state_dict().items() if not name.startswith("aux")}
    torch.save(state, tmp_path / "own.pth")
    written = []
    for out in ("one.safetensors", "two.safetensors"):
        report = import_weights(spec, tmp_path / "own.pth", "identity", tmp_path / out)
        assert list(report.missing) == ["aux.linear1.weight", "aux.linear1.bias"]
        written.append(load_file(tmp_path / out))
    compile(spec).load_state_dict(written[0])
    torch.testing.assert_close(*written, rtol=0, atol=0)  # the same values each time


# against torchvision, whose every network is compared in tests/specs/test_parity.py


def reference() -> nn.Module:
    """torchvision's GoogLeNet with random weights and random running statistics."""
    network: nn.Module = torchvision.models.googlenet(weights=None, aux_logits=True, init_weights=False)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 1.5)
    return network


def test_training_outputs_and_gradients_are_torchvisions(tmp_path: Path) -> None:
    torch.manual_seed(0)
    expected = reference().train()
    torch.save(expected.state_dict(), tmp_path / "w.pth")
    import_weights("googlenet_bn", tmp_path / "w.pth", "torchvision", tmp_path / "w.safetensors")
    model = compile("googlenet_bn").train()
    model.load_state_dict(load_file(tmp_path / "w.safetensors"))
    for module in (*expected.modules(), *model.modules()):
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    x = torch.rand(2, 3, 64, 64)
    theirs, ours = expected(x), model(x)
    assert list(ours)[1:] == ["aux1", "aux2"]
    for a, b in zip((theirs.logits, theirs.aux_logits1, theirs.aux_logits2), ours.values(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)
    (theirs.logits.sum() + theirs.aux_logits2.sum()).backward()
    sum(ours[name].sum() for name in (next(iter(ours)), "aux2")).backward()
    a, b = expected.conv1.conv.weight.grad, model.conv_bn1.conv.weight.grad
    assert ((a - b).norm() / a.norm()).item() < 1e-4


def test_the_trained_resnet20_gives_its_published_logits(data_dir: Path, tmp_path: Path) -> None:
    weights = data_dir / "weights" / "resnet20_cifar10"
    images = data_dir / "cifar10-train100"
    if not weights.is_dir() or not images.is_dir():
        pytest.skip("the trained ResNet-20 and its images are not among the test data")
    out = tmp_path / "w.safetensors"
    report = import_weights("resnet20_cifar", weights / "resnet20-12fca82f.th", "akamaster", out)
    assert report.parameters == 269_722 and report.left_over == ()
    model = compile("resnet20_cifar").eval()
    model.load_state_dict(load_file(out))
    reference = np.load(weights / "reference_logits.npz")
    files = [str(name) for name in reference["files"]]
    pixels = [np.asarray(Image.open(next(images.rglob(name))).convert("RGB")) for name in files]
    x = torch.from_numpy(np.stack(pixels)).permute(0, 3, 1, 2).float() / 255
    mean, std = torch.tensor([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]]).reshape(2, 1, 3, 1, 1)
    with torch.inference_mode():
        logits = model((x - mean) / std)
    expected = torch.from_numpy(reference["logits"])
    assert ((logits - expected).norm() / expected.norm()).item() < 1e-5
    with (images / "train100.csv").open() as file:
        labels = {row["file"]: int(row["label"]) for row in csv.DictReader(file)}
    assert logits.argmax(1).tolist() == [labels[name] for name in files]
