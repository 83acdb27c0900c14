"""Arguments, as written, to an operator: keys checked, values validated, errors placed."""

from __future__ import annotations

import re
from collections.abc import Collection, Container, Iterable, Mapping
from fractions import Fraction
from itertools import islice
from typing import Any

from pydantic import ValidationError

from archspec import source
from archspec.build.flow import Broken, Flow
from archspec.build.place import Passed
from archspec.build.slips import meant_by
from archspec.errors import Diagnostic, Span, SpecError, Suggestion, did_you_mean
from archspec.expressions import plain
from archspec.ops import REGISTRY
from archspec.ops.act import ACTIVATIONS
from archspec.ops.arguments import as_written
from archspec.ops.base import Operator, OperatorError
from archspec.source import Scalar, Value
from archspec.spec import MODIFIERS, PARAMETER_TYPES

MAX_UNKNOWN = 100
"""Unknown arguments of one call that are told: each takes a search for what was meant."""


def arguments(word: str, main: str | None, known: Collection[str], args: Value | None, span: Span) -> dict[str, Value]:
    """The arguments of a call by name; the main one may stand alone. Raises SpecError E301 for unknown keys,
    Broken where they could not be read."""
    written, wrong = accepted(word, main, known, args, span)
    if wrong:
        raise SpecError(wrong)
    return written


def accepted(
    word: str, main: str | None, known: Collection[str], args: Value | None, span: Span
) -> tuple[dict[str, Value], list[Diagnostic]]:
    """The arguments of a call that it takes, by name, and what is wrong with the other keys.

    Raises SpecError E301 where the main argument stands alone and there is none, Broken where they could not be read.
    """
    if args is None:
        return {}, []
    if source.is_lost(args):
        raise Broken
    if not isinstance(args, source.Mapping):
        if main is None:
            takes = f"it takes {', '.join(known)}" if known else "it takes no arguments"
            hint = f"`{word}: {{}}`; {takes}"
            raise SpecError(Diagnostic("E301", f"'{word}' has no argument that may stand alone", args.span, hint))
        return {main: args}, []
    free = [name for name in known if name not in args]  # what stands there already was not meant again
    wrong = [
        Diagnostic("E301", f"'{word}' has no argument '{key.text}'", key.span, _unknown(word, key.text, free))
        for key, _ in islice((entry for entry in args.entries if entry[0].text not in known), MAX_UNKNOWN)
    ]
    return {key.text: value for key, value in args.entries if key.text in known}, wrong


def whole_call(word: str, known: Collection[str], written: Mapping[str, Value], lacking: Collection[str]) -> str:
    """The call that a block would take: what was written, and a place for each argument that it lacks."""
    given = dict.fromkeys(lacking, "…") | {name: _text(value) for name, value in written.items()}
    return f"`- {word}: {{{', '.join(f'{name}: {given[name]}' for name in known if name in given)}}}`"


def _text(value: Value) -> str:
    if isinstance(value, Scalar) and len(value.text) <= 60:
        return f"'{value.text}'" if value.quoted else value.text
    return as_written(source.to_plain(value))


def meant(wrong: Iterable[Diagnostic], known: Iterable[str]) -> set[str]:
    """The arguments that unknown keys may have been meant as: any, where nothing is near one."""
    found: set[str] = set()
    for d in wrong:
        if isinstance(d.hint, Suggestion):
            found.update(d.hint.known)
        elif d.hint is not None and d.hint.startswith("arguments: "):
            found.update(known)
    return found


_INCOMING = ("in", "in_channels", "in_features", "input_channels", "in_planes", "inputs")


def _unknown(word: str, key: str, known: Collection[str]) -> str:
    if key in _INCOMING:
        return "input channels are derived: leave it out"
    if key in MODIFIERS:
        return f"`{key}` is a modifier: write it beside `{word}`, as in `- {{{word}: {{…}}, {key}: …}}`"
    return did_you_mean(key, list(known), "arguments") if known else "there are no other arguments"


def operator_called(word: str) -> type[Operator] | None:
    """The operator of that word, from an installed plugin where archspec has none."""
    if word not in REGISTRY:
        from archspec import plugins  # only the mistaken, and those who have plugins, wait for it

        return plugins.operator_called(word)
    return REGISTRY[word]


