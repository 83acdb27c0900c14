"""Runs ended by SIGKILL at random moments and gone on with: how many end in the bits of a run left alone.

    python benchmarks/kills.py [KILLS]

Dropout, shuffling, augmentation, a moving average, accumulation and clipping are on. A third of the kills come at any
moment; a third in the middle of saving, at a random call that changes the disk; a third at the end of an epoch. A third
of the runs have their images in memory, a third read them from files with two worker processes, a third train a
detector on scattered digits, with a mosaic of them. Compared are best and last
weights, byte for byte, metrics.jsonl without its clock, and test.json. Runs are forked from one process, so that torch
is imported once.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy
from PIL import Image

from archspec_torch.runtime import saving, train

SPEC = """archspec: 1
name: small
input: [1, 8, 8]
vars: {classes: 10}
layers: [conv: {out: 6, kernel: 3}, batch_norm, relu, flatten, dropout: 0.3, linear: $classes]
"""
DETECTOR = """archspec: 1
name: cells
task: detect
input: [1, 48, 48]
vars: {classes: 10}
layers: [conv: {out: 8, kernel: 3, stride: 4, padding: 1}, batch_norm, relu, conv: {out: 8, kernel: 3, stride: 2}, relu]
detect:
  anchors: {kind: grid, boxes: [[10, 14]], unit: pixel}
  heads: [{layers: [conv: 5 + $classes], name: cells}]
  decode: yolo
