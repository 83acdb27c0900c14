"""Expansion: layers as written become nodes, typed as they are appended.

Errors are collected. A layer in error gives a broken flow, about which nothing more is said, so that
one mistake is one message and every other mistake of the file is still found.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING

from archspec import source, zoo
from archspec.build import bind, calls, joins, least, loops, paths, sharing
from archspec.build.flow import BROKEN, BROKEN_TENSOR, Broken, Flow, Jump, Named, Names, Overflow, Port, bundle, moved
from archspec.build.outs import gives_one
from archspec.build.place import MAX_NODES, Passed, Place
from archspec.build.remedies.refusal import Refusal
from archspec.build.renames import Renames
from archspec.errors import Diagnostic, Related, Span, SpecError, did_you_mean
from archspec.expressions import plain
from archspec.graph import Node, Scope, Tap
from archspec.ops import REGISTRY
from archspec.ops.act import ACTIVATIONS
from archspec.ops.base import Operator, OperatorError, Types, typed
from archspec.source import Scalar, Value
from archspec.spec import STRUCTURAL, Block, Layer, Spec
from archspec.tensor import TensorType

if TYPE_CHECKING:
    from archspec.ops.settle import Settling
    from archspec.sizes import Sizes

_AS_AROUND = nullcontext()  # weights are shared as those around are
MAX_TENSORS = 120_000
"""Tensors that layers take and give, in all."""
MAX_NUMEL = 2**48
MAX_PATH = 1_000
"""Characters of a layer's name, the groups around it included."""
MAX_EMPTY, MAX_ENTRIES_PER_NODE = 20_000, 50
MAX_DIAGNOSTICS, MAX_REPORTED = 100, 2_000
"""Mistakes that are told, and those found, that of every instance of a loop counted, before expansion stops."""