def check_defaults(
    defaults: Mapping[str, source.Mapping], tree: source.Mapping, blocks: Container[str]
) -> list[Diagnostic]:
    """What is wrong with `defaults:`: only arguments that do not change the structure may be filled."""
    found = []
    where = tree.get("defaults")
    for word, values in defaults.items():
        cls = operator_called(word)
        if cls is None:
            key = where.key(word) if isinstance(where, source.Mapping) else None
            hint = did_you_mean(word, list(REGISTRY), "operators")
            if word in blocks:
                hint = "it is a block: what it does is written in its layers and the defaults of its `params`"
            span = key.span if key else values.span
            found.append(Diagnostic("E302", f"defaults are for operators; '{word}' is none", span, hint))
            continue
        for key, _ in values.entries:
            if key.text not in cls.tunable:
                may = ", ".join(sorted(cls.tunable)) or "none of its arguments"
                message = f"`defaults` may not fill '{key.text}' of '{word}'"
                hint = f"it would change the structure; defaults may fill {may}"
                if key.text not in cls.model_fields:
                    message = f"'{word}' has no argument '{key.text}'"
                    hint = did_you_mean(key.text, sorted(cls.tunable), "arguments that defaults may fill")
                found.append(Diagnostic("E302", message, key.span, hint))
    return found


def check_count(op: Operator, count: int, span: Span, written: Container[str]) -> None:
    """Raises SpecError E306 where an operator does not take that many tensors."""
    fewest, most = op.arity
    if count >= fewest and (most is None or count <= most):
        return
    if count > 1 and most == 1:
        message = f"'{op.word}' takes one tensor, here is a bundle of {count}"
        raise SpecError(Diagnostic("E306", message, span, "pick one (`from: name:0`), or join them first"))
    wanted = f"{fewest}" if fewest == most else f"at least {fewest}" if most is None else f"{fewest} to {most}"
    message = f"'{op.word}' takes {wanted} tensors, here {'is' if count == 1 else 'are'} {count}"
    named = next((key for key, kind in op.references.items() if kind == "inputs"), None)
    hint = f"name them: `- {op.word}: [$prev, …]`" if named is not None and named == op.main else None
    if lacking := [key for key, kind in op.references.items() if kind == "extra" and key not in written]:
        hint = f"`{lacking[0]}` names the other: `- {op.word}: {{{lacking[0]}: …}}`"
    raise SpecError(Diagnostic("E306", message, span, hint))


def make(
    cls: type[Operator],
    values: Mapping[str, object],
    written: Mapping[str, Value],
    span: Span,
    made: dict[tuple[str, str], Operator],
    variables: Container[str] = (),
) -> Operator:
    """The operator with evaluated arguments, once for equal ones (`made`). `variables` are those in sight.

    Raises SpecError E303, one diagnostic an argument.
    """
    data = {name: plain(value) for name, value in values.items()}
    key = (cls.word, repr(data))
    if key not in made:
        try:
            operator = cls.model_validate(data)
        except ValidationError as error:
            raise SpecError(_explain(cls, error, data, written, span, variables)) from None
        made[key] = operator
    return made[key]


def refused(
    cls: type[Operator],
    values: Mapping[str, object],
    written: Mapping[str, Value],
    span: Span,
    variables: Container[str],
    unclear: Container[str],
) -> list[Diagnostic]:
    """What is wrong with each of some arguments, where others are `unclear`: nothing is said of those, nor of how
    arguments go together."""
    data = {name: plain(value) for name, value in values.items()}
    try:
        cls.model_validate(data)
    except ValidationError as error:
        return _explain(cls, error, data, written, span, variables, unclear)
    return []


