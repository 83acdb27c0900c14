"""A network opened to be looked into: its weights, what its images pass through, what a layer gives."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from archspec.analysis.where import layer_named
from archspec.errors import fail
from archspec.graph import TypedGraph
from archspec.loading import load
from archspec_torch.compiler import compile
from archspec_torch.forward import owner
from archspec_torch.runtime.device import choose_device
from archspec_torch.runtime.images import frame_of
from archspec_torch.runtime.network import image_input
from archspec_torch.runtime.preprocess import Normalize, Preprocessing
from archspec_torch.runtime.rundir import RUN, WEIGHTS, Trained, open_run
from archspec_torch.runtime.weights import load_weights

IMAGENET = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
GREY = (0.5,), (0.25,)
"""Mean and deviation of values 0 … 1, for weights without a run: of ImageNet where there are three channels."""


@dataclass(frozen=True)
class Opened:
    """A network in evaluation mode on its device, and how images come to it."""

    graph: TypedGraph
    model: nn.Module
    preprocessing: Preprocessing
    normalize: Normalize
    device: torch.device
    trained: Trained | None
    """The run it is of, if any."""

    def layer(self, name: str) -> str:
        """The layer of that name, or the last in the scope of that name. Raises SpecError E583."""
        return layer_named(self.graph, self.graph.present_name(name))

    def units(self, layer: str) -> int:
        """Channels of a layer's output."""
        return self.graph.types[layer][0].channels

    def check_unit(self, layer: str, unit: int) -> None:
        """Raises SpecError E720 for a unit that the layer does not have."""
        if not 0 <= unit < self.units(layer):
            message = f"{layer} has no unit {unit}: it has {self.units(layer)}, from 0 on"
            raise fail("E720", message, self.graph.nodes[layer].span)

    @contextmanager
    def watching(self, layer: str) -> Iterator[list[Tensor]]:
        """While it lasts, each forward pass leaves what the layer gives, (n, channels, *spatial), in the list."""
        found: list[Tensor] = []

        def keep(module: nn.Module, inputs: object, output: Tensor | tuple[Tensor, ...]) -> None:
            first = output if isinstance(output, Tensor) else output[0]
            found[:] = [first.clone()]  # the layer behind may overwrite it

        handle = self.model.get_submodule(owner(self.graph, self.graph.nodes[layer]).name).register_forward_hook(keep)
        try:
            yield found
        finally:
            handle.remove()


def open_network(target: str | Path, weights: str, device: str) -> Opened:
    """A run directory with its `best`, `last` or a file's weights, or a spec with those of a file.

    Raises SpecError E606 to E608 of the directory, of the spec, E611 for one that takes no image, E701 and E708 of the
    weights, E721 for a spec without a file of weights.
    """
    chosen = choose_device(device)
    if (Path(target) / RUN).is_file():
        trained = open_run(target)
        model, _ = trained.model(weights, chosen)
        graph, preprocessing = trained.graph, trained.preprocessing
    else:
        trained, graph = None, load(target)
        if weights in WEIGHTS:
            hint = "--weights FILE.safetensors, or a run directory in place of the spec"
            raise fail("E721", f"{target} is a spec, which has no weights to look at", hint=hint)
        frame = frame_of(image_input(graph), "crop", graph.name)
        mean, std = IMAGENET if frame.channels == 3 else GREY
        preprocessing = Preprocessing(frame, mean, std, ("0", "1"))
        model = compile(graph)
        load_weights(model, Path(weights))
        model = model.to(chosen).eval()
    return Opened(graph, model, preprocessing, Normalize(preprocessing, chosen), chosen, trained)
