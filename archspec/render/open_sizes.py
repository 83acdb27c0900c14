"""What a table says below it where the input leaves sizes open: which fit, and the formulas behind its figures."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from archspec.analysis.open_sizes import sentences, smallest
from archspec.analysis.summary import Summary
from archspec.graph import TypedGraph
from archspec.render.units import shape
from archspec.sizes import Volume

LINES = 4
"""Lines that a formula may take."""


def open_lines(summary: Summary, width: int, bold: Callable[[str], str]) -> list[str]:
    """Which sizes fit and why, the smallest image, and what the network costs at any size."""
    if not summary.graph.sizes:
        return []
    graph, entries = summary.graph, []
    for i, sentence in enumerate(sentences(graph)):
        entries.append(("sizes" if not i else "", [sentence]))
    if graph.requirements:
        entries.append(("smallest", _smallest(graph)))
    entries.append(("MACs", _terms(summary.totals.macs)))
    entries.append(("bytes", _terms(summary.totals.activation_bytes)))
    if summary.batch == 1:
        told = ["N times MACs and bytes;", "peaks of memory have no formula:", "--input gives a size"]
        entries.append(("batch N", told))
    label = max(len(name) for name, _ in entries)
    found = [""]
    for name, parts in entries:
        for i, row in enumerate(_wrapped(parts, width - label - 2)):
            found.append(f"{bold(f'{name if not i else str():<{label}}')}  {row}")
    return found


def _smallest(graph: TypedGraph) -> list[str]:
    """The smallest image, and the layer that no smaller one fits."""
    least = smallest(graph)
    shown = [shape(sizes) if len(least) == 1 else f"{name} {shape(sizes)}" for name, sizes in least.items()]
    deciding = [one.layer for one in graph.requirements if not one.together and one.left.items() <= graph.sizes.items()]
    return [", ".join(shown), *([f"(for {deciding[0]})"] if deciding else [])]


def _terms(cost: int) -> list[str]:
    """A formula, term by term, each after the first with its sign."""
    parts = list(Volume.expanded(cost).parts())
    return [part if not i else f"− {part[1:]}" if part[0] == "−" else f"+ {part}" for i, part in enumerate(parts)]


def _wrapped(parts: Sequence[str], width: int) -> list[str]:
    """The parts in lines of a width; of a long formula the beginning."""
    lines: list[list[str]] = [[]]
    for part in parts:
        if lines[-1] and len(" ".join([*lines[-1], part])) > width:
            lines.append([])
        lines[-1].append(part)
    if len(lines) > LINES:
        left = sum(map(len, lines[LINES:]))
        del lines[LINES:]
        while len(" ".join(lines[-1])) + len(_more(left)) >= width and len(lines[-1]) > 1:
            lines[-1].pop()
            left += 1
        lines[-1].append(_more(left))
    return [" ".join(line) for line in lines]


def _more(terms: int) -> str:
    return f"+ {terms} more terms"
