"""Diagrams as text for graphviz to lay out: what `draw` writes to a .dot file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import count

from archspec.analysis.summary import Summary
from archspec.render.drawing.metrics import FONT
from archspec.render.drawing.page import joins_noted
from archspec.render.drawing.xdot import quoted
from archspec.render.palette import LIGHT
from archspec.render.picture import Arrow, Box, Diagram, Frame, Panel
from archspec.render.shapes import inside_shapes, margin_shapes
from archspec.render.units import decimal, numbered

TINTS = LIGHT.tints
TEXT, FAINT, ARROW, TRAINING = LIGHT.text, LIGHT.faint, LIGHT.arrow, LIGHT.training
PANEL, BORDER = LIGHT.panel, LIGHT.border
ONE_LINE = 34
"""Characters up to which a box's detail stands beside its title."""
LEADING = '<BR/><FONT POINT-SIZE="2"> </FONT><BR/>'
"""A line break with a little room under the larger type above it."""
CHIPS = 4
"""Chips of the legend on a line."""


def to_dot(picture: Diagram, summary: Summary) -> str:
    """A diagram as DOT text: the network, its blocks opened in columns beside it, a legend below."""
    columns = _in_columns(picture)
    panels = [panel for column in columns for panel in column]
    # components come in the order of their clusters, which older graphviz takes from where a name lies in
    # memory: long ones, said before all else, lie in order
    sections = [f"cluster_{number:02}{'_' * 54}" for number in range(len(panels) + 1)]
    lines = [
        f"digraph {quoted(summary.name)} {{",
        *(f"  subgraph {section} {{ }}" for section in sections),
        # components are laid out apart, so that insets do not stretch the network, and set in a grid
        # (packing sees the boxes alone: the borders and arrows around them need the room between)
        f'  graph [rankdir=TB, pack={40 if picture.insets else 12}, packmode="array_it{len(columns)}", pad=0.25,',
        f'    nodesep=0.22, ranksep=0.26, bgcolor=white, fontname="{FONT}", fontcolor="{TEXT}",',
        f"    labelloc=t, label=<{_title(summary)}>];",
        f'  node [shape=box, style="rounded,filled", fontname="{FONT}", fontsize=11, fontcolor="{TEXT}",',
        '    margin="0.12,0.055", height=0.3, width=0.6, penwidth=1.1];',
        f'  edge [fontname="{FONT}", fontsize=9, fontcolor="{FAINT}", color="{ARROW}", arrowsize=0.55,',
        "    penwidth=1.1];",
    ]
    number, section = count(), iter(sections)
    for column in columns:
        foot: str | None = None
        for panel in column:
            names = {box.key: f"n{next(number)}" for box in panel.boxes}
            lines += [f"  subgraph {next(section)} {{", *_panel_style(panel), *_panel(panel, names, "    "), "  }"]
            if foot is not None:  # one inset under the other
                lines.append(f"  {foot} -> {names[panel.boxes[0].key]} [style=invis, weight=0];")
            foot = names[panel.boxes[-1].key]
    if legend := _legend(picture):
        lines += [f"  subgraph {next(section)} {{", '    peripheries=0; label="";']
        lines += [f'    legend [shape=plaintext, style="", margin=0, label=<{legend}>];', "  }"]
    return "\n".join([*lines, "}", ""])


def _in_columns(picture: Diagram) -> list[list[Panel]]:
    """The network, then its insets, stacked as long as they stay about as long as the network."""
    columns: list[list[Panel]] = [[picture.main]]
    room = 0
    for inset in picture.insets:
        if room < inset.length or len(columns) == 1:
            columns.append([])
            room = max(picture.main.length, inset.length) + 4
        columns[-1].append(inset)
        room -= inset.length + 2
    return columns


