"""What `archspec plugin` finds in an operator, and that archspec's own have nothing to be found."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import archspec
from archspec.cli import main
from archspec.conformance import check_operator
from archspec.ops import REGISTRY
from archspec.plugins import using

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "plugin" / "pooling.py"
HEAD = "from pydantic import Field\nfrom archspec.plugins import *\n@operator('double')\nclass Double(Operator):\n"
PAGE = '    """Every number twice.\n\n        - double\n    """\n'
SAMPLE = "    samples = (Sample({}, ((4, 6, 6),), ((4, 6, 6),)),)\n"
INFER = "    def infer(self, inputs): return inputs\n"


@pytest.fixture
def check(tmp_path: Path) -> Iterator[Callable[[str], archspec.conformance.Conformance]]:
    """What is found in the operator `double` of that body."""

    def of(body: str) -> archspec.conformance.Conformance:
        path = tmp_path / "mine.py"
        path.write_text(HEAD + body, encoding="utf-8")
        return archspec.check_plugin(path)

    with using([]):
        yield of


def test_the_example_conforms() -> None:
    with using([EXAMPLE]) as (plugin,):
        found = archspec.check_plugin(plugin)
    assert found.problems == ()
    assert {check.word for check in found.checks} == {"blur_pool", "gem_pool"}
    assert all(check.cases for check in found.checks if check.about != "torch")


@pytest.mark.parametrize("word", sorted(REGISTRY))
def test_archspecs_own_operators_conform(word: str) -> None:
    assert [str(problem) for check in check_operator(REGISTRY[word]) for problem in check.problems] == []


@pytest.mark.parametrize(
    ("body", "about", "said"),
    [
        (SAMPLE + INFER, "page", "no page"),
        ('    """double"""\n' + SAMPLE + INFER, "page", "begins with no sentence: 'double'"),
        ('    """Every number twice."""\n' + SAMPLE + INFER, "page", "no example"),
        (PAGE + SAMPLE + "    by: Count = 2\n" + INFER, "page", "its argument 'by' says nothing of what it is for"),
        (
            PAGE + SAMPLE + "    def infer(self, inputs): return inputs\n    def label(self): return 3\n",
            "samples",
            "`label` returns text, not an int",
        ),
        (PAGE + INFER, "samples", "has no samples"),
        (
            PAGE + "    samples = (Sample({}, ((4, 6, 6),), ((4, 6, 7),)),)\n" + INFER,
            "samples",
            "the sample {} on 4×6×6 says outputs 4×6×7, and its rules give 4×6×6",
        ),
        (
            PAGE + "    samples = (Sample({}, ((4, 6, 6),), ((4, 6, 6),), params=5),)\n" + INFER,
            "samples",
            "says params 5, and its rules give 0",
        ),
        (
            PAGE + "    samples = (Sample({}, ((4, 6, 6),), ((4, 6, 6),), macs=7),)\n" + INFER,
            "samples",
            "says macs 7, and its rules give 0",
        ),
        (
            PAGE + "    samples = (Sample({'by': 2}, ((4, 6, 6),), ((4, 6, 6),)),)\n" + INFER,
            "samples",
            "the sample {by: 2} on 4×6×6 is refused",
        ),
        (
            PAGE + "    samples = (Sample({}, ((4,), (4,)), ((4,), (4,))),)\n" + INFER,
            "samples",
            "has 2 inputs, which its arity (1, 1) does not allow",
        ),
        (
            PAGE + SAMPLE + "    by: int = Field(2, description='how often')\n" + INFER,
            "arguments",
            "its argument 'by' takes True where 2 belongs",
        ),
        (
            PAGE + SAMPLE + "    by: float = Field(2.5, description='how often')\n" + INFER,
            "arguments",
            "its argument 'by' takes True where 2.5 belongs",
        ),
        (
            PAGE + SAMPLE + "    on: bool = Field(True, description='whether')\n" + INFER,
            "arguments",
            "its argument 'on' takes 1 where True belongs",
        ),
        (
            PAGE + SAMPLE + "    def infer(self, inputs): return (TensorType(inputs[0].shape[:3]),)\n"
            "    def macs(self, inputs, outputs): return 0 * inputs[0].spatial[1]\n",
            "inputs",
            "`macs` raised IndexError: tuple index out of range, for the input 4",
        ),
        (
            PAGE + SAMPLE + "    def infer(self, inputs):\n        if inputs[0].rank != 2:\n"
            "            raise OperatorError('wrong')\n        return inputs\n",
            "inputs",
            "a refusal does not help: 'wrong'",
        ),
        (
            PAGE + SAMPLE + "    def infer(self, inputs):\n        if inputs[0].rank != 2:\n"
            "            raise OperatorError('2 axes', 'size')\n        return inputs\n",
            "inputs",
            "a refusal names 'size', which is none of its arguments",
        ),
        (
            PAGE + SAMPLE + "    def infer(self, inputs):\n"
            "        return (TensorType(tuple(int(n / 2) * 2 for n in inputs[0].shape)),)\n",
            "sizes",
            "`infer` raised TypeError",
        ),
    ],
)
def test_what_an_operator_says_wrongly_is_found(
    body: str, about: str, said: str, check: Callable[[str], archspec.conformance.Conformance]
) -> None:
    found = check(body)
    wrong = {one.about: one.problems for one in found.checks if one.about != "torch" and one.problems}
    assert about in wrong
    assert len(wrong) == 1 or about in ("sizes", "samples")
    assert any(said in problem.message for problem in wrong[about])
    assert all(problem.span is not None for problem in wrong[about])
    assert f"{len(wrong[about])} wrong" in str(found)


def test_the_command_prints_a_row_for_each_operator(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["plugin", str(EXAMPLE)]) == 0
    rows = capsys.readouterr().out.splitlines()
    assert rows[0].split()[:5] == ["page", "arguments", "samples", "inputs", "sizes"]
    assert [row.split()[0] for row in rows[1:3]] == ["blur_pool", "gem_pool"]
    path = tmp_path / "mine.py"
    path.write_text(HEAD + SAMPLE + INFER)
    assert main(["plugin", str(path), "--format", "json"]) == 1
    assert main(["plugin", str(tmp_path / "no.py")]) == 1
    said = capsys.readouterr().err
    assert "error E558: double: it has no page" in said
    assert "error E550" in said
    assert "double" not in REGISTRY
