"""Reading files of weights: what is taken, what is refused, and that nothing in them runs."""

from __future__ import annotations

import os
from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import SafetensorError
from safetensors.torch import save, save_file

from archspec.errors import SpecError
from archspec_torch.checkpoint import facts_of, read_checkpoint, read_safetensors, write_checkpoint

TENSORS = {"conv.weight": torch.arange(6.0).reshape(2, 3), "conv.bias": torch.ones(2)}


def wrapped(prefix: str) -> dict[str, torch.Tensor]:
    return {prefix + name: tensor for name, tensor in TENSORS.items()}


@pytest.mark.parametrize(
    ("data", "others"),
    [
        (TENSORS, ()),
        (OrderedDict(TENSORS), ()),
        ({"state_dict": TENSORS, "best_prec1": 91.7, "epoch": 3}, ("best_prec1", "epoch")),
        ({"model": TENSORS, "best": torch.tensor(91.7)}, ("best",)),
        ({**TENSORS, "epoch": 3}, ("epoch",)),
        (wrapped("module."), ()),
        ({"state_dict": wrapped("_orig_mod.module.")}, ()),
    ],
)
@pytest.mark.parametrize("suffix", [".pth", ".pt", ".th"])
def test_state_dicts_are_found_where_scripts_put_them(
    tmp_path: Path, data: Any, others: tuple[str, ...], suffix: str
) -> None:
    torch.save(data, tmp_path / f"w{suffix}")
    found = read_checkpoint(tmp_path / f"w{suffix}")
    assert found.others == others
    assert found.tensors.keys() == TENSORS.keys()
    torch.testing.assert_close(found.tensors, TENSORS)


