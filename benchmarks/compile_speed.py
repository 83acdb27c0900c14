"""How fast a compiled network is beside torchvision's own module of the same network and weights, on the CPU.

    python benchmarks/compile_speed.py resnet50 --batch 1

Times a forward pass in evaluation mode and a training step (forward, loss, backward, SGD with momentum). Pairs are
interleaved, the order within a pair alternating, so that whatever else the machine does falls on both alike; the
figure is the median over the pairs of torchvision's time divided by ours (above 1: ours is faster).
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import torch
import torchvision
from torch import Tensor, nn

import archspec


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("network", nargs="?", default="resnet50", help="a network that both have (resnet50)")
    parser.add_argument("--batch", type=int, default=1, metavar="N", help="images in a forward pass (1)")
    parser.add_argument("--train-batch", type=int, default=4, metavar="N", help="images in a training step (4)")
    parser.add_argument("--pairs", type=int, default=10, metavar="N", help="pairs of runs (10)")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), metavar="N", help="CPU threads")
    parser.add_argument("--size", type=int, default=224, metavar="PIXELS", help="height and width (224)")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    ours: nn.Module = archspec.compile(args.network)
    theirs = reference(args.network)
    mine, other = (sum(p.numel() for p in network.parameters()) for network in (ours, theirs))
    if mine != other:
        raise SystemExit(f"the two {args.network} differ: {mine:,} parameters and {other:,}")
    print(f"{args.network}, {args.size}×{args.size}, {args.threads} threads, torch {torch.__version__}")
    compare("forward", args.batch, args.pairs, forward(ours, args), forward(theirs, args))
    compare("training step", args.train_batch, args.pairs, step(ours, args), step(theirs, args))


def reference(name: str) -> nn.Module:
    """torchvision's network of that name, with random weights."""
    options = {"aux_logits": True, "init_weights": False} if name in ("googlenet_bn", "inception_v3") else {}
    make = getattr(torchvision.models, name.removesuffix("_bn") if name.startswith("googlenet") else name)
    network: nn.Module = make(weights=None, **options)
    return network


def forward(network: nn.Module, args: argparse.Namespace) -> Callable[[], None]:
    x = torch.rand(args.batch, 3, args.size, args.size)

    def run() -> None:
        network.eval()
        with torch.inference_mode():
            network(x)

    return run


def step(network: nn.Module, args: argparse.Namespace) -> Callable[[], None]:
    x = torch.rand(args.train_batch, 3, args.size, args.size)
    y = torch.randint(1000, (args.train_batch,))
    optimizer = torch.optim.SGD(network.parameters(), lr=0.01, momentum=0.9)

    def run() -> None:
        network.train()
        found = network(x)
        outputs = [found] if isinstance(found, Tensor) else found.values() if isinstance(found, dict) else found
        loss = sum(nn.functional.cross_entropy(output, y) for output in outputs)
        assert isinstance(loss, Tensor)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return run


def compare(what: str, batch: int, pairs: int, ours: Callable[[], None], theirs: Callable[[], None]) -> None:
    """Print both medians, and the ratio with its spread: the middle half of the pairs, and all of them."""
    for warm_up in (ours, theirs, ours, theirs):
        warm_up()
    times: dict[Callable[[], None], list[float]] = {ours: [], theirs: []}
    for pair in range(pairs):
        for run in (ours, theirs) if pair % 2 else (theirs, ours):
            start = time.perf_counter()
            run()
            times[run].append(time.perf_counter() - start)
    ratios = sorted(other / mine for mine, other in zip(times[ours], times[theirs], strict=True))
    low, middle, high = statistics.quantiles(ratios, n=4) if pairs > 1 else ratios * 3
    print(
        f"{what:14} batch {batch}: archspec {statistics.median(times[ours]) * 1e3:8.1f} ms   "
        f"torchvision {statistics.median(times[theirs]) * 1e3:8.1f} ms   "
        f"ratio {middle:.3f} (middle half {low:.3f} to {high:.3f}, all {ratios[0]:.3f} to {ratios[-1]:.3f})"
    )


if __name__ == "__main__":
    main()
