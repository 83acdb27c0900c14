"""What `where` prints: a cell, and the pixels that it sees, axis by axis."""

from __future__ import annotations

from archspec.analysis.where import View
from archspec.render.units import exact

AXES = {1: ("x",), 2: ("y", "x"), 3: ("z", "y", "x")}


def text(view: View) -> str:
    """A heading and a line an axis: pixels, middle, field, stride and offset."""
    cell, sizes = ", ".join(map(str, view.cell)), "×".join(map(str, view.size))
    out = [f"cell ({cell}) of {view.layer}, {sizes}, in an image of {'×'.join(map(str, view.image))}", ""]
    rows: list[tuple[str, ...]] = [("", "pixels", "on the image", "middle", "field", "stride", "offset")]
    for i, axis in enumerate(AXES[len(view.cell)]):
        (first, last), field = view.inside[i], view.field[i]
        rows.append(
            (
                axis,
                f"{view.first[i]} … {view.last[i]}",
                f"{first} … {last}" if first <= last else "none",
                exact(view.center[i]),
                *(exact(n) for n in (view.sees[i], field.jump, field.start)),
            )
        )
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    out += ["  ".join(f"{cell:>{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join(out)
