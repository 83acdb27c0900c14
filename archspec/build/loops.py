"""`repeat` and `each`: one written layer, many instances."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING

from archspec import source
from archspec.build import bind, least, paths
from archspec.build.flow import BROKEN, Broken, Flow, Named, Overflow
from archspec.build.place import Place
from archspec.errors import Diagnostic, Frame, Span, SpecError, did_you_mean
from archspec.graph import Scope
from archspec.source import Scalar, Value
from archspec.spec import RESERVED, Layer

if TYPE_CHECKING:
    from archspec.build.expand import Expansion

MAX_INSTANCES = 50_000
TABLE_KEYS = ("columns", "rows", "as")

Row = dict[str, object]


def rows(expansion: Expansion, layer: Layer, flow: Flow, place: Place) -> list[Row]:
    """The variables of each instance, `index` among them. Raises SpecError for what cannot be walked."""
    if layer.repeat is not None:
        count = place.evaluate(layer.repeat, flow)
        if not isinstance(count, int) or isinstance(count, bool) or count < 0:
            message = f"`repeat` is a whole number of times, here {bind.shown(count)}"
            hint = "round it with ceil(…), floor(…) or round(…)" if isinstance(count, Fraction) else None
            if isinstance(count, str):
                hint = f"`repeat: {'$' + count if count in place.variables else 3}`"
            raise SpecError(Diagnostic("E140", message, layer.repeat.span, hint))
        room(expansion, count, layer.repeat.span)
        least.refuse(expansion, layer, count, layer, place)
        return [{"index": i} for i in range(count)]
    assert layer.each is not None
    if _lacks_rows(layer):
        hint = "each: {columns: [width, depth], rows: [[16, 1], [24, 2]]}"
        raise SpecError(Diagnostic("E141", "this table has `columns` and no `rows`", layer.each.span, hint))
    named = table(layer.each, flow, place) if layer.each.get("rows") else lists(layer.each, flow, place)
    room(expansion, len(named), layer.each.span)
    least.refuse(expansion, layer, len(named), layer, place)
    return [{**row, "index": i} for i, row in enumerate(named)]


def _lacks_rows(layer: Layer) -> bool:
    """Whether `each` has the keys of a table without its rows, and is not a list called `columns` that is used."""
    assert layer.each is not None
    keys = {*layer.each.keys()}
    if "columns" not in keys or not keys <= {"columns", "as"}:
        return False
    return not any(uses(value, {"columns"}) for value in (layer.args, layer.name, layer.origin, layer.when, layer.was))


def room(expansion: Expansion, count: int, span: Span) -> None:
    """Count instances against the bound on a whole spec, before any is made."""
    expansion.instances += count
    if expansion.instances > MAX_INSTANCES:
        message = f"{count:,} instances here: loops of one spec may make {MAX_INSTANCES:,} in all"
        raise Overflow(Diagnostic("E116", message, span, "smaller repeats", None))


def lists(each: source.Mapping, flow: Flow, place: Place) -> list[Row]:
    """`each: {width: [64, 128], stride: [1, 2]}`: lists walked together."""
    columns: dict[str, list[object]] = {}
    for key, value in each.entries:
        check_variable(key, place)
        held = place.evaluate(value, flow)
        if not isinstance(held, list | Flow):
            message = f"`each` walks lists; '{key.text}' is {bind.shown(held)}"
            counted = isinstance(held, int) and not isinstance(held, bool)
            hint = f"for a range write `{key.text}: 1..{held}`" if counted else None
            raise SpecError(Diagnostic("E141", message, value.span, hint))
        columns[key.text] = list(held)
    if not columns:
        raise SpecError(Diagnostic("E141", "`each` has no lists to walk", each.span))
    lengths = {name: len(items) for name, items in columns.items()}
    if len(set(lengths.values())) > 1:
        raise SpecError(_unequal(lengths, each))
    return [dict(zip(columns, items, strict=True)) for items in zip(*columns.values(), strict=True)]


def _unequal(lengths: dict[str, int], each: source.Mapping) -> Diagnostic:
    """Lists of different length, told at the shortest; the longest is what they are measured by."""
    longest, short = max(lengths.values()), min(lengths, key=lambda name: lengths[name])
    told = ", ".join(f"{name} has {n}" for name, n in lengths.items())
    lacking = " and ".join(f"{longest - n:,} to '{name}'" for name, n in lengths.items() if n < longest)
    value = each.get(short)
    hint = f"add {lacking}; for every pair of values, nest two loops"
    message = f"the lists of `each` differ in length: {told}"
    return Diagnostic("E142", message, value.span if value else each.span, hint)


def table(each: source.Mapping, flow: Flow, place: Place) -> list[Row]:
    """`each: {columns: [c, n], rows: [[16, 1], …]}`; with `as: row` each row is one variable."""
    for key, _ in each.entries:
        if key.text not in TABLE_KEYS:
            hint = did_you_mean(key.text, TABLE_KEYS)
            raise SpecError(Diagnostic("E141", f"a table has `columns` and `rows`, not '{key.text}'", key.span, hint))
    columns, body, whole = each.get("columns"), each.get("rows"), each.get("as")
    names = [c for c in columns.items if isinstance(c, Scalar)] if isinstance(columns, source.Sequence) else []
    if not names:
        raise SpecError(Diagnostic("E141", "a table needs `columns: [name, …]`", each.span))
    known = [name.text for name in names]
    first = {name.text: name for name in reversed(names)}
    for name in names:
        if first[name.text] is not name:
            raise SpecError(Diagnostic("E143", f"two columns are called '{name.text}'", name.span))
    found: list[Row] = []
    for cells, span in _cells(body, flow, place):
        if len(cells) != len(names):
            values = f"{len(cells)} value{'s' if len(cells) != 1 else ''}"
            message = f"this row has {values} for {len(names)} columns ({', '.join(known)})"
            raise SpecError(Diagnostic("E142", message, span))
        found.append(dict(zip(known, cells, strict=True)))
    for name in [whole] if isinstance(whole, Scalar) else names:
        check_variable(name, place)
    return [{whole.text: row} for row in found] if isinstance(whole, Scalar) else found


def _cells(body: Value | None, flow: Flow, place: Place) -> Iterator[tuple[list[object], Span]]:
    """The values of each row, written out or held in a variable (`rows: $table`), and where they stand."""
    if isinstance(body, source.Sequence):
        lines = [(place.evaluate(line, flow), line.span) for line in body.items]
    elif isinstance(body, Scalar):
        held = place.evaluate(body, flow)
        lines = [(line, body.span) for line in held] if isinstance(held, list) else [(held, body.span)]
    else:
        assert body is not None  # what makes it a table
        raise SpecError(Diagnostic("E142", "`rows` is a list of rows", body.span, "rows: [[16, 1], [24, 2]]"))
    for line, span in lines:
        yield (line if isinstance(line, list) else [line]), span


def check_variable(key: Scalar, place: Place) -> None:
    """A loop's variable hides nothing and is not one of the language's own."""
    if not key.text.isidentifier():
        raise SpecError(Diagnostic("E112", f"'{key.text}' is not the name of a variable", key.span))
    if key.text in RESERVED or key.text in place.variables:
        why = "is the language's own" if key.text in RESERVED else "is a variable already: this one would hide it"
        raise SpecError(Diagnostic("E143", f"'{key.text}' {why}", key.span, "choose another name"))


_VARIABLE = re.compile(r"\$([A-Za-z_]\w*)")


def uses(value: Value | None, names: set[str]) -> bool:
    """Whether a value written in a spec mentions one of these variables."""
    if isinstance(value, Scalar):
        return not names.isdisjoint(_VARIABLE.findall(value.text))
    if isinstance(value, source.Sequence):
        return any(uses(item, names) for item in value.items)
    return isinstance(value, source.Mapping) and any(uses(item, names) for _, item in value.entries)


def instances(expansion: Expansion, layer: Layer, flow: Flow, place: Place) -> Iterator[tuple[str, Place]]:
    """Each instance of a loop: its name, or its number where the layer's name holds no loop variable; its place."""
    own = names_each(layer)
    for row in rows(expansion, layer, flow, place):
        frame = Frame(f"instance {row['index']} of '{layer.word}'", layer.span, place.trail)
        here = replace(place, variables={**place.variables, **row}, trail=frame)
        if own:
            assert layer.name is not None
            name = here.text(layer.name, flow)
            expansion.check_name(name, layer.name.span, place)
            yield name, here
        else:
            yield str(row["index"]), here


