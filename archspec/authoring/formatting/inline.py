"""A value on one line, as it stands in brackets, in braces or alone."""

from __future__ import annotations

from dataclasses import dataclass

from archspec.authoring.formatting.scalars import key_text, value_text
from archspec.authoring.formatting.tree import BLANK, Group, Leaf


@dataclass(frozen=True, slots=True)
class Cells:
    """The values that stand in a line, and the text around and between them: one piece more."""

    texts: tuple[str, ...]
    between: tuple[str, ...]


def inline(value: Leaf | Group) -> str | None:
    """A value on one line, or None where a comment inside it forbids that."""
    pieces = _pieces(value)
    return None if pieces is None else "".join(text for text, _ in pieces)


def cells(value: Leaf | Group) -> Cells | None:
    """The same with the values apart from what stands between them."""
    pieces = _pieces(value)
    if pieces is None:
        return None
    between = [""]
    texts = []
    for text, is_value in pieces:
        if is_value:
            texts.append(text)
            between.append("")
        else:
            between[-1] += text
    return Cells(tuple(texts), tuple(between))


def leaf_text(leaf: Leaf, flow: bool) -> str:
    """A scalar or alias as it is written, its anchor before it."""
    if leaf.kind == "alias":
        return f"*{leaf.text}"
    return anchored(leaf.anchor, value_text(leaf.text, leaf.kind != "plain", flow))


def key_head(key: Leaf, flow: bool) -> str:
    """A key with its colon and the space behind it."""
    if key.kind == "alias":
        return f"*{key.text} : "  # the colon would belong to the name
    return f"{anchored(key.anchor, key_text(key.text, key.kind != 'plain', flow))}: "


def anchored(anchor: str | None, text: str) -> str:
    return text if anchor is None else f"&{anchor} {text}".rstrip()


def _pieces(value: Leaf | Group) -> list[tuple[str, bool]] | None:
    """Pieces of the line, each with whether it is a value."""
    if isinstance(value, Leaf):
        return [(leaf_text(value, flow=True), True)]
    opening, closing = ("", "") if value.bare and len(value.items) == 1 else ("{", "}") if value.mapping else ("[", "]")
    found = [(anchored(value.anchor, opening), False)]
    for i, item in enumerate(value.items):
        inside = _pieces(item.value)
        if inside is None or item.beside is not None or any(line != BLANK for line in item.above):
            return None
        found.append((", " if i else "", False))
        if item.key is not None:
            found.append((key_head(item.key, flow=True), False))
        found += inside
    return None if value.below else [*found, (closing, False)]
