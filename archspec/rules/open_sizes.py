"""W302: an open size that most numbers do not fit

`input: [3, H, W]` says that the image may have any size, and somewhere only some sizes fit: branches meet that are
equal where the size is divisible by 16, and one cell apart elsewhere; or a layer cuts the image into blocks. The
warning names the layer, the condition, and sizes at which it fails and at which it holds. Declare the condition
(`16*H`), or make every size fit: `crop: center` where they meet, or upsampling to the size of the other branch
(`upsample: {to: …}`).
A smallest size alone is no warning: `archspec summarize` says it.

Bad:

    archspec: 1
    input: [1, H, W]
    layers:
      - conv: {out: 8, kernel: 3, padding: same}
        name: skip
      - relu
      - max_pool: 2
      - conv_transpose: {out: 8, kernel: 2, stride: 2}
      - concat: [skip, $prev]
      - conv: 1

Good:

    archspec: 1
    input: [1, 2*H, 2*W]
    layers:
      - conv: {out: 8, kernel: 3, padding: same}
        name: skip
      - relu
      - max_pool: 2
      - conv_transpose: {out: 8, kernel: 2, stride: 2}
      - concat: [skip, $prev]
      - conv: 1
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from archspec.errors import Diagnostic
from archspec.graph import TypedGraph
from archspec.rules.telling import about

if TYPE_CHECKING:
    from archspec.sizes import Requirement, Sizes

CODE = "W302"


def check(graph: TypedGraph) -> Iterator[Diagnostic]:
    """The layer that leaves the fewest sizes, where layers leave only some remainders of a number."""
    told = [one for one in graph.requirements if not one.together and _uneven(one.left)]
    last = {tuple(one.left): one for one in told}  # behind it, others ask the same or nothing more of these symbols
    for symbols, one in last.items():
        others = sum(tuple(other.left) == symbols for other in told) - 1
        yield _warning(graph, one, others)


def _warning(graph: TypedGraph, one: Requirement, others: int) -> Diagnostic:
    from archspec.sizes.words import all_described, numbered, witnessed

    left = {name: graph.sizes[name] for name in one.left}
    more = f"; {others} layer{'s' if others > 1 else ''} before it ask{'' if others > 1 else 's'} for part of that"
    known = f"{one.message}, at {numbered(one.example)}{more if others else ''}"
    message = f"{'; '.join(all_described(left))} here: {known}; it {witnessed(left)}"
    hints = [_declared(graph, left)]
    if graph.nodes[one.layer].op.category == "merge":
        hints.append("`crop: center` where branches meet, or `upsample: {to: …}` before, makes every size fit")
    return about(CODE, [graph.nodes[one.layer]], message, "; or ".join(hints))


def _declared(graph: TypedGraph, left: Mapping[str, Sizes]) -> str:
    """The axes of the inputs as multiples that all fit: `16*H and 16*W in the place of 8*H and 8*W`."""
    from archspec.sizes import PROGRAMS, Open
    from archspec.sizes.words import listed

    axes = dict.fromkeys(n for name in graph.inputs for n in graph.types[name][0].spatial)
    found: dict[str, str] = {}
    for axis in axes:
        if isinstance(axis, Open) and axis.symbol in left:
            times, more = left[axis.symbol].even
            least, step = (axis.at({axis.symbol: n}) for n in (more, times + more))
            written = f"{step - least}*{axis.symbol}" + (f" + {least}" if least else "")
            found[axis.written(PROGRAMS)] = written
    verb = "declares it" if len(found) == 1 else "declare it"
    return f"{listed(found.values())} in the place of {listed(found)} {verb}"


def _uneven(left: Mapping[str, Sizes]) -> bool:
    return any(sizes.period > 1 for sizes in left.values())
