"""Edits of a spec before it is built: variants, `--set path=value`, `--input CxHxW`, keyword variables.

Each edit replaces a value that is there. A path that leads nowhere is an error with a suggestion, so a
misspelt override never passes in silence.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from collections.abc import Mapping as PyMapping
from collections.abc import Sequence as PySequence
from dataclasses import dataclass, field, replace

from archspec import source
from archspec.errors import Diagnostic, Span, SpecError, did_you_mean, fail
from archspec.source import Mapping, Scalar, Sequence, Value
from archspec.spec import MODIFIERS, ORDER


@dataclass(frozen=True)
class Edits:
    """What is changed in a spec before it is built: its variant, then `--set`, keyword variables, another input."""

    variant: str | None = None
    settings: tuple[str, ...] = ()
    input: str | PySequence[int | str] | None = None
    variables: PyMapping[str, object] = field(default_factory=dict)

    @property
    def overriding(self) -> bool:
        """Whether the network is another than any that the spec states: a variant is one that it states."""
        return bool(self.settings or self.variables or self.input is not None)

    def written_into(self, tree: Mapping) -> Mapping:
        """The tree with all of them made. Raises SpecError E510 to E514 for one that cannot be."""
        if self.variant is not None:
            tree = with_variant(tree, self.variant)
        tree = with_settings(tree, self.settings)
        tree = with_variables(tree, self.variables)
        return tree if self.input is None else with_input(tree, self.input)


NO_EDITS = Edits()

VARIANT_KEYS = ("name", "cite", "input", "inputs", "defaults", "assert", "outputs")


def with_variant(tree: Mapping, variant: str) -> Mapping:
    """The spec with one of its variants written in. A variant states its own asserts or has none;
    those written `always:` hold in every variant.

    Raises SpecError E510 for a variant the spec does not have, E511 for a variable it does not have.
    """
    variants = tree.get("variants")
    known = variants.keys() if isinstance(variants, Mapping) else []
    chosen = variants.get(variant) if isinstance(variants, Mapping) else None
    if chosen is None:
        hint = did_you_mean(variant, known, "variants")
        name = tree.get("name")
        if isinstance(name, Scalar) and variant in (name.text, *name.text.split("_")[1:]):
            hint = f"'{name.text}' is the spec itself: leave '@{variant}' out; {hint}"
        raise fail("E510", f"there is no variant '{variant}'", tree.span, hint)
    if not isinstance(chosen, Mapping):
        raise fail("E101", f"variant '{variant}' is a mapping of variables", chosen.span)
    result = _without(tree, "variants", "assert")
    kept = tree.get("assert")
    always = [item for item in kept.items if isinstance(item, Mapping)] if isinstance(kept, Sequence) else []
    if wrong := _unknown_keys(tree, variant, chosen):
        raise SpecError(wrong)
    for key, value in chosen.entries:
        if key.text == "defaults" and isinstance(result.get("defaults"), Mapping):
            result = _set(result, ("defaults",), _merged(result.get("defaults"), value))
        elif key.text in VARIANT_KEYS:
            if key.text in ("input", "inputs"):
                result = _without(result, "input", "inputs")
            result = _put(result, key, value)
        else:
            result = _set(result, ("vars", key.text), value)
    own = result.get("assert")
    if always:
        stated = own.items if isinstance(own, Sequence) else ()
        result = _put(result, _key("assert", always[0].span), Sequence((*stated, *always), always[0].span))
    return result


def check_variants(tree: Mapping) -> list[Diagnostic]:
    """Keys of variants, chosen or not, that are neither variables of the spec nor what a variant may state."""
    variants = tree.get("variants")
    found = []
    for name, chosen in variants.items() if isinstance(variants, Mapping) else ():
        if isinstance(chosen, Mapping):
            found += _unknown_keys(tree, name, chosen)
    return found


def _unknown_keys(tree: Mapping, variant: str, chosen: Mapping) -> list[Diagnostic]:
    variables = tree.get("vars")
    names = variables.keys() if isinstance(variables, Mapping) else []
    return [
        Diagnostic(
            "E511",
            f"variant '{variant}' sets '{key.text}', which is no variable",
            key.span,
            _directly(variant, value)
            if key.text == "vars" and isinstance(value, Mapping) and value.entries
            else did_you_mean(key.text, [*names, *VARIANT_KEYS], "variables, and keys of a variant"),
        )
        for key, value in chosen.entries
        if key.text not in names and key.text not in VARIANT_KEYS
    ]


def _directly(variant: str, variables: Mapping) -> str:
    shown = ", ".join(f"{name}: …" for name in variables.keys()[:4])
    return f"write the variables directly: `{variant}: {{{shown}}}`"


def with_settings(tree: Mapping, settings: PySequence[str]) -> Mapping:
    """The tree with each `path=value` applied: `vars.depths=[2,2,2,2]`, `blocks.bottleneck.act=silu`.

    A block's parameter is `blocks.NAME.PARAM`; a path whose first word is no key of the file may be a
    variable (`classes=10`). What `assert=[…]` sets is held to. Raises SpecError E512 for a path that leads
    nowhere, E513 for one without a value.
    """
    for setting in settings:
        path, sign, text = setting.partition("=")
        name = f"--set {setting}"
        if not sign or not path.strip() or not text.strip():
            span = Span(name, 1, 1, len(setting), setting)
            raise fail("E513", f"'{setting}' sets nothing", span, "write path=value, as in vars.classes=10")
        pad = len(path) + 1
        try:
            value = _shift(source.parse(text, name), pad, setting)
        except SpecError as error:
            raise SpecError(_moved(d, pad, setting) for d in error.diagnostics) from None
        if re.fullmatch(r"assert(\.\d+)?", path.strip()):
            value = _always(value)
        tree = _apply(tree, tuple(path.strip().split(".")), value, Span(name, 1, 1, len(path), setting))
    return tree


def _always(asserted: Value) -> Value:
    """Assertions, or one, that are themselves an edit: of the network as edited, so none is skipped."""
    if isinstance(asserted, Scalar):
        return Mapping(((_key("always", asserted.span), asserted),), asserted.span)
    if isinstance(asserted, Sequence):
        return Sequence(tuple(_always(item) for item in asserted.items), asserted.span)
    return asserted


def with_variables(tree: Mapping, variables: PyMapping[str, object]) -> Mapping:
    """The tree with variables given by keyword: `load("resnet50", classes=10)`."""
    for name, data in variables.items():
        span = Span(f"{name}=…", 1, 1, len(name), f"{name}={data!r}")
        tree = _apply(tree, ("vars", name), source.from_plain(data, span), span)
    return tree


_AXIS = re.compile(r"[0-9]+|(?:[0-9]+\*)?[A-WYZ][A-WYZa-wyz0-9_]*(?:[+-][0-9]+)?", re.ASCII)
"""A number, or an open size: `H`, `32*H`. An x parts two axes, so none is in a name."""


def with_input(tree: Mapping, size: str | PySequence[int | str]) -> Mapping:
    """The tree with another input: '3x224x224', [3, 224, 224], '3xHxW', or 'left=3x66x200' where there are several."""
    name, sign, text = size.partition("=") if isinstance(size, str) else ("", "", "x".join(map(str, size)))
    text = text if sign or not isinstance(size, str) else name
    shown = size if isinstance(size, str) else text
    span = Span(f"--input {shown}", 1, 1, max(1, len(shown)), shown)
    axes = [axis.strip() for axis in re.split(r"[xX×,]", text)]
    if not all(_AXIS.fullmatch(axis) and axis.strip("0") for axis in axes) or len(axes) > 4:
        hint = "write channels x height x width: 3x224x224, or 3xHxW to leave the size open"
        raise fail("E514", f"'{text}' is not an input size", span, hint)
    if any(axis.isdecimal() and len(axis) >= 12 for axis in axes):
        raise fail("E514", f"an axis of '{text}' is too large", span)
    value = source.from_plain([int(axis) if axis.isdecimal() else axis for axis in axes], span)
    several = tree.get("inputs")
    if isinstance(several, Mapping):
        if not sign or several.get(name) is None:
            hint = did_you_mean(name if sign else "", several.keys(), "inputs")
            raise fail("E514", "this network has several inputs: say which", span, f"--input NAME={text}; {hint}")
        return _set(tree, ("inputs", name), value)
    if sign and name != "input":
        raise fail("E514", f"there is no input '{name}'", span, f"this network has one: --input {text}")
    return _put(tree, _key("input", span), value)


def _apply(tree: Mapping, path: tuple[str, ...], value: Value, span: Span) -> Mapping:
    variables = tree.get("vars")
    names = variables.keys() if isinstance(variables, Mapping) else []
    if path[0] in names and tree.get(path[0]) is None:
        path = ("vars", *path)
    if path[0] == "variants" and tree.get("variants") is not None:
        hint = "choose the variant, `SPEC@NAME`, and set the variable itself"
        raise fail("E512", "this has no effect: no variant is chosen", span, hint)
    if tree.get(path[0]) is None:
        if path[0] in ORDER:
            raise fail("E512", f"'{path[0]}' is not written in this spec", span, _unwritten(path, ""))
        known = [*names, *tree.keys()]
        raise fail("E512", f"there is no '{path[0]}'", span, did_you_mean(path[0], known, "variables and keys"))
    if path[0] == "blocks" and len(path) == 3 and path[2] not in ("params", "inputs", "outputs", "layers"):
        path = ("blocks", path[1], "params", path[2])
    return _set(tree, path, value, span)


def _set(tree: Value, path: tuple[str, ...], value: Value, span: Span | None = None, walked: str = "") -> Mapping:
    """The tree with the value at a path replaced."""
    head, rest = path[0], path[1:]
    where = span or value.span
    if isinstance(tree, Sequence):
        if not (head.isdecimal() and len(head) < 10 and int(head) < len(tree.items)):
            hint = f"'{walked}' is a list of {len(tree.items)}: 0 … {len(tree.items) - 1}"
            raise fail("E512", f"'{walked}' has no item {head}", where, hint)
        i = int(head)
        new = _set(tree.items[i], rest, value, span, f"{walked}.{head}") if rest else value
        return Sequence((*tree.items[:i], new, *tree.items[i + 1 :]), tree.span)  # type: ignore[return-value]
    if not isinstance(tree, Mapping):
        raise fail(
            "E512", f"'{walked}' is a single value: it has no '{head}' inside", where, _whole(head, walked, tree)
        )
    old = tree.get(head)
    if old is None:
        place = f" in '{walked}'" if walked else ""
        if head in _language(walked):
            raise fail("E512", f"'{head}' is not written in '{walked}'", where, _unwritten(path, walked))
        raise fail("E512", f"there is no '{head}'{place}", where, did_you_mean(head, tree.keys(), "keys there"))
    new = _set(old, rest, value, span, f"{walked}.{head}".lstrip(".")) if rest else value
    return Mapping(tuple((k, new if k.text == head else v) for k, v in tree.entries), tree.span)


def _language(walked: str) -> Collection[str]:
    """The keys that may be written at a path: arguments of an operator, modifiers of a layer, or keys of a head."""
    from archspec.ops import REGISTRY

    around, _, last = walked.rpartition(".")
    if last in REGISTRY:
        return REGISTRY[last].model_fields
    if last.isdecimal():
        return MODIFIERS
    return ("from", "was", "only", "weight", "layers") if around == "heads" else ()


def _unwritten(path: tuple[str, ...], walked: str) -> str:
    """What would set a key that the spec could have and has not."""
    return f"`--set` changes what is written: write `{'.'.join(path)}: …` {'there' if walked else 'into the file'}"


def _whole(head: str, walked: str, old: Value) -> str | None:
    """What would set an argument of an operator whose main argument stands alone."""
    from archspec.ops import REGISTRY

    word = walked.rpartition(".")[2]
    if word not in REGISTRY or head not in REGISTRY[word].model_fields or not isinstance(old, Scalar):
        return None
    return f"set it whole: `--set '{walked}={{{REGISTRY[word].main}: {old.text}, {head}: …}}'`"


def _put(tree: Mapping, key: Scalar, value: Value) -> Mapping:
    """The mapping with a key set, added where it was not there."""
    kept = tuple((k, v) for k, v in tree.entries if k.text != key.text)
    return Mapping((*kept, (key, value)), tree.span)


def _without(tree: Mapping, *keys: str) -> Mapping:
    return Mapping(tuple((k, v) for k, v in tree.entries if k.text not in keys), tree.span)


def _merged(old: Value | None, new: Value) -> Value:
    """Mappings merged key by key, the new one winning."""
    if not isinstance(old, Mapping) or not isinstance(new, Mapping):
        return new
    result = old
    for key, value in new.entries:
        result = _put(result, key, _merged(old.get(key.text), value))
    return result


def _key(text: str, span: Span) -> Scalar:
    return Scalar(text, text, span, False)


def _moved(d: Diagnostic, columns: int, text: str) -> Diagnostic:
    """A mistake in the part behind `path=`, told in the whole setting."""
    if d.span is None or d.span.line > 1:
        return d
    return replace(d, span=replace(d.span, column=d.span.column + columns, text=text.partition("\n")[0]))


def _shift(value: Value, columns: int, text: str) -> Value:
    """The value with its spans moved right: it was parsed from the part behind `path=`."""
    span = Span(value.span.file, value.span.line, value.span.column + columns, value.span.length, text)
    if isinstance(value, Scalar):
        return Scalar(value.value, value.text, span, value.quoted)
    if isinstance(value, Sequence):
        return Sequence(tuple(_shift(item, columns, text) for item in value.items), span)
    pairs = ((_shift(k, columns, text), _shift(v, columns, text)) for k, v in value.entries)
    return Mapping(tuple((k, v) for k, v in pairs if isinstance(k, Scalar)), span)
