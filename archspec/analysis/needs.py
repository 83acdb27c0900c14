"""What training takes, as a summary tells it: the peak of memory, where it is, and the largest batch that fits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, get_args

from archspec.analysis.autocast import Precision, precision_of
from archspec.analysis.memory import Memory
from archspec.analysis.training import OPTIMIZERS, Optimizer, TrainingStep, Workspace
from archspec.errors import did_you_mean, fail
from archspec.graph import TypedGraph

WORKSPACES: tuple[str, ...] = get_args(Workspace)

WORKSPACE: dict[Workspace, int] = {"cuda": 8_519_680, "hopper": 33_554_432, "cpu": 0}
"""Bytes that cuBLAS takes for itself at the first matrix product; the CPU's libraries take none."""


@dataclass(frozen=True)
class Needs:
    """Memory of a training step at one batch, of the network with its training heads."""

    optimizer: Optimizer
    libraries: Workspace
    memory: Memory
    """Of tensors, with those that a layer makes and drops again while it computes. cuDNN's own workspace, which it
    chooses when it runs, is not in it."""
    budget: int | None = None
    """Bytes that were to be filled."""
    largest: int | None = None
    """The most examples whose step fits into the budget together with the workspace; 0 where not one does."""

    precision: Precision = "float32"
    """What autocast computes in; weights, gradients and the optimiser's state stay in float32."""

    @property
    def workspace(self) -> int:
        """Bytes of cuBLAS's workspace, beside the tensors."""
        return WORKSPACE[self.libraries]

    def to_json(self) -> dict[str, Any]:
        """What joins the totals of `summarize --format json`."""
        fitted = {} if self.budget is None else {"fit_bytes": self.budget, "largest_batch": self.largest}
        return {"train_peak_bytes": self.memory.peak.bytes, "train_workspace_bytes": self.workspace, **fitted} | {
            "train_precision": self.precision
        }


def optimizer_of(written: str) -> Optimizer:
    """The optimiser by what a person writes. Raises SpecError E582 for an unknown one."""
    if written not in OPTIMIZERS:
        told = f"memory of training is not known for the optimiser '{written}'"
        raise fail("E582", told, hint=did_you_mean(written, [*OPTIMIZERS], "optimisers"))
    return written


def training_needs(
    graph: TypedGraph,
    batch: int = 1,
    optimizer: str = "sgd",
    workspace: Workspace = "cuda",
    budget: int | None = None,
    precision: str = "float32",
) -> Needs:
    """What a step of training takes at that batch; with a budget in bytes also the largest batch that fits.

    Raises SpecError E581 where the input leaves sizes open, E582 for an unknown optimiser, workspace or precision.
    """
    known = optimizer_of(optimizer)
    if workspace not in WORKSPACES:
        hint = did_you_mean(workspace, WORKSPACES, "workspaces")
        raise fail("E582", f"there is no workspace '{workspace}'", hint=hint)
    computed = precision_of(precision)
    if graph.sizes:
        told = f"how much memory training takes depends on {', '.join(graph.sizes)}, which the input leaves open"
        shape = graph.types[graph.inputs[0]][0].at(graph.example).shape
        raise fail("E581", told, hint=f"give the size of the images: --input {'x'.join(map(str, shape))}")
    step = TrainingStep(graph, known, computed, workspace)
    largest = None if budget is None else step.largest_batch(budget - WORKSPACE[workspace])
    return Needs(known, workspace, step.memory(batch), budget, largest, computed)
