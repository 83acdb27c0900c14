"""Specs whose input leaves sizes open: shapes, what sizes must be, what is refused and how that is told."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

import archspec
from archspec.analysis.facts import Facts
from archspec.analysis.open_sizes import sentences, smallest
from archspec.cli import main
from archspec.close import close, sizes_of
from archspec.errors import Diagnostic, SpecError
from archspec.sizes import ANY, NoNumber, assuming, symbol

Write = Callable[..., Path]

UP_AND_DOWN = """
- conv: {out: 8, kernel: 3, padding: same}
  name: skip
- max_pool: 2
- conv_transpose: {out: 8, kernel: 2, stride: 2}
- concat: [skip, $prev]
- conv: 1
"""


def shapes(graph: archspec.TypedGraph) -> dict[str, str]:
    return {name: " + ".join(map(str, types)) for name, types in graph.types.items()}


def refused(*args: Any, **options: Any) -> list[Diagnostic]:
    with pytest.raises(SpecError) as error:
        archspec.load(*args, **options)
    return list(error.value.diagnostics)


# ---- shapes and facts


def test_shapes_are_exact_with_floors() -> None:
    found = shapes(archspec.load("resnet50", input="3xHxW"))
    assert found["input"] == "3×H×W"
    assert found["stem.conv"] == "64×⌈H/2⌉×⌈W/2⌉"
    assert found["stage.3.block.2.conv_bn3.conv"] == "2048×⌈H/32⌉×⌈W/32⌉"
    assert found["linear1"] == "1000"


@pytest.mark.parametrize(
    ("network", "least"),
    [
        ("resnet50", 1),
        ("densenet121", 29),  # 29 → 15 → 8 → 4 → 2 → 1 through pools that round down
        ("inception_v3", 75),  # torchvision and Keras say the same
        ("unet", 188),  # 140 is where the bottom vanishes, and every way up takes more
        ("unet_same", 16),
        ("senet154", 3),
    ],
)
def test_the_smallest_image(network: str, least: int) -> None:
    graph = archspec.summarize(archspec.load(network, input="3xHxW")).graph
    assert smallest(graph) == {"input": (3, least, least)}
    assert sentences(graph) == ([f"H and W must be at least {least}"] if least > 1 else ["H and W may be any size"])
    close(graph, {"H": least, "W": least})
    if least > 1:
        with pytest.raises(SpecError, match="E319"):
            close(graph, {"H": least - 1, "W": 500})


def test_training_heads_ask_for_more() -> None:
    graph = archspec.load("inception_v3", input="3xHxW")
    assert smallest(graph) == {"input": (3, 299, 299)}


def test_where_branches_meet_sizes_are_proved_equal(write_spec: Write) -> None:
    graph = archspec.load(write_spec(UP_AND_DOWN, "[1, H, W]"))
    assert sentences(graph) == ["H and W must be divisible by 2"]
    assert shapes(graph)["conv_transpose1"] == "8×H×W", "2⌊H/2⌋ is H where H is even"
    assert shapes(graph)["max_pool1"] == "8×H/2×W/2"
    below, one = graph.requirements
    assert (below.layer, below.condition) == ("max_pool1", "H and W must be at least 2")
    assert (one.layer, one.condition) == ("concat1", "H and W must be divisible by 2")
    assert one.example == {"H": 3, "W": 3}
    assert one.message == "input 1 is 8×3×3, input 2 is 8×2×2"


def test_a_declared_multiple(write_spec: Write) -> None:
    graph = archspec.load(write_spec(UP_AND_DOWN, "[1, 2*H, 2*W]"))
    assert not graph.requirements and sentences(graph) == ["H and W may be any size"]
    assert shapes(graph)["max_pool1"] == "8×H×W"
    assert smallest(graph) == {"input": (1, 2, 2)}
    odd = archspec.load(write_spec(UP_AND_DOWN, "[1, 2*H + 1, 2*W]", name="odd").with_name("odd.yaml"), input="1x2*Hx6")
    assert shapes(odd)["conv2"] == "1×2H×6"


def test_one_letter_for_two_axes(write_spec: Write) -> None:
    graph = archspec.load(write_spec(UP_AND_DOWN, "[1, S, S]"))
    assert list(graph.sizes) == ["S"] and sentences(graph) == ["S must be divisible by 2"]
    assert archspec.summarize(graph).to_json()["totals"]["macs"] == "152*S**2"


def test_a_variable_may_hold_the_letter(write_spec: Write) -> None:
    path = write_spec("- conv: 4", "[1, $size, 2*$size]".replace("2*$size", "$size"), vars="{size: S}")
    assert shapes(archspec.load(path))["conv1"] == "4×S×S"
    assert shapes(archspec.load(path, size=7))["conv1"] == "4×7×7"


def test_one_and_three_axes(write_spec: Write) -> None:
    sound = archspec.load(write_spec("- conv: {out: 4, kernel: 9, stride: 4}\n- global_avg_pool", "[1, L]"))
    assert shapes(sound)["conv1"] == "4×⌊(L−5)/4⌋" and sentences(sound) == ["L must be at least 9"]
    volume = archspec.load(write_spec("- avg_pool: 2", "[1, D, H, W]", name="volume"))
    assert shapes(volume)["avg_pool1"] == "1×⌊D/2⌋×⌊H/2⌋×⌊W/2⌋"


SIAMESE = "- conv: 8\n  name: left\n- conv: 8\n  from: right_eye\n- add: [left, $prev]"


def test_several_inputs(write_spec: Write) -> None:
    def spec(left: str, right: str, name: str) -> Path:
        path = write_spec(SIAMESE, "PLACE", name=name)
        text = path.read_text().replace("input: PLACE", f"inputs: {{left_eye: {left}, right_eye: {right}}}")
        path.write_text(text)
        return path

    same = archspec.load(spec("[3, H, W]", "[3, H, W]", "same"))
    assert shapes(same)["add1"] == "8×H×W"
    (error,) = refused(spec("[3, H, W]", "[3, A, B]", "apart"))
    assert error.code == "E314" and "write the same letter" in str(error.hint)
    half = archspec.load(spec("[3, 4*H, W]", "[3, 2*K, W]", "unmet").with_name("same.yaml"))
    assert list(half.sizes) == ["H", "W"]


def test_sizes_that_meet_only_at_some_numbers(write_spec: Write) -> None:
    layers = (
        "- conv: {out: 8, kernel: 3, padding: same}\n  name: a\n- max_pool: 2\n- upsample: {size: 8}\n- add: [a, $prev]"
    )
    errors = refused(write_spec(layers, "[1, H, W]"))
    assert [d.code for d in errors] == ["E313"]
    # an upsampling enlarges: ⌊H / 2⌋ is from 1 to 8
    known = "it fits only where H and W are 2 to 17: it fails at H = W = 18, 19, 20, …; holds at 15, 16, 17"
    assert known in errors[0].message


def test_channels_and_a_stride_at_open_sizes(write_spec: Write) -> None:
    """Told at a size that images have, and what is suggested holds at every size."""
    layers = "- conv: 64\n  name: s\n- conv: {out: 128, kernel: 3, stride: 2, padding: 1}\n- add: [s, $prev]"
    path = write_spec(layers, "[3, H, W]")
    (error,) = refused(path)
    assert "input 1 is 64×224×224, input 2 is 128×112×112, at H = W = 224, and no H fits" in error.message
    assert [fix.title for fix in error.fixes] == [
        "`- conv: {out: 128, stride: 2}` from s before line 8, in the place of s",
        "`out: 64` and `stride: 1` at conv2 (line 7)",
    ]
    text = path.read_text()
    for fix in error.fixes:
        path.write_text(fix.applied(text))
        archspec.load(path)


def test_branches_that_meet_at_two_sizes(write_spec: Write) -> None:
    """⌊(H − 3) / 2⌋ + 1 and ⌊(H − 1) / 2⌋ + 1: 1 and 2 where H is 3 or 4, and a sum stretches what is 1."""
    layers = "- conv: {out: 8, kernel: 3, stride: 2}\n  name: a\n- conv: {out: 8, kernel: 3, stride: 2, padding: 1}\n"
    (error,) = refused(write_spec(f"{layers}  from: input\n- add: [a, $prev]", "[1, H, W]"))
    assert "only where H and W are 3 or 4: it fails at H = W = 5, 6, 7, …; holds at 3, 4" in error.message


def test_sizes_that_never_meet(write_spec: Write) -> None:
    layers = "- conv: {out: 8, kernel: 3}\n- concat: [input, $prev]"
    (error,) = refused(write_spec(layers, "[8, H, W]"))
    assert error.code == "E310" and "input 1 is 8×H×W, input 2 is 8×(H−2)×(W−2)" in error.message


@pytest.mark.parametrize("pools", [(1024,), (2, 2, 2, 2, 2, 32)])
def test_maps_too_small_at_any_size_that_would_be_tried(pools: tuple[int, ...], write_spec: Write) -> None:
    """Sizes below 1,024 leave nothing behind the pools: no division by it. Axes of 1 are added at every position."""
    layers = "".join(f"- max_pool: {pool}\n" for pool in pools) + "- add: [input, $prev]"
    (error,) = refused(write_spec(layers, "[3, H, W]"))
    assert error.code == "E313" and "1024" in error.message.replace(",", "")
    assert archspec.load(write_spec(layers, "[3, 1024, 1024]")).types["add1"][0].shape == (3, 1024, 1024)


def test_one_size_at_which_a_sum_stretches(write_spec: Write) -> None:
    """At 3×3 the body gives C×1×1, which a sum adds at every position."""
    (error,) = refused(write_spec("- residual:\n    - conv: {out: 8, kernel: 3}", "[8, H, W]"))
    assert error.code == "E313" and "fits only where H and W are 3" in error.message


def test_conditions_of_two_layers_that_exclude_each_other(write_spec: Write) -> None:
    layers = """
