"""An operator's rule, asked for every size at once.

The rule runs on open sizes. Where it asks a question whose answer depends on the size (does this window fit, are
these two equal), it is run again for the sizes with either answer. What it then refuses are sizes that the
network does not take; what is left is proved: at each size left the rule would give what it gave here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import reduce

from archspec.ops.base import NeedsNumber, Operator, OperatorError, Types, typed
from archspec.sizes import NONE, NoNumber, Sizes, Undecided, Untold, assuming, counting, larger
from archspec.sizes.words import USUAL, all_described, described, listed, numbered, witnessed

DEEPEST = 24
"""Questions whose answer depends on the size that one rule may ask, one after another."""
TRIED = (32, 64, 65, 128, 224, 225, 256, 512, 1024)
"""Sizes that are tried where none are proved."""
NUMBERS = "write numbers in the place of the open sizes"

Allowed = Mapping[str, Sizes]


@dataclass(frozen=True, slots=True)
class Refusal:
    """Sizes that an operator refuses: each of these of its symbol; or, `together`, only all of them at once."""

    sizes: Allowed
    together: bool
    example: Mapping[str, int]
    """A number for every symbol, that is refused: close to the smallest that fits."""
    message: str
    """What the operator says of the example."""


@dataclass(frozen=True, slots=True)
class Settled:
    """What a rule gives at every size that is left, and what it refuses."""

    outputs: Types
    steps: tuple[Fraction, ...]
    allowed: Allowed
    refusals: tuple[Refusal, ...] = ()


class OpenError(OperatorError):
    """An operator's sizes cannot be followed while they are open."""

    def __init__(self, code: str, message: str, hint: str):
        self.code = code
        super().__init__(message, hint=hint)


@dataclass(slots=True)
class _Case:
    """What a rule says where its questions have certain answers: the sizes, and the symbols it asked about."""

    allowed: Allowed
    asked: frozenset[str]
    outputs: Types = ()
    error: OperatorError | None = None


def settle(op: Operator, inputs: Types, allowed: Allowed) -> Settled:
    """The operator's output types, at all sizes at once.

    Raises OperatorError where it fits at no size (E310), at finitely many (E313), where two symbols would have to
    be one (E314), where it needs a number (E315), and where sizes cannot be followed (E318).
    """
    if not any(x.open for x in inputs):
        outputs = typed(op, inputs)
        return Settled(outputs, op.steps(inputs, outputs), allowed)
    try:
        return _settled(op, inputs, allowed)
    except Untold as error:
        tried = _tried(op, inputs, allowed) if error.code == "E318" else ""
        raise OpenError(error.code, error.message + tried, error.hint) from None
    except NoNumber as error:
        message = f"it computes with the size of its input, and {listed(inputs)} leaves it open"
        raise NeedsNumber(message, hint="write the image's size, as `--input 3x224x224`") from error


class Settling:
    """`settle` for the layers of a network in turn. Layers repeat: while the sizes are the same, what an operator
    made of some inputs is what it makes of them again."""

    def __init__(self, allowed: Allowed):
        self.allowed = allowed
        """The sizes that all layers so far take."""
        self._met: dict[tuple[int, Types], tuple[Operator, Settled]] = {}
        """By the `id` of the operator, which is kept."""
        self._work = [0]
        """What it took to find that out: bounded for all layers together."""

    def __call__(self, op: Operator, inputs: Types) -> Settled:
        """What `settle` says at the sizes left. Raises OperatorError as it does."""
        key = (id(op), inputs)
        if key not in self._met:
            with counting(self._work):
                settled = settle(op, inputs, self.allowed)
            if settled.allowed != self.allowed:
                self.allowed, self._met = settled.allowed, {}
                return settled
            self._met[key] = op, settled
        return self._met[key][1]


def _settled(op: Operator, inputs: Types, allowed: Allowed) -> Settled:
    cases = list(_cases(op, inputs, allowed, frozenset()))
    good = [case for case in cases if case.error is None]
    if not good:
        raise _refused_everywhere(op, inputs, cases, allowed)
    _refuse_open_weights(op, inputs)
    if len(cases) == 1:
        return Settled(good[0].outputs, op.steps(inputs, good[0].outputs), allowed)
    left, boxes = _left(allowed, [case for case in cases if case.error is not None])
    refusals = []
    if narrowed := {name: allowed[name] - left[name] for name in allowed if left[name] != allowed[name]}:
        refusals.append(_refusal(op, inputs, allowed, left, narrowed, together=False))
    for box in boxes:
        ordered = {name: box[name] for name in allowed if name in box}
        refusals.append(_refusal(op, inputs, left, left, ordered, together=True))
    if only := {name: left[name] for name in narrowed if left[name].finite}:
        raise _only_there(refusals[0], only)
    outputs = _outputs(op, good, left)
    return Settled(outputs, op.steps(inputs, outputs), left, tuple(refusals))


