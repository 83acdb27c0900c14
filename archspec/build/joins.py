"""Forks and joins: `branches` with their `join`, `residual` with its shortcut."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from archspec.build import bind, loops
from archspec.build.flow import Broken, Flow, Named, bundle
from archspec.build.place import Place
from archspec.errors import Diagnostic, Span, SpecError, did_you_mean
from archspec.ops import REGISTRY
from archspec.source import Mapping, Scalar, Sequence, Value, is_lost
from archspec.spec import JOINS, SHORTCUTS, Layer

if TYPE_CHECKING:
    from archspec.build.expand import Expansion


def branches(expansion: Expansion, layer: Layer, flow: Flow, place: Place) -> Flow:
    """Every branch gets all that came in; what they give is joined, or leaves as a bundle."""
    found = beside(expansion, layer.branches, flow, place)
    results, names = [one.flow for one in found], [one.name for one in found]
    joined = bundle(results)
    if layer.join is None:
        raise Broken
    word, args = _join_word(layer.join, flow, place)
    if not joined.counted:
        raise Broken
    if word == "none":
        one_each = all(len(out) == 1 for out in results)
        return replace(joined, names=tuple(names) if one_each else ())
    place.counts[word] += 1
    if len(joined) == 1:
        return joined
    written = replace(layer, args=args, span=layer.join.span)
    return expansion.operator(REGISTRY[word], written, args, f"{word}{place.counts[word]}", joined, place)


@dataclass(frozen=True)
class Branch:
    """What one branch gives; `span` is where it is written, which its instances in a loop share."""

    name: str
    flow: Flow
    span: Span


def beside(expansion: Expansion, stretches: tuple[Layer, ...], flow: Flow, place: Place) -> list[Branch]:
    """What stretches of layers give that all get what came in."""
    return [
        Branch(name, out, stretch.span)
        for stretch in stretches
        for name, out in _branch(expansion, stretch, flow, place)
    ]


def _branch(expansion: Expansion, branch: Layer, flow: Flow, place: Place) -> list[tuple[str, Flow]]:
    """The outputs of one written branch by name: several where it is a loop, none where `when` is false."""
    if branch.repeat is None and branch.each is None:
        place.counts["branch"] += 1
        name = place.text(branch.name, flow) if branch.name else f"branch{place.counts['branch']}"
        if branch.name is not None:
            expansion.check_name(name, branch.name.span, place)
        return _built(expansion, branch, name, flow, place, place)
    one = replace(branch, name=None, repeat=None, each=None)
    found = []
    own = loops.names_each(branch)
    for name, here in loops.instances(expansion, branch, flow, place):
        if not own:
            place.counts["branch"] += 1
            given = place.text(branch.name, flow) if branch.name is not None else None
            name = f"branch{place.counts['branch']}" if given is None else f"{given}_{name}"
        found += _built(expansion, one, name, flow, here, place)
    return found


def _built(
    expansion: Expansion, branch: Layer, name: str, flow: Flow, here: Place, place: Place
) -> list[tuple[str, Flow]]:
    taken, entered = expansion.entering(branch, flow, here)
    if not taken:
        return []
    index = here.variables.get("index") if here is not place else None
    inner = expansion.enter(name, branch.span, "branch", here, {"index": index} if index is not None else None)
    named = Named(expansion.run(branch.body, entered, inner), inner.names.own)
    expansion.register(name, named, branch, place)
    expansion.renames.note(expansion, branch.was, place.join(name), entered, here)
    return [(name, named.flow)]


def _join_word(join: Value, flow: Flow, place: Place) -> tuple[str, Value | None]:
    """The operator that joins, and its arguments: `join: concat`, `join: {concat: {crop: center}}`."""
    args: Value | None = None
    value: object
    if isinstance(join, Mapping) and len(join.entries) == 1:
        key, args = join.entries[0]
        value = key.text
    else:
        value = place.argument(join, flow)
    if is_lost(args):
        raise Broken
    if args is not None and not isinstance(args, Mapping):
        raise SpecError(Diagnostic("E105", f"`{value}` as a join takes arguments by name", args.span))
    for key, _ in args.entries if isinstance(args, Mapping) and value in REGISTRY else ():
        if key.text in REGISTRY[str(value)].references:
            raise SpecError(Diagnostic("E105", f"a join takes the branches, not '{key.text}'", key.span))
    if not isinstance(value, str) or value not in JOINS:
        hint = did_you_mean(str(value), JOINS, "joins")
        raise SpecError(Diagnostic("E105", f"'{value}' does not join branches", join.span, hint))
    return value, args


def residual(expansion: Expansion, layer: Layer, flow: Flow, place: Place) -> Flow:
    """The body's output added to its input, or to what the shortcut makes of it."""
    kind = _shortcut_kind(layer, flow, place)
    out = expansion.run(layer.body, flow, place)
    place.counts["add"] += 1
    place.counts["shortcut"] += 1
    number, shortcuts = place.counts["add"], place.counts["shortcut"]
    if out.broken or flow.broken:
        raise Broken
    if len(out) != 1 or len(flow) != 1:
        message = f"a residual adds one tensor to one, here {len(out)} to {len(flow)}"
        raise SpecError(Diagnostic("E107", message, layer.span))
    differs = _differs(flow, out)
    if differs and kind == "when_same":
        return _without_drop_path(expansion, out, place)
    through = flow
    if differs and kind in ("project", "layers"):
        name = "shortcut" if shortcuts == 1 else f"shortcut{shortcuts}"
        inner = expansion.enter(name, layer.span, "shortcut", place)
        if kind == "layers":
            through = expansion.run(layer.shortcut_layers, flow, inner)
        else:
            through = _projection(expansion, layer, flow, out, inner)
        place.names.own.setdefault(name, Named(through, inner.names.own))
    try:
        return expansion.append(REGISTRY["add"](), f"add{number}", bundle([out, through]), layer.span, place)
    except SpecError as error:
        for d in error.diagnostics:
            _note(expansion, d, kind)
        raise


