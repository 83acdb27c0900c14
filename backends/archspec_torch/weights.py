"""Trained weights under a spec's own names: a checkpoint's tensors, renamed by a key map and checked."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from archspec.errors import Diagnostic, SpecError, fail
from archspec.graph import TypedGraph
from archspec_torch.checkpoint import Checkpoint, read_checkpoint, write_checkpoint
from archspec_torch.compiler import Network, compile
from archspec_torch.keymap import KeyMap, key_map

SHOWN = 8
"""Names listed before the rest are counted."""

MISFITS = 20
"""Tensors of a wrong shape told one by one before the rest are counted."""


@dataclass(frozen=True, slots=True)
class Transfer:
    """A tensor that found its place."""

    theirs: str
    ours: str
    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """What an import did: tensors transferred, keys of the file left over, weights the file does not have.

    `missing` names weights that may be missing, and why: they are written with their initial values.
    """

    network: str
    source: str
    map: str
    out: str
    transferred: tuple[Transfer, ...]
    parameters: int
    """Elements of the learned tensors that were transferred."""
    total: int
    """Tensors the network has."""
    left_over: tuple[str, ...] = ()
    missing: Mapping[str, str] | None = None
    not_finite: tuple[str, ...] = ()
    """Weights that hold NaN or infinite values, under our names."""
    others: tuple[str, ...] = ()
    """What the file holds besides tensors."""
    renamed: Mapping[str, str] | None = None
    """Keys of the file under names that layers had before (`was`), and their names now."""

    def __str__(self) -> str:
        missing = self.missing or {}
        renamed = {old.rpartition(".")[0]: new.rpartition(".")[0] for old, new in (self.renamed or {}).items()}
        reasons = sorted(set(missing.values()))
        lines = [
            f"{self.source} → {self.out} ({self.network}, map {self.map})",
            f"transferred  {len(self.transferred)} of {self.total} tensors, {self.parameters:,} parameters",
            *([f"renamed      {_listed(f'{old} → {new}' for old, new in renamed.items())}"] if renamed else []),
            f"left over    {_listed(self.left_over)}",
            f"missing      {'' if reasons else 'none'}",
        ]
        for reason in reasons:
            lines.append(f"  {reason}: {_listed([name for name, why in missing.items() if why == reason])}")
        if self.not_finite:
            lines.append(f"warning      NaN or infinite values in {_listed(self.not_finite)}")
        if self.others:
            lines.append(f"not tensors  {_listed(self.others)}")
        return "\n".join(line.rstrip() for line in lines)


def import_weights(spec: str | Path | TypedGraph, source: str | Path, map: str | Path, out: str | Path) -> Report:
    """Write the tensors of a checkpoint under the names of a spec, as safetensors, and report.

    `map` is a shipped map ('torchvision'), 'identity' for a file that has the spec's own names, of now or, by
    `was`, of before, or a YAML file of templates. The written file holds exactly the keys of the compiled
    network's state dict. Weights of heads that exist only in training, kernels that the spec fixes and batch
    counters may be missing: they are written with their initial values. Any other weight that is missing, and
    any of another shape, is an error, and then nothing is written. The same input gives the same bytes.

    Raises SpecError: of the spec; E701 to E704 for the file; E705, E706 for the map; E707 a key that becomes
    two weights, or two keys one; E708 shapes that differ, or values that are finite in the file and would be
    infinite in the network's type; E709 weights missing; E712 `out` cannot be written, or is the file to import;
    E714 several names of one weight in the file.
    """
    import archspec

    graph: TypedGraph = spec if isinstance(spec, TypedGraph) else archspec.load(spec)
    source, out = Path(source), Path(out)
    keys = key_map(map, graph.name)
    _check_target(out, source)
    tensors, report = imported(graph, source, keys)
    origin = {"network": graph.name, "map": keys.name, "source": source.name, "sha256": _sha256(source)}
    write_checkpoint(tensors, out, origin, code="E712")
    return replace(report, out=str(out))


def imported(graph: TypedGraph, source: Path, keys: KeyMap) -> tuple[dict[str, Tensor], Report]:
    """The state dict that `import_weights` writes, and its report, with nothing written. Raises what that raises of the
    file and the weights."""
    checkpoint = read_checkpoint(source)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)  # so that what the file lacks is the same each time
        model = compile(graph)
    tensors = model.state_dict()
    errors: list[Diagnostic] = []
    renamed = present_names(checkpoint.tensors, graph, tensors.keys()) if keys.name == "identity" else {}
    contested: set[str] = set()
    places = _places(keys, checkpoint, tensors, errors, renamed, contested)
    errors += _misfits(places, checkpoint, tensors)
    missing = dict.fromkeys(tensors, "") | _optional(graph)
    for ours in places.values():
        del missing[ours]
    left_over = tuple(key for key in checkpoint.tensors if key not in places)
    if lacking := [name for name, why in missing.items() if not why and name not in contested]:
        noun = "weight" if len(lacking) == 1 else "weights"
        message = f"{len(lacking)} {noun} of '{graph.name}' not in '{source}': {_names(lacking)}"
        hint = f"left over in the file: {_listed(left_over)}"
        if keys.name == "identity" and left_over:
            hint += "; where a layer has another name now, `was: NAME` on it tells the one it had"
        errors.append(Diagnostic("E709", message, hint=hint))
    if errors:
        raise SpecError(errors)
    for theirs, ours in places.items():
        tensors[ours] = checkpoint.tensors[theirs].to(tensors[ours].dtype)
    report = Report(
        network=graph.name,
        source=str(source),
        map=keys.name,
        out="",
        transferred=tuple(Transfer(t, o, tuple(tensors[o].shape)) for t, o in places.items()),
        parameters=_learned(model, places.values()),
        total=len(tensors),
        left_over=left_over,
        missing=missing,
        not_finite=tuple(o for o in places.values() if not tensors[o].isfinite().all()),
        others=checkpoint.others,
        renamed=renamed,
    )
    return tensors, report


@dataclass(frozen=True, slots=True)
class Misfit:
    """A weight of ours that a tensor of a file cannot stand for, and why."""

    ours: str
    problem: str


@dataclass(frozen=True)
class Match:
    """What a file has for the weights that are wanted: tensors in their types, misfits, and what it lacks."""

    places: Mapping[str, str]
    """Keys of the file to the weights they become."""
    tensors: Mapping[str, Tensor]
    misfits: tuple[Misfit, ...]
    lacking: tuple[str, ...]
    unset: Mapping[str, str]
    """Weights that the file lacks and may lack, and why."""
    left_over: tuple[str, ...]
    """Keys of the file that are of no weight of the network, wanted or not."""
    errors: tuple[Diagnostic, ...]


def match(
    keys: KeyMap, checkpoint: Checkpoint, graph: TypedGraph, wanted: Mapping[str, Tensor], others: AbstractSet[str]
) -> Match:
    """The tensors of a file for the wanted weights of a network, by our names; the network's `others` are left out.

    Weights of NaN or infinite values are misfits too. Errors are E707. Raises SpecError E714.
    """
    errors: list[Diagnostic] = []
    contested: set[str] = set()
    own = keys.name == "identity"
    renamed = present_names(checkpoint.tensors, graph, wanted.keys()) if own else {}
    places = _places(keys, checkpoint, wanted, errors, renamed, contested)
    problems = {
        ours: _mismatch(checkpoint.tensors[theirs], wanted[ours]) or _not_finite(checkpoint.tensors[theirs])
        for theirs, ours in places.items()
    }
    there, optional = set(places.values()) | contested, _optional(graph)
    absent = [name for name in wanted if name not in there]
    return Match(
        places,
        {o: checkpoint.tensors[t].to(wanted[o].dtype) for t, o in places.items() if not problems[o]},
        tuple(Misfit(ours, problem) for ours, problem in problems.items() if problem),
        tuple(name for name in absent if name not in optional),
        {name: optional[name] for name in absent if name in optional},
        tuple(
            key
            for key in checkpoint.tensors
            if key not in places and not keys.targets(graph.present_name(key) if own else key, wanted.keys() | others)
        ),
        tuple(errors),
    )


def present_names(theirs: Iterable[str], graph: TypedGraph, ours: AbstractSet[str]) -> dict[str, str]:
    """Keys of a file that the spec's `was` knows by another name, to the network's own keys (`ours`).

    Raises SpecError E714 where the file has a weight under several of its names.
    """
    theirs = list(theirs)
    named = {key: key for key in theirs if key in ours}
    renamed: dict[str, str] = {}
    errors = []
    for key in theirs:
        present = graph.present_name(key)
        if key in ours or present not in ours:
            continue
        if present in named:
            message = f"the file has '{named[present]}' and '{key}', and both are '{present}'"
            errors.append(Diagnostic("E714", message, hint="`was` says so: keep in the file the one that is meant"))
            continue
        named[present], renamed[key] = key, present
    if errors:
        raise SpecError(errors)
    return renamed


def _places(
    keys: KeyMap,
    checkpoint: Checkpoint,
    ours: Mapping[str, Tensor],
    errors: list[Diagnostic],
    renamed: Mapping[str, str],
    contested: set[str],
) -> dict[str, str]:
    """Their key to ours, for each that has a place; into `contested` go those of ours that a key may become
    beside others."""
    places: dict[str, str] = {}
    taken: dict[str, str] = {}
    for theirs in checkpoint.tensors:
        found = keys.targets(renamed.get(theirs, theirs), ours.keys())
        if len(found) > 1:
            both = " and ".join(f"'{target}'" for target in found)
            span = next((template.span for template in found.values() if template), None)
            errors.append(Diagnostic("E707", f"'{theirs}' becomes {both}", span, "let one template match it"))
            contested.update(found)
            continue
        for target, template in found.items():
            if target in taken:
                message = f"both '{taken[target]}' and '{theirs}' become '{target}'"
                errors.append(Diagnostic("E707", message, template.span if template else None))
                continue
            taken[target] = theirs
            places[theirs] = target
    return places


def _misfits(places: Mapping[str, str], checkpoint: Checkpoint, tensors: Mapping[str, Tensor]) -> Iterator[Diagnostic]:
    """Tensors that cannot stand for the weights they would become: the first ones, and how many there are."""
    found = [
        f"'{theirs}' does not fit '{ours}': {problem}"
        for theirs, ours in places.items()
        if (problem := _mismatch(checkpoint.tensors[theirs], tensors[ours]))
    ]
    for message in found[:MISFITS]:
        yield Diagnostic("E708", message)
    if len(found) > MISFITS:
        yield Diagnostic("E708", f"{len(found) - MISFITS} more tensors do not fit: is this another network's file?")


def _mismatch(theirs: Tensor, ours: Tensor) -> str | None:
    """Why a tensor cannot stand for a weight, or None."""
    if theirs.shape != ours.shape:
        return f"{_shape(theirs)} in the file, {_shape(ours)} in the network"
    if theirs.layout != torch.strided or theirs.is_quantized:
        return "it is sparse or quantised"
    if ours.dtype == torch.int64 and theirs.is_floating_point() and bool((theirs == theirs.round()).all()):
        return None  # a counter, of a program that keeps it as all else
    if theirs.is_floating_point() != ours.is_floating_point():
        return f"{theirs.dtype} in the file, {ours.dtype} in the network".replace("torch.", "")
    if theirs.is_floating_point() and torch.finfo(theirs.dtype).max > torch.finfo(ours.dtype).max:
        lost = theirs[theirs.isfinite() & ~theirs.to(ours.dtype).isfinite()]
        if n := lost.numel():
            beyond = f"{n} of its values are" if n > 1 else "one of its values is"
            largest = f"{lost[lost.abs().argmax()].item():.4g}"
            return f"{beyond} beyond {ours.dtype}, the largest {largest}".replace("torch.", "")
    return None


def _not_finite(theirs: Tensor) -> str | None:
    """How many values of a tensor are no finite numbers, or None."""
    wrong = int((~theirs.isfinite()).sum()) if theirs.is_floating_point() else 0
    return f"{wrong:,} of its {theirs.numel():,} values are NaN or infinite" if wrong else None


def _optional(graph: TypedGraph) -> dict[str, str]:
    """Weights that a checkpoint may lack, and why."""
    found = {}
    for node in graph.layers():
        for key, weight in node.op.weights(graph.input_types(node)).items() if not node.shares else ():
            if node.phase == "train":
                found[f"{node.name}.{key}"] = "used only in training, left at their initial values"
            elif weight.kind == "frozen":
                found[f"{node.name}.{key}"] = "fixed by the spec"
            elif key == "num_batches_tracked":
                found[f"{node.name}.{key}"] = "counters of batches seen, set to 0"
    return found


def _learned(model: Network, names: Iterable[str]) -> int:
    parameters = dict(model.named_parameters())
    return sum(parameters[name].numel() for name in names if name in parameters)


def _check_target(out: Path, source: Path) -> None:
    """Raises SpecError E712 where `out` cannot be written, or would replace the file to import."""
    why = None
    if out.is_dir():
        why = "it is a folder"
    elif not out.parent.is_dir():
        why = f"there is no folder '{out.parent}'"
    elif out.exists() and source.exists() and out.samefile(source):  # by another path or through a link too
        why = "it is the file to import"
    elif out.suffix != ".safetensors":
        raise fail("E712", f"cannot write '{out}': weights are written as safetensors", hint="write .safetensors")
    if why:
        raise fail("E712", f"cannot write '{out}': {why}")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _shape(tensor: Tensor) -> str:
    return "×".join(str(n) for n in tensor.shape) or "a single number"


def _names(names: Iterable[str]) -> str:
    listed = list(names)
    more = f", … and {len(listed) - SHOWN} more" if len(listed) > SHOWN else ""
    return ", ".join(f"'{name}'" for name in listed[:SHOWN]) + more


def _listed(names: Iterable[str]) -> str:
    listed = list(names)
    more = f", … and {len(listed) - SHOWN} more" if len(listed) > SHOWN else ""
    return f"{len(listed)}: {', '.join(listed[:SHOWN])}{more}" if listed else "none"
