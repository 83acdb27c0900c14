"""Diagrams as text for graphviz, and the `draw` command: DOT, or SVG and PNG through the system's `dot`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import count
from pathlib import Path

from archspec.analysis.summary import Summary, summarize
from archspec.graph import TypedGraph
from archspec.render.diagram import diagram
from archspec.render.files import render_dot
from archspec.render.palette import ARROW, BORDER, FAINT, PANEL, TEXT, TINTS, TRAINING
from archspec.render.picture import Arrow, Box, Diagram, Frame, Panel
from archspec.render.units import decimal, shape

FONT = "Helvetica,Arial,DejaVu Sans,sans-serif"
ONE_LINE = 34
"""Characters up to which a box's detail stands beside its title."""


def draw(graph: TypedGraph, path: str | Path, depth: int | None = None) -> Path:
    """Draw a graph to a .dot, .svg or .png file and return its path.

    Scopes deeper than `depth` levels are folded; without a depth, as many as it takes to fit a page.
    The same spec gives the same bytes. Raises SpecError: E570 for another kind of file or a folder
    that is not there, E572 where graphviz is missing (the .dot is written all the same), E573 where
    it fails or takes too long.
    """
    return render_dot(to_dot(diagram(graph, depth), summarize(graph)), Path(path))


def to_dot(picture: Diagram, summary: Summary) -> str:
    """A diagram as DOT text: the network, its blocks opened in columns beside it, a legend below."""
    columns = _in_columns(picture)
    lines = [
        f"digraph {_quoted(summary.name)} {{",
        # components are laid out apart, so that insets do not stretch the network, and set in a grid
        f'  graph [rankdir=TB, pack=24, packmode="array_it{"l" * bool(picture.insets)}{len(columns)}", pad=0.25,',
        f'    nodesep=0.22, ranksep=0.26, bgcolor=white, fontname="{FONT}", fontcolor="{TEXT}",',
        f"    labelloc=t, label=<{_title(summary)}>];",
        f'  node [shape=box, style="rounded,filled", fontname="{FONT}", fontsize=11, fontcolor="{TEXT}",',
        '    margin="0.12,0.055", height=0.3, width=0.6, penwidth=1.1];',
        f'  edge [fontname="{FONT}", fontsize=9, fontcolor="{FAINT}", color="{ARROW}", arrowsize=0.55,',
        "    penwidth=1.1];",
    ]
    number = count()
    for column in columns:
        foot: str | None = None
        for panel in column:
            names = {box.key: f"n{next(number)}" for box in panel.boxes}
            head = names[panel.boxes[0].key]
            lines += [f"  subgraph cluster_{head} {{", *_panel_style(panel), *_panel(panel, names, "    "), "  }"]
            if foot is not None:  # one inset under the other
                lines.append(f"  {foot} -> {head} [style=invis, weight=0];")
            foot = names[panel.boxes[-1].key]
    if legend := _legend(picture):
        lines.append("  subgraph cluster_legend { peripheries=0; label=\"\";")
        lines.append(f'    legend [shape=plaintext, style="", margin=0, label=<{legend}>]; }}')
    return "\n".join([*lines, "}", ""])


def _in_columns(picture: Diagram) -> list[list[Panel]]:
    """The network, then its insets, stacked as long as they stay about as long as the network."""
    columns: list[list[Panel]] = [[picture.main]]
    room = 0
    for inset in picture.insets:
        if room < inset.length or len(columns) == 1:
            columns.append([])
            room = max(picture.main.length, inset.length) + 3
        columns[-1].append(inset)
        room -= inset.length + 2
    return columns


def _panel_style(panel: Panel) -> list[str]:
    if not panel.path:
        return ['    peripheries=0; label="";']
    title = (
        f'<B>{_text(panel.title)}</B>  <FONT COLOR="{FAINT}" POINT-SIZE="9">{_text(panel.path)}</FONT>'
    )
    return [
        f'    style="rounded,filled"; fillcolor="{PANEL}"; color="{BORDER}"; margin=10;',
        f"    labeljust=l; fontsize=11; label=<{title}>;",
    ]


def _panel(panel: Panel, names: dict[str, str], indent: str) -> Iterator[str]:
    inside = set(_framed(panel.frames))
    for box in panel.boxes:
        if box.key not in inside:
            yield f"{indent}{names[box.key]} [{_box(box)}];"
    boxes = {box.key: box for box in panel.boxes}
    for frame in panel.frames:
        yield from _frame(frame, boxes, names, indent)
    for arrow in panel.arrows:
        yield f"{indent}{names[arrow.source]} -> {names[arrow.target]}{_arrow(arrow)};"


def _framed(frames: Iterable[Frame]) -> Iterator[str]:
    for frame in frames:
        yield from frame.boxes
        yield from _framed(frame.frames)


