"""Functions of an open size as people write them, `⌈H/2⌉`, and as programs do, `ceil(H/2)`."""

from __future__ import annotations

from dataclasses import dataclass

from archspec.sizes.forms import Atom, Floor, Form, Itself, minus, plus, scaled


@dataclass(frozen=True, slots=True)
class Style:
    """The signs of a way of writing. `joint` multiplies a number and what follows it."""

    floor: tuple[str, str]
    ceil: tuple[str, str]
    joint: str
    times: str
    minus: str
    square: str
    separator: str
    """Between the thousands of a number."""

    def number(self, n: int) -> str:
        return f"{n:,}".replace(",", self.separator)


PEOPLE = Style(("⌊", "⌋"), ("⌈", "⌉"), "", "·", "−", "²", ",")
PROGRAMS = Style(("floor(", ")"), ("ceil(", ")"), "*", "*", "-", "**2", "")


def text(a: Form, symbol: str, style: Style = PEOPLE) -> str:
    """A form: `H`, `⌈H/2⌉`, `2⌊(H−5)/4⌋+1`."""
    merged = _one_floor(a)
    if merged is not None:
        return _rounded(merged, symbol, style)
    parts = [_term(atom, coefficient, symbol, style) for atom, coefficient in sorted(a.terms, key=lambda t: t[1] < 0)]
    if a.constant or not parts:
        parts.append(f"{style.minus if a.constant < 0 else ''}{abs(a.constant)}")
    return "".join(part if i == 0 or part.startswith(style.minus) else f"+{part}" for i, part in enumerate(parts))


def factor(a: Form, symbol: str, style: Style = PEOPLE) -> str:
    """The same where something stands beside it: sums in brackets."""
    written = text(a, symbol, style)
    return f"({written})" if is_sum(a) else written


def is_sum(a: Form) -> bool:
    """Whether a form is written as a sum."""
    parts = len(a.terms) + bool(a.constant)
    return parts > 1 and _one_floor(a) is None


def _one_floor(a: Form) -> Floor | None:
    """A form that is one floor: `n + floor(n / 2) + 1` is floor((3n + 2) / 2)."""
    floors = [(atom, c) for atom, c in a.terms if isinstance(atom, Floor)]
    if len(floors) != 1 or any(not isinstance(atom, Itself) for atom, _ in a.terms if atom is not floors[0][0]):
        return None
    ((atom, coefficient),) = floors
    assert isinstance(atom, Floor)
    if coefficient != 1 or atom.exact:
        return None
    rest = minus(a, Form(((atom, 1),)))
    return Floor(plus(atom.inner, scaled(rest, atom.by)), atom.by)


def _rounded(one: Floor, symbol: str, style: Style) -> str:
    """A floor, or as a ceiling where the offset is then smaller: ⌊(n + 1) / 2⌋ is ⌈n / 2⌉."""
    up = one.inner.constant - one.by + 1
    brackets, inner = style.floor, one.inner
    if abs(up) < abs(one.inner.constant):
        brackets, inner = style.ceil, Form(one.inner.terms, up)
    return f"{brackets[0]}{factor(inner, symbol, style)}/{one.by}{brackets[1]}"


def _term(atom: Atom, coefficient: int, symbol: str, style: Style) -> str:
    if isinstance(atom, Itself):
        shown, joint = symbol, style.joint
    elif isinstance(atom, Floor):
        whole = factor(atom.inner, symbol, style)
        shown = f"{whole}/{atom.by}" if atom.exact else _rounded(atom, symbol, style)
        joint = style.times if atom.exact else style.joint
    else:
        shown, joint = f"max(0,{text(atom.inner, symbol, style)})", style.joint
    sign = style.minus if coefficient < 0 else ""
    return f"{sign}{shown}" if abs(coefficient) == 1 else f"{sign}{abs(coefficient)}{joint}{shown}"