def _cases(op: Operator, inputs: Types, allowed: Allowed, asked: frozenset[str], depth: int = 0) -> Iterator[_Case]:
    """The cases that the rule's questions make, each with what the rule says there."""
    case = _Case(allowed, asked)
    try:
        with assuming(allowed):
            case.outputs = typed(op, inputs)
    except Undecided as question:
        if depth >= DEEPEST:
            raise OpenError("E318", f"which sizes fit depends on more than {DEEPEST} questions", NUMBERS) from None
        for part in (question.yes, question.no):
            narrowed = {**allowed, question.symbol: part}
            yield from _cases(op, inputs, narrowed, asked | {question.symbol}, depth + 1)
        return
    except OperatorError as error:
        case.error = error
    yield case


# ---- what is left


def _left(allowed: Allowed, refused: Sequence[_Case]) -> tuple[Allowed, list[Allowed]]:
    """Each symbol's sizes without those that are refused, and what is refused only together."""
    left = dict(allowed)
    boxes = _united([{name: case.allowed[name] for name in case.asked} for case in refused], left)
    done = False
    while not done:
        done = True
        for name in left:
            if alone := _refused_alone(name, boxes, left):
                left[name] = left[name] - alone
                boxes = _united(boxes, left)
                done = False
    return left, boxes


def _refused_alone(name: str, boxes: Sequence[Allowed], left: Allowed) -> Sizes:
    """The sizes of a symbol that are refused whatever the others are."""
    found = NONE
    for part in _parts(name, boxes, left):
        if _covered([name], [box for box in boxes if part <= box.get(name, part)], left):
            found = found | part
    return found


def _covered(done: list[str], boxes: Sequence[Allowed], left: Allowed) -> bool:
    """Whether the boxes hold all sizes of the symbols that are not yet done."""
    if any(not box.keys() - set(done) for box in boxes):
        return True
    name = next((name for name in left if name not in done and any(name in box for box in boxes)), None)
    return name is not None and all(
        _covered([*done, name], [box for box in boxes if part <= box.get(name, part)], left)
        for part in _parts(name, boxes, left)
    )


def _parts(name: str, boxes: Sequence[Allowed], left: Allowed) -> list[Sizes]:
    """A symbol's sizes cut so that each part lies inside a box or outside it."""
    parts = [left[name]]
    for cut in {box[name] for box in boxes if name in box}:
        parts = [part for whole in parts for part in (whole & cut, whole - cut) if part]
    return parts


def _united(boxes: Sequence[Allowed], left: Allowed) -> list[Allowed]:
    """The same boxes as few: those that differ in one symbol joined, symbols that make no difference left out."""
    found = [{name: part & left[name] for name, part in box.items()} for box in boxes]
    found = [box for box in found if all(box.values())]
    i = 0
    while i < len(found):
        found[i] = {name: part for name, part in found[i].items() if part != left[name]}
        for other in found[i + 1 :]:
            unlike = [name for name in {*found[i], *other} if found[i].get(name) != other.get(name)]
            if len(unlike) == 1 and unlike[0] in found[i] and unlike[0] in other:
                found[i][unlike[0]] = found[i][unlike[0]] | other[unlike[0]]
                found.remove(other)
                i = -1
                break
        i += 1
    return [dict(box) for box in found if box]


def _outputs(op: Operator, good: Sequence[_Case], left: Allowed) -> Types:
    """The types that hold at all sizes left. Raises OpenError E318 where there is no one form for all.

    A sum whose first input is one cell at one size gives the form of its second there, and of either elsewhere: it
    is the form of the second that holds at all.
    """
    inside = [{name: sizes & left[name] for name, sizes in case.allowed.items()} for case in good]
    met = [(case, where) for case, where in zip(good, inside, strict=True) if all(where.values())]
    met.sort(key=lambda one: -sum(not sizes.finite for sizes in one[0].allowed.values()))
    best = met[0][0].outputs
    odd: _Case | None = None
    for outputs in _candidates([case.outputs for case, _ in met]):
        unlike = next((case for case, where in met if not _same(case.outputs, outputs, where)), None)
        if unlike is None:
            return outputs
        odd = odd or unlike
    assert odd is not None
    told = (
        f"{', '.join(map(str, one.outputs))} at {numbered({n: s.first for n, s in one.allowed.items()})}"
        + "".join(f" (where {phrase})" for phrase in all_described(one.allowed, asked=False))
        for one in (odd, next(case for case in good if case.outputs is best))
    )
    raise OpenError("E318", f"what it gives has no one form: {' and '.join(told)}", NUMBERS)


