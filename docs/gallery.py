"""Draws every network of the zoo into docs/gallery, with a page that shows them: `make gallery`."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import archspec
from archspec import zoo
from archspec.files import write_text
from archspec.render.draw import Style
from archspec.render.units import decimal

GALLERY = Path(__file__).parent / "gallery"
STYLES: dict[Style, tuple[str, ...]] = {  # what the papers' own figures look like
    "paper": ("vgg16", "vgg19", "resnet34", "resnet152", "googlenet", "resnet20_cifar"),
    "volumes": ("lenet5", "alexnet_2012", "zfnet", "vgg16"),
}
SHOWN = ("resnet152", "googlenet", "unet", "mobilenet_v2", "alexnet_2012-volumes", "resnet34-paper")
"""Pictures on the page itself."""
HEAD = """\
# Gallery

Every network of the zoo as `archspec draw NAME -o NAME.svg` draws it, and some in the style of their papers' figures.
Made by `make gallery`.

"""


def gallery(folder: Path = GALLERY) -> list[Path]:
    """Draw all networks into a folder; returns what was written, README.md last."""
    folder.mkdir(exist_ok=True)
    written: list[Path] = []
    rows = ["| | | parameters | MACs |", "|---|---|---:|---:|"]
    for name in dict.fromkeys(entry.name for entry in zoo.entries()):
        graph = archspec.load(name)
        totals = archspec.summarize(graph).totals
        written.append(archspec.draw(graph, folder / f"{name}.svg"))
        pictures = [f"[{name}]({name}.svg)"]
        for style, names in STYLES.items():
            if name in names:
                written.append(archspec.draw(graph, folder / f"{name}-{style}.svg", style=style))
                pictures.append(f"[{style}]({name}-{style}.svg)")
        others = ", ".join(pictures[1:])
        rows.append(f"| {pictures[0]} | {others} | {decimal(totals.params, 1)} | {decimal(totals.macs)} |")
    shown = [f"\n## {path.stem}\n\n![{path.stem}]({path.name})\n" for path in written if path.stem in SHOWN]
    write_text(folder / "README.md", HEAD + "\n".join(rows) + "\n" + "".join(shown))
    return [*written, folder / "README.md"]


if __name__ == "__main__":
    start = time.perf_counter()
    files = gallery()
    size = sum(path.stat().st_size for path in files) / 1e6
    sys.stdout.write(f"{len(files)} files, {size:.1f} MB, in {time.perf_counter() - start:.0f} s\n")
