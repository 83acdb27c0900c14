"""One run in several processes, as torchrun starts them: whose work is what, and what they tell each other.

Every process goes through the same steps on its share of each batch. What decides how the run goes on (a loss, an
accuracy, a signal, the time to save) is exchanged before it is acted on, so that no process waits for one that has
left the way. torch.distributed carries it: gloo for the CPU, NCCL for CUDA devices.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any, TypeVar, cast

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from archspec.backend import processes
from archspec.errors import Span, SpecError, fail
from archspec_torch.runtime.device import choose_device
from archspec_torch.runtime.shared_norm import shared_norms

T = TypeVar("T")
LEAST = 2
"""Images of a batch that a process takes at least: batch norm needs two."""
LINGER = 5.0
"""Seconds for which a process stays that has nothing to say of what ended the run: torchrun ends all others as soon as
one has ended, be it in the middle of a message."""
LOST = re.compile(r"gloo|nccl|connection (closed|reset|refused)|socket|broken pipe|timed? ?out|tcpstore", re.IGNORECASE)
"""What errors say that come from a process being gone."""


@dataclass(frozen=True)
class World:
    """The processes of a run, seen from one of them. Alone, all methods give what they are given, at no cost."""

    rank: int = 0
    size: int = 1
    local: int = 0
    """The rank among the processes on this machine."""
    store: Any = None
    """Small values that all see, `dist.Store`: it outlives a process that fails."""

    @property
    def main(self) -> bool:
        """Whether this process writes, and talks to people."""
        return self.rank == 0

    def device(self, name: str, span: Span | None = None) -> torch.device:
        """The device of this process: of CUDA devices, each process on a machine has its own.

        Raises SpecError E612 for a device that is not there, E683 for more processes than devices.
        """
        if self.size == 1:
            return choose_device(name, span)
        if name not in ("auto", "cpu", "cuda"):
            message = f"{self.size} processes cannot share the device '{name}'"
            raise fail("E683", message, span, "with `device: cuda`, or auto, each process takes one of its machine")
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if name == "cpu" or (name == "auto" and not count):
            return torch.device("cpu")
        found = choose_device("cuda", span)
        if self.local >= count:
            message = f"process {self.local} of this machine has no CUDA device of its own: there are {count}"
            raise fail("E683", message, span, f"torchrun --nproc-per-node {count}, or `device: cpu`")
        found = torch.device("cuda", self.local)
        torch.cuda.set_device(found)
        return found

    def check_batch(self, batch: int, span: Span) -> None:
        """Raises SpecError E683 for batches that are too small to be shared."""
        if self.size > 1 and batch < LEAST * self.size:
            message = f"a batch of {batch} is too small for {self.size} processes: each takes {LEAST} images at least"
            raise fail("E683", message, span, f"train.batch of {LEAST * self.size} or more, or fewer processes")

    # The work: shares of batches, gradients

    def share(self, group: Tensor) -> Tensor:
        """The positions, of those of a batch, that this process computes: neighbours, the first processes one more.

        Of a last batch too small for all, the last processes compute the first two again, for nothing (see `counts`).
        """
        if self.size == 1:
            return group
        busy = self._busy(group)
        return group.tensor_split(busy)[self.rank] if self.rank < busy else group[:LEAST]

    def counts(self, group: Tensor) -> bool:
        """Whether this process's share of a batch is part of its loss."""
        return self.size == 1 or self.rank < self._busy(group)

    def _busy(self, group: Tensor) -> int:
        return min(self.size, max(1, len(group) // LEAST))

    def slice(self, group: Tensor) -> Tensor:
        """The positions that this process measures: no position twice, and perhaps none."""
        return group if self.size == 1 else group.tensor_split(self.size)[self.rank]

    def weighed(self, mass: Callable[[Tensor], Tensor], labels: Sequence[Tensor], groups: Sequence[Tensor]) -> Weighed:
        """The batches of a step, from the `mass` (see `Task`) of this process's shares of them."""
        if self.size == len(groups) == 1:
            return Weighed(self)
        own = torch.stack([_wide(mass(its)) * self.counts(g) for its, g in zip(labels, groups, strict=True)])
        batches = self.sum(own.clone())
        sizes = batches.new_tensor([len(group) for group in groups])
        whole, examples = batches.sum(), sizes.sum()
        return Weighed(self, own, batches, self.size * own / whole, batches / whole * (examples / sizes))

    def parallel(self, model: nn.Module, device: torch.device, idle: bool) -> nn.Module:
        """The network with gradients averaged over the processes, and buffers taken from the first.

        It knows which weights learn: to be made anew when others do. `idle`: whether some of them get no gradient,
        which would else be waited for; they are then looked for in each step, by a walk through autograd's graph.
        """
        if self.size == 1:
            return model
        devices = [device] if device.type == "cuda" else None
        return DistributedDataParallel(model, device_ids=devices, find_unused_parameters=idle)

    def synchronised(self, model: nn.Module, wanted: bool, device: torch.device) -> nn.Module:
        """The network with batch norms over the images of all processes, under the same names, where that is wanted."""
        return shared_norms(model, device) if wanted and self.size > 1 else model

    def reducing(self, network: nn.Module, last: bool) -> AbstractContextManager[Any]:
        """Around forward and backward pass of a batch: gradients are exchanged with the last one of a step alone."""
        return nullcontext() if self.size == 1 or last else cast(DistributedDataParallel, network).no_sync()

    def settle(self, model: nn.Module) -> None:
        """Buffers as they are in the first process: running statistics of batch norm, of its share of the images."""
        if self.size > 1:
            for buffer in model.buffers():
                dist.broadcast(buffer, 0)

    # What they tell each other: all of them, at the same place

    def sum(self, tensor: Tensor) -> Tensor:
        """The sum over the processes, in place."""
        if self.size > 1:
            dist.all_reduce(tensor)
        return tensor

    def most(self, *numbers: int) -> list[int]:
        """Of each number the largest that a process has."""
        if self.size == 1:
            return list(numbers)
        found = torch.tensor(numbers, dtype=torch.int64)
        dist.all_reduce(found, dist.ReduceOp.MAX)
        return cast(list[int], found.tolist())

    def gather(self, value: T) -> list[T]:
        """What each process has, by rank. Tensors in it lie with the CPU."""
        if self.size == 1:
            return [value]
        found: list[Any] = [None] * self.size
        dist.all_gather_object(found, value)
        return found

    def given(self, value: T) -> T:
        """What the first process has."""
        if self.size == 1:
            return value
        held = [value]
        dist.broadcast_object_list(held, 0)
        return held[0]

    @contextmanager
    def together(self) -> Iterator[None]:
        """What fails inside in one process fails in all: its error there, one without a word in the others."""
        if self.size == 1:
            yield
            return
        error: Exception | None = None
        try:
            yield
        except Exception as found:
            error = found
        failed = [rank for rank, bad in enumerate(self.gather(error is not None)) if bad]
        if error is not None and failed[0] == self.rank:
            raise error
        if failed:
            raise SpecError(()) from error

    def same(self, value: str, what: str) -> None:
        """Raises SpecError E683 in a process that has another value than the first."""
        with self.together():
            if value != self.given(value):
                raise fail("E683", f"process {self.rank} has {what} than the first", hint="they read the same files")

    def claim(self) -> bool:
        """Whether this process is the first to say what ended the run."""
        try:
            return bool(self.store.add("told", 1) == 1)
        except RuntimeError:  # whoever kept the store is gone
            return self.main


@dataclass(frozen=True)
class Weighed:
    """The mean losses of a step's batches, each to count by what it was divided by (`Task.mass`): as a part of
    the one mean over all the step's examples. One batch that one process computes is that mean."""

    world: World
    own: Tensor | None = None
    """Masses (batches,) of this process's shares."""
    batches: Tensor | None = None
    """Masses (batches,) of whole batches."""
    shares: Tensor | None = None
    counts: Tensor | None = None

    def mean(self, loss: Tensor, number: int) -> Tensor:
        """The mean loss () of a whole batch, from that of this process's share."""
        if self.world.size == 1 or self.own is None or self.batches is None:
            return loss
        return self.world.sum(_wide(loss.detach()) * self.own[number]) / self.batches[number]

    def part(self, loss: Tensor, number: int) -> Tensor:
        """This process's loss, scaled: its gradients, summed over the batches and averaged over the processes, are
        those of the mean over the step."""
        return loss if self.shares is None else loss * self.shares[number].to(loss.dtype)

    def counted(self, mean: Tensor, number: int) -> Tensor:
        """A whole batch's mean, scaled: summed by the batches' examples, these give the mean over the step."""
        return mean if self.counts is None else mean.detach() * self.counts[number]


def _wide(tensor: Tensor) -> Tensor:
    """As float64, where the device has it."""
    return tensor if tensor.device.type == "mps" else tensor.double()


ALONE = World()
_joined = 0


@contextmanager
def joined() -> Iterator[World]:
    """The processes that torchrun has started, this one among them, until the block ends; ALONE where it has not.

    An error that ends the run is raised in one of them; the others raise a SpecError without diagnostics. Raises
    SpecError E686 where the processes do not find each other, or where one has ended without a word.
    """
    if processes()[1] == 1:
        yield ALONE
        return
    world = _join()
    try:
        yield world
    except (KeyboardInterrupt, SystemExit):
        world.claim()
        raise
    except Exception as error:
        silent = isinstance(error, SpecError) and not error.diagnostics
        if silent or not world.claim():
            time.sleep(LINGER)
            raise SpecError(()) from error
        if isinstance(error, RuntimeError) and LOST.search(str(error)):
            reason = re.sub(r"^\[\S+\] ", "", str(error).strip()).partition(". ")[0].splitlines()[0]
            message = f"process {world.rank} of {world.size} has lost the others: {reason}"
            hint = "another one was killed, or its machine is gone; what is saved is whole: go on with --resume"
            raise fail("E686", message, hint=hint) from error
        raise
    finally:
        dist.destroy_process_group()


def _join() -> World:
    """The group of processes as the environment has it. Raises SpecError E686."""
    global _joined
    where = f"{os.environ['MASTER_ADDR']}:{os.environ['MASTER_PORT']}"
    if not dist.is_available():
        raise fail("E686", "this build of torch has no torch.distributed, which several processes need")
    if dist.is_initialized():
        raise fail("E686", "torch.distributed is in use already: archspec makes a group of its own")
    from torch.distributed.rendezvous import rendezvous

    try:
        store, rank, size = next(rendezvous("env://"))
        store = dist.distributed_c10d.PrefixStore(
            f"archspec {_joined}", store
        )  # a second run of a process must not read the first's
        backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
        dist.init_process_group(backend, store=store, rank=rank, world_size=size)
    except (RuntimeError, ValueError, TypeError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise fail("E686", f"the processes of the run do not find each other at {where}: {reason}") from error
    _joined += 1
    return World(rank, size, int(os.environ["LOCAL_RANK"]), store)
