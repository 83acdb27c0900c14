"""Former names (`was`) of single layers, from what a spec says of them and of the lists around them."""

from __future__ import annotations

from collections.abc import Mapping

from archspec.graph import TypedGraph

MOST = 64
"""Former names of one layer: renamed lists in renamed lists multiply."""


def former_names(graph: TypedGraph) -> Mapping[str, tuple[str, ...]]:
    """Layers with weights of their own, to the names that `was` knows them by from before."""
    if not graph.renamed:
        return {}
    said: dict[str, list[str]] = {}
    for old, present in graph.renamed.items():
        said.setdefault(present, []).append(old)
    taken = {path for name in graph.nodes for path in _paths(name)}
    found = {}
    for node in graph.layers():
        if node.shares is not None or not node.op.weights(graph.input_types(node)):
            continue
        former = (name for name in _spellings(node.name, said) if name not in taken)
        if kept := tuple(name for name in former if graph.present_name(name) == node.name)[:MOST]:
            found[node.name] = kept
    return found


def _spellings(name: str, said: Mapping[str, list[str]]) -> list[str]:
    """Every way to write a path in which present names, of it and of the lists around, may be former ones."""
    known: dict[str, list[str]] = {"": [""]}
    for path in _paths(name):
        around, _, last = path.rpartition(".")
        ways = [_join(way, last) for way in known[around]]
        for old in said.get(path, ()):
            shared = _common(old, path)
            ways += [_join(way, old[len(shared) :].lstrip(".")) for way in known[shared]]
        known[path] = list(dict.fromkeys(ways))[: 4 * MOST]
    return [way for way in known[name] if way != name]


def _paths(name: str) -> list[str]:
    """The paths that lead to a name, itself the last: a, a.b, a.b.c."""
    parts = name.split(".")
    return [".".join(parts[:end]) for end in range(1, len(parts) + 1)]


def _common(old: str, path: str) -> str:
    """The list that both paths are in."""
    ours, theirs = path.split(".")[:-1], old.split(".")[:-1]
    same = 0
    while same < min(len(ours), len(theirs)) and ours[same] == theirs[same]:
        same += 1
    return ".".join(ours[:same])


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
