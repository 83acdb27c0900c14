"""Tokens → nodes, by operator precedence (Pratt 1973).

From loosest to tightest: `a if c else b`, `or`, `and`, `not`, comparisons (not chained), `a..b`, `+ -`,
`* / // %`, unary `-`, `**` (from the right), then calls, `[…]`, `.field` and `:port`.
"""

from __future__ import annotations

import re
from fractions import Fraction
from functools import lru_cache
from typing import NoReturn

from archspec.errors import did_you_mean
from archspec.expressions.functions import FUNCTIONS
from archspec.expressions.nodes import Constant, Field, Index, Items, Node, Port, Slice, Variable, Word
from archspec.expressions.operators import Binary, Both, Call, Choice, Compare, Negate, Not, Range
from archspec.expressions.tokens import Token, tokenize
from archspec.expressions.values import Fault, exact

MAX_OPERATORS = 150
"""Bounds the height of the tree, and with it the stack that evaluation needs."""
MAX_DEPTH = 40
MAX_EXPONENT = 300

CHOICE, OR, AND, NOT, COMPARE, RANGE, SUM, PRODUCT, UNARY, POWER = range(1, 11)
BINDING = {
    "if": CHOICE,
    "or": OR,
    "and": AND,
    **dict.fromkeys(("==", "!=", "<", "<=", ">", ">="), COMPARE),
    "..": RANGE,
    **dict.fromkeys(("+", "-"), SUM),
    **dict.fromkeys(("*", "/", "//", "%"), PRODUCT),
    "**": POWER,
}
_OPERATORS = frozenset(("sign", "keyword"))


def parse(text: str) -> Node:
    """The tree of an expression. Raises a fault: E201 syntax, E203 function, E207 too long or deep."""
    found = _parsed(text)
    if isinstance(found, Fault):
        raise found.again()
    return found


@lru_cache(maxsize=8192)
def _parsed(text: str) -> Node | Fault:
    """The tree, or what is wrong: an expression in a loop is read once, also where it is none."""
    try:
        parser = _Parser(tokenize(text))
        if parser.token.kind == "end":
            return Fault("E201", "an expression is missing", 0, 1)
        node = parser.expression(0)
        if parser.token.kind != "end":
            parser.unexpected()
    except Fault as fault:
        return fault.again()  # without what the traceback holds
    return node


