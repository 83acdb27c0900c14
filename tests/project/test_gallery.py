"""The gallery: one command draws every network of the zoo."""

from __future__ import annotations

import runpy

import pytest

import archspec
from archspec import zoo


@pytest.mark.slow
def test_every_network_of_the_zoo_is_drawn(root, tmp_path):
    written = runpy.run_path(str(root / "docs" / "gallery.py"))["gallery"](tmp_path)
    names = {entry.name for entry in zoo.entries()}
    assert names <= {path.stem for path in written}
    assert sum(path.stat().st_size for path in written) < 6e6
    index = (tmp_path / "README.md").read_text(encoding="utf-8")
    assert all(f"({name}.svg)" in index for name in names)


SAMPLE = [
    ("lenet5", None),
    ("resnet18", None),
    ("googlenet", None),
    ("unet", None),
    ("vgg16", "paper"),
    ("resnet34", "paper"),
    ("alexnet_2012", "volumes"),
]


@pytest.mark.parametrize(("name", "style"), SAMPLE)
def test_the_gallery_is_what_draw_makes_now(name, style, root, tmp_path):
    """`make gallery` draws it anew. These pictures are laid out without Graphviz, so they are the same anywhere."""
    written = archspec.draw(archspec.load(name), tmp_path / "picture.svg", **({"style": style} if style else {}))
    shown = root / "docs" / "gallery" / f"{name}{f'-{style}' if style else ''}.svg"
    assert written.read_bytes() == shown.read_bytes()
