"""What `diff` prints: the counts that changed, layers folded to the scopes they fill, weights that load."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from archspec.analysis.diff import Change, Difference, Kind, Loading
from archspec.analysis.figures import BY_KEY
from archspec.graph import Node, TypedGraph, around
from archspec.render.captions import label
from archspec.render.units import cells_wide, numbered, share, shown

MOST = 24
"""Lines of one kind of difference; JSON has all of them."""

TITLES: dict[Kind, str] = {
    "changed": "changed",
    "rewired": "reading other layers",
    "resized": "of another size",
    "renamed": "the same under another name",
}


def difference(found: Difference) -> str:
    """The whole difference as text."""
    names = [graph.name for graph in (found.before, found.after)]
    out = [f"{names[0]} → {names[1]}"]
    for graph in (found.before, found.after):
        if graph.sizes:
            out[0] += f"  {graph.name} at {numbered(graph.example)}"
    out += ["", *_counts(found, names)]
    if found.same:
        return "\n".join([*out, "", "the layers are the same", *_weights(found.loading, names[1])])
    for sign, title, graph, gone in (
        ("+", "added", found.after, found.added),
        ("−", "removed", found.before, found.removed),
    ):
        lines = _folded(graph, gone)
        out += _section(f"{title}: {_layers(len(gone))}", [f"{sign} {line}" for line in lines]) if gone else []
    for kind, changes in found.kinds.items():
        if changes:
            out += _section(f"{TITLES[kind]}: {_layers(len(changes))}", _changed(changes))
    return "\n".join([*out, *_weights(found.loading, names[1])])


def _layers(count: int) -> str:
    return f"{count:,} layer{'s' if count > 1 else ''}"


def _section(title: str, lines: Sequence[str]) -> list[str]:
    more = [f"  … {len(lines) - MOST:,} more; --format json has all"] if len(lines) > MOST else []
    return ["", title, *(f"  {line}" for line in lines[:MOST]), *more]


def _counts(found: Difference, names: Sequence[str]) -> list[str]:
    """A line for every figure that is another; one line for all that are not."""
    rows = [("", names[0], names[1], "change", "")]
    same = []
    for name, (old, new) in found.counts.items():
        if name in ("params_with_aux", "trainable_params") and found.counts["params"] == (old, new):
            continue
        if old == new:
            same.append(name)
            continue
        sign = "+" if new > old else "−"
        ratio = f"{sign}{share(abs(new - old), old)}" if old else ""
        rows.append((name, _figure(name, old), _figure(name, new), sign + _figure(name, abs(new - old)), ratio))
    lines = []
    if len(rows) > 1:
        widths = [max(cells_wide(row[i]) for row in rows) for i in range(5)]
        for row in rows:
            rest = "  ".join(f"{cell:>{width}}" for cell, width in zip(row[1:], widths[1:], strict=True))
            lines.append(f"{row[0]:<{widths[0]}}  {rest}".rstrip())
    if same and len(rows) > 1:
        lines.append("the same: " + ", ".join(same))
    return lines or ["all counts are the same"]


def _figure(name: str, value: Any) -> str:
    return shown(BY_KEY[name].unit, value)


def _folded(graph: TypedGraph, names: Sequence[str]) -> list[str]:
    """The names, each scope of which every layer is among them by its own name alone: `stage.2.block.6–22`."""
    chosen = set(names)
    whole: dict[str, bool] = {}
    size: dict[str, int] = {}
    for name in graph.nodes:
        for path in around(name):
            whole[path] = whole.get(path, True) and name in chosen
            size[path] = size.get(path, 0) + 1
    tops = dict.fromkeys(next(path for path in around(name) if whole[path]) for name in names)
    found: list[tuple[str, int, int, int]] = []  # path before its number, first, last, layers
    for path in tops:
        head, _, last = path.rpartition(".")
        if last.isdigit() and found and found[-1][0] == head and found[-1][2] == int(last) - 1:
            _, first, _, layers = found.pop()
            found.append((head, first, int(last), layers + size[path]))
        elif last.isdigit():
            found.append((head, int(last), int(last), size[path]))
        else:
            found.append((path, -1, -1, size[path]))
    return [_range(graph, *one) for one in found]


def _range(graph: TypedGraph, path: str, first: int, last: int, layers: int) -> str:
    name = path if first < 0 else f"{path}.{first}" if first == last else f"{path}.{first}–{last}"
    node = graph.nodes.get(name)
    return f"{name}  {_said(graph, node)}" if node else f"{name}  {_layers(layers)}"


def _said(graph: TypedGraph, node: Node) -> str:
    """A layer's word and what its label says beside it: `dropout 0.5`, `silu`, `conv 3×3, 64`."""
    word, said = node.op.word, label(graph, node)
    alike = said.lower().replace(" ", "_").replace("-", "_")
    if alike.startswith(word) or alike == word.replace("_", ""):
        return f"{word}{said[len(word) :]}" if alike.startswith(word) else word
    return f"{word} {said}".rstrip()


def _changed(changes: Sequence[Change]) -> list[str]:
    lines = []
    for change in changes:
        name = change.before if change.after == change.before else f"{change.before} → {change.after}"
        lines.append(f"{name}: {'; '.join(change.what)}" if change.what else name)
    return lines


def _weights(found: Loading, name: str) -> list[str]:
    """Which weights of the first network load into the second."""
    total = len(found.fits) + len(found.renamed) + len(found.misfits) + len(found.unused)
    if not total:
        return []
    filled = share(found.fitting_values, found.values) if found.fitting_values else "none"
    told = f"{len(found.fits):,} of {total:,} tensors load, {filled} of the values of {name}"
    lines = [f"{key}: {_sizes(a)} → {_sizes(b)}" for key, a, b in found.misfits]
    more = (
        [] if not found.renamed else [f"{len(found.renamed):,} more would load under another name: see --format json"]
    )
    more += _counted(len(found.unused), "has no place there")
    more += _counted(len(found.missing), f"of {name} gets nothing")
    out = _section(f"weights: {told}", more)
    return [*out, *_section("of another shape", lines)[1:]] if lines else out


def _counted(count: int, told: str) -> list[str]:
    if count == 1:
        return [f"1 {told}"]
    return [f"{count:,} {told.replace('has', 'have').replace('gets', 'get')}"] if count else []


def _sizes(shape: Sequence[int]) -> str:
    return "×".join(map(str, shape)) or "one value"
