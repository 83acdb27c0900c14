"""An estimate of time for people and programs: a section below a summary's table, Markdown, and columns of its CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import replace

from archspec.analysis.roofline import LayerTime, Roofline
from archspec.analysis.work import Work
from archspec.render.units import binary, share

MOST = 10
LONGEST_NAME = 22
CSV_COLUMNS = ("kind", "bytes", "intensity", "bound", "seconds")


def duration(seconds: float) -> str:
    """`1.23 ms`: three digits, with the unit that fits."""
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= 0.9995 * size or unit == "µs":
            value = seconds / size
            return f"{value:.{0 if value >= 99.95 else 1 if value >= 9.995 else 2}f} {unit}"
    raise AssertionError("the smallest unit takes all")


def section(found: Roofline) -> str:
    """The estimate as lines of at most 80 characters: what a pass takes, what bounds it, where the time goes."""
    rows = _rows(found)
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    table = ["  ".join(_cell(text, widths[i], i) for i, text in enumerate(row)).rstrip() for row in rows]
    label = max(len(name) for name, _ in _facts(found))
    facts = [f"{name:<{label}}  {text}" for name, text in _facts(found)]
    return "\n".join([_heading(found), "", *facts, *(["", *table] if found.layers else [])])


def markdown(found: Roofline) -> str:
    """The same as GitHub-flavoured Markdown."""
    head, *rows = _rows(found)
    align = (":--", ":--", "--:", "--:", ":--", "--:", "--:")
    table = ["| " + " | ".join(text.replace("|", "\\|") for text in row) + " |" for row in (head, align, *rows)]
    facts = [f"- {name}: {text}" for name, text in _facts(found)]
    return "\n".join([_heading(found), "", *facts, "", *table])


def with_times(text: str, found: Roofline) -> str:
    """The CSV of a summary with the columns of the estimate behind its own."""
    times = {layer.name: layer for layer in found.layers}
    head, *rows = csv.reader(io.StringIO(text))
    made = io.StringIO()
    writer = csv.writer(made, lineterminator="\n")
    writer.writerow([*head, *CSV_COLUMNS])
    for row in rows:
        layer = times[row[0]].to_json()
        writer.writerow([*row, *(layer[key] for key in CSV_COLUMNS)])
    return made.getvalue().removesuffix("\n")


def with_device(data: Mapping[str, object], found: Roofline) -> dict[str, object]:
    """What `Summary.to_json` gave, with the estimate: a section `device`, and keys of each layer."""
    times = {layer.name: layer.to_json() for layer in found.layers}
    layers = data["layers"]
    assert isinstance(layers, list)
    return {**data, "device": found.to_json(), "layers": [{**layer, **times[layer["name"]]} for layer in layers]}


def _heading(found: Roofline) -> str:
    shares = "" if found.device.shares == "measured" else "; what operations reach is assumed"
    return f"time on {found.device.name}, {found.precision}, batch {found.batch}{shares}"


def _facts(found: Roofline) -> list[tuple[str, str]]:
    seconds = found.seconds
    bounds = sorted(found.bound_seconds().items(), key=lambda pair: -pair[1])
    named = ", ".join(f"{bound} {_percent(part, seconds)}" for bound, part in bounds if part)
    facts = [("a pass", f"{duration(seconds)}, {_rate(found.batch / seconds)} a second" if seconds else "no time")]
    facts += [("bound by", named)] if named else []
    facts += [("moves", f"{binary(found.bytes)}, {_rate(found.intensity)} operations a byte")]
    if found.peak_bytes is not None:
        fits = "" if found.peak_bytes <= found.capacity_bytes else ": more than there is"
        facts += [("memory", f"{binary(found.peak_bytes)} of {binary(found.capacity_bytes)}{fits}")]
    return facts


def _rows(found: Roofline) -> list[tuple[str, ...]]:
    """The layers that take longest, a line for those that do the same work, and a line of titles above."""
    alike: dict[Work, list[LayerTime]] = {}
    for layer in found.layers:
        alike.setdefault(replace(layer.work, name=""), []).append(layer)
    longest = sorted(alike.values(), key=lambda layers: -sum(layer.seconds for layer in layers))[:MOST]
    head = ("longest", "kind", "moves", "op/B", "bound by", "time", "share")
    return [head, *(_row(layers, found.seconds) for layers in longest)]


def _row(layers: Sequence[LayerTime], whole: float) -> tuple[str, ...]:
    """Layers that do the same work: the name of the first and how many, figures of one, the time of all."""
    first, seconds = layers[0], sum(layer.seconds for layer in layers)
    times = f" ×{len(layers)}" if len(layers) > 1 else ""
    room = LONGEST_NAME - len(times)
    name = first.name if len(first.name) <= room else "…" + first.name[1 - room :]
    work = first.work
    return (
        name + times,
        work.kind,
        binary(work.bytes, 1),
        _rate(work.intensity),
        first.bound,
        duration(seconds),
        _percent(seconds, whole),
    )


def _rate(number: float) -> str:
    """`1,130`, `26.1`: three digits, or all before the point."""
    return f"{number:,.0f}" if number >= 100 else f"{number:.3g}"


def _percent(part: float, whole: float) -> str:
    return share(round(1e9 * part), max(1, round(1e9 * whole)))


def _cell(text: str, width: int, column: int) -> str:
    return f"{text:<{width}}" if column in (0, 1, 4) else f"{text:>{width}}"
