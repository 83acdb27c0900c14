"""An estimate of time for people: a section below a summary's table, and Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from textwrap import wrap

from archspec.analysis.roofline import LayerTime, Roofline
from archspec.analysis.work import Work
from archspec.render import markup
from archspec.render.units import binary, duration, rate, share

MOST = 10
TITLES = ("longest", "kind", "moves", "op/B", "bound by", "time", "share")
LEFT = ("longest", "kind", "bound by")
SPARED = ("kind", "op/B", "moves", "bound by")
"""What a narrow table leaves out where names would else be too short to tell layers apart."""


def section(found: Roofline, width: int = 80) -> str:
    """The estimate as lines of at most `width` characters: what a pass takes, what bounds it, where the time goes."""
    label = max(len(name) for name, _ in _facts(found))
    facts = [f"{name:<{label}}  {text}" for name, text in _facts(found)]
    return "\n".join(
        [*wrap(_heading(found), width), "", *facts, *(["", *_table(found, width)] if found.layers else [])]
    )


def markdown(found: Roofline) -> str:
    """The same as GitHub-flavoured Markdown, names in full."""
    facts = [f"- {name}: {text}" for name, text in _facts(found)]
    table = markup.markdown(TITLES, _rows(found), [title in LEFT for title in TITLES])
    return "\n".join([_heading(found), "", *facts, "", table])


def _heading(found: Roofline) -> str:
    shares = "" if found.device.shares == "measured" else "; what operations reach is assumed"
    return f"time on {found.device.name}, {found.precision}, batch {found.batch}{shares}"


def _facts(found: Roofline) -> list[tuple[str, str]]:
    seconds = found.seconds
    bounds = sorted(found.bound_seconds().items(), key=lambda pair: -pair[1])
    named = ", ".join(f"{bound} {_percent(part, seconds)}" for bound, part in bounds if part)
    facts = [("a pass", f"{duration(seconds)}, {rate(found.batch / seconds)} a second" if seconds else "no time")]
    facts += [("bound by", named)] if named else []
    facts += [("moves", f"{binary(found.bytes)}, {rate(found.intensity)} operations a byte")]
    if found.peak_bytes is not None and found.capacity_bytes is not None:
        fits = "" if found.peak_bytes <= found.capacity_bytes else ": more than there is"
        facts += [("memory", f"{binary(found.peak_bytes)} of {binary(found.capacity_bytes)}{fits}")]
    elif found.peak_bytes is not None:
        facts += [("memory", binary(found.peak_bytes))]
    return facts


def _rows(found: Roofline) -> list[list[str]]:
    """The layers that take longest, a line for those that do the same work."""
    alike: dict[Work, list[LayerTime]] = {}
    for layer in found.layers:
        alike.setdefault(replace(layer.work, name=""), []).append(layer)
    longest = sorted(alike.values(), key=lambda layers: -sum(layer.seconds for layer in layers))[:MOST]
    return [_row(layers, found.seconds) for layers in longest]


def _row(layers: Sequence[LayerTime], whole: float) -> list[str]:
    """Layers that do the same work: the name of the first and how many, figures of one, the time of all."""
    first, seconds = layers[0], sum(layer.seconds for layer in layers)
    times = f" ×{len(layers)}" if len(layers) > 1 else ""
    work = first.work
    figures = [work.kind, binary(work.bytes, 1), rate(work.intensity), first.bound, duration(seconds)]
    return [first.name + times, *figures, _percent(seconds, whole)]


def _table(found: Roofline, width: int) -> list[str]:
    """Names in as much room as is left; where two would look the same, the columns of SPARED give way to them."""
    columns = [[title, *cells] for title, cells in zip(TITLES, zip(*_rows(found), strict=True), strict=True)]
    full = columns[0]
    for spared in (*SPARED, None):
        room = width - sum(2 + max(map(len, column)) for column in columns[1:])
        columns[0] = [_shortened(name, room) for name in full]
        if len(set(columns[0])) == len(set(full)):
            break
        columns = [column for column in columns if column[0] != spared]
    widths = [max(map(len, column)) for column in columns]
    aligned = (
        [f"{cell:<{w}}" if column[0] in LEFT else f"{cell:>{w}}" for cell in column]
        for column, w in zip(columns, widths, strict=True)
    )
    return ["  ".join(row).rstrip() for row in zip(*aligned, strict=True)]


def _shortened(name: str, room: int) -> str:
    """The end of a name, and how many there are."""
    path, sign, times = name.partition(" ×")
    room -= len(sign + times)
    return (path if len(path) <= room else "…" + path[1 - room :]) + sign + times


def _percent(part: float, whole: float) -> str:
    return share(round(1e9 * part), max(1, round(1e9 * whole)))
