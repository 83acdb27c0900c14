"""Whether operators are what they say: what `archspec plugin FILE` looks at, and what the operators here are held to.

Every operator is asked for its page, for arguments that must be refused, for its samples, for inputs it was not
made for, and where torch is installed for the layer that is made of it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from archspec.authoring.reference import meaning
from archspec.authoring.reference import operator as operator_page
from archspec.errors import Diagnostic, Span, SpecError
from archspec.ops.base import Operator, OperatorError, Sample, Types, typed
from archspec.plugins import Plugin, load_plugin
from archspec.plugins.faults import FILES, fault
from archspec.plugins.registering import PLACES
from archspec.render.page import page
from archspec.tensor import TensorType

PROBES = ((), (1,), (7,), (1, 1), (7, 7), (2, 9), (5, 5, 5), (3, 3, 3, 3))
"""Spatial axes that an operator is asked about beside those of its samples."""

LONGEST = 110
"""Characters of the first line of a page."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at in an operator: how many cases of it, and what is wrong."""

    word: str
    about: str
    cases: int
    problems: tuple[Diagnostic, ...] = ()

    def __str__(self) -> str:
        if self.problems:
            return f"{len(self.problems)} wrong"
        return f"{self.cases} ok" if self.cases > 1 else "ok" if self.cases else "–"


