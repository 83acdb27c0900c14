"""Where in a spec the expansion stands: path, names in sight, variables, trail."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from archspec.build.flow import Broken, Flow, Names, Overflow
from archspec.effort import MAX_ITEMS_IN_ALL, exhausted, spend
from archspec.errors import Diagnostic, Frame, Span, SpecError, Suggestion, did_you_mean
from archspec.expressions import collected, evaluate, interpolate, parse_expression, plain
from archspec.graph import Phase
from archspec.ops.arguments import as_written
from archspec.source import Lost, Scalar, Sequence, Value
from archspec.spec import Layer

MAX_DEPTH = 64
LONG, LONG_TIMES = 100, 15
"""Lists from that length on count so many times as arguments: an operator checks each item, and tells of it."""
MAX_BUNDLE = MAX_NODES = 32_000
"""Tensors of one bundle, and layers of one network."""
_BLOCK = re.compile(r"block '([^']+)' as ")
_AS_THEY_ARE = (int, str, bool)
"""What a variable holds that an expression gives unchanged."""
_SEVERAL = re.compile(r"[$\w.:*]+(?:\s*,\s*[$\w.:*]+)+")
LATER = "a layer is named before it is used; names in sight"


@dataclass(frozen=True, slots=True)
class Passed:
    """Layers handed to a block as an argument, with the variables of the place that wrote them."""

    layers: tuple[Layer, ...]
    place: Place


class Taps:
    """The layers that an expression may name, asked for where no variable has the name."""

    __slots__ = ("names",)

    def __init__(self, names: Names):
        self.names = names

    def __call__(self, path: str) -> Flow | list[Flow] | None:
        """The tensors behind a path: a list of them behind `enc.*.skip`."""
        flow = self.names.resolve(path)
        return list(flow) if flow is not None and "*" in path else flow

    def known(self) -> list[str]:
        return self.names.known()


@dataclass(slots=True)
class Place:
    """One list of layers being expanded. `counts` numbers its unnamed layers, by word, as written."""

    path: str
    names: Names
    variables: dict[str, object]
    inside: Flow
    phase: Phase = "always"
    trail: Frame | None = None
    depth: int = 0
    counts: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))

    def join(self, segment: str) -> str:
        return f"{self.path}.{segment}" if self.path else segment

    def inner(self, segment: str, span: Span, what: str, variables: Mapping[str, object] | None = None) -> Place:
        """The list inside a group or instance: sees this one's names and variables."""
        path = self.join(segment)
        seen = {**self.variables, **(variables or {})}
        frame = Frame(f"{what} {path}", span, self.trail)
        return self._deeper(Place(path, Names(around=self.names), seen, self.inside, self.phase, frame), span)

    def block(self, segment: str, span: Span, word: str, variables: dict[str, object], flow: Flow) -> Place:
        """The list inside a block: sees its parameters alone."""
        path = self.join(segment)
        frame = Frame(f"block '{word}' as {path}", span, self.trail)
        return self._deeper(Place(path, Names(), variables, flow, self.phase, frame), span)

    def _deeper(self, place: Place, span: Span) -> Place:
        place.depth = self.depth + 1
        if place.depth > MAX_DEPTH:
            raise Overflow(place._too_deep(span, self.trail))
        return place

    def _too_deep(self, span: Span, trail: Frame | None) -> Diagnostic:
        """Whether a block contains itself, or one calls the next in a chain that is merely long."""
        labels = [frame.label for frame in (self.trail.frames() if self.trail else ())]
        blocks = [found[1] for label in reversed(labels) if (found := _BLOCK.match(label))]
        if blocks and blocks[-1] in blocks[:-1]:
            ring = blocks[len(blocks) - 2 - blocks[-2::-1].index(blocks[-1]) :]
            message = f"blocks call each other, {MAX_DEPTH} deep here: {' → '.join(ring)}"
            hint = "what contains itself has no end: `repeat` and `each` are for repetition"
            return Diagnostic("E110", message, span, hint, trail)
        shown = blocks if len(blocks) <= 4 else [*blocks[:2], "…", *blocks[-2:]]
        what = "blocks" if len(blocks) == len(labels) else "blocks and groups" if blocks else "groups"
        message = f"{what} are nested {self.depth} deep here, and may be {MAX_DEPTH}"
        if blocks:
            message += f": {' → '.join(shown)}"
        hint = "each stands inside the one before: write the layers of some of them where they are used"
        return Diagnostic("E110", message, span, hint, trail)

    def scope(self, flow: Flow) -> dict[str, object]:
        """The variables an expression may use, `$in` and `$prev` among them."""
        return {**self.variables, "in": self.inside, "prev": flow, "?": Taps(self.names)}

    def evaluate(self, value: Value, flow: Flow) -> object:
        """What a value means here: text is an expression, collections item by item."""
        if isinstance(value, Scalar):
            if isinstance(value.value, Lost):
                raise Broken
            if not isinstance(value.value, str):
                return value.value if not isinstance(value.value, float) else _exact(value, self.scope(flow))
            if value.value.startswith("$"):  # most are a variable and no more: `$out`
                held = self.variables.get(value.value[1:])
                if type(held) in _AS_THEY_ARE:
                    return held
            try:
                found = evaluate(value.value, value.span, self.scope(flow))
            except SpecError as error:
                raise self._stopped(error) if exhausted() else error from None
            if isinstance(found, list):
                spend(len(found))  # who asks goes through it
            return found
        if isinstance(value, Sequence):
            return collected([self.evaluate(item, flow) for item in value.items], value.span)
        return collected({key.text: self.evaluate(item, flow) for key, item in value.entries}, value.span)

    def argument(self, value: Value, flow: Flow) -> object:
        """What an argument of an operator means here. Raises Broken where it may be what a layer in error held."""
        found = self.evaluate(value, flow)
        if isinstance(found, Flow) and found.broken:
            raise Broken
        if isinstance(found, list) and len(found) >= LONG and not spend(len(found) * LONG_TIMES):
            message = f"arguments of more than {MAX_ITEMS_IN_ALL // LONG_TIMES:,} items in all, each of {LONG} or more"
            raise Overflow(Diagnostic("E207", message, value.span, None, self.trail))
        return found

    def _stopped(self, error: SpecError) -> Overflow:
        """The end of an expansion whose expressions have no more to spend: the others would all say the same."""
        return Overflow(replace(d, trail=d.trail or self.trail) for d in error.diagnostics)

    def text(self, value: Scalar, flow: Flow) -> str:
        """A name with its `$l` and `${…}` replaced."""
        if isinstance(value.value, Lost):
            raise Broken
        text = str(value.text)
        return interpolate(text, value.span, self.scope(flow)) if "$" in text else text

    def reference(self, value: Value, flow: Flow) -> Flow:
        """The tensors that a reference names: a word is a layer, `$skip` a variable that holds one."""
        if isinstance(value, Sequence):
            flows: list[Flow] = []
            wrong: list[Diagnostic] = []
            count, silent = 0, False
            for item in value.items:
                try:
                    flows.append(self.reference(item, flow))
                    count += len(flows[-1])
                    self._room(count, len(flows[-1]), value.span)
                except Overflow:
                    raise
                except Broken as broken:
                    flows.append(broken.flow)
                    silent = True
                except SpecError as error:
                    wrong += error.diagnostics
            if wrong:
                raise SpecError(wrong)
            found = Flow(tuple(port for one in flows for port in one.ports))
            if silent:
                raise Broken(found)
            return found
        if not isinstance(value, Scalar):
            raise SpecError(Diagnostic("E120", "a reference is the name of a layer, or a list of names", value.span))
        if isinstance(value.value, str) and value.value.startswith("."):
            return self.named(
                self.text(value, flow) if "${" in value.value else value.value, value.span
            )  # from the outermost list on: no expression begins so
        return self.named(self.reached(value, flow), value.span)

    def reached(self, value: Scalar, flow: Flow) -> object:
        """What a reference says: an expression, or where it is none a name with its `${…}` replaced."""
        if isinstance(value.value, str) and "${" in value.value:
            try:
                parse_expression(value.value, value.span)
            except SpecError:
                return self.text(value, flow)
        if isinstance(value.value, str) and _SEVERAL.fullmatch(value.value):
            hint = f"several are a list: [{value.value}]"
            raise SpecError(Diagnostic("E120", f"'{value.value}' is not the name of a layer", value.span, hint))
        return self.evaluate(value, flow)

    def _room(self, count: int, more: int, span: Span) -> None:
        """Bounds the tensors of one bundle, and of all that references name."""
        if count > MAX_BUNDLE or not spend(more):
            message = f"more than {MAX_BUNDLE:,} tensors in one bundle"
            if count <= MAX_BUNDLE:
                message = "the references of this spec name too many tensors in all"
            raise Overflow(Diagnostic("E116", message, span, "fewer tensors, or bundles of bundles", self.trail))

    def named(self, found: object, span: Span) -> Flow:
        """The tensors behind an evaluated reference. Raises SpecError E121 where no layer has the name, Broken where
        one that has is in error."""
        flow = self._tensors(found, span)
        if flow.broken and not isinstance(found, Flow):
            raise Broken(flow)
        return flow

    def _tensors(self, found: object, span: Span) -> Flow:
        if isinstance(found, Flow):
            return found
        if isinstance(found, list):
            return Flow(tuple(port for item in found for port in self._tensors(item, span).ports))
        if not isinstance(found, str):
            raise SpecError(
                Diagnostic("E120", f"{as_written(plain(found))} is not the name of a layer", span, None, self.trail)
            )
        flow = self.names.resolve(found)
        if flow is None:
            hint: str | None
            first = found.removeprefix(".").split(".")[0].split(":")[0]
            start = self.names.find(first)
            if start is None:
                inside = self.names.inside(first)
                hint = did_you_mean(first, self.names.known(), LATER)
                if inside is not None:
                    hint = Suggestion(f"'{inside}' is inside another layer: that is its path")
                    hint.word, hint.known = first, (inside,)
            else:
                hint = f"inside '{first}': {', '.join(list(start.inside)[:12]) or 'no names'}"
            message = f"no layer here is called '{found}'"
            bundled = self.names.resolve(found.partition(":")[0]) if ":" in found else None
            if bundled is not None:
                path = found.partition(":")[0]
                ports = [f"{path}:{port}" for port in (bundled.names or range(len(bundled)))]
                message, hint = f"'{path}' has no tensor '{found.partition(':')[2]}'", ", ".join(ports[:12])
            if not self.names.left_out.isdisjoint((first, found.partition(":")[0])):
                message, hint = f"'{found}' is left out here: its `when` is false", None
            raise SpecError(Diagnostic("E121", message, span, hint, self.trail))
        return flow


def _exact(value: Scalar, scope: dict[str, object]) -> object:
    """A decimal as the exact fraction it was written as."""
    return evaluate(value.text, value.span, scope)
