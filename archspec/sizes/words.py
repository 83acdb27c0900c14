"""What sets of sizes are called: "at least 75", "divisible by 32", "H mod 4 is 1 or 2"."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import count, islice

from archspec.sizes.admissible import ANY, Sizes

FEW = 8
"""Numbers that are listed, at most."""
WITNESSES = 3
"""Sizes that are named where something fails at some and holds at others."""
USUAL = 224
"""The side of an image from which on they are looked for."""


def listed(words: Iterable[object], last: str = "and") -> str:
    """`a, b and c`."""
    found = [str(word) for word in words]
    return f" {last} ".join([", ".join(found[:-1]), found[-1]]) if len(found) > 1 else "".join(found)


def runs(numbers: Sequence[int]) -> list[str]:
    """Rising numbers, those in a row as `3 to 7`."""
    found: list[list[int]] = []
    for n in numbers:
        if found and n == found[-1][-1] + 1:
            found[-1].append(n)
        else:
            found.append([n])
    return [part for row in found for part in ([f"{row[0]:,} to {row[-1]:,}"] if len(row) > 2 else map(str, row))]


def described(allowed: Sizes) -> list[str]:
    """What a size must be to be one of a set, in phrases that follow "must be"; none where any is."""
    if allowed.finite:
        return [listed(_cut(runs(sorted(allowed.few))), "or")]
    phrases = []
    if allowed.remainders == {0} and allowed.period > 1:
        phrases.append(f"divisible by {allowed.period:,}")
    elif allowed.period > 1:
        rest = listed(_cut(runs(sorted(allowed.remainders))), "or")
        phrases.append(f"{rest} more than a multiple of {allowed.period:,}")
    regular = Sizes(1, allowed.period, allowed.remainders)
    first = (regular & allowed).first
    if first > regular.first:
        phrases.append(f"at least {first:,}")
    if gaps := [n for n in range(first + 1, allowed.start) if n in regular and n not in allowed]:
        phrases.append(f"not {listed(_cut(runs(gaps)), 'or')}")
    if more := [n for n in sorted(allowed.few) if n not in regular]:
        phrases[-1] += f" (or {listed(_cut(runs(more)), 'or')})"
    return phrases


def _cut(words: list[str]) -> list[str]:
    return words if len(words) <= FEW else [*words[: FEW - 1], "…"]


def all_described(allowed: Mapping[str, Sizes], asked: bool = True) -> list[str]:
    """The same for several symbols, a sentence for those of one kind: "H and W must be divisible by 32".

    Where it is not `asked` of them but so: "H and W are divisible by 32".
    """
    alike: dict[Sizes, list[str]] = {}
    for symbol, one in allowed.items():
        if described(one):
            alike.setdefault(one, []).append(symbol)
    verbs = ["must be" if asked else "is" if len(symbols) == 1 else "are" for symbols in alike.values()]
    parts = zip(alike.items(), verbs, strict=True)
    return [f"{listed(symbols)} {verb} {listed(described(one))}" for (one, symbols), verb in parts]


def witnessed(allowed: Mapping[str, Sizes]) -> str:
    """Sizes at which it fails and at which it holds: "fails at H = W = 225, 226, 227, …; holds at 224, 256"."""
    alike: dict[Sizes, list[str]] = {}
    for symbol, one in allowed.items():
        if one and one != ANY:
            alike.setdefault(one, []).append(symbol)
    told = []
    for one, symbols in alike.items():
        name = " = ".join(symbols)
        holds = sorted(one.few)[-WITNESSES:] if one.finite else [one.following(max(USUAL, one.first))]
        fails = list(islice((n for n in count(holds[0]) if n not in one), WITNESSES))
        if not one.finite:
            holds.append(one.following(holds[0] + 1))
        listing = ", ".join(f"{n:,}" for n in fails)
        told.append(f"fails at {name} = {listing}, …; holds at {', '.join(f'{n:,}' for n in holds)}")
    return "; ".join(told)


def numbered(values: Mapping[str, int]) -> str:
    """`H = W = 33`, `H = 33, W = 224`."""
    alike: dict[int, list[str]] = {}
    for symbol, n in values.items():
        alike.setdefault(n, []).append(symbol)
    return ", ".join(f"{' = '.join(symbols)} = {n:,}" for n, symbols in alike.items())
