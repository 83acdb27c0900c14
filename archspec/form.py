"""The form of a document: what its model refuses, told in the words of a spec and placed in its text."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel, ValidationError

from archspec import source
from archspec.errors import Diagnostic, Span, SpecError, did_you_mean, suggest
from archspec.ops import REGISTRY
from archspec.ops.arguments import as_written
from archspec.source import Scalar, Value
from archspec.spec import STRUCTURAL, BlockDocument, DetectDocument, Document, HeadDocument


def no_mapping(tree: Value) -> Diagnostic:
    """What is told of a file that holds text, a number or a list: it is neither a spec nor a run file."""
    hint = None
    if isinstance(tree, Scalar):
        what = "text" if isinstance(tree.value, str) else f"{as_written(tree.value)} alone"
        if ":" in tree.text:
            hint = "behind the colon of a key stands a space: `archspec: 1`"
    else:
        what = "a list"
    return Diagnostic("E101", f"a spec is a mapping that begins with `archspec: 1`; this is {what}", tree.span, hint)


def validate(tree: Value) -> tuple[Document, source.Mapping]:
    """The document of a whole file. Raises SpecError with every structural mistake, placed."""
    if not isinstance(tree, source.Mapping):
        raise FormError([no_mapping(tree)])
    if tree.get("archspec") is None and {"model", "train"} <= {*tree.keys()}:
        hint = "`archspec train` carries it out; the spec is what its `model` names"
        told = Diagnostic("E101", "this is a run file, not a spec", tree.span, hint)
        raise FormError([told], [("run_file", ())])
    known = keys_beside(Document, ())
    unknown = [key for key, _ in tree.entries if key.text not in known]
    if len(unknown) > MAX_TOLD:
        message = f"unknown key '{unknown[0].text}', and {len(unknown) - 1:,} more: this is no spec"
        raise FormError([Diagnostic("E101", message, unknown[0].span)], [("no_spec", ())])
    try:
        return Document.model_validate(source.to_plain(tree)), tree
    except ValidationError as error:
        items = error.errors(include_url=False)
        places = [(item["type"], tuple(map(str, _key_loc(item["loc"])))) for item in items]
        raise FormError(explain(error, tree, Document), places) from None


class FormError(SpecError):
    """A document whose form is wrong, and where: what pydantic calls each error, and the keys on the way to it."""

    def __init__(self, diagnostics: Iterable[Diagnostic], places: Iterable[tuple[str, tuple[str, ...]]] = ()):
        super().__init__(diagnostics)
        self.places = tuple(places)


MAX_TOLD = 100
"""Mistakes of form that are told: who makes more has made one of another kind."""


def explain(error: ValidationError, tree: Value, model: type[BaseModel], code: str = "E101") -> list[Diagnostic]:
    """A pydantic error as diagnostics placed in the text that was validated."""
    found = []
    items = error.errors(include_url=False)[:MAX_TOLD]
    misspelt = _misspelt(items)
    for item in items:
        if item["type"] == "missing" and item["loc"] in misspelt:
            continue  # it is there, and told as what it is called
        if isinstance(item["input"], source.Lost):
            continue  # it could not be read: that has been told
        loc = _written(item["loc"])
        key = str(loc[-1]) if loc else ""
        hint = None
        if item["type"] == "extra_forbidden":
            message = f"unknown key '{key}'"
            hint = did_you_mean(key, keys_beside(model, loc), "keys here")
        elif item["type"] == "missing":
            message = f"the key '{key}' is missing"
            hint = "a spec begins with `archspec: 1`, the version of the language" if loc == ("archspec",) else None
            if key == "from" and model is Document:
                hint = f"`from` names the layer whose output the head takes: `{loc[-2]}: {{from: …, layers: […]}}`"
            loc = loc[:-1]
        elif item["type"] in ("string_type", "list_type", "dict_type") and _told_inside(loc, items):
            continue  # it may be of another kind too, and what is wrong with that is told at its item
        elif item["type"] == "string_pattern_mismatch":
            bad = key if key != "[key]" else str(item["input"])
            message = f"'{bad if not isinstance(item['input'], str) else item['input']}' is not a name"
            hint = "names are letters, digits and _" + (", and do not begin with a digit" if key != "name" else "")
        elif item["type"] == "value_error":
            message = str(item["ctx"]["error"])
            loc = ("layers",) if message.startswith("`layers`") else loc
        elif loc[:1] == ("assert",):
            message = "an assertion is a comparison, or {always: comparison}"
            loc, hint = loc[:2], "assert: [params == 25_557_032, {always: params < 30_000_000}]"
        else:
            where = f"'{'.'.join(map(str, loc))}' " if loc else ""
            message = f"{where}{_wording(item)}, got {as_written(item['input'])}"
            if item["type"] == "literal_error" and isinstance(item["input"], str):
                words = re.findall(r"'([^']*)'", item["ctx"]["expected"])
                hint = did_you_mean(item["input"], words, "words") if words else None
            if loc == ("layers",) and isinstance(item["input"], dict) and item["input"]:
                hint = f"each layer is an item of a list: `{_as_item(*next(iter(item['input'].items())))}`"
            if loc == ("archspec",):
                hint = "`archspec: 1`: the language has one version so far"
            if loc == ("input",) and re.fullmatch(r"\d+(\s*[x×,]\s*\d+)+", str(item["input"])):
                hint = f"input: [{', '.join(re.findall('[0-9]+', str(item['input'])))}]"
        at_key = item["type"] == "extra_forbidden" or "[key]" in item["loc"]
        found.append(Diagnostic(code, message, source.at(tree, _key_loc(loc), key=at_key), hint))
    first: dict[tuple[Span | None, str], Diagnostic] = {}
    for d in found:  # each member of a union refuses for itself: the first says it; what is missing is told singly
        first.setdefault((d.span, d.message if "is missing" in d.message else ""), d)
    return list(first.values())


def _as_item(key: str, value: object) -> str:
    """An entry of `layers` written as a mapping, as an item of a list; its key was meant as the name, or the word."""
    if isinstance(value, dict) and len(value) == 1 and key.isidentifier() and key not in (*REGISTRY, *STRUCTURAL):
        ((word, args),) = value.items()
        return f"- {{{word}: {as_written(args)}, name: {key}}}" if args is not None else f"- {word}"
    return f"- {key.lstrip('-')}: …"


def _told_inside(loc: tuple[int | str, ...], items: Iterable[Any]) -> bool:
    """Whether an error is about something inside the list or mapping at a place."""
    inside = (_written(item["loc"]) for item in items)
    return any(len(other) > len(loc) and other[: len(loc)] == loc for other in inside)


def _misspelt(items: Iterable[Any]) -> set[tuple[int | str, ...]]:
    """Places of missing keys that stand there in a near miss: `form` for `from`."""
    missing = [item["loc"] for item in items if item["type"] == "missing"]
    unknown = [item["loc"] for item in items if item["type"] == "extra_forbidden"]
    beside = [(loc, other[-1]) for loc in missing for other in unknown if loc[:-1] == other[:-1]]
    return {loc for loc, written in beside if suggest(str(written), [str(loc[-1])])}


def _written(loc: tuple[int | str, ...]) -> tuple[int | str, ...]:
    """A place as pydantic tells it, of what is written alone: keys and positions."""
    return tuple(part for part in loc if not _is_machinery(part))


def _is_machinery(part: int | str) -> bool:
    """Names pydantic adds to a location for unions and keys: `list[any]`, `[key]`, `function-after[…]`."""
    return isinstance(part, str) and bool(re.search(r"[\[\]]|^(str|constrained-str|int|float|bool|literal.*)$", part))


def _key_loc(loc: tuple[int | str, ...]) -> tuple[int | str, ...]:
    return tuple("assert" if part == "assert_" else "from" if part == "from_" else part for part in loc)


def keys_beside(model: type[BaseModel], loc: tuple[int | str, ...]) -> list[str]:
    """The keys that may stand where an error is."""
    if len(loc) >= 3 and loc[0] == "blocks":
        model = BlockDocument
    elif len(loc) >= 3 and loc[0] == "heads":
        model = HeadDocument
    elif len(loc) >= 2 and loc[0] == "detect":
        model = DetectDocument
    return [f.alias or name for name, f in model.model_fields.items()]


_WORDINGS = {
    "list_type": "should be a list",
    "dict_type": "should be a mapping of names to values",
    "model_type": "should be a mapping of names to values",
    "float_parsing": "should be a number",
    "float_type": "should be a number",
    "string_type": "should be text",
    "too_short": "should not be empty",
    "string_too_short": "should not be empty",
}


def _wording(item: Any) -> str:
    """pydantic's message in the words of a spec."""
    if item["type"] == "too_long":
        return f"should have at most {item['ctx']['max_length']} entries, not {item['ctx']['actual_length']}"
    message = str(item["msg"]).removeprefix("Input ")
    return _WORDINGS.get(item["type"], message[:1].lower() + message[1:])
