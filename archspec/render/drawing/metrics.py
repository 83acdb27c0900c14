"""How wide text is: the advance widths of Helvetica, which Arial and Liberation Sans share."""

from __future__ import annotations

FONT = "Helvetica,Arial,Liberation Sans,DejaVu Sans,sans-serif"

# thousandths of the size, for the characters from space to tilde
_REGULAR = """
278 278 355 556 556 889 667 191 333 333 389 584 278 333 278 278 556 556 556 556 556 556 556 556 556 556 278 278 584 584
584 556 1015 667 667 722 722 667 611 778 722 278 500 667 556 833 722 778 667 778 722 667 611 722 667 944 667 667 611 278
278 278 469 556 333 556 556 500 556 556 278 556 556 222 222 500 222 833 556 556 556 556 333 500 278 556 500 722 500 500
500 334 260 334 584"""
_BOLD = """
278 333 474 556 556 889 722 238 333 333 389 584 278 333 278 278 556 556 556 556 556 556 556 556 556 556 333 333 584 584
584 611 975 722 722 722 722 667 611 778 722 278 556 722 611 833 722 778 667 778 722 667 611 722 667 944 667 667 611 333
278 333 584 556 333 556 611 556 611 556 333 611 611 278 278 556 278 889 611 611 611 611 389 556 333 611 556 778 556 556
500 389 280 389 584"""
_OTHERS = {"×": 584, "·": 333, "–": 556, "…": 1000, "→": 1000, "‖": 498, "½": 834, "²": 333, "\N{NO-BREAK SPACE}": 278}
_WIDEST = 1000
"""Any other character, in whatever font it is found."""


def _table(widths: str) -> dict[str, int]:
    return {chr(32 + i): int(width) for i, width in enumerate(widths.split())} | _OTHERS


_TABLES = (_table(_REGULAR), _table(_BOLD))


def text_width(text: str, size: float, bold: bool = False) -> float:
    """Width of a line of text, in the unit of `size`."""
    table = _TABLES[bold]
    return sum(table.get(character, _WIDEST) for character in text) * size / 1000
