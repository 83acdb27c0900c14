"""An edit of a tree and the edit of its text say the same: the edited text reads as the edited tree."""

from __future__ import annotations

import pytest

from archspec.source import Mapping, Scalar, Sequence, Value, parse, to_plain
from archspec.source.edits import (
    extent,
    renamed,
    replaced,
    with_argument,
    with_arguments,
    with_input_through,
    with_join,
    with_layer_before,
    without_item,
    written,
)

STYLES = {
    "a bare word": "layers:\n  - conv\n  - relu\n",
    "a bare word in a flow": "layers: [relu, conv, relu]\n",
    "a main argument": "layers:\n  - conv: 64\n    name: a\n",
    "a main argument in a flow": "layers: [{conv: 64, name: a}, relu]\n",
    "a main argument, quoted": "layers:\n  - conv: 'max(1, 2)'\n",
    "an expression with a comma": "layers:\n  - conv: max(1, 2)  # channels\n",
    "a list": "layers:\n  - conv: [16, 48]\n",
    "a list in lines": "layers:\n  - conv:\n      - 16\n      - 48\n  - relu\n",
    "arguments in braces": "layers:\n  - conv: {out: 64, kernel: 3}   # first\n  - relu\n",
    "arguments that end in a list": "layers:\n  - conv: {out: 64, kernel: [3, 3]}\n",
    "arguments that end in braces": "layers:\n  - conv: {out: 64, init: {normal: 0.1}}\n",
    "arguments in two lines of braces": "layers:\n  - conv: {out: 64,\n           kernel: 3}\n",
    "no arguments": "layers:\n  - conv: {}\n",
    "arguments in lines": "layers:\n  - conv:\n      out: 64\n      kernel: 3\n    name: a\n  - relu\n",
    "arguments in lines that end in a list": "layers:\n  - conv:\n      out: 64\n      kernel:\n        - 3\n",
    "the word behind its modifiers": "layers:\n  - name: a\n    conv: 64\n",
    "in a list of lists": "layers:\n  - - relu\n    - conv: 64\n",
    "in a list that begins a list": "layers:\n  - - conv: 64\n    - relu\n",
    "with wide characters": "# café × 2\nlayers: [relu, {name: é, conv: 64}]\n",
}


def entry(tree: Value) -> tuple[Value, Scalar, Value | None]:
    """The item of the list that calls `conv`, its word and arguments."""
    waiting = [tree]
    while waiting:
        value = waiting.pop()
        if isinstance(value, Mapping):
            waiting += [inner for _, inner in value.entries]
        for item in value.items if isinstance(value, Sequence) else ():
            if isinstance(item, Scalar) and item.text == "conv":
                return item, item, None
            if isinstance(item, Mapping) and item.key("conv") is not None:
                word = item.key("conv")
                assert word is not None
                return item, word, item.get("conv")
            waiting.append(item)
    raise AssertionError("no conv here")


def tree_of(text: str) -> Mapping:
    tree = parse(text, "t")
    assert isinstance(tree, Mapping)
    return tree


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("added", [("padding", "same", "same"), ("size", [1, 2], "[1, 2]"), ("keep", True, "true")])
def test_an_argument_more(style: str, added: tuple[str, object, str]) -> None:
    tree = tree_of(STYLES[style])
    edit = with_argument(*entry(tree), added, "out")
    assert edit.fix is not None
    found = to_plain(parse(edit.fix.applied(STYLES[style]), "t"))
    assert found == to_plain(edit.applied(tree)) != to_plain(tree)
    (_, _, args) = entry(parse(edit.fix.applied(STYLES[style]), "t"))
    assert isinstance(args, Mapping) and to_plain(args)[added[0]] == added[1]


IN_LINES = {style for style in STYLES if "lines" in style}
"""No edit of one line changes two arguments there."""


@pytest.mark.parametrize("style", STYLES)
def test_two_arguments_at_once(style: str) -> None:
    tree = tree_of(STYLES[style])
    edit = with_arguments(*entry(tree), [("out", 8, "8"), ("stride", [1, 2], "[1, 2]")], "out")
    (_, _, args) = entry(edit.applied(tree))
    assert isinstance(args, Mapping)
    found = to_plain(args)
    assert isinstance(found, dict) and (found["out"], found["stride"]) == (8, [1, 2])
    (_, _, before) = entry(tree)
    kept = to_plain(before) if isinstance(before, Mapping) else {}
    assert isinstance(kept, dict) and {**kept, **found} == found, "what is not changed is kept"
    if edit.fix is None:
        assert style in IN_LINES
    else:
        assert to_plain(parse(edit.fix.applied(STYLES[style]), "t")) == to_plain(edit.applied(tree))


