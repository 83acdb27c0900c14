"""Spec → Graph: variables, blocks, loops and conditions expanded, one node a layer, every layer named.

Names are the keys of weights, so how they derive is fixed: see docs/names.md.
"""

from __future__ import annotations

from dataclasses import replace

from archspec.build import loops, paths
from archspec.build.bind import arguments, check_defaults, operator_called
from archspec.build.expand import MAX_DIAGNOSTICS, Expansion, unknown_word
from archspec.build.flow import BROKEN, Broken, Flow, Named, Names, Overflow
from archspec.build.inputs import input_flow
from archspec.build.place import Place
from archspec.build.remedies.unseen import unknown_variables
from archspec.effort import counted
from archspec.errors import Diagnostic, SpecError, in_text_order
from archspec.graph import Graph, Head, Node, Phase, Scope, Tap
from archspec.ops import REGISTRY
from archspec.source import Mapping
from archspec.spec import RESERVED, STRUCTURAL, HeadSpec, Layer, Spec, walk

__all__ = ["assemble", "build", "check_words", "inputs", "top_name"]


def build(spec: Spec) -> Graph:
    """The graph of a spec. Raises SpecError with every error found, each with its place and trail, and with what
    would make tensors meet that do not."""
    expansion = Expansion(spec)
    with counted():
        try:
            return assemble(expansion)
        except SpecError as error:
            from archspec.build.remedies.home import at_home  # only the mistaken wait for these
            from archspec.build.remedies.mismatch import explained

            raise SpecError(at_home(expansion, explained(expansion, error.diagnostics))) from None


def assemble(expansion: Expansion) -> Graph:
    """The graph of an expansion that has just begun. Raises SpecError with every error found."""
    spec = expansion.spec
    top = Place("", Names(), {}, Flow(()), trail=spec.variant)
    _keep(expansion, check_words(spec) + check_defaults(spec.defaults, spec.tree, spec.blocks))
    try:
        _variables(expansion, top)
        _defaults(expansion, top)
        flow = input_flow(expansion, top)
        top.inside = flow
        out = expansion.run(spec.layers, flow, top)
        outputs = _outputs(expansion, top, out)
        heads = {head.name: _head(expansion, top, head, outputs) for head in spec.heads}
        if spec.detect is not None:
            from archspec.build.detection import detect  # only detectors wait for it

            outputs |= detect(expansion, spec.detect, out, top, outputs)
        renamed = expansion.renames.settled(expansion)
    except Overflow as error:
        raise SpecError(in_text_order(expansion.diagnostics.values(), expansion.file) or error.diagnostics) from None
    if not expansion.diagnostics and expansion.complete and len(expansion.nodes) == len(spec.inputs):
        message = "this network has no layers: every one is left out or empty"
        expansion.report(SpecError(Diagnostic("E162", message, spec.tree.span)), top)
    if not expansion.diagnostics and expansion.complete:
        _keep(expansion, unknown_variables(spec))
    if expansion.diagnostics:
        raise SpecError(in_text_order(expansion.diagnostics.values(), expansion.file))
    return Graph(
        name=spec.name,
        nodes=expansion.nodes,
        inputs=tuple(spec.inputs),
        outputs=outputs,
        heads=heads,
        scopes=_scopes(expansion),
        task=spec.task,
        renamed=renamed,
    )


def inputs(spec: Spec) -> dict[str, Node]:
    """The input nodes of a spec alone, by name. Raises SpecError with all that is wrong with them."""
    expansion = Expansion(spec)
    top = Place("", Names(), {}, Flow(()), trail=spec.variant)
    _variables(expansion, top)
    input_flow(expansion, top)
    if expansion.diagnostics:
        raise SpecError(in_text_order(expansion.diagnostics.values(), expansion.file))
    return dict(expansion.nodes)


def _keep(expansion: Expansion, diagnostics: list[Diagnostic]) -> None:
    """Keep what was found beside the expansion, once for each place in the text."""
    for d in diagnostics:
        expansion.diagnostics.setdefault((d.code, str(d.span)), d)


def check_words(spec: Spec) -> list[Diagnostic]:
    """Unknown layers and arguments anywhere in the file, also in blocks that nothing calls."""
    found: list[Diagnostic] = []
    stretches = [spec.layers, *(h.layers for h in spec.heads), *(b.layers for b in spec.blocks.values())]
    stretches += [spec.detect.heads] if spec.detect is not None else []
    for layer in (layer for stretch in stretches for layer in walk(stretch)):
        if layer.word in STRUCTURAL or layer.word.startswith("$") or not layer.word:
            continue
        try:
            _check_call(layer, spec)
        except Broken:
            continue
        except SpecError as error:
            found += error.diagnostics
        if len(found) >= MAX_DIAGNOSTICS:
            break
    return found


def _check_call(layer: Layer, spec: Spec) -> None:
    if layer.word in spec.blocks:
        block = spec.blocks[layer.word]
        if block.lost:
            return
        arguments(block.name, block.main, list(block.params), layer.args, layer.span)
    elif (cls := operator_called(layer.word)) is not None:
        arguments(cls.word, cls.main, list(cls.model_fields), layer.args, layer.span)
    else:
        raise unknown_word(layer.word, layer.span, spec)