def _panel_style(panel: Panel) -> list[str]:
    if not panel.path:
        return ['    peripheries=0; label="";']
    title = f"<B>{_text(panel.title)}</B>"
    if panel.path != panel.title:
        title += f'  <FONT COLOR="{FAINT}" POINT-SIZE="9">{_text(panel.path)}</FONT>'
    margin = 24 if panel.frames else 10  # arrows swing around the frames inside
    return [
        f'    style="rounded,filled"; fillcolor="{PANEL}"; color="{BORDER}"; margin={margin};',
        f'    labeljust=l; fontname="{FONT}"; fontsize=11; label=<{title}>;',
    ]


def _panel(panel: Panel, names: dict[str, str], indent: str) -> Iterator[str]:
    framed = set(_framed(panel.frames))
    margin = {} if panel.path else _margin(panel, framed)
    notes = {} if panel.path else inside_shapes(panel, margin)
    straight = {key for arrow in panel.spine for key in (arrow.source, arrow.target)}

    def drawn(key: str) -> str:
        group = ", group=spine" if key in straight else ""
        return f"{names[key]} [{_box(boxes[key], notes.get(key, ''))}{group}];"

    boxes = {box.key: box for box in panel.boxes}
    yield from (indent + drawn(key) for key in boxes if key not in framed)
    for frame in panel.frames:
        yield from _frame(frame, names, drawn, indent)
    for arrow in panel.arrows:
        yield f"{indent}{names[arrow.source]} -> {names[arrow.target]}{_arrow(arrow)};"
    yield from _margin_nodes(margin, names, indent)


def _margin(panel: Panel, framed: set[str]) -> dict[str, str]:
    """The boxes of the main path, to the shape in the margin, where that has changed.

    Nothing where other paths could run between the margin and the main one.
    """
    straight = {key for arrow in panel.spine for key in (arrow.source, arrow.target)}
    if any(box.key not in straight and not box.train and box.kind != "output" for box in panel.boxes):
        return {}
    return margin_shapes(panel, framed)


def _margin_nodes(margin: dict[str, str], names: dict[str, str], indent: str) -> Iterator[str]:
    above: str | None = None
    for key, text in margin.items():
        name = f"m{names[key]}"
        style = f'shape=plaintext, style="", fontsize=9.5, fontcolor="{FAINT}", margin=0, height=0.2, group=margin'
        yield f'{indent}{name} [label="{text}", {style}];'
        yield f"{indent}{{ rank=same; {name} -> {names[key]} [style=invis, weight=0]; }}"
        if above:
            yield f"{indent}{above} -> {name} [style=invis, weight=20];"
        above = name


def _framed(frames: Iterable[Frame]) -> Iterator[str]:
    return (key for frame in frames for inner in frame.walk() for key in inner.boxes)


def _frame(frame: Frame, names: dict[str, str], drawn: Callable[[str], str], indent: str) -> Iterator[str]:
    yield f"{indent}subgraph cluster_{names[_first(frame)]}_{len(indent)} {{"
    yield f'{indent}  peripheries=1; style=rounded; color="{BORDER}"; margin=8;'
    yield f'{indent}  labeljust=r; fontsize=10; fontcolor="{FAINT}";'
    yield f"{indent}  label={quoted(frame.title)};"
    yield from (f"{indent}  {drawn(key)}" for key in frame.boxes)
    for inner in frame.frames:
        yield from _frame(inner, names, drawn, indent + "  ")
    yield f"{indent}}}"


def _first(frame: Frame) -> str:
    return frame.boxes[0] if frame.boxes else _first(frame.frames[0])


def _box(box: Box, note: str = "") -> str:
    tint = TINTS[box.category]
    border = TRAINING if box.train else tint.line
    style = f'fillcolor="{tint.fill}", color="{border}"'
    if box.train:
        style += ', style="rounded,filled,dashed"'
    if box.kind in ("input", "output", "port"):
        return _tensor(box)
    if box.join and not box.detail and len(box.title) <= 2:
        return f'label="{box.title}", shape=circle, fixedsize=true, width=0.27, margin=0, {style}'
    return f"label=<{_label(box, note)}>, {style}{', penwidth=1.6' if box.kind == 'block' else ''}"