def _without_drop_path(expansion: Expansion, out: Flow, place: Place) -> Flow:
    """The body's output where nothing is added to it: stochastic depth would drop all there is, so it goes."""
    port = out.ports[0]
    node = expansion.nodes[port.tap.node]
    if node.op.word != "drop_path":
        return out
    del expansion.nodes[node.name], expansion.types[node.name]
    kept = Flow((replace(port, tap=node.inputs[0]),))
    for named in place.names.own.values():
        if named.flow == out:
            named.flow = kept
    return kept


def _shortcut_kind(layer: Layer, flow: Flow, place: Place) -> str:
    if layer.shortcut is None:
        return "identity"
    if isinstance(layer.shortcut, Sequence):
        return "layers"
    value = place.evaluate(layer.shortcut, flow) if isinstance(layer.shortcut, Scalar) else None
    if not isinstance(value, str) or value not in SHORTCUTS:
        shown = layer.shortcut.text if isinstance(layer.shortcut, Scalar) else "this"
        hint = did_you_mean(shown, SHORTCUTS, "shortcuts") + "; or a list of layers"
        raise SpecError(Diagnostic("E106", f"'{shown}' is not a shortcut", layer.shortcut.span, hint))
    return value


def _differs(flow: Flow, out: Flow) -> bool:
    """Whether channels or stride changed on the way through the body: what a shortcut may look at."""
    before, after = flow.ports[0], out.ports[0]
    assert before.type is not None and after.type is not None
    return before.type.channels != after.type.channels or (before.jump, before.grid) != (after.jump, after.grid)


def _projection(expansion: Expansion, layer: Layer, flow: Flow, out: Flow, inner: Place) -> Flow:
    """A 1×1 convolution with the body's stride, without bias, and batch norm (He et al. 2015, eq. 2)."""
    before, after = flow.ports[0], out.ports[0]
    assert after.type is not None
    if not after.jump:
        message = "a projection is a 1×1 convolution, and these tensors have no spatial axes"
        raise SpecError(Diagnostic("E107", message, layer.span, "write the shortcut's layers: `shortcut: [linear: …]`"))
    if before.grid != after.grid:
        message = f"'{after.grid or before.grid}' says how large the body's output is: a projection has no such stride"
        raise SpecError(Diagnostic("E107", message, layer.span, "write the shortcut's layers: `shortcut: [conv: …]`"))
    steps = [a / b for a, b in zip(after.jump, before.jump, strict=False)]
    if any(step.denominator != 1 for step in steps):
        message = "the body makes its input larger: a projection cannot follow it"
        raise SpecError(Diagnostic("E107", message, layer.span, "write the shortcut's layers"))
    stride: object = [int(step) for step in steps] if len(set(steps)) > 1 else int(steps[0]) if steps else 1
    conv_values = {"out": after.type.channels, "kernel": 1, "stride": stride, "bias": False}
    conv = _made(expansion, "conv", conv_values, flow, layer, inner)
    norm = _made(expansion, "batch_norm", {}, conv, layer, inner)
    inner.names.own.update(conv=Named(conv), norm=Named(norm))
    return norm


def _made(expansion: Expansion, word: str, values: dict[str, object], flow: Flow, layer: Layer, place: Place) -> Flow:
    """A layer of the projection, with the spec's defaults."""
    defaults = expansion.defaults.get(word, {})
    values = {**{key: value for key, (value, _) in defaults.items()}, **values}
    written = {key: where for key, (_, where) in defaults.items()}
    op = bind.make(REGISTRY[word], values, written, layer.span, expansion.made)
    return expansion.append(op, "conv" if word == "conv" else "norm", flow, layer.span, place)


def _note(expansion: Expansion, diagnostic: Diagnostic, kind: str) -> None:
    """What refused was the sum that ends a residual: that tells its inputs apart, body and shortcut."""
    key = expansion.identity(diagnostic)
    if key in expansion.refused:
        expansion.refused[key] = replace(expansion.refused[key], shortcut=kind)