class _Parser:
    def __init__(self, tokens: list[Token]):
        self.tokens = tokens
        self.at = 0
        self.token = tokens[0]
        self.operators = 0
        self.depth = 0
        self.slicing = False  # directly inside […] of an index a ':' cuts, elsewhere it picks a tensor

    def next(self) -> Token:
        token = self.token
        self.at += 1
        self.token = self.tokens[min(self.at, len(self.tokens) - 1)]
        return token

    def is_sign(self, *signs: str) -> bool:
        return self.token.kind in _OPERATORS and self.token.text in signs

    def expect(self, sign: str, opened: Token | None = None) -> Token:
        if self.is_sign(sign):
            return self.next()
        if opened is not None and self.token.kind == "end":
            raise Fault("E201", f"this '{opened.text}' is not closed", opened.start, opened.end)
        wanted = f"'{sign}'" + (f" for the '{opened.text}'" if opened else "")
        self.unexpected(f"{wanted} is missing here")

    def unexpected(self, message: str | None = None) -> NoReturn:
        token = self.token
        before = self.tokens[self.at - 1] if self.at else None
        hint = None
        if message is None and token.kind == "end":
            message = "the expression breaks off here"
        elif message is None:
            message = f"'{token.text}' is unexpected here"
            values = ("number", "variable", "word", "text")
            if before and before.kind == "number" and token.kind == "word" and before.end == token.start:
                hint = _no_number(before.text, token.text)
            elif before and before.kind in values and token.kind in values:
                hint = "an operator is missing between the two; text with spaces needs quotes: \"'like this'\""
        raise Fault("E201", message, token.start, token.end, hint)

    def count(self, token: Token) -> None:
        self.operators += 1
        if self.operators > MAX_OPERATORS:
            message = f"an expression of more than {MAX_OPERATORS} operators"
            raise Fault("E207", message, token.start, token.end, "split it over several variables")

    def expression(self, binding: int, slicing: bool = False) -> Node:
        outer, self.slicing = self.slicing, slicing
        self.depth += 1
        if self.depth > MAX_DEPTH:
            message = f"an expression nested deeper than {MAX_DEPTH} levels"
            raise Fault("E207", message, self.token.start, self.token.end)
        left = self.prefix(binding)
        while self.token.kind in _OPERATORS and BINDING.get(self.token.text, 0) > binding:
            left = self.infix(left)
        self.depth -= 1
        self.slicing = outer
        return left

    def infix(self, left: Node) -> Node:
        sign = self.next()
        self.count(sign)
        name, start, binding = sign.text, left.start, BINDING[sign.text]
        if name == "if":
            condition = self.expression(CHOICE, self.slicing)
            self.expect("else")
            other = self.expression(CHOICE - 1, self.slicing)
            return Choice(condition, left, other, start, other.end)
        # ** binds what follows from the right, and looser than a minus there: 2 ** -1.
        right = self.expression(POWER - 1 if name == "**" else binding, self.slicing)
        if name in ("and", "or"):
            return Both(name, left, right, start, right.end)
        if binding == COMPARE:
            if self.token.kind == "sign" and BINDING.get(self.token.text) == COMPARE:
                self.unexpected("comparisons cannot be chained; join two with 'and'")
            return Compare(name, left, right, start, right.end)
        if name == "..":
            if self.is_sign(".."):
                self.unexpected("ranges cannot be chained")
            return Range(left, right, start, right.end)
        return Binary(name, left, right, start, right.end)

    def prefix(self, binding: int) -> Node:
        token = self.next()
        if token.kind == "sign" and token.text in ("-", "+"):
            self.count(token)
            value = self.expression(UNARY, self.slicing)
            return value if token.text == "+" else Negate(value, token.start, value.end)
        if token.kind == "keyword" and token.text == "not":
            if binding > NOT:
                self.at -= 1
                self.token = token
                self.unexpected("'not' needs parentheses here")
            self.count(token)
            value = self.expression(NOT, self.slicing)
            return Not(value, token.start, value.end)
        return self.postfix(self.atom(token))

    def atom(self, token: Token) -> Node:
        kind, start, end = token.kind, token.start, token.end
        if kind == "variable":
            return _variable(token.text, start)
        if kind == "number":
            return _number(token)
        if kind == "text":
            return Constant(token.text[1:-1], start, end)
        if kind == "keyword" and token.text in ("true", "false"):
            return Constant(token.text == "true", start, end)
        if kind == "word":
            if self.is_sign("(") and self.token.start == end:
                return self.call(token)
            return _word(token.text, start)
        if token.text == "(":
            inner = self.expression(0)
            self.expect(")", token)
            return inner
        if token.text == "[":
            items, last = self.items("]", token)
            return Items(items, start, last.end)
        self.at -= 1
        self.token = token
        self.unexpected()

    def call(self, name: Token) -> Node:
        opened = self.next()
        args, last = self.items(")", opened)
        function = FUNCTIONS.get(name.text)
        if function is None:
            hint = did_you_mean(name.text, list(FUNCTIONS), "functions")
            raise Fault("E203", f"there is no function {name.text}", name.start, name.end, hint)
        if len(args) < function.least or (function.most is not None and len(args) > function.most):
            here = "here is" if len(args) == 1 else "here are"
            wanted = str(function.least) if function.most else f"at least {function.least}"
            message = f"{name.text} takes {wanted} argument{'s' * (function.least > 1)}, but {here} {len(args)}"
            raise Fault("E203", message, name.start, last.end, function.doc)
        return Call(name.text, args, name.start, last.end)

    def items(self, closing: str, opened: Token) -> tuple[tuple[Node, ...], Token]:
        found: list[Node] = []
        while not self.is_sign(closing):
            found.append(self.expression(0))
            if not self.is_sign(closing):
                if self.token.kind != "end" and not self.is_sign(","):
                    self.unexpected()
                self.expect(",", opened)
        return tuple(found), self.next()

    def postfix(self, node: Node) -> Node:
        while True:
            token = self.token
            touching = self.tokens[self.at - 1].end == token.start
            if token.kind == "field":
                self.next()
                self.count(token)
                part = _parts(token.text, token.start)[0]
                node = Field(node, part, node.start, token.end)
            elif self.is_sign("[") and touching and not isinstance(node, Constant):
                self.next()
                self.count(token)
                node = self.index(node, token)
            elif self.is_sign(":") and touching and not self.slicing and isinstance(node, Variable | Word):
                self.next()
                node = self.port(node, token)
            else:
                return node

    def index(self, node: Node, opened: Token) -> Node:
        low = None if self.is_sign(":") else self.expression(0, slicing=True)
        if low is not None and not self.is_sign(":"):
            return Index(node, low, node.start, self.expect("]", opened).end)
        self.expect(":", opened)
        high = None if self.is_sign("]") else self.expression(0, slicing=True)
        return Slice(node, low, high, node.start, self.expect("]", opened).end)

    def port(self, node: Node, colon: Token) -> Node:
        token = self.token
        if token.start != colon.end or token.kind not in ("number", "variable", "word"):
            self.unexpected("the number or name of a tensor is missing after ':'")
        self.next()
        port: Node = _number(token) if token.kind == "number" else _variable(token.text, token.start)
        if token.kind == "word":
            port = Constant(token.text, token.start, token.end)
        return Port(node, port, node.start, token.end)


