"""Errors inside a shipped block, told where the user called it: they can mend the call, not the block."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from archspec import zoo
from archspec.build.remedies.origins import Entry, Origins
from archspec.errors import Diagnostic, Frame, Related, Span, in_text_order
from archspec.source import Mapping, Scalar
from archspec.source.edits import written

if TYPE_CHECKING:
    from archspec.build.expand import Expansion

_VARIABLE = re.compile(r"\$([A-Za-z_]\w*)")


def at_home(expansion: Expansion, diagnostics: list[Diagnostic]) -> list[Diagnostic]:
    """The errors, those of shipped files moved to the innermost place of the trail that is in a file of the user's."""
    file, shipped = expansion.spec.tree.span.file, str(zoo.directory())

    def own(span: Span) -> bool:
        return span.file == file or not span.file.startswith(shipped)

    if all(d.span is None or own(d.span) for d in diagnostics):
        return diagnostics
    origins = Origins(expansion.spec, expansion.scopes)
    return in_text_order(
        (d if d.span is None or own(d.span) else _moved(d, d.span, origins, own) for d in diagnostics), file
    )


def _moved(d: Diagnostic, span: Span, origins: Origins, own: Callable[[Span], bool]) -> Diagnostic:
    frames = d.trail.frames() if d.trail else []
    here = next((frame for frame in frames if own(frame.span)), None)
    if here is None:
        return d
    argument = _argument(span, frames, origins, own)
    told = argument is not None and (d.hint or "").startswith("`$")  # what the variable holds now stands there
    related = (*d.related, Related("in a block that comes with archspec", span))
    return replace(d, span=argument or here.span, hint=None if told else d.hint, related=related)


def _argument(span: Span, frames: list[Frame], origins: Origins, own: Callable[[Span], bool]) -> Span | None:
    """Where the user wrote what a shipped block handed on to the argument at fault, call by call."""
    variable = _VARIABLE.fullmatch(written(span))
    for frame in frames:
        call = origins.entries.get(frame.span)
        if variable is None or call is None:
            return None
        block = origins.spec.blocks.get(call.word.text)
        if block is None or variable[1] not in block.params:
            continue  # a group or a loop: what it sees is what is around it
        value = _given(call, variable[1], block.main)
        if value is None or own(value):
            return value
        variable = _VARIABLE.fullmatch(written(value))
    return None


def _given(call: Entry, name: str, main: str | None) -> Span | None:
    """The place of an argument in a call."""
    if isinstance(call.args, Mapping):
        value = call.args.get(name)
        return value.span if value is not None else None
    return call.args.span if isinstance(call.args, Scalar) and name == main else None