def _tensor(box: Box) -> str:
    color = FAINT if box.kind == "port" or box.train else TEXT
    name = f' <FONT POINT-SIZE="9" COLOR="{FAINT}">{_text(box.detail)}</FONT>' if box.detail else ""
    plain = 'shape=plaintext, style="", height=0.2, margin="0.05,0.02"'
    return f'label=<{_text(box.title)}{name}>, {plain}, fontcolor="{color}"'


def _label(box: Box, note: str) -> str:
    title, detail = _text(box.heading), _text(box.detail)
    if box.kind == "block":
        title = f"<B>{title}</B>"
    if box.join == "add":
        title = "⊕"
    if box.count > 1:
        title += f" <B>×{box.count}</B>"
    small = f'<FONT POINT-SIZE="9.5">{detail}</FONT>'
    if detail:
        beside = box.kind != "block" and len(box.title) + len(box.detail) <= ONE_LINE
        gap = " " if box.kind == "join" else " · " if beside else LEADING
        title += gap + small
    return title + f'{LEADING}<FONT POINT-SIZE="9" COLOR="{FAINT}">→ {note}</FONT>' if note else title


def _arrow(arrow: Arrow) -> str:
    training = f', style=dashed, color="{TRAINING}"' if arrow.train else ""
    sizes = f', style=dotted, color="{TRAINING}"' if arrow.sizes else ""
    return f" [weight={1 if arrow.aside or arrow.train or arrow.sizes else 8}{training or sizes}]"


def _title(summary: Summary) -> str:
    t = summary.figures(summary.totals)
    inputs = ", ".join(str(x) for x in summary.inputs.values())
    outputs = ", ".join(str(x) for x in summary.outputs.values())
    facts = [f"{inputs} → {outputs}"]
    example = f" at {numbered(summary.graph.example)}" if summary.graph.sizes else ""
    facts += [f"{decimal(t.params, 1)} parameters"] * bool(t.params)
    facts += [f"{decimal(t.macs)} MACs{example}"] * bool(t.macs)
    return (
        f'<B><FONT POINT-SIZE="15">{_text(summary.name)}</FONT></B>{LEADING}'
        f'<FONT POINT-SIZE="10" COLOR="{FAINT}">{_text("  ·  ".join(facts))}</FONT><BR/> '
    )


def _legend(picture: Diagram) -> str:
    """Colour chips for the classes of boxes that the picture has, and its signs."""
    boxes = list(picture.boxes)
    used = {box.category for box in boxes if box.kind in ("layer", "block")}
    chips = [
        f'<TD BGCOLOR="{tint.fill}" COLOR="{tint.line}" BORDER="1" WIDTH="16" HEIGHT="10" FIXEDSIZE="TRUE"></TD>'
        f'<TD ALIGN="LEFT">{_faint(f"{tint.legend}   ")}</TD>'
        for category, tint in TINTS.items()
        if category in used
    ]
    notes = [f"{sign.replace('+', '⊕')} {words}" for sign, words in joins_noted(boxes)]
    notes += ["×N repeats"] * any(panel.repeats for panel in picture.panels)
    notes += ["dashed: training only"] * any(box.train for box in boxes)
    notes += ["dotted: gives its size alone"] * any(a.sizes for panel in picture.panels for a in panel.arrows)
    across = min(len(chips), CHIPS) or 1
    chips += ["<TD></TD><TD></TD>"] * (-len(chips) % across)
    rows = ["".join(chips[i : i + across]) for i in range(0, len(chips), across)]
    rows += [f'<TD COLSPAN="{2 * across}" ALIGN="LEFT">{_faint(note)}</TD>' for note in _lines(notes, across)]
    cells = "".join(f"<TR>{row}</TR>" for row in rows)
    return f'<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="4" CELLPADDING="1">{cells}</TABLE>' if rows else ""


def _lines(notes: list[str], across: int) -> list[str]:
    """The notes, as many to a line as there is room for under the chips."""
    return ["     ".join(notes[i : i + across]) for i in range(0, len(notes), across)]


def _faint(text: str) -> str:
    return f'<FONT POINT-SIZE="9" COLOR="{FAINT}">{_text(text)}</FONT>'


def _text(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