- space_to_depth: 2
  name: even
- conv: {out: 4, kernel: 1, padding: [[1, 0], [1, 0]]}
  from: input
- space_to_depth: 2
"""
    (error,) = refused(write_spec(layers, "[1, H, W]"))
    assert error.code == "E310"
    assert "height (H+1) does not divide into blocks of 2, where H and W are divisible by 2" in error.message


def test_sizes_that_are_refused_only_together(write_spec: Write) -> None:
    graph = archspec.load(write_spec("- instance_norm", "[4, H, W]"))
    assert sentences(graph) == ["H or W must be above 1"]
    assert smallest(graph) == {"input": (4, 1, 2)}
    assert shapes(close(graph, {"H": 1, "W": 2}))["instance_norm1"] == "4×1×2"
    with pytest.raises(SpecError, match="sees one value a channel"):
        close(graph, {"H": 1, "W": 1})


# ---- what needs a number


@pytest.mark.parametrize(
    ("layers", "message", "hint"),
    [
        ("- flatten\n- linear: 10", "3·H·W features", "global_avg_pool"),
        ("- reshape: [-1, 4]", "reshape", "adaptive_avg_pool"),
        ("- locally_connected: {out: 4, kernel: 3}", "weights of its own at every position", "`conv`"),
        ("- flatten\n- batch_norm", "3·H·W features", "global_avg_pool"),
    ],
)
def test_what_needs_a_number_says_what_would_work(layers: str, message: str, hint: str, write_spec: Write) -> None:
    (error,) = refused(write_spec(layers, "[3, H, W]"))
    assert error.code == "E315"
    assert message in error.message and hint in str(error.hint) and "3x224x224" in str(error.hint)


def test_flatten_of_a_fixed_size_is_no_matter(write_spec: Write) -> None:
    graph = archspec.load(write_spec("- adaptive_avg_pool: 7\n- flatten\n- linear: 10", "[3, H, W]"))
    assert shapes(graph)["flatten1"] == "147"
    assert archspec.summarize(graph).totals.params == 1_480


def test_an_open_vector_may_leave(write_spec: Write) -> None:
    assert shapes(archspec.load(write_spec("- flatten", "[3, H, W]")))["flatten1"] == "3·H·W"


@pytest.mark.parametrize(
    ("size", "code", "word"),
    [
        ("[C, H, W]", "E316", "channels"),
        ("[3, H*W, 4]", "E316", "no open size"),
        ("[3, H*H, 4]", "E316", "no open size"),
        ("[3, H - 1, 4]", "E316", "no open size"),
        ("[3, 2 - H, 4]", "E316", "no open size"),
        ("[3, classes, 4]", "E150", "upper-case"),
        ("[3, Width, 4]", "E316", "variable"),
        ("[3, H / 2, 4]", "E316", "no open size"),
    ],
)
def test_what_is_no_open_size(size: str, code: str, word: str, write_spec: Write) -> None:
    (error,) = refused(write_spec("- conv: 4", size, vars="{Width: 3}"))
    assert error.code == code and word in f"{error.message} {error.hint}"


def test_periods_too_long_are_refused_not_guessed(write_spec: Write) -> None:
    layers = "- max_pool: 317\n- max_pool: 331\n- upsample: 104927\n- add: [input, $prev]"
    (error,) = refused(write_spec(layers, "[1, L]"))
    assert error.code == "E318" and "100,000" in error.message


def test_where_nothing_is_proved_sizes_are_tried(write_spec: Write) -> None:
    """⌊(L − 1) / 317⌋ + 1 and ⌊(L − 1) / 331⌋ + 1 are 1 up to 317, 2 from 332, 3 and 4 at 1,024: ⌊1023 / 317⌋ is 3."""
    pool = "max_pool: {kernel: 3, stride: STRIDE, padding: 1}"
    one, other = (pool.replace("STRIDE", stride) for stride in ("317", "331"))
    layers = f"- {one}\n  name: a\n- {other}\n  from: input\n- mean: [a, $prev]"
    (error,) = refused(write_spec(layers, "[1, L]"))
    assert error.code == "E318"
    assert "of the sizes tried for L it holds at 32, 64, 65, 128, 224, 225, 256, 512, 1,024" in error.message
    for length, fits in ((225, True), (320, False)):
        path = write_spec(layers, f"[1, {length}]", name="number")
        assert not [d for d in archspec.check(path) if d.severity == "error"] if fits else refused(path)


def test_operators_of_ones_own_that_need_numbers(write_spec: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    """A rule that takes a range of the size is refused by name, and so is a cost."""
    from archspec.ops.pool import GlobalAvgPool

    path = write_spec("- global_avg_pool", "[3, H, W]")
    with monkeypatch.context() as patched:
        patched.setattr(GlobalAvgPool, "infer", lambda self, inputs: (len(range(inputs[0].shape[1])),))
        (error,) = refused(path)
        assert error.code == "E315" and "computes with the size of its input" in error.message
    monkeypatch.setattr(GlobalAvgPool, "elementwise_ops", lambda self, inputs, outputs: round(inputs[0].shape[1]))
    with pytest.raises(SpecError, match="E315: global_avg_pool at global_avg_pool1: what it costs"):
        archspec.summarize(archspec.load(path))


@pytest.mark.parametrize(
    "need",
    [
        range,
        bin,
        float,
        round,
        math.gcd,
        math.isqrt,
        math.floor,
        Fraction,
        lambda n: Fraction(n, 2),
        lambda n: n * 0.5,
        lambda n: 0.5 * n,
        lambda n: Fraction(1, 2) * n,
        lambda n: 1 + n // n,
        lambda n: 7 % n,
        lambda n: n - 0.5,
        lambda n: 0.5 - n,
        lambda n: n < 0.5,
        lambda n: n >= 1.5,
        lambda n: f"{n:,}",
        lambda n: {n: 1},
        lambda n: [1, 2][n],
        lambda n: n == 0.5,
        lambda n: n**2,
        lambda n: divmod(n, 2),
    ],
)
def test_whatever_needs_a_number_says_so_in_one_way(need: Callable[[Any], object]) -> None:
    height, width = symbol("H"), symbol("W")
    with assuming({"H": ANY, "W": ANY}):
        for size in (height, height // 2 + 1, height * width):
            with pytest.raises(NoNumber):
                need(size)


def test_what_has_no_meaning_at_any_size_is_a_mistake_of_the_rule() -> None:
    size: Any = symbol("H")
    for mistake in (lambda: size + "1", lambda: size + None, lambda: size / 2, lambda: size(1), lambda: size < "1"):
        with pytest.raises(TypeError) as caught:
            mistake()
        assert not isinstance(caught.value, NoNumber)
    with pytest.raises(ZeroDivisionError):
        size // 0


def test_a_mistake_in_a_rule_is_not_taken_for_a_need(write_spec: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    from archspec.ops.pool import GlobalAvgPool

    monkeypatch.setattr(GlobalAvgPool, "infer", lambda self, inputs: inputs[0] + None)
    with pytest.raises(TypeError):
        archspec.load(write_spec("- global_avg_pool", "[3, H, W]"))


# ---- the warning


def test_an_uneven_size_is_a_warning_until_it_is_declared(write_spec: Write) -> None:
    (warning,) = archspec.check(write_spec(UP_AND_DOWN, "[1, H, W]"))
    assert (warning.code, warning.severity) == ("W302", "warning")
    assert "concat1: H and W must be divisible by 2" in warning.message
    assert "input 1 is 8×3×3, input 2 is 8×2×2, at H = W = 3" in warning.message
    assert warning.message.endswith("; it fails at H = W = 225, 227, 229, …; holds at 224, 226")
    assert "2*H and 2*W" in str(warning.hint)
    assert archspec.check(write_spec(UP_AND_DOWN, "[1, 2*H, 2*W]", name="declared")) == []
    assert archspec.check(write_spec(UP_AND_DOWN, "[1, H, W]", name="allowed", allow="[W302]")) == []


def test_one_warning_for_a_chain_of_conditions(write_spec: Write) -> None:
    deep = """
