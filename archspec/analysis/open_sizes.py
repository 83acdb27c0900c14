"""What follows for an image whose size the spec leaves open: the smallest, what it must be divisible by, and why."""

from __future__ import annotations

from typing import Any

from archspec.graph import TypedGraph
from archspec.sizes.words import all_described, listed


def smallest(graph: TypedGraph) -> dict[str, tuple[int, ...]]:
    """The shape of the smallest image for each input: every open size as small as the network takes it.

    Of sizes that are refused only together the last one is larger.
    """
    least = {name: allowed.first for name, allowed in graph.sizes.items()}
    for one in graph.requirements:
        if one.together and one.refuses(least):
            (*_, name) = one.refused
            least[name] = graph.sizes[name].following(max(one.refused[name].few, default=0) + 1)
    return {name: graph.types[name][0].at(least).shape for name in graph.inputs}


def sentences(graph: TypedGraph) -> list[str]:
    """What the open sizes must be, in sentences; that any will do, where none is refused."""
    found = [*all_described(graph.sizes), *(one.condition for one in graph.requirements if one.together)]
    return found or [f"{listed(graph.sizes)} may be any size"]


def open_sizes(graph: TypedGraph) -> dict[str, Any]:
    """The same as plain data. Sizes from `start` on are those that leave one of `remainders` by `period`."""
    return {
        "sizes": {
            name: {
                "smallest": allowed.first,
                "start": allowed.start,
                "period": allowed.period,
                "remainders": sorted(allowed.remainders),
                "before_start": sorted(allowed.few),
            }
            for name, allowed in graph.sizes.items()
        },
        "must": [*all_described(graph.sizes), *(one.condition for one in graph.requirements if one.together)],
        "smallest_inputs": {name: list(shape) for name, shape in smallest(graph).items()},
        "requirements": [
            {
                "layer": one.layer,
                "must": one.condition,
                "example": dict(one.example),
                "message": one.message,
                "source": {"file": one.span.file, "line": one.span.line, "column": one.span.column},
            }
            for one in graph.requirements
        ],
    }