def chain(expansion: Expansion, layer: Layer, word: str, derived: str, flow: Flow, place: Place) -> Flow:
    """A loop in a list: each instance takes what the one before it gives, the first what `from` names."""
    each_enters = uses(layer.origin, loop_variables(layer))
    if layer.origin is not None and not each_enters:
        flow = paths.taken(expansion, layer.origin, flow, place)
    one = replace(layer, name=None, repeat=None, each=None, was=None, origin=layer.origin if each_enters else None)
    if names_each(layer):
        for name, here in instances(expansion, layer, flow, place):
            named = _instance(expansion, one, word, name, flow, here)
            if named is not None:
                flow = named.flow
                expansion.register(name, named, layer, place)
                expansion.renames.note(expansion, layer.was, place.join(name), flow, here)
        return flow
    base = _as_a_whole(layer, place).text(layer.name, flow) if layer.name is not None else derived
    if layer.name is not None:
        expansion.check_name(base, layer.name.span, place)
    inner = place.inner(base, layer.span, "loop")
    expansion.note_scope(Scope(inner.path, word, layer.span), place)
    whole = Named(flow)
    was_each = uses(layer.was, loop_variables(layer))
    for number, here in instances(expansion, layer, flow, place):
        named = _instance(expansion, one, word, number, flow, replace(here, path=inner.path, depth=inner.depth))
        if named is not None:
            flow = whole.flow = named.flow
            whole.inside[number] = named
            expansion.renames.note(expansion, layer.was if was_each else None, inner.join(number), flow, here)
    if not was_each:
        expansion.renames.note(expansion, layer.was, inner.path, flow, _as_a_whole(layer, place))
    whole.recipe = (layer, word, place, base)
    expansion.register(base, whole, layer, place)
    return flow


