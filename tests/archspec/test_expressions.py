"""Expressions: values worked by hand, Python's own parser as the oracle of arithmetic, and placed errors."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archspec.errors import Diagnostic, Span, SpecError
from archspec.expressions import FUNCTIONS, Expression, interpolate, parse_expression, plain, round_to
from archspec.source import Mapping, parse


class Tensor:
    """What `$in` is to an expression: fields, ports and a length."""

    def __init__(self, *channels: int):
        self.all = channels

    def field(self, name: str) -> object | None:
        return {"channels": self.all[0], "rank": 2}.get(name)

    def port(self, which: int | str) -> object | None:
        if isinstance(which, str):
            return Tensor(7) if which == "p4" else None
        return Tensor(self.all[which]) if which < len(self.all) else None

    def __len__(self) -> int:
        return len(self.all)

    def __str__(self) -> str:
        return f"a bundle of {len(self.all)}"


def layers(path: str) -> object | None:
    return [f"enc.{i}.skip" for i in range(3)] if path in ("enc.*.skip", "enc.1.skip") else None


SCOPE: dict[str, Any] = {
    "width": 64,
    "depths": [3, 4, 6, 3],
    "scale": 1.1,
    "half": Fraction(1, 2),
    "in": Tensor(32, 48),
    "act": "relu",
    "on": True,
    "i": 1,
    "index": 0,
    "row": {"out": 16, "name": "wide", "0": "zero"},
    "skip": "enc.0.skip",
    "anchors": [[[10, 13], [16, 30]], [[30, 61], [62, 45]]],
    "?": layers,
}


def span_of(text: str) -> Span:
    return Span("f.yaml", 3, 8, len(text), f"  out: {text}")


def value(text: str, scope: dict[str, Any] | None = None, facts: dict[str, Any] | None = None) -> Any:
    return parse_expression(text, span_of(text)).evaluate(SCOPE if scope is None else scope, facts)


def refused(text: str, facts: dict[str, Any] | None = None) -> Diagnostic:
    with pytest.raises(SpecError) as raised:
        value(text, facts=facts)
    (only,) = raised.value.diagnostics
    return only


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("4*$width", 256),
        ("ceil(1.1 * 10)", 11),
        ("$scale * 10", 11),
        ("ceil($scale * 10)", 11),
        ("0.1 + 0.2", Fraction(3, 10)),
        ("1_000 * 1e-3", 1),
        ("1. + .5", Fraction(3, 2)),
        ("2.5e2", 250),
        ("1.e1", 10),
        ("$scale", Fraction(11, 10)),
        ("$half + $half", 1),
        ("$in.channels / 2", 16),
        ("$in.channels / 3", Fraction(32, 3)),
        ("max(1, floor($in.channels / 5))", 6),
        ("(5 + 80) * len($anchors.0)", 170),
        ("4 * 3", 12),
        ("7 // 2", 3),
        ("-7 // 2", -4),
        ("-7 % 3", 2),
        ("-2 ** 2", -4),
        ("2 ** -1", Fraction(1, 2)),
        ("2 ** 3 ** 2", 512),
        ("1.2 ** 2", Fraction(36, 25)),
        ("0 ** 0", 1),
        ("- - 3", 3),
        ("+3", 3),
        ("1 if $index == 0 else 2", 1),
        ("1 if $i == 0 else 2 if $i == 1 else 3", 2),
        ("$act == 'relu'", True),
        ('$act == "relu"', True),
        ("$act == relu", True),
        ("$act != none", True),
        ("$width == relu", False),
        ("1 == true", False),
        ("0.5 == $half", True),
        ("[1, 0.5] == [1, $half]", True),
        ("[1, 2] == [1]", False),
        ("$i > 0 and $width <= 64", True),
        ("not $i > 0 or $on", True),
        ("not$on", False),
        ("false and 1 / 0 > 1", False),
        ("1 if true else 1 / 0", 1),
        ("$depths.0", 3),
        ("$depths.$i", 4),
        ("$depths[1]", 4),
        ("$depths[-1]", 3),
        ("$depths[$i:$i + 2]", [4, 6]),
        ("sum($depths[:$i])", 3),
        ("$depths[1:]", [4, 6, 3]),
        ("$depths[:]", [3, 4, 6, 3]),
        ("$anchors.0.1.$index", 16),
        ("$anchors[1][0].1", 61),
        ("($depths + [9])[4]", 9),
        ("$row.out + 1", 17),
        ("$row['name']", "wide"),
        ("$row.0", "zero"),
        ("2..5", [2, 3, 4, 5]),
        ("1..0", []),
        ("3..3", [3]),
        ("-1..1", [-1, 0, 1]),
        ("0..len($in)-1", [0, 1]),
        ("$i..$i+1", [1, 2]),
        ("reverse(3..5)", [5, 4, 3]),
        ("reverse($enc.*.skip)", ["enc.2.skip", "enc.1.skip", "enc.0.skip"]),
        ("len($enc.$i.skip)", 3),
        ("[stage.3, stage.2, enc.*.skip, p$i, td$i.conv]", ["stage.3", "stage.2", "enc.*.skip", "p1", "td1.conv"]),
        ("stage3:0", "stage3:0"),
        ("bifpn:p4", "bifpn:p4"),
        ("$skip:1", "enc.0.skip:1"),
        ("$skip.conv", "enc.0.skip.conv"),
        ("relu", "relu"),
        ("'two words'", "two words"),
        ("same_upper", "same_upper"),
        ("[]", []),
        ("[1, [2, 3],]", [1, [2, 3]]),
        ("min(3, 1, 2) + max($depths)", 7),
        ("abs(-1.5) * 2", 3),
        ("floor(-0.5)", -1),
        ("round(0.5)", 0),
        ("round(1.5)", 2),
        ("sum([])", 0),
        ("len([1, 2])", 2),
    ],
)
def test_values_worked_by_hand(text: str, expected: object) -> None:
    found = value(text)
    assert found == expected and type(found) is type(expected)


def test_objects_take_part_through_field_and_port() -> None:
    assert value("$in:1").all == (48,)
    assert value("$in:$i").all == (48,)
    assert value("$in[0]").all == (32,)
    assert value("$in:p4").all == (7,)
    assert value("($in:$i).channels") == 48
    assert value("len($in)") == 2
    assert value("$in.rank") == 2


def test_round_to_is_mobilenets() -> None:
    # Channels of MobileNetV2 at other widths; 11.2, 18 and 10.4 round down below 90 % and are lifted.
    scaled = {"11.2": 16, "16": 16, "33.6": 32, "18": 24, "44.8": 48, "10.4": 16, "3": 8, "12": 16, "20": 24, "0": 8}
    assert {x: round_to(Fraction(x), 8) for x in scaled} == scaled
    assert value("round_to(32 * 1.1, 8)") == 32  # EfficientNet-B2's stem
    assert value("round_to(1280 * 1.1, 8)") == 1408


@given(st.fractions(0, 3000, max_denominator=1000), st.integers(1, 64))
def test_round_to_keeps_its_promises(x: Fraction, step: int) -> None:
    found = round_to(x, step)
    assert found % step == 0 and found >= step and found >= Fraction(9, 10) * x
    lower = found - step
    assert lower < step or lower < Fraction(9, 10) * x or abs(found - x) <= abs(lower - x)


@pytest.mark.parametrize(
    ("text", "code", "column", "length", "words"),
    [
        ("4 * $widht", "E202", 5, 6, "$widht"),
        ("1 + lenn(2)", "E203", 5, 4, "lenn"),
        ("len()", "E203", 1, 5, "takes 1 argument"),
        ("min()", "E203", 1, 5, "at least 1 argument"),
        ("4 * 'abc'", "E204", 5, 5, "needs a number, but this is the text 'abc'"),
        ("4 * width", "E204", 5, 5, "'width' is a word"),
        ("width == 64", "E204", 1, 5, "'width' is a word"),
        ("$depths + 1", "E204", 1, 7, "a list of 4"),
        ("$i and true", "E204", 1, 2, "needs true or false, but this is 1"),
        ("not 3", "E204", 5, 1, "true or false"),
        ("1 if $act else 2", "E204", 6, 4, "the text 'relu'"),
        ("true + 1", "E204", 1, 4, "this is true"),
        ("2 ** 0.5", "E204", 6, 3, "whole number, but this is 0.5"),
        ("1 .. 2.5", "E204", 6, 3, "whole number"),
        ("$depths[0.5]", "E204", 9, 3, "whole number"),
        ("round_to(5, 0)", "E204", 1, 14, "positive"),
        ("max([])", "E204", 5, 2, "empty"),
        ("sum(3)", "E204", 5, 1, "needs a list"),
        ("len('abc')", "E204", 5, 5, "needs a list"),
        ("1 / 0", "E205", 5, 1, "1 / 0"),
        ("1 % ($i - 1)", "E205", 6, 6, "1 % 0"),
        ("0 ** -1", "E205", 6, 2, "division by zero"),
        ("$depths.7", "E206", 1, 9, "no item 7 in a list of 4"),
        ("1 + $depths[4]", "E206", 5, 10, "no item 4 in a list of 4"),
        ("$depths.out", "E206", 1, 11, "'out'"),
        ("$in.chanels", "E206", 1, 11, "a bundle of 2 has no 'chanels'"),
        ("$in:5", "E206", 1, 5, "no tensor 5"),
        ("$row.outt", "E206", 1, 9, "'outt'"),
        ("$width.x", "E206", 1, 8, "64 has no 'x'"),
        ("2 ** 10000", "E207", 1, 10, "digits"),
        ("9 ** 9 ** 9 ** 9", "E207", 6, 11, "digits"),
        ("1..1_000_000", "E207", 1, 12, "100,000"),
        ("1e999", "E207", 1, 5, "range"),
        ("1e-99999999999", "E207", 1, 14, "range"),
        ("(" * 100, "E207", 41, 1, "nested"),
        ("-" * 100 + "1", "E207", 41, 1, "nested"),
        ("1+" * 400 + "1", "E207", 302, 1, "operators"),
        ("1" * 3000, "E207", 1, 1, "characters"),
        ("1 +", "E201", 4, 1, "breaks off"),
        ("", "E201", 1, 1, "missing"),
        ("(1 + 2", "E201", 1, 1, "'(' is not closed"),
        ("max(1, 2", "E201", 4, 1, "'(' is not closed"),
        ("[1, 2", "E201", 1, 1, "'[' is not closed"),
        ("(1, 2)", "E201", 3, 1, "')' for the '(' is missing"),
        ("1 + )", "E201", 5, 1, "')' is unexpected"),
        ("3x", "E201", 2, 1, "'x' is unexpected"),
        ("$width $i", "E201", 8, 2, "'$i' is unexpected"),
        ("1 < 2 < 3", "E201", 7, 1, "chained"),
        ("1..2..3", "E201", 5, 2, "chained"),
        ("1 + not true", "E201", 5, 3, "parentheses"),
        ("$i = 1", "E201", 4, 1, "'='"),
        ("${$i}", "E201", 1, 1, "'$'"),
        ("'abc", "E201", 1, 1, "'''"),
        ("1 if true", "E201", 10, 1, "'else' is missing"),
        ("4 * 012", "E201", 5, 3, "starts with 0"),
        ("$in: 0", "E201", 6, 1, "missing after ':'"),
    ],
)
def test_errors_point_at_the_fault(text: str, code: str, column: int, length: int, words: str) -> None:
    found = refused(text)
    assert found.span is not None
    # The scalar starts in column 8 of its line.
    assert (found.code, found.span.line, found.span.column - 7, found.span.length) == (code, 3, column, length)
    assert words in found.message
    assert str(found)


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("$widht", "$width"),
        ("4 * width", "$width"),
        ("4 * widht", "$width"),
        ("round_too(1, 8)", "round_to"),
        ("$i = 1", "=="),
        ("$i && $on", "and"),
        ("2 ^ 3", "**"),
        ("$row.outt", "out"),
        ("$depths.7", ".0 to .3"),
        ("$i and true", "$x > 0"),
    ],
)
def test_hints_say_what_would_work(text: str, hint: str) -> None:
    found = refused(text).hint
    assert found is not None and hint in found


def test_facts_are_words_with_values() -> None:
    facts = {"params": 25_557_032, "stride": 32, "task": "classify", "output": (1000,)}
    for text in (
        "params == 25_557_032",
        "params < 30e6 and stride == 32",
        "task == classify",
        "task == 'classify'",
        "output == [1000]",
    ):
        assert value(text, facts=facts) is True
    assert value("params == 5", facts=facts) is False
    missing = refused("parms == 25_557_032", facts)
    assert missing.code == "E208" and missing.hint is not None and "params" in missing.hint
    assert refused("stride == strid", facts).code == "E208"
    assert refused("nothing == none", facts).code == "E208"
    assert value("params", facts=None) == "params"


@pytest.mark.parametrize(
    ("yaml", "column"),
    [
        ("a: 4*$nope", 6),
        ("a: '4*$nope'", 7),
        ('a: "4*$nope"', 7),
        ("a: '[''x'', $nope]'", 13),
        ('a: "[\\"x\\", $nope]"', 13),
        ('a: "\\x31*$nope"', 10),
        ("é: [ü, 4*$nope]", 10),
        ("a: '\n  $nope'", 4),
        ("a: >\n  $nope", 4),
    ],
)
def test_carets_inside_yaml_scalars(yaml: str, column: int) -> None:
    root = parse(yaml, "f.yaml")
    assert isinstance(root, Mapping)
    scalar: Any = root.entries[0][1]
    scalar = scalar if hasattr(scalar, "value") else scalar.items[1]
    with pytest.raises(SpecError) as raised:
        parse_expression(scalar.value.strip(), scalar.span).evaluate({})
    span = raised.value.diagnostics[0].span
    assert span is not None and (span.line, span.column) == (1, column)
    if "\n" not in yaml:
        assert span.text[span.column - 1 : span.column - 1 + span.length] == "$nope"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("p$i", "p1"),
        ("stage$i.conv", "stage1.conv"),
        ("stage$i.", "stage1."),
        ("${$i + 1}x", "2x"),
        ("$row.name-$row.out", "wide-16"),
        ("$row.name.conv", "wide.conv"),
        ("costs $$5", "costs $5"),
        ("${'}'}", "}"),
        ("$scale", "1.1"),
        ("${1 / 3}", "1/3"),
        ("$on", "true"),
        ("$depths.0", "3"),
        ("${$depths[1:].0}", "4"),
        ("${len($depths)}", "4"),
        ("p$i:0", "p1:0"),
        ("$act", "relu"),
    ],
)
def test_interpolation(text: str, expected: str) -> None:
    assert interpolate(text, span_of(text), SCOPE) == expected


@pytest.mark.parametrize(
    ("text", "code", "column", "words"),
    [
        ("p$", "E209", 2, "a name is missing"),
        ("p$5", "E209", 2, "a name is missing"),
        ("p${1", "E209", 2, "not closed"),
        ("p${}", "E209", 2, "expression is missing"),
        ("p$depths", "E209", 2, "a list of 4"),
        ("p$row", "E209", 2, "a mapping"),
        ("ab${1 + $nope}", "E202", 9, "$nope"),
        ("p$nope", "E202", 2, "$nope"),
        ("p$row.nope", "E206", 2, "nope"),
        ("p${1 +}", "E201", 7, "breaks off"),
    ],
)
def test_interpolation_errors(text: str, code: str, column: int, words: str) -> None:
    with pytest.raises(SpecError) as raised:
        interpolate(text, span_of(text), SCOPE)
    (only,) = raised.value.diagnostics
    assert only.span is not None and words in only.message
    assert (only.code, only.span.column - 7) == (code, column)


def test_text_after_a_variable_is_explained() -> None:
    with pytest.raises(SpecError) as raised:
        interpolate("p$i_x", span_of("p$i_x"), SCOPE)
    hint = raised.value.diagnostics[0].hint
    assert hint is not None and "${$i}_x" in hint


def test_growth_over_several_variables_is_bounded() -> None:
    for start, step, code in [([1, 2], "[$a, $a]", "E207"), ([1, 2], "$a + $a", "E207"), (3, "$a * $a", "E207")]:
        scope: dict[str, Any] = {"a": start}
        with pytest.raises(SpecError) as raised:
            for _ in range(100):
                scope["a"] = value(step, scope)
        assert raised.value.diagnostics[0].code == code
    deep: dict[str, Any] = {"a": [1]}
    with pytest.raises(SpecError):
        for _ in range(100):
            deep["a"] = value("[$a]", deep)
    text = {"a": "x"}
    with pytest.raises(SpecError):
        for _ in range(100):
            text["a"] = interpolate("$a$a", span_of("$a$a"), text)


def test_plain() -> None:
    found = plain(value("[0.5, 2, [1.5], 'x', true]"))
    assert found == [0.5, 2, [1.5], "x", True]
    assert [type(item) for item in found] == [float, int, list, str, bool]
    assert plain({"a": Fraction(4, 2)}) == {"a": 2}
    assert math.isfinite(plain(value("1e300"))) and plain(value("1e-300")) == 1e-300


def test_variables_and_words() -> None:
    found = parse_expression("$a.$b + [$c, p$d] == $in:$j if $e[$f:] else x(1)".replace("x(1)", "len(w)"), span_of(""))
    assert isinstance(found, Expression)
    assert found.variables() == {"a", "b", "c", "d", "in", "j", "e", "f"}
    assert found.words() == {"p$d", "w"}


def test_evaluation_is_cheap(calls: Callable[..., int]) -> None:
    span = span_of("4*$width")

    def evaluated(index: int) -> None:
        parse_expression("4*$width if $index == 0 else 1", span).evaluate({"width": 64, "index": index})
        interpolate("p$index", span, {"index": index})

    evaluated(0)
    assert calls(lambda: [evaluated(index) for index in range(1, 1_001)]) < 100_000


def test_every_function_is_documented() -> None:
    assert set(FUNCTIONS) >= {"sum", "round_to", "ceil", "floor", "min", "max", "len", "reverse", "abs", "round"}
    for name, function in FUNCTIONS.items():
        assert function.doc.startswith(f"`{name}(")


PIECES = st.sampled_from(
    [*"()[]+-*/%:,.'\"=<>!$ ", "**", "..", "$a", "$b.c", "$in", "1", "2.5", "word", "if", "else", "not", "and", "len("]
)


@settings(deadline=None, max_examples=500)
@given(st.lists(PIECES, max_size=25).map("".join) | st.text(max_size=40))
def test_any_text_gives_a_value_or_one_placed_error(text: str) -> None:
    scope = {"a": 3, "b": {"c": [1, 2.5, "x"]}, "in": Tensor(3, 4)}
    span = span_of(text)
    for run in (
        lambda: parse_expression(text, span).evaluate(scope),
        lambda: parse_expression(text, span).evaluate(scope, {"word": 3}),
        lambda: interpolate(text, span, scope),
    ):
        try:
            run()
        except SpecError as error:
            (only,) = error.diagnostics
            assert only.span is not None and 8 <= only.span.column <= 8 + len(text)
            assert str(only)
