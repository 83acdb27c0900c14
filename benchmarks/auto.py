"""What `auto` brings: a fixed small convolutional network on fixed images, against a plain float32 loop by hand.

    python benchmarks/auto.py [--epochs 2] [--seeds 1] [--compile]

Four convolutions of 32 to 128 channels with batch norm on drawn colour images of 32 × 32: a grating of one of ten
angles under noise. SGD with momentum, batch 64, cosine. Both loops have the same first weights and order,
and take turns
epoch by epoch. Printed are the milliseconds of a step, their ratio (goal 1.5), and both accuracies; the trial's time is
told apart. What else runs on the machine spoils the figures: the load is printed.
"""

from __future__ import annotations

import argparse
import copy
import math
import os
import time

import torch
from torch import Tensor, nn
from torch.nn import functional

from archspec.run import load_run
from archspec_torch.runtime.data import InMemory
from archspec_torch.runtime.images import Frame
from archspec_torch.runtime.loop import fresh_state, measure, train_epoch
from archspec_torch.runtime.precision import numerics_of, trial
from archspec_torch.runtime.preprocess import Normalize, Preprocessing
from archspec_torch.runtime.stop import Stop
from archspec_torch.runtime.tasks.classify import Classify

CPU, CLASSES, BATCH, GOAL = torch.device("cpu"), 10, 64, 1.5


def network(seed: int) -> nn.Sequential:
    torch.manual_seed(seed)

    def conv(inside: int, out: int) -> list[nn.Module]:
        return [nn.Conv2d(inside, out, 3, padding=1, bias=False), nn.BatchNorm2d(out), nn.ReLU()]

    return nn.Sequential(
        *(*conv(3, 32), *conv(32, 64), nn.MaxPool2d(2), *conv(64, 128), *conv(128, 128), nn.MaxPool2d(2)),
        *(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(128, CLASSES)),
    )


def gratings(count: int, seed: int) -> InMemory:
    """Ten angles, at any phase and frequency, under noise of three times their height."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(0, CLASSES, (count,), generator=generator)
    angle, phase, pace, color = (
        labels * math.pi / CLASSES,
        torch.rand(count, generator=generator) * 2 * math.pi,
        0.5 + torch.rand(count, generator=generator),
        torch.rand(count, 3, 1, 1, generator=generator),
    )
    y, x = torch.meshgrid(torch.arange(32.0), torch.arange(32.0), indexing="ij")
    along = x * angle.cos().view(-1, 1, 1) + y * angle.sin().view(-1, 1, 1)
    waves = (along * pace.view(-1, 1, 1) + phase.view(-1, 1, 1)).sin()[:, None] * color
    noise = torch.randn(count, 3, 32, 32, generator=generator)
    return InMemory((127 + 25 * waves + 40 * noise).clamp(0, 255).to(torch.uint8), labels)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--examples", type=int, default=3200)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--compile", action="store_true", help="let auto try torch.compile too")
    args = parser.parse_args()
    training, testing = gratings(args.examples, 0), gratings(2000, 1)
    names = tuple(str(n) for n in range(CLASSES))
    task = Classify("main", {}, names)
    normalize = Normalize(Preprocessing(Frame(3, 32, 32), (0.5,) * 3, (0.17,) * 3, names), CPU)
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads, load {os.getloadavg()[0]:.1f}")
    for seed in range(args.seeds):
        first = network(seed)
        optimizer = {"kind": "sgd", "lr": 0.05, "momentum": 0.9}
        keys = {"precision": "auto", "memory_format": "auto", "compile": "auto" if args.compile else False}
        section = {"epochs": args.epochs, "batch": BATCH, "optimizer": optimizer, "seed": seed, **keys}
        plan = load_run({"model": "mlp", "train": section}).run.train
        images, labels = training.images[:BATCH], training.labels[:BATCH]
        begun = time.perf_counter()
        chosen, told = trial(plan, first, normalize(images), labels, task.loss)
        print(f"auto chose {told}; trial {time.perf_counter() - begun:.1f} s", flush=True)
        plan = plan.model_copy(update=chosen)
        state = fresh_state(copy.deepcopy(first), plan)
        hand = copy.deepcopy(first)
        bare = torch.optim.SGD(hand.parameters(), 0.05, momentum=0.9)
        steps = math.ceil(args.examples / BATCH)
        times = {"hand": 0.0, "auto": 0.0}
        shuffle = torch.Generator().manual_seed(seed)
        for epoch in range(args.epochs):
            begun = time.perf_counter()
            hand.train()
            for step, index in enumerate(torch.randperm(args.examples, generator=shuffle).split(BATCH)):
                done = (epoch * steps + step) / (args.epochs * steps)
                bare.param_groups[0]["lr"] = 0.05 * (1 + math.cos(math.pi * done)) / 2
                loss = functional.cross_entropy(hand(normalize(training.images[index])), training.labels[index])
                bare.zero_grad()
                loss.backward()
                bare.step()
            times["hand"] += time.perf_counter() - begun
            begun = time.perf_counter()
            train_epoch(state, task, training, normalize, plan, Stop(), CPU)
            state.finish_epoch()
            times["auto"] += time.perf_counter() - begun
        accuracy = _accuracy(hand, testing, normalize)
        ours = measure(state.model, task, testing, normalize, 256, 0, CPU, None, numerics_of(plan)).accuracy
        per = {name: 1000 * spent / args.epochs / steps for name, spent in times.items()}
        ratio = times["hand"] / times["auto"]
        print(
            f"seed {seed}: a step by hand {per['hand']:.1f} ms, auto {per['auto']:.1f} ms, "
            f"ratio {ratio:.2f} (goal {GOAL})"
        )
        print(
            f"  accuracy by hand {100 * accuracy:.2f} %, auto {100 * ours:.2f} %, "
            f"difference {100 * (ours - accuracy):+.2f}"
        )


@torch.inference_mode()
def _accuracy(model: nn.Module, data: InMemory, normalize: Normalize) -> float:
    model.eval()
    right: list[Tensor] = [
        (model(normalize(data.images[part])).argmax(1) == data.labels[part]).sum()
        for part in torch.arange(len(data.labels)).split(256)
    ]
    return float(sum(right)) / len(data.labels)


if __name__ == "__main__":
    main()
