"""Source → Spec: the document validated, its layers parsed, everything wrong with their form collected."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import replace

from archspec import source
from archspec.errors import Diagnostic, Frame, Span, did_you_mean, suggest
from archspec.ops import REGISTRY
from archspec.source import Scalar, Value
from archspec.spec import (
    JOINS,
    MODIFIERS,
    RESERVED,
    STRUCTURAL,
    Block,
    DetectSpec,
    Document,
    HeadSpec,
    Layer,
    Spec,
)


class Parser:
    """Turns lists of layers into `Layer`s, collecting what is wrong."""

    def __init__(self, lost: Container[str] = ()) -> None:
        self.diagnostics: list[Diagnostic] = []
        self.lost = lost
        """Blocks that are known by name alone."""

    def error(self, code: str, message: str, span: Span, hint: str | None = None) -> None:
        self.diagnostics.append(Diagnostic(code, message, span, hint))

    def layers(self, value: Value) -> tuple[Layer, ...]:
        """The layers of a list; a `$name` alone stands for a parameter that holds layers."""
        if not isinstance(value, source.Sequence):
            if not source.is_lost(value):
                self.error("E102", "layers are a list: each begins with '- '", value.span)
            return (_lost(value),)
        return tuple([self.layer(item) for item in value.items])

    def layer(self, value: Value) -> Layer:
        """One entry of a list; one that cannot be read is `lost`, and only holds its place."""
        if isinstance(value, Scalar):
            if source.is_lost(value):
                return _lost(value)
            if not isinstance(value.value, str):
                hint = f"a layer begins with its word: `- conv: {value.text}`"
                self.error("E102", f"{value.text} is not a layer", value.span, hint)
                return _lost(value)
            return self._with_body(Layer(value.value, value.span), None)
        if isinstance(value, source.Sequence):
            self.error("E102", "a list within a list of layers", value.span, "write `- layers: […]` for a group")
            return _lost(value)
        words = [key for key, _ in value.entries if key.text not in MODIFIERS]
        if len(words) != 1:
            first = value.get(words[0].text) if words else None
            if words and source.is_lost(first) and first is not None and first.span == words[0].span:
                pass  # it has no value, which has been told: the others may be its arguments
            elif words:
                named = ", ".join(f"'{word.text}'" for word in words)
                hint = _beside(words[0].text, words[1].text)
                self.error("E102", f"a layer is one key, here are {len(words)}: {named}", words[1].span, hint)
                if (meant := _modifier(words, value)) is not None:
                    return self.layer(meant)
            else:
                hint = "modifiers stand under the layer they belong to, without a '- ' of their own"
                self.error("E102", "this entry names no layer, only modifiers", value.span, hint)
            return _lost(value)
        word = words[0]
        name = value.get("name")
        if name is not None and not isinstance(name, Scalar):
            self.error("E103", "a name is text", name.span, "name: stem; in a loop `p$level` names each instance")
            name = source.lost(name.span)
        each, lost = value.get("each"), False
        if each is not None and not isinstance(each, source.Mapping):
            if not source.is_lost(each):
                self.error("E104", "`each` is a mapping of variables to lists", each.span, "each: {width: [64, 128]}")
            each, lost = None, True
        if each is not None and value.get("repeat") is not None:
            self.error("E104", "`repeat` and `each` on one layer", value.span, "nest them: loops cross by nesting")
            lost = True
        join = value.get("join")
        if join is not None and word.text != "branches":
            key = value.key("join")
            self.error("E102", f"`join` belongs to `branches`, not to '{word.text}'", key.span if key else join.span)
        layer = Layer(
            word.text, word.span, value.get(word.text), name, value.get("from"),
            value.get("when"), value.get("repeat"), each, join, self._own(value), self._was(value),
        )  # fmt: skip
        held = self._with_body(layer, layer.args)
        return replace(held, lost=True) if lost else held

    def _own(self, value: source.Mapping) -> bool:
        own = value.get("own")
        if own is None or source.is_lost(own):
            return False
        if not isinstance(own, Scalar) or not isinstance(own.value, bool):
            self.error(
                "E102", "`own` is true or false: whether a layer inside `map` has weights for each tensor", own.span
            )
            return False
        return own.value

    def _was(self, value: source.Mapping) -> Value | None:
        was = value.get("was")
        if was is None or source.is_lost(was):
            return None
        if _is_names(was):
            return was
        if isinstance(was, source.Mapping) and was.entries and all(_is_names(old) for _, old in was.entries):
            return was
        hint = "was: conv1, was: [conv1, first], or for what is inside: was: {conv: conv1, norm: batch_norm1}"
        self.error("E174", "`was` is the name that this layer had, or a list of names", was.span, hint)
        return None

    def _with_body(self, layer: Layer, args: Value | None) -> Layer:
        """The layer with what stands inside it parsed, where its word holds layers."""
        if source.is_lost(args):
            return replace(layer, lost=True)
        if layer.word in ("act", "share"):
            what, example = ("an activation", "act: relu") if layer.word == "act" else ("a part", "share: encoder")
            if args is None or (layer.word == "share" and not isinstance(args, Scalar)):
                self.error("E102", f"`{layer.word}` needs the name of {what}", layer.span, f"- {example}")
                return replace(layer, lost=True)
            return layer
        if layer.word not in STRUCTURAL:
            return layer
        if args is None:
            self.error("E102", f"`{layer.word}` needs a list of layers", layer.span)
            return replace(layer, lost=True)
        if layer.word in ("layers", "map"):
            return replace(layer, body=self.layers(args))
        if layer.word == "branches":
            return self._branches(layer, args)
        return self._residual(layer, args)

    def _branches(self, layer: Layer, args: Value) -> Layer:
        if not isinstance(args, source.Sequence) or not args.items:
            self.error("E105", "`branches` is a list: each branch a list of layers or a group", args.span)
            return replace(layer, lost=True)
        only = args.items[0]
        looped = isinstance(only, source.Mapping) and ("each" in only or "repeat" in only)
        if len(args.items) == 1 and not looped and not source.is_lost(only):
            hint = "layers in a row are a list; a branch that hands its input on is `[]`"
            self.error("E178", "`branches` with a single branch: there is nothing to join", layer.span, hint)
        elif layer.join is None:
            hint = f"`join: concat`, or one of {', '.join(JOINS[1:])}"
            self.error("E105", "these branches have no `join`", layer.span, hint)
        return replace(layer, branches=self.stretches(args))

    def stretches(self, items: source.Sequence) -> tuple[Layer, ...]:
        """Layers that lie side by side, each stretch of them as a group: branches, or the heads of a detector."""
        found: list[Layer] = []
        for item in items.items:
            if isinstance(item, source.Sequence):
                found.append(Layer("layers", item.span, item, body=self.layers(item)))
            else:
                one = self.layer(item)
                is_group = one.word == "layers" and not one.lost
                found.append(one if is_group else Layer("layers", one.span, item, body=(one,)))
        return tuple(found)

    def _residual(self, layer: Layer, args: Value) -> Layer:
        body = args.get("body") if isinstance(args, source.Mapping) else args
        if isinstance(body, source.Sequence) and not body.items:
            hint = "residual: [conv: …]; to double a tensor, `scale: 2`"
            self.error("E177", "a residual without layers adds a tensor to itself", layer.span, hint)
        if isinstance(args, source.Sequence):
            return replace(layer, body=self.layers(args))
        if not isinstance(args, source.Mapping):
            self.error("E106", "`residual` is a list of layers, or {body: […], shortcut: …}", args.span)
            return replace(layer, lost=True)
        for key, _ in args.entries:
            if key.text not in ("body", "shortcut"):
                hint = did_you_mean(key.text, ("body", "shortcut"))
                self.error("E101", f"unknown key '{key.text}' in residual", key.span, hint)
        if body is None:
            if not any(suggest(key.text, ("body",)) for key, _ in args.entries):  # it is there, under another name
                hint = "residual: {body: [conv: …], shortcut: project}; or the layers alone, `residual: [conv: …]`"
                self.error("E106", "this residual has no `body`", layer.span, hint)
            return replace(layer, lost=True)
        shortcut = args.get("shortcut")
        inside = self.layers(shortcut) if isinstance(shortcut, source.Sequence) else ()
        return replace(layer, body=self.layers(body), shortcut=shortcut, shortcut_layers=inside)


def _lost(value: Value) -> Layer:
    """The place of an entry that cannot be read, under its name where it has one."""
    name = value.get("name") if isinstance(value, source.Mapping) else None
    return Layer("", value.span, name=name if isinstance(name, Scalar) else None, lost=True)


def _beside(word: str, other: str) -> str:
    """What a second word in the entry of a layer may have been meant as."""
    if word in REGISTRY and other in REGISTRY[word].model_fields:
        first = f"{REGISTRY[word].main}: …, " if REGISTRY[word].main not in (None, other) else ""
        return f"'{other}' is an argument: `- {word}: {{{first}{other}: …}}`"
    if other in REGISTRY or other in STRUCTURAL:
        return f"a layer of its own begins with '- ': `- {other}`"
    return did_you_mean(other, MODIFIERS, "modifiers")


def _modifier(words: list[Scalar], value: source.Mapping) -> source.Mapping | None:
    """The entry with its second word as the modifier that it was meant as; None where it may be another thing."""
    first, second = words[0].text, words[1].text
    if len(words) > 2 or not (first in REGISTRY or first in STRUCTURAL) or second in REGISTRY or second in STRUCTURAL:
        return None
    if first in REGISTRY and second in REGISTRY[first].model_fields:
        return None
    from archspec.synonyms import synonym  # only the mistaken wait for it

    meant = synonym(second, MODIFIERS) or suggest(second, MODIFIERS)
    if meant is None or meant in value:
        return None
    key = replace(words[1], value=meant, text=meant)
    return source.Mapping(tuple((key if k is words[1] else k, v) for k, v in value.entries), value.span)


def _is_names(value: Value) -> bool:
    """Whether a value is text, or a list of texts."""
    items = value.items if isinstance(value, source.Sequence) else (value,)
    return bool(items) and all(isinstance(item, Scalar) and isinstance(item.value, str) for item in items)


_OTHER_TYPE_NAMES = {
    "integer": "int",
    "double": "float",
    "string": "str",
    "text": "str",
    "boolean": "bool",
    "array": "list",
}


def parse_blocks(tree: source.Mapping, document: Document, parser: Parser) -> dict[str, Block]:
    """The blocks of one file."""
    found = {}
    blocks = tree.get("blocks")
    for key, value in blocks.entries if isinstance(blocks, source.Mapping) else ():
        assert isinstance(value, source.Mapping)  # validated
        inputs = document.blocks[key.text].inputs
        params = value.get("params")
        for name, _ in params.entries if isinstance(params, source.Mapping) else ():
            if name.text in RESERVED:
                parser.error("E143", f"'{name.text}' is the language's own: choose another name", name.span)
        for name, kind in params.entries if isinstance(params, source.Mapping) else ():
            if isinstance(kind, Scalar) and kind.value in _OTHER_TYPE_NAMES:
                right = _OTHER_TYPE_NAMES[str(kind.value)]
                message = f"'{kind.text}' as the default of '{name.text}' is text, not a type"
                parser.error("E118", message, kind.span, f"did you mean '{right}'?")
        layers = value.get("layers")
        assert layers is not None
        found[key.text] = Block(
            key.text,
            key.span,
            {k.text: v for k, v in params.entries} if isinstance(params, source.Mapping) else {},
            tuple(inputs) if isinstance(inputs, list) else inputs,
            _named(value.get("outputs")),
            parser.layers(layers),
            key.text in parser.lost,
        )
    return found


def _named(value: Value | None) -> dict[str, Value] | None:
    """Outputs as name to reference: a list names each after what it refers to."""
    if value is None:
        return None
    if isinstance(value, source.Mapping):
        return {key.text: item for key, item in value.entries}
    assert isinstance(value, source.Sequence)
    return {item.text: item for item in value.items if isinstance(item, Scalar)}


def parse(
    tree: source.Mapping,
    document: Document,
    blocks: Mapping[str, Block],
    parser: Parser,
    block_texts: Mapping[str, Value] | None = None,
    variant: Frame | None = None,
) -> Spec:
    """The spec of a validated file, with the blocks it uses. Raises SpecError with what the parser found."""
    layers = tree.get("layers")
    heads_tree = tree.get("heads")
    heads = []
    for key, value in heads_tree.entries if isinstance(heads_tree, source.Mapping) else ():
        head = document.heads[key.text]
        assert isinstance(value, source.Mapping)
        origin, inside = value.get("from"), value.get("layers")
        assert origin is not None and inside is not None
        train = head.only == "train"
        was = value.get("was")
        heads.append(HeadSpec(key.text, key.span, origin, train, head.weight, parser.layers(inside), was))
    variables = tree.get("vars")
    defaults = tree.get("defaults")
    asserts = tree.get("assert")
    single, several = tree.get("input"), tree.get("inputs")
    inputs: dict[str, source.Sequence] = {}
    if isinstance(single, source.Sequence):
        inputs = {"input": single}
    elif isinstance(several, source.Mapping):
        inputs = {k.text: v for k, v in several.entries if isinstance(v, source.Sequence)}
    return Spec(
        name=document.name,
        task=document.task,
        tree=tree,
        inputs=inputs,
        variables={k.text: v for k, v in variables.entries} if isinstance(variables, source.Mapping) else {},
        blocks=blocks,
        defaults={k.text: v for k, v in defaults.entries if isinstance(v, source.Mapping)}
        if isinstance(defaults, source.Mapping)
        else {},
        layers=parser.layers(layers) if layers is not None else (),
        heads=tuple(heads),
        outputs=_named(tree.get("outputs")),
        asserts=tuple(_assertion(item) for item in asserts.items) if isinstance(asserts, source.Sequence) else (),
        block_texts=block_texts or {},
        detect=_detect(tree.get("detect"), parser),
        mistakes=frozenset((d.code, str(d.span)) for d in parser.diagnostics),
        variant=variant,
    )


def _detect(value: Value | None, parser: Parser) -> DetectSpec | None:
    if not isinstance(value, source.Mapping):
        return None
    heads, anchors, decode, nms = (value.get(key) for key in ("heads", "anchors", "decode", "nms"))
    assert isinstance(heads, source.Sequence) and decode is not None  # validated
    return DetectSpec(
        value.span,
        parser.stretches(heads),
        anchors if isinstance(anchors, source.Mapping) else None,
        decode,
        nms if isinstance(nms, source.Mapping) else None,
    )


def _assertion(item: Value) -> tuple[Value, bool]:
    if isinstance(item, source.Mapping):
        inner = item.get("always")
        assert inner is not None  # validated
        return inner, True
    return item, False
