"""Open sizes against whole numbers: what the arithmetic of forms says of every size is tried at many."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archspec.sizes import (
    ANY,
    PROGRAMS,
    Open,
    Sizes,
    Undecided,
    Untold,
    Volume,
    assuming,
    common_divisor,
    larger,
    smaller,
    symbol,
)
from archspec.sizes.admissible import sizes
from archspec.sizes.forms import period, value
from archspec.sizes.proof import signs
from archspec.sizes.simplify import simplified
from archspec.sizes.words import all_described, described, numbered, runs, witnessed
from archspec.tensor import adaptive_extent, at, pad_word, window_output

H, W = symbol("H"), symbol("W")
Function = tuple[Any, Callable[[int], int]]
"""An open size, and the same function of a whole number."""


def step(drawn: Function, kind: str, k: int, other: Function) -> Function:
    """One more operation, on the open size and on the numbers."""
    (f, of), (g, og) = drawn, other
    match kind:
        case "plus":
            return f + k, lambda n: of(n) + k
        case "times":
            return f * k, lambda n: of(n) * k
        case "floor":
            return f // abs(k or 2), lambda n: of(n) // abs(k or 2)
        case "ceil":
            return -(-f // abs(k or 2)), lambda n: -(-of(n) // abs(k or 2))
        case "rest":
            return f % abs(k or 2), lambda n: of(n) % abs(k or 2)
        case "sum":
            return f + g, lambda n: of(n) + og(n)
        case "difference":
            return f - g, lambda n: of(n) - og(n)
        case "larger":
            return larger(f, g), lambda n: max(of(n), og(n))
        case _:
            return smaller(f, g), lambda n: min(of(n), og(n))


KINDS = ("plus", "times", "floor", "ceil", "rest", "sum", "difference", "larger", "smaller")


@st.composite
def functions(draw: st.DrawFn, most: int = 6) -> Function:
    """A few operations, one after the other, on H and on what came before."""
    made: list[Function] = [(H, lambda n: n)]
    for _ in range(draw(st.integers(0, most))):
        k = draw(st.integers(-6, 6))
        made.append(step(made[-1], draw(st.sampled_from(KINDS)), k, draw(st.sampled_from(made))))
    return made[-1]


@given(functions())
@settings(deadline=None, max_examples=300)
def test_a_form_is_the_function_at_every_size(drawn: Function) -> None:
    size, function = drawn
    for n in range(1, 90):
        assert at(size, {"H": n}) == function(n)


@given(functions())
@settings(deadline=None, max_examples=200)
def test_a_form_repeats_itself_as_it_says(drawn: Function) -> None:
    size, _ = drawn
    if isinstance(size, Open):
        start, length, gain = period(size.form)
        for n in range(start, start + 2 * length + 5):
            assert value(size.form, n + length) == value(size.form, n) + gain


@given(functions())
@settings(deadline=None, max_examples=200)
def test_what_is_written_for_programs_is_the_function(drawn: Function) -> None:
    size, function = drawn
    if isinstance(size, Open):
        names = {"floor": math.floor, "ceil": math.ceil, "max": max}
        for n in (1, 2, 3, 10, 31, 64):
            assert eval(size.written(PROGRAMS), {**names, "H": n}) == function(n)


@given(functions(4), functions(4))
@settings(deadline=None, max_examples=200)
def test_the_order_of_two_sizes_is_proved(drawn: Function, other: Function) -> None:
    (f, of), (g, og) = drawn, other
    if not isinstance(f, Open) and not isinstance(g, Open):
        return
    difference = f - g
    if not isinstance(difference, Open):
        return
    parts = signs(difference.form, ANY)
    for n in range(1, 120):
        sign = (of(n) > og(n)) - (of(n) < og(n))
        assert [n in part for part in parts] == [sign == -1, sign == 0, sign == 1]


WINDOWS = st.tuples(
    st.integers(1, 7), st.integers(1, 4), st.integers(0, 4), st.integers(0, 4), st.integers(1, 3), st.booleans()
)


@given(WINDOWS, functions(2))
@settings(deadline=None, max_examples=200)
def test_windows_slide_over_open_sizes(window: tuple[int, int, int, int, int, bool], drawn: Function) -> None:
    size, function = drawn
    moved = window_output(size, *window)
    for n in range(1, 60):
        assert at(moved, {"H": n}) == window_output(function(n), *window)


@given(st.integers(1, 7), st.integers(1, 4), st.integers(1, 3))
def test_padding_that_follows_the_size(kernel: int, stride: int, dilation: int) -> None:
    before, after = pad_word("same_upper", H, kernel, stride, dilation)
    out = window_output(H, kernel, stride, before, after, dilation)
    for n in range(1, 60):
        here = pad_word("same_upper", n, kernel, stride, dilation)
        assert (at(before, {"H": n}), at(after, {"H": n})) == here
        assert at(out, {"H": n}) == -(-n // stride)
    assert str(out) == ("H" if stride == 1 else f"⌈H/{stride}⌉"), "a ceiling, whatever the kernel"


@given(st.integers(1, 30))
def test_common_divisors(m: int) -> None:
    for n in range(1, 100):
        assert at(common_divisor(H, m), {"H": n}) == math.gcd(n, m)
        assert at(adaptive_extent(H, m), {"H": n}) == adaptive_extent(n, m)


@pytest.mark.parametrize(
    ("size", "text", "program"),
    [
        (H, "H", "H"),
        (-(-H // 2), "⌈H/2⌉", "ceil(H/2)"),
        ((H - 5) // 2, "⌊(H−5)/2⌋", "floor((H-5)/2)"),
        (H // 2 // 3, "⌊H/6⌋", "floor(H/6)"),
        (H // 2 * 2, "2⌊H/2⌋", "2*floor(H/2)"),
        (H - 2, "(H−2)", "H-2"),
        (3 * H // 2, "⌊3H/2⌋", "floor(3*H/2)"),
        (symbol("H", 32) // 16, "2H", "2*H"),
        (symbol("H", 32, 1) // 2, "16H", "16*H"),
        (-(-(H * 4000) // 2001), "⌈4000H/2001⌉", "ceil(4000*H/2001)"),
        (H % 2, "(H−2⌊H/2⌋)", "H-2*floor(H/2)"),
        (larger(H // 2, H - 10), "(⌊H/2⌋+max(0,H−⌊H/2⌋−10))", "floor(H/2)+max(0,H-floor(H/2)-10)"),
    ],
)
def test_how_sizes_are_written(size: int, text: str, program: str) -> None:
    assert str(size) == text
    assert isinstance(size, Open)
    assert size.written(PROGRAMS) == program


def test_equal_functions_made_in_different_ways_are_one_form() -> None:
    assert -(-H // 2) == (H + 1) // 2
    half = -(-H // 2)
    assert -(-half // 2) == (H + 3) // 4
    assert (H - 2) // 2 + 1 == H // 2
    assert (H // 3 + 1) // 2 == (H + 3) // 6
    assert H // 2 != -(-H // 2)


def test_a_question_is_answered_for_all_sizes_or_split() -> None:
    half, up = H // 2, -(-H // 2)
    with assuming({"H": ANY}):
        assert half <= up and not up < half and half < H and H // 2 >= 0
        with pytest.raises(Undecided) as question:
            bool(half == up)
        assert (question.value.yes, question.value.no) == (Sizes(1, 2, frozenset([0])), Sizes(1, 2, frozenset([1])))
        with pytest.raises(Undecided) as question:
            bool(half < 3)
        assert sorted(question.value.yes.few) == [1, 2, 3, 4, 5] and question.value.no.start == 6
    with assuming({"H": question.value.no}):
        assert half >= 3
    with pytest.raises(TypeError, match="no order"):
        bool(half < 3)


def test_sizes_of_two_symbols_are_not_compared() -> None:
    with assuming({"H": ANY, "W": ANY}), pytest.raises(Untold) as refusal:
        bool(H == W)
    assert refusal.value.code == "E314"
    assert H != W, "outside of a rule they are just not the same"


def test_a_rule_cannot_look_open_sizes_up() -> None:
    assert {H: 1}[symbol("H")] == 1
    with assuming({"H": ANY}), pytest.raises(TypeError):
        hash(H)


def test_what_takes_too_long_to_look_at_is_refused() -> None:
    with pytest.raises(Untold) as refusal, assuming({"H": ANY}):
        bool(H // 317 % 331 == 7)
    assert refusal.value.code == "E318"
    with pytest.raises(Untold), assuming({"H": ANY}):
        bool(H < 10**7)


# ---- sets of sizes


@st.composite
def sets(draw: st.DrawFn) -> Sizes:
    start, length = draw(st.integers(1, 12)), draw(st.integers(1, 12))
    left = draw(st.sets(st.integers(0, length - 1)))
    return sizes(start, length, iter(left), iter(draw(st.sets(st.integers(1, start))) - {start}))


@given(sets(), sets())
def test_sets_are_joined_and_cut_as_sets_are(a: Sizes, b: Sizes) -> None:
    for n in range(1, 200):
        assert (n in a & b) == (n in a and n in b)
        assert (n in a | b) == (n in a or n in b)
        assert (n in a - b) == (n in a and n not in b)
    members = [n for n in range(1, 200) if n in a]
    assert list(a.below(200)) == members
    assert bool(a) == bool(members) and a.finite == (max(members, default=0) < 150)
    if members:
        assert a.first == members[0]


@given(sets())
def test_equal_sets_are_written_in_one_way(a: Sizes) -> None:
    def members(start: int, length: int) -> Sizes:
        rest = (n % length for n in range(start, start + length) if n in a)
        return sizes(start, length, rest, (n for n in range(1, start) if n in a))

    assert members(a.start + 7, 5 * a.period) == a == members(a.start, a.period)


@pytest.mark.parametrize(
    ("allowed", "phrases"),
    [
        (ANY, []),
        (Sizes(33), ["at least 33"]),
        (Sizes(1, 32, frozenset([0])), ["divisible by 32"]),
        (Sizes(65, 32, frozenset([0])), ["divisible by 32", "at least 96"]),
        (Sizes(1, 4, frozenset([1, 2])), ["1 or 2 more than a multiple of 4"]),
        (Sizes(1, 16, frozenset(range(8))), ["0 to 7 more than a multiple of 16"]),
        (Sizes(10, 1, frozenset([0]), frozenset([4, 7, 8])), ["at least 4", "not 5, 6 or 9"]),
        (Sizes(10, 2, frozenset([0]), frozenset([2, 4, 5, 6, 8])), ["divisible by 2 (or 5)"]),
        (Sizes(8, 1, frozenset(), frozenset([7])), ["7"]),
        (Sizes(513, 1, frozenset(), frozenset(range(1, 513))), ["1 to 512"]),
    ],
)
def test_what_sets_are_called(allowed: Sizes, phrases: list[str]) -> None:
    assert described(allowed) == phrases


def test_sentences() -> None:
    even = Sizes(1, 2, frozenset([0]))
    assert all_described({"H": even, "W": even, "L": ANY}) == ["H and W must be divisible by 2"]
    assert numbered({"H": 33, "W": 33, "L": 1000}) == "H = W = 33, L = 1,000"
    assert runs([1, 2, 3, 5, 6, 9]) == ["1 to 3", "5", "6", "9"]


# ---- what is the same at the sizes that are left


@given(functions(5), st.integers(2, 12), st.integers(0, 11), st.integers(1, 30))
@settings(deadline=None, max_examples=200)
def test_the_simplest_form_is_the_same_at_the_sizes_left(drawn: Function, length: int, rest: int, start: int) -> None:
    size, function = drawn
    within = Sizes(start, length, frozenset([rest % length]))
    if isinstance(size, Open):
        shorter = simplified(size.form, within)
        for n in within.below(200):
            assert value(shorter, n) == function(n)


def test_floors_that_never_round_are_fractions() -> None:
    even, fours = Sizes(1, 2, frozenset([0])), Sizes(1, 4, frozenset([1]))

    def shown(size: int, within: Sizes) -> str:
        assert isinstance(size, Open)
        return str(Open("H", simplified(size.form, within)))

    assert [shown(n, even) for n in (H // 2, -(-H // 2), H // 2 * 2, H // 4)] == ["H/2", "H/2", "H", "⌊H/4⌋"]
    assert [shown(n, fours) for n in (H // 2, H // 4 * 4, (H + 3) // 4)] == ["(H−1)/2", "(H−1)", "(H+3)/4"]


# ---- volumes


def test_a_volume_is_a_sum_of_products() -> None:
    volume = 64 * (-(-H // 2)) * (-(-W // 2)) + 10 * H * W + 7
    assert isinstance(volume, Volume)
    assert str(volume) == "(10·H·W+64·⌈H/2⌉·⌈W/2⌉+7)"
    assert volume.written(PROGRAMS) == "10*H*W+64*ceil(H/2)*ceil(W/2)+7"
    for h, w in ((1, 1), (3, 8), (224, 225)):
        assert at(volume, {"H": h, "W": w}) == 64 * -(-h // 2) * -(-w // 2) + 10 * h * w + 7
    assert volume - volume == Volume({}) and not volume - volume
    assert str(H * H) == "H²" and str(H * W * 3 - H * W) == "2·H·W"
    assert (6 * H * W + 4) // 2 == 3 * H * W + 2


@given(functions(3), functions(3), st.integers(-3, 3))
@settings(deadline=None, max_examples=150)
def test_volumes_at_numbers(drawn: Function, other: Function, k: int) -> None:
    (f, of), (g, og) = drawn, other
    volume = f * g + k * g - f * f + k
    for n in (1, 2, 5, 16, 33):
        assert at(volume, {"H": n}) == of(n) * og(n) + k * og(n) - of(n) ** 2 + k


def test_when_a_volume_is_a_number() -> None:
    with assuming({"H": ANY, "W": ANY}):
        assert 4 * H * W != 3
        with pytest.raises(Undecided) as question:
            bool(H * W == 1)
        assert question.value.symbol == "H" and sorted(question.value.yes.few) == [1]
    with assuming({"H": question.value.yes, "W": ANY}), pytest.raises(Undecided) as question:
        bool(H * W == 1)
    assert question.value.symbol == "W"
    with assuming({"H": Sizes(2), "W": ANY}):
        assert H * W != 1
    with pytest.raises(Untold, match="depends on the size"):
        assert H * W % 3


def every(period: int, remainder: int = 0, start: int = 1) -> Sizes:
    return sizes(start, period, iter([remainder]), iter(()))


@pytest.mark.parametrize(
    ("allowed", "told"),
    [
        ({"H": every(32), "W": every(32)}, "fails at H = W = 225, 226, 227, …; holds at 224, 256"),
        ({"H": every(2), "W": ANY}, "fails at H = 225, 227, 229, …; holds at 224, 226"),
        ({"L": every(4, 3)}, "fails at L = 228, 229, 230, …; holds at 227, 231"),
        ({"L": every(100, 0, 1000)}, "fails at L = 1,001, 1,002, 1,003, …; holds at 1,000, 1,100"),
        ({"L": sizes(10, 1, iter(()), iter([3, 4, 9]))}, "fails at L = 5, 6, 7, …; holds at 3, 4, 9"),
        ({"H": every(32), "W": every(8)}, "fails at H = 225, 226, 227, …; holds at 224, 256; "
         "fails at W = 225, 226, 227, …; holds at 224, 232"),
        ({"H": ANY}, ""),
    ],
)  # fmt: skip
def test_sizes_at_which_it_fails_and_holds(allowed: dict[str, Sizes], told: str) -> None:
    assert witnessed(allowed) == told
