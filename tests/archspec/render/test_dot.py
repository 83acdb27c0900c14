"""Drawings: DOT text, files, and what graphviz makes of them."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ElementTree

import pytest

import archspec
from archspec.render import files
from archspec.render.diagram import diagram
from archspec.render.dot import to_dot

ZOO = ["lenet5", "alexnet", "vgg16", "googlenet", "resnet18", "resnet50", "resnet152", "mobilenet_v2", "inception_v3"]
needs_graphviz = pytest.mark.skipif(shutil.which("dot") is None, reason="graphviz's `dot` is not installed")


def dot_of(name):
    graph = archspec.load(name)
    return to_dot(diagram(graph), archspec.summarize(graph))


@pytest.mark.parametrize(
    ("name", "style", "kind"),
    [
        ("lenet5", "volumes", "svg"),
        ("resnet50", "paper", "svg"),
        ("resnet50", "blocks", "dot"),
        ("googlenet", "blocks", "svg"),
        ("inception_v4", "layers", "svg"),
        ("unet", "unet", "dot"),
    ],
)
def test_the_same_spec_gives_the_same_bytes(name, style, kind, tmp_path):
    script = "import archspec, sys; archspec.draw(archspec.load(sys.argv[1]), sys.argv[2], style=sys.argv[3])"
    pictures = []
    for seed in ("1", "2"):
        path = tmp_path / f"{seed}.{kind}"
        subprocess.run(
            [sys.executable, "-c", script, name, path, style],
            env={**_environment(), "PYTHONHASHSEED": seed},
            check=True,
        )
        pictures.append(path.read_bytes())
    assert pictures[0] == pictures[1]


def _environment():
    import os

    return {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}


def test_names_are_escaped(write_spec):
    graph = archspec.load(write_spec("- threshold: 0.1", input="[3, 8, 8]"))
    text = to_dot(diagram(graph), archspec.summarize(graph))
    assert "x &gt; 0.1" in text
    assert "x > 0.1" not in text


def test_totals_and_legend_are_written():
    text = dot_of("googlenet")
    assert "3×224×224 → 1000  ·  7.0 M parameters  ·  1.58 G MACs" in text
    for word in ("convolution", "pooling", "normalisation", "fully connected", "dashed: training only"):
        assert word in text
    assert "attention" not in text


@needs_graphviz
@pytest.mark.parametrize("suffix", ["svg", "png", "pdf"])
def test_graphviz_draws_it(suffix, tmp_path):
    path = archspec.draw(archspec.load("resnet18"), tmp_path / f"net.{suffix}")
    again = archspec.draw(archspec.load("resnet18"), tmp_path / f"again.{suffix}")
    assert path.read_bytes() == again.read_bytes()
    if suffix == "svg":
        text = "".join(ElementTree.parse(path).getroot().itertext())
        assert "7×7 conv, 64, /2" in text.replace("\xa0", " ")
    else:
        assert suffix != "pdf" or b"/CreationDate (D:19700101000000" in path.read_bytes(), "not when it was made"
        assert path.read_bytes().startswith({"png": b"\x89PNG", "pdf": b"%PDF"}[suffix])
    assert sorted(p.name for p in tmp_path.iterdir()) == [f"again.{suffix}", f"net.{suffix}"]


@needs_graphviz
@pytest.mark.parametrize("name", ZOO)
def test_the_network_is_left_of_its_blocks_and_nothing_overlaps(name):
    run = subprocess.run(["dot", "-Tjson"], input=dot_of(name), capture_output=True, encoding="utf-8", check=True)
    assert run.stderr == ""
    panels = {
        thing["name"]: [float(number) for number in thing["bb"].split(",")]
        for thing in json.loads(run.stdout)["objects"]
        if thing["name"].startswith("cluster_") and thing["name"].endswith("_")
    }
    placed = [panels[key] for key in sorted(panels)]
    for i, (left, bottom, right, top) in enumerate(placed):
        for other in placed[i + 1 :]:
            assert right <= other[0] or other[2] <= left or top <= other[1] or other[3] <= bottom
    main, *insets, legend = placed
    assert all(inset[0] > main[2] for inset in insets)
    assert legend[3] < main[1]


def test_ten_thousand_layers_are_drawn_with_little_work(write_spec, tmp_path, calls):
    def work(blocks):
        layers = f"- residual: [conv: {{out: 4, kernel: 3, padding: same}}, relu]\n  repeat: {blocks}\n  name: r"
        graph = archspec.load(write_spec(layers, input="[4, 8, 8]", name=f"chain{blocks}"))
        assert len(graph.nodes) > 3 * blocks
        return calls(lambda: archspec.draw(graph, tmp_path / f"{blocks}.svg"))

    work(34)  # what is imported and cached
    few, many = work(334), work(3334)
    assert many < 11 * few and many < 3_000_000
    # graphviz is given the folded network, however many layers it has
    assert (tmp_path / "3334.svg").stat().st_size < 1.1 * (tmp_path / "334.svg").stat().st_size


def test_without_graphviz_the_svg_is_written_and_the_way_to_get_it_said(tmp_path, monkeypatch):
    monkeypatch.setattr(files.shutil, "which", lambda program: None)
    with pytest.raises(archspec.SpecError, match=r"(?s)E572.*`dot`, which is not installed.*install graphviz") as error:
        archspec.draw(archspec.load("lenet5"), tmp_path / "net.png")
    assert str(tmp_path / "net.svg") in str(error.value)
    assert "5×5 conv, 6" in (tmp_path / "net.svg").read_text(encoding="utf-8")
    assert [p.name for p in tmp_path.iterdir()] == ["net.svg"]


@pytest.mark.parametrize("style", ["unet", "volumes"])
def test_a_style_that_cannot_show_a_network_says_so(style, tmp_path, write_spec):
    with pytest.raises(archspec.SpecError, match="E574"):
        archspec.draw(flat_chain(write_spec), tmp_path / "net.svg", style=style)
    assert not (tmp_path / "net.svg").exists()


def flat_chain(write_spec):
    lines = "\n".join(f"- conv: {{out: {4 + i % 3}, kernel: 3, padding: same}}" for i in range(80))
    return archspec.load(write_spec(lines, input="[3, 8, 8]", name="chain"))


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("style", ["blocks", "layers", "paper", "volumes"])
def test_every_style_is_a_well_formed_svg_in_both_themes(style, theme, tmp_path):
    graph = archspec.load("resnet18")
    path = archspec.draw(graph, tmp_path / "net.svg", style=style, theme=theme, heat="macs")
    picture = ElementTree.parse(path).getroot()
    assert picture.find("{http://www.w3.org/2000/svg}title").text == "resnet18"
    assert {"light": "#ffffff", "dark": "#16181c"}[theme] == picture.find("{http://www.w3.org/2000/svg}rect").get(
        "fill"
    )


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("net.bmp", "cannot draw '.bmp' files"),
        ("net", "which has no extension"),
        ("nowhere/net.svg", "there is no folder"),
        ("folder.svg", "is a folder"),
    ],
)
def test_other_paths_are_refused(tmp_path, path, message):
    (tmp_path / "folder.svg").mkdir()
    with pytest.raises(archspec.SpecError, match=f"(?s)E570.*{message}"):
        archspec.draw(archspec.load("lenet5"), tmp_path / path)
    assert [p.name for p in tmp_path.iterdir()] == ["folder.svg"]


def test_a_name_that_no_file_can_have_is_told(tmp_path):
    path = tmp_path / f"{'x' * 300}.svg"
    with pytest.raises(archspec.SpecError, match=r"E505.*File name too long") as error:
        archspec.draw(archspec.load("lenet5"), path)
    assert f"cannot write '{path}'" in str(error.value)


def test_the_committed_picture_is_what_the_command_draws(root, tmp_path):
    committed = (root / "docs" / "images" / "small_resnet.svg").read_text(encoding="utf-8")
    drawn = archspec.draw(archspec.load(root / "examples" / "small_resnet.yaml"), tmp_path / "small_resnet.svg")
    assert drawn.read_text(encoding="utf-8") == committed


@needs_graphviz
def test_what_graphviz_says_is_of_the_file_asked_for(tmp_path, monkeypatch):
    def run(command, **options):
        said = f'Error: Could not open "{command[-1]}" for writing'
        return subprocess.CompletedProcess(command, 1, "", said)

    monkeypatch.setattr(files.subprocess, "run", run)
    path = tmp_path / "net.png"
    with pytest.raises(archspec.SpecError, match="E573") as error:
        archspec.draw(archspec.load("lenet5"), path)
    assert f'Could not open "{path}" for writing' in str(error.value)


def failing(text):
    def run(*args, **options):
        raise subprocess.TimeoutExpired(args, options["timeout"])

    return run if text == "timeout" else lambda *a, **k: subprocess.CompletedProcess(a, 1, "", "syntax error in line 3")


@pytest.mark.parametrize(("how", "message"), [("timeout", "took longer than"), ("status", "syntax error in line 3")])
def test_a_failing_graphviz_leaves_the_old_picture(tmp_path, monkeypatch, how, message):
    old = tmp_path / "net.png"
    old.write_text("old")
    monkeypatch.setattr(files.shutil, "which", lambda program: "dot")
    monkeypatch.setattr(files.subprocess, "run", failing(how))
    with pytest.raises(archspec.SpecError, match=f"(?s)E573.*{message}"):
        archspec.draw(archspec.load("lenet5"), old)
    assert old.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["net.png"]
