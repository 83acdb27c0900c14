"""What operators say of themselves, as the reference and editors show it."""

from __future__ import annotations

import itertools
import re


def paragraph(text: str) -> str:
    """The first paragraph of a docstring, in one line."""
    return " ".join(itertools.takewhile(str.strip, text.splitlines()))


def first_sentence(text: str) -> str:
    """What a docstring says to its first stop, which is left out."""
    return re.split(r"(?<=[.:;])\s", paragraph(text))[0].rstrip(".:;")


def markdown(text: str) -> str:
    """A docstring as Markdown: indented examples become fenced YAML."""
    lines: list[str] = []
    for indented, group in itertools.groupby(text.splitlines(), key=lambda line: line.startswith("    ")):
        block = list(group)
        lines += ["```yaml", *(line[4:] for line in block), "```"] if indented else block
    fenced, escaped = False, []
    for line in lines:
        fenced ^= line.startswith("```")
        # an asterisk is a product or an unpacking here, never emphasis
        escaped.append(line if fenced else re.sub(r"(`[^`]*`)|\*", lambda m: m[1] or r"\*", line))
    return "\n".join(escaped)


def written(value: object) -> str:
    """A value as a spec writes it."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {written(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(written, value))}]"
    if value is None:
        return "none"
    return str(value).lower() if isinstance(value, bool) else f"{value:g}" if isinstance(value, float) else str(value)
