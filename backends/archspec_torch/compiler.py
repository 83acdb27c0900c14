"""From a typed graph to an `nn.Module`: each layer a module under its name, and a generated forward pass."""

from __future__ import annotations

import copy
import hashlib
import linecache
import math
import re
from builtins import compile as compile_python
from collections.abc import Callable
from dataclasses import replace
from operator import attrgetter
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

import torch
from torch import nn

from archspec.analysis.storage import overwriting
from archspec.errors import Diagnostic, Related, SpecError
from archspec.graph import Graph, Node, TypedGraph
from archspec_torch.admission import Admission
from archspec_torch.forward import forward_source, owner
from archspec_torch.lowering import Site, lower


class Holder(nn.Module):
    """A module whose children may have any name, those of its own methods and attributes too.

    Children stand in `_modules` alone, so that `network.half()` stays torch's method beside a layer called `half`:
    state-dict keys and `named_modules` have the layer, and so has `get_submodule("half")`, which torch's own would
    look up as an attribute. (`torch.func.functional_call` and `torch.export` do that, and refuse such a layer.)
    """

    def get_submodule(self, target: str) -> nn.Module:
        """The module of that path. Raises AttributeError where there is none."""
        found: nn.Module = self
        for segment in target.split(".") if target else ():
            inner = found._modules.get(segment)
            if inner is None:
                raise AttributeError(f"there is no module '{target}' here: nothing is called '{segment}' in its place")
            found = inner
        return found

    def __setattr__(self, name: str, value: Any) -> None:
        """What torch sets for itself, as `train` sets `training`, is no replacement of a layer of that name."""
        if name in self.__dict__.get("_modules", ()) and not isinstance(value, nn.Module | None):
            object.__setattr__(self, name, value)
        else:
            super().__setattr__(name, value)


class Part(Holder):
    """What stands under a prefix of the layers' names: `stage.0` of `stage.0.conv`.

    It only holds them: the network's forward pass calls the layers themselves, so hooks belong on layers.
    `part[0]` is the part's '0'.
    """

    def __getitem__(self, index: int) -> nn.Module:
        found = self._modules.get(str(index))
        if found is None:
            raise IndexError(f"there is no part {index} here, only {', '.join(self._modules) or 'nothing'}")
        return found


class Network(Holder):
    """A compiled network, of a class whose forward pass was generated: equal forward passes, one class.

    `network.code` is that source, `network.graph` the typed graph it was made from (unless a layer at the top
    has that name). Calling it takes the inputs in order or by name, each (N, C, *spatial), and returns a
    tensor, or where the network has several outputs a dict by name, in the order of `graph.outputs`; heads
    that exist only in training are outputs in training alone. Where the spec leaves sizes open it takes images of
    every size that fits, and refuses others (SpecError E319).
    """

    _graph: TypedGraph
    _code: str
    _admission: Admission
    """Asked by the forward pass of networks whose input leaves sizes open."""

    def __deepcopy__(self, memo: dict[int, Any]) -> Network:
        new = type(self).__new__(type(self))
        memo[id(self)] = new
        memo[id(self._graph)] = self._graph  # it never changes, so that copies share it
        new.__dict__.update(copy.deepcopy(self.__getstate__(), memo))
        return new

    def __reduce__(self) -> tuple[Callable[[TypedGraph], Network], tuple[TypedGraph], Any]:
        return _unpickled, (self._graph,), self.__getstate__()


def compile(network: str | Path | TypedGraph) -> Network:
    """The `nn.Module` of a network, given by name, path or typed graph, with fresh weights.

    Its state-dict keys are '<layer>.<weight>' and `get_submodule('<layer>')` is the layer, except that a
    layer which shares another's weights runs the other's module and has none of its own. Weights are drawn
    from torch's random generator. Activations overwrite their input where nothing else needs it. Networks
    with the same forward pass have the same class, as `torch.func.stack_module_state` asks of an ensemble.

    Raises SpecError: of the spec; E711 for operators that the backend cannot build; E713 for a layer whose
    weights do not fit into memory.
    """
    if isinstance(network, Graph) and not isinstance(network, TypedGraph):
        raise TypeError("only a typed graph can be compiled: archspec.infer gives one")
    graph = network if isinstance(network, TypedGraph) else _load(network)
    model = network_class(graph)()
    model._graph = graph
    if graph.sizes:
        model._admission = Admission(graph)
    in_place = overwriting(graph)
    found: list[Diagnostic] = []
    for node in graph.layers():
        if owner(graph, node) is not node:
            continue
        inputs, outputs = graph.input_types(node), graph.types[node.name]
        try:
            _register(model, node.name, lower(Site(node.op, inputs, outputs, node.name in in_place)))
        except SpecError as error:
            found += [_at(d, node) for d in error.diagnostics if not any(d.span == told.span for told in found)]
        except (MemoryError, RuntimeError) as error:
            if not out_of_memory(error):
                raise
            raise SpecError([*found, _too_large(graph, node)]) from error  # others may well not fit either
    if found:
        raise SpecError(found)
    return model


