"""The state of a run as a snapshot of tensors and numbers, and back into the objects that train."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from archspec_torch.runtime.checkpoints import Snapshot
from archspec_torch.runtime.loop import State, on_cpu
from archspec_torch.runtime.processes import ALONE, World
from archspec_torch.runtime.tasks import Tally

REFERENCE = "tensor"
"""The key by which a value of state.json stands for a tensor of state.safetensors."""

NUMBERS = ("epoch", "step", "done", "seconds", "best_epoch", "records", "carried")


def own(state: State, device: torch.device) -> dict[str, Any]:
    """What each of several processes has of its own, with the CPU: random states and the tally of the running epoch."""
    return {"random": on_cpu(random_states(device)), "tally": on_cpu(state.tally.state()) if state.tally else None}


def take(
    state: State, device: torch.device, more: Mapping[str, Any], others: Sequence[Mapping[str, Any]] = ()
) -> Snapshot:
    """All that the run needs to go on, with further facts beside it. Waits for the device.

    `others`: what the `own` of the other processes gave.
    """
    tensors: dict[str, Tensor] = {}
    objects = {
        "model": dict(state.model.state_dict()) if state.average else None,
        "optimizer": _optimizer(state),
        "scaler": state.scaler.state_dict() if state.scaler else None,
        "random": {**random_states(device), "shuffle": state.shuffle.get_state(), "began": state.began},
        "tally": state.tally.state() if state.tally else None,
        **({"others": list(others)} if others else {}),
    }
    facts = {name: getattr(state, name) for name in NUMBERS}
    facts["best"] = list(state.best) if state.best else None
    facts |= {name: _put(value, name, tensors) for name, value in objects.items()}
    return Snapshot(dict(state.answering.state_dict()), tensors, {**more, **facts})


def restore(state: State, snapshot: Snapshot, device: torch.device, tally: Tally, world: World = ALONE) -> None:
    """Makes a fresh state that of the snapshot; torch's generators go on from where they were.

    `tally`: an empty one, on the run's device, to go on with in the middle of an epoch. Where another number of
    processes has taken the snapshot (see `processes_of`), the first goes on from the first's and all tallies, and the
    others' generators are left alone.
    """
    facts = snapshot.facts
    for name in NUMBERS:
        setattr(state, name, facts[name])
    state.best = (facts["best"][0], facts["best"][1]) if facts["best"] else None
    state.answering.load_state_dict(snapshot.weights)
    if state.average:
        state.model.load_state_dict(_get(facts["model"], snapshot.tensors))
    _restore_optimizer(state, _get(facts["optimizer"], snapshot.tensors))
    if state.scaler and facts["scaler"]:
        state.scaler.load_state_dict(facts["scaler"])
    random = _get(facts["random"], snapshot.tensors)
    state.shuffle.set_state(random["shuffle"])
    state.began = random["began"]
    parts = [{"random": random, "tally": _get(facts["tally"], snapshot.tensors)}]
    parts += _get(facts.get("others", []), snapshot.tensors)
    mine = parts[world.rank : world.rank + 1] if len(parts) == world.size else parts if world.main else []
    if mine:
        _restore_random(mine[0]["random"], device)
    state.tally = None if facts["tally"] is None else tally
    for part in mine if state.tally else []:
        tally.absorb(part["tally"])


def processes_of(snapshot: Snapshot) -> int:
    """How many processes took it."""
    return 1 + len(snapshot.facts.get("others", []))


def random_states(device: torch.device) -> dict[str, Tensor]:
    """States (uint8) of the generators that dropout and its like draw from: the CPU's and the device's."""
    found = {"cpu": torch.default_generator.get_state()}
    if device.type == "cuda":
        found["cuda"] = torch.cuda.get_rng_state(device)
    elif device.type == "mps":
        found["mps"] = torch.mps.get_rng_state()
    return found


def _restore_random(states: Mapping[str, Tensor], device: torch.device) -> None:
    torch.default_generator.set_state(states["cpu"])
    if device.type == "cuda" and "cuda" in states:
        torch.cuda.set_rng_state(states["cuda"], device)
    elif device.type == "mps" and "mps" in states:
        torch.mps.set_rng_state(states["mps"])


def _names(model: nn.Module) -> dict[int, str]:
    return {id(parameter): name for name, parameter in model.named_parameters()}


def _optimizer(state: State) -> dict[str, Any]:
    """Its state by the names of parameters, which outlive another order of them; the numbers of its groups."""
    names = _names(state.model)
    return {
        "state": {names[id(p)]: dict(values) for p, values in state.optimizer.state.items()},
        "groups": [{k: v for k, v in g.items() if k != "params"} for g in state.optimizer.param_groups],
    }


def _restore_optimizer(state: State, saved: Mapping[str, Any]) -> None:
    names, groups = _names(state.model), state.optimizer.state_dict()["param_groups"]
    parameters = [p for group in state.optimizer.param_groups for p in group["params"]]
    by_name = saved["state"]
    values = {i: _laid_out(by_name[names[id(p)]], p) for i, p in enumerate(parameters) if names[id(p)] in by_name}
    if len(groups) == len(saved["groups"]):
        for group, numbers in zip(groups, saved["groups"], strict=True):
            group |= {k: tuple(v) if isinstance(v, list) else v for k, v in numbers.items()}
    state.optimizer.load_state_dict({"state": values, "param_groups": groups})


def _laid_out(values: Mapping[str, Any], parameter: Tensor) -> dict[str, Any]:
    """An optimiser's numbers of a parameter in the memory layout of the parameter, as they were before."""
    return {
        name: torch.empty_like(parameter, dtype=value.dtype, device=value.device, requires_grad=False).copy_(value)
        if isinstance(value, Tensor) and value.shape == parameter.shape
        else value
        for name, value in values.items()
    }


def _put(value: Any, name: str, tensors: dict[str, Tensor]) -> Any:
    """A value for state.json; its tensors are filed under their paths."""
    if isinstance(value, Tensor):
        tensors[name] = value
        return {REFERENCE: name}
    if isinstance(value, Mapping):
        return {str(key): _put(inner, f"{name}.{key}", tensors) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_put(inner, f"{name}.{i}", tensors) for i, inner in enumerate(value)]
    return value


def _get(value: Any, tensors: Mapping[str, Tensor]) -> Any:
    """The value with its tensors again."""
    if isinstance(value, Mapping):
        if value.keys() == {REFERENCE} and isinstance(value[REFERENCE], str):
            return tensors[value[REFERENCE]]
        return {key: _get(inner, tensors) for key, inner in value.items()}
    if isinstance(value, list):
        return [_get(inner, tensors) for inner in value]
    return value