def _as_a_whole(layer: Layer, place: Place) -> Place:
    """Where the name of a loop as a whole is read. The loop's variables, which it does not use, may have been meant."""
    near = dict.fromkeys(loop_variables(layer) - place.variables.keys(), "")
    return replace(place, variables={**place.variables, **near})


def _instance(expansion: Expansion, one: Layer, word: str, segment: str, flow: Flow, here: Place) -> Named | None:
    """One instance, or None where its `when` is false; one in error is reported and gives a broken flow."""
    try:
        taken, entered = expansion.entering(one, flow, here)
        if not taken:
            return None
        with expansion.sharing.own() if one.own else nullcontext():
            named = expansion.instance(one, word, segment, entered, here)
        named.recipe = (one, word, here, segment)
    except Broken:
        return Named(BROKEN)
    except Overflow:
        raise
    except SpecError as error:
        expansion.report(error, here)
        return Named(BROKEN)
    path = here.join(segment)
    if path in expansion.scopes:
        index = here.variables["index"]
        assert isinstance(index, int)
        expansion.scopes[path] = replace(expansion.scopes[path], index=index)
    return named


def names_each(layer: Layer) -> bool:
    """Whether the name of a looped layer holds one of the loop's variables, and so names each instance."""
    return uses(layer.name, loop_variables(layer))


def loop_variables(layer: Layer) -> set[str]:
    """The variables that a layer's own loop gives, as far as its text tells."""
    if layer.each is None:
        return {"index"}
    if layer.each.get("rows") is None:
        return {"index", *layer.each.keys()}
    columns, whole = layer.each.get("columns"), layer.each.get("as")
    if isinstance(whole, Scalar):
        return {"index", whole.text}
    return (
        {"index", *(c.text for c in columns.items if isinstance(c, Scalar))}
        if isinstance(columns, source.Sequence)
        else {"index"}
    )
