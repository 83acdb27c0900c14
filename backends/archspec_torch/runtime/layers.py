"""Layers that a run names by patterns: which learn, how fast, and which begin anew.

A pattern is a layer's name or that of a part (`stage.1`: all in it), with `*` for any text, dots too: `stage.1.*`,
`*.norm`. Names are those that `archspec summarize` shows, and those of weights without their last part.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from weakref import WeakKeyDictionary

from torch import nn

from archspec import source
from archspec.errors import Diagnostic, SpecError, did_you_mean
from archspec.graph import Node, TypedGraph
from archspec.ops.base import Weight
from archspec.run import RunFile
from archspec.run.sections import Init, Initial
from archspec_torch.compiler import Network
from archspec_torch.forward import owner

SHOWN = 8
"""Names listed before the rest are counted."""


def matches(name: str, pattern: str) -> bool:
    """Whether a pattern means the layer of that name: it fits it, or a part around it."""
    parts = name.split(".")
    return any(fnmatchcase(".".join(parts[:end]), pattern) for end in range(1, len(parts) + 1))


def matching(names: Iterable[str], patterns: Iterable[str]) -> list[str]:
    """Those of the names that one of the patterns means, in their order."""
    wanted = list(patterns)
    return [name for name in names if any(matches(name, pattern) for pattern in wanted)]


def whole_parts(names: Iterable[str], rest: Iterable[str]) -> list[str]:
    """The outermost parts around layers of which none of the rest is in: `stage.2` for all the layers in it."""
    mixed = {".".join(parts[:end]) for parts in (name.split(".") for name in rest) for end in range(1, len(parts) + 1)}
    found: dict[str, None] = {}
    for name in names:
        parts = name.split(".")
        around = (".".join(parts[:end]) for end in range(1, len(parts) + 1))
        found[next((part for part in around if part not in mixed), name)] = None
    return list(found)


def learned(model: nn.Module) -> Iterator[tuple[str, str, nn.Parameter]]:
    """Layer, name and parameter of every weight that training may change, frozen for a while or not.

    Weights that a spec fixes, such as the kernels of filters, are not among them. Layers without a name, as a network
    that is one module has, are called ''.
    """
    fixed = _fixed(model) if isinstance(model, Network) else frozenset()
    for name, parameter in model.named_parameters():
        if name not in fixed:
            yield name.rpartition(".")[0], name, parameter


def idle(model: nn.Module, outputs: Iterable[str]) -> list[str]:
    """Names of the parameters that learn now and that none of these outputs depends on: they get no gradient."""
    if not isinstance(model, Network):
        return []
    graph = model._graph
    alive = {graph.outputs[name].node for name in outputs if name in graph.outputs}
    for node in reversed(list(graph.nodes.values())):
        if node.name in alive:
            alive.update(tap.node for tap in node.inputs)
    used = {owner(graph, graph.nodes[name]).name for name in alive}
    return [name for layer, name, parameter in learned(model) if parameter.requires_grad and layer not in used]


def _fixed(model: Network) -> frozenset[str]:
    """Names of the parameters that the spec fixes; asked at every step, so looked for once a network."""
    if model not in _FIXED:
        stored = ((node.name, key, w) for node, weights in _stored(model._graph) for key, w in weights.items())
        _FIXED[model] = frozenset(f"{layer}.{key}" for layer, key, w in stored if w.kind == "frozen")
    return _FIXED[model]


_FIXED: WeakKeyDictionary[Network, frozenset[str]] = WeakKeyDictionary()


def _stored(graph: TypedGraph) -> Iterator[tuple[Node, dict[str, Weight]]]:
    """Every layer that has weights of its own, and these."""
    for node in graph.layers():
        weights = node.op.weights(graph.input_types(node)) if owner(graph, node) is node else {}
        if weights:
            yield node, weights


def stored_layers(graph: TypedGraph) -> list[str]:
    """Names of the layers with weights of their own, buffers and fixed ones too, in execution order."""
    return [node.name for node, _ in _stored(graph)]


def learning_layers(graph: TypedGraph) -> list[str]:
    """Names of the layers with weights of their own that training may change, in execution order."""
    return [node.name for node, weights in _stored(graph) if any(w.kind == "parameter" for w in weights.values())]


def initial_layers(graph: TypedGraph) -> list[str]:
    """Names of the layers with weights of their own whose `init` a spec may say, in execution order."""
    return [node.name for node, _ in _stored(graph) if "init" in type(node.op).model_fields]


def check_patterns(run: RunFile, graph: TypedGraph) -> None:
    """Whether every pattern of a run means a layer that it can concern.

    Raises SpecError E603 for layers to replace without weights to take the others from, E663 for patterns that mean
    none, E664 for layers to unfreeze that are not frozen, E665 where nothing would learn in the first epoch; all that
    is wrong at once.
    """
    plan, learning = run.run.train, learning_layers(graph)
    found = [
        *_unmatched(run, graph, ("model", "replace"), run.run.model.replace, stored_layers(graph)),
        *_unmatched(run, graph, ("train", "freeze"), plan.freeze, learning),
        *_unmatched(run, graph, ("train", "rates"), list(plan.rates), learning),
    ]
    if run.run.model.replace and run.run.model.weights is None:
        message = "replace names layers whose trained weights are not taken, and model.weights names none"
        hint = "name the weights, or leave replace out: without weights every layer begins anew"
        found.append(Diagnostic("E603", message, run.span("model", "replace"), hint))
    if isinstance(plan.init, Initial):
        found += _unmatched(run, graph, ("train", "init", "layers"), plan.init.layers, initial_layers(graph))
    frozen = matching(learning, plan.freeze)
    for epoch, patterns in plan.unfreeze.items():
        keys = ("train", "unfreeze", str(epoch))
        found += _unmatched(run, graph, keys, patterns, learning)
        for number, pattern in enumerate(patterns):
            if matching(learning, [pattern]) and not matching(frozen, [pattern]):
                message = f"'{pattern}' is to learn from epoch {epoch} on, and is not frozen before"
                hint = f"write train.freeze: [{pattern}] too" if not frozen else f"frozen are {_listed(frozen)}"
                found.append(Diagnostic("E664", message, source.at(run.value, (*keys, number)), hint))
    if frozen == learning and not any(d.code == "E663" for d in found):
        message = f"all {len(learning)} layers of '{graph.name}' with weights are frozen: nothing would learn"
        hint = f"leave out the last one, '{learning[-1]}', or others that should learn"
        found.append(Diagnostic("E665", message, run.span("train", "freeze"), hint))
    if found:
        raise SpecError(found)


def freezing_notes(run: RunFile, graph: TypedGraph) -> list[str]:
    """What is probably not meant: layers held that nothing has trained."""
    plan, model = run.run.train, run.run.model
    learning = learning_layers(graph)
    anew = matching(learning, model.replace) if model.weights else learning
    held = [layer for layer in matching(learning, plan.freeze) if layer in anew]
    parts = whole_parts(held, set(learning).difference(held))
    return [f"frozen as they are drawn, since nothing has trained them: {_listed(parts)}"] if held else []


def _unmatched(
    run: RunFile, graph: TypedGraph, keys: tuple[str, ...], patterns: Sequence[str], known: Sequence[str]
) -> Iterator[Diagnostic]:
    """An E663 for each pattern that means none of the known layers."""
    for number, pattern in enumerate(patterns):
        if matching(known, [pattern]):
            continue
        without = matching([node.name for node in graph.layers()], [pattern])
        message = f"'{pattern}' means no layer of '{graph.name}'"
        if without:
            what = "has" if len(without) == 1 else f"and {len(without) - 1} more have" if len(without) > 1 else ""
            message = f"'{pattern}' means no layer it could concern: '{without[0]}' {what} no such weights of its own"
        place = source.at(run.value, (*keys, number))
        if keys == ("train", "rates"):
            place = run.key_span(*keys, pattern)
        yield Diagnostic("E663", message, place, did_you_mean(pattern, _words(known), "layers"))


def _words(names: Sequence[str]) -> list[str]:
    """The names, and those of the parts around them, outermost first."""
    parts = {".".join(name.split(".")[:end]): None for name in names for end in range(1, name.count(".") + 1)}
    return [*names, *(part for part in parts if part not in names)]


def _listed(names: Sequence[str]) -> str:
    more = f", … and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


def with_init(graph: TypedGraph, init: Init) -> TypedGraph:
    """The graph whose layers begin as a run says: all that have the argument `init`, or those that it names."""
    if not isinstance(init, Initial):
        return graph
    chosen = set(matching(initial_layers(graph), init.layers or ["*"]))
    nodes = {
        name: replace(node, op=node.op.model_copy(update={"init": init.argument})) if name in chosen else node
        for name, node in graph.nodes.items()
    }
    return replace(graph, nodes=nodes)