"""
PLAN = {
    "epochs": 3,
    "batch": 32,
    "accumulate": 2,
    "ema": 0.95,
    "clip": 1.0,
    "device": "cpu",
    "checkpoint": {"steps": 3},
}
CALLS = ("fsync", "rename", "replace", "link", "unlink", "mkdir", "rmdir", "open")


def runs(folder: Path) -> dict[str, dict[str, Any]]:
    """A run in memory, one with workers, one of a detector."""
    (folder / "small.yaml").write_text(SPEC)
    (folder / "cells.yaml").write_text(DETECTOR)
    chance = numpy.random.default_rng(0)
    for number in range(300):
        name = "ab"[number % 2]
        (folder / "images" / name).mkdir(parents=True, exist_ok=True)
        grey = chance.integers(0, 200, (8, 8)) + 50 * (number % 2)
        Image.fromarray(grey.astype(numpy.uint8)).save(folder / "images" / name / f"{number:03}.png")
    data = {"kind": "folder", "root": str(folder / "images"), "in_memory": False}
    augment = [{"random_crop": {"padding": 1}}, {"mixup": {"alpha": 0.2}}]
    memory = {"name": "memory", "model": str(folder / "small.yaml"), "augment": augment, "train": PLAN}
    boxes = {"kind": "scattered_digits", "train": 60, "val": 20, "test": 20}
    moved = ["mirror", "scale_jitter", "mosaic"]
    return {
        "in memory": memory,
        "2 workers": {**memory, "name": "workers", "data": data, "train": {**PLAN, "workers": 2}},
        "a detector": {
            "name": "cells",
            "model": str(folder / "cells.yaml"),
            "data": boxes,
            "augment": moved,
            "train": {**PLAN, "batch": 8, "epochs": 3},
        },
    }


def forked(work: Callable[[], object], after: float | None = None) -> bool:
    """Does the work in a process of its own; kills it after so many seconds. Whether it was killed."""
    child = os.fork()
    if child == 0:
        os.setsid()
        try:
            work()
        except BaseException as error:
            print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
            os._exit(1)
        os._exit(0)
    if after is not None:
        time.sleep(after)
        try:
            os.killpg(child, signal.SIGKILL)
        except ProcessLookupError:
            os.kill(child, signal.SIGKILL)
    status = os.waitpid(child, 0)[1]
    if os.WIFEXITED(status) and os.WEXITSTATUS(status):
        raise SystemExit("a run failed")
    return os.WIFSIGNALED(status)


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def while_saving(count: int, work: Callable[[], object]) -> Callable[[], object]:
    """The work, killed at its n-th call that changes the disk."""

    def doomed() -> object:
        left = [count]

        def counted(call: Callable[..., Any]) -> Callable[..., Any]:
            def inner(*args: Any, **options: Any) -> Any:
                left[0] -= 1
                if left[0] == 0:
                    die()
                return call(*args, **options)

            return inner

        for name in CALLS:
            setattr(os, name, counted(getattr(os, name)))
        return work()

    return doomed


def at_an_epochs_end(epoch: int, point: int, work: Callable[[], object]) -> Callable[[], object]:
    """The work, killed before an epoch is saved, before its weights are published, or right after."""

    def doomed() -> object:
        save, follow = saving.Saver.save, saving.Saver.follow

        def saved(saver: Any, state: Any) -> None:
            ends = state.epoch == epoch and state.done == 0
            if ends and point == 0:
                die()
            save(saver, state)
            if ends and point == 2:
                die()

        def followed(saver: Any, path: Path, best: bool) -> None:
            if path.name.endswith(f"epoch-{epoch:04}") and point == 1:
                die()
            follow(saver, path, best)

        saving.Saver.save, saving.Saver.follow = saved, followed  # type: ignore[method-assign]
        return work()

    return doomed


def digest(out: Path) -> str:
    """A hash of all that must be equal."""
    found = hashlib.sha256()
    for name in ("last.safetensors", "best.safetensors", "test.json"):
        found.update((out / name).read_bytes())
    for line in (out / "metrics.jsonl").read_text().splitlines():
        found.update(json.dumps({k: v for k, v in json.loads(line).items() if k != "seconds"}).encode())
    return found.hexdigest()


def main(kills: int) -> int:
    chance, folder = random.Random(0), Path(tempfile.mkdtemp(prefix="archspec-kills-"))
    whole, seconds = {}, {}
    described = runs(folder)
    for workers, run in described.items():
        for _ in range(2):  # the first one warms up
            out = folder / f"whole-{workers.replace(' ', '-')}"
            shutil.rmtree(out, ignore_errors=True)
            begun = time.perf_counter()
            forked(lambda: train(run, out, quiet=True))  # noqa: B023
            seconds[workers] = time.perf_counter() - begun
        whole[workers] = digest(out)
    equal = {(kind, workers): [0, 0] for kind in ("any", "saving", "epoch") for workers in described}
    trial = 0
    while sum(n for _, n in equal.values()) < kills:
        kind, workers = list(equal)[trial % len(equal)]
        run, out = described[workers], folder / f"run-{trial}"
        trial += 1

        def work() -> object:
            return train(run, out, quiet=True, resume=True)  # noqa: B023

        if kind == "any":
            killed = forked(work, after=chance.uniform(0, 1.05) * seconds[workers])
        elif kind == "saving":
            killed = forked(while_saving(chance.randrange(1, 500), work))
        else:
            killed = forked(at_an_epochs_end(chance.randint(1, 3), chance.randrange(3), work))
        if killed:
            forked(work)
            equal[kind, workers][0] += digest(out) == whole[workers]
            equal[kind, workers][1] += 1
            same, all_ = (sum(pair[i] for pair in equal.values()) for i in (0, 1))
            print(f"{same} of {all_}", end="\r", file=sys.stderr, flush=True)
        shutil.rmtree(out, ignore_errors=True)
    for (kind, workers), (same, all_) in equal.items():
        where = {"any": "at any moment", "saving": "while saving", "epoch": "at an epoch's end"}[kind]
        print(f"{where:18}  {workers:10}  {same:3} of {all_:3} equal")
    same, all_ = (sum(pair[i] for pair in equal.values()) for i in (0, 1))
    print(f"{same} of {all_} kills end bit-equal")
    shutil.rmtree(folder, ignore_errors=True)
    return int(same < all_)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 100))
