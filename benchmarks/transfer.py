"""Transfer against training from scratch, at ten images a class, over five draws of these images.

    python benchmarks/transfer.py --mnist FOLDER [--signs FOLDER] [--resnet20 FILE] [--seeds 5] [--epochs 30]

FOLDER of `--mnist` holds the four files of MNIST; that of `--signs` a folder of photographs for each class, such as the
train folder of the Sign Language Digits; FILE is akamaster's ResNet-20 for CIFAR-10. Compared are, as far as these are
given, MNIST to scikit-learn's digits, which are like it; MNIST to the hand signs, which are not; CIFAR-10 to the hand
signs.

scratch  all weights drawn anew
probe    all but the last layer frozen
fine     all layers learn, the last at ten times the rate
staged   the last layer alone, then the last stage too, then all, these at a tenth of the rate

All have the same spec, images, epochs, batches and schedule. A draw is ten images a class to learn from and ten to
choose the epoch by; all others are tested on. Each way has its learning rates to choose from, by the validation
accuracy of a draw that is not among those told. Printed are the test accuracy of every draw, mean ± standard deviation
(n − 1), and what each way is above scratch, draw by draw.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy
import sklearn
import torch
from sklearn.datasets import load_digits

from archspec_torch.runtime import train

ROOT = Path(__file__).resolve().parents[1]
EACH = 10
"""Images a class to learn from, and as many to choose by."""
BATCH = 16
RATES = {
    "scratch": (1e-3, 3e-3, 1e-2, 3e-2),
    "probe": (1e-2, 3e-2, 1e-1, 3e-1),
    "fine": (1e-4, 3e-4, 1e-3, 3e-3, 1e-2),
    "staged": (3e-3, 1e-2, 3e-2, 1e-1),
}
IMAGE_ENDINGS = (".jpg", ".jpeg", ".png")


@dataclass(frozen=True)
class Comparison:
    """A network with trained weights, and data to take it to."""

    title: str
    spec: str
    weights: dict[str, str]
    data: dict[str, Any]
    names: list[str]
    """What the data's examples are called in lists."""
    labels: list[str]
    features: tuple[str, ...]
    """The parts of the network before its last layer, `linear1`, the last of them first."""


def digits(title: str, spec: str, weights: dict[str, str], features: tuple[str, ...]) -> Comparison:
    labels = [str(label) for label in load_digits().target]
    return Comparison(title, spec, weights, {"kind": "digits"}, list(map(str, range(len(labels)))), labels, features)


def folder(title: str, spec: str, weights: dict[str, str], features: tuple[str, ...], root: Path) -> Comparison:
    paths = sorted(path for path in root.glob("*/*") if path.suffix.lower() in IMAGE_ENDINGS)
    names, labels = [path.relative_to(root).as_posix() for path in paths], [path.parent.name for path in paths]
    return Comparison(title, spec, weights, {"kind": "folder", "root": str(root)}, names, labels, features)


def drawn(comparison: Comparison, seed: int, out: Path) -> dict[str, str]:
    """Lists of ten images a class to learn from, ten to choose by, and all the others to test on."""
    chance = numpy.random.default_rng(seed)
    lists: dict[str, list[str]] = {"train": [], "val": [], "test": []}
    for label in sorted(set(comparison.labels)):
        own = [name for name, its in zip(comparison.names, comparison.labels, strict=True) if its == label]
        order = [own[i] for i in chance.permutation(len(own))]
        for split, part in zip(lists, (order[:EACH], order[EACH : 2 * EACH], order[2 * EACH :]), strict=True):
            lists[split] += part
    for split, names in lists.items():
        (out / f"{split}.txt").write_text("".join(f"{name}\n" for name in names), encoding="utf-8")
    return {f"{split}_list": str(out / f"{split}.txt") for split in lists}