def _number(token: Token) -> Constant:
    text = token.text.replace("_", "")
    mantissa, _, power = text.lower().partition("e")
    if re.match(r"0[0-9]", text):
        raise Fault("E201", f"'{token.text}' starts with 0", token.start, token.end, "write it without")
    if power and abs(int(power)) > MAX_EXPONENT:
        raise Fault("E207", "the number is out of range", token.start, token.end)
    place = Constant(None, token.start, token.end)
    try:
        value = int(text) if text.isdecimal() else Fraction(mantissa.strip(".") if mantissa.endswith(".") else text)
    except ValueError:
        raise Fault("E207", "the number has too many digits", token.start, token.end) from None
    if mantissa.endswith(".") and power:
        value = value * Fraction(10) ** int(power)
    return Constant(exact(value, place), token.start, token.end)


def _variable(text: str, start: int) -> Variable:
    """`$name.part.$i` → Variable."""
    name, dot, rest = text[1:].partition(".")
    path = _parts(dot + rest, start + 1 + len(name)) if dot else ()
    return Variable(name, path, start, start + len(text))


_THOUSANDS = {"k": 1, "K": 1, "M": 2, "G": 3, "B": 3, "T": 4}
"""What people write behind a count, and how many groups of three zeros it is."""


def _no_number(digits: str, letters: str) -> str:
    """What to write for `5M` and `8MiB`."""
    told = f"'{digits}{letters}' is no number"
    if letters in ("KiB", "MiB", "GiB"):
        return f"{told}: bytes are written {digits} * {letters}"
    if letters in _THOUSANDS and digits.isdecimal():
        return f"{told}: write {int(digits):_}{'_000' * _THOUSANDS[letters]}"
    return f"{told}; quote it for text"


def _parts(text: str, start: int) -> tuple[str | Variable, ...]:
    """`.part.$i` → its parts."""
    found: list[str | Variable] = []
    for match in re.finditer(r"\.([^.]+)", text):
        part = match.group(1)
        at = start + match.start(1)
        found.append(Variable(part[1:], (), at, at + len(part)) if part[0] == "$" else part)
    return tuple(found)


def _word(text: str, start: int) -> Word:
    """`stage.3`, `p$l`, `enc.$i.skip` → Word."""
    pieces: list[str | Variable] = []
    for match in re.finditer(r"\$\w+|[^$]+", text):
        at, end = start + match.start(), start + match.end()
        piece = match.group()
        pieces.append(Variable(piece[1:], (), at, end) if piece[0] == "$" else piece)
    return Word(text, tuple(pieces), start, start + len(text))