class Expansion:
    """The state of one expansion: nodes so far, their types, and what was found wrong."""

    def __init__(self, spec: Spec):
        self.spec = spec
        self.nodes: dict[str, Node] = {}
        self.types: dict[str, tuple[TensorType, ...]] = {}
        self.scopes: dict[str, Scope] = {}
        self.diagnostics: dict[tuple[str, str], Diagnostic] = {}
        self.complete = True
        """Whether every layer so far could be made."""
        self.instances = 0
        self.entries = 0
        self.shared = 0
        self.tensors = 0
        self.least: dict[str, int] = {}
        """Of each block asked for, how many layers it makes at least."""
        self.reported = 0
        self.made: dict[tuple[str, str], Operator] = {}
        self.settled: dict[tuple[int, Types], tuple[Operator, Types, Jump, bool]] = {}
        """What operators make of inputs they have met, by the `id` of the operator, which is kept: blocks repeat."""
        self.defaults: dict[str, dict[str, tuple[object, Value]]] = {}
        self.failed: set[str] = set()
        """Variables whose value is in error: no more is said about those who use them."""
        self.refused: dict[tuple[str, str], Refusal] = {}
        """Layers that refused what flows into them, by the identity of the error."""
        self.file, self.shipped = spec.tree.span.file, str(zoo.directory())
        self.sharing = sharing.Sharing()
        self.renames = Renames()
        self.allowed: Mapping[str, Sizes] = {}
        """Of every size that the input leaves open, those that the layers so far take."""
        self.settling: Settling | None = None
        self.answering = False
        """Whether some layer so far is there only when the network answers."""

    # errors

    def report(self, error: SpecError, place: Place) -> None:
        """Keep what went wrong, with the trail to it, once for each place in the text."""
        if isinstance(error, Overflow):
            raise error
        self.reported += 1
        for d in (self._out_of_sight(d, place) for d in error.diagnostics):
            about_failed = d.code == "E202" and any(f"${name}" in d.message.split() for name in self.failed)
            if d.severity == "error" and not about_failed:
                kept = replace(d, trail=d.trail or place.trail)
                self.diagnostics.setdefault(self.identity(kept), kept)
        if len(self.diagnostics) >= MAX_DIAGNOSTICS or self.reported >= MAX_REPORTED:
            raise Overflow(self.diagnostics.values())

    def _out_of_sight(self, d: Diagnostic, place: Place) -> Diagnostic:
        """A variable of the file that is unknown inside a block: the hint says how it gets there."""
        words = d.message.split() if d.code == "E202" and place.depth else ()
        name = next((name for name in self.spec.variables if f"${name}" in words), None)
        if name is None:
            return d
        hint = f"a block sees its parameters alone: write `params: {{{name}: …}}` and hand it over in the call"
        return replace(d, hint=hint)

    def identity(self, d: Diagnostic) -> tuple[str, str]:
        """What makes an error another one: its code and place, and for those in a shipped block who called it."""
        place = str(d.span)
        if d.trail is not None and d.span is not None and d.span.file.startswith(self.shipped):
            place += f" {next((f.span for f in d.trail.frames() if f.span.file == self.file), '')}"
        return d.code, place

    # lists and entries

    def run(self, layers: tuple[Layer, ...], flow: Flow, place: Place) -> Flow:
        """The output of a list of layers: each takes what the one before it gives."""
        for layer in layers:
            try:
                flow = self.entry(layer, flow, place)
            except Broken:
                self.complete = False
                flow = self.broken(layer, flow, place)
            except Overflow:
                raise
            except SpecError as error:
                self.report(error, place)
                flow = self.broken(layer, flow, place)
        return flow

    def broken(self, layer: Layer, flow: Flow, place: Place) -> Flow:
        """The output of a layer in error; its name stays known, so that those who use it are not errors too."""
        alone = len(flow) == 1 and not any((layer.when, layer.origin, layer.repeat, layer.each, layer.lost))
        out = BROKEN_TENSOR if alone and gives_one(layer, self.spec.blocks) else BROKEN
        paths.broken(layer, out, self.spec.blocks, place)
        return out

    def entry(self, layer: Layer, flow: Flow, place: Place) -> Flow:
        """One entry of a list, its loop if it has one."""
        word = layer.word
        if layer.lost:
            place.counts[word] += 1
            raise Broken
        if word.startswith("$"):
            held = self.held(layer, flow, place)
            if isinstance(held, Passed):
                if layer.modified:
                    hint = f"put it in a group that has them: `- layers: [{word}]`"
                    raise SpecError(Diagnostic("E117", f"'{word}' is put in as it is: no modifiers", layer.span, hint))
                return self.splice(held, flow, place)
            word = held
        self.entries += 1
        if self.entries > MAX_EMPTY + MAX_ENTRIES_PER_NODE * len(self.nodes):
            message = (
                f"{self.entries:,} entries here make {len(self.nodes):,} layers: what calls what doubles each time"
            )
            raise Overflow(Diagnostic("E116", message, layer.span, None, place.trail))
        place.counts[word] += 1
        looped = layer.repeat is not None or layer.each is not None
        derived = f"{word}{place.counts[word]}" if looped or word not in ("branches", "residual") else ""
        if looped:
            return loops.chain(self, layer, word, derived, flow, place)
        name = place.text(layer.name, flow) if layer.name is not None else derived
        if layer.name is not None:
            self.check_name(name, layer.name.span, place)
        taken, entered = self.entering(layer, flow, place)
        if not taken:
            place.names.left_out.add(name)
            return flow
        with self.sharing.own() if layer.own else _AS_AROUND:
            named = self.instance(layer, word, name, entered, place)
        if name:
            named.recipe = (layer, word, place, name)
            self.register(name, named, layer, place)
        if layer.was is not None:
            self.renames.note(self, layer.was, place.join(name) if name else place.path, flow, place)
        return named.flow

    def entering(self, layer: Layer, flow: Flow, place: Place) -> tuple[bool, Flow]:
        """Whether an entry exists (`when`), and what flows into it (`from`)."""
        entered = paths.taken(self, layer.origin, flow, place) if layer.origin is not None else flow
        if layer.when is not None:
            value = place.evaluate(layer.when, entered)
            if not isinstance(value, bool):
                message = f"`when` is true or false, here it is {bind.shown(value)}"
                raise SpecError(Diagnostic("E111", message, layer.when.span, "compare: $x > 0, $act == 'relu'"))
            if not value:
                return False, flow
        return True, entered

    def instance(self, layer: Layer, word: str, name: str, flow: Flow, place: Place) -> Named:
        """One layer under its name (empty: adds no segment)."""
        if word == "layers":
            inner = self.enter(name, layer.span, "group", place)
            return Named(self.run(layer.body, flow, inner), inner.names.own)
        if word in ("branches", "residual"):
            inner = self.enter(name, layer.span, word, place) if name else place
            work = joins.branches if word == "branches" else joins.residual
            out = work(self, layer, flow, inner)
            return Named(out, inner.names.own if name else {})
        if word == "act":
            return self.activation(layer, name, flow, place)
        if word == "share":
            return sharing.share(self, layer, name, flow, place)
        if word == "map":
            return sharing.each_tensor(self, layer, name, flow, place)
        if word in self.spec.blocks:
            return self.block(self.spec.blocks[word], layer, name, flow, place)
        if (cls := bind.operator_called(word)) is not None:
            return Named(self.operator(cls, layer, layer.args, name, flow, place))
        raise unknown_word(word, layer.span, self.spec)

    def enter(
        self, name: str, span: Span, word: str, place: Place, variables: Mapping[str, object] | None = None
    ) -> Place:
        """The place inside a named group, recorded as a scope."""
        inner = place.inner(name, span, word, variables)
        index = variables.get("index") if variables else None
        self.note_scope(Scope(inner.path, word, span, index if isinstance(index, int) else None), place)
        return inner

    def note_scope(self, scope: Scope, place: Place) -> None:
        """Record a scope. Raises SpecError E113 where a layer has its path: what holds layers is none itself."""
        if scope.path in self.nodes:
            message = f"two layers are called '{scope.path}'"
            raise SpecError(Diagnostic("E113", message, scope.span, paths.CLASH, place.trail))
        self.scopes[scope.path] = scope

    # names

    def check_name(self, name: str, span: Span, place: Place) -> None:
        paths.check(name, span, place)

    def register(self, name: str, named: Named, layer: Layer, place: Place) -> None:
        paths.enter(name, named, layer.name.span if layer.name else layer.span, place, self.scopes)

    # words held in variables

    def held(self, layer: Layer, flow: Flow, place: Place) -> str | Passed:
        """What a word that is a variable stands for: a block's name, or layers to splice in."""
        value = place.evaluate(Scalar(layer.word, layer.word, layer.span, False), flow)
        if isinstance(value, Passed | str):
            return value
        message = f"'{layer.word}' is {bind.shown(value)}: neither layers nor the name of a layer"
        hint = "a parameter of type `layers` holds layers" if isinstance(value, list) else None
        raise SpecError(Diagnostic("E114", message, layer.span, hint))

    def splice(self, passed: Passed, flow: Flow, place: Place) -> Flow:
        """Layers that a caller passed: its variables, this list's names and numbering."""
        names = Names(place.names.own, around=passed.place.names)
        spliced = replace(place, names=names, variables=passed.place.variables, inside=passed.place.inside)
        return self.run(passed.layers, flow, spliced)

    # blocks

    def block(self, block: Block, layer: Layer, name: str, flow: Flow, place: Place) -> Named:
        """A block called with arguments: a list of its own that sees its parameters alone."""
        if block.lost:
            raise Broken
        least.refuse(self, block, 1, layer, place)
        values = calls.parameters(block, layer, flow, place)
        ports = self.block_inputs(block, layer, flow)
        inner = place.block(name, layer.span, block.name, values, flow)
        self.note_scope(Scope(inner.path, block.name, layer.span), place)
        for key, one in ports.items():
            inner.names.own[key] = Named(one)
        out = self.run(block.layers, flow, inner)
        if block.outputs is not None:
            try:
                taken = [inner.reference(value, out) for value in block.outputs.values()]
            except SpecError as error:
                self.report(error, inner)
                return Named(BROKEN)
            out = bundle(taken, tuple(block.outputs))
        return Named(out, inner.names.own)

    def block_inputs(self, block: Block, layer: Layer, flow: Flow) -> dict[str, Flow]:
        """The names a block gives to what flows in; a bundle with the same names connects by name."""
        if not flow.counted and isinstance(block.inputs, tuple):
            return dict.fromkeys(block.inputs, BROKEN)
        if not flow.counted or block.inputs == "many":
            return {}
        if block.inputs is None:
            if len(flow) != 1:
                message = f"block '{block.name}' takes one tensor, here is a bundle of {len(flow)}"
                raise SpecError(
                    Diagnostic("E115", message, layer.span, "pick one (`from: name:0`), or join them first")
                )
            return {}
        if len(flow) != len(block.inputs):
            wanted, are = ", ".join(block.inputs), "is 1" if len(flow) == 1 else f"are {len(flow)}"
            message = f"block '{block.name}' takes {len(block.inputs)} tensors ({wanted}), here {are}"
            hint = f"`from` with a list of {len(block.inputs)} layers makes such a bundle"
            raise SpecError(Diagnostic("E115", message, layer.span, hint))
        by_name = set(flow.names) == set(block.inputs)
        ports = [flow.port(key if by_name else i) for i, key in enumerate(block.inputs)]
        return {key: port for key, port in zip(block.inputs, ports, strict=True) if port is not None}

    # operators

    def activation(self, layer: Layer, name: str, flow: Flow, place: Place) -> Named:
        """`act: relu`, `act: none` (no layer), `act: {leaky_relu: {slope: 0.1}}`."""
        assert layer.args is not None
        if called := bind.called(layer.args):
            raise SpecError(
                Diagnostic(
                    "E305", f"'{bind.shown(source.to_plain(layer.args))}' is not an activation", layer.args.span, called
                )
            )
        value = place.evaluate(layer.args, flow)
        word, inner = value, None
        if isinstance(value, dict) and len(value) == 1:
            word, inner = next(iter(value.items()))
        if word == "none":
            return Named(flow)
        if not isinstance(word, str) or (word not in ACTIVATIONS and not _brought(word)):
            hint = did_you_mean(str(word), [*ACTIVATIONS, "none"], "activations")
            key = layer.args.key(str(word)) if isinstance(layer.args, source.Mapping) else None
            span = (key or layer.args).span
            raise SpecError(Diagnostic("E305", f"'{word}' is not an activation", span, hint))
        args = source.from_plain(plain(inner), layer.args.span) if inner is not None else None
        return Named(self.operator(REGISTRY[word], layer, args, name, flow, place))

    def operator(
        self, cls: type[Operator], layer: Layer, args: Value | None, name: str, flow: Flow, place: Place
    ) -> Flow:
        """A node: arguments evaluated and validated, references turned into edges, output typed."""
        op, flow_in, extra, written = calls.operator(self, cls, layer, args, flow, place)
        taken = bundle([flow_in, *extra]) if extra else flow_in
        return self.append(op, name, taken, layer.span, place, written)

    def append(
        self, op: Operator, name: str, flow: Flow, span: Span, place: Place, written: Mapping[str, Value] | None = None
    ) -> Flow:
        """A node at the end of the graph. Raises SpecError where the operator refuses its inputs."""
        broken = flow.broken
        if not broken or flow.counted:
            bind.check_count(op, len(flow), span, written or {})
        if broken:
            raise Broken
        path = place.join(name)
        if len(path) > MAX_PATH:
            message = f"the name of this layer has {len(path):,} characters, the groups around it included"
            raise Overflow(Diagnostic("E112", message, span, f"at most {MAX_PATH:,}: shorter names", place.trail))
        if self.spec.heads and place.phase == "always":
            late = next((p.tap.node for p in flow.ports if self.nodes[p.tap.node].phase == "train"), None)
            if late is not None:
                message = f"'{path}' is deployed, but takes from '{late}', which exists only in training"
                raise SpecError(Diagnostic("E161", message, span, "`only: train` on its head too, or another `from`"))
        if path in self.nodes or path in self.scopes:
            raise SpecError(Diagnostic("E113", f"two layers are called '{path}'", span, paths.CLASH, place.trail))
        if len(self.nodes) >= MAX_NODES:
            message = f"this network has more than {MAX_NODES:,} layers"
            raise Overflow(Diagnostic("E116", message, span, "smaller repeats", place.trail))
        types = tuple([port.type for port in flow.ports if port.type is not None])
        try:
            outputs, steps, too_large = self.typed(op, types)
        except OperatorError as error:
            value = (written or {}).get(error.argument or "")
            where = value.span if value is not None else span
            message = f"{op.word} at {path}: {error.message}"
            told = Diagnostic(error.code, message, where, error.hint, place.trail)
            key, taken = self.identity(told), tuple(p.tap for p in flow.ports)
            self.refused.setdefault(key, Refusal(key, path, op, taken, types, span, error))
            raise SpecError(told) from None
        except SpecError as error:  # a mistake in the rules of a plugin's operator, told in its lines
            here = Related(f"for the layer '{path}'", span)
            raise SpecError(replace(d, related=(*d.related, here)) for d in error.diagnostics) from error
        self.tensors += len(flow) + len(outputs)
        if self.tensors > MAX_TENSORS:
            message = f"the layers of this network take and give more than {MAX_TENSORS:,} tensors"
            raise Overflow(Diagnostic("E116", message, span, None, place.trail))
        if too_large:
            message = f"{op.word}: its output {outputs[0]} has more than {MAX_NUMEL:,} elements"
            raise SpecError(Diagnostic("E312", message, span, None, place.trail))
        shares = self.sharing.owner(self, path, op, types, span, place.phase)
        taps = tuple([port.tap for port in flow.ports])
        self.answering = self.answering or op.answers
        phase = "infer" if self.answering and self.answers(op, taps) else place.phase
        self.nodes[path] = Node(path, op, taps, span, place.trail, phase, shares)
        self.types[path] = outputs
        lead, steps = _leading(op, flow.ports, steps)
        return Flow(tuple([Port(Tap(path, i), t, *moved(lead, steps, t.rank, path)) for i, t in enumerate(outputs)]))

    def answers(self, op: Operator, taps: tuple[Tap, ...]) -> bool:
        """Whether a layer is there only when the network answers: it, or what it takes from."""
        return op.answers or any(self.nodes[tap.node].phase == "infer" for tap in taps)

    def typed(self, op: Operator, inputs: Types) -> tuple[Types, Jump, bool]:
        """The types and the steps of what an operator gives, and whether that has more elements than there may be.

        Raises OperatorError where the operator refuses its inputs.
        """
        if not self.allowed:
            key = (id(op), inputs)
            if key not in self.settled:
                outputs = typed(op, inputs)
                too_large = any(t.regions * t.numel > MAX_NUMEL for t in outputs)
                self.settled[key] = op, outputs, op.steps(inputs, outputs), too_large
            return self.settled[key][1:]
        from archspec.ops.settle import Settling  # only the open wait for it

        if self.settling is None or self.settling.allowed is not self.allowed:
            self.settling = Settling(self.allowed)
        settled = self.settling(op, inputs)
        self.allowed = self.settling.allowed
        return settled.outputs, settled.steps, False


