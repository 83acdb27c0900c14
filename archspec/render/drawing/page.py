"""A page: a title with the totals, pictures set side by side so that they fill it, and a legend."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from archspec.analysis.detector import maps_of
from archspec.analysis.summary import Summary
from archspec.render.drawing.glyph import DRAWN, sign_mark
from archspec.render.drawing.paint import Look, Paint
from archspec.render.drawing.scene import Dash, Polygon, Run, Scene, Text, along, rounded
from archspec.render.palette import Theme, Tint
from archspec.render.picture import Box
from archspec.render.units import decimal, numbered
from archspec.tensor import at

BORDER = 18.0
BETWEEN = 18.0
"""Between pictures on a page."""
A4 = (210.0, 297.0)
SMALL = 9.0
STROKES: dict[str, tuple[Dash, bool]] = {
    "solid": ("", False),
    "dotted": ("dotted", False),
    "dashed": ("dashed", True),
    "faint": ("dotted", True),
}
"""Lines of a legend: their dash, and whether they are light."""
WORDS = {"add": "sum", "subtract": "difference", "concat": "concatenation", "multiply": "product"}


def page(summary: Summary, parts: Sequence[Scene], legend: Scene | None, theme: Theme) -> Scene:
    """One page: the first part at the left, the others where they fit, as near to A4 as they come."""
    title, facts = _title(summary, theme)
    body = packed(parts, max(title.length, facts.length))
    sheet = Scene()
    top = BORDER + 46
    sheet.place(body, BORDER + max(0.0, (max(title.length, facts.length) - body.width) / 2), top)
    if legend:
        sheet.place(legend, BORDER, top + body.height + 20)
    sheet.cover(max(title.length, facts.length) + 2 * BORDER, 0)
    sheet.width += BORDER
    sheet.height += BORDER
    middle = sheet.width / 2
    sheet.add(Text(middle, BORDER + 14, title.runs), Text(middle, BORDER + 30, facts.runs))
    return sheet


def _title(summary: Summary, theme: Theme) -> tuple[Text, Text]:
    graph, totals = summary.graph, summary.figures(summary.totals)
    inputs = ", ".join(str(x) for x in summary.inputs.values())
    answers = [name for name, tap in graph.outputs.items() if graph.nodes[tap.node].phase == "infer"]
    outputs = ", ".join(str(summary.outputs[name]) for name in answers or summary.outputs)
    facts = [f"{inputs} → {outputs}"]
    facts += [f"{decimal(totals.params, 1)} parameters"] * bool(totals.params)
    example = f" at {numbered(summary.graph.example)}" if summary.graph.sizes else ""
    facts += [f"{decimal(totals.macs)} MACs{example}"] * bool(totals.macs)
    if boxes := sum(one.boxes for one in maps_of(graph)):
        facts.append(f"{at(boxes, graph.example):,} boxes{example}")
    name = Text(0, 0, (Run(summary.name, 15, theme.text, bold=True),), "middle")
    return name, Text(0, 0, (Run("  ·  ".join(facts), 10, theme.faint),), "middle")


def packed(parts: Sequence[Scene], least: float = 0.0) -> Scene:
    """The first picture at the upper left, the others where they fit, so that the whole comes near to A4 upright."""
    if not parts:
        return Scene()
    widest, everything = max(part.width for part in parts), sum(part.width + BETWEEN for part in parts)
    widths = sorted({max(widest, least), *(widest + (everything - widest) * i / 24 for i in range(25))})
    orders = [list(parts[1:]), *(sorted(parts[1:], key=key, reverse=True) for key in (_height, _area))]
    tried = ((width, order) for order in orders for width in widths)
    return min((_set([parts[0], *order], width) for width, order in tried), key=_pages)


def _height(part: Scene) -> float:
    return part.height


def _area(part: Scene) -> float:
    return part.width * part.height


def _pages(whole: Scene) -> float:
    """How many times the sides of an A4 page, in steps that let the first of much the same win."""
    return round(max(whole.width / A4[0], whole.height / A4[1]), 1)


def _set(parts: Sequence[Scene], width: float) -> Scene:
    """Each picture as high up as it fits within a width, leftmost of such places."""
    found = Scene()
    taken: list[tuple[float, float, float, float]] = []
    for part in parts:
        right, under = part.width + BETWEEN, part.height + BETWEEN
        places = (
            (y, x)
            for y in sorted({0.0, *(bottom for *_, bottom in taken)})
            for x in sorted({0.0, *(end for _, _, end, _ in taken)})
            if x + part.width <= width + 0.01
            and not any(
                left < x + right and end > x and top < y + under and bottom > y for left, top, end, bottom in taken
            )
        )
        y, x = next(places)
        taken.append((x, y, x + right, y + under))
        found.place(part, x, y)
    return found


def legend(chips: Iterable[tuple[Tint, str]], notes: Iterable[tuple[str, str]], paint: Paint, width: float) -> Scene:
    """Colour chips and signs in rows no wider than `width`; of notes, the sign is drawn before the words.

    Over them, where the picture is coloured by a figure or by a difference, what its colours are.
    """
    theme = paint.theme
    found = Scene()
    x = y = 0.0
    if paint.heading:
        found.text(0, SMALL, paint.heading, SMALL, theme.faint, "start")
        y = 16.0

    def room(words: str, before: float) -> tuple[float, float]:
        nonlocal x, y
        run = Run(words, SMALL, theme.faint)
        if x and x + before + run.length > width:
            x, y = 0.0, y + 16
        at = x
        x += before + run.length + 16
        found.cover(x - 16, y + 12)
        found.add(Text(at + before, y + SMALL, (run,), "start"))
        return at, y

    for row in (paint.chips, chips):
        for tint, words in row:
            at, top = room(words, 21)
            found.add(rounded(at, top + 0.5, 16, 10, 2, tint.line, tint.fill))
        if x:
            x, y = 0.0, y + 16
    for sign, words in notes:
        at, top = room(words, 23.0 if sign in STROKES else 13.0 if sign else 0.0)
        _drawn(found, sign, at, top + 5.5, theme)
    return found


def joins_noted(boxes: Iterable[Box]) -> list[tuple[str, str]]:
    """The signs of the joins among boxes, and what they say."""
    used = {box.join for box in boxes}
    return [(sign, WORDS[join]) for join, sign in DRAWN.items() if join in used]


def _drawn(scene: Scene, sign: str, x: float, y: float, theme: Theme) -> None:
    if sign in STROKES:
        dash, light = STROKES[sign]
        scene.add(along([(x, y), (x + 18, y)], 0, theme.training if light else theme.arrow, 1.2, dash))
    elif sign in ("▼", "▲"):
        down = 1 if sign == "▼" else -1
        scene.add(Polygon(((x, y - 3 * down), (x + 8, y - 3 * down), (x + 4, y + 4 * down)), "", theme.faint))
    elif sign:
        sign_mark(scene, sign, x + 5, y, Look(theme.background, theme.faint), 5)