- max_pool: 2
  name: coarse
- max_pool: 2
- upsample: 2
- concat: [coarse, $prev]
- upsample: 2
- concat: [input, $prev]
"""
    (warning,) = archspec.check(write_spec(deep, "[1, S, S]"))
    assert "concat2: S must be divisible by 4" in warning.message and "1 layer before it" in warning.message


def test_a_smallest_size_is_no_warning(write_spec: Write) -> None:
    assert archspec.check(write_spec("- conv: {out: 8, kernel: 7}\n- relu\n- global_avg_pool", "[1, H, W]")) == []


# ---- counts


@pytest.mark.parametrize("network", ["resnet50", "inception_v3", "unet", "unet_same", "efficientnet_b0", "densenet121"])
def test_formulas_are_the_counts_at_every_size(network: str) -> None:
    open_summary = archspec.summarize(archspec.load(network, input="3xHxW"))
    for h, w in ((300, 300), (301, 467), (512, 224 + 87)):
        fixed = archspec.summarize(archspec.load(network, input=[3, h, w]))
        assert open_summary.totals.at({"H": h, "W": w}) == fixed.totals
        for row, here in zip(open_summary.rows, fixed.rows, strict=True):
            assert row.counts.at({"H": h, "W": w}) == here.counts
            assert tuple(t.at({"H": h, "W": w}) for t in row.outputs) == here.outputs


def test_strides_are_those_of_numbers() -> None:
    for network in ("resnet50", "unet", "inception_v3", "fcn_resnet50"):
        fixed, left_open = archspec.load(network), archspec.load(network, input="3xHxW")
        assert Facts(archspec.summarize(left_open))["stride"] == Facts(archspec.summarize(fixed))["stride"]


def test_assertions_on_what_the_size_decides(write_spec: Write) -> None:
    good = write_spec(UP_AND_DOWN, "[1, 2*H, 2*W]", **{"assert": "[params == 361, stride == 2]"})
    archspec.load(good)
    (error,) = refused(write_spec(UP_AND_DOWN, "[1, 2*H, 2*W]", name="bad", **{"assert": "[macs < 5]"}))
    assert error.code == "E402" and "macs" in error.message


# ---- numbers for open sizes


def test_sizes_of_images(write_spec: Write) -> None:
    graph = archspec.load(write_spec(UP_AND_DOWN, "[1, 2*H + 2, S]", name="mixed"), input="1x2*H+2xS")
    assert sizes_of(graph, {"input": (1, 8, 6)}) == {"H": 3, "S": 6}
    for shape in ((1, 7, 6), (1, 2, 6), (3, 8, 6), (1, 8)):
        with pytest.raises(SpecError, match="'input' is 1×\\(2H\\+2\\)×S, not"):
            sizes_of(graph, {"input": shape})
    with pytest.raises(SpecError, match=r"H = 3, S = 7 does not fit: concat at concat1"):
        sizes_of(graph, {"input": (1, 8, 7)})
    with pytest.raises(SpecError, match="open here are H and S, and given are H = 4"):
        close(graph, {"H": 4})


# ---- the command line


def test_summarize_and_draw_and_check(write_spec: Write, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = str(write_spec(UP_AND_DOWN, "[1, 2*H, 2*W]"))
    assert main(["summarize", path]) == 0
    table = capsys.readouterr().out
    assert "1×2H×2W → 1×2H×2W" in table and "8×H×W" in table
    assert "figures at H = W = 112" in table and "MACs" in table and "608·H·W" in table
    assert main(["summarize", path, "--format", "json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["inputs"] == {"input": [1, "2*H", "2*W"]}
    assert data["totals"]["macs"] == "608*H*W" and data["totals"]["params"] == 361
    assert data["open"]["example"] == {
        "sizes": {"H": 112, "W": 112},
        "macs": 608 * 112**2,
        "flops": 1216 * 112**2,
        "elementwise_ops": data["open"]["example"]["elementwise_ops"],
        "activation_bytes": data["open"]["example"]["activation_bytes"],
        "inference_peak_bytes": data["open"]["example"]["inference_peak_bytes"],
    }
    assert main(["summarize", path, "--format", "csv"]) == 0
    assert "max_pool1,max_pool,skip,8xHxW," in capsys.readouterr().out
    assert main(["summarize", path, "--format", "markdown"]) == 0
    assert "| 8×2H×2W |" in capsys.readouterr().out
    assert main(["draw", path, "-o", str(tmp_path / "x.dot")]) == 0
    assert "8×H×W" in (tmp_path / "x.dot").read_text(encoding="utf-8")
    assert main(["check", path, "--strict"]) == 0


def test_input_on_the_command_line_opens_and_closes(write_spec: Write, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(write_spec(UP_AND_DOWN, "[1, H, W]"))
    assert main(["summarize", path, "--input", "1x8x12"]) == 0
    assert "1×8×12 → 1×8×12" in capsys.readouterr().out
    assert main(["summarize", "resnet18", "--input", "3xHxW", "--depth", "1"]) == 0
    assert "any size" in capsys.readouterr().out
    for wrong in ("3xhxw", "Hx3x3", "3xH*Hx4", "3xHx0", "3xHx-1", "3xH/2x4", "3x2*x4"):
        assert main(["summarize", "resnet18", "--input", wrong]) == 1
        assert "error E" in capsys.readouterr().err


@pytest.mark.parametrize("width", [80, 120])
def test_tables_keep_to_the_width(width: int) -> None:
    from archspec.render.table import table

    for network in ("resnet50", "unet", "inception_v3"):
        text = table(archspec.summarize(archspec.load(network, input="3xHxW")), depth=1, width=width)
        assert max(map(len, text.splitlines())) <= width, network


def test_sizes_that_nothing_is_asked_of_may_be_as_long_as_they_like(write_spec: Write) -> None:
    graph = archspec.load(write_spec("- subsample: 317\n- subsample: 331\n- relu\n- global_avg_pool", "[1, L]"))
    assert shapes(graph)["subsample2"] == "1×⌈L/104927⌉"
    archspec.summarize(graph).to_json()
