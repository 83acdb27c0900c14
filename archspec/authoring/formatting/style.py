"""What is laid out in one way only in specs: the order of keys, blank lines between sections, layers."""

from __future__ import annotations

from archspec.authoring.formatting.tree import BLANK, Group, Item, Leaf
from archspec.spec import MODIFIERS, ORDER, STRUCTURAL

SECTIONS = frozenset(("variants", "blocks", "layers", "heads", "detect", "outputs", "assert"))
"""Keys with a blank line before them."""


def arrange(root: Item) -> None:
    """Bring a document into its one form, in place. What is not a spec keeps its order."""
    document = root.value
    if not isinstance(document, Group) or not document.mapping:
        return
    document.flow = False
    if document.get("archspec") is None:
        return
    _order(document)
    if (sizes := document.get("input")) is not None and isinstance(sizes.value, Group):
        sizes.value.joined = _is_plain(sizes.value)
    for item in document.items[1:]:
        if item.key is not None and item.key.text in SECTIONS and BLANK not in item.above:
            item.above.insert(0, BLANK)
    _layers(document.get("layers"))
    detector = document.get("detect")
    if detector is not None and isinstance(detector.value, Group):
        _layers(detector.value.get("heads"))
    for section in ("blocks", "heads"):
        held = document.get(section)
        for item in held.value.items if held is not None and isinstance(held.value, Group) else ():
            if isinstance(item.value, Group):
                _layers(item.value.get("layers"))


def _order(document: Group) -> None:
    """The keys in their order, those unknown behind the one they followed. What heads the file stays there:
    the comments above the first key, up to the last blank line among them."""
    first = document.items[0]
    ranks: dict[int, float] = {}
    rank = 0.5
    for item in document.items:
        key = item.key.text if item.key is not None else ""
        rank = float(ORDER.index(key)) if key in ORDER else int(rank) + 0.5
        ranks[id(item)] = rank
    document.items.sort(key=lambda item: ranks[id(item)])
    if document.items[0] is not first:
        end = max((i for i, line in enumerate(first.above, 1) if line == BLANK and i > 1), default=len(first.above))
        document.items[0].above[:0] = first.above[:end]
        del first.above[:end]


def _layers(item: Item | None) -> None:
    """The layers of a list, each with its word first."""
    if item is None or not isinstance(item.value, Group) or item.value.mapping:
        return
    for entry in item.value.items:
        _layer(entry)


def _layer(entry: Item) -> None:
    """One layer: its word, then its modifiers; what it holds; `relu: {}` as `relu`."""
    layer = entry.value
    if not isinstance(layer, Group) or not layer.mapping:
        return
    words = [(item.key, item) for item in layer.items if item.key is not None and item.key.text not in MODIFIERS]
    if len(words) != 1:
        return
    layer.bare = layer.flow and len(layer.items) == 1 and layer.anchor is None
    ((key, word),) = words
    layer.items.remove(word)
    layer.items.insert(0, word)
    args, name = word.value, key.text
    if name in ("layers", "map"):
        _layers(word)
    elif name == "residual":
        _layers(word)
        for part in args.items if isinstance(args, Group) and args.mapping else ():
            _layers(part)
    elif name == "branches":
        for branch in args.items if isinstance(args, Group) else ():
            _layers(branch)
            _layer(branch)
    elif name not in STRUCTURAL and isinstance(args, Group) and args.mapping:
        if not args.items and not args.below and args.anchor is None and layer.anchor is None and len(layer.items) == 1:
            entry.above += word.above
            entry.value, entry.beside = key, entry.beside or word.beside
        else:
            args.joined = word.beside is None and all(_is_plain(item.value) for item in args.items)


def _is_plain(value: Leaf | Group) -> bool:
    """Whether a value is data that reads well on one line: no block of mappings, no text of several lines."""
    if isinstance(value, Leaf):
        return value.kind != "literal"
    if value.flow:
        return True
    return not value.mapping and all(isinstance(item.value, Leaf) and _is_plain(item.value) for item in value.items)
