"""The plugin of the examples: its layers are layers like any other."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import archspec
from archspec.plugins import load_plugin, using

EXAMPLE = Path(__file__).resolve().parents[3] / "examples" / "plugin" / "pooling.py"


def test_a_spec_with_a_plugins_layers_is_a_spec_like_any_other() -> None:
    load_plugin(EXAMPLE)
    graph = archspec.load(EXAMPLE.parent / "shift.yaml")
    assert archspec.check(EXAMPLE.parent / "shift.yaml", strict=True) == []
    assert str(graph.types["stage.1.blur_pool1"][0]) == "32×4×4"
    found = {layer["name"]: layer for layer in archspec.summarize(graph).to_json()["layers"]}
    # 16 channels of 8×8 cells, a window of 3×3 each; one exponent
    assert found["stage.0.blur_pool1"]["macs"] == 16 * 8 * 8 * 9
    assert found["gem_pool1"]["params"] == 1


def test_its_sizes_may_be_open(write_spec: Callable[..., Path]) -> None:
    load_plugin(EXAMPLE)
    graph = archspec.load(write_spec("- conv: 4\n- blur_pool: {stride: 3, size: 5}\n- gem_pool", "[1, H, W]"))
    (blurred,) = graph.types["blur_pool1"]
    for n in (3, 4, 9, 100):
        assert blurred.at({"H": n, "W": n}).shape[1] == -(-n // 3)


def test_mistakes_in_a_spec_that_uses_it_are_told_as_ever(write_spec: Callable[..., Path]) -> None:
    load_plugin(EXAMPLE)
    path = write_spec(
        "- blur_pool: {strid: 2}\n- blur_pol\n- blur_pool: true\n- blur_pool: {size: 4}\n- gem_pool\n- gem_pool",
        "[1, 8, 8]",
    )
    found = [(d.code, d.message, d.hint) for d in archspec.check(path)]
    assert found[0][0] == "E301" and found[0][2] == "did you mean 'stride'?"
    assert found[1][0] == "E130" and found[1][2] == "did you mean 'blur_pool'?"
    assert found[2][0] == "E303" and "'stride' should be a whole number, got true" in found[2][1]
    path = write_spec("- blur_pool: {size: 4}", "[1, 8, 8]")
    (one,) = archspec.check(path)
    assert (one.code, one.span.column if one.span else 0) == ("E310", 23), "at the argument"
    path = write_spec("- gem_pool\n- gem_pool", "[1, 8, 8]")
    assert [(d.code, d.hint) for d in archspec.check(path)] == [("E310", "leave gem_pool out")]


def test_defaults_fill_what_it_calls_tunable(tmp_path: Path) -> None:
    load_plugin(EXAMPLE)
    path = tmp_path / "t.yaml"
    head = "archspec: 1\ninput: [2, 4, 4]\nlayers: [gem_pool]\n"
    path.write_text(head + "defaults: {gem_pool: {eps: 1e-3}}\n")
    assert archspec.load(path).nodes["gem_pool1"].op.eps == 1e-3  # type: ignore[attr-defined]
    path.write_text(head + "defaults: {gem_pool: {p: 2}}\n")
    assert [d.code for d in archspec.check(path)] == ["E302"]


def test_nothing_of_it_needs_a_framework(tmp_path: Path) -> None:
    """Checked, counted and drawn where torch cannot be imported."""
    probe = tmp_path / "probe.py"
    probe.write_text(
        "import sys\nsys.modules['torch'] = None\nfrom archspec.cli import main\nraise SystemExit(main(sys.argv[1:]))"
    )
    for command in (["check", "--strict"], ["summarize"], ["draw", "-o", "shift.dot"]):
        args = [command[0], EXAMPLE.parent / "shift.yaml", "--plugin", EXAMPLE, *command[1:]]
        done = subprocess.run([sys.executable, probe, *map(str, args)], cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr


def test_its_page_shows_what_it_is() -> None:
    """docs/plugins.md: its code is the file's, and what it shows printed is printed."""
    page = (EXAMPLE.parents[2] / "docs" / "plugins.md").read_text(encoding="utf-8")
    code = page.split("```python\n")[1].partition("```")[0]
    whole = EXAMPLE.read_text(encoding="utf-8")
    lines = [line.strip() for line in code.splitlines() if not line.startswith("from") and "…" not in line]
    shown = [line for line in lines if line and not line.endswith("...")]
    assert len(shown) > 25
    assert [line for line in shown if line not in whole] == []
    printed = page.split("```console\n")[1].partition("```")[0].partition("\n")[2]
    with using([EXAMPLE]) as (plugin,):
        found = str(archspec.check_plugin(plugin))
    assert "torch is not installed" in found or found == printed.rstrip()
