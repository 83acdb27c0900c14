"""Files of weights: read without running anything that is in them, written whole and always the same."""

from __future__ import annotations

import hashlib
import json
import pickle
import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from archspec.errors import SpecError, fail
from archspec.files import replacing

NESTED = ("state_dict", "model_state_dict", "model", "net", "params")
"""Keys under which training scripts keep the state dict beside the epoch, the optimiser and the like."""

WRAPPERS = ("module.", "_orig_mod.")
"""What DataParallel and torch.compile put before every name."""

CUT_OFF = ("miniz", "PytorchStreamReader", "central directory", "unexpected EOF", "corrupt", "incomplete metadata")
"""Words of torch and safetensors for a file that ends too soon or whose archive is broken."""

SAFE_FROM = (2, 10)
"""The release of torch from which `weights_only` keeps a file from running code: before it could be got round
(CVE-2025-32434, CVE-2026-24747)."""

SUFFIXES = (".pth", ".pt", ".th", ".ckpt", ".bin", ".tar")
"""Endings of torch's files."""

METADATA = "archspec"
"""The one key of metadata in the files written here."""
CHECKSUM = "checksum"


class Damaged(SafetensorError):
    """A file whose content is not what was written."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The tensors of a file by name, and the names of what else it holds."""

    tensors: Mapping[str, Tensor]
    others: tuple[str, ...] = ()


def read_checkpoint(path: str | Path) -> Checkpoint:
    """The tensors of a .pth, .pt, .th, .ckpt, .bin or .safetensors file, on the CPU.

    Takes a plain state dict or one kept under 'state_dict' and its kin; drops the 'module.' of DataParallel.
    Raises SpecError E701 (no such file, or unreadable), E702 (of a kind that is not read), E703 (reading it
    would run code, or might: torch's files before torch 2.10) or E704 (no tensors in it).
    """
    path = Path(path)
    if not path.is_file():
        what = "is a folder, not a file" if path.is_dir() else "is no file, but a device or a pipe"
        raise fail("E701", f"'{path}' {what}" if path.exists() else f"there is no file '{path}'")
    if path.suffix == ".safetensors":
        try:
            return Checkpoint(_unwrapped(read_safetensors(path)[0]))
        except (SafetensorError, OSError) as error:
            raise unreadable(path, error) from error
    if path.suffix not in SUFFIXES:
        hint = "files of weights end in .pth, .pt, .th or .safetensors"
        raise fail("E702", f"'{path}' is of no kind that is read", hint=hint)
    return _state_dict(_loaded(path), path)


def unreadable(path: Path, error: Exception) -> SpecError:
    """The E701 of a file whose bytes are not what its ending says: what they seem to be, and what to do."""
    try:
        with path.open("rb") as file:
            head = file.read(512)
    except OSError as problem:
        return fail("E701", f"'{path}' cannot be read: {problem.strerror or problem}")
    if not head:
        return fail("E701", f"'{path}' is an empty file")
    stored = path.suffix == ".safetensors"
    if head.startswith(b"version https://git-lfs"):
        return fail("E701", f"'{path}' is a pointer of Git LFS, not the file itself", hint="git lfs pull brings it")
    if head.lstrip()[:1] == b"<":
        hint = "fetch the file itself: what was saved may be a page about it"
        return fail("E701", f"'{path}' holds a web page, not weights", hint=hint)
    if head[:4] in (b"PK\3\4", b"\x80\2\x8a\n"):
        if stored:
            return fail("E701", f"'{path}' is a file of torch by its content", hint="let its name end in .pth")
        if isinstance(error, SafetensorError):
            hint = "`archspec weights import SPEC --from FILE --map NAME -o OUT.safetensors` writes such a file"
            return fail("E701", f"'{path}' is a file of torch, and the weights of a run are safetensors", hint=hint)
    if not stored and head[8:10] == b'{"':
        return fail("E701", f"'{path}' is safetensors by its content", hint="let its name end in .safetensors")
    kind = "safetensors file" if stored else "torch file"
    if all(byte in b"\t\n\r" or 32 <= byte < 127 for byte in head):
        return fail("E701", f"'{path}' holds text, and is no {kind}")
    if isinstance(error, Damaged):
        return fail("E701", f"'{path}' is damaged: {error}", hint="fetch it again, or train it again")
    if isinstance(error, EOFError) or any(word in str(error) for word in CUT_OFF):
        return fail("E701", f"'{path}' is damaged or cut off", hint="fetch it again, or train it again")
    if isinstance(error, SafetensorError | pickle.UnpicklingError):
        return fail("E701", f"'{path}' is no {kind}, or a damaged one")
    reason = str(error).strip().partition("\n")[0] or type(error).__name__
    return fail("E701", f"'{path}' cannot be read as a {kind}: {reason}")


