"""`was`: the names that layers had, so that checkpoints from then keep loading."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from archspec.build.flow import Flow
from archspec.build.place import Place
from archspec.errors import Diagnostic, Frame, Span, SpecError, did_you_mean
from archspec.source import Mapping, Scalar, Sequence, Value

if TYPE_CHECKING:
    from archspec.build.expand import Expansion

_SEGMENT = r"(?:[A-Za-z_][A-Za-z0-9_]*|\d+)"
_PATH = re.compile(rf"{_SEGMENT}(?:\.{_SEGMENT})*", re.ASCII)


@dataclass(frozen=True, slots=True)
class _Claim:
    """A layer or scope, by its present path, and where a former name of it is written."""

    present: str
    span: Span
    trail: Frame | None
    scope: str = ""
    """The scope whose `was` speaks of what is inside it; empty where it speaks of itself."""


class Renames:
    """Former paths and who claims them. A former path begins with the present path of the list it is told in."""

    def __init__(self) -> None:
        self.claims: dict[str, _Claim] = {}

    def note(self, expansion: Expansion, was: Value | None, present: str, flow: Flow, place: Place) -> None:
        """Keeps what `was`, if it is written, says of a layer; reports E173 to E175.

        present: the layer's path; place: the list that it stands in, with the variables in sight.
        """
        if was is None:
            return
        try:
            self._note(was, present, flow, place)
        except SpecError as error:
            expansion.report(error, place)

    def _note(self, was: Value, present: str, flow: Flow, place: Place) -> None:
        if present == place.path:
            message = "this layer adds nothing to names, so that it has no name to have had another"
            raise SpecError(Diagnostic("E175", message, was.span, "give it a `name`, or write `was` on what is inside"))
        for inside, written in _parts(was):
            former = place.join(_path(written, flow, place))
            scope = present if inside is not None else ""
            now = f"{present}.{_path(inside, flow, place)}" if inside is not None else present
            taken = self.claims.get(former)
            if taken is not None and taken.present != now:
                message = f"both '{taken.present}' and '{now}' say that they were '{former}'"
                hint = "a loop variable in `was` makes it unique" if taken.span == written.span else None
                raise SpecError(Diagnostic("E173", message, written.span, hint))
            self.claims.setdefault(former, _Claim(now, written.span, place.trail, scope))

    def settled(self, expansion: Expansion) -> dict[str, str]:
        """Former path to present path. Reports E172 for a path that is in use, E174 for what is not inside."""
        if not self.claims:
            return {}
        paths = {path for name in expansion.nodes for path in _prefixes(name)}
        complete = expansion.complete and not expansion.diagnostics
        found = {}
        for former, claim in self.claims.items():
            wrong = None
            if former in paths:
                wrong = _in_use(former, claim)
            elif claim.scope and claim.present not in paths and complete:
                wrong = _not_inside(claim, paths)
            if wrong is not None:
                expansion.diagnostics.setdefault((wrong.code, str(wrong.span)), wrong)
            found[former] = claim.present
        return found


def _in_use(former: str, claim: _Claim) -> Diagnostic:
    if former == claim.present:
        message, hint = f"'{former}' is this layer's name now", "`was` is another name, from before"
    else:
        message = f"'{claim.present}' cannot have been '{former}': that is the name of another layer now"
        hint = "weights of that name are the other's, so that these would never be found"
    return Diagnostic("E172", message, claim.span, hint, claim.trail)


def _not_inside(claim: _Claim, paths: set[str]) -> Diagnostic:
    unknown = claim.present.removeprefix(f"{claim.scope}.")
    inside = [path.removeprefix(f"{claim.scope}.") for path in sorted(paths) if path.startswith(f"{claim.scope}.")]
    message = f"nothing inside '{claim.scope}' is called '{unknown}'"
    return Diagnostic("E174", message, claim.span, did_you_mean(unknown, inside, "names inside"), claim.trail)


def _parts(was: Value) -> Iterator[tuple[Scalar | None, Scalar]]:
    """Each former name, with the path inside the layer that it is of, where `was` is by what is inside."""
    if isinstance(was, Mapping):
        for key, value in was.entries:
            yield from ((key, written) for _, written in _parts(value))
    else:
        items = was.items if isinstance(was, Sequence) else (was,)
        yield from ((None, item) for item in items if isinstance(item, Scalar))


def _path(written: Scalar, flow: Flow, place: Place) -> str:
    """A name or path with its `$l` replaced. Raises SpecError E174 where it is none."""
    text = place.text(written, flow)
    if not _PATH.fullmatch(text):
        hint = "names are letters, digits and _, with dots between them on the way to what was deeper inside"
        raise SpecError(Diagnostic("E174", f"'{text}' is not a name that a layer can have had", written.span, hint))
    return text


def _prefixes(name: str) -> Iterator[str]:
    """A path and those around it: a.b.c, a.b, a."""
    while name:
        yield name
        name = name.rpartition(".")[0]