def _variables(expansion: Expansion, top: Place) -> None:
    """The file's `vars`, each seeing those written before it."""
    tree = expansion.spec.tree.get("vars")
    for name, value in expansion.spec.variables.items():
        if loops.uses(value, expansion.failed):
            expansion.failed.add(name)
            continue  # it is that one's mistake
        try:
            if name in RESERVED:
                key = tree.key(name) if isinstance(tree, Mapping) else None
                message = f"'{name}' is the language's own: choose another name"
                raise SpecError(Diagnostic("E143", message, key.span if key else value.span))
            top.variables[name] = top.evaluate(value, Flow(()))
        except Broken:
            expansion.failed.add(name)
        except Overflow:
            raise
        except SpecError as error:
            expansion.report(SpecError(_later(d, name, expansion.spec) for d in error.diagnostics), top)
            expansion.failed.add(name)


def _later(d: Diagnostic, name: str, spec: Spec) -> Diagnostic:
    """A variable that is written further down is there, only not yet; or it needs the one that needs it."""
    late = [other for other in spec.variables if d.code == "E202" and f"${other}" in d.message.split()]
    if not late:
        return d
    hint = f"variables are computed in the order written: put '{late[0]}' above"
    if late[0] == name:
        hint = f"'{name}' is computed from itself: give it a value"
    elif _needs(late[0], name, spec):
        hint = f"'{name}' and '{late[0]}' are each computed from the other: give one of them a value"
    return replace(d, hint=hint)


MAX_STEPS = 30
"""Variables that are followed from one that is written later, back to the one that asked for it."""


def _needs(name: str, other: str, spec: Spec) -> bool:
    """Whether a variable is computed from another one, directly or by way of others."""
    seen = [name]
    for one in seen:
        if loops.uses(spec.variables[one], {other}):
            return True
        if len(seen) < MAX_STEPS:
            seen += [v for v in spec.variables if v not in seen and loops.uses(spec.variables[one], {v})][:MAX_STEPS]
    return False


def _defaults(expansion: Expansion, top: Place) -> None:
    """The arguments that `defaults:` fills, computed once, where they are written."""
    for word, values in expansion.spec.defaults.items():
        tunable = REGISTRY[word].tunable if word in REGISTRY else frozenset()
        for key, value in values.items():
            if key not in tunable:
                continue  # told by check_defaults
            try:
                expansion.defaults.setdefault(word, {})[key] = (top.evaluate(value, Flow(())), value)
            except Broken:
                continue
            except SpecError as error:
                expansion.report(error, top)


def _outputs(expansion: Expansion, top: Place, out: Flow) -> dict[str, Tap]:
    """The network's outputs by name: the last layer under its own name, or what `outputs` says. A detector's are
    what `detect` makes, and those besides that `outputs` says."""
    spec = expansion.spec
    if spec.outputs is None and spec.detect is not None:
        return {}
    if spec.outputs is None:
        if len(out) == 1:
            return {top_name(out.ports[0].tap.node): out.ports[0].tap}
        names = out.names or tuple(str(port.tap) for port in out.ports)
        return {name: port.tap for name, port in zip(names, out.ports, strict=True)}
    found: dict[str, Tap] = {}
    for name, value in spec.outputs.items():
        try:
            flow = top.reference(value, out)
        except Broken:
            continue
        except SpecError as error:
            expansion.report(error, top)
            continue
        if len(flow) == 1:
            found[name] = flow.ports[0].tap
        else:
            found |= {f"{name}.{i}": port.tap for i, port in enumerate(flow.ports)}
    return found


def top_name(node: str) -> str:
    """What the top list calls a node: the first segment of its name."""
    return node.split(".")[0]


def _head(expansion: Expansion, top: Place, head: HeadSpec, outputs: dict[str, Tap]) -> Head:
    """A head's layers run behind the layer it takes, under the head's name; its output joins `outputs`."""
    name = head.name
    phase: Phase = "train" if head.only_train else "always"
    try:
        if name in top.names.own or name in outputs:
            message = f"a head called '{name}' would hide the layer or output of that name"
            raise SpecError(Diagnostic("E113", message, head.span, "choose another name"))
        flow = paths.taken(expansion, head.origin, BROKEN, top)
        place = expansion.enter(name, head.span, "head", top)
        place.phase = phase
        out = expansion.run(head.layers, flow, place)
        if len(out) == 1:
            outputs[name] = out.ports[0].tap
        else:
            message = f"a head gives one tensor, '{name}' gives {len(out)}"
            hint = "join them at its end, or make a head of each"
            expansion.report(SpecError(Diagnostic("E160", message, head.span, hint)), place)
        top.names.own[name] = Named(out, place.names.own)
        expansion.renames.note(expansion, head.was, name, flow, top)
    except Broken:
        top.names.own.setdefault(name, Named(BROKEN))
    except SpecError as error:
        expansion.report(error, top)
        top.names.own.setdefault(name, Named(BROKEN))
    return Head(name, phase, head.weight)


def _scopes(expansion: Expansion) -> dict[str, Scope]:
    """The scopes that hold at least one node, in the order of their first."""
    paths = {"": None}
    for name in expansion.nodes:
        path, around = name.rpartition(".")[0], []
        while path not in paths:
            around.append(path)
            path = path.rpartition(".")[0]
        paths |= dict.fromkeys(reversed(around))
    return {path: expansion.scopes[path] for path in paths if path in expansion.scopes}