def _loaded(path: Path) -> Any:
    if path.stat().st_size == 0:
        raise fail("E701", f"'{path}' is an empty file")
    if tuple(int(part) for part in torch.__version__.split(".")[:2]) < SAFE_FROM:
        wanted = ".".join(map(str, SAFE_FROM))
        message = f"'{path}' might run code where torch {torch.__version__} reads it: from {wanted} on it cannot"
        raise fail("E703", message, hint=f"pip install 'torch>={wanted}', or save its tensors as safetensors")
    try:
        with warnings.catch_warnings():  # of pickles that are no file of torch; what is wrong is told below
            warnings.simplefilter("ignore", UserWarning)
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        found = re.search(r"GLOBAL (\S+)", str(error))
        if found is None:
            raise unreadable(path, error) from error
        raise fail(
            "E703",
            f"'{path}' holds a Python object ({found[1]}), not tensors alone: reading it would run code",
            hint="where you trust it, save its tensors: torch.save(model.state_dict(), 'weights.pth')",
        ) from error
    except Exception as error:  # what torch raises for a damaged file differs by format and release
        raise unreadable(path, error) from error


def _state_dict(data: Any, path: Path) -> Checkpoint:
    if not isinstance(data, Mapping):
        raise fail("E704", f"'{path}' holds a {type(data).__name__}, not tensors by name")
    for key in NESTED:
        if isinstance(data.get(key), Mapping) and _tensors(data[key]):
            return Checkpoint(_unwrapped(_tensors(data[key])), tuple(str(name) for name in data if name != key))
    tensors = _tensors(data)
    if not tensors:
        held = ", ".join(f"'{key}'" for key in list(data)[:8]) or "nothing"
        raise fail("E704", f"'{path}' holds no tensors by name, only {held}")
    return Checkpoint(_unwrapped(tensors), tuple(str(key) for key in data if key not in tensors))


def _tensors(data: Mapping[Any, Any]) -> dict[str, Tensor]:
    return {key: value for key, value in data.items() if isinstance(key, str) and isinstance(value, Tensor)}


def _unwrapped(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    for prefix in WRAPPERS * 2:  # either may stand around the other
        if tensors and all(name.startswith(prefix) for name in tensors):
            tensors = {name.removeprefix(prefix): tensor for name, tensor in tensors.items()}
    return tensors


def write_checkpoint(tensors: Mapping[str, Tensor], path: Path, facts: Mapping[str, Any], code: str = "E505") -> None:
    """Tensors by name as safetensors, and facts (what JSON can hold) as its metadata: equal input, equal bytes.

    Raises SpecError of that code where the file cannot be written.
    """
    # Copies, since safetensors refuses tensors that lie in one storage.
    own = {n: t.detach().to("cpu", copy=True, memory_format=torch.contiguous_format) for n, t in tensors.items()}
    with replacing(path, code) as written:
        try:
            save_file(own, written, sealed(own, facts))
        except SafetensorError as error:  # what it makes of a full disk
            raise fail(code, f"cannot write '{path}': {error}") from error


def sealed(tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> dict[str, str]:
    """The metadata of a file of these tensors (contiguous, on the CPU): the facts, and the checksum of all of it.

    JSON under one key: safetensors writes several keys in an order of chance.
    """
    return {METADATA: json.dumps({**facts, CHECKSUM: _checksum(tensors, facts)}, sort_keys=True)}


def read_safetensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The tensors of a file of safetensors, on the CPU, and the facts that were written here with them.

    Raises Damaged where they are not what was written here; SafetensorError and OSError.
    """
    with safe_open(path, framework="pt") as file:
        facts = facts_of(file.metadata())
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no mapping)
    written = facts.pop(CHECKSUM, None)
    if written is not None and written != _checksum(tensors, facts):
        raise Damaged("its content is not what was written: the checksum is another")
    return tensors, facts


def _checksum(tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> str:
    """SHA-256 of names, types, shapes and bytes in the order of the names, and of the facts."""
    found = hashlib.sha256(json.dumps(dict(facts), sort_keys=True).encode())
    for name, tensor in sorted(tensors.items()):
        found.update(f"{name} {tensor.dtype} {list(tensor.shape)}".encode())
        found.update(tensor.contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return found.hexdigest()


def facts_of(metadata: Mapping[str, str] | None) -> dict[str, Any]:
    """The facts in a file's metadata; none where another program wrote it."""
    try:
        found = json.loads((metadata or {}).get(METADATA, "{}"))
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
