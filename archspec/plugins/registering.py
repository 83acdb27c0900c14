"""How an operator of a plugin enters the registry, and what it must be to do so."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any, TypeVar, get_args

from archspec.errors import Diagnostic, Related, Span, SpecError, fail
from archspec.ops import REGISTRY
from archspec.ops.act import ACTIVATIONS
from archspec.ops.base import ActsOn, Category, Kind, Operator
from archspec.plugins.faults import at
from archspec.plugins.guard import guard
from archspec.spec import MODIFIERS, RESERVED, STRUCTURAL

Op = TypeVar("Op", bound=type[Operator])

PLACES: dict[str, Span] = {}
"""Where the operators of plugins are defined, by their words."""

_WORD = re.compile(r"[a-z_][a-z0-9_]*", re.ASCII)


def operator(word: str, main: str | None = None) -> Callable[[Op], Op]:
    """Class decorator: enter an operator under the word a spec writes. `main` is the argument that may stand alone.

    Raises SpecError E553 where the word is taken, E554 for a class that is not whole.
    """
    place = _line(sys._getframe(1))

    def enter(cls: Op) -> Op:
        _check_word(word, cls, place)
        cls.word, cls.main = word, main
        if wrong := list(_problems(cls)):
            raise SpecError(Diagnostic("E554", f"the operator '{word}': {problem}", place) for problem in wrong)
        guard(cls)
        REGISTRY[word] = cls
        PLACES[word] = place
        if cls.category == "activation" and word not in ACTIVATIONS:
            ACTIVATIONS.append(word)
        return cls

    return enter


def _line(frame: FrameType) -> Span:
    return at(frame.f_code.co_filename, frame.f_lineno)


def _check_word(word: str, cls: type[Operator], place: Span) -> None:
    if not isinstance(word, str) or not _WORD.fullmatch(word):
        raise fail("E554", f"'{word}' is not a word for a layer", place, "words are small letters, digits and _")
    if word in (*STRUCTURAL, *MODIFIERS, *RESERVED):
        raise fail("E553", f"'{word}' is the language's own word", place, "choose another word")
    known = REGISTRY.get(word)
    if known is None or (known.__module__, known.__qualname__) == ("__main__", cls.__qualname__):
        return  # what was typed in is replaced when it is typed in again
    hint = "choose another word"
    if word not in PLACES:
        raise fail("E553", f"'{word}' is an operator of archspec's own ({known.__name__})", place, hint)
    there = Related(f"the other: {known.__name__}", PLACES[word])
    raise SpecError(Diagnostic("E553", f"two operators are called '{word}'", place, hint, related=(there,)))


def _problems(cls: Any) -> list[str]:
    """What is wrong with a class as an operator."""
    if not (isinstance(cls, type) and issubclass(cls, Operator)):
        return [f"{getattr(cls, '__name__', cls)} is not derived from archspec.plugins.Operator"]
    fields, found = list(cls.model_fields), []
    if cls.infer is Operator.infer:
        found.append("it has no method `infer(self, inputs)`, which gives the output types")
    named = [("main", [cls.main] if cls.main else []), ("tunable", cls.tunable), ("references", cls.references)]
    for what, names in named:
        found += [f"`{what}` names '{name}', which is none of its arguments" for name in names if name not in fields]
    if cls.category not in get_args(Category):
        found.append(f"its category '{cls.category}' is none of {', '.join(get_args(Category))}")
    if cls.kind is not None and cls.kind not in get_args(Kind):
        found.append(f"its kind '{cls.kind}' is none of {', '.join(get_args(Kind))}")
    if cls.acts_on not in get_args(ActsOn):
        found.append(f"it acts on '{cls.acts_on}', which is none of {', '.join(get_args(ActsOn))}")
    arity = cls.arity
    if not (isinstance(arity, tuple) and len(arity) == 2 and type(arity[0]) is int):
        found.append(f"its arity {arity!r} is not (fewest, most) input tensors")
    try:
        cls.model_rebuild(force=True)
    except Exception as error:
        found.append(f"its arguments cannot be read: {str(error).splitlines()[0]}")
    return found