def _candidates(found: Sequence[Types]) -> Iterator[Types]:
    """Types that may hold in all cases: those of each of them; then, axis by axis, the largest of all."""
    unlike = list({tuple(x.shape for x in outputs): outputs for outputs in found}.values())
    yield from unlike
    first, *others = unlike
    if any([x.rank for x in outputs] != [x.rank for x in first] for outputs in others):
        return
    with suppress(Untold):
        yield tuple(
            replace(
                x, shape=tuple(reduce(larger, sizes) for sizes in zip(*(one[i].shape for one in unlike), strict=True))
            )
            for i, x in enumerate(first)
        )


def _same(a: Types, b: Types, where: Allowed) -> bool:
    """Whether types are equal at all those sizes."""
    try:
        with assuming(where):
            return [x.shape for x in a] == [x.shape for x in b]
    except Undecided:
        return False


# ---- what is refused


def _refusal(op: Operator, inputs: Types, allowed: Allowed, left: Allowed, refused: Allowed, together: bool) -> Refusal:
    """With an example in numbers, and what the operator says of it."""
    example = {name: _near(sizes, left[name]) for name, sizes in refused.items()}
    usual = next(iter(example.values()))
    for name in allowed:
        if name not in example:
            example[name] = usual if usual in allowed[name] else allowed[name].first
    error = _at(op, inputs, example)
    return Refusal(refused, together, example, error.message if error else "does not fit")


def _tried(op: Operator, inputs: Types, allowed: Allowed) -> str:
    """Where nothing is proved: what the operator says of some sizes, all symbols of one size."""
    holds: list[int] = []
    fails: list[int] = []
    for n in (n for n in TRIED if all(n in sizes for sizes in allowed.values())):
        sizes = dict.fromkeys(allowed, n)
        if all(min(x.at(sizes).shape) > 0 for x in inputs):  # else a layer before it has refused that size
            (holds if _at(op, inputs, sizes) is None else fails).append(n)
    both = (("holds at", holds), ("fails at", fails))
    told = [f"{verb} {', '.join(f'{n:,}' for n in found)}" for verb, found in both if found]
    return f"; of the sizes tried for {listed(allowed)} it {' and '.join(told)}" if told else ""


def _near(refused: Sizes, left: Sizes) -> int:
    """A size that is refused: the first above the smallest that fits, else the last below it."""
    if not left:
        return refused.first
    if not refused.finite:
        return refused.following(left.first)
    return next((n for n in sorted(refused.few) if n > left.first), max(refused.few))


def _at(op: Operator, inputs: Types, example: Mapping[str, int]) -> OperatorError | None:
    """The refusal of inputs in numbers."""
    try:
        typed(op, tuple(x.at(example) for x in inputs))
    except OperatorError as error:
        return error
    return None


def _refused_everywhere(op: Operator, inputs: Types, cases: Sequence[_Case], allowed: Allowed) -> OperatorError:
    """The rule's own words; where they depend on the size, of an example in numbers."""
    first = cases[0]
    assert first.error is not None
    if len(cases) == 1:
        known = all_described(allowed, asked=False)
        if not known or isinstance(first.error, NeedsNumber):
            return first.error
        message = f"{first.error.message}, where {'; '.join(known)}"
        return OperatorError(message, first.error.argument, first.error.hint)
    first = max(cases, key=lambda case: sum(not sizes.finite for sizes in case.allowed.values()))
    assert first.error is not None
    example = {name: _usual(sizes) for name, sizes in first.allowed.items()}
    error = _at(op, inputs, example) or first.error
    left = {name: listed(described(allowed[name])) for name in sorted(first.asked)}
    fits = " and ".join(f"no {name}{f' that is {phrase}' if phrase else ''}" for name, phrase in left.items())
    message = f"{error.message}, at {numbered(example)}, and {fits} fits"
    return OperatorError(message, error.argument, error.hint)


def _usual(sizes: Sizes) -> int:
    """A size that images have, or the first one."""
    return sizes.first if sizes.finite else sizes.following(max(USUAL, sizes.start))


def _only_there(refusal: Refusal, left: Allowed) -> OperatorError:
    fits = " and ".join(all_described(left, asked=False))
    message = f"{refusal.message}, at {numbered(refusal.example)}; it fits only where {fits}: it {witnessed(left)}"
    return OpenError("E313", message, "write the number in the place of the open size")


def _refuse_open_weights(op: Operator, inputs: Types) -> None:
    for name, weight in op.weights(inputs).items():
        if all(isinstance(n, int) for n in weight.shape):
            continue
        message = f"the input of {inputs[0]} features leaves open how large its {name} is"
        hint = "`global_avg_pool`, or `adaptive_avg_pool: 7` before `flatten`, leaves their number fixed"
        raise NeedsNumber(message, hint=f"{hint}; or write the image's size, as `--input 3x224x224`")
