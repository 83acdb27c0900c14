"""The page as text: what its data says, that it needs nothing else, and that no text of a spec can break out of it."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import archspec
from archspec import zoo
from archspec.cli import main
from archspec.render.html import page
from archspec.render.html.data import data
from archspec.render.palette import LIGHT

NETWORKS = ("lenet5", "resnet50", "unet", "googlenet", "densenet201", "vgg16", "inception_v4")
HOSTILE = "</script><script>document.title='broken out'</script><!--{{style}}"


def inside(text: str) -> Any:
    """The data in a page, as a browser finds it: up to the first `</script`."""
    found = re.search(r'<script type="application/json" id="data">(.*?)</script', text, re.S)
    assert found
    return json.loads(found[1])


def leaves(kids: list[Any]) -> Iterator[int]:
    for kid in kids:
        if isinstance(kid, int):
            yield kid
        else:
            yield from leaves(kid["kids"])


def scopes(kids: list[Any]) -> Iterator[dict[str, Any]]:
    for kid in kids:
        if isinstance(kid, dict):
            yield kid
            yield from scopes(kid["kids"])


@pytest.mark.parametrize("name", NETWORKS)
def test_the_tree_holds_every_layer_once_in_order(name: str) -> None:
    graph = archspec.load(name)
    found = data(graph)
    numbers = [i for i, node in enumerate(graph.nodes) if node not in graph.inputs]
    assert list(leaves(found["tree"])) == numbers
    every = list(scopes(found["tree"]))
    assert len({scope["id"] for scope in every}) == len(every), "an id names one scope"
    assert all(len(scope["kids"]) == scope["count"] for scope in every if scope["kind"] == "repeat")


@pytest.mark.parametrize("name", [entry.name for entry in zoo.entries()])
def test_every_network_of_the_zoo_has_a_page_with_both_timelines(name: str) -> None:
    graph = archspec.load(name)
    found = json.loads(json.dumps(data(graph, optimizer="adam")))
    layers = {i for i, node in enumerate(graph.nodes) if node not in graph.inputs}
    assert len(found["layers"]) == len(graph.nodes)
    for run, phases in (("inference", {"forward"}), ("training", {"forward", "loss", "step"})):
        memory = found["memory"][run]
        met = {phase for phase, _, _ in memory["moments"]}
        assert phases <= met <= phases | ({"backward"} if run == "training" else set())
        assert {layer for phase, layer, _ in memory["moments"] if phase in ("forward", "backward")} <= layers
        assert all(used >= memory["weights"] + memory["inputs"] for _, _, used in memory["moments"])


def test_the_tree_of_a_resnet50_has_its_paper_s_stages() -> None:
    stages = [scope for scope in data(archspec.load("resnet50"))["tree"] if isinstance(scope, dict)][1:5]
    assert [stage["title"] for stage in stages] == ["bottleneck ×3", "bottleneck ×4", "bottleneck ×6", "bottleneck ×3"]
    assert [stage["kids"][1]["count"] for stage in stages] == [2, 3, 5, 2], "the first of each has another shortcut"


def test_figures_of_lenet5_worked_by_hand() -> None:
    found = data(archspec.load("lenet5"), batch=2)
    layers = {layer["name"]: layer for layer in found["layers"]}
    assert layers["conv1"]["params"] == 6 * (5 * 5 + 1)
    assert layers["conv1"]["macs"] == 2 * 6 * 28 * 28 * 25
    assert layers["conv2"]["field"] == [14, 14] and layers["conv2"]["jump"] == [2, 2]
    assert layers["conv2"]["inputs"] == [[list(layers).index("avg_pool1"), 0]]
    assert found["totals"]["params"] == 61_706
    training = found["memory"]["training"]
    assert training["weights"] == 4 * 61_706
    assert [phase for i, (phase, _, _) in enumerate(training["moments"])
            if not i or training["moments"][i - 1][0] != phase] == ["forward", "loss", "backward", "step"]  # fmt: skip


def test_open_sizes_are_told_at_their_example() -> None:
    found = data(archspec.load("resnet18", input="3xHxW"))
    assert found["inputs"] == {"input": "3×H×W"} and found["example"] == "H = W = 224"
    assert found["totals"]["macs"] == data(archspec.load("resnet18"))["totals"]["macs"]


def test_training_heads_are_marked() -> None:
    found = data(archspec.load("googlenet"))
    assert [output["train"] for output in found["outputs"]] == [False, True, True]
    assert sum(layer["train"] for layer in found["layers"]) > 4


def test_a_name_that_looks_like_the_end_of_a_script_is_text(write_spec: Callable[..., Path]) -> None:
    graph = archspec.load(write_spec("- linear: 2", input="[3]", cite=json.dumps(HOSTILE)))
    made = page(replace(graph, name=HOSTILE))
    assert inside(made)["name"] == HOSTILE
    assert inside(made)["cite"] == HOSTILE
    assert made.count("</script>") == 2 and "<script>document" not in made


def test_the_page_needs_nothing_else() -> None:
    text = page(archspec.load("resnet18"))
    without_data = re.sub(r'id="data">.*?</script', "", text, flags=re.S)
    addresses = set(re.findall(r"(?:https?:)?//[\w.]+\.[\w/.]+", without_data)) - {"http://www.w3.org/2000/svg"}
    assert addresses == set()
    assert not re.search(r"<(?:link|img|iframe|object)\b|\ssrc=|@import|\burl\((?!#)", without_data)


@pytest.mark.parametrize("live", [None, "7"])
def test_the_policy_names_the_script_and_the_style(live: str | None) -> None:
    text = page(archspec.load("lenet5"), live=live)
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)
    assert policy and "default-src 'none'" in policy[1] and "unsafe" not in policy[1]
    assert ("connect-src 'self'" in policy[1]) == (live is not None)
    for tag, kind in (("script", "script-src"), ("style", "style-src")):
        body = re.findall(rf"<{tag}>(.*?)</{tag}>", text, re.S)
        assert len(body) == 1
        digest = base64.b64encode(hashlib.sha256(body[0].encode()).digest()).decode()
        assert f"{kind} 'sha256-{digest}'" in policy[1]


@pytest.mark.parametrize("name", ["resnet152", "densenet201"])
def test_a_large_network_is_a_light_page(name: str) -> None:
    assert len(page(archspec.load(name)).encode()) < 500_000


def test_the_same_spec_gives_the_same_bytes() -> None:
    assert page(archspec.load("googlenet")) == page(archspec.load("googlenet"))


def test_the_command_writes_the_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "r.html"
    assert main(["report", "lenet5", "-o", str(target), "--batch", "4", "--optimizer", "adam"]) == 0
    assert capsys.readouterr().out == f"{target}\n"
    found = inside(target.read_text(encoding="utf-8"))
    assert (found["batch"], found["optimizer"]) == (4, "Adam")
    assert found["memory"]["training"]["optimizer"] == 2 * 4 * 61_706, "two numbers a parameter"


@pytest.mark.parametrize("target", ["r.pdf", "none/r.html", "folder.html"])
def test_where_no_page_can_be_written(target: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "folder.html").mkdir()
    assert main(["report", "lenet5", "-o", str(tmp_path / target)]) == 1
    assert "E575" in capsys.readouterr().err


def test_every_kind_of_layer_has_its_colour_in_the_legend():
    """A rule of the style sheet for each class that chips and boxes have."""
    sheet = (Path(archspec.__file__).parent / "render" / "html" / "page.css").read_text()
    for kind in LIGHT.tints.keys() - {"block"}:  # of a block is told by its border
        assert f".{kind} {{ --fill: var(--{kind}); --line: var(--{kind}-line); }}" in sheet, kind
