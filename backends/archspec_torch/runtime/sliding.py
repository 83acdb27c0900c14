"""A classifier or localiser slid over images larger than its own: what it says of each of their windows.

Sermanet et al. 2014, arXiv:1312.6229. The network is that of `passes.dense`, with the weights that it was trained
with; which windows there are tells `archspec.analysis.windows`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor, nn

from archspec.analysis.windows import Windows, windows
from archspec.errors import fail
from archspec.graph import TypedGraph
from archspec.loading import load
from archspec_torch.compiler import out_of_memory
from archspec_torch.runtime.images import MAX_PIXELS, Frame, ImageProblem
from archspec_torch.runtime.network import image_input
from archspec_torch.runtime.preprocess import Normalize, Preprocessing
from archspec_torch.runtime.tasks import Classify, Localise, Task

Size = str | Sequence[int]
OPEN = "HW"
"""Names of height and width, where the size of images is left open."""


class Sliding:
    """A network that slides, in evaluation mode on its device, and how images come to it: each in its own size, none
    smaller than a window, or all in one size, where the network was slid over images of that."""

    def __init__(
        self, graph: TypedGraph, task: Task, model: nn.Module, preprocessing: Preprocessing, device: torch.device
    ):
        self.graph, self.task, self.model, self.device = graph, task, model, device
        self.preprocessing = preprocessing
        self.normalize = Normalize(preprocessing, device)
        self.names = answers_of(graph, task)
        self.windows = windows(graph, self.names[0])
        size = graph.types[graph.inputs[0]][0]
        self.fixed: Frame | None = None
        if not size.open:
            self.fixed = replace(preprocessing.frame, height=size.shape[1], width=size.shape[2])
        elif any(graph.sizes[name].finite for name in OPEN):
            message = f"'{graph.name}' takes images of a few sizes alone"
            raise fail("E176", message, hint="--input CxHxW brings all images to one")

    def frame(self, width: int, height: int) -> Frame:
        """How an image of that size comes to the network: as it is, enlarged only as far as a window needs. Raises
        ImageProblem for one so thin that it would have more pixels than any image may."""
        if self.fixed is not None:
            return self.fixed
        rows, columns = self.windows.size
        times = max(1.0, rows / height, columns / width)
        least = {"H": max(rows, math.ceil(height * times)), "W": max(columns, math.ceil(width * times))}
        down, across = (self.graph.sizes[name].following(least[name]) for name in OPEN)
        if times > 1 and down * across > MAX_PIXELS:
            needed = f"where a window of {columns}×{rows} needs {across}×{down} of it: the limit is {MAX_PIXELS:,}"
            raise ImageProblem(f"is {width}×{height} pixels, {needed}; --input CxHxW brings images to one size")
        return replace(self.preprocessing.frame, height=down, width=across, fit="stretch")

    def __call__(self, images: Tensor) -> tuple[dict[str, Tensor], Windows]:
        """Of uint8 images (n, c, h, w): what the network says of each window as it would of an image, (n·P, …) an
        output, P windows an image in the order of `Windows.boxes`; and which windows these are. Raises ImageProblem
        where their maps do not fit into memory."""
        try:
            told = self.model(self.normalize(images.to(self.device)))
        except (RuntimeError, MemoryError) as error:
            if not out_of_memory(error):
                raise
            size = "×".join(map(str, images.shape[2:]))
            problem = f"is {size} pixels where the network slides, and its maps do not fit into memory"
            raise ImageProblem(f"{problem}: --input CxHxW brings images to a smaller size") from error
        maps = {name: told if isinstance(told, Tensor) else told[name] for name in self.names}
        rows, columns = maps[self.names[0]].shape[2:]
        flat = {name: each.flatten(2).transpose(1, 2).flatten(0, 1) for name, each in maps.items()}
        return flat, replace(self.windows, count=(rows, columns))


def slid(made: TypedGraph, task: Task, spec: str | Path, overrides: Sequence[str], size: Size | None) -> TypedGraph:
    """The network `made` of a spec, slid over images of that size, or of any where none is given.

    Raises SpecError E176 for one that cannot be slid, or whose task has no answers for windows, E311 for a size below
    its own, E315 where it depends on the size and none is given, E611 for one that takes no image.
    """
    if not isinstance(task, Classify | Localise):
        message = f"'{made.name}' is for the task '{made.task}', whose answers for windows are not merged"
        hint = "--dense is for classifiers and localisers"
        raise fail("E176", message, hint=hint + ("; --tile looks at large images" if made.task == "detect" else ""))
    any_size = "x".join((str(image_input(made).channels), *OPEN))
    graph = load(spec, overrides=overrides, input=any_size if size is None else size, dense=True)
    answers_of(graph, task)
    return graph


def answers_of(graph: TypedGraph, task: Task) -> tuple[str, ...]:
    """Names of the outputs that answer for every window. Raises SpecError E176 where one answers for the image."""
    assert isinstance(task, Classify | Localise)
    names = (task.main,) if isinstance(task, Classify) else task.outputs
    if not graph.window:
        raise fail("E176", graph.notes[-1], hint="without --dense images come to the network in its own size")
    for name in names:
        tap = graph.outputs[name]
        if graph.type_of(tap).rank != len(graph.window):
            message = f"'{graph.name}' cannot be slid over larger images: its output '{name}' answers once for an image"
            raise fail(
                "E176",
                message,
                graph.nodes[tap.node].span,
                "a network slides where all that it tells comes from behind a `flatten`",
            )
        if windows(graph, name) != windows(graph, names[0]):
            message = f"'{graph.name}' answers for other windows in '{name}' than in '{names[0]}'"
            raise fail("E176", message, graph.nodes[tap.node].span, "one `flatten` for both makes one size of windows")
    return names