def _frame(frame: Frame, boxes: dict[str, Box], names: dict[str, str], indent: str) -> Iterator[str]:
    yield f"{indent}subgraph {_quoted('cluster_' + names[_first(frame)] + '_' + frame.path)} {{"
    yield f'{indent}  style=rounded; color="{BORDER}"; labeljust=r; fontsize=10; fontcolor="{FAINT}"; margin=8;'
    yield f"{indent}  label={_quoted(frame.title)};"
    for key in frame.boxes:
        yield f"{indent}  {names[key]} [{_box(boxes[key])}];"
    for inner in frame.frames:
        yield from _frame(inner, boxes, names, indent + "  ")
    yield f"{indent}}}"


def _first(frame: Frame) -> str:
    return frame.boxes[0] if frame.boxes else _first(frame.frames[0])


def _box(box: Box) -> str:
    tint = TINTS[box.category]
    fill, line = tint.fill, TRAINING if box.train else tint.line
    title, detail = _text(box.title), _text(box.detail)
    times = f" <B>×{box.count}</B>" if box.count > 1 else ""
    extra = ', style="rounded,filled,dashed"' if box.train else ""
    if box.kind in ("input", "output", "port"):
        named = f"{detail} " if detail else ""
        color = FAINT if box.kind == "port" else TEXT
        return f'label=<{named}{title}>, shape=plaintext, style="", fontcolor="{color}", height=0.2, margin="0.05,0.02"'
    if box.kind == "join" and not detail:
        return f'label="{box.title}", shape=circle, fixedsize=true, width=0.27, margin=0, fillcolor="{fill}", color="{line}"{extra}'
    if box.kind == "join":
        title = {"+": "⊕"}.get(box.title, title)
    small = f'<FONT POINT-SIZE="9.5">{detail}</FONT>'
    if not detail:
        label = f"{title}{times}"
    elif box.kind == "block":
        label = f"<B>{title}</B>{times}<BR/>{small}"
    elif len(box.title) + len(box.detail) <= ONE_LINE:
        label = f"{title}{times} · {small}" if box.kind != "join" else f"{title} {small}"
    else:
        label = f"{title}{times}<BR/>{small}"
    if box.kind == "block":
        label = label if detail else f"<B>{title}</B>{times}"
        extra = extra or ", penwidth=1.6"
    return f'label=<{label}>, fillcolor="{fill}", color="{line}"{extra}'


def _arrow(arrow: Arrow) -> str:
    attributes = []
    if arrow.label:
        attributes.append(f'label=" {arrow.label} "')
    if arrow.train:
        attributes.append(f'style=dashed, color="{TRAINING}"')
    attributes.append("weight=1" if arrow.aside else "weight=8")
    return f" [{', '.join(attributes)}]"


def _title(summary: Summary) -> str:
    t = summary.totals
    inputs = ", ".join(shape(x.shape) for x in summary.inputs.values())
    outputs = ", ".join(shape(x.shape) for x in summary.outputs.values())
    facts = [f"{inputs} → {outputs}", f"{decimal(t.params, 1)} parameters", f"{decimal(t.macs)} MACs"]
    return (
        f'<B><FONT POINT-SIZE="15">{_text(summary.name)}</FONT></B><BR/>'
        f'<FONT POINT-SIZE="10" COLOR="{FAINT}">{_text("  ·  ".join(facts))}</FONT><BR/> '
    )


def _legend(picture: Diagram) -> str:
    """Colour chips for the classes of boxes that the picture has, and its signs."""
    boxes = [box for panel in (picture.main, *picture.insets) for box in panel.boxes]
    used = {box.category for box in boxes if box.kind in ("layer", "block")}
    chips = [
        f'<TD BGCOLOR="{tint.fill}" COLOR="{tint.line}" BORDER="1" WIDTH="16" HEIGHT="10" FIXEDSIZE="TRUE"></TD>'
        f'<TD ALIGN="LEFT"><FONT POINT-SIZE="9" COLOR="{FAINT}">{tint.legend}   </FONT></TD>'
        for category, tint in TINTS.items()
        if category in used
    ]
    signs = {"+": "⊕ sum", "‖": "‖ concatenation", "×": "× product"}
    notes = [signs[sign] for sign in signs if any(box.kind == "join" and box.title == sign for box in boxes)]
    notes += ["×N repeats"] * any(box.count > 1 for box in boxes)
    notes += ["dashed: training only"] * any(box.train for box in boxes)
    rows = [_row("".join(chips[i : i + 3])) for i in range(0, len(chips), 3)]
    if notes:
        text = _text("     ".join(notes))
        rows.append(_row(f'<TD ALIGN="LEFT"><FONT POINT-SIZE="9" COLOR="{FAINT}">{text}</FONT></TD>'))
    return f'<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="0">{"".join(rows)}</TABLE>' if rows else ""


def _row(cells: str) -> str:
    inner = f'<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="4" CELLPADDING="1"><TR>{cells}</TR></TABLE>'
    return f'<TR><TD ALIGN="LEFT">{inner}</TD></TR>'


def _text(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
