"""Colours of a diagram: by class of operation, told apart by every kind of colour vision, on white and on black."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple


class Tint(NamedTuple):
    """Fill and border of a class of boxes, and what the legend calls it."""

    fill: str
    line: str
    legend: str


@dataclass(frozen=True, slots=True)
class Theme:
    """All colours of a picture."""

    name: str
    tints: Mapping[str, Tint]
    background: str
    text: str
    faint: str
    arrow: str
    training: str
    panel: str
    border: str
    heat: tuple[str, ...]
    """From nothing to all of it, in equal steps."""
    added: Tint
    changed: Tint
    touched: Tint
    """The same layer, on other tensors."""
    same: Tint
    stages: tuple[str, ...]
    """Fills of one stage after another."""


# hues of Okabe and Ito's palette ("Color universal design", 2008), the fills lightened for dark text
LIGHT = Theme(
    name="light",
    tints={
        "conv": Tint("#cfe4f4", "#0072b2", "convolution"),
        "linear": Tint("#f2d9e6", "#b0558a", "fully connected"),
        "pool": Tint("#f9dcc4", "#c8540a", "pooling"),
        "norm": Tint("#f8f2b8", "#a08f00", "normalisation"),
        "activation": Tint("#c9eadd", "#007d5a", "activation"),
        "merge": Tint("#ffffff", "#333333", "join"),
        "shape": Tint("#ebebeb", "#777777", "reshaping"),
        "regularize": Tint("#f3f3f3", "#999999", "regularisation"),
        "attention": Tint("#d9f0fa", "#3a9bc9", "attention"),
        "block": Tint("#eef1f6", "#44546a", "block"),
        "input": Tint("#ffffff", "#333333", "tensor"),
    },
    background="#ffffff",
    text="#1a1a1a",
    faint="#636363",
    arrow="#4d4d4d",
    training="#949494",
    panel="#fafafa",
    border="#c4c4c4",
    heat=("#fffaf0", "#e07b39"),
    added=Tint("#c9eadd", "#007d5a", "added"),
    changed=Tint("#f9dcc4", "#c8540a", "changed"),
    touched=Tint("#f8f2b8", "#a08f00", "touched"),
    same=Tint("#f5f5f5", "#9a9a9a", "as in"),
    stages=("#f9dcc4", "#e0d6ee", "#d3ecd2", "#f6d3cf", "#cfe4f4", "#f8f2b8"),
)

DARK = Theme(
    name="dark",
    tints={
        "conv": Tint("#123c58", "#56b4e9", "convolution"),
        "linear": Tint("#4a2440", "#cc79a7", "fully connected"),
        "pool": Tint("#54300f", "#e69f00", "pooling"),
        "norm": Tint("#46420f", "#f0e442", "normalisation"),
        "activation": Tint("#0c4232", "#2bbf92", "activation"),
        "merge": Tint("#1b1e23", "#d8d8d8", "join"),
        "shape": Tint("#33373d", "#a0a0a0", "reshaping"),
        "regularize": Tint("#2a2d32", "#8c8c8c", "regularisation"),
        "attention": Tint("#1d4a5c", "#8fd3f0", "attention"),
        "block": Tint("#2a3240", "#a9b8d0", "block"),
        "input": Tint("#1b1e23", "#d8d8d8", "tensor"),
    },
    background="#16181c",
    text="#f0f0f0",
    faint="#a8a8a8",
    arrow="#bdbdbd",
    training="#808080",
    panel="#1d2025",
    border="#4a4e55",
    heat=("#1f2228", "#472a5c", "#8f2d5e", "#b04522"),
    added=Tint("#0c4232", "#2bbf92", "added"),
    changed=Tint("#54300f", "#e69f00", "changed"),
    touched=Tint("#46420f", "#f0e442", "touched"),
    same=Tint("#24272c", "#80858c", "as in"),
    stages=("#54300f", "#3b2f55", "#1f4428", "#542522", "#123c58", "#46420f"),
)

THEMES = {theme.name: theme for theme in (LIGHT, DARK)}


def blend(low: str, high: str, share: float) -> str:
    """A colour between two: `share` of the way."""
    channels = zip((low[1:3], low[3:5], low[5:7]), (high[1:3], high[3:5], high[5:7]), strict=True)
    return "#" + "".join(f"{round(int(a, 16) + (int(b, 16) - int(a, 16)) * share):02x}" for a, b in channels)


def shade(colours: Sequence[str], share: float) -> str:
    """The colour at a share of the way along several in equal steps."""
    place = share * (len(colours) - 1)
    step = min(int(place), len(colours) - 2)
    return blend(colours[step], colours[step + 1], place - step)
