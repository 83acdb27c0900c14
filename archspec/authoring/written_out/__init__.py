"""A network written out: one entry a layer, with its name and every argument; no variables, blocks, loops or defaults.

What comes out is a spec of the same network: the same layers by the same names, in the same order, wired the same.
Names are paths, so that tables and pictures fold as they did.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from archspec import zoo
from archspec.authoring.formatting.layout import write_layout
from archspec.authoring.formatting.style import arrange
from archspec.authoring.formatting.tree import Group, Item, Leaf
from archspec.authoring.written_out.data import mapping, text, texts, value
from archspec.authoring.written_out.former import former_names
from archspec.authoring.written_out.layers import Layers
from archspec.build import top_name
from archspec.errors import fail
from archspec.graph import Node, Tap, TypedGraph
from archspec.loading import load
from archspec.ops.arguments import as_written
from archspec.source.compose import MAX_VALUES
from archspec.source.text import MAX_BYTES

MARK = "# Written out by `archspec expand "
TOLD = "# Every layer by its name, with all its arguments; no variables, blocks, loops or defaults."
BUILT = frozenset(
    ("archspec", "name", "input", "inputs", "use", "vars", "variants", "defaults", "blocks", "layers", "heads",
     "detect", "outputs", "assert", "allow")
)  # fmt: skip
"""Keys that are written from the network as it was built; the others as they stand."""


def expand(
    spec: str | Path,
    variant: str | None = None,
    *,
    overrides: Sequence[str] = (),
    input: str | Sequence[int | str] | None = None,
    dense: bool = False,
    **variables: object,
) -> str:
    """A spec written out, as YAML text. The arguments are those of `archspec.load`.

    Assertions stay; where something is overridden, those that always hold. Raises SpecError: what `load` raises; E532
    where what comes out would be too large to be read.
    """
    graph = load(spec, variant, overrides=overrides, input=input, dense=dense, **variables)
    changed = bool(overrides or variables or dense or input is not None)
    return written_out(graph, header(spec, variant, overrides, input, variables, dense), changed)


def refuse_itself(spec: str | Path, output: Path) -> None:
    """Raises SpecError E533 where a spec would be written over by what it is written out to."""
    path, _ = zoo.locate(spec)
    if path.exists() and output.exists() and path.samefile(output):
        hint = "written out it has no variables, blocks and loops: choose another file"
        raise fail("E533", f"'{output}' is the spec itself", hint=hint)


def written_out(graph: TypedGraph, header: str, changed: bool = False) -> str:
    """A typed graph as a spec that begins with the header. `changed`: of its assertions only some still hold."""
    former = former_names(graph)
    main = Layers(graph, (Tap(graph.inputs[0]),), former)
    members: dict[str, list[Node]] = {name: [] for name in ("", *graph.heads)}
    for node in graph.layers():
        head, dot, _ = node.name.partition(".")
        members[head if dot and head in graph.heads else ""].append(node)
    main.add(members.pop(""))
    heads = {name: _head(main, name, nodes) for name, nodes in members.items()}
    if not main.items:
        main.passing(main.unused("input_alone"), main.flow[0])
    document = _document(graph, changed)
    if outputs := _outputs(graph, main):
        document["outputs"] = outputs
    document["layers"] = Group(False, main.items)
    if heads:
        document["heads"] = mapping(heads, flow=False)
    root = Item(mapping(document, flow=False), above=header.splitlines())
    arrange(root)
    return _bounded(write_layout(root), root, graph)


def _head(main: Layers, name: str, nodes: list[Node]) -> Group:
    """A head with its layers."""
    graph = main.graph
    output = graph.outputs[name]
    origin = nodes[0].inputs if nodes else (output,)
    inside = Layers(graph, origin, main.former, name)
    inside.add(nodes)
    if inside.flow != (output,) or not nodes:
        inside.passing(inside.unused("output"), output)
    head = graph.heads[name]
    document: dict[str, Leaf | Group] = {"from": main.references(origin)}
    if head.phase == "train":
        document["only"] = text("train")
    document["weight"] = value(head.weight)
    was = {
        node.name.removeprefix(f"{name}."): texts(elsewhere)
        for node in nodes
        if (elsewhere := [old for old in main.former.get(node.name, ()) if not old.startswith(f"{name}.")])
    }
    if was:
        document["was"] = mapping(was)
    return mapping({**document, "layers": Group(False, inside.items)}, flow=False)


def _document(graph: TypedGraph, changed: bool) -> dict[str, Leaf | Group]:
    """What is said of a network beside its layers."""
    said: dict[str, Any] = {key: held for key, held in graph.resolved.items() if key not in BUILT}
    said["allow"] = _allowed(graph)
    said["assert"] = [one for one in graph.resolved.get("assert", ()) if isinstance(one, dict) or not changed]
    written = {key: value(held) for key, held in said.items() if held}
    sizes = {name: value([_size(n) for n in graph.types[name][0].shape]) for name in graph.inputs}
    inputs = sizes if list(sizes) == ["input"] else {"inputs": mapping(sizes)}
    return {"archspec": value(1), "name": text(graph.name), **written, **inputs}


def _allowed(graph: TypedGraph) -> list[str]:
    """Of the warnings that a spec allows, those that this network gives: one that nothing gives is warned of itself."""
    codes = graph.resolved.get("allow", ())
    if not codes:
        return []
    from archspec.rules import lint

    given = {d.code for d in lint(replace(graph, resolved={}))}
    return [code for code in codes if code in given]


def _size(size: int) -> int | str:
    """A size, or what an open one is written as."""
    if isinstance(size, int):
        return size
    from archspec.sizes import PROGRAMS
    from archspec.sizes.text import text as written

    return written(size.form, size.symbol, PROGRAMS)


def _outputs(graph: TypedGraph, main: Layers) -> Group | None:
    """Outputs, where they are not what the last layer gives, under its own name."""
    written = {name: tap for name, tap in graph.outputs.items() if name not in graph.heads}
    assumed = {str(tap): tap for tap in main.flow}
    if len(main.flow) == 1:
        assumed = {top_name(main.flow[0].node): main.flow[0]}
    if list(written.items()) == list(assumed.items()):
        return None
    return mapping({name: text(main.reference(tap)) for name, tap in written.items()})


def _bounded(written: str, root: Item, graph: TypedGraph) -> str:
    """The text, where it may be read again. Raises SpecError E532 where it is larger than a spec may be."""
    values, waiting = 0, [root]
    while waiting:
        values += 1
        inside = waiting.pop().value
        if isinstance(inside, Group):
            values += len(inside.items) * inside.mapping
            waiting += inside.items
    if len(written.encode()) > MAX_BYTES or values > MAX_VALUES:
        count = len(graph.nodes) - len(graph.inputs)
        message = f"'{graph.name}' written out, {count:,} layers, is larger than a spec may be"
        hint = f"a spec has at most {MAX_BYTES:,} bytes and {MAX_VALUES:,} values; loops and blocks keep it short"
        raise fail("E532", message, hint=hint)
    return written


def header(
    spec: str | Path,
    variant: str | None = None,
    overrides: Sequence[str] = (),
    input: str | Sequence[int | str] | None = None,
    variables: Mapping[str, object] = MappingProxyType({}),
    dense: bool = False,
) -> str:
    """Where a spec written out came from, as the command that made it. One that is already keeps its own."""
    path, own = zoo.locate(spec)
    with path.open(encoding="utf-8-sig") as file:
        line = file.readline().rstrip()
    unchanged = not (variant or own or overrides or variables or dense or input is not None)
    if not line.startswith(MARK) or not unchanged:
        by_path = str(spec).startswith(str(path))
        name = path.name + (f"@{own}" if own else "") if by_path else str(spec)
        settings = [*overrides, *(f"vars.{key}={as_written(held)}" for key, held in variables.items())]
        words = [name + (f"@{variant}" if variant else ""), *(f"--set {shlex.quote(one)}" for one in settings)]
        if input is not None:
            words.append(f"--input {input if isinstance(input, str) else 'x'.join(map(str, input))}")
        if dense:
            words.append("--dense")
        line = f"{MARK}{' '.join(' '.join(words).split())}`."
    return f"{line}\n{TOLD}"