def test_old_files_and_safetensors_are_read(tmp_path: Path) -> None:
    torch.save(TENSORS, tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    save_file(TENSORS, tmp_path / "new.safetensors")
    for name in ("old.pth", "new.safetensors"):
        torch.testing.assert_close(read_checkpoint(tmp_path / name).tensors, TENSORS)


class Trap:
    """Makes a file where it is unpickled."""

    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("new", [True, False])
def test_a_file_that_would_run_code_is_refused_and_does_not(tmp_path: Path, new: bool) -> None:
    data = {"state_dict": TENSORS, "args": Trap(tmp_path / "sprung")}
    torch.save(data, tmp_path / "w.pth", _use_new_zipfile_serialization=new)
    with pytest.raises(SpecError) as caught:
        read_checkpoint(tmp_path / "w.pth")
    (found,) = caught.value.diagnostics
    assert found.code == "E703" and "run code" in found.message
    assert "mkdir" in found.message and found.hint is not None and "state_dict()" in found.hint
    assert not (tmp_path / "sprung").exists()


def test_a_whole_model_is_refused_by_the_name_of_its_class(tmp_path: Path) -> None:
    torch.save(torch.nn.Linear(2, 3), tmp_path / "w.pth")
    with pytest.raises(SpecError, match=r"torch\.nn\.modules\.linear\.Linear"):
        read_checkpoint(tmp_path / "w.pth")


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def test_what_holds_no_weights_is_told_apart(tmp_path: Path) -> None:
    torch.save([1, 2], tmp_path / "list.pt")
    torch.save({"epoch": 3, "lr": 0.1}, tmp_path / "none.pt")
    torch.save(TENSORS, tmp_path / "cut.pth")
    whole = (tmp_path / "cut.pth").read_bytes()
    (tmp_path / "folder.pth").mkdir()
    cases = {
        tmp_path / "gone.pth": ("E701", "there is no file"),
        tmp_path / "folder.pth": ("E701", "is a folder"),
        write(tmp_path / "empty.pth", b""): ("E701", "is an empty file"),
        write(tmp_path / "cut.pth", whole[: len(whole) // 2]): ("E701", "is damaged or cut off"),
        write(tmp_path / "text.pth", b"hello"): ("E701", "holds text, and is no torch file"),
        write(tmp_path / "number.pt", b"101"): ("E701", "holds text, and is no torch file"),
        write(tmp_path / "page.pt", b"\n<!DOCTYPE html><p>not found"): ("E701", "holds a web page"),
        write(tmp_path / "pointer.safetensors", b"version https://git-lfs.github.com/spec/v1\n"): ("E701", "Git LFS"),
        write(tmp_path / "empty.safetensors", b""): ("E701", "is an empty file"),
        write(tmp_path / "cut.safetensors", save(TENSORS)[:-4]): ("E701", "is damaged or cut off"),
        write(tmp_path / "noise.safetensors", b"\xff" * 64): ("E701", "is no safetensors file, or a damaged one"),
        write(tmp_path / "noise.pt", b"\xff" * 64): ("E701", "is no torch file, or a damaged one"),
        write(tmp_path / "torch.safetensors", whole): ("E701", "is a file of torch by its content"),
        write(tmp_path / "stored.pt", save(TENSORS)): ("E701", "is safetensors by its content"),
        write(tmp_path / "w.h5", b"x"): ("E702", "of no kind that is read"),
        tmp_path / "list.pt": ("E704", "a list"),
        tmp_path / "none.pt": ("E704", "only 'epoch', 'lr'"),
    }
    for path, (code, message) in cases.items():
        with pytest.raises(SpecError) as caught:
            read_checkpoint(path)
        assert [(d.code, message in d.message) for d in caught.value.diagnostics] == [(code, True)], path


@pytest.mark.parametrize(("release", "read"), [("2.9.1", False), ("2.4.0+cpu", False), ("2.10.0a0", True)])
def test_torch_s_files_are_read_by_releases_that_run_nothing_in_them(
    release: str, read: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.save(TENSORS, tmp_path / "w.pt")
    (tmp_path / "w.safetensors").write_bytes(save(TENSORS))
    monkeypatch.setattr(torch, "__version__", release)
    assert read_checkpoint(tmp_path / "w.safetensors").tensors.keys() == TENSORS.keys()
    if read:
        assert read_checkpoint(tmp_path / "w.pt").tensors.keys() == TENSORS.keys()
        return
    with pytest.raises(SpecError, match=rf"E703.*might run code where torch {release.replace('+', '.')}.*2\.10"):
        read_checkpoint(tmp_path / "w.pt")


def test_what_is_written_is_read_again_and_always_the_same(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    facts = {"epoch": 3, "network": "small", "map": "identity", "source": "ü.pth"}
    stored = torch.arange(12.0).reshape(3, 4)
    tensors = {**TENSORS, "turned": stored.t(), "part": stored[1:]}  # two in one storage, one not contiguous
    contents = set()
    for order in (1, -1) * 4:
        write_checkpoint(dict(list(tensors.items())[::order]), path, dict(list(facts.items())[::order]))
        contents.add(path.read_bytes())
    assert len(contents) == 1
    torch.testing.assert_close(dict(read_checkpoint(path).tensors), tensors, rtol=0, atol=0)
    assert read_safetensors(path)[1] == facts
    assert list(tmp_path.iterdir()) == [path]


def test_a_flipped_bit_changes_no_tensor_unseen(tmp_path: Path) -> None:
    """Every byte of a small file with one bit turned: it is refused, or all that a network takes of it is as it was."""
    tensors = {"w": torch.linspace(0, 1, 24).reshape(4, 6), "n": torch.tensor(3), "half": torch.ones(3).bfloat16()}
    whole, path = tmp_path / "whole.safetensors", tmp_path / "damaged.safetensors"
    write_checkpoint(tensors, whole, {"epoch": 3})
    written = whole.read_bytes()
    first = 8 + int.from_bytes(written[:8], "little")  # what follows the header are the tensors' bytes
    for place in range(len(written)):
        path.write_bytes(bytes(b ^ (1 << place % 8) if i == place else b for i, b in enumerate(written)))
        try:
            found = read_checkpoint(path).tensors
        except SpecError as error:
            assert "E701" in str(error)
            continue
        assert place < first
        torch.testing.assert_close(dict(found), tensors, rtol=0, atol=0)


def test_a_file_without_checksum_is_read(tmp_path: Path) -> None:
    save_file(TENSORS, tmp_path / "w.safetensors", {"archspec": '{"epoch": 3}'})
    assert read_checkpoint(tmp_path / "w.safetensors").tensors.keys() == TENSORS.keys()


def test_a_file_that_cannot_be_written_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise SafetensorError("Error while serializing: I/O error: No space left on device")

    monkeypatch.setattr("archspec_torch.checkpoint.save_file", full)
    with pytest.raises(SpecError, match=r"E712.*No space left on device"):
        write_checkpoint(TENSORS, tmp_path / "w.safetensors", {}, code="E712")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("metadata", [None, {}, {"format": "pt"}, {"archspec": "{"}, {"archspec": "[1]"}])
def test_metadata_of_others_has_no_facts(metadata: dict[str, str] | None) -> None:
    assert facts_of(metadata) == {}
