"""Weights of a run, read back into the network they came from."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from safetensors import SafetensorError
from torch import nn

from archspec.errors import SpecError, fail
from archspec_torch.checkpoint import read_safetensors, unreadable
from archspec_torch.compiler import Network
from archspec_torch.runtime import checkpoints
from archspec_torch.weights import present_names


def load_weights(model: nn.Module, path: Path) -> int | None:
    """Puts the file's weights into the network; returns their epoch, where the file says it.

    A weight under a name that its layer had before (`was`) is found. Raises SpecError E701 for a file that is
    missing or damaged, E708 for one of another network, E714 for one with several names of one weight.
    """
    if not path.is_file():
        raise fail("E701", f"there is no file {path}")
    try:
        tensors, facts = read_safetensors(path)
    except (SafetensorError, OSError) as error:
        raise _with_whole(unreadable(path, error), path) from error
    own = model.state_dict()
    if isinstance(model, Network):
        renamed = present_names(tensors, model._graph, own.keys())
        tensors = {renamed.get(name, name): tensor for name, tensor in tensors.items()}
    for name in [*own, *tensors]:
        here, there = own.get(name), tensors.get(name)
        if here is None or there is None or here.shape != there.shape:
            shown = ["none" if t is None else "×".join(map(str, t.shape)) or "a number" for t in (here, there)]
            message = f"{path} is of another network: '{name}' is {shown[0]} here and {shown[1]} there"
            raise fail("E708", message)
    model.load_state_dict(tensors)
    epoch = facts.get("epoch")
    return epoch if isinstance(epoch, int) else None


def _with_whole(error: SpecError, path: Path) -> SpecError:
    """The error of a damaged file, with what is whole beside it: weights of its run's checkpoints."""
    for folder in (path.parent, path.parent.parent):
        found = checkpoints.newest(folder / "checkpoints").path
        if found is not None:
            whole = found / checkpoints.WEIGHTS
            hint = f"the checkpoint {found.name} is whole: `archspec evaluate RUNDIR --weights {whole}`"
            return SpecError(replace(one, hint=hint) for one in error.diagnostics)
    return error
