"""The arithmetic of expressions beside Python's own parser, on exact fractions."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archspec.errors import Span, SpecError
from archspec.expressions import parse_expression


def _evaluate(text: str) -> Any:
    return parse_expression(text, Span("f.yaml", 1, 1, len(text), text)).evaluate({})


def _code(text: str) -> str:
    with pytest.raises(SpecError) as raised:
        _evaluate(text)
    return raised.value.diagnostics[0].code


# Each case is our text beside Python's, where every literal is a Fraction: Python's own parser and arithmetic
# judge precedence, associativity and exactness.
Case = tuple[str, str]
LITERALS = st.sampled_from(["0", "1", "2", "3", "7", "10", "0.5", "1.1", "2.25", "1e-2", ".125", "3.", "1_000"])
SIGNS = st.sampled_from([" + ", "-", " * ", "/", " // ", "%"])
POWERS = st.sampled_from(["**2", " ** -1", "**0"])
COMPARISONS = st.sampled_from([" < ", "<=", "==", " != ", ">", ">="])


class Exact(Fraction):
    """Fractions that stay fractions, where Python's `//` and floor give int and int / int a float."""


def _exactly(method: Any) -> Any:
    return lambda *args: Exact(method(*args))


for _name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "neg"):
    setattr(Exact, f"__{_name}__", _exactly(getattr(Fraction, f"__{_name}__")))


def _fill(template: str, *cases: Case) -> Case:
    ours, theirs = zip(*cases, strict=True)
    return template.format(*ours), template.format(*theirs)


def _inner(case: st.SearchStrategy[Case]) -> st.SearchStrategy[Case]:
    return st.one_of(
        st.builds(lambda a, sign, b: _fill("{}" + sign + "{}", a, b), case, SIGNS, case),
        st.builds(lambda a: _fill("({})", a), case),
        st.builds(lambda a: _fill("-{}", a), case),
        st.builds(lambda a, power: _fill("({})" + power, a), case, POWERS),
        st.builds(
            lambda a, b, sign, c, d: _fill("({} if {}" + sign + "{} else {})", a, b, c, d),
            *[case] * 2,
            COMPARISONS,
            *[case] * 2,
        ),
        st.builds(lambda a, b, c: _fill("max({}, {}, {})", a, b, c), case, case, case),
        st.builds(lambda a: _fill("floor({})", a), case),
    )


ARITHMETIC = st.recursive(
    LITERALS.map(lambda text: (text, f"F('{text.replace('_', '').rstrip('.')}')")), _inner, max_leaves=12
)


@settings(deadline=None, max_examples=300)
@given(ARITHMETIC)
def test_arithmetic_is_pythons_on_fractions(case: Case) -> None:
    ours, theirs = case
    try:
        expected = eval(theirs, {"F": Exact, "floor": lambda x: Exact(math.floor(x)), "max": max})
    except ZeroDivisionError:
        assert _code(ours) == "E205"
        return
    try:
        found = _evaluate(ours)
    except SpecError as error:
        assert error.diagnostics[0].code == "E207"
        return
    assert found == expected
    assert type(found) is (int if Fraction(expected).denominator == 1 else Fraction)
