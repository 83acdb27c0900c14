"""Trained weights to begin a run with: of another run, of a file, or of another program through a key map."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from archspec.errors import Diagnostic, SpecError, fail
from archspec.graph import TypedGraph
from archspec.run import RunFile
from archspec_torch.checkpoint import SUFFIXES, Checkpoint, read_checkpoint
from archspec_torch.compiler import Network
from archspec_torch.keymap import KeyMap, key_map, shipped
from archspec_torch.runtime import rundir
from archspec_torch.runtime.layers import matching, stored_layers, whole_parts
from archspec_torch.runtime.network import placed_at
from archspec_torch.runtime.preprocess import read_preprocessing
from archspec_torch.weights import Match, match

SHOWN = 8
"""Names told before the rest are counted."""


@dataclass(frozen=True)
class Transferred:
    """How many of a network's tensors came from where, the parts that begin anew, and what did not move."""

    source: str
    count: int
    total: int
    anew: tuple[str, ...]
    unset: tuple[str, ...]
    """Why weights that the file lacks, and may lack, are as they are."""
    left_over: int
    """Tensors of the file that are of no weight of the network."""
    left_parts: tuple[str, ...]
    """Where these are, by the file's names."""
    classes: tuple[str, ...]
    """The classes of the run that the weights are from, where they are others and the last layer keeps them."""

    def __str__(self) -> str:
        told = [f"transferred {self.count} of {self.total} tensors from {self.source}"]
        if self.anew:
            told.append(f"anew: {_listed(self.anew)}")
        told += [f"not in the file: {why}" for why in self.unset]
        if self.left_over:
            noun = "tensor" if self.left_over == 1 else "tensors"
            told.append(f"not taken from the file: {self.left_over} {noun} of {_listed(self.left_parts)}")
        if self.classes:
            told.append(f"the last layer has learned other classes, {_listed(self.classes)}: see model.replace")
        return "; ".join(told)


def transfer(model: Network, run: RunFile, classes: Sequence[str]) -> Transferred | None:
    """Puts the weights that `model.weights` names into the network, except those of the layers in `model.replace`.

    Heads used only in training, weights that the spec fixes and counters may be missing in the file. `classes` are
    those of the run's data. None where the run names no weights.

    Raises SpecError E666 for layers whose weights have another shape in the file, or are no finite numbers, E667 for
    layers that the file has no weights of, each naming the layers to replace; E701 to E704 of the file, E705 and E706
    of the map, E707 and E714 for names that become one.
    """
    section = run.run.model.weights
    if section is None:
        return None
    graph = model._graph
    with placed_at(run.span("model", "weights")):
        path = _weights_file(Path(section.path), section.which)
        checkpoint = read_checkpoint(path)
    with placed_at(run.span("model", "weights", "map")):
        keys = key_map(section.map, graph.name)
    stored = stored_layers(graph)
    anew = matching(stored, run.run.model.replace)
    state = model.state_dict()
    wanted = {name: tensor for name, tensor in state.items() if name.rpartition(".")[0] not in anew}
    with placed_at(run.span("model", "weights")):
        found = match(keys, checkpoint, graph, wanted, state.keys() - wanted.keys())
    if problems := [*found.errors, *_unfit(run, found, checkpoint, graph, wanted, keys)]:
        raise SpecError(problems)
    model.load_state_dict({**state, **found.tensors})
    reasons = list(found.unset.values())
    return Transferred(
        source=str(section.path),
        count=len(found.tensors),
        total=len(state),
        anew=tuple(whole_parts(anew, set(stored).difference(anew))),
        unset=tuple(f"{reasons.count(why)} {why}" for why in dict.fromkeys(reasons)),
        left_over=len(found.left_over),
        left_parts=tuple(_parts(found.left_over, checkpoint.tensors)),
        classes=() if anew else _other_classes(Path(section.path), classes),
    )


