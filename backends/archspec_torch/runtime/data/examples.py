"""The examples of a split, wherever they lie, and the batches drawn from them."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import Path
from typing import Protocol, Self

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from archspec.errors import Diagnostic, Span, fail
from archspec_torch.runtime.data.draws import Draws
from archspec_torch.runtime.data.targets import Target
from archspec_torch.runtime.images import Frame, ImageProblem

Report = Callable[[Diagnostic], None]
Where = Callable[..., Span]
"""The place of a key of the run file's `data` section."""
Place = tuple[str, int]
"""An example by its split and its position there."""


class Examples(Protocol):
    """Labelled images of one split."""

    @property
    def labels(self) -> Tensor:
        """(n, …), in the form that the `Target` of their source says; boxes and points in pixels of the frame."""

    def histogram(self) -> Tensor:
        """int64 (channels, 256): how often each value occurs."""

    def products(self) -> Tensor:
        """int64 (channels, channels): sums over all pixels of the product of two channels' values."""

    def image(self, position: int) -> Tensor:
        """uint8 (c, h, w). Raises ImageProblem for a file that cannot be read any more."""

    def example(self, position: int, draws: Draws) -> tuple[Tensor, Tensor]:
        """The image and the label there in the epoch that `draws` seeds. Raises ImageProblem."""

    def to(self, device: torch.device) -> Examples:
        """The examples where a device reads them fastest."""

    def batches(
        self, groups: Sequence[Tensor], device: torch.device, workers: int, draws: Draws | None = None
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """For each group of positions: images uint8 (n, c, h, w) and labels (n,), on the device.

        `draws`: seeds of what is random about them in training; without them, nothing is.
        """


class Source(Protocol):
    """Data that a run names: its classes and splits are known before any image is decoded."""

    @property
    def name(self) -> str:
        """What the data is called on the terminal and in titles."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes, in the order of their numbers."""

    @property
    def target(self) -> Target:
        """What the examples are labelled with."""

    @property
    def sizes(self) -> Mapping[str, int]:
        """Examples in each split: `train`, `val` and, where there is one, `test`."""

    def labels_of(self, split: str) -> Tensor:
        """As of the examples of a split, files that will turn out unreadable included."""

    def names_of(self, split: str) -> Sequence[str]:
        """What the same example is called wherever the data lies, in the order of `labels_of`; no name occurs twice."""

    def regrouped(self, parts: Mapping[str, Sequence[Place]]) -> Source:
        """The same data with those examples in each split, which may lie in other splits now."""

    def load(self, split: str, frame: Frame, report: Report) -> Examples:
        """The examples of a split. What cannot be read is reported and left out."""


@dataclass(frozen=True)
class InMemory:
    """Images decoded once: uint8 (n, c, h, w). Batches are made by indexing, which no worker beats."""

    images: Tensor
    labels: Tensor

    def histogram(self) -> Tensor:
        return torch.stack([value_counts(self.images[:, c]) for c in range(self.images.shape[1])])

    def products(self) -> Tensor:
        parts = self.images.split(max(1, (1 << 22) // self.images[0].numel()))
        return torch.stack([channel_products(part.transpose(0, 1)) for part in parts]).sum(0)

    def image(self, position: int) -> Tensor:
        return self.images[position]

    def example(self, position: int, draws: Draws) -> tuple[Tensor, Tensor]:
        return self.images[position], self.labels[position]

    def to(self, device: torch.device) -> InMemory:
        return InMemory(self.images.to(device), self.labels.to(device))

    def batches(
        self, groups: Sequence[Tensor], device: torch.device, workers: int, draws: Draws | None = None
    ) -> Iterator[tuple[Tensor, Tensor]]:
        if not groups:
            return
        order = torch.cat(list(groups)).to(self.images.device)  # once: a copy to a GPU waits for what it does
        for index in order.split([len(group) for group in groups]):
            yield self.images[index].to(device), self.labels[index].to(device)


@dataclass(frozen=True)
class OnDisk:
    """Images decoded each time they are needed, by worker processes."""

    paths: tuple[Path, ...]
    labels: Tensor
    frame: Frame
    counts: Tensor
    sums: Tensor
    """What `histogram` and `products` give, counted when every file was looked at."""

    def histogram(self) -> Tensor:
        return self.counts

    def products(self) -> Tensor:
        return self.sums

    def image(self, position: int) -> Tensor:
        try:
            return self.frame.read(self.paths[position])
        except ImageProblem as problem:
            raise ImageProblem(f"{self.paths[position]} {problem}") from None

    def example(self, position: int, draws: Draws) -> tuple[Tensor, Tensor]:
        return self.image(position), self.labels[position]

    def to(self, device: torch.device) -> OnDisk:
        return self

    def batches(
        self, groups: Sequence[Tensor], device: torch.device, workers: int, draws: Draws | None = None
    ) -> Iterator[tuple[Tensor, Tensor]]:
        return batched(self.image, self.labels, groups, device, workers)


@dataclass(frozen=True)
class Around:
    """Examples that hand on what they do not change of those inside."""

    examples: Examples

    @property
    def labels(self) -> Tensor:
        return self.examples.labels

    def histogram(self) -> Tensor:
        return self.examples.histogram()

    def products(self) -> Tensor:
        return self.examples.products()

    def image(self, position: int) -> Tensor:
        return self.examples.image(position)

    def example(self, position: int, draws: Draws) -> tuple[Tensor, Tensor]:
        return self.examples.example(position, draws)

    def to(self, device: torch.device) -> Self:
        return replace(self, examples=self.examples.to(device))

    def batches(
        self, groups: Sequence[Tensor], device: torch.device, workers: int, draws: Draws | None = None
    ) -> Iterator[tuple[Tensor, Tensor]]:
        return self.examples.batches(groups, device, workers, draws)


def batched(
    image: Callable[[int], Tensor], labels: Tensor, groups: Sequence[Tensor], device: torch.device, workers: int
) -> Iterator[tuple[Tensor, Tensor]]:
    """Batches of images asked for one by one, in worker processes where there are any.

    Raises SpecError E624 for a file that cannot be read any more.
    """
    return loaded(_Labelled(image, labels.cpu()), len(labels), groups, device, workers)


def loaded(
    example: Callable[[int], tuple[Tensor, Tensor]],
    count: int,
    groups: Sequence[Tensor],
    device: torch.device,
    workers: int,
) -> Iterator[tuple[Tensor, Tensor]]:
    """The same of `count` examples, each an image and its label."""
    # A loader draws its base seed from its generator: one of its own, so that the run's stays untouched.
    loader = DataLoader(
        _Items(example, count),
        batch_sampler=[group.tolist() for group in groups],
        num_workers=workers,
        generator=torch.Generator(),
        pin_memory=device.type == "cuda",
        worker_init_fn=_heed_parent,
    )
    try:
        with _deaf():
            loaded = iter(loader)
        for images, found in loaded:
            yield images.to(device, non_blocking=True), found.to(device, non_blocking=True)
    except ImageProblem as problem:  # from a worker it comes with its traceback before it
        last = str(problem).splitlines()[-1].removeprefix(f"{ImageProblem.__module__}.ImageProblem: ")
        raise fail("E624", f"{last}; it could be read before") from problem


ENDING = (signal.SIGINT, signal.SIGTERM)
SORTED_OUT = hasattr(signal, "sigwaitinfo")
"""Whether the system tells who has sent a signal: not on macOS and Windows."""


@contextmanager
def _deaf() -> Iterator[None]:
    """Processes that are started inside hear no SIGINT and SIGTERM but their parent's (see `_heed_parent`).

    A terminal, a scheduler or torchrun sends them to all; the process that trains saves, and then ends its workers.
    """
    if not SORTED_OUT:
        yield
        return
    former = signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, former)


def _heed_parent(worker: int) -> None:
    """In a worker: ends it at a signal of its parent."""

    def wait() -> None:
        while signal.sigwaitinfo(ENDING).si_pid != os.getppid():
            pass
        os._exit(0)

    if SORTED_OUT:
        threading.Thread(target=wait, daemon=True).start()


@dataclass(frozen=True)
class _Labelled:
    """The image at a position, with its label."""

    image: Callable[[int], Tensor]
    labels: Tensor

    def __call__(self, position: int) -> tuple[Tensor, Tensor]:
        return self.image(position), self.labels[position]


@dataclass(frozen=True)
class _Items(Dataset[tuple[Tensor, Tensor]]):
    example: Callable[[int], tuple[Tensor, Tensor]]
    count: int

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        return self.example(index)

    def __len__(self) -> int:
        return self.count


def channel_products(images: Tensor) -> Tensor:
    """int64 (c, c): sums of the products of two channels of a uint8 tensor (c, …). Exact: float64 holds them whole."""
    flat = images.reshape(len(images), -1).double()
    return (flat @ flat.T).round().to(torch.int64).cpu()


def value_counts(images: Tensor) -> Tensor:
    """int64 (256,): how often each value of a uint8 tensor occurs. Exact, whatever the order."""
    flat = images.reshape(-1)
    counts = torch.zeros(256, dtype=torch.int64)
    for part in flat.split(1 << 24):  # bincount widens its input to 8 bytes: bounded here to 128 MiB
        counts += torch.bincount(part, minlength=256).cpu()
    return counts


def digest_of(image: Tensor) -> bytes:
    """16 bytes that no two images (c, h, w) of other pixels have in common."""
    return blake2b(image.contiguous().numpy().data, digest_size=16).digest()


def grouped(order: Tensor, size: int) -> list[Tensor]:
    """Positions in groups of `size`. A last one of a single position joins the one before: batch norm needs two."""
    groups = list(order.split(size))
    if size > 1 and len(groups) > 1 and len(groups[-1]) == 1:
        groups[-2:] = [torch.cat(groups[-2:])]
    return groups
