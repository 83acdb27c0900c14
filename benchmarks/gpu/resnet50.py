"""Training ResNet-50 at 224×224 in bf16 on synthetic images: archspec's loop against the best loop by hand.

    python benchmarks/gpu/resnet50.py [--batch 256] [--steps 50] [--rounds 5] [-o FILE]
    python benchmarks/gpu/resnet50.py --device cpu --size 64 --batch 2 --steps 2 --rounds 1 --no-compile    does it run?

archspec        `archspec train`'s own loop, precision bf16, channels_last, compiled: images are drawn from a data set
                in memory and normalised, loss and right answers counted, each loss looked at, saving considered; it
                fails where a step but an epoch's first waits for the GPU
eager           torchvision's network, autocast, channels_last, cudnn.benchmark, fused SGD, one batch again and again
compiled        the same through torch.compile
timm            timm's network, compiled
cuda graphs     the whole step of `eager` captured and replayed
both            the whole step of `compiled` captured and replayed
reduced         torch.compile(mode="reduce-overhead")

All take turns, round by round; told are images a second, the median over the rounds. The figures, archspec's ratio to
the best of the others, and the versions of all that took part are written to FILE as JSON. Status 1 on a GPU where the
ratio is below its goal.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import timm
import torch
import torchvision
from torch import Tensor, nn
from torch.nn import functional
from turns import Turn, machine, measured

import archspec
from archspec.files import write_text
from archspec.run import load_run
from archspec_torch.runtime.data import InMemory
from archspec_torch.runtime.images import Frame
from archspec_torch.runtime.loop import fresh_state, train_epoch
from archspec_torch.runtime.preprocess import Normalize, Preprocessing
from archspec_torch.runtime.progress import Lines
from archspec_torch.runtime.saving import Saver
from archspec_torch.runtime.stop import Stop
from archspec_torch.runtime.tasks.classify import Classify
from archspec_torch.runtime.train import seeded

GOAL = 0.97
CLASSES, MEAN, STD = 1000, 0.45, 0.22
RATE, MOMENTUM, DECAY = 0.01, 0.9, 1e-4
WARM_UP = 3
"""Steps before a capture, on a stream of their own, as torch's notes on CUDA graphs have it."""


def ours(device: torch.device, args: argparse.Namespace) -> Turn:
    plan = load_run(
        {
            "model": "resnet50",
            "train": {
                "epochs": 1000,
                "batch": args.batch,
                "optimizer": {"kind": "sgd", "lr": RATE, "momentum": MOMENTUM, "weight_decay": DECAY},
                "schedule": "constant",
                "precision": "bf16",
                "memory_format": "channels_last",
                "compile": args.compile,
            },
        }
    ).run.train
    count, classes = args.steps * args.batch, tuple(map(str, range(CLASSES)))
    generator = torch.Generator(device).manual_seed(0)
    shape = (count, 3, args.size, args.size)
    images = torch.randint(0, 256, shape, generator=generator, dtype=torch.uint8, device=device)
    data = InMemory(images, torch.randint(0, CLASSES, (count,), generator=generator, device=device))
    task = Classify("main", {}, classes)
    normalize = Normalize(Preprocessing(Frame(3, args.size, args.size), (MEAN,) * 3, (STD,) * 3, classes), device)
    network = archspec.compile(archspec.load("resnet50", input=[3, args.size, args.size]))
    state, progress, stop = fresh_state(network.to(device), plan), Lines(plan.epochs), Stop()
    saver = Saver(Path(args.scratch), plan.checkpoint, device, {})

    def stepped() -> None:
        watched("default")
        progress.step()
        if saver.due(state):
            saver.save(state)
        if state.epoch and state.done < args.steps:  # the first epoch compiles; behind the last step its loss is read
            watched("error")

    def watched(mode: str) -> None:
        """From `error` on, torch raises where the host waits for the device."""
        if device.type == "cuda":
            torch.cuda.set_sync_debug_mode(mode)

    def turn() -> None:
        with seeded(plan.seed, device):  # as a run has it: cuDNN keeps to algorithms that give the same sums each time
            train_epoch(state, task, data, normalize, plan, stop, device, stepped)
            state.finish_epoch()

    return turn


