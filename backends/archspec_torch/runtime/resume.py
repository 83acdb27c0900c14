"""Going on from a run's directory: what is there to go on from, and whether it is the same run."""

from __future__ import annotations

import ast
import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from archspec.errors import Diagnostic, SpecError, fail
from archspec.graph import TypedGraph
from archspec.ops import REGISTRY
from archspec.run import Run, RunFile, load_run
from archspec.run.sections import PATH, Section
from archspec_torch.runtime import checkpoints, rundir
from archspec_torch.runtime.checkpoints import Damage, Snapshot
from archspec_torch.runtime.data import Examples
from archspec_torch.runtime.preprocess import Preprocessing

FREE = ("name", "model", "train.epochs", "train.early_stop", "train.device", "train.workers")
FREE_TOO = ("train.checkpoint", "train.tensorboard", "train.watch", "data.in_memory", "data.strict")
"""Keys that may change from one part of a run to the next. The network is compared as it is, not as it is named; of
data, what they hold, not where they lie."""

SHOWN = 4
"""Differences that are named."""


@dataclass(frozen=True)
class Origin:
    """A checkpoint to go on from."""

    path: Path
    snapshot: Snapshot
    damaged: tuple[Path, ...]
    """Newer checkpoints that were passed over."""
    warnings: tuple[Diagnostic, ...]


def find_origin(directory: Path) -> Origin | None:
    """The newest whole checkpoint of a run directory; None where training has not begun there.

    Raises SpecError E605 for what is no run directory, E654 where every checkpoint is damaged.
    """
    if not directory.exists():
        return None
    if not directory.is_dir():
        raise fail("E605", f"{directory} is a file", hint="--out names the run directory")
    folder = directory / rundir.CHECKPOINTS
    found = checkpoints.newest(folder)
    damaged = list(found.damaged)
    snapshot = None
    if found.path is not None:
        try:
            snapshot = checkpoints.read(found.path)
        except Damage as damage:
            damaged.append((found.path, str(damage)))
    if found.path is None or snapshot is None:
        if damaged:
            told = "; ".join(f"{path.name}: {reason}" for path, reason in damaged)
            hint = "what last.safetensors and best.safetensors hold is left alone: train into another --out"
            raise fail("E654", f"no checkpoint in {folder} is whole: {told}", hint=hint)
        _check_leftovers(directory)
        return None
    warnings = tuple(
        Diagnostic("W623", f"{path} is damaged and passed over: {reason}", severity="warning")
        for path, reason in damaged
    )
    return Origin(found.path, snapshot, tuple(path for path, _ in damaged), warnings)


def _check_leftovers(directory: Path) -> None:
    """Raises SpecError E605 where a directory without checkpoints holds what no run of ours would have left, E654 where
    it holds weights, which a run publishes after its first checkpoint."""
    weights = [name for name in (rundir.BEST, rundir.LAST) if (directory / name).exists()]
    if weights:
        hint = "a run that begins there would overwrite them: train into another --out"
        raise fail("E654", f"{directory} holds {' and '.join(weights)}, and no checkpoint to go on from", hint=hint)
    for path in directory.iterdir():
        name = re.sub(r"^\.(.+)\.[0-9a-f]{12}$", r"\1", path.name)  # a file that was being written
        if not any(name in (known, known[:32]) for known in rundir.CONTENT):
            message = f"{directory} holds no checkpoint, and '{path.name}', which is of no run"
            raise fail("E605", message, hint="--resume goes on with a run, or begins one in an empty --out")


def identity(run: RunFile, graph: TypedGraph, prepared: Preprocessing, parts: Mapping[str, Examples]) -> dict[str, Any]:
    """What decides what a run learns: its file, its network, its data; plain data, and a hash of it."""
    found: dict[str, Any] = {
        "run": settings(run.run, (*FREE, *FREE_TOO)),
        "network": layers(graph),
        "data": {"classes": len(prepared.classes), **{name: len(part.labels) for name, part in parts.items()}},
    }
    labels = {name: _content(part.labels) for name, part in parts.items()}
    content = [list(prepared.classes), list(prepared.mean), list(prepared.std), labels]
    found["data"]["content"] = _hash(content)
    return {**found, "sha256": _hash(found)}


def _content(labels: Tensor) -> Any:
    """Labels as plain data; of objects in boxes, which may be millions of numbers, a hash."""
    return labels.cpu().tolist() if labels.ndim < 3 else hashlib.sha256(labels.cpu().numpy().tobytes()).hexdigest()


def settings(run: Run, free: Sequence[str]) -> dict[str, Any]:
    """The values of a run by path, without paths of files and what lies below those that are `free`."""
    return {
        key: value
        for key, value in _flat(_plain(run), "")
        if not any(key == one or key.startswith(f"{one}.") for one in free)
    }


def layers(graph: TypedGraph) -> dict[str, str]:
    """What computes, without what only describes: each layer by its name, what goes in, what comes out."""
    found = {f"input '{name}'": str(graph.types[name][0]) for name in graph.inputs}
    for node in graph.nodes.values():
        takes = ", ".join(f"{tap}" for tap in node.inputs)
        shares = f", weights of {node.shares}" if node.shares else ""
        found[f"layer '{node.name}'"] = f"{node.op!r} of {takes}{shares}"
    heads = {name: f"weight {head.weight}" for name, head in graph.heads.items()}
    outputs = {name: str(tap) for name, tap in graph.outputs.items()}
    return found | {f"head '{k}'": v for k, v in heads.items()} | {f"output '{k}'": v for k, v in outputs.items()}


