"""What the training loop costs: a step of a tiny network by archspec's loop, by a bare one, and by other trainers.

    python benchmarks/loop.py [--peers SITE_PACKAGES] [--steps 300] [--rounds 7]

The network, the batches, the optimiser and the order of the work are the same. The bare loop measures nothing;
archspec's counts loss and right answers, checks each loss for trouble as a run does, looks whether it is time to save,
and keeps a progress display; the others log the loss of each step, each with its own log. Each trains on from round to
round. Rounds go through all in turn;
printed are medians over the rounds, and their ratio to the bare loop's. Times are of the processor, not of the clock,
so that what else runs on the machine counts little. Lightning and Accelerate are measured where they are installed, in
this environment or in the folder that --peers names.
"""

from __future__ import annotations

import argparse
import contextlib
import logging
import statistics
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Callable
from functools import partial
from itertools import count
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from archspec.errors import Span
from archspec.run import load_run
from archspec_torch.runtime.data import InMemory
from archspec_torch.runtime.images import Frame
from archspec_torch.runtime.loop import fresh_state, train_epoch
from archspec_torch.runtime.preprocess import Normalize, Preprocessing
from archspec_torch.runtime.progress import Lines
from archspec_torch.runtime.saving import Saver
from archspec_torch.runtime.stop import Stop
from archspec_torch.runtime.tasks.classify import Classify
from archspec_torch.runtime.trouble import Trouble

GOAL = 1.10
BATCH, CLASSES = 32, 10
MEAN, STD = 0.3, 0.25
DEVICE = torch.device("cpu")


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        *(nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(8, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(16 * 7 * 7, CLASSES)),
    )


def examples(steps: int) -> InMemory:
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (steps * BATCH, 1, 28, 28), generator=generator, dtype=torch.uint8)
    return InMemory(images, torch.randint(0, CLASSES, (steps * BATCH,), generator=generator))


def batches(data: InMemory) -> list[Tensor]:
    return list(torch.randperm(len(data.labels)).split(BATCH))


def prepared(data: InMemory, index: Tensor) -> tuple[Tensor, Tensor]:
    return data.images[index].float().sub_(255 * MEAN).div_(255 * STD), data.labels[index]