@dataclass(frozen=True, slots=True)
class Conformance:
    """What came of looking at a plugin: `problems` is empty where all is well."""

    plugin: str
    checks: tuple[Check, ...]
    notes: tuple[str, ...] = ()

    @property
    def problems(self) -> tuple[Diagnostic, ...]:
        return tuple(problem for check in self.checks for problem in check.problems)

    def __str__(self) -> str:
        words = list(dict.fromkeys(check.word for check in self.checks))
        columns = list(dict.fromkeys(check.about for check in self.checks))
        cells = {(check.word, check.about): str(check) for check in self.checks}
        rows = [["", *columns], *([word, *(cells[word, about] for about in columns)] for word in words)]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = ["  ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)) for row in rows]
        return "\n".join(line.rstrip() for line in [*lines, *self.notes])

    def to_json(self) -> list[dict[str, Any]]:
        """word, about, cases, problems (as `Diagnostic.to_json`) of each check."""
        return [
            {"word": c.word, "about": c.about, "cases": c.cases, "problems": [d.to_json() for d in c.problems]}
            for c in self.checks
        ]


def check_plugin(file: str | Path | Plugin) -> Conformance:
    """Look at every operator of a plugin: `assert archspec.check_plugin("pooling.py").problems == ()`.

    Raises SpecError E550 to E554 for a plugin that cannot be loaded.
    """
    plugin = file if isinstance(file, Plugin) else load_plugin(file)
    torch = _torch()
    checks = tuple(check for cls in plugin.operators for check in check_operator(cls, torch))
    notes = () if torch else ("torch is not installed: what is made of the operators there was not looked at",)
    return Conformance(plugin.name, checks, notes)


def check_operator(cls: type[Operator], torch: Callable[..., Iterator[str]] | None = None) -> Iterator[Check]:
    """Everything about one operator. `torch`: what the backend offers to compare its layer with the rules."""
    place = PLACES.get(cls.word)
    looks = {"page": _page, "arguments": _arguments, "samples": _samples, "inputs": _inputs, "sizes": _open_sizes}
    for about, look in looks.items():
        found = _Found(cls.word, place)
        look(cls, found)
        yield Check(cls.word, about, found.cases, tuple(found.problems))
    found = _Found(cls.word, place)
    for op, sample in _made(cls) if torch is not None else ():
        found.cases += 1
        with found.faults(f"the torch layer of {_written(sample)}", "E556"):
            inputs = _types(sample)
            for problem in torch(op, inputs, typed(op, inputs)) if torch is not None else ():
                found.add(f"its torch layer {problem} ({_written(sample)})")
    yield Check(cls.word, "torch", found.cases, tuple(found.problems))


class _Found:
    """Problems of one kind with one operator, as diagnostics at its place, each told once."""

    def __init__(self, word: str, place: Span | None):
        self.word, self.place, self.cases = word, place, 0
        self.problems: list[Diagnostic] = []

    def add(self, message: str, hint: str | None = None) -> None:
        self.keep(Diagnostic("E558", f"{self.word}: {message}", self.place, hint))

    def keep(self, problem: Diagnostic) -> None:
        same = [p for p in self.problems if (p.span, p.code) == (problem.span, problem.code)]
        if not any(p.code != "E558" or p.message == problem.message for p in same):
            self.problems.append(problem)

    def faults(self, doing: str, code: str = "E555") -> _Faults:
        return _Faults(self, doing, code)


@dataclass(slots=True)
class _Faults:
    """What is raised within a block and is no answer becomes a problem."""

    found: _Found
    doing: str
    code: str

    def __enter__(self) -> None: ...

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        if isinstance(error, SpecError):
            for diagnostic in error.diagnostics:
                self.found.keep(diagnostic if diagnostic.span else replace(diagnostic, span=self.found.place))
        elif isinstance(error, Exception):
            told = fault(self.code, f"{self.found.word}: {self.doing}", error, FILES)
            self.found.keep(told if told.span else replace(told, span=self.found.place))
        return isinstance(error, Exception)


def _page(cls: type[Operator], found: _Found) -> None:
    found.cases = 1
    first, _, rest = (cls.__doc__ or "").strip().partition("\n")
    if not 10 < len(first) <= LONGEST or not first.endswith((".", ":")):
        hint = f"the docstring is its page: first a sentence on a line of its own, at most {LONGEST} characters"
        found.add(f"its page begins with no sentence: '{first[:60]}'" if first else "it has no page", hint)
    elif f"- {cls.word}" not in rest:
        found.add("its page shows no example", f"indented below the text: `- {cls.word}` with arguments as in a spec")
    for name in cls.model_fields:
        if not meaning(cls, name):
            found.add(f"its argument '{name}' says nothing of what it is for", 'Field(…, description="…")')
    with found.faults("its schema"):
        cls.model_json_schema()
    with found.faults("its page"):
        page("\n".join(operator_page(cls)))


def _arguments(cls: type[Operator], found: _Found) -> None:
    """Whole numbers, numbers, truth values and text are not mixed up; what it does not know is refused."""
    for sample in cls.samples[:1]:
        for name, field in cls.model_fields.items():
            given = sample.args.get(name, None if field.is_required() else field.default)
            for bad in _alike(given, "float" in str(field.annotation)):
                found.cases += 1
                with found.faults(f"the argument '{name}' with {bad!r}"):
                    if _takes(cls, {**sample.args, name: bad}):
                        kind = {bool: "Flag", int: "Count", float: "Real"}.get(type(given), "a Literal")
                        hint = f"the types of archspec.plugins are strict: {kind}"
                        found.add(f"its argument '{name}' takes {bad!r} where {given!r} belongs", hint)


def _alike(good: object, real: bool) -> list[object]:
    """Values that are easily mistaken for such a one."""
    if isinstance(good, bool):
        return [1, "yes"]
    if isinstance(good, int) and not real:
        return [True, "3", good + 0.5, float(good)]
    if isinstance(good, int | float):
        return [True, "0.5", math.nan, math.inf]
    return []


def _takes(cls: type[Operator], args: dict[str, Any]) -> bool:
    try:
        cls(**args)
    except (ValidationError, OperatorError):
        return False
    return True


def _samples(cls: type[Operator], found: _Found) -> None:
    if not cls.samples:
        found.add("it has no samples", "cases worked by hand: Sample({}, ((64, 56, 56),), ((64, 28, 28),), macs=…)")
    for op, sample in _made(cls, found):
        found.cases += 1
        written = f"the {_written(sample)}"
        with found.faults(written):
            inputs = _types(sample)
            outputs = typed(op, inputs)
            learned = [weight for weight in op.weights(inputs).values() if weight.kind != "buffer"]
            facts = {
                "outputs": (_shapes(y.shape for y in outputs), _shapes(sample.outputs)),
                "params": (f"{sum(weight.numel for weight in learned):,}", f"{sample.params:,}"),
                "macs": (f"{op.macs(inputs, outputs):,}", f"{sample.macs:,}"),
            }
            for fact, (is_so, said) in facts.items():
                if is_so != said:
                    found.add(f"{written} says {fact} {said}, and its rules give {is_so}")
            least, most = cls.arity
            if not least <= len(inputs) <= (most or len(inputs)):
                found.add(f"{written} has {len(inputs)} inputs, which its arity {cls.arity} does not allow")
            _ask_all(op, inputs, outputs)


def _inputs(cls: type[Operator], found: _Found) -> None:
    """Inputs of every rank: an operator gives types, or refuses with what helps."""
    for op, sample in _made(cls):
        for axes in PROBES:
            inputs = tuple(TensorType((shape[0], *axes)) for shape in sample.inputs)
            found.cases += 1
            with found.faults(f"the {_written(sample)}, on {', '.join(map(str, inputs))} instead,"):
                try:
                    outputs = typed(op, inputs)
                except OperatorError as error:
                    if error.argument is not None and error.argument not in cls.model_fields:
                        found.add(f"a refusal names '{error.argument}', which is none of its arguments")
                    if not error.hint and not any(c.isdigit() for c in error.message):
                        found.add(f"a refusal does not help: '{error.message}'", "give the numbers, or `hint=`")
                    continue
                _ask_all(op, inputs, outputs)


def _open_sizes(cls: type[Operator], found: _Found) -> None:
    """Samples whose spatial sizes are left open: at those of the sample, the answer is what it is there."""
    from archspec.ops.settle import settle
    from archspec.sizes import ANY, symbol

    for op, sample in _made(cls):
        if len(sample.inputs) != 1 or len(sample.inputs[0]) == 1:
            continue
        channels, *numbers = sample.inputs[0]
        sizes = dict(zip("HWDE", numbers, strict=False))
        opened = TensorType((channels, *(symbol(name) for name in sizes)))
        found.cases += 1
        with found.faults(f"the {_written(sample)}, its sizes left open,"):
            try:
                settled = settle(op, (opened,), dict.fromkeys(sizes, ANY))
            except OperatorError:
                continue  # what it stores or makes depends on the number
            here, there = tuple(y.at(sizes) for y in settled.outputs), typed(op, _types(sample))
            if here != there or not all(n in settled.allowed[name] for name, n in sizes.items()):
                told = ", ".join(map(str, here))
                found.add(f"the {_written(sample)}, its sizes left open, gives {told}, or refuses its own size")


def _ask_all(op: Operator, inputs: Types, outputs: Types) -> None:
    """Every rule once: what is wrong with an answer, the guards of a plugin's operator raise."""
    op.weights(inputs)
    op.macs(inputs, outputs)
    op.elementwise_ops(inputs, outputs)
    op.window(inputs)
    op.saved(inputs, outputs, False)
    op.scratch(inputs, outputs)
    op.training_scratch(inputs, outputs, True)
    op.backward_scratch(inputs, outputs, (True,) * len(inputs))
    if outputs[0].rank and inputs and inputs[0].rank == outputs[0].rank:
        op.reach(inputs, outputs, 0)
    op.steps(inputs, outputs)
    op.label()


def _made(cls: type[Operator], found: _Found | None = None) -> Iterator[tuple[Operator, Sample]]:
    """The operator of each sample; `found` is told of those whose arguments are refused."""
    for sample in cls.samples:
        try:
            op = cls(**sample.args)
        except (ValidationError, OperatorError) as error:
            why = error.message if isinstance(error, OperatorError) else error.errors()[0]["msg"]
            if found is not None:
                found.add(f"the {_written(sample)} is refused: {why}")
            continue
        yield op, sample


def _types(sample: Sample) -> Types:
    return tuple(TensorType(tuple(shape)) for shape in sample.inputs)


def _written(sample: Sample) -> str:
    shown = ", ".join(f"{key}: {value}" for key, value in sample.args.items())
    return f"sample {{{shown}}} on {_shapes(sample.inputs)}"


def _shapes(shapes: Iterable[tuple[int, ...]]) -> str:
    return ", ".join("×".join(map(str, shape)) for shape in shapes)


def _torch() -> Callable[..., Iterator[str]] | None:
    """The torch backend's comparison of a layer with the rules, or None where it is not installed."""
    from archspec.backend import backend

    try:
        return backend("torch").disagreements  # type: ignore[no-any-return]
    except SpecError:
        return None
