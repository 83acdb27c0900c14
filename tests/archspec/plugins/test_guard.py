"""What a plugin's rule raises or returns and should not is told in the plugin's line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import archspec
from archspec.ops import REGISTRY, OperatorError
from archspec.plugins import load_plugin
from archspec.render import table
from archspec.tensor import TensorType

HEAD = "from archspec.plugins import *\n@operator('double')\nclass Double(Operator):\n"
Told = Callable[[Callable[[], object]], list[tuple[str, str, int | None, str]]]


def rule(name: str, body: str) -> str:
    arguments = {"infer": "self, inputs", "weights": "self, inputs", "window": "self, inputs", "label": "self"}
    return f"    def {name}({arguments.get(name, 'self, inputs, outputs')}): {body}\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (rule("infer", "return 1 / 0"), "`infer` raised ZeroDivisionError: division by zero, for the input 3×4×4"),
        (rule("infer", "return open('/nowhere')"), "`infer` raised FileNotFoundError"),
        (rule("infer", "return inputs[0]"), "a tuple of TensorTypes, not a TensorType (write `return (y,)`)"),
        (rule("infer", "pass"), "a tuple of TensorTypes, not None"),
        (rule("infer", "return ()"), "at least one output"),
        (rule("infer", "return ((3, 4),)"), "holds a tuple"),
        (rule("infer", "return (TensorType([3, 4]),)"), "a shape is a tuple"),
        (rule("infer", "return (TensorType(()),)"), "at least one axis"),
        (rule("infer", "return (TensorType((3, 4 / 2)),)"), "whose 2.0 is a float"),
        (rule("infer", "return (TensorType((3, True)),)"), "whose True is a bool"),
        (rule("infer", "return (TensorType((3, 0)),)"), "whose 0 is below 1"),
        (rule("infer", "return (TensorType((3,), 'complex'),)"), "'complex'"),
        (rule("weights", "return 1 / 0"), "`weights` raised ZeroDivisionError"),
        (rule("weights", "return [Weight((3,))]"), "a dict of Weights by name, not a list"),
        (rule("weights", "return {'weight': (3,)}"), "holds a tuple under 'weight'"),
        (rule("weights", "return {'weight': Weight((3 / 1,))}"), "whose 3.0 is a float"),
        (rule("weights", "return {'weight': Weight((3,), 'learned')}"), "the kind 'learned'"),
        (rule("weights", "return {'weight': Weight((3,), dtype='int4')}"), "the dtype 'int4'"),
        (rule("macs", "return 1.5"), "a whole number, not a float (1.5)"),
        (rule("macs", "return -1"), "at least 0"),
        (rule("elementwise_ops", "return None"), "a whole number, not None"),
        (rule("window", "return (3, 3)"), "a Window or None, not a tuple"),
        (rule("steps", "return (1, 1)"), "a tuple of Fractions"),
        (rule("infer", "raise SystemExit(3)"), "`infer` raised SystemExit: 3"),
        (rule("label", "return 3"), "text, not an int"),
        (rule("label", "raise RuntimeError"), "`label` raised RuntimeError"),
    ],
)
def test_what_a_rule_raises_or_returns_is_told_in_the_plugins_line(
    text: str, said: str, plugin: Callable[..., Path], write_spec: Callable[..., Path], told: Told
) -> None:
    default = "" if "def infer" in text else rule("infer", "return inputs")
    load_plugin(plugin(HEAD + text + default))
    path = write_spec("- double", "[3, 4, 4]")

    def count() -> None:
        summary = archspec.summarize(archspec.load(path))
        table.render(summary, "table")

    ((code, file, line, message),) = told(count)
    assert (code, file, line) == ("E555", "mine.py", 4)
    assert said in message


def test_the_layer_it_happened_for_is_told_and_each_mistake_once(
    plugin: Callable[..., Path], write_spec: Callable[..., Path]
) -> None:
    load_plugin(plugin(HEAD + rule("infer", "return 1 / 0")))
    path = write_spec("- layers: [double]\n  repeat: 3\n  name: g", "[3, 4, 4]")
    (found,) = archspec.check(path)
    assert [(r.label, r.span.line) for r in found.related] == [("for the layer 'g.0.double1'", 5)]
    assert found.trail is not None and "g.0" in found.trail.label


def test_refusals_pass_the_guard_as_they_are(plugin: Callable[..., Path]) -> None:
    body = "raise OperatorError('3 is not 4', 'by', 'write 4')"
    load_plugin(plugin(HEAD + "    by: Count = 3\n" + rule("infer", body)))
    with pytest.raises(OperatorError) as caught:
        REGISTRY["double"]().infer((TensorType((3,)),))
    assert (caught.value.message, caught.value.argument, caught.value.hint) == ("3 is not 4", "by", "write 4")


@pytest.mark.parametrize("need", ["range(inputs[0].shape[1])", "__import__('math').gcd(inputs[0].shape[1], 2)"])
def test_a_number_that_is_needed_is_no_fault_of_the_plugin(
    need: str, plugin: Callable[..., Path], write_spec: Callable[..., Path], told: Told
) -> None:
    load_plugin(plugin(HEAD + rule("infer", f"return (inputs[0],) if {need} else inputs")))
    ((code, _, _, message),) = told(lambda: archspec.load(write_spec("- double", "[3, H, W]")))
    assert code == "E315" and "computes with the size of its input" in message
    load_plugin(plugin(HEAD + rule("infer", "return inputs[0].shape[1] + None")))
    ((code, *_),) = told(lambda: archspec.load(write_spec("- double", "[3, H, W]")))
    assert code == "E555"
