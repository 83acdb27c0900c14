"""Training SSD300 on VGG-16, 21 classes, on synthetic images: archspec's loop against torchvision's network and losses.

    python benchmarks/gpu/ssd300.py [--batch 32] [--steps 30] [--rounds 5] [-o FILE]
    python benchmarks/gpu/ssd300.py --device cpu --batch 1 --steps 1 --rounds 1    does it run?

archspec        `archspec train`'s own loop on images and boxes in memory: normalised, matched, counted, each loss
                looked at; in fp32, and in bf16 with channels_last
torchvision     its `ssd300_vgg16`, matching and losses as they are, SGD, one batch again and again: in fp32 and in bf16
                under autocast, with channels_last; cudnn.benchmark on

All take turns, round by round; told are images a second, the median over the rounds, and the ratio of each pair. The
figures and the versions of all that took part are written to FILE as JSON. Status 1 on a GPU where a ratio is below
its goal.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import torch
from torch import Tensor
from torchvision.models.detection import ssd300_vgg16
from turns import Prepare, Turn, machine, measured

import archspec
from archspec.files import write_text
from archspec.run import load_run
from archspec_torch.detection.truth import rows_of
from archspec_torch.runtime.data import InMemory
from archspec_torch.runtime.images import Frame
from archspec_torch.runtime.loop import fresh_state, train_epoch
from archspec_torch.runtime.preprocess import Normalize, Preprocessing
from archspec_torch.runtime.seeding import seeded
from archspec_torch.runtime.stop import Stop
from archspec_torch.runtime.tasks import task_of

GOALS = {"fp32": 1.0, "bf16": 1.15}
CLASSES, SIDE, OBJECTS = 20, 300, 8
RATE, MOMENTUM, DECAY = 1e-4, 0.9, 5e-4


def objects(count: int, seed: int) -> tuple[list[Tensor], list[Tensor]]:
    """Boxes (m, 4) and labels (m,) of each image, one to `OBJECTS` of them."""
    made = torch.Generator().manual_seed(seed)
    boxes, labels = [], []
    for _ in range(count):
        m = int(torch.randint(1, OBJECTS + 1, (), generator=made))
        low = torch.rand(m, 2, generator=made) * 0.6 * SIDE
        boxes.append(torch.cat([low, low + (0.05 + 0.3 * torch.rand(m, 2, generator=made)) * SIDE], 1))
        labels.append(torch.randint(0, CLASSES, (m,), generator=made))
    return boxes, labels


def ours(precision: str) -> Prepare:
    def prepared(device: torch.device, args: argparse.Namespace) -> Turn:
        optimizer = {"kind": "sgd", "lr": RATE, "momentum": MOMENTUM, "weight_decay": DECAY}
        layout = "channels_last" if precision == "bf16" else "contiguous"
        section = {"epochs": 1000, "batch": args.batch, "optimizer": optimizer, "schedule": "constant"}
        numbers = {"precision": precision, "memory_format": layout, "loss": "ssd"}
        plan = load_run({"model": "ssd300_vgg16_voc", "train": {**section, **numbers}}).run.train
        count, names = args.steps * args.batch, tuple(map(str, range(CLASSES)))
        boxes, labels = objects(count, 0)
        none = [torch.zeros(len(one), dtype=torch.bool) for one in labels]
        rows = torch.stack([rows_of(*one, OBJECTS) for one in zip(boxes, labels, none, strict=True)])
        images = torch.randint(0, 256, (count, 3, SIDE, SIDE), dtype=torch.uint8)
        data = InMemory(images, rows).to(device)
        graph = archspec.load("ssd300_vgg16_voc")
        task = task_of(graph, names, plan.loss).to(device)
        normalize = Normalize(Preprocessing(Frame(3, SIDE, SIDE), (0.45,) * 3, (0.22,) * 3, names), device)
        state = fresh_state(archspec.compile(graph).to(device), plan)

        def turn() -> None:
            with seeded(plan.seed, device):
                train_epoch(state, task, data, normalize, plan, Stop(), device)
                state.finish_epoch()

        return turn

    return prepared


def theirs(precision: str) -> Prepare:
    def prepared(device: torch.device, args: argparse.Namespace) -> Turn:
        layout = torch.channels_last if precision == "bf16" else torch.contiguous_format
        network = ssd300_vgg16(weights=None, weights_backbone=None, num_classes=CLASSES + 1)
        network = network.to(device, memory_format=layout).train()
        optimizer = torch.optim.SGD(network.parameters(), RATE, MOMENTUM, weight_decay=DECAY)
        images = list(torch.rand(args.batch, 3, SIDE, SIDE, device=device))
        truth = zip(*objects(args.batch, 0), strict=True)
        targets = [{"boxes": b.to(device), "labels": (k + 1).to(device)} for b, k in truth]

        def turn() -> None:
            with torch.backends.cudnn.flags(enabled=True, benchmark=True, deterministic=False):
                for _ in range(args.steps):
                    with torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16"):
                        loss = torch.stack(list(network(images, targets).values())).sum()
                    optimizer.zero_grad(set_to_none=True)
                    loss.backward()
                    optimizer.step()

        return turn

    return prepared


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("-o", "--out", type=Path, default=Path(__file__).with_name("ssd300.json"))
    args = parser.parse_args()
    device = torch.device(args.device)
    about = machine(device, ("torchvision", "archspec"))
    print(", ".join(f"{name} {value}" for name, value in about.items() if value is not None), flush=True)
    pairs = {
        f"{who} {precision}": make(precision)
        for precision in GOALS
        for who, make in (("archspec", ours), ("torchvision", theirs))
    }
    speeds = measured(device, args, pairs)
    ratios = {p: speeds[f"archspec {p}"] / speeds[f"torchvision {p}"] for p in GOALS if f"torchvision {p}" in speeds}
    for name, speed in speeds.items():
        print(f"{name:16} {speed:8.1f} images/s")
    for precision, ratio in ratios.items():
        print(f"{precision}: {ratio:.3f} of torchvision; goal {GOALS[precision]}")
    how = {name: getattr(args, name) for name in ("batch", "steps", "rounds")}
    figures = {"images_per_second": speeds, "ratios": ratios, "goals": GOALS}
    write_text(args.out, json.dumps({"machine": about, "settings": how, **figures}, indent=2) + "\n")
    reached = all(ratios.get(precision, 0) >= goal for precision, goal in GOALS.items())
    return int(device.type == "cuda" and not reached)


if __name__ == "__main__":
    sys.exit(main())
