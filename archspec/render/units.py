"""Numbers as people read them: parameters with separators, MACs in decimal units, memory in binary ones."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Any

NOTHING = "–"


def grouped(number: int) -> str:
    """`25,557,032`; a dash for none."""
    return f"{number:,}" if number else NOTHING


def decimal(number: int, places: int = 2) -> str:
    """`4.09 G`: with the decimal unit that leaves fewer than four digits before the point; a dash for none."""
    return _scaled(number, 1000, ("", "k", "M", "G", "T", "P", "E"), places)


def binary(number: int, places: int = 2) -> str:
    """`58.13 MiB`: with the binary unit that fits; a dash for none."""
    return _scaled(number, 1024, ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"), places)


def share(part: int, whole: int) -> str:
    """`74 %`, or `<1 %`."""
    percent = 100 * part / whole if whole else 0.0
    return f"{percent:.0f} %" if percent >= 1 else "<1 %"


def shape(sizes: tuple[int, ...]) -> str:
    """`64×112×112`, `64×⌈H/2⌉×⌈W/2⌉`."""
    return "×".join(str(n) for n in sizes)


def duration(seconds: float) -> str:
    """`1.23 ms`: three digits, with the unit that fits."""
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= 0.9995 * size or unit == "µs":
            value = seconds / size
            return f"{value:.{0 if value >= 99.95 else 1 if value >= 9.995 else 2}f} {unit}"
    raise AssertionError("the smallest unit takes all")


def rate(number: float) -> str:
    """`1,130`, `26.1`: three digits, or all before the point."""
    return f"{number:,.0f}" if number >= 100 else f"{number:.3g}"


def exact(number: int | Fraction) -> str:
    """`32`, `0.5`: whole numbers in full, others to six digits."""
    return str(int(number)) if number.denominator == 1 else f"{float(number):g}"


def axes(numbers: Sequence[int | Fraction]) -> str:
    """`7` where it is the same along every axis, else `7×3`; a dash where there are none."""
    texts = [exact(number) for number in numbers]
    return "×".join(texts if len({*texts}) > 1 else texts[:1]) or NOTHING


def shown(unit: str, value: Any, places: int = 2) -> str:
    """A figure by what it is counted in (`archspec.analysis.figures.Unit`)."""
    writers: dict[str, Callable[[Any], str]] = {
        "values": grouped,
        "operations": lambda number: decimal(number, places),
        "bytes": lambda number: binary(number, places),
        "cells": lambda found: axes(found if isinstance(found, tuple) else (found,)),
        "seconds": duration,
        "rate": rate,
        "words": str,
    }
    return writers[unit](value)


def numbered(values: Mapping[str, int]) -> str:
    """Numbers for open sizes: `H = W = 224`."""
    alike: dict[int, list[str]] = {}
    for symbol, n in values.items():
        alike.setdefault(n, []).append(symbol)
    return ", ".join(f"{' = '.join(symbols)} = {n:,}" for n, symbols in alike.items())


def cells_wide(text: str) -> int:
    """Terminal cells a text takes: two for wide characters, none for combining ones."""
    if text.isascii():
        return len(text)
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def clipped(text: str, width: int, keep_end: bool = False) -> str:
    """The text cut to a width: its end left out, or its start; `×N` and `frozen` at the end stay."""
    if cells_wide(text) <= width:
        return text
    head, sign, last = text.rpartition(" · " if text.endswith(" · frozen") else " ×")
    mark = last == "frozen" or (last.isdigit() and not head.endswith(","))
    tail = f"{sign}{last}" if mark and not keep_end else ""
    kept = list(head if tail else text)
    while kept and cells_wide("".join(kept)) + cells_wide(tail) > width - 1:
        kept.pop(0 if keep_end else -1)
    return "…" + "".join(kept) if keep_end else "".join(kept).rstrip(" ·,") + "…" + tail


def _scaled(number: int, base: int, names: tuple[str, ...], places: int) -> str:
    if not number:
        return NOTHING
    value, step = float(number), 0
    # 999.996 would print as 1000.00: the unit is chosen after rounding
    while round(value, places) >= base and step < len(names) - 1:
        value /= base
        step += 1
    if value >= base:  # no unit is left: 1.18e+23
        return f"{number:.{places}e} {names[0]}".rstrip()
    return f"{value:.{places if step else 0}f} {names[step]}".rstrip()
