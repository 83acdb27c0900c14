"""`trials.png`: what trials reached against each value that was searched, and the first two against each other."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from archspec.files import write_bytes
from archspec.run.figures import title
from archspec.run.search import Range
from archspec_torch.runtime.tuning.result import Trial, TuneResult

NARROW = 200
"""Greatest over least value of a log axis below which 2 and 5 are marked too."""


def write_plot(found: TuneResult, path: Path) -> None:
    """A panel each value, pruned trials hollow; and as in the notes of CS231n the first two ranges of numbers as a
    scatter coloured by what was reached. Nothing is written before a trial has a value. Raises SpecError E505."""
    trials = found.ranking
    if not trials:
        return
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    ranges, numeric = found.search.ranges, [r for r in found.search.ranges if r.kind != "choice"]
    panels = len(ranges) + (len(numeric) > 1)
    across = 2 if panels in (2, 4) else min(3, panels)
    down = math.ceil(panels / across)
    figure = Figure(figsize=(3.4 * across, 2.8 * down), layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.subplots(down, across, squeeze=False).ravel()
    scale, label = (1 if found.search.direction == "minimize" else 100), title(found.search.on)
    label += " (%)" if scale == 100 else ""
    for axes, one in zip(grid, ranges, strict=False):
        _against(axes, one, trials, scale)
        axes.set_ylabel(label, fontsize=8)
    if len(numeric) > 1:
        axes = grid[len(ranges)]
        x, y = numeric[:2]
        values = [scale * (t.value or 0.0) for t in trials]
        points = axes.scatter(
            [t.settings[x.path] for t in trials],
            [t.settings[y.path] for t in trials],
            c=values,
            cmap="viridis" if scale == 100 else "viridis_r",
            s=28,
            edgecolors="#444444",
            linewidths=0.4,
        )
        _axis(axes, "x", x)
        _axis(axes, "y", y)
        bar = figure.colorbar(points, ax=axes)
        bar.set_label(label, fontsize=8)
        bar.ax.tick_params(labelsize=7)
    for axes in grid[panels:]:
        axes.set_visible(False)
    image = io.BytesIO()
    figure.savefig(image, format="png", dpi=150)
    write_bytes(path, image.getvalue())


def _against(axes: Any, one: Range, trials: Sequence[Trial], scale: float) -> None:
    """Values reached against those tried, on the scale they were drawn on."""
    places = {repr(v): i for i, v in enumerate(one.values)} if one.kind == "choice" else None
    for state, face in (("pruned", "none"), ("finished", "#0072B2")):
        some = [t for t in trials if t.state == state]
        at = [t.settings[one.path] if places is None else places[repr(t.settings[one.path])] for t in some]
        axes.scatter(at, [scale * (t.value or 0.0) for t in some], s=22, facecolors=face, edgecolors="#0072B2")
    best = trials[0]
    x = best.settings[one.path] if places is None else places[repr(best.settings[one.path])]
    axes.scatter([x], [scale * (best.value or 0.0)], s=70, facecolors="none", edgecolors="#D55E00", linewidths=1.5)
    _axis(axes, "x", one)
    if places is not None:
        axes.set_xticks(range(len(one.values)), [str(v) for v in one.values])
        axes.set_xlim(-0.5, len(one.values) - 0.5)


def _axis(axes: Any, which: str, one: Range) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    getattr(axes, f"set_{which}label")(one.path, fontsize=8)
    if one.kind == "log":
        getattr(axes, f"set_{which}scale")("log")
        low, high = getattr(axes, f"get_{which}lim")()
        ticks = getattr(axes, f"{which}axis")
        ticks.set_minor_formatter(NullFormatter())
        if high / low < NARROW:
            ticks.set_major_locator(LogLocator(subs=(1, 2, 5)))
            ticks.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.tick_params(labelsize=7)
    axes.grid(alpha=0.25, linewidth=0.5)
    axes.spines[["top", "right"]].set_visible(False)