def _explain(
    cls: type[Operator],
    error: ValidationError,
    data: Mapping[str, object],
    written: Mapping[str, Value],
    span: Span,
    variables: Container[str],
    unclear: Container[str] | None = None,
) -> list[Diagnostic]:
    """One diagnostic an argument, however many members of a union refused it."""
    by_argument: dict[str, list[str]] = {}
    hints: dict[str, str | None] = {}
    hints_of_words: dict[str, str] = {}
    slips: dict[str, str | None] = {}
    for item in error.errors(include_url=False):
        raised = item.get("ctx", {}).get("error")
        argument = str(item["loc"][0]) if item["loc"] else ""
        if unclear is not None and (not argument or argument in unclear):
            continue
        meant = _meant(item, variables)
        if meant is not None:
            hints_of_words[argument] = meant
        slips.setdefault(argument, meant_by(cls, argument, data, item))
        if item["type"].startswith("argument_"):  # a whole sentence of the operator's own
            hints.setdefault(argument, None)
            text = f"'{argument}': {item['msg']}"
        elif isinstance(raised, OperatorError):
            argument = raised.argument or argument
            hints[argument] = raised.hint
            text = raised.message
        elif item["type"] == "missing":
            text = "is missing"
        else:
            text = str(raised) if raised is not None else item["msg"][:1].lower() + item["msg"][1:]
        by_argument.setdefault(argument, []).append(text)
    found = []
    for argument, texts in by_argument.items():
        where = written[argument].span if argument in written else span
        reasons = list(dict.fromkeys(texts))
        if reasons == ["is missing"]:
            message = f"{cls.word}: '{argument}' is missing"
        elif argument in hints or not argument:
            message = f"{cls.word}: {reasons[0]}"
        else:
            message = f"{cls.word}: '{argument}' {_sentence(reasons)}, got {shown(data.get(argument))}"
        value = written.get(argument)
        hint = hints.get(argument) or hints_of_words.get(argument)
        if isinstance(value, source.Mapping) and isinstance(hint, Suggestion) and value.key(hint.word):
            where = value.entries[0][0].span
        if hint is None and isinstance(value, Scalar) and "$" in value.text:
            hint = f"`{value.text}` is {shown(data.get(argument))} here"
        hint = hint or slips[argument]
        found.append(Diagnostic("E303", message, where, hint))
    return found


def _meant(item: Any, variables: Container[str]) -> str | None:
    """What a word that an argument refused may have been meant as: a variable, or a word that it takes."""
    word, context = item["input"], item.get("ctx", {})
    if isinstance(word, dict) and len(word) == 1:
        (word,) = word  # the kind of a value: {norml: 0.01}
    if not isinstance(word, str):
        return None
    if word in variables:
        return f"the variable is written `${word}`"
    if item["type"] in ("bool_type", "bool_parsing"):
        context = {"words": ("true", "false")}
    known = context.get("words") or re.findall(r"'([^']*)'", str(context.get("expected", "")))
    hint = did_you_mean(word, known, "words")
    return hint if hint.startswith("did you mean") else None


def _sentence(reasons: list[str]) -> str:
    cleaned = [
        reason.removeprefix("input should be ")
        .replace("a valid integer", "a whole number")
        .replace("a valid boolean", "true or false")
        for reason in reasons
    ]
    short = list(dict.fromkeys(cleaned))[:4]
    return "should be " + " or ".join(short)


_CALL = re.compile(r"(\w+)\(([^()=,]*)\)")


def called(args: Value) -> str | None:
    """How an activation is written that stands there as a call: `leaky_relu(0.1)`."""
    call = _CALL.fullmatch(args.text) if isinstance(args, Scalar) else None
    if call is None or call[1] not in ACTIVATIONS:
        return None
    main = REGISTRY[call[1]].main
    return f"`act: {{{call[1]}: {{{main}: {call[2]}}}}}`" if main and call[2].strip() else f"`act: {call[1]}`"


def shown(value: object) -> str:
    """A value as the user would write it."""
    return as_written(plain(value))


_DECLARED: dict[str, tuple[str, tuple[type, ...]]] = {
    "int": ("a whole number", (int,)),
    "float": ("a number", (int, Fraction)),
    "number": ("a number", (int, Fraction)),
    "str": ("text", (str,)),
    "bool": ("true or false", (bool,)),
    "list": ("a list", (list, Flow)),
    "layers": ("a list of layers", (Passed,)),
    "name": ("a name", (str, Flow)),
}
"""Of a parameter's declared type what a message calls it, and the classes of its values."""


def misspelt_type(name: str, default: Value, value: object) -> Diagnostic | None:
    """A default that is nearly a type (`itn`), of a parameter that a call gives a value of that type (E118).

    A text that is meant (`same`, near `name`) is only ever exchanged for other text, so nothing is said of it.
    """
    if not isinstance(default, Scalar) or default.quoted or not isinstance(default.value, str):
        return None
    if isinstance(value, str) or not default.text.isalpha():
        return None
    from archspec.nearest import nearest  # only few defaults are words

    near = [kind for kind in nearest(default.text, PARAMETER_TYPES) if type_problem(kind, value) is None]
    if not near:
        return None
    message = f"the default of '{name}' is the text '{default.text}', and {shown(value)} takes its place here"
    return Diagnostic("E118", message, default.span, did_you_mean(default.text, near))


def type_problem(kind: object, value: object) -> str | None:
    """What a parameter's declared type asks for, where the value does not have it."""
    wanted, classes = _DECLARED.get(str(kind), ("", (object,)))
    fits = isinstance(value, classes) and (bool in classes or object in classes or not isinstance(value, bool))
    return None if fits else wanted
