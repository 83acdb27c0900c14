"""Layers to boxes: scopes folded, chains fused, arrows labelled with the shapes that change."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from math import prod

from archspec.analysis.detector import maps_of
from archspec.graph import Node, Tap, TypedGraph
from archspec.render.captions import caption, chain_caption, label
from archspec.render.chains import Collapsed
from archspec.render.fold import NONE, PLAIN, Unit, fold, levels
from archspec.render.picture import Arrow, Box, Frame, Panel, ranks, spine
from archspec.render.rows import block_title
from archspec.tensor import at

JOINS = {
    "add": "+",
    "subtract": "−",
    "concat": "‖",
    "multiply": "×",
    "mean": "mean",
    "max": "max",
    "weighted_add": "w+",
}
"""What the joins of tensors are drawn as."""
MOST_WIDTHS = 4
MOST_CONCATENATED = 6
ELIDED = "…"


def panel(
    view: Collapsed,
    fused: Mapping[str, str],
    depth: int,
    title: str,
    path: str = "",
    closed: frozenset[str] = NONE,
    opened: frozenset[str] = NONE,
    most: int | None = None,
) -> Panel:
    """The boxes of a graph, or of a part of it (`path`), scopes deeper than `depth` levels folded.

    `fused` maps layers to the first of their chain. Scopes in `closed` are never opened, those in `opened`
    never fold. What a part reads
    from outside enters at a port. Of more than `most` units those in the middle become one.
    """
    graph = view.graph
    boxes = {name: Box(name, "input", "input", _input_title(graph, name)) for name in graph.inputs}
    home = {name: name for name in graph.inputs}
    for node in graph.nodes.values():
        for position, tap in enumerate(node.inputs):
            if tap.node not in graph.nodes and tap.node not in home:
                home[tap.node] = f"port {tap.node}"
                text = str(view.whole.type_of(view.source(node, position)))
                boxes[home[tap.node]] = Box(home[tap.node], "port", "input", text)
    gathered: dict[str, list[Node]] = {}
    units: dict[str, Unit] = {}
    for unit in _elided(fold(graph, depth, merge=False, closed=closed, opened=opened), most):
        heads = {fused[node.name] for node in unit.nodes}
        alone = unit.path in view.counts or len(heads) > 1
        key = f"block {unit.path}" if alone else f"chain {heads.pop()}"
        gathered.setdefault(key, []).extend(unit.nodes)
        units.setdefault(key, unit)
    for key, nodes in gathered.items():
        boxes[key] = _box(view, key, units[key], tuple(nodes), fused)
        home |= {node.name: key for node in nodes}
    arrows = _arrows(view, boxes, home)
    for name, tap in graph.outputs.items():
        key = f"output {name}"
        tensor = view.whole.type_of(view.whole.outputs.get(name, tap))
        train = tap.node in graph.nodes and graph.nodes[tap.node].phase == "train"
        named = name if len(graph.outputs) > 1 and not path else ""
        boxes[key] = Box(key, "output", "input", str(tensor), named, train=train)
        arrows.append(Arrow(home[tap.node], key, tensor, train))
    above = len(levels(path)) if path else 0
    frames = _frames(graph, tuple(boxes.values()), view.counts, depth, above)
    framed = {inner.path for frame in frames for inner in frame.walk()}
    ordered = tuple(replace(box, count=_times(box, view.counts, framed, above)) for box in boxes.values())
    last = next((box for box in ordered if box.kind == "output" and not box.train), ordered[-1])
    found = _main_path(ordered, arrows)
    return Panel(title, ordered, found, frames, path, spine(ordered, found, last.key))


def _elided(found: list[Unit], most: int | None) -> list[Unit]:
    if most is None or len(found) <= most:
        return found
    start, end = most // 2, len(found) - most // 2
    nodes = tuple(node for unit in found[start:end] for node in unit.nodes)
    return [*found[:start], Unit(ELIDED, f"… {len(nodes):,} layers …", nodes, folded=True), *found[end:]]


def _input_title(graph: TypedGraph, name: str) -> str:
    text = str(graph.types[name][0])
    return f"{name} {text}" if len(graph.inputs) > 1 else text


def _box(view: Collapsed, key: str, unit: Unit, nodes: tuple[Node, ...], fused: Mapping[str, str]) -> Box:
    graph = view.graph
    train = nodes[0].phase == "train"
    if len({fused[node.name] for node in nodes}) > 1:
        (title, holds), detail = block_title(graph, unit, view.counts), _widths(graph, nodes)
        if boxes := sum(one.boxes for one in maps_of(replace(graph, nodes={n.name: n for n in nodes}))):
            detail = f"{at(boxes, graph.example):,} boxes"
        return Box(key, "block", "block", title, detail, train=train, nodes=nodes, holds=holds)
    lead = next((n for n in nodes if n.op.category in ("conv", "linear")), nodes[0])
    title, detail = chain_caption(graph, nodes)
    if lead.op.word in JOINS and len(lead.inputs) > 1:
        return Box(key, "join", "merge", JOINS[lead.op.word], detail, train=train, nodes=nodes, join=lead.op.word)
    return Box(key, "layer", lead.op.category, title or nodes[0].op.word, detail, train=train, nodes=nodes)


def _times(box: Box, counts: Mapping[str, int], framed: Collection[str], above: int) -> int:
    """How many of its like a box stands for, those aside that a border around it or around its panel tells of."""
    if not box.nodes:
        return 1
    parts = levels(box.path if box.kind == "block" else box.nodes[0].name)
    paths = (".".join(parts[:end]) for end in range(above + 1, len(parts) + 1))
    return prod(counts.get(path, 1) for path in paths if path not in framed)


def _widths(graph: TypedGraph, nodes: Sequence[Node]) -> str:
    """The weighted layers along a block where they are few, `1×1, 64 – 3×3, 64`, or the channels it concatenates.

    What only scales the rest, as squeeze-and-excitation does, is left out. What is appended to a block's own input
    counts as a way along it.
    """
    inside = {node.name for node in nodes}
    if nodes[-1].op.word == "concat" and all(tap.node in inside for tap in nodes[-1].inputs):
        sizes = [str(graph.type_of(tap).channels) for tap in nodes[-1].inputs]
        return " ‖ ".join(sizes) if len(sizes) <= MOST_CONCATENATED else ""
    if any(node.op.word == "concat" for node in nodes[:-1]):
        return ""
    reached: dict[str, tuple[int, Node | None]] = {}  # weighted layers so far, the last of them
    before: dict[str, Node | None] = {}
    for node in nodes:
        arriving = [reached[tap.node] for tap in node.inputs if tap.node in reached]
        choose = min if node.op.word == "multiply" else max
        number, last = choose(arriving, key=lambda pair: pair[0]) if arriving else (0, None)
        if node.op.category in ("conv", "linear"):
            before[node.name] = last
            number, last = number + 1, node
        reached[node.name] = number, last
    number, last = reached[nodes[-1].name]
    labels: list[str] = []
    while last is not None and number <= MOST_WIDTHS:
        labels.append((caption if last.op.category == "linear" else label)(graph, last))
        last = before[last.name]
    return " – ".join(reversed(labels))


def narrowings(graph: TypedGraph, box: Box) -> str:
    """The channels that a block concatenates with those each branch has at first, `192 ‖ 128→192`; or nothing."""
    inside = {node.name: node for node in box.nodes}
    if box.nodes[-1].op.word != "concat":
        return ""
    sizes = []
    for tap in box.nodes[-1].inputs:
        last = first = graph.type_of(tap).channels
        name = tap.node
        while name in inside and inside[name].inputs:
            if inside[name].op.category in ("conv", "linear"):
                first = graph.types[name][0].channels
            name = inside[name].inputs[0].node
        sizes.append(f"{last}" if first == last else f"{first}→{last}")
    return " ‖ ".join(sizes)


def _arrows(view: Collapsed, boxes: Mapping[str, Box], home: Mapping[str, str]) -> list[Arrow]:
    """One arrow for each tensor that goes from box to box; two where a join takes it twice."""
    seen: set[tuple[str, str, Tap]] = set()
    arrows: list[Arrow] = []
    for node in view.graph.nodes.values():
        for position, tap in enumerate(node.inputs):
            start, end = home[tap.node], home[node.name]
            key = (start, end, tap)
            if start == end or (key in seen and boxes[end].kind != "join"):
                continue
            seen.add(key)
            tensor = view.whole.type_of(view.source(node, position))
            arrows.append(Arrow(start, end, tensor, node.phase == "train", sizes=sizes_only(node, position)))
    return arrows


def sizes_only(node: Node, position: int) -> bool:
    """Whether a layer reads nothing of that input but its size."""
    return node.op.sized_by is not None and 0 < position == len(node.inputs) - 1


def _main_path(boxes: Sequence[Box], arrows: Sequence[Arrow]) -> tuple[Arrow, ...]:
    """The arrows, those that skip over boxes marked as leaving the main path."""
    rank = ranks(boxes, arrows)
    return tuple(replace(a, aside=rank[a.target] - rank[a.source] > 1) for a in arrows)


def _frames(
    graph: TypedGraph, boxes: Sequence[Box], counts: Mapping[str, int], depth: int, above: int
) -> tuple[Frame, ...]:
    """Borders around opened blocks and repeats that hold more than one box, nested as their scopes are.

    `above` levels of the names are those of the part that is drawn: no borders for them.
    """
    holds: dict[str, list[str]] = {}
    for box in boxes:
        if not box.nodes:
            continue
        shared = _shared_path([levels(node.name)[:depth] for node in box.nodes])
        for end in range(above + 1, len(shared) + 1):
            path = ".".join(shared[:end])
            if path != box.path:
                holds.setdefault(path, []).append(box.key)
    everything = sum(1 for box in boxes if box.nodes)

    def blocky(path: str) -> bool:
        return path in graph.scopes and graph.scopes[path].word not in PLAIN

    worth = {
        path: keys
        for path, keys in holds.items()
        if len(keys) > 1 and (path in counts or (blocky(path) and len(keys) < everything))
    }
    children: dict[str, list[str]] = {path: [] for path in ["", *worth]}
    for path in worth:
        parts = levels(path)
        around = (".".join(parts[:end]) for end in range(len(parts) - 1, 0, -1))
        children[next((p for p in around if p in worth), "")].append(path)

    def frame(path: str) -> Frame:
        inner = tuple(frame(child) for child in children[path])
        taken = {key for child in children[path] for key in worth[child]}
        scope = graph.scopes.get(path)
        word = scope.word if scope and scope.word not in PLAIN else ""
        return Frame(path, word, tuple(k for k in worth[path] if k not in taken), inner, counts.get(path, 1))

    return tuple(frame(path) for path in children[""])


def _shared_path(paths: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    """What the places of several layers have in common, the layer's own name left out where there is one."""
    if len(paths) == 1:
        return paths[0][:-1]
    shared = paths[0]
    for path in paths[1:]:
        same = 0
        while same < min(len(shared), len(path)) and shared[same] == path[same]:
            same += 1
        shared = shared[:same]
    return shared
