"""Trained weights to begin a run with: of another run, of a file, or of another program through a key map."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from archspec.errors import Diagnostic, SpecError, fail
from archspec.run import RunFile
from archspec_torch.checkpoint import read_checkpoint
from archspec_torch.compiler import Network
from archspec_torch.keymap import key_map
from archspec_torch.runtime.layers import matching, stored_layers
from archspec_torch.weights import match

SHOWN = 8
"""Layers named before the rest are counted."""


@dataclass(frozen=True)
class Transferred:
    """How many of a network's tensors came from where, and the layers that begin anew."""

    source: str
    count: int
    total: int
    anew: tuple[str, ...]

    def __str__(self) -> str:
        new = f"; anew: {_listed(self.anew)}" if self.anew else ""
        return f"transferred {self.count} of {self.total} tensors from {self.source}{new}"


def transfer(model: Network, run: RunFile) -> Transferred | None:
    """Puts the weights that `model.weights` names into the network, except those of the layers in `model.replace`.

    Heads used only in training, weights that the spec fixes and counters may be missing in the file. None where
    the run names no weights. Raises SpecError E666 for layers whose weights have another shape in the file, E667
    for layers that the file has no weights of, each naming the layers to replace; E701 to E704 of the file, E705
    and E706 of the map, E707 and E714 for names that become one.
    """
    section = run.run.model.weights
    if section is None:
        return None
    graph, path, span = model._graph, Path(section.path), run.span("model", "weights")
    if path.is_dir():
        path /= f"{section.which}.safetensors"
        if not path.is_file():
            hint = "a run directory has them as soon as an epoch is finished"
            raise fail("E701", f"{path.parent} holds no {path.name}", span, hint)
    anew = matching(stored_layers(graph), run.run.model.replace)
    state = model.state_dict()
    wanted = {name: tensor for name, tensor in state.items() if name.rpartition(".")[0] not in anew}
    found = match(key_map(section.map, graph.name), read_checkpoint(path), graph, wanted)
    problems = list(found.errors)
    if found.misfits:
        layers = _layers(name.ours for name in found.misfits)
        first = found.misfits[0]
        message = f"the weights of {_listed(layers)} do not fit: '{first.ours}' has {first.problem}"
        problems.append(Diagnostic("E666", message, span, _hint(run, layers)))
    if found.lacking and not found.places:
        message = f"{path} has no weights under the names of '{graph.name}'; its first is '{found.first}'"
        problems.append(Diagnostic("E667", message, span, "`map` names the program it is from: map: torchvision"))
    elif found.lacking:
        layers = _layers(found.lacking)
        message = f"{path} has no weights of {_listed(layers)}"
        problems.append(Diagnostic("E667", message, span, _hint(run, layers)))
    if problems:
        raise SpecError(problems)
    model.load_state_dict({**state, **found.tensors})
    return Transferred(str(section.path), len(found.tensors), len(state), tuple(anew))


def _hint(run: RunFile, layers: list[str]) -> str:
    """The line that lets these layers begin anew, beside those that do already."""
    names = [*run.run.model.replace, *layers]
    if len(layers) > SHOWN:
        return "is this another network's file? Layers named in model.replace begin anew"
    return f"to let them begin anew, write model.replace: [{', '.join(names)}]"


def _layers(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(name.rpartition(".")[0] for name in names))


def _listed(names: Sequence[str]) -> str:
    more = f", … and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(f"'{name}'" for name in names[:SHOWN]) + more
