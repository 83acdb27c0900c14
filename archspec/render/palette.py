"""Colours of a diagram: by class of operation, told apart by every kind of colour vision, dark text on all."""

from __future__ import annotations

from typing import NamedTuple


class Tint(NamedTuple):
    """Fill and border of a class of boxes, and what the legend calls it."""

    fill: str
    line: str
    legend: str


# hues of Okabe and Ito's palette ("Color universal design", 2008), the fills lightened for dark text
TINTS: dict[str, Tint] = {
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
}
TEXT = "#1a1a1a"
FAINT = "#6b6b6b"
ARROW = "#4d4d4d"
TRAINING = "#9a9a9a"
PANEL = "#fafafa"
BORDER = "#c4c4c4"
