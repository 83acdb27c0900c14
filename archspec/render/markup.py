"""Cells as a table of Markdown, LaTeX or CSV."""

from __future__ import annotations

from collections.abc import Sequence

SPECIAL = str.maketrans(
    {
        **{c: f"\\{c}" for c in "_&%$#{}"},
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "×": r"$\times$",
        "⌈": r"$\lceil$",
        "⌉": r"$\rceil$",
        "⌊": r"$\lfloor$",
        "⌋": r"$\rfloor$",
        "·": r"$\cdot$",
        "≤": r"$\le$",
        "→": r"$\to$",
        "−": "$-$",
        "µ": r"$\mu$",
        "²": "$^2$",
        "–": "--",
        "…": r"\dots{}",
    }
)
"""Signs of TeX, and signs that its fonts of text do not have."""


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]], left: Sequence[bool]) -> str:
    """A table of GitHub-flavoured Markdown; `left` says which columns are to the left."""
    align = [":--" if to_left else "--:" for to_left in left]
    shown = [[text.replace("|", "\\|") for text in row] for row in (head, align, *rows)]
    return "\n".join("| " + " | ".join(row) + " |" for row in shown)


def latex(head: Sequence[str], rows: Sequence[Sequence[str]], left: Sequence[bool]) -> str:
    """A tabular with the rules of booktabs."""
    columns = "".join("l" if to_left else "r" for to_left in left)
    top, *body = (" & ".join(text.translate(SPECIAL) for text in row) + r" \\" for row in (head, *rows))
    rules = [rf"\begin{{tabular}}{{{columns}}}", r"\toprule", top, r"\midrule", *body]
    return "\n".join([*rules, r"\bottomrule", r"\end{tabular}"])


def csv(head: Sequence[object], rows: Sequence[Sequence[object]]) -> str:
    """Lines of comma-separated values, quoted where they must be."""
    import csv
    import io

    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows([head, *rows])
    return text.getvalue().removesuffix("\n")
