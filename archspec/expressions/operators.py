"""The parts of a parsed expression that compute: arithmetic, comparisons, conditions, ranges, calls."""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from archspec.errors import did_you_mean, suggest
from archspec.expressions.functions import FUNCTIONS
from archspec.expressions.nodes import Env, Node, Word
from archspec.expressions.values import (
    LARGEST,
    MAX_ITEMS,
    Number,
    bounded,
    describe,
    exact,
    names,
    number,
    same,
    truth,
    whole,
)

ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": Fraction,
    "//": operator.floordiv,
    "%": operator.mod,
}
ORDER: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def _unfact(node: Word, env: Env) -> bool:
    """Whether a word is text although it stands where only facts make sense."""
    return env.facts is None or node.text not in env.facts


def _operand(node: Node, env: Env, what: str = "a number") -> Any:
    """The value of a node that is computed with, where a bare word is a variable without its `$`."""
    if isinstance(node, Word) and _unfact(node, env):
        if env.facts is not None:
            hint = did_you_mean(node.text, list(env.facts), "facts")
            raise node.fault("E208", f"there is no fact '{node.text}'", hint)
        near = suggest(node.text, names(env.scope))
        hint = f"did you mean ${near}?" if near else "variables are written $name"
        raise node.fault("E204", f"'{node.text}' is a word, not {what}", hint)
    return node.evaluate(env)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Range(Node):
    """`a..b`: whole numbers from a to b, both included; empty where b < a."""

    first: Node
    last: Node
    start: int
    end: int

    def evaluate(self, env: Env) -> Any:
        first = whole(_operand(self.first, env), self.first, "a range")
        last = whole(_operand(self.last, env), self.last, "a range")
        if last - first >= MAX_ITEMS:
            raise self.fault("E207", f"a range of more than {MAX_ITEMS:,} numbers: {first}..{last}")
        self.spend(max(0, last - first + 1))
        return list(range(first, last + 1))

    def parts(self) -> tuple[Node, ...]:
        return self.first, self.last


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Call(Node):
    """`name(a, b)`: one of `functions.FUNCTIONS`; the parser has checked name and number of arguments."""

    name: str
    args: tuple[Node, ...]
    start: int
    end: int

    def evaluate(self, env: Env) -> Any:
        args = [_operand(arg, env) for arg in self.args]
        self.spend(sum(len(value) for value in args if isinstance(value, list | tuple)))
        # With a single argument that is what the fault is about; with more it is the call.
        return FUNCTIONS[self.name].call(args, self.args[0] if len(args) == 1 else self)

    def parts(self) -> tuple[Node, ...]:
        return self.args


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Negate(Node):
    """`-x`."""

    value: Node
    start: int
    end: int

    def evaluate(self, env: Env) -> Any:
        return -number(_operand(self.value, env), self.value, "'-'")

    def parts(self) -> tuple[Node, ...]:
        return (self.value,)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Binary(Node):
    """Arithmetic: `+ - * / // % **`. `+` also joins lists."""

    sign: str
    left: Node
    right: Node
    start: int
    end: int

    def evaluate(self, env: Env) -> Any:
        left, right = _operand(self.left, env), _operand(self.right, env)
        if type(left) is not int or type(right) is not int:
            if self.sign == "+" and isinstance(left, list | tuple) and isinstance(right, list | tuple):
                return bounded([*left, *right], self)
            left = number(left, self.left, f"'{self.sign}'")
            right = number(right, self.right, f"'{self.sign}'")
        if self.sign == "**":
            return exact(self._power(left, right), self)
        if right == 0 and self.sign in ("/", "//", "%"):
            raise self.right.fault("E205", f"division by zero: {describe(left)} {self.sign} 0")
        return exact(ARITHMETIC[self.sign](left, right), self)

    def _power(self, base: Number, power: Number) -> Number:
        if type(power) is not int:
            raise self.right.fault("E204", f"a power must be a whole number, but this is {describe(power)}")
        if base == 0 and power < 0:
            raise self.right.fault("E205", "division by zero: 0 to a negative power")
        size = max(abs(base.numerator), base.denominator)
        if abs(power) * (size.bit_length() - 1) > LARGEST.bit_length():
            raise self.fault("E207", f"{describe(base)} ** {describe(power)} has too many digits")
        return Fraction(base) ** power

    def parts(self) -> tuple[Node, ...]:
        return self.left, self.right


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Compare(Node):
    """`== !=` on anything, `< <= > >=` on numbers."""

    sign: str
    left: Node
    right: Node
    start: int
    end: int

    def evaluate(self, env: Env) -> Any:
        if self.sign in ORDER:
            left = number(_operand(self.left, env), self.left, f"'{self.sign}'")
            return ORDER[self.sign](left, number(_operand(self.right, env), self.right, f"'{self.sign}'"))
        left, right = self._side(self.left, self.right, env), self._side(self.right, self.left, env)
        return same(left, right, self) is (self.sign == "==")

    def _side(self, node: Node, other: Node, env: Env) -> Any:
        """A word beside == is text, but not in an assertion, nor where it would be a slip for a variable."""
        if isinstance(node, Word):
            if env.facts is not None:
                text = isinstance(other, Word) and isinstance(env.facts.get(other.text), str)
            else:
                text = node.text not in env.scope or isinstance(other, Word)
                text = text or isinstance(other.evaluate(env), str)
            return node.evaluate(env) if text else _operand(node, env)
        return node.evaluate(env)

    def parts(self) -> tuple[Node, ...]:
        return self.left, self.right


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Not(Node):
    """`not x`."""

    value: Node
    start: int
    end: int

    def evaluate(self, env: Env) -> Any:
        return not truth(_operand(self.value, env, "true or false"), self.value, "'not'")

    def parts(self) -> tuple[Node, ...]:
        return (self.value,)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Both(Node):
    """`a and b`, `a or b`: the right side is looked at only where it matters."""

    sign: str
    left: Node
    right: Node
    start: int
    end: int

    def evaluate(self, env: Env) -> Any:
        left = truth(_operand(self.left, env, "true or false"), self.left, f"'{self.sign}'")
        if left is (self.sign == "or"):
            return left
        return truth(_operand(self.right, env, "true or false"), self.right, f"'{self.sign}'")

    def parts(self) -> tuple[Node, ...]:
        return self.left, self.right


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Choice(Node):
    """`a if condition else b`: only the side chosen is computed."""

    condition: Node
    then: Node
    other: Node
    start: int
    end: int

    def evaluate(self, env: Env) -> Any:
        chosen = truth(_operand(self.condition, env, "true or false"), self.condition, "'if'")
        return self.then.evaluate(env) if chosen else self.other.evaluate(env)

    def parts(self) -> tuple[Node, ...]:
        return self.condition, self.then, self.other