def check_same(directory: Path, before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Raises SpecError E652 that names what a run has otherwise than the one that its directory holds."""
    before = {**before, "network": _with_defaults(before.get("network", {}), now["network"])}
    parts = [(before.get(part, {}), now[part]) for part in ("run", "network", "data")]
    if all(former == here for former, here in parts):
        return
    told = [*differences(*parts[0]), *other_layers(*parts[1])]
    former, here = parts[2]
    counted = [{k: v for k, v in part.items() if k != "content"} for part in (former, here)]
    found = [f"the data's {line}" for line in differences(*counted)]
    if not found and former.get("content") != here["content"]:
        found.append("the data hold other images or labels")
    hint = f"go on with its own file: archspec train {directory / rundir.RUN} --out {directory} --resume"
    if found and not told:  # its own file would find the same data
        hint = "bring back the data of then (split.json there names the images), or train into another --out"
    raise fail("E652", f"{directory} was begun otherwise: {some([*told, *found])}", hint=hint)


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """What flat mappings have otherwise: `train.batch was 64 and is 32`."""
    keys = [key for key in dict.fromkeys([*now, *before]) if before.get(key) != now.get(key)]
    return [f"{key} was {_shown(before.get(key))} and is {_shown(now.get(key))}" for key in keys]


def _with_defaults(before: Mapping[str, str], now: Mapping[str, str]) -> dict[str, str]:
    """The layers of before; in the words of now those that differ by nothing but arguments that their operators have
    had since, each with its default."""
    known = {cls.__name__: cls for cls in REGISTRY.values()}
    found = dict(before)
    for name in before.keys() & now.keys():
        former, here = _written(before[name]), _written(now[name])
        cls = known.get(now[name].partition("(")[0])
        if cls is None or before[name] == now[name] or not former or not here:
            continue
        since = {key: field.get_default() for key, field in cls.model_fields.items() if key not in former}
        defaults = {key: repr(value).strip("'") for key, value in since.items() if key in here}
        if {**former, **defaults} == here:
            found[name] = now[name]
    return found


def other_layers(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """The same of what `layers` gives, argument by argument: `layer 'conv1': out was 8 and is 9`."""
    found = []
    for name in dict.fromkeys([*now, *before]):
        former, here = _written(before.get(name, "")), _written(now.get(name, ""))
        if name not in before or name not in now:
            found.append(f"{name} was {'not there' if name in now else 'there, and is not any more'}")
        elif former and here and former[""] == here[""] and former != here:
            keys = [key for key in dict.fromkeys([*here, *former]) if former.get(key) != here.get(key)]
            changes = (f"{key} was {former.get(key, 'not there')} and is {here.get(key, 'not there')}" for key in keys)
            found.append(f"{name}: {', '.join(changes)}")
        elif before[name] != now[name]:
            parts = [one.get("", text) if one else text for one, text in ((former, before[name]), (here, now[name]))]
            found.append(f"{name} was {parts[0]} and is {parts[1]}")
    return found


def _written(layer: str) -> dict[str, Any]:
    """The operator of a layer as `layers` writes it ("" in what is returned), each of its arguments, and its `input`;
    nothing where it is not so written."""
    call, _, takes = layer.rpartition(") of ")
    try:
        read = ast.parse(f"{call})", mode="eval").body
    except SyntaxError:
        return {}
    if not isinstance(read, ast.Call):
        return {}
    arguments = {str(one.arg): ast.unparse(one.value).strip("'") for one in read.keywords}
    return {"": re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", ast.unparse(read.func)).lower(), **arguments, "input": takes}


def some(told: Sequence[str]) -> str:
    """The first of them, and how many more there are."""
    more = f"; and {len(told) - SHOWN} more" if len(told) > SHOWN else ""
    return f"{'; '.join(told[:SHOWN])}{more}"


def check_epochs(run: RunFile, finished: int) -> None:
    """Raises SpecError E652 where fewer epochs are asked for than are finished."""
    if run.run.train.epochs < finished:
        message = f"{finished} epochs are finished, and train.epochs is {run.run.train.epochs}"
        raise fail("E652", message, run.span("train", "epochs"), "the weights so far are those of last.safetensors")


def former_run(directory: Path) -> Run | None:
    """The run as the directory's run.yaml has it; None where that is missing or damaged, and is to be written anew."""
    try:
        return load_run(directory / rundir.RUN).run
    except SpecError:
        return None


def other_rates(run: RunFile, then: float, now: float, former: int) -> Iterator[Diagnostic]:
    """A warning (W625) where a changed number of epochs moves the learning rate of the next step."""
    if then != now:
        plan = run.run.train
        message = (
            f"the schedule {plan.schedule.kind} is that of {plan.epochs} epochs from here on, no more of {former}: "
            f"the rate of the next step is {now:.3g}, and would have been {then:.3g}"
        )
        yield Diagnostic("W625", message, run.span("train", "epochs"), severity="warning")


def _plain(section: Section) -> dict[str, Any]:
    """A section as plain data, without the paths in it."""
    found: dict[str, Any] = {}
    for name, field in type(section).model_fields.items():
        value = getattr(section, name)
        if value is not None and PATH not in field.metadata:
            found[name] = _plain(value) if isinstance(value, Section) else value
    return found


def _flat(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Leaves of nested mappings and lists, by path."""
    inner = value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list) else None
    if inner is None:
        yield path, value
        return
    for key, part in inner:
        yield from _flat(_plain(part) if isinstance(part, Section) else part, f"{path}.{key}" if path else str(key))


def _hash(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()


def _shown(value: Any) -> str:
    return "not there" if value is None else json.dumps(value, ensure_ascii=False, default=str)
