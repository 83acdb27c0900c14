"""Images of a size that a network does not take are refused before it runs, in the words of its spec."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from archspec.close import sizes_of
from archspec.graph import TypedGraph
from archspec.infer import infer
from archspec.passes.deploy import deploy

REMEMBERED = 1_000
"""Shapes of inputs that are remembered as admitted. Past that those since are forgotten: asking again takes little."""


class Admission:
    """What a network whose input leaves sizes open asks of its inputs, each (N, C, *spatial).

    In training its training heads have a say too. What was admitted once is remembered for a while. Where the forward
    pass is traced or compiled nothing is asked: sizes may be symbols there too, and belong to the tracer.
    """

    def __init__(self, graph: TypedGraph) -> None:
        self.graph = graph
        self.deployed: TypedGraph | None = None
        self.admitted: set[tuple[object, ...]] = set()

    def __call__(self, training: bool, *inputs: Tensor) -> None:
        """Raises SpecError E319 for sizes that the network does not take."""
        if torch.compiler.is_compiling() or torch.jit.is_tracing():  # type: ignore[attr-defined]
            return
        key = (training, *(x.shape[1:] for x in inputs))
        if key in self.admitted:
            return
        if not training and self.deployed is None:
            deployed = deploy(self.graph)
            self.deployed = deployed if deployed is self.graph else infer(deployed)
        graph = self.graph if training or self.deployed is None else self.deployed
        sizes_of(graph, {name: tuple(x.shape[1:]) for name, x in zip(graph.inputs, inputs, strict=True)})
        if len(self.admitted) >= REMEMBERED:
            self.admitted.clear()
        self.admitted.add(key)

    def __deepcopy__(self, memo: dict[int, Any]) -> Admission:
        return self  # it holds nothing of one network's own
