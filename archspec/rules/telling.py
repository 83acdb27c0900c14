"""How rules speak: warnings about layers, one for each place in the text, in the order of the text."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from typing import TypeVar

from archspec.errors import Diagnostic, Frame, Span
from archspec.graph import Node, TypedGraph

Finding = TypeVar("Finding", bound=Hashable)


def warning(code: str, message: str, span: Span, hint: str | None = None, trail: Frame | None = None) -> Diagnostic:
    """A diagnostic that is an error only under `--strict`."""
    return Diagnostic(code, message, span, hint, trail, severity="warning")


def about(code: str, nodes: list[Node], message: str, hint: str | None = None) -> Diagnostic:
    """A warning about a layer that was written once and of which there may be several, in loops and blocks."""
    more = f" (and {len(nodes) - 1} more like it)" if len(nodes) > 1 else ""
    span, trail = _in_own_text(nodes[0].span, nodes[0].trail)
    return warning(code, f"{nodes[0].name}{more}: {message}", span, hint, trail)


def by_place(nodes: Iterable[Node], also: Callable[[Node], Hashable] = lambda _: None) -> list[list[Node]]:
    """Nodes grouped by where they were written (and by what else tells them apart), in execution order."""
    groups: dict[Hashable, list[Node]] = {}
    for node in nodes:
        groups.setdefault((*place(node), also(node)), []).append(node)
    return list(groups.values())


def by_finding(graph: TypedGraph, found: Mapping[str, Finding]) -> Iterator[tuple[list[Node], Finding]]:
    """Nodes of which the same was found, each where it was written once, with what that is."""
    for nodes in by_place((graph.nodes[name] for name in found), lambda node: found[node.name]):
        yield nodes, found[nodes[0].name]


def place(node: Node) -> tuple[str, str]:
    """What tells apart the layers of a text: where each stands, and who calls it where its block is another file's."""
    return str(_in_own_text(node.span, node.trail)[0]), str(node.span)


def in_order(diagnostics: Iterable[Diagnostic]) -> list[Diagnostic]:
    """Errors, then warnings, each in the order of the text."""
    return sorted(diagnostics, key=lambda d: (d.severity == "warning", *_position(d), d.code))


def _position(diagnostic: Diagnostic) -> tuple[str, int, int]:
    if diagnostic.span is None:
        return "", 0, 0
    span, _ = _in_own_text(diagnostic.span, diagnostic.trail)
    return span.file, span.line, span.column


def _in_own_text(span: Span, trail: Frame | None) -> tuple[Span, Frame | None]:
    """A place and the trail to it; where it lies in a block of another file, the call of that block in the spec."""
    outermost = trail
    while outermost is not None and outermost.outer is not None:
        outermost = outermost.outer
    while trail is not None and outermost is not None and span.file != outermost.span.file:
        span, trail = trail.span, trail.outer
    return span, trail


def counted(number: int, noun: str) -> str:
    """`1 layer`, `1,200 layers`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
