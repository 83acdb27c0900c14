"""The rules as a set: found by being there, documented by example, told once, in order, silenced knowingly."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

import archspec
from archspec import rules
from archspec.errors import Diagnostic

Told = Callable[[str], list[Diagnostic]]
PAGES = rules.pages()


def examples(page: str) -> dict[str, str]:
    """The specs of a docstring by what they are called: Bad, Good."""
    found = re.findall(r"^(\w+):\n\n((?: {4}.*\n?|\n)+)", inspect.cleandoc(page), re.M)
    return {heading: inspect.cleandoc(text) + "\n" for heading, text in found}


def test_every_module_with_a_code_is_a_rule() -> None:
    folder = Path(rules.__file__).parent
    sources = [path.read_text(encoding="utf-8") for path in folder.rglob("*.py")]
    written = sorted(code for text in sources for code in re.findall(r'^CODE = "(W3\d\d)"$', text, re.M))
    assert written == rules.codes()  # each once
    assert len(written) > 15
    for code, page in PAGES.items():
        assert page.startswith(f"{code}: ")


@pytest.mark.parametrize("code", PAGES)
def test_the_bad_example_gives_this_warning_alone_and_the_good_one_none(code: str, tmp_path: Path) -> None:
    shown = examples(PAGES[code])
    assert list(shown) == ["Bad", "Good"]
    for heading, expected in (("Bad", {(code, "warning")}), ("Good", set())):
        path = tmp_path / f"{heading}.yaml"
        path.write_text(shown[heading], encoding="utf-8")
        found = archspec.check(path)
        assert {(d.code, d.severity) for d in found} == expected, found
        assert all(d.span is not None and d.span.file == str(path) and d.hint for d in found)


MISTAKEN = """
input: [3, 32, 32]
vars: {classes: 10, unused: 1, size: 5}
variants: {wide: {size: 3}, narrow: {size: 7, input: [3, 34, 34]}}
layers:
  - conv: {out: 8, kernel: $size, stride: 2}
  - batch_norm
  - relu
  - relu
  - global_avg_pool
  - linear: $classes
