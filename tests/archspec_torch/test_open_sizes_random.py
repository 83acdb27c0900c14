"""Random small networks of open size against the same networks at one size after the other, and against torch.

What fits at all sizes, at some, at none: the answer with letters is at every number the answer with that number.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import archspec
from archspec.errors import SpecError
from archspec.graph import TypedGraph

Layer = Any
CHANNELS = 2
LARGEST = 26


def windows(draw: st.DrawFn, low: int = 1) -> dict[str, Any]:
    args: dict[str, Any] = {"kernel": draw(st.integers(low, 5)), "stride": draw(st.integers(1, 3))}
    padding = draw(st.sampled_from(["valid", "same", "same", "same_upper", 1]))
    return {**args, "padding": padding}


@st.composite
def plain(draw: st.DrawFn) -> Layer:
    """A layer that takes what is before it and keeps the channels."""
    kind = draw(st.sampled_from(["conv", "conv", "pool", "ceil", "up", "transposed", "pad", "depthwise", "to depth"]))
    match kind:
        case "conv":
            return {"conv": {"out": CHANNELS, **windows(draw)}}
        case "depthwise":
            return {"depthwise": windows(draw)}
        case "pool":
            return {draw(st.sampled_from(["max_pool", "avg_pool"])): draw(st.integers(2, 3))}
        case "ceil":
            stride, padding = draw(st.integers(1, 3)), draw(st.integers(0, 1))
            return {"max_pool": {"kernel": draw(st.integers(2, 4)), "stride": stride, "padding": padding, "ceil": True}}
        case "up":
            return {"upsample": draw(st.integers(2, 3))}
        case "transposed":
            kernel = draw(st.integers(2, 4))
            return {"conv_transpose": {"out": CHANNELS, "kernel": kernel, "stride": draw(st.integers(2, 3))}}
        case "pad":
            return {"pad": {"size": draw(st.integers(1, 3)), "mode": draw(st.sampled_from(["zeros", "reflect"]))}}
        case _:
            return {"layers": [{"space_to_depth": 2}, {"conv": CHANNELS}]}


@st.composite
def meeting(draw: st.DrawFn, names: list[str]) -> Layer:
    """A layer where tensors meet: branches, a residual, something said before."""
    bodies = st.lists(plain(), min_size=0, max_size=2)
    crop = draw(st.sampled_from(["none", "center"]))
    other = draw(st.sampled_from(["input", *names]))
    kind = draw(
        st.sampled_from(
            [
                "branches",
                "residual",
                "add",
                "concat",
                "to",
                "crop",
                "gate",
                "max",
                *["hourglass"] * 4,
                *["shortcut"] * 3,
            ]
        )
    )
    match kind:
        case "branches":
            join = {draw(st.sampled_from(["add", "concat"])): {"crop": crop}}
            forks = {"branches": [draw(bodies), draw(bodies)], "join": join}
            return {"layers": [forks, {"conv": CHANNELS}]}
        case "residual":
            return {"residual": [*draw(bodies), {"conv": {"out": CHANNELS, "kernel": 3, "padding": "same"}}]}
        case "shortcut":
            sized = {"upsample": draw(st.sampled_from([{"to": other}, {"size": 7}, {"scale": 2}]))}
            pooled = {draw(st.sampled_from(["adaptive_avg_pool", "adaptive_max_pool"])): draw(st.integers(1, 4))}
            ways = [[sized], [pooled], [{"max_pool": 2}, sized], [{"max_pool": 2}, {"upsample": 2}], [pooled, sized]]
            body = [*draw(bodies), *draw(st.sampled_from(ways))]
            shortcut = draw(st.sampled_from(["identity", "project", "when_same", "when_same", [{"max_pool": 2}]]))
            return {"residual": {"body": body, "shortcut": shortcut}}
        case "add":
            return {"add": {"of": [other, "$prev"], "crop": crop}}
        case "concat":
            return {"layers": [{"concat": {"of": [other, "$prev"], "crop": crop}}, {"conv": CHANNELS}]}
        case "to":
            return {"upsample": {"to": other}}
        case "crop":
            return {"crop": {"to": other}}
        case "hourglass":
            k = draw(st.integers(2, 3))
            way = [{"max_pool": k}, *draw(bodies), draw(st.sampled_from([{"upsample": k}, {"conv_transpose": None}]))]
            if "conv_transpose" in way[-1]:
                way[-1] = {"conv_transpose": {"out": CHANNELS, "kernel": k, "stride": k}}
            forks = {"branches": [[], way], "join": {draw(st.sampled_from(["add", "concat"])): {"crop": crop}}}
            return {"layers": [forks, {"conv": CHANNELS}]}
        case "gate":
            gate = [[], [{"global_avg_pool": {"keep": True}}, {"conv": CHANNELS}, "sigmoid"]]
            return {"branches": gate, "join": "multiply"}
        case _:
            return {"max": [other, "$prev"]}


@st.composite
def networks(draw: st.DrawFn) -> list[Layer]:
    layers: list[Layer] = []
    names: list[str] = []
    for i in range(draw(st.integers(1, 5))):
        layer = draw(plain() | meeting(list(names)))
        if draw(st.booleans()):
            layer = {**layer, "name": f"n{i}"}
            names.append(f"n{i}")
        layers.append(layer)
    return layers


def loaded(path: Path, input: list[int | str]) -> TypedGraph | SpecError:
    try:
        return archspec.load(path, input=input)
    except SpecError as error:
        return error


def check(layers: list[Layer], folder: Path, square: bool) -> None:
    path = folder / "random.yaml"
    text = {"archspec": 1, "name": "random", "input": [CHANNELS, 9, 9], "layers": layers}
    path.write_text(json.dumps(text), encoding="utf-8")
    found = loaded(path, [CHANNELS, "H", "H" if square else "W"])
    sizes = [(n, n) for n in range(1, LARGEST)]
    sizes += [] if square else [(h, w) for h in (1, 2, 5, 8, 13) for w in (1, 3, 4, 12) if h != w]
    fixed = {size: loaded(path, [CHANNELS, *size]) for size in sizes}
    if isinstance(found, SpecError):
        codes = {d.code for d in found.diagnostics}
        fitting = [size for size, graph in fixed.items() if not isinstance(graph, SpecError)]
        if "E107" in codes:  # a projection over something that has no stride, whatever the size
            assert codes == {"E107"} and not fitting, (found, fitting)
            return
        assert codes <= {"E310", "E313", "E318"}, found
        if codes == {"E310"}:
            assert not fitting, (found, fitting)
        if codes == {"E313"}:
            assert len(fitting) < len(fixed), found
        return
    open_path(found, fixed)


def open_path(found: TypedGraph, fixed: dict[tuple[int, int], TypedGraph | SpecError]) -> None:
    fitting = []
    for (height, width), graph in fixed.items():
        there = {name: n for name, n in zip(("H", "W"), (height, width), strict=True) if name in found.sizes}
        takes = all(n in found.sizes[name] for name, n in there.items())
        takes = takes and not any(one.refuses(there) for one in found.requirements if one.together)
        assert takes == isinstance(graph, TypedGraph), (there, found.sizes, str(graph)[:500])
        if not isinstance(graph, TypedGraph):
            continue
        fitting.append((height, width))
        assert list(found.nodes) == list(graph.nodes), (there, "names depend on the image's size")
        assert {n: tuple(t.at(there) for t in ts) for n, ts in found.types.items()} == dict(graph.types), there
        totals = archspec.summarize(found).totals
        assert totals.at(there) == archspec.summarize(graph).totals, there
    (tap,) = found.outputs.values()
    with torch.device("meta"), torch.no_grad():
        model = archspec.compile(found).eval()
        for height, width in fitting[:: max(1, len(fitting) // 5)]:
            there = {"H": height, "W": width}
            y = model(torch.empty(1, CHANNELS, height, width))
            assert tuple(y.shape[1:]) == found.type_of(tap).at(there).shape, there


@pytest.mark.parametrize("square", [False, True], ids=["two letters", "one letter"])
def test_random_networks(square: bool, tmp_path: Path) -> None:
    @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True, database=None)
    @given(networks())
    def run(layers: list[Layer]) -> None:
        check(layers, tmp_path, square)

    run()


@pytest.mark.slow
@pytest.mark.parametrize("square", [False, True], ids=["two letters", "one letter"])
def test_many_random_networks(square: bool, tmp_path: Path) -> None:
    @settings(max_examples=600, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(networks())
    def run(layers: list[Layer]) -> None:
        check(layers, tmp_path, square)

    run()


NAMED = {
    "upsampled to another": [{"max_pool": 2}, {"upsample": {"to": "a"}}],
    "upsampled by a scale": [{"max_pool": 2}, {"upsample": 2}],
    "pooled to a size": [{"adaptive_avg_pool": 8}],
    "as large by chance": [{"upsample": {"size": 8}}],
    "shuffled and back": [{"conv": 8}, {"pixel_shuffle": 2}, {"max_pool": 2}],
}


@pytest.mark.parametrize("body", NAMED.values(), ids=list(NAMED))
def test_names_do_not_depend_on_the_size(body: list[Layer], tmp_path: Path) -> None:
    """A sum that is there at one size of the image is there at all."""
    path = tmp_path / "named.yaml"
    residual = {"residual": {"body": body, "shortcut": "when_same"}}
    text = {"archspec": 1, "name": "n", "input": [2, 9, 9], "layers": [{"conv": 2, "name": "a"}, residual]}
    path.write_text(json.dumps(text), encoding="utf-8")
    sizes: list[list[int | str]] = [[2, "H", "H"], [2, 4, 4], [2, 7, 7], [2, 8, 8]]
    graphs = [loaded(path, size) for size in sizes]
    names = {tuple(graph.nodes) for graph in graphs if isinstance(graph, TypedGraph)}
    assert len(names) == 1, graphs
