"""Words of other programs lead to ours."""

from __future__ import annotations

from pathlib import Path

import pytest

from archspec import SpecError, load
from archspec.authoring.explaining import topics
from archspec.errors import did_you_mean
from archspec.ops import REGISTRY
from archspec.run.sections import BCE, Adam, Idx, Model, Run, Train
from archspec.run.sections.train import EarlyStop
from archspec.synonyms import SYNONYMS, synonym


def test_every_word_led_to_is_one_of_ours() -> None:
    words = {word for words in topics().values() for word in words} | {"none"}
    words |= {name for cls in REGISTRY.values() for name in cls.model_fields}
    words |= {name for section in (Run, Model, Train, EarlyStop, Adam, Idx, BCE) for name in section.model_fields}
    words |= {"he", "xavier"}  # what `init` takes
    words |= {"bce", "cross_entropy"}  # what `loss` takes
    words |= {"bilinear", "replicate", "edge", "fp16", "bf16", "fp32", "normal"}  # what `mode` and `precision` take
    assert {ours for found in SYNONYMS.values() for ours in found} <= words
    assert all(theirs == theirs.lower() for theirs in SYNONYMS)


def test_only_words_known_there_are_suggested() -> None:
    assert synonym("Dense", ["linear", "conv"]) == "linear"
    assert synonym("dense", ["conv"]) is None
    assert did_you_mean("swish", ["mish", "silu", "gelu"]) == "did you mean 'silu'?"
    assert did_you_mean("swish", ["mish", "gelu"]) == "did you mean 'mish'?", "spelling comes second"


@pytest.mark.parametrize(
    ("layer", "ours"),
    [
        ("dense: 10", "linear"),
        ("bn", "batch_norm"),
        ("conv: {out: 8, init: kaimng}", "he"),
        ("conv: {out: 8, init: {gausian: 0.1}}", "normal"),
        ("upsample: {scale: 2, mode: bicubicc}", "bilinear"),
        ("deconv: 8", "conv_transpose"),
        ("act: swish", "silu"),
        ("act: linear", "none"),
        ("conv: {filters: 8}", "out"),
        ("conv: {out: 8, dilation_rate: 2}", "dilation"),
        ("conv: {out: 'make_divisible(20, 8)'}", "round_to"),
        ("branches: [[relu], [relu]]\n    join: sum", "add"),
    ],
)
def test_in_a_spec(layer: str, ours: str, tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    path.write_text(f"archspec: 1\ninput: [3, 8, 8]\nlayers:\n  - {layer}\n")
    with pytest.raises(SpecError) as raised:
        load(path)
    assert raised.value.diagnostics[0].hint == f"did you mean '{ours}'?"