def _unfit(
    run: RunFile,
    found: Match,
    checkpoint: Checkpoint,
    graph: TypedGraph,
    wanted: Mapping[str, Tensor],
    keys: KeyMap,
) -> Iterator[Diagnostic]:
    """E666 for the layers whose weights do not fit, E667 for those that the file does not have."""
    section, span = run.run.model.weights, run.span("model", "weights")
    path = section.path if section else ""
    unfit, lacking = _parts((misfit.ours for misfit in found.misfits), wanted), _parts(found.lacking, wanted)
    few = 2 * len(found.tensors) < len(wanted) - len(found.unset)
    replaced = [*run.run.model.replace, *dict.fromkeys([*unfit, *lacking])]
    hint = f"to let them begin anew, write model.replace: [{', '.join(replaced)}]"
    if few or len(unfit) > SHOWN or len(lacking) > SHOWN:
        hint = "is this another network's file? Layers named in model.replace begin anew"
    if found.misfits:
        first = found.misfits[0]
        message = f"the weights of {_listed(unfit)} do not fit: '{first.ours}': {first.problem}"
        yield Diagnostic("E666", message, span, hint)
    if found.lacking and not found.places:
        first_key = next(iter(checkpoint.tensors))
        message = f"{path} has no weights under the names of '{graph.name}'; its first is '{first_key}'"
        hint = "is it another network's file? `map` may name a file that turns its names into the spec's"
        yield Diagnostic("E667", message, span, _other_names(checkpoint, graph, wanted.keys(), keys, 0) or hint)
    elif found.lacking:
        better = _other_names(checkpoint, graph, wanted.keys(), keys, len(found.places))
        yield Diagnostic("E667", f"{path} has no weights of {_listed(lacking)}", span, better or hint)


def _weights_file(path: Path, which: str) -> Path:
    """The file that a path means: itself, or that of a run directory. Raises SpecError E701."""
    if not path.is_dir():
        return path
    file = path / rundir.WEIGHTS[which]
    if file.is_file():
        return file
    others = [word for word, name in rundir.WEIGHTS.items() if (path / name).is_file()]
    inside = sorted(path.iterdir())
    runs = [found.name for found in inside if (found / rundir.RUN).is_file()]
    files = [found.name for found in inside if found.suffix in (*SUFFIXES, ".safetensors")]
    if others:
        hint = f"it has the {others[0]} ones: weights: {{path: …, which: {others[0]}}}"
    elif runs or files:
        hint = f"it is no run directory; name what is in it: {_listed(runs or files)}"
    elif (path / rundir.RUN).is_file():
        hint = "a run directory has them as soon as an epoch is finished"
    else:
        hint = "it is no run directory: `archspec train` makes one"
    raise fail("E701", f"{path} holds no {file.name}", hint=hint)


def _other_names(
    checkpoint: Checkpoint, graph: TypedGraph, ours: AbstractSet[str], used: KeyMap, found: int
) -> str | None:
    """What would find more of the network's weights in the file than were found: another map, or shorter names."""

    def count(keys: KeyMap, names: Iterable[str]) -> int:
        return sum(bool(keys.targets(name, ours)) for name in names)

    best, hint = found, None
    for name in ("identity", *shipped()):
        try:
            keys = key_map(name, graph.name)
        except SpecError:  # it does not know this network
            continue
        if name != used.name and (more := count(keys, checkpoint.tensors)) > best:
            best = more
            how = "without `map`," if name == "identity" else f"with `map: {name}`,"
            hint = f"{how} {more} of its {len(checkpoint.tensors)} tensors are this network's"
    first = next(iter(checkpoint.tensors), "").partition(".")[0] + "."
    if all(name.startswith(first) for name in checkpoint.tensors):
        more = count(used, (name.removeprefix(first) for name in checkpoint.tensors))
        if more > best:
            hint = f"without '{first}' before each of its names, {more} of its tensors are this network's: save it so"
    return hint


def _other_classes(source: Path, classes: Sequence[str]) -> tuple[str, ...]:
    """The classes of the run that weights are from, where they are known and not these."""
    try:
        former = read_preprocessing(source / rundir.PREPROCESSING).classes
    except SpecError:  # a file of weights, or a directory that lacks it: nothing is known
        return ()
    return () if former == tuple(classes) else former


def _parts(names: Iterable[str], among: Iterable[str]) -> list[str]:
    """The layers that some tensors are of, or the parts around these that hold no other layers."""
    layers = list(dict.fromkeys(map(_layer, names)))
    return whole_parts(layers, set(map(_layer, among)).difference(layers))


def _layer(name: str) -> str:
    return name.rpartition(".")[0] or name


def _listed(names: Sequence[str]) -> str:
    more = f", … and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(f"'{name}'" for name in names[:SHOWN]) + more