def bare(data: InMemory) -> Callable[[], None]:
    model = network()
    optimizer = torch.optim.Adam(model.parameters(), 1e-3)

    def epoch() -> None:
        model.train()
        for index in batches(data):
            images, labels = prepared(data, index)
            loss = functional.cross_entropy(model(images), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    return epoch


def ours(data: InMemory) -> Callable[[], None]:
    plan = load_run({"model": "lenet5", "train": {"batch": BATCH, "epochs": 1000}}).run.train
    classes = tuple(str(n) for n in range(CLASSES))
    task = Classify("main", {}, classes)
    normalize = Normalize(Preprocessing(Frame(1, 28, 28), (MEAN,), (STD,), classes), DEVICE)
    state, progress, stop = fresh_state(network(), plan), Lines(1000), Stop()
    watch = Trouble(plan, task.at_start(), DEVICE, Span("", 1, 1), progress.say)
    saver = Saver(Path(tempfile.mkdtemp(prefix="archspec-loop-")), plan.checkpoint, DEVICE, {})

    def stepped() -> None:
        progress.step()
        if saver.due(state):
            saver.save(state)

    def epoch() -> None:
        train_epoch(state, task, data, normalize, plan, stop, DEVICE, stepped, watch)
        state.finish_epoch()

    return epoch


def fabric(data: InMemory) -> Callable[[], None]:
    from lightning.fabric import Fabric
    from lightning.fabric.loggers import CSVLogger

    log = CSVLogger(tempfile.mkdtemp(prefix="archspec-loop-"), flush_logs_every_n_steps=100)
    trainer = Fabric(accelerator="cpu", devices=1, loggers=log)
    model, optimizer = trainer.setup(module := network(), torch.optim.Adam(module.parameters(), 1e-3))
    steps = count()

    def epoch() -> None:
        model.train()
        for index in batches(data):
            images, labels = prepared(data, index)
            loss = functional.cross_entropy(model(images), labels)
            optimizer.zero_grad()
            trainer.backward(loss)
            optimizer.step()
            trainer.log("loss", loss.item(), step=next(steps))

    return epoch


def accelerate(data: InMemory) -> Callable[[], None]:
    from accelerate import Accelerator

    trainer = Accelerator(cpu=True)
    model, optimizer = trainer.prepare(module := network(), torch.optim.Adam(module.parameters(), 1e-3))

    def epoch() -> None:
        model.train()
        for step, index in enumerate(batches(data)):
            with trainer.accumulate(model):
                images, labels = prepared(data, index)
                loss = functional.cross_entropy(model(images), labels)
                trainer.backward(loss)
                optimizer.step()
                optimizer.zero_grad()
            trainer.log({"loss": loss.item()}, step=step)

    return epoch


def lightning(data: InMemory, turns: int) -> Callable[[], None]:
    from lightning import Callback, LightningModule, Trainer
    from torch.utils.data import DataLoader, IterableDataset

    class Batches(IterableDataset):  # type: ignore[type-arg]
        def __iter__(self):  # type: ignore[no-untyped-def]
            return (prepared(data, index) for index in batches(data))

        def __len__(self) -> int:
            return len(data.labels) // BATCH

    class Module(LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.network = network()

        def training_step(self, batch, number):  # type: ignore[no-untyped-def]
            loss = functional.cross_entropy(self.network(batch[0]), batch[1])
            self.log("loss", loss)
            return loss

        def configure_optimizers(self):  # type: ignore[no-untyped-def]
            return torch.optim.Adam(self.parameters(), 1e-3)

    begin, ended = threading.Semaphore(0), threading.Semaphore(0)

    class Turns(Callback):
        """One fit of all rounds, an epoch a turn: a fit for each would set up the trainer every time."""

        def on_train_epoch_start(self, *_: object) -> None:
            begin.acquire()

        def on_train_epoch_end(self, *_: object) -> None:
            ended.release()

    options = {"accelerator": "cpu", "devices": 1, "enable_progress_bar": False, "enable_model_summary": False}
    options |= {"logger": False, "enable_checkpointing": False}
    trainer = Trainer(max_epochs=turns, callbacks=[Turns()], **options)

    def fit() -> None:
        torch.set_num_threads(1)  # of this thread
        trainer.fit(Module(), DataLoader(Batches(), batch_size=None))

    thread, left = threading.Thread(target=fit, daemon=True), iter(range(turns, 0, -1))
    thread.start()

    def epoch() -> None:
        begin.release()
        ended.acquire()
        if next(left) == 1:
            thread.join()

    return epoch


def main() -> int:
    """1 where archspec's loop exceeds its goal."""
    torch.set_num_threads(1)
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--peers", help="a folder of packages where Lightning and Accelerate are")
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=7)
    args = parser.parse_args()
    if args.peers:
        sys.path.append(args.peers)
    warnings.simplefilter("ignore")
    for name in ("lightning", "lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.ERROR)
    data, epochs = examples(args.steps), {}
    one_fit = partial(lightning, turns=args.rounds + 1)
    makers = {"bare": bare, "ours": ours, "fabric": fabric, "accelerate": accelerate, "lightning": one_fit}
    for name, make in makers.items():
        try:
            epochs[name] = make(data)
        except ImportError as error:
            print(f"{name:12} not measured: {error}")
    times: dict[str, list[float]] = {name: [] for name in epochs}
    for turn in range(args.rounds + 1):
        for name, epoch in epochs.items():
            begun = time.process_time()
            with contextlib.redirect_stdout(sys.stderr):
                epoch()
            if turn:  # the first round warms up
                times[name].append((time.process_time() - begun) / args.steps)
    base = times["bare"]
    for name, found in times.items():
        ratios = [a / b for a, b in zip(found, base, strict=True)]
        goal = f", goal {GOAL}" if name == "ours" else ""
        print(
            f"{name:12} {1e6 * statistics.median(found):7.0f} µs a step, {statistics.median(ratios):.3f} of bare{goal}"
        )
    return int(statistics.median(a / b for a, b in zip(times["ours"], base, strict=True)) > GOAL)


if __name__ == "__main__":
    sys.exit(main())
