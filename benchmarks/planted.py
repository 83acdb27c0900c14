"""Bugs planted in runs, and what names them: `archspec doctor`, or the checks while training. Sound runs beside them.

    python benchmarks/planted.py [--only NAME] [--sound 30]

Small networks on the digits of scikit-learn, of one class an image and of tags. Each bug has the checks that may name
it: it counts as named where one of these is a fault, where the check that is closest doubts it, where the run is
refused for it, or where training with `watch: stop` is stopped for one of the reasons that it may have. What else is
at fault is printed, and counts for nothing. A sound run counts as let alone where doctor finds no fault and training,
with `watch: stop` too, reaches its end.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from sklearn.datasets import load_digits

from archspec.errors import SpecError
from archspec.run import load_run
from archspec_torch.compiler import compile
from archspec_torch.runtime import train
from archspec_torch.runtime.doctor import examine
from archspec_torch.runtime.train import Job, prepare

Arrays = tuple[NDArray[Any], NDArray[Any]]
HEAD = "archspec: 1\nname: net\ninput: [1, 8, 8]\nlayers:\n"
MLP = "- flatten\n- linear: 64\n- relu\n- linear: 10\n"
CONV = "- conv: {out: 16, kernel: 3, padding: 1}\n- relu\n- max_pool: 2\n- flatten\n- linear: 10\n"
NORMED = "- conv: {out: 16, kernel: 3, padding: 1}\n- batch_norm\n- relu\n- max_pool: 2\n- flatten\n- linear: 10\n"
DEEP = "- flatten\n- linear: 64\n- relu\n- dropout: 0.2\n- linear: 64\n- relu\n- linear: 10\n"
SMOOTH = "- flatten\n- linear: 64\n- tanh\n- linear: 10\n"


def digits() -> Arrays:
    found = load_digits()
    return (found.images * 15.9375).astype(numpy.uint8), found.target.astype(numpy.int64)


def shuffled() -> Arrays:
    images, labels = digits()
    return images, numpy.random.default_rng(0).permutation(labels)


def constant() -> Arrays:
    images, labels = digits()
    return numpy.full_like(images, 128), labels


def from_one() -> Arrays:
    images, labels = digits()
    return images, labels + 1


def doubled() -> Arrays:
    images, labels = digits()
    return numpy.concatenate([images, images]), numpy.concatenate([labels, labels])


def one_class() -> Arrays:
    images, labels = digits()
    return images, numpy.where(numpy.arange(len(labels)) < 12, 1, 0)


def tags() -> Arrays:
    """Of each digit: odd, above 4, prime, round, a multiple of 3."""
    images, labels = digits()
    held = [{1, 3, 5, 7, 9}, {5, 6, 7, 8, 9}, {2, 3, 5, 7}, {0, 6, 8, 9}, {0, 3, 6, 9}]
    return images, numpy.array([[digit in tag for tag in held] for digit in labels]).astype(numpy.int64)


def not_normalised(job: Job) -> Job:
    return replace(job, normalize=lambda images: images.float())  # type: ignore[arg-type]


def val_off_by_one(job: Job) -> Job:
    return replace(job, val=replace(job.val, labels=(job.val.labels + 1) % 10))  # type: ignore[type-var]


@dataclass
class Case:
    """A run, sound or with a bug. `by`: the checks whose fault names the bug, and the words of WATCHED for which
    training may be stopped; `doubt`: the check that may doubt it; `refused`: the code of a refusal."""

    layers: str = MLP
    train: dict[str, Any] = field(default_factory=dict)
    data: Callable[[], Arrays] | None = None
    twist: Callable[[Job], Job] = lambda job: job
    by: tuple[str, ...] = ()
    doubt: str = ""
    refused: str = ""
    bias: float = 0.0

    def run(self, folder: Path) -> dict[str, Any]:
        spec = folder / "net.yaml"
        layers = "".join(f"  {line}\n" for line in self.layers.splitlines())
        text = HEAD + layers
        classes = {from_one: 11, one_class: 2, tags: 5}.get(self.data, 10)  # type: ignore[call-overload]
        text = text.replace("linear: 10", f"linear: {classes}")
        spec.write_text(text, encoding="utf-8")
        run: dict[str, Any] = {"model": {"spec": str(spec)}, "train": {"epochs": 8, "device": "cpu", **self.train}}
        if self.bias:
            network = compile(spec)
            state = {k: torch.full_like(v, self.bias) if "bias" in k else v for k, v in network.state_dict().items()}
            save_file(state, folder / "begin.safetensors")
            run["model"]["weights"] = {"path": str(folder / "begin.safetensors")}
        if self.data is not None:
            images, labels = self.data()
            numpy.savez(folder / "data.npz", images=images, labels=labels)
            run["data"] = {"kind": "numpy", "file": str(folder / "data.npz"), "split": {"val": 0.15}}
        return run


def rated(kind: str, lr: float, **more: Any) -> dict[str, Any]:
    return {"optimizer": {"kind": kind, "lr": lr, **more}}


WATCHED = {
    "rises": "the loss has risen",
    "creeps": "hardly moves",
    "swings": "the loss swings",
    "dead": "were 0 for every",
    "no number": "E650",
}
"""Why `watch: stop` stops training, and words by which that is told."""

FAST, SLOW = ("learning rate", "own steps", "rises", "swings", "no number"), ("learning rate", "own steps", "creeps")
SIGMOIDS = "- flatten\n" + "- linear: 32\n- sigmoid\n" * 8 + "- linear: 10\n"
PLANTED = {
    "labels shuffled": Case(data=shuffled, by=("short fit", "neighbours"), doubt="neighbours"),
    "rate ×1000, adam": Case(train=rated("adam", 3.0), by=FAST),
    "rate ÷1000, adam": Case(train=rated("adam", 3e-6), by=SLOW),
    "rate ×1000, sgd": Case(CONV, train=rated("sgd", 100.0, momentum=0.9), by=FAST),
    "rate ÷1000, sgd": Case(CONV, train=rated("sgd", 5e-5), by=SLOW),
    "everything frozen": Case(train={"freeze": ["*"]}, refused="E665"),
    "softmax twice": Case(MLP + "- softmax\n", refused="E613"),
    "ReLU behind the scores": Case(MLP + "- relu\n", by=("scores",)),
    "sigmoid behind the scores": Case(CONV + "- sigmoid\n", by=("scores",)),
    "data not normalised": Case(CONV, twist=not_normalised, by=("inputs",)),
    "constant input": Case(CONV, data=constant, by=("inputs",)),
    "labels count from 1": Case(data=from_one, by=("labels",)),
    "validation labels off by one": Case(twist=val_off_by_one, by=("neighbours", "short fit")),
    "dead ReLU (bias -10)": Case(bias=-10.0, by=("dead units", "dead")),
    "weights begin at 0": Case(train={"init": {"kind": "constant", "value": 0}}, by=("weights", "gradients")),
    "weights begin equal": Case(train={"init": {"kind": "constant", "value": 0.05}}, by=("weights",)),
    "weights begin large": Case(train={"init": {"kind": "normal", "std": 3.0}}, by=("first loss",)),
    "validation images trained on": Case(data=doubled, by=("leak",), doubt="leak"),
    "weight decay ×1000": Case(CONV, train=rated("sgd", 0.05, weight_decay=5.0), by=("l2",)),
    "nearly all of one class": Case(data=one_class, by=("labels",), doubt="labels"),
    "clipped to nothing": Case(train={**rated("sgd", 0.1), "clip": 1e-6}, by=("own steps", "creeps")),
    "eight sigmoids in a row": Case(SIGMOIDS, by=("gradients",)),
}


def sound() -> Iterator[tuple[str, Case]]:
    """Networks and optimisers that people use, at rates that they use."""
    nets = {"mlp": MLP, "conv": CONV, "normed": NORMED, "deep": DEEP, "tanh": SMOOTH}
    ways = {
        "adam 1e-3": rated("adam", 1e-3),
        "adamw 3e-3": rated("adamw", 3e-3, weight_decay=0.05),
        "sgd 0.05": rated("sgd", 0.05, momentum=0.9),
        "rmsprop 1e-3": {**rated("rmsprop", 1e-3), "schedule": "constant"},
    }
    for way, plan in ways.items():
        for net, layers in nets.items():
            yield f"{net}, {way}", Case(layers, plan)
    for way in ("adam 1e-3", "sgd 0.05"):
        for net, layers in nets.items():
            yield f"tags, {net}, {way}", Case(layers, {**ways[way], "loss": "bce"}, tags)


@dataclass
class Told:
    """The checks that found a fault, those in doubt; why the run was refused or training stopped."""

    faults: list[str] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)
    ended: str = ""
    refused: bool = False

    @property
    def found(self) -> set[str]:
        """The checks at fault, and the words of WATCHED for which training was stopped."""
        return {*self.faults, *(name for name, words in WATCHED.items() if words in self.ended)}

    def names(self, case: Case) -> bool:
        """Whether the bug of the case is among what was told."""
        return self.refused or bool(self.found & {*case.by}) or case.doubt in self.doubts

    def __str__(self) -> str:
        return f"{', '.join(self.faults)} | {', '.join(self.doubts)} | {self.ended}"


def told(case: Case) -> Told:
    """What doctor and training say of a run. Raises SpecError where it is refused for another reason than its own."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        run = case.run(folder)
        try:
            job = case.twist(prepare(load_run(run)))
        except SpecError as error:
            if error.diagnostics[0].code != case.refused:
                raise
            return Told(ended=f"refused: {case.refused}", refused=True)
        found = examine(job)
        stopped = ""
        with open(os.devnull, "w") as nothing, contextlib.redirect_stderr(nothing):
            try:
                train(run, folder / "out", [WATCH], quiet=True)
            except SpecError as error:
                stopped = f"{error.diagnostics[0].code}: {error.diagnostics[0].message}"
    return Told([f.check for f in found.of("fault")], [f.check for f in found.of("doubt")], stopped)


WATCH = "train.watch=stop"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="bugs whose name holds this")
    parser.add_argument("--sound", type=int, default=30, help="how many sound runs")
    args = parser.parse_args()
    torch.set_num_threads(1)
    named, cases = 0, {name: case for name, case in PLANTED.items() if args.only in name}
    for name, case in cases.items():
        said = told(case)
        named += (by := said.names(case))
        print(f"{'named ' if by else 'MISSED'} {name:30} {said}", flush=True)
    alone, runs = 0, list(sound())[: args.sound]
    for name, case in runs:
        said = told(case)
        alone += (fine := not said.faults and not said.ended)
        print(f"{'sound ' if fine else 'WRONG '} {name:30} {said}", flush=True)
    print(f"{named} of {len(cases)} bugs named; {alone} of {len(runs)} sound runs let alone")


if __name__ == "__main__":
    main()