def _leading(op: Operator, ports: tuple[Port, ...], steps: Jump) -> tuple[Port, Jump]:
    """Whose grid the output is on, and the steps from there: never by sizes, which an image may change.

    Of what is joined the first tensor that is no gate; of what is made as large as another layer, that layer.
    """
    if op.category == "merge":
        return next((port for port in ports if not port.gate), ports[0]), steps
    if len(ports) > 1 and "to" in op.references and not all(steps):
        return ports[1], tuple(Fraction(1) for _ in steps)
    return ports[0], steps


def _brought(activation: str) -> bool:
    """Whether an installed plugin brings an activation of that word."""
    return bind.operator_called(activation) is not None and activation in ACTIVATIONS


def unknown_word(word: str, span: Span, spec: Spec) -> SpecError:
    """No layer is called that: with the nearest word, or the `use` that would bring it."""
    from archspec.build.uses import shipped

    library = shipped().get(word)
    if library is not None:
        kind = "a standard block" if library == "std" else f"a block of the library '{library}'"
        hint = f"'{word}' is {kind}: add `use: {library}`"
        return SpecError(Diagnostic("E130", f"unknown layer '{word}'", span, hint))
    from archspec.plugins import broken

    known, _, value = word.partition(":")
    if value.strip("'\"") == value != "" and (known in REGISTRY or known in spec.blocks or known in STRUCTURAL):
        message = f"a space is missing after '{known}:'"
        return SpecError(Diagnostic("E130", message, span, f"write `- {known}: {value}`"))
    hint = did_you_mean(word, [*REGISTRY, *spec.blocks, *STRUCTURAL], "layers")
    if not hint.startswith("did you mean"):
        hint += "; an operator of your own comes with `--plugin FILE.py`"
    return SpecError([Diagnostic("E130", f"unknown layer '{word}'", span, hint), *broken()])
