"""Whether what a spec asserts of its network is so: `params < 5_000_000`, `layers.stem.macs < 120_000_000`."""

from __future__ import annotations

from fractions import Fraction

from archspec.analysis.facts import CLOSED, LAYER_FIGURES, LAYERS, PEAK, UNITS, Facts
from archspec.analysis.summary import summarize
from archspec.errors import Diagnostic, SpecError, did_you_mean, fail
from archspec.expressions import parse_expression
from archspec.graph import TypedGraph
from archspec.source import Scalar, Value
from archspec.spec import Spec


def check_asserts(spec: Spec, graph: TypedGraph, changed: bool) -> int:
    """How many of a spec's assertions were skipped: where it was `changed`, those that need not always hold.

    Raises SpecError with a diagnostic (E401 … E404) for each that does not hold.
    """
    facts = Facts(summarize(graph))
    kept = [value for value, always in spec.asserts if always or not changed]
    wrong: list[Diagnostic] = []
    for value in kept:
        try:
            wrong += broken(value, facts)
        except SpecError as error:
            wrong += error.diagnostics
    if wrong:
        raise SpecError(wrong)
    return len(spec.asserts) - len(kept)


def broken(value: Value, facts: Facts) -> list[Diagnostic]:
    """A diagnostic (E401) where an assertion does not hold.

    Raises SpecError E402 where it is neither true nor false or cannot be decided, E403 for a layer that is not
    there, E404 for a figure that layers do not have, E586 for a training step that is none; those of
    expressions (E201 …).
    """
    text = str(value.value) if isinstance(value, Scalar) else ""
    expression = parse_expression(text, value.span)
    for word in expression.words():
        _known(word, facts, value)
    words = sorted(word for word in expression.words() if word in facts)
    if undecided := [word for word in words if not isinstance(facts[word], int | Fraction)]:
        message = f"{', '.join(undecided)} cannot be asserted: the input leaves the size of the image open"
        raise fail("E402", message, value.span, "params and depth are the same at every size")
    result = expression.evaluate({}, facts)
    if result is True:
        return []
    if not isinstance(result, bool):
        hint = "compare a fact with a number: params < 5_000_000"
        raise fail("E402", f"'{text}' is neither true nor false", value.span, hint)
    told = ", ".join(f"{word} is {facts[word]:,}" for word in words if word not in UNITS)
    return [Diagnostic("E401", f"assertion does not hold: {text}", value.span, told or None)]


def _known(word: str, facts: Facts, value: Value) -> None:
    if word in facts:
        return
    if not word.startswith(LAYERS):
        if word.partition(".")[0] in CLOSED and facts.summary.graph.sizes:
            message = f"{word} cannot be asserted: the input leaves the size of the image open"
            raise fail("E402", message, value.span, "params and depth are the same at every size")
        if word.startswith(f"{PEAK}."):
            raise _no_step(word, value)
        path, _, figure = word.rpartition(".")
        if path and figure in LAYER_FIGURES and facts.below(path):
            raise fail("E403", f"'{word}' is no fact of the network", value.span, f"of a layer: {LAYERS}{word}")
        return  # the expression says so, at its place
    path, _, figure = word.removeprefix(LAYERS).rpartition(".")
    if facts.below(f"{path}.{figure}".strip(".")):
        hint = f"say which figure: {word}.params"
        raise fail("E404", f"'{word}' is a layer, not one of its figures", value.span, hint)
    if not facts.below(path):
        hint = did_you_mean(path, facts.words, "layers")
        raise fail("E403", f"no layer is called '{path}'", value.span, hint)
    hint = did_you_mean(figure, LAYER_FIGURES, "figures of layers")
    raise fail("E404", f"'{figure}' is no figure of a layer", value.span, hint)


def _no_step(fact: str, value: Value) -> SpecError:
    from archspec.analysis.step import step_of, words

    wrong = step_of(fact)
    twice = wrong in words() or (str(wrong).isdecimal() and int(str(wrong)) > 0)
    message = f"'{wrong}' in '{fact}' is {'told twice' if twice else 'no batch, optimiser or precision'}"
    known = did_you_mean(str(wrong), words(), "words")
    return fail("E586", message, value.span, f"a batch, an optimiser, a precision: {PEAK}.32.adam.bfloat16; {known}")