_CLASSES: WeakValueDictionary[tuple[str, str, tuple[str, ...]], type[Network]] = WeakValueDictionary()
"""Classes in use, by name, forward pass and the members they have."""


def network_class(graph: TypedGraph) -> type[Network]:
    """The class of networks with this graph's forward pass and name, but no layers made."""
    code = forward_source(graph)
    top = {name.partition(".")[0] for name in graph.nodes}
    shown = tuple(name for name in ("graph", "code") if name not in top)
    key = (graph.name, code, shown)
    known = _CLASSES.get(key)
    if known is not None:
        return known
    # The same network has the same file name, so that compiling it again leaves nothing behind.
    file = f"<archspec {graph.name} {hashlib.sha256(code.encode()).hexdigest()[:12]}>"
    linecache.cache[file] = (len(code), None, code.splitlines(keepends=True), file)
    body: dict[str, Any] = {"__name__": __name__}
    exec(compile_python(code, file, "exec"), body)
    members = {"forward": body["forward"], "_code": code, "__module__": __name__}
    offered = {"graph": property(attrgetter("_graph")), "code": code}
    members |= {name: offered[name] for name in shown}
    made = _CLASSES[key] = type(_class_name(graph.name), (Network,), members)
    return made


def _load(network: str | Path) -> TypedGraph:
    import archspec

    graph: TypedGraph = archspec.load(network)
    return graph


def _register(model: Network, name: str, module: nn.Module) -> None:
    """Put a layer's module where its name says, making the parts on the way."""
    children = model._modules
    *around, last = name.split(".")
    for segment in around:
        part = children.get(segment)
        if part is None:
            part = children[segment] = Part()
        children = part._modules
    within = children.get(last)
    if within is not None:
        module._modules.update(within._modules)  # the layer comes after layers named within it
    children[last] = module


def _at(diagnostic: Diagnostic, node: Node) -> Diagnostic:
    """Placed at the layer, or, where it is about a line of a plugin, related to it."""
    if diagnostic.span is None:
        return replace(diagnostic, span=node.span, trail=node.trail)
    return replace(diagnostic, related=(Related(f"for the layer '{node.name}'", node.span),), trail=node.trail)


def out_of_memory(error: BaseException) -> bool:
    """Whether torch says that there is no room: its allocators raise a RuntimeError, and tell it by words."""
    words = ("alloc", "not enough memory", "out of memory", "overflow", "invalid memory size")
    return isinstance(error, MemoryError) or any(word in str(error).lower() for word in words)


def _too_large(graph: TypedGraph, node: Node) -> Diagnostic:
    weights = node.op.weights(graph.input_types(node))
    width = torch.get_default_dtype().itemsize
    size = sum(math.prod(weight.shape) for weight in weights.values()) * width
    shown = ", ".join(f"{name} {'×'.join(str(n) for n in w.shape)}" for name, w in weights.items() if w.shape)
    return Diagnostic(
        "E713",
        f"the weights of '{node.name}' do not fit into memory: {size:,} bytes ({shown})",
        node.span,
        "make the layer smaller; `archspec summarize` counts without building the network",
        node.trail,
    )


def _class_name(name: str) -> str:
    words = re.findall(r"[A-Za-z0-9]+", name)
    joined = "".join(word[:1].upper() + word[1:] for word in words)
    return joined if joined[:1].isalpha() else f"Network{joined}"


def _unpickled(graph: TypedGraph) -> Network:
    cls = network_class(graph)
    return cls.__new__(cls)