def by_hand(
    make: Callable[[], nn.Module],
    wrap: Callable[[nn.Module], Any] = lambda network: network,
    captured: bool = False,
) -> Callable[[torch.device, argparse.Namespace], Turn]:
    """A loop that does nothing but train: one batch that lies ready on the device."""

    def prepared(device: torch.device, args: argparse.Namespace) -> Turn:
        torch.manual_seed(0)
        own = make().to(device, memory_format=torch.channels_last).train()
        fused = device.type == "cuda"
        optimizer = torch.optim.SGD(own.parameters(), RATE, MOMENTUM, weight_decay=DECAY, fused=fused)
        network = wrap(own)
        images = torch.randn(args.batch, 3, args.size, args.size, device=device)
        images = images.contiguous(memory_format=torch.channels_last)
        labels = torch.randint(0, CLASSES, (args.batch,), device=device)

        def step() -> None:
            with torch.autocast(device.type, torch.bfloat16, cache_enabled=not captured):
                loss: Tensor = functional.cross_entropy(network(images), labels)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()

        once = graph_of(step) if captured else step

        def turn() -> None:
            with torch.backends.cudnn.flags(enabled=True, benchmark=True, deterministic=False):
                for _ in range(args.steps):
                    once()

        return turn

    return prepared


def graph_of(step: Turn) -> Turn:
    """A step captured as one CUDA graph."""
    with torch.backends.cudnn.flags(enabled=True, benchmark=True, deterministic=False):
        beside = torch.cuda.Stream()
        beside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(beside):
            for _ in range(WARM_UP):
                step()
        torch.cuda.current_stream().wait_stream(beside)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            step()
    return graph.replay


def contestants(device: torch.device, compile_them: bool) -> dict[str, Callable[..., Turn]]:
    tv = torchvision.models.resnet50
    found: dict[str, Callable[..., Turn]] = {"archspec": ours, "eager": by_hand(tv)}
    if compile_them:
        found["compiled"] = by_hand(tv, torch.compile)
        found["timm"] = by_hand(lambda: timm.create_model("resnet50"), torch.compile)
    else:
        found["timm"] = by_hand(lambda: timm.create_model("resnet50"))
    if device.type == "cuda":
        found["cuda graphs"] = by_hand(tv, captured=True)
        if compile_them:
            found["both"] = by_hand(tv, torch.compile, captured=True)
            found["reduced"] = by_hand(tv, lambda network: torch.compile(network, mode="reduce-overhead"))
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--no-compile", dest="compile", action="store_false")
    parser.add_argument("-o", "--out", type=Path, default=Path(__file__).with_name("resnet50.json"))
    args = parser.parse_args()
    device = torch.device(args.device)
    about = machine(device, ("torchvision", "timm", "archspec"))
    print(", ".join(f"{name} {value}" for name, value in about.items() if value is not None), flush=True)
    with (
        tempfile.TemporaryDirectory(prefix="archspec-resnet50-") as args.scratch,
        contextlib.redirect_stderr(sys.stdout),
    ):
        speeds = measured(device, args, contestants(device, args.compile))
    best = max((name for name in speeds if name != "archspec"), key=lambda name: speeds[name])
    ratio = speeds.get("archspec", math.nan) / speeds[best]
    for name, speed in speeds.items():
        print(f"{name:12} {speed:10.1f} images/s  {speed / speeds[best]:6.3f} of {best}")
    print(f"archspec     {ratio:.3f} of the best, {best}; goal {GOAL}")
    how = {name: getattr(args, name) for name in ("size", "batch", "steps", "rounds", "compile")}
    figures = {"images_per_second": speeds, "best": best, "ratio": ratio, "goal": GOAL}
    write_text(args.out, json.dumps({"machine": about, "settings": how, **figures}, indent=2) + "\n")
    return int(device.type == "cuda" and not ratio >= GOAL)


if __name__ == "__main__":
    sys.exit(main())
