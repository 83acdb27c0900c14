"""Weight sharing: `share` runs a named part again, `map` the same layers on every tensor of a bundle."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from archspec.build import loops
from archspec.build.flow import Broken, Flow, Named, Names, Overflow, bundle
from archspec.build.place import Place
from archspec.errors import Diagnostic, Span, SpecError, did_you_mean
from archspec.graph import Phase
from archspec.ops.arguments import as_written
from archspec.ops.base import Operator, Types
from archspec.source import Scalar
from archspec.spec import Layer

if TYPE_CHECKING:
    from archspec.build.expand import Expansion

MAX_SHARED = 8_000
"""Parts that run again, each time they do."""


class Sharing:
    """Which weights a node under construction takes: its own, or those of the same node under another prefix."""

    def __init__(self) -> None:
        self.stack: list[tuple[str, str] | None] = []

    @contextmanager
    def of(self, prefix: str, owner: str) -> Iterator[None]:
        """Nodes under `prefix` use the weights of those under `owner`."""
        yield from self._within((prefix, owner))

    @contextmanager
    def own(self) -> Iterator[None]:
        """Nodes have weights of their own, whatever is shared around them (`own: true`)."""
        yield from self._within(None)

    def _within(self, entry: tuple[str, str] | None) -> Iterator[None]:
        self.stack.append(entry)
        try:
            yield
        finally:
            self.stack.pop()

    def owner(
        self, expansion: Expansion, path: str, op: Operator, types: Types, span: Span, phase: Phase
    ) -> str | None:
        """The node whose weights a node of that path uses. Raises SpecError E171 where they would not fit it."""
        if not self.stack or self.stack[-1] is None or not op.weights(types):
            return None
        prefix, owner = self.stack[-1]
        name = owner + path.removeprefix(prefix)
        first = expansion.nodes.get(name)
        if first is None:
            return None
        while first.shares is not None:
            first = expansion.nodes[first.shares]
        if first.phase == "train" and phase == "always":
            message = f"'{path}' is deployed, but shares the weights of '{first.name}', which exists only in training"
            raise SpecError(Diagnostic("E161", message, span))
        if op != first.op:
            told = ", ".join(
                f"{key} is {as_written(value)} here, {as_written(getattr(first.op, key, None))} there"
                for key, value in op
                if value != getattr(first.op, key, None)
            )
            message = f"'{path}' cannot share the weights of '{first.name}': {told or 'they are different layers'}"
            raise SpecError(Diagnostic("E171", message, span, "what shares weights is the same layer, arguments too"))
        before = tuple(expansion.types[tap.node][tap.port] for tap in first.inputs)
        here, there = op.weights(types), first.op.weights(before)
        if here != there:
            wanted = ", ".join(f"{key} {'×'.join(map(str, w.shape))}" for key, w in here.items() if w != there.get(key))
            has = ", ".join(f"{key} {'×'.join(map(str, w.shape))}" for key, w in there.items() if w != here.get(key))
            inputs = f"its input is {', '.join(map(str, types))} here, {', '.join(map(str, before))} there"
            message = f"'{path}' cannot share the weights of '{first.name}': it needs {wanted}, they are {has}"
            raise SpecError(Diagnostic("E171", message, span, inputs))
        return first.name


def share(expansion: Expansion, layer: Layer, name: str, flow: Flow, place: Place) -> Named:
    """`- share: encoder`: the named part on another input, with the same weights."""
    assert isinstance(layer.args, Scalar)
    text = str(layer.args.text)
    named = place.names.at(text)
    if named is None:
        hint = did_you_mean(text, place.names.known(), "names in sight") + "; a part is named before it is shared"
        raise SpecError(Diagnostic("E121", f"no layer here is called '{text}'", layer.args.span, hint))
    if named.flow.broken or flow.broken:
        raise Broken
    if named.recipe is None:
        hint = "name the layer, block or group that should run again"
        raise SpecError(Diagnostic("E170", f"'{text}' is not a part that can run again", layer.args.span, hint))
    expansion.shared += 1
    if expansion.shared > MAX_SHARED:
        message = f"`share` runs parts of this network again more than {MAX_SHARED:,} times"
        hint = "a part that shares parts runs all of them again: each time it doubles"
        raise Overflow(Diagnostic("E116", message, layer.span, hint, place.trail))
    written, word, origin, segment = named.recipe
    inner = place.inner(name, layer.span, f"share of '{text}' as")
    here = replace(
        origin,
        path=place.path,
        phase=place.phase,
        trail=inner.trail,
        depth=inner.depth,
        names=Names(around=origin.names),
    )
    again = replace(written, name=None, origin=None, when=None, was=None)
    with expansion.sharing.of(place.join(name), origin.join(segment)):
        if written.repeat is None and written.each is None:
            try:
                return expansion.instance(again, word, name, flow, here)
            except Overflow:
                raise
            except SpecError as error:  # of a single layer, which has no place of its own to tell of the share
                raise SpecError([replace(d, trail=d.trail or here.trail) for d in error.diagnostics]) from error
        loops.chain(expansion, again, word, name, flow, here)
        whole = here.names.at(name)
        assert whole is not None  # the loop has entered it
        return whole


def each_tensor(expansion: Expansion, layer: Layer, name: str, flow: Flow, place: Place) -> Named:
    """`- map: […]`: the layers on each tensor of a bundle, with the same weights but for those marked `own`."""
    inner = expansion.enter(name, layer.span, "map", place)
    outputs: list[Flow] = []
    whole = Named(flow, inner.names.own)
    for i, one in enumerate(flow):
        here = expansion.enter(str(i), layer.span, "map", inner, {"index": i})
        if i == 0:
            out = expansion.run(layer.body, one, here)
        else:
            with expansion.sharing.of(here.path, inner.join("0")):
                out = expansion.run(layer.body, one, here)
        whole.inside[str(i)] = Named(out, here.names.own)
        outputs.append(out)
    one_each = len(flow.names) == len(outputs) and all(len(out) == 1 for out in outputs)
    whole.flow = bundle(outputs, flow.names if one_each else ())
    return whole
