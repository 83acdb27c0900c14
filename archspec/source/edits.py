"""Edits of a written value, as a tree and as text at once: what is suggested to a user can be tried first.

An `Edit` says which value of a tree gives way to what, and holds the `Fix` that does the same to the text, or None
where no edit of one line can.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from archspec.errors import Fix, Span
from archspec.source.values import Mapping, Scalar, Sequence, Value, from_plain

_NEEDS_QUOTES = frozenset(",[]{}#:&*!|>'\"%@`")


@dataclass(frozen=True, slots=True)
class Edit:
    """The value `old`, found by identity, gives way to `new`: one value, or in a list any number."""

    old: Value
    new: tuple[Value, ...]
    fix: Fix | None

    def applied(self, tree: Mapping) -> Mapping:
        """The tree, edited."""
        found = _substituted(tree, self.old, self.new)
        assert isinstance(found, Mapping)
        return found


def _substituted(tree: Value, old: Value, new: tuple[Value, ...]) -> Value:
    """What the edit leaves as it is stays the very same, so that another edit finds it."""
    if isinstance(tree, Sequence):
        items: list[Value] = []
        for item in tree.items:
            items += new if item is old else (_substituted(item, old, new),)
        same = len(items) == len(tree.items) and all(a is b for a, b in zip(items, tree.items, strict=True))
        return tree if same else Sequence(tuple(items), tree.span)
    if isinstance(tree, Mapping):
        pairs = []
        for key, value in tree.entries:
            renamed = new[0] if key is old else key
            assert isinstance(renamed, Scalar)
            pairs.append((renamed, new[0] if value is old else _substituted(value, old, new)))
        same = all(a is b and x is y for (a, x), (b, y) in zip(pairs, tree.entries, strict=True))
        return tree if same else Mapping(tuple(pairs), tree.span)
    return tree


def replaced(old: Value, data: object, text: str) -> Edit:
    """Another value, given as plain data and as text."""
    whole = extent(old)
    return Edit(old, (from_plain(data, old.span),), Fix(whole, text) if whole else None)


def with_entry(args: Mapping, name: str, data: object, text: str) -> Edit:
    """One more key in a mapping."""
    new = Mapping((*args.entries, (_key(name, args.span), from_plain(data, args.span))), args.span)
    return Edit(args, (new,), _inserted(args, f"{name}: {text}"))


def _inserted(args: Mapping, pair: str) -> Fix | None:
    if written(args.span) == "{":
        if not args.entries:
            return Fix(args.span, "{" + pair)
        last = extent(args.entries[-1][1])
        return Fix(last, f"{written(last)}, {pair}") if last else Fix(args.span, f"{{{pair}, ")
    if not args.entries:
        return None
    (first, _), (key, value) = args.entries[0], args.entries[-1]
    indent = " " * (first.span.column - 1)
    whole = extent(value)
    if whole is not None and whole.line == key.span.line:
        return Fix(whole, f"{written(whole)}\n{indent}{pair}")
    return Fix(first.span, f"{pair}\n{indent}{written(first.span)}")


Argument = tuple[str, object, str]
"""Name, value as plain data, and as text."""


def with_argument(item: Value, word: Scalar, args: Value | None, added: Argument, main: str | None) -> Edit:
    """One more argument of the layer `word: args` that is an item of a list.

    `main` names the argument that stands alone. Raises ValueError where one stands alone that has no name.
    """
    name, data, text = added
    if isinstance(args, Mapping):
        return with_entry(args, name, data, text)
    entry = (_key(name, word.span), from_plain(data, word.span))
    if args is None:
        called = Mapping(((word, Mapping((entry,), word.span)),), word.span)
        return Edit(item, (called,), Fix(word.span, f"{written(word.span)}: {{{name}: {text}}}"))
    if main is None:
        raise ValueError(f"{word.text} has no main argument")
    new = Mapping(((_key(main, args.span), args), entry), args.span)
    whole = extent(args)
    if whole is not None:
        return Edit(args, (new,), Fix(whole, f"{{{main}: {_within_braces(written(whole))}, {name}: {text}}}"))
    if isinstance(args, Sequence) and args.span.line > word.span.line and args.span.column > word.span.column:
        # a list may stand as far left as the key it belongs to, so its lines need no other indentation
        indent = "\n" + " " * (args.span.column - 1)
        return Edit(args, (new,), Fix(word.span, f"{written(word.span)}:{indent}{name}: {text}{indent}{main}"))
    return Edit(args, (new,), None)


def with_arguments(item: Value, word: Scalar, args: Value | None, given: Iterable[Argument], main: str | None) -> Edit:
    """Several arguments of one layer, each changed where it is written and else added.

    Raises ValueError where one stands alone that has no name.
    """
    if args is not None and not isinstance(args, Mapping) and main is None:
        raise ValueError(f"{word.text} has no main argument")
    old = args.entries if isinstance(args, Mapping) else () if args is None else ((_key(main or "", args.span), args),)
    values = {key.text: (key, value) for key, value in old}
    texts = {name: _in_one_line(value) for name, (_, value) in values.items()}
    for name, data, text in given:
        values[name] = (_key(name, word.span), from_plain(data, word.span))
        texts[name] = text
    called = Mapping(tuple(values.values()), word.span)
    inside = ", ".join(f"{name}: {text}" for name, text in texts.items())
    fix = None
    if args is None:
        fix = Fix(word.span, f"{written(word.span)}: {{{inside}}}")
        return Edit(item, (Mapping(((word, called),), word.span),), fix)
    whole = extent(args)
    if whole is not None and None not in texts.values():
        fix = Fix(whole, f"{{{inside}}}")
    return Edit(args, (called,), fix)


def _in_one_line(value: Value) -> str | None:
    whole = extent(value)
    if whole is None:
        return None
    return _within_braces(written(whole)) if isinstance(value, Scalar) else written(whole)


def with_join(join: Value, name: str, data: object, text: str) -> Edit:
    """One more argument of the operator that joins branches: `join: add` becomes `join: {add: {…}}`."""
    if isinstance(join, Mapping):
        (_, args) = join.entries[0]
        assert isinstance(args, Mapping)
        return with_entry(args, name, data, text)
    assert isinstance(join, Scalar)
    inner = Mapping(((_key(name, join.span), from_plain(data, join.span)),), join.span)
    fix = Fix(join.span, f"{{{written(join.span)}: {{{name}: {text}}}}}")
    return Edit(join, (Mapping(((join, inner),), join.span),), fix)


def with_layer_before(item: Value, word: Scalar, layer: object, text: str) -> Edit:
    """A layer, given as plain data and as text, in front of the one that is an item of a list."""
    span, fix = word.span, None
    before = span.text[: span.column - 1]
    if before.strip(" -") == "" and "-" in before:
        fix = Fix(span, f"{text}\n{before[: before.rindex('-')].replace('-', ' ')}- {written(span)}")
    elif before.rstrip().endswith(("[", ",")) and written(item.span) != "{":
        fix = Fix(span, f"{text}, {written(span)}")
    return Edit(item, (from_plain(layer, span), item), fix)


def with_input_through(
    item: Mapping, word: Scalar, layer: tuple[object, str], reference: Scalar, taken: Sequence
) -> Edit:
    """A layer, as plain data and as text, in front of another one, on the way of a tensor that this one takes by name:
    it is led through the new layer, and the references are `taken` in place of those written."""
    of = next(value for key, value in item.entries if key is word)
    inner = of.get("of") if isinstance(of, Mapping) else of
    assert inner is not None
    data, shown = layer
    called = data if isinstance(data, dict) else {data: {}}
    before = from_plain(called, word.span)
    assert isinstance(before, Mapping)
    led = Mapping((*before.entries, (_key("from", word.span), reference)), word.span)
    margin = word.span.text[: word.span.column - 1]
    whole, part = extent(of), extent(inner)
    fix = None
    if margin.strip(" -") == "" and margin.count("-") == 1 and whole and part and whole.line == word.span.line:
        start, end = word.span.column - 1, whole.column - 1 + whole.length
        names = ", ".join(one.text for one in taken.items if isinstance(one, Scalar))
        line, inside = word.span.text, "\n" + " " * len(margin)
        again = f"{line[start : part.column - 1]}[{names}]{line[part.column - 1 + part.length : end]}"
        shown += ": {}" * (not isinstance(data, dict))
        fix = Fix(replace(word.span, length=end - start), f"{shown}{inside}from: {reference.text}\n{margin}{again}")
    return Edit(item, (led, _substituted(item, inner, (taken,))), fix)


def without_item(item: Scalar) -> Edit:
    """A list without one of its items: the line goes where the item has it for itself."""
    span = item.span
    alone = span.text.strip(" -") == written(span) and span.text.count("-") == 1
    whole = replace(span, column=1, length=len(span.text) + 1)
    return Edit(item, (), Fix(whole, "") if alone else None)


def renamed(word: Scalar, name: str) -> Edit:
    """Another layer in the same place, with the same arguments."""
    return Edit(word, (_key(name, word.span),), Fix(word.span, name))


def written(span: Span) -> str:
    """The text that a span covers."""
    return span.text[span.column - 1 : span.column - 1 + span.length]


def extent(value: Value) -> Span | None:
    """All of the text of a value, where it stands in one line."""
    if isinstance(value, Scalar):
        return value.span if written(value.span)[:1] not in ("", "&") else None  # others may repeat what has an anchor
    start = value.span
    closing = {"[": "]", "{": "}"}.get(written(start))
    if closing is None:
        return None
    at = start.column  # counts from 1, so this is the index behind the bracket
    inside = value.items[-1:] if isinstance(value, Sequence) else tuple(v for _, v in value.entries[-1:])
    for last in inside:
        span = extent(last)
        if span is None or span.line != start.line:
            return None
        at = span.column - 1 + span.length
    rest = start.text[at:]
    spaces = len(rest) - len(rest.lstrip(" ,"))
    if not rest[spaces:].startswith(closing):
        return None
    return replace(start, length=at + spaces + 1 - (start.column - 1))


def _within_braces(text: str) -> str:
    if text[:1] in ("'", '"', "[") or _NEEDS_QUOTES.isdisjoint(text):
        return text
    return f'"{text}"'


def _key(name: str, span: Span) -> Scalar:
    return Scalar(name, name, span)