def section(comparison: Comparison, way: str, epochs: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """What a way adds to `model` and `train`."""
    model = {"weights": comparison.weights, "replace": ["linear1"]}
    features = list(comparison.features)
    if way == "scratch":
        return {}, {}
    if way == "probe":
        return model, {"freeze": features}
    if way == "fine":
        return model, {"rates": {"linear1": 10}}
    second, third = 1 + epochs // 3, 1 + 2 * epochs // 3
    stages = {second: features[:1], third: features[1:]}
    return model, {"freeze": features, "unfreeze": stages, "rates": dict.fromkeys(features, 0.1)}


def run(comparison: Comparison, way: str, rate: float, seed: int, epochs: int) -> tuple[float, float]:
    """Validation and test accuracy."""
    with tempfile.TemporaryDirectory(prefix="archspec-transfer-") as scratch:
        lists = drawn(comparison, seed, Path(scratch))
        model, plan = section(comparison, way, epochs)
        optimizer = {"kind": "adamw", "lr": rate, "weight_decay": 0.01}
        given = {
            "model": {"spec": comparison.spec, **model},
            "data": {**comparison.data, "split": lists},
            "train": {"epochs": epochs, "batch": BATCH, "optimizer": optimizer, "schedule": "cosine", "seed": seed}
            | {"device": "cpu", "watch": "off"}
            | plan,
        }
        result = train(given, Path(scratch) / "run", quiet=True)
        assert result.test is not None
        return result.val_accuracy, result.test.accuracy


def compare(comparison: Comparison, seeds: int, epochs: int) -> None:
    begun = time.perf_counter()
    tested = len(comparison.labels) - 2 * EACH * len(set(comparison.labels))
    print(f"\n{comparison.title}: {len(set(comparison.labels))} classes, {EACH} images each, tested on {tested:,}")
    chosen = {}
    for way, rates in RATES.items():
        chosen[way] = max(rates, key=lambda rate: run(comparison, way, rate, seeds, epochs)[0])
    print("rates       " + "".join(f"{f'{rate:g}':>10}" for rate in chosen.values()), flush=True)
    print("draw        " + "".join(f"{way:>10}" for way in RATES), flush=True)
    found: dict[str, list[float]] = {way: [] for way in RATES}
    for seed in range(seeds):
        for way, rate in chosen.items():
            found[way].append(100 * run(comparison, way, rate, seed, epochs)[1])
        print(f"{seed:<12}" + "".join(f"{values[-1]:10.2f}" for values in found.values()), flush=True)
    if seeds > 1:
        above = {way: [a - b for a, b in zip(found[way], found["scratch"], strict=True)] for way in found}
        for name, table in (("mean", found), ("above", above)):
            print(f"{name:<12}" + "".join(f"{statistics.mean(values):10.2f}" for values in table.values()))
            print(f"{'±':<12}" + "".join(f"{statistics.stdev(values):10.2f}" for values in table.values()))
    print(f"{time.perf_counter() - begun:.0f} s")


def mnist_weights(folder: Path, out: Path) -> dict[str, str]:
    """The small network of the examples after one epoch of MNIST."""
    begun = time.perf_counter()
    given = {
        "model": str(ROOT / "examples" / "mnist_net.yaml"),
        "data": {"kind": "idx", "root": str(folder), "split": {"val": 0.05}},
        "train": {"epochs": 1, "batch": 64, "optimizer": {"kind": "adamw", "lr": 3e-3}, "device": "cpu"},
    }
    result = train(given, out, quiet=True)
    reached = result.test.accuracy if result.test else result.val_accuracy
    print(f"source: one epoch of MNIST, {100 * reached:.2f} % of its test images, {time.perf_counter() - begun:.0f} s")
    return {"path": str(out)}


def main() -> None:
    torch.set_num_threads(1)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mnist", type=Path)
    parser.add_argument("--signs", type=Path)
    parser.add_argument("--resnet20", type=Path)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=30)
    args = parser.parse_args()
    if args.mnist is None and args.resnet20 is None:
        parser.error("--mnist or --resnet20 says where trained weights come from")
    if args.resnet20 is not None and args.signs is None:
        parser.error("--resnet20 is taken to the images of --signs")
    machine = f"{os.cpu_count()} CPU cores ({platform.machine()}), one used, load {os.getloadavg()[0]:.1f}"
    print(f"{machine}; torch {torch.__version__}, scikit-learn {sklearn.__version__}")
    net = str(ROOT / "examples" / "mnist_net.yaml")
    stages = ("stage.2", "stage.0", "stage.1")
    if args.mnist is not None:
        with tempfile.TemporaryDirectory(prefix="archspec-transfer-") as scratch:
            weights = mnist_weights(args.mnist, Path(scratch) / "mnist")
            compare(digits("MNIST to scikit-learn's digits", net, weights, stages), args.seeds, args.epochs)
            if args.signs is not None:
                signs = folder("MNIST to hand signs", net, weights, stages, args.signs)
                compare(signs, args.seeds, args.epochs)
    if args.resnet20 is not None:
        weights = {"path": str(args.resnet20), "map": "akamaster"}
        parts = ("stage.2", "stem", "stage.0", "stage.1")
        signs = folder("CIFAR-10 to hand signs", "resnet20_cifar", weights, parts, args.signs)
        compare(signs, args.seeds, args.epochs)


if __name__ == "__main__":
    main()
