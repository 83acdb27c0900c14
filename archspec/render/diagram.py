"""A graph as a picture that fits a page, before any layout: repeats once, chains in a box, blocks folded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from archspec.graph import Tap, TypedGraph
from archspec.ops.base import Operator
from archspec.render.chains import Collapsed, chains, collapse, single_chains
from archspec.render.fold import PLAIN, deepest, levels
from archspec.render.panel import ELIDED, narrowings, panel
from archspec.render.picture import Box, Diagram, Frame, Panel

MOST_BOXES = 60
LONGEST = 26
"""A page by default: no more boxes than this, and no more of them one under another."""
MOST_LAYERS, LONGEST_LAYERS = 200, 100
"""The same where each layer is a box, which is asked for."""
GUARD = 400
"""An explicit depth is lowered where it would draw more boxes than this."""
MOST_INSETS = 6
MOST_IN_INSET = 24
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def diagram(graph: TypedGraph, depth: int | None = None, fuse: bool = True) -> Diagram:
    """The picture of a graph, scopes deeper than `depth` levels folded; repeats, and what is long, where None.

    `fuse` draws a convolution with its normalisation and activation as one box.
    """
    reduced = collapse(graph)
    fused = chains(reduced.graph) if fuse else {name: name for name in reduced.graph.nodes}
    limit = deepest(reduced.graph)
    branches = _branches(graph)
    simple = single_chains(reduced.graph, fused)
    closed = simple if depth is not None or not fuse else simple | _repeated(graph, reduced, simple) | _detectors(graph)
    chosen = limit if depth is None else max(1, min(depth, limit))
    while True:
        main = panel(reduced, fused, chosen, graph.name, closed=closed, opened=branches)
        if chosen == 1 or _fits(main, by_default=depth is None, fuse=fuse):
            break
        chosen -= 1
    if len(main.boxes) > GUARD:  # nothing left to fold
        main = panel(reduced, fused, chosen, graph.name, closed=closed, most=MOST_BOXES)
    kinds = _kinds(main)
    letters = {box.key: letter for letter, boxes in kinds for box in boxes}
    named = tuple(replace(box, letter=letters.get(box.key, "")) for box in _told_apart(graph, main.boxes))
    insets = (
        _inset(reduced, fused, simple, boxes[0], replace(boxes[0], letter=letter).heading) for letter, boxes in kinds
    )
    opened = [inset for inset in insets if inset is not None]
    if not fuse:  # borders around what would be one box say too little for the room they take
        chained = single_chains(reduced.graph, chains(reduced.graph)) - set(reduced.counts)
        main, opened = _unframed(main, chained), [_unframed(inset, chained) for inset in opened]
    return Diagram(replace(main, boxes=named), tuple(opened[:MOST_INSETS]), chosen, reduced.stands)


def opened(graph: TypedGraph) -> Diagram:
    """The whole network with repeats drawn once, chains in a box and every block open."""
    reduced = collapse(graph)
    fused = chains(reduced.graph)
    depth, closed = deepest(reduced.graph), single_chains(reduced.graph, fused)
    return Diagram(panel(reduced, fused, depth, graph.name, closed=closed), (), depth, reduced.stands)


def _unframed(panel: Panel, paths: frozenset[str]) -> Panel:
    """A panel without the borders around some scopes."""

    def kept(frame: Frame) -> tuple[list[Frame], list[str]]:
        """The frames that stay of a frame, and the boxes that are the one's around it then."""
        inner: list[Frame] = []
        boxes = list(frame.boxes)
        for child in frame.frames:
            frames, loose = kept(child)
            inner += frames
            boxes += loose
        if frame.path in paths:
            return inner, boxes
        return [replace(frame, boxes=tuple(boxes), frames=tuple(inner))], []

    return replace(panel, frames=tuple(one for frame in panel.frames for one in kept(frame)[0]))


def unfolded(graph: TypedGraph) -> Diagram:
    """The whole network, chains in a box and nothing else folded."""
    fused = chains(graph)
    whole = Collapsed(graph, {}, graph)
    depth = deepest(graph)
    return Diagram(panel(whole, fused, depth, graph.name, closed=single_chains(graph, fused)), (), depth)


