"""Checkpoints as folders: written whole or not at all, read only where every byte is what was written.

checkpoints/step-00000120-epoch-0003/
  weights.safetensors   the weights that answer, as in last.safetensors
  state.safetensors     every other tensor: optimiser, averages, random states, the tally of the running epoch
  state.json            the numbers, and which tensor belongs where
  SHA256SUMS            as `sha256sum` writes and checks it

A folder is made under a name beginning with a dot, its files reach the disk, then it is renamed. Nothing here is
pickled: reading runs no code.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from archspec.errors import fail
from archspec.files import replacing
from archspec_torch.checkpoint import sealed

WEIGHTS, TENSORS, FACTS, SUMS = "weights.safetensors", "state.safetensors", "state.json", "SHA256SUMS"
FILES = (WEIGHTS, TENSORS, FACTS)
FORMAT = 1
NAME = re.compile(r"step-(\d{8,})(?:-epoch-(\d{4,}))?")
DAMAGED = "damaged-"


class Damage(Exception):
    """What is wrong with a checkpoint."""


@dataclass(frozen=True)
class Snapshot:
    """One moment of a run, as tensors by name and facts that JSON can hold."""

    weights: Mapping[str, Tensor]
    tensors: Mapping[str, Tensor]
    facts: Mapping[str, Any]


@dataclass(frozen=True)
class Found:
    """The newest whole checkpoint, and those passed over with what is wrong with them, newest first."""

    path: Path | None
    damaged: tuple[tuple[Path, str], ...] = ()


def name_of(step: int, epoch: int | None) -> str:
    """The folder of a step; `epoch` where the step ended one. Names sort as the run went."""
    return f"step-{step:08}" + (f"-epoch-{epoch:04}" if epoch is not None else "")


def write(folder: Path, name: str, snapshot: Snapshot, epoch: int) -> Path:
    """The checkpoint of that name. `epoch` (finished ones) stands in the weights' metadata.

    Raises SpecError E505 where it cannot be written, on a full disk; those already there are not touched.
    """
    target, written = folder / name, folder / f".{name}.{os.urandom(4).hex()}"
    try:
        folder.mkdir(exist_ok=True)
        for left in folder.glob(".step-*"):  # by a run that was killed while it saved
            shutil.rmtree(left, ignore_errors=True)
        try:
            written.mkdir()
            (written / FACTS).write_text(json.dumps({"format": FORMAT, **snapshot.facts}), encoding="utf-8")
            for tensors, name, facts in (
                (snapshot.weights, WEIGHTS, {"epoch": epoch}),
                (snapshot.tensors, TENSORS, {}),
            ):
                _save(tensors, written / name, facts)
                shutil.copymode(written / FACTS, written / name)  # safetensors lets nobody else read them
            (written / SUMS).write_text(sums(written), encoding="utf-8")
            for file in (*FILES, SUMS):
                _sync(written / file)
            _sync(written)
            if target.exists():
                shutil.rmtree(target)
            written.rename(target)
            _sync(folder)
        except BaseException:
            shutil.rmtree(written, ignore_errors=True)
            raise
    except (OSError, SafetensorError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        hint = "the former checkpoint is kept: make room, then go on with --resume"
        raise fail("E505", f"cannot write the checkpoint '{target}': {reason}", hint=hint) from error
    return target


def _save(tensors: Mapping[str, Tensor], path: Path, facts: Mapping[str, Any]) -> None:
    # Copies, since safetensors refuses tensors that lie in one storage.
    own = {name: tensor.detach().to("cpu", copy=True).contiguous() for name, tensor in tensors.items()}
    save_file(own, path, sealed(own, facts))


def _sync(path: Path) -> None:
    """What was written reaches the disk. Folders cannot be opened on every system."""
    try:
        handle = os.open(path, os.O_RDONLY)
    except PermissionError:
        return
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def digest(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sums(checkpoint: Path) -> str:
    """The content of its SHA256SUMS."""
    return "".join(f"{digest(checkpoint / name)}  {name}\n" for name in FILES)


def check(checkpoint: Path) -> None:
    """Raises Damage where a file is missing, or a byte is not what was written."""
    lacking = [name for name in (*FILES, SUMS) if not (checkpoint / name).is_file()]
    if lacking:
        raise Damage(f"{lacking[0]} is not there")
    try:
        written = (checkpoint / SUMS).read_bytes()
        found = sums(checkpoint).encode()
    except OSError as error:
        raise Damage(error.strerror or str(error)) from error
    if written != found:
        lines = written.split(b"\n")
        wrong = [name for name, line in zip(FILES, found.split(b"\n"), strict=False) if line not in lines]
        raise Damage(f"{wrong[0] if len(wrong) == 1 else SUMS} is not what was written")


def read(checkpoint: Path) -> Snapshot:
    """A whole checkpoint. Raises Damage for one of another format."""
    try:
        facts = json.loads((checkpoint / FACTS).read_text(encoding="utf-8"))
        if facts.get("format") != FORMAT:
            raise Damage(f"it is of format {facts.get('format')}, and this release reads {FORMAT}")
        return Snapshot(load_file(checkpoint / WEIGHTS), load_file(checkpoint / TENSORS), facts)
    except (OSError, ValueError, SafetensorError) as error:
        raise Damage(str(error)) from error


def newest(folder: Path) -> Found:
    """The newest checkpoint all of whose bytes are there."""
    damaged: list[tuple[Path, str]] = []
    for path in _present(folder):
        try:
            check(path)
            return Found(path, tuple(damaged))
        except Damage as damage:
            damaged.append((path, str(damage)))
    return Found(None, tuple(damaged))


def prune(folder: Path, keep: int) -> None:
    """Removes all but the newest `keep`. One that cannot be removed stays."""
    for path in list(_present(folder))[keep:]:
        shutil.rmtree(path, ignore_errors=True)


def set_aside(checkpoint: Path) -> None:
    """Takes a damaged checkpoint out of the row, for a person to look at."""
    aside = checkpoint.with_name(f"{DAMAGED}{checkpoint.name}")
    with suppress(OSError):
        shutil.rmtree(aside, ignore_errors=True)
        checkpoint.rename(aside)


def _present(folder: Path) -> Iterator[Path]:
    """Checkpoints by their names, newest first."""
    named = [(match, path) for path in folder.glob("step-*") if (match := NAME.fullmatch(path.name))]
    order = sorted(named, key=lambda pair: (int(pair[0][1]), int(pair[0][2] or -1)), reverse=True)
    return (path for _, path in order)


def publish(file: Path, path: Path) -> None:
    """`file` under another name too, in place of what was there: a link where the disk has links, else a copy.

    Raises SpecError E505.
    """
    linked = path.with_name(f".{path.name[:32]}.{os.urandom(6).hex()}")
    try:
        os.link(file, linked)
        os.replace(linked, path)
    except OSError:
        with suppress(OSError):
            linked.unlink(missing_ok=True)
        with replacing(path) as written:
            shutil.copyfile(file, written)