@pytest.mark.parametrize(
    "line",
    [
        "  - add: [stem, $prev]\n",
        "  - add: {of: [stem, $prev], crop: none}  # together\n    name: sum\n",
        "  - layers:\n      - add: [stem, $prev]\n",
    ],
)
def test_a_layer_on_the_way_of_one_input(line: str) -> None:
    text = f"layers:\n  - conv: 4\n    name: stem\n  - relu\n{line}"
    tree = tree_of(text)
    place = tree.get("layers")
    assert isinstance(place, Sequence)
    item = place.items[-1]
    assert isinstance(item, Mapping)
    if isinstance(inner := item.get("layers"), Sequence) and isinstance(inner.items[0], Mapping):
        item = inner.items[0]
    word, args = item.entries[0]
    of = args.get("of") if isinstance(args, Mapping) else args
    assert isinstance(of, Sequence)
    stem = of.items[0]
    assert isinstance(stem, Scalar)
    taken = Sequence((Scalar("$prev", "$prev", stem.span), Scalar("relu1", "relu1", stem.span)), of.span)
    edit = with_input_through(item, word, ({"conv": {"out": 4, "stride": 2}}, "conv: {out: 4, stride: 2}"), stem, taken)
    assert edit.fix is not None
    found = to_plain(parse(edit.fix.applied(text), "t"))
    assert found == to_plain(edit.applied(tree))
    assert "{'conv': {'out': 4, 'stride': 2}, 'from': 'stem'}" in str(found) and "['$prev', 'relu1']" in str(found)


def test_edits_of_two_layers_one_after_the_other() -> None:
    """What the first leaves alone the second still finds."""
    tree = tree_of("layers:\n  - conv: {out: 4}\n  - pool: {size: 2}\n")
    layers = tree.get("layers")
    assert isinstance(layers, Sequence)
    for item in layers.items:
        assert isinstance(item, Mapping)
        tree = with_argument(item, item.entries[0][0], item.entries[0][1], ("stride", 1, "1"), None).applied(tree)
    assert to_plain(tree) == {"layers": [{"conv": {"out": 4, "stride": 1}}, {"pool": {"size": 2, "stride": 1}}]}


@pytest.mark.parametrize("style", STYLES)
def test_a_layer_before(style: str) -> None:
    tree = tree_of(STYLES[style])
    item, word, _ = entry(tree)
    edit = with_layer_before(item, word, {"upsample": 2}, "upsample: 2")
    if edit.fix is None:
        assert style in {"a main argument in a flow", "the word behind its modifiers", "with wide characters"}
    else:
        assert to_plain(parse(edit.fix.applied(STYLES[style]), "t")) == to_plain(edit.applied(tree))


@pytest.mark.parametrize("style", STYLES)
def test_another_word(style: str) -> None:
    tree = tree_of(STYLES[style])
    edit = renamed(entry(tree)[1], "depthwise")
    assert edit.fix is not None
    found = to_plain(parse(edit.fix.applied(STYLES[style]), "t"))
    assert found == to_plain(edit.applied(tree)) and "depthwise" in str(found)


@pytest.mark.parametrize(
    ("text", "data", "new"),
    [
        ("a: 3\n", 5, "5"),
        ("a: {b: 3, c: x}\n", 5, "5"),
        ("a: [3, 4]  # two\n", [3, -1], "[3, -1]"),
        ("a: [[1, 2], [3, 4], ]\nb: 1\n", [1], "[1]"),
        ("a: {b: [1, {c: 2}]}\n", "same", "same"),
        ("a: 'it''s'\n", True, "true"),
    ],
)
def test_another_value(text: str, data: object, new: str) -> None:
    tree = tree_of(text)
    value = tree.get("a")
    if isinstance(value, Mapping):
        value = value.entries[0][1]
    assert value is not None
    edit = replaced(value, data, new)
    assert edit.fix is not None
    assert to_plain(parse(edit.fix.applied(text), "t")) == to_plain(edit.applied(tree)) != to_plain(tree)


@pytest.mark.parametrize("join", ["add", "{add: {}}", "{add: {crop: none}}"])
def test_an_argument_of_a_join(join: str) -> None:
    text = f"layers:\n  - branches: [[relu], []]\n    join: {join}\n"
    tree = tree_of(text)
    layers = tree.get("layers")
    assert isinstance(layers, Sequence) and isinstance(layers.items[0], Mapping)
    value = layers.items[0].get("join")
    assert value is not None
    edit = with_join(value, "scale", 2, "2")
    assert edit.fix is not None
    found = to_plain(parse(edit.fix.applied(text), "t"))
    assert found == to_plain(edit.applied(tree)) and "'scale': 2" in str(found)


def test_an_item_less() -> None:
    text = "layers:\n  - relu\n  - flatten\n  - linear: 3\n"
    tree = tree_of(text)
    layers = tree.get("layers")
    assert isinstance(layers, Sequence) and isinstance(layers.items[1], Scalar)
    edit = without_item(layers.items[1])
    assert edit.fix is not None and edit.fix.applied(text) == "layers:\n  - relu\n  - linear: 3\n"
    assert to_plain(edit.applied(tree)) == {"layers": ["relu", {"linear": 3}]}


def test_an_item_of_a_shared_line_stays() -> None:
    layers = tree_of("layers: [relu, flatten, linear: 3]\n").get("layers")
    assert isinstance(layers, Sequence) and isinstance(layers.items[1], Scalar)
    assert without_item(layers.items[1]).fix is None


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a: {b: [1, 2], c: 3 }  # x\n", "{b: [1, 2], c: 3 }"),
        ("a: [1, [2, 3], ]\n", "[1, [2, 3], ]"),
        ("a: []\n", "[]"),
        ("a: 'x, y'\n", "'x, y'"),
        ("a: &x 3\nb: *x\n", None),
        ("a: [1,\n  2]\n", None),
        ("a:\n  - 1\n", None),
    ],
)
def test_the_extent_of_a_value(text: str, shown: str | None) -> None:
    value = tree_of(text).get("a")
    assert value is not None
    span = extent(value)
    assert (written(span) if span is not None else None) == shown
