"""The outputs of a classifier that its loss is computed on."""

from __future__ import annotations

from archspec.graph import Tap, TypedGraph


def main_scores(graph: TypedGraph) -> Tap | None:
    """The vector of scores that answers, or None where the network is no classifier or has no single one."""
    taps = [tap for name, tap in graph.outputs.items() if name not in graph.heads]
    if graph.task != "classify" or len(taps) != 1 or graph.type_of(taps[0]).rank != 0:
        return None
    return taps[0]


def head_scores(graph: TypedGraph) -> dict[str, Tap]:
    """The vectors of scores of a classifier's heads, but for those whose loss has weight 0."""
    weighted = {name: graph.outputs[name] for name, head in graph.heads.items() if head.weight > 0}
    return {name: tap for name, tap in weighted.items() if graph.type_of(tap).rank == 0 and main_scores(graph)}


def scores(graph: TypedGraph) -> list[Tap]:
    """Both of them, the main one first."""
    main = main_scores(graph)
    return [main, *head_scores(graph).values()] if main is not None else []