"""


def test_what_several_variants_give_is_told_once_and_in_the_order_of_the_text(told: Told) -> None:
    found = told(MISTAKEN)
    # the unread cells of the three variants differ in number: the place is told as it is first met
    assert [(d.code, d.span.line if d.span else 0) for d in found] == [
        ("W303", 3),
        ("W301", 6),
        ("W317", 6),
        ("W318", 9),
    ]


def test_a_warning_that_only_a_variant_gives_says_which(told: Told) -> None:
    text = "input: [3, 32, 32]\nvars: {act: none}\nvariants: {deployed: {act: softmax}}\n"
    (found,) = told(text + "layers: [conv: 8, relu, global_avg_pool, linear: 4, act: $act]\n")
    assert found.code == "W313"
    assert found.trail is not None
    assert [frame.label for frame in found.trail.frames()] == ["variant 'deployed'"]


def test_errors_come_first_and_silence_what_is_said_of_the_whole_file(told: Told) -> None:
    found = told(MISTAKEN.replace("input: [3, 34, 34]", "input: [3, 1, 1]"))
    assert [(d.severity, d.code) for d in found] == [
        ("error", "E310"),
        ("warning", "W301"),
        ("warning", "W317"),
        ("warning", "W318"),
    ]


def test_a_variant_alone_is_not_asked_what_the_others_use(tmp_path: Path) -> None:
    path = tmp_path / "network.yaml"
    text = (
        "input: [3, 32, 32]\nvars: {deep: false}\nvariants: {deep: {deep: true}}\nblocks: {more: {layers: [conv: 8]}}\n"
    )
    path.write_text(f"archspec: 1\n{text}layers: [conv: 8, relu, {{more: {{}}, when: $deep}}]\n", encoding="utf-8")
    assert archspec.check(path) == []
    assert archspec.check(f"{path}@deep") == []


def test_allow_silences_one_warning_in_check_and_wherever_the_network_is_loaded(told: Told, tmp_path: Path) -> None:
    codes = [d.code for d in told("allow: [W317, W303]\n" + MISTAKEN)]
    assert codes == ["W301", "W318"]
    graph = archspec.load(tmp_path / "network.yaml")
    assert [d.code for d in rules.lint(graph)] == ["W301", "W318"]


def test_allow_takes_the_codes_of_rules_alone(told: Told) -> None:
    text = "allow: [W317, W3177]\ninput: [3, 8, 8]\nlayers: [conv: 8, relu]\n"
    (found,) = told(text)
    assert (found.code, found.severity) == ("E101", "error")
    assert found.message == "`allow` names rules by their codes, and 'W3177' is none"
    assert found.hint == "did you mean 'W317'?"
    assert found.span is not None and (found.span.line, found.span.column) == (2, 15)


@pytest.mark.parametrize("value", ["W317", "{W317: true}", "[3]"])
def test_allow_is_a_list_of_text(told: Told, value: str) -> None:
    assert {d.code for d in told(f"allow: {value}\ninput: [3, 8, 8]\nlayers: [conv: 8]\n")} == {"E101"}


def test_a_file_of_blocks_is_asked_for_what_lies_in_it(told: Told) -> None:
    found = told("blocks:\n  down:\n    params: {out: int, stride: 2}\n    layers: [conv: $out]\n")
    assert [(d.code, d.span.line if d.span else 0) for d in found] == [("W305", 4)]
    (unknown,) = told("blocks:\n  down: {layers: [convv: 8]}\n")
    assert unknown.code == "E130"


def test_where_a_block_of_another_file_is_called_wrongly_the_call_is_shown(told: Told) -> None:
    text = """
    input: [3, 32, 32]
    use: std
    layers:
      - conv_act: {out: 8, act: none}
        name: reduce
      - batch_norm
      - relu
      - global_avg_pool
      - linear: 10
    """
    (found,) = told(text)
    assert (found.code, found.span.line if found.span else 0) == ("W317", 5)
    assert found.message.startswith("reduce.conv: ")


def test_json_holds_errors_and_warnings(write_spec: Callable[..., Path], run_archspec: Callable[..., object]) -> None:
    path = write_spec("- conv: {out: 8, kernel: 5, stride: 2}\n- relu\n- relu", input="[3, 32, 32]")
    done = run_archspec("check", path, "--format", "json")
    found = json.loads(done.stdout)  # type: ignore[attr-defined]
    assert [(one["code"], one["severity"], one["line"]) for one in found] == [
        ("W301", "warning", 5),
        ("W318", "warning", 7),
    ]
    assert all(one["spec"] == str(path) and one["hint"] for one in found)


@pytest.mark.parametrize("command", [["summarize"], ["draw", "-o", "network.dot"]])
def test_commands_that_load_a_network_warn_of_it(
    command: list[str], write_spec: Callable[..., Path], run_archspec: Callable[..., object]
) -> None:
    path = write_spec("- conv: {out: 8, kernel: 5, stride: 2}\n- relu\n- relu", input="[3, 32, 32]", vars="{idle: 1}")
    done = run_archspec(command[0], path, *command[1:])
    assert done.returncode == 0  # type: ignore[attr-defined]
    assert re.findall(r"warning (W\d+)", done.stderr) == ["W301", "W318"]  # type: ignore[attr-defined]


def test_work_grows_as_layers_do(
    write_spec: Callable[..., Path], calls: Callable[..., float], seconds: Callable[..., float]
) -> None:
    block = "- residual: [{conv: {out: 8, kernel: 3, padding: same}}, relu]\n- relu\n"

    def work(layers: int, measured: Callable[..., float]) -> float:
        graph = archspec.load(write_spec(block * (layers // 4), "[8, 16, 16]", name=f"chain{layers}"))
        found: list[Diagnostic] = []
        made = measured(lambda: found.extend(rules.lint(graph)))
        assert {d.code for d in found} == {"W318"}
        return made

    work(100, calls)  # what is imported and cached
    assert work(10_000, calls) < 11 * work(1_000, calls)  # quadratic would be 100
    assert work(10_000, seconds) < 30 * work(1_000, seconds)
