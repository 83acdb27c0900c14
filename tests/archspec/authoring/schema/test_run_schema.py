"""The schema of run files, against what reads them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from archspec import SpecError, source
from archspec.authoring.schema import schema
from archspec.run import load_run

jsonschema = pytest.importorskip("jsonschema")
ROOT = Path(__file__).resolve().parents[4]
EXAMPLES = [path for path in sorted((ROOT / "examples").glob("*.yaml")) if "\nmodel:" in path.read_text("utf-8")]


@pytest.fixture(scope="module")
def judge() -> Any:
    made = schema(run=True)
    jsonschema.Draft7Validator.check_schema(made)
    return jsonschema.Draft7Validator(made)


def plain(text: str) -> Any:
    return source.to_plain(source.parse(text, "text"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_the_examples_are_valid(path: Path, judge: Any) -> None:
    assert [error.message for error in judge.iter_errors(source.to_plain(source.read(path)))] == []


def test_there_are_examples() -> None:
    assert len(EXAMPLES) >= 3


@pytest.mark.parametrize(
    "text",
    [
        "model: lenet5",
        "model: {spec: resnet, variant: 18}",
        "model: {spec: lenet5, set: {vars: {classes: 7}, vars.width: 3}, input: [3, 64, 64]}",
        "model: x\ndata: digits",
        "model: x\ndata: {fit: crop}",
        "model: x\ndata: {kind: folder, root: pics, in_memory: auto, background: [0, 0, 255]}",
        "model: x\ndata: {kind: idx, root: mnist, split: {val: 0.2}, names: [a, b]}",
        "model: x\ntrain: {epochs: 3, optimizer: sgd, schedule: {kind: step, every: 5}, device: cpu}",
        "model: x\ntrain: {optimizer: {lr: 1e-3}, schedule: {final: 0.1}}",
        "model: x\naugment: [mirror, {random_crop: 4}, {zoom: [0.9, 1.1]}, {color_jitter: {hue: 0.1}}]",
        "name: a\nmodel: x\ntrain: {optimizer: {kind: sgd, nesterov: true}}",
    ],
)
def test_what_is_read_is_valid(text: str, judge: Any, tmp_path: Path) -> None:
    path = tmp_path / "run.yaml"
    path.write_text(text, encoding="utf-8")
    load_run(path)
    assert [error.message for error in judge.iter_errors(plain(text))] == []


@pytest.mark.parametrize(
    "text",
    [
        "data: digits",
        "modle: lenet5",
        "model: {variant: 18}",
        "model: 3",
        "model: x\ndata: digit",
        "model: x\ndata: folder",
        "model: x\ndata: {kind: folder}",
        "model: x\ndata: {root: pics}",
        "model: x\ndata: {kind: folder, root: pics, names: [a, b]}",
        "model: x\ndata: {split: {train: 0.7}}",
        "model: x\ntrain: {epochs: 0}",
        "model: x\ntrain: {epochs: 1.5}",
        "model: x\ntrain: {batch: many}",
        "model: x\ntrain: {optimizer: adan}",
        "model: x\ntrain: {optimizer: {kind: adam, momentum: 0.9}}",
        "model: x\ntrain: {optimizer: {momentum: 0.9}}",
        "model: x\ntrain: {optimizer: {lr: 0}}",
        "model: x\ntrain: {schedule: step}",
        "model: x\ntrain: {schedule: {kind: step}}",
        "model: x\naugment: mirror",
        "model: x\naugment: [miror]",
        "model: x\naugment: [{mirror: vertical, zoom: [1, 2]}]",
        "model: x\naugment: [{rotate: {degres: 3}}]",
        "model: x\naugment: [{color_jitter: 3}]",
        "model: x\naugment: [{kind: mirror}]",
        "archspec: 1\nlayers: [relu]",
    ],
)
def test_what_is_refused_is_not(text: str, judge: Any, tmp_path: Path) -> None:
    path = tmp_path / "run.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SpecError):
        load_run(path)
    assert not judge.is_valid(plain(text))


def test_every_key_and_section_is_explained() -> None:
    made = schema(run=True)
    sections = [made, *made["definitions"].values()]
    assert all(section["description"] for section in sections)
    keys = {name: key for section in sections for name, key in section["properties"].items()}
    assert [name for name, key in keys.items() if not key.get("description")] == []
