"""Boxes coloured by what they cost, or by how they differ from another network's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from archspec.analysis.diff import Change, Difference, Kind
from archspec.analysis.summary import Summary
from archspec.render.captions import caption
from archspec.render.drawing.paint import Paint
from archspec.render.palette import Theme, Tint, blend, shade
from archspec.render.picture import Box, Diagram
from archspec.render.units import binary, decimal, share

Heat = Literal["params", "macs", "memory"]
Mark = Kind | Literal["added", "partly", "same"]

SCALE = 5
"""Steps of the scale in the legend."""
FIGURES = {"params": "parameters", "macs": "MACs", "memory": "activation memory"}
NOTES = {
    "changed": "changed",
    "rewired": "reads other layers",
    "resized": "of another size",
    "renamed": "under another name",
}
CHANGED = {
    frozenset[str](): "",
    frozenset({"changed"}): "changed",
    frozenset({"partly"}): "changed in part",
    frozenset({"changed", "partly"}): "changed, whole or in part",
}
"""What the legend says of boxes that were changed."""


def by_share(paint: Paint, picture: Diagram, summary: Summary, heat: Heat) -> Paint:
    """Boxes filled by their share of a figure of the whole network, all repeats of a box counted together.

    In insets by the share of the one block that they show.
    """
    attribute = "activation_bytes" if heat == "memory" else heat
    cost: dict[str, int] = {row.name: getattr(summary.figures(row.counts), attribute) for row in summary.rows}
    total = sum(cost.values())
    main = {box.key for box in picture.main.boxes}

    def shown(box: Box) -> int:
        names = picture.members(box) if box.key in main else [node.name for node in box.nodes]
        return sum(cost.get(name, 0) for name in names)

    most = max((shown(box) for box in picture.boxes if box.nodes), default=0) or 1
    theme = paint.theme

    def tint(box: Box) -> Tint:
        return _shade(theme, shown(box) / most)

    def note(box: Box) -> str:
        found = shown(box)
        if not found:
            return ""
        figure = binary(found, 1) if heat == "memory" else decimal(found, 1)
        return f"{figure} · {share(found, total)}"

    top = 100 * most / total if total else 0.0
    steps = [i / (SCALE - 1) for i in range(SCALE)]
    chips = tuple(
        (_shade(theme, step), f"{top * step:.{1 if top < 10 else 0}f} %" if step else "0 %") for step in steps
    )
    return replace(paint, tint=tint, note=note, chips=chips, heading=f"share of {FIGURES[heat]}")


def _shade(theme: Theme, part: float) -> Tint:
    return Tint(shade(theme.heat, part), blend(theme.arrow, theme.heat[-1], 0.35), "")


def by_difference(paint: Paint, picture: Diagram, found: Difference) -> Paint:
    """Boxes coloured by what `diff` says of their layers, a box of several by the most that any of them says.

    A layer whose weights no longer fit, as where more channels reach it, is `resized`.
    """
    theme, before = paint.theme, found.before
    changes = {change.after: change for change in found.changes}
    for key, _, _ in found.loading.misfits:
        name = found.after.present_name(key).rpartition(".")[0]
        changes.setdefault(name, Change("resized", name, name, ("weights of another shape",)))
    added = set(found.added)
    tints: dict[Mark, Tint] = {
        "added": theme.added,
        "changed": theme.changed,
        "partly": theme.changed,
        "rewired": theme.touched,
        "resized": theme.touched,
        "renamed": theme.same,
        "same": theme.same,
    }

    def marks(box: Box) -> list[Mark]:
        return [
            "added" if name in added else changes[name].kind if name in changes else "same"
            for name in picture.members(box)
        ]

    def mark(box: Box) -> Mark:
        kinds = set(marks(box))
        if len(kinds) > 1 and ("added" in kinds or ("changed" in kinds and box.kind == "block")):
            return "partly"
        return next(kind for kind in tints if kind in kinds)

    def tint(box: Box) -> Tint:
        return tints[mark(box)]

    def note(box: Box) -> str:
        kind = mark(box)
        if kind in ("same", "added"):
            return "" if kind == "same" else "added"
        if box.kind == "block" or kind == "partly":
            return _parts(box, marks(box))
        change = next((changes[node.name] for node in box.nodes if node.name in changes), None)
        if change is None or change.kind != kind:  # another of its layers, or another repeat
            return NOTES[kind]
        if kind == "renamed":
            return f"was {change.before}"
        if kind == "changed":
            old, new = (caption(graph, graph.nodes[n]) for graph, n in ((before, change.before), (after, change.after)))
            return f"was {old}" if old != new else change.what[0]
        return NOTES[kind] if kind == "rewired" else change.what[0]

    after = found.after
    used = {mark(box) for box in picture.boxes if box.nodes}
    chips = [
        (tint, words)
        for tint, words, kinds in (
            (theme.added, f"added to {before.name}", {"added"}),
            (theme.changed, CHANGED[frozenset(used & {"changed", "partly"})], {"changed", "partly"}),
            (theme.touched, "reading other layers, or of another size", {"rewired", "resized"}),
            (theme.same, f"as in {before.name}", {"same", "renamed"}),
        )
        if used & kinds
    ]
    if found.removed:
        chips.append((Tint(theme.background, theme.border, ""), f"no longer there: {_few(found.removed)}"))
    return replace(paint, tint=tint, note=note, chips=tuple(chips))


def _parts(box: Box, marks: Sequence[Mark]) -> str:
    """How many of the layers that a box stands for are different; of repeats, how many were added."""
    unlike = [one for one in marks if one not in ("same", "renamed")]
    if not unlike:
        return NOTES["renamed"]
    repeats, rest = divmod(len(unlike) * box.count, len(marks))
    if box.kind != "block" and set(unlike) == {"added"} and box.count > 1 and not rest:
        return f"{repeats} of {box.count} added"
    return f"{len(unlike)} of {len(marks)} layers differ"


def _few(names: Sequence[str], most: int = 3) -> str:
    shown = ", ".join(names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most:,} more"