def _branches(graph: TypedGraph) -> frozenset[str]:
    """Scopes that are no block by themselves: a block folds whole, not branch by branch."""
    return frozenset(
        path for path, scope in graph.scopes.items() if scope.word in ("branch", "shortcut") and len(levels(path)) > 1
    )


def _repeated(graph: TypedGraph, reduced: Collapsed, simple: frozenset[str]) -> frozenset[str]:
    """Blocks that occur more than once: drawn as boxes, and opened beside the network. Of nested ones the outermost.

    A block that holds a row of repeats itself is a stage rather, and stays open.
    """
    words = Counter(scope.word for scope in graph.scopes.values())
    named = {
        path: scope for path, scope in reduced.graph.scopes.items() if scope.word not in PLAIN and path not in simple
    }
    rows = [path for path in reduced.counts if path in named]
    return frozenset(
        path
        for path, scope in named.items()
        if words[scope.word] > 1 and not any(row.startswith(f"{path}.") for row in rows)
    )


def _detectors(graph: TypedGraph) -> frozenset[str]:
    """What stands behind detection heads, drawn as one box: its lines from each head, twice, tell little."""
    return frozenset(path for path, scope in graph.scopes.items() if scope.word == "detector")


def _fits(main: Panel, by_default: bool, fuse: bool) -> bool:
    if by_default:
        most, longest = (MOST_BOXES, LONGEST) if fuse else (MOST_LAYERS, LONGEST_LAYERS)
        return len(main.boxes) <= most and main.length <= longest
    return len(main.boxes) <= GUARD


def _told_apart(graph: TypedGraph, boxes: Sequence[Box]) -> Iterator[Box]:
    """The boxes; blocks that differ inside but concatenate the same channels with more about their branches."""
    insides: dict[tuple[str, str], list[list[Operator]]] = {}
    for box in boxes:
        if box.kind == "block":
            insides.setdefault((box.heading, box.detail), []).append([node.op for node in box.nodes])
    unlike = {known for known, found in insides.items() if known[1] and any(inside != found[0] for inside in found[1:])}
    for box in boxes:
        several = box.kind == "block" and (box.heading, box.detail) in unlike
        yield replace(box, detail=narrowings(graph, box) or box.detail) if several else box


def _kinds(main: Panel) -> list[tuple[str, list[Box]]]:
    """Folded blocks of the same make, in order of appearance; a letter where several kinds have one name.

    Groups of three blocks and of four are of one make.
    """
    kinds: dict[tuple[object, ...], list[Box]] = {}
    for box in main.boxes:
        if box.kind == "block" and box.path != ELIDED:
            inside = tuple((node.name.removeprefix(box.path), node.op.word) for node in box.nodes)
            kinds.setdefault((box.title, inside), []).append(box)
    words = [str(word) for word, *_ in kinds]
    return [
        (LETTERS[words[:i].count(word) % len(LETTERS)] if words.count(word) > 1 else "", boxes)
        for i, (word, boxes) in enumerate(zip(words, kinds.values(), strict=True))
    ]


def _inset(
    reduced: Collapsed, fused: Mapping[str, str], closed: frozenset[str], block: Box, title: str
) -> Panel | None:
    """The inside of a block, opened as far as it stays small; None where even its own layers are many."""
    graph = reduced.graph
    inside = {node.name: node for node in block.nodes}
    wanted = {tap.node for tap in graph.outputs.values()}
    results = [
        name for name in inside if name in wanted or any(reader not in inside for reader in graph.consumers[name])
    ]
    part = Collapsed(
        replace(
            graph,
            nodes=inside,
            inputs=(),
            outputs={name: Tap(name) for name in results},
            heads={},
        ),
        reduced.counts,
        reduced.whole,
    )
    for depth in range(deepest(part.graph), len(levels(block.path)), -1):
        opened = panel(part, fused, depth, title, block.path, closed, _branches(graph))
        if len(opened.boxes) <= MOST_IN_INSET:
            return opened
    return None
